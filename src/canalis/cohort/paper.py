"""What a paper prints, as values that know their last digit. Read from a TOML file, `canalis.paper/1`."""

import math
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from canalis.cohort.joa import Scale, find_scale
from canalis.errors import CohortError

SCHEMA: Final = "canalis.paper/1"
TestKind = Literal["paired", "independent", "correlation"]
CLAIM: Final = re.compile(r"\s*[<>]?\s*=?\s*\d*\.?\d+(e-?\d{1,3})?\s*", re.IGNORECASE)
"""How a p is printed."""


@dataclass(frozen=True, slots=True)
class Printed:
    """A number as printed.

    Attributes
    ----------
    text : str
        Its digits.
    """

    text: str

    @property
    def value(self) -> float:
        """The number."""
        return float(self.text)

    @property
    def digits(self) -> int:
        """Decimals printed."""
        return len(self.text.partition(".")[2])

    @property
    def low(self) -> float:
        """The least value that is printed so, rounding either way at a half."""
        return self.value - 0.5 * 10.0**-self.digits

    @property
    def high(self) -> float:
        """The greatest value that is printed so."""
        return self.value + 0.5 * 10.0**-self.digits

    def fits(self, low: float, high: float | None = None) -> bool:
        """Tell whether a value, or a range of values, can have been printed so."""
        return self.low - 1e-9 <= (low if high is None else high) and low <= self.high + 1e-9


@dataclass(frozen=True, slots=True)
class Variable:
    """What is known of a column: whole numbers or not, and its range."""

    name: str
    integer: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """Mean and SD of one variable, by group; "all" is the whole paper."""

    variable: Variable
    where: str
    values: dict[str, tuple[Printed, Printed]]


@dataclass(frozen=True, slots=True)
class Count:
    """Counts that should add up to the number of patients."""

    what: str
    where: str
    parts: dict[str, int]
    total: int


@dataclass(frozen=True, slots=True)
class Crosstab:
    """Counts by group."""

    what: str
    where: str
    factor: str
    rows: dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Columns:
    """A table's column headings, the group that each names, and the n printed under it."""

    where: str
    factor: str
    headers: list[str]
    mean: list[str]
    n: list[int]


@dataclass(frozen=True, slots=True)
class ClaimedTest:
    """A test and the p claimed for it, such as "<0.05"."""

    kind: TestKind
    where: str
    variables: list[str]
    groups: list[str]
    p: str


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Something printed that nothing else printed can be held against, and why."""

    what: str
    where: str
    why: str


@dataclass(frozen=True, slots=True)
class CaseRows:
    """A table of single cases as printed, perhaps with cases missing."""

    where: str
    before: str
    after: str
    rate: str
    number: list[int]
    columns: dict[str, list[Printed]]


@dataclass(frozen=True, slots=True)
class Paper:
    """Everything that is to be checked.

    Attributes
    ----------
    title : str
        Of the paper.
    n : int
        Patients.
    scale : Scale
        Of the scores.
    groups : dict of str to dict of str to int
        Factor to its groups' sizes.
    variables : list of Variable
        What is known of columns.
    summaries, counts, crosstabs, columns, tests, unchecked : list
        What is printed.
    cases : CaseRows or None
        The table of single cases.
    """

    title: str
    n: int
    scale: Scale
    groups: dict[str, dict[str, int]]
    variables: list[Variable] = field(default_factory=list)
    summaries: list[Summary] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    crosstabs: list[Crosstab] = field(default_factory=list)
    columns: list[Columns] = field(default_factory=list)
    tests: list[ClaimedTest] = field(default_factory=list)
    unchecked: list[Unchecked] = field(default_factory=list)
    cases: CaseRows | None = None

    def size_of(self, group: str) -> int:
        """Return a group's number of patients."""
        return self.n if group == "all" else next(g[group] for g in self.groups.values() if group in g)


def read_paper(path: Path) -> Paper:
    """Read what a paper prints.

    Parameters
    ----------
    path : Path
        TOML; the file shipped for the example shows every field.

    Raises
    ------
    CohortError
        If it is not TOML, of another schema, or a field is missing, unknown or of the wrong type.
    """
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError:
        raise CohortError(f"Expected a TOML file at {path}, found none. Check the path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CohortError(f"Expected TOML in {path.name}, found: {error}. Correct that line.") from None
    if content.pop("schema", None) != SCHEMA:
        raise CohortError(
            f'Expected schema = "{SCHEMA}" in {path.name}, found another or none. Add that line.'
        )
    try:
        return _build(content)
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration) as error:
        if isinstance(error, CohortError):
            raise
        raise CohortError(
            f"Expected the fields of {SCHEMA} in {path.name}, found a problem with {error}. Compare with "
            f"the shipped example: "
            "canalis check-paper --example."
        ) from None


def _build(content: dict[str, Any]) -> Paper:
    variables = {name: _variable(name, known) for name, known in content.get("variables", {}).items()}
    n = _whole(content["n"], "n", least=1)
    groups = {
        factor: {g: _whole(size, f"groups.{factor}.{g}", least=1) for g, size in sizes.items()}
        for factor, sizes in content.get("groups", {}).items()
    }
    names = {"all", *(g for sizes in groups.values() for g in sizes)}
    cases = content.get("cases")
    unknown = content.keys() - {
        "title",
        "n",
        "scale",
        "groups",
        "variables",
        "summary",
        "count",
        "crosstab",
        "columns",
        "test",
        "unchecked",
        "cases",
    }
    if unknown:
        raise KeyError(", ".join(sorted(unknown)))
    summaries = [_summary(dict(s), variables, names) for s in content.get("summary", [])]
    return Paper(
        title=_text(content["title"], "title"),
        n=n,
        scale=find_scale(_text(content["scale"], "scale")),
        groups=groups,
        variables=[*variables.values()],
        summaries=summaries,
        counts=(counts := [_count(c, n) for c in content.get("count", [])]),
        crosstabs=[_crosstab(c, groups, counts) for c in content.get("crosstab", [])],
        columns=[_columns(c, groups) for c in content.get("columns", [])],
        tests=[_test(t, names) for t in content.get("test", [])],
        unchecked=[Unchecked(**u) for u in content.get("unchecked", [])],
        cases=None if cases is None else _cases(dict(cases)),
    )


def _summary(given: dict[str, Any], variables: dict[str, Variable], names: set[str]) -> Summary:
    name, where = given.pop("variable"), given.pop("where")
    unknown = given.keys() - names
    if unknown:
        raise KeyError(f"summary of {name}: group {', '.join(sorted(unknown))}")
    values = {group: (_printed(mean), _printed(sd)) for group, (mean, sd) in given.items()}
    for group, (_, sd) in values.items():
        if sd.value < 0:
            raise ValueError(f"summary of {name}, {group}: expected an SD of 0 or more, found {sd.text}")
    return Summary(variables.get(name, Variable(name)), where, values)


def _cases(given: dict[str, Any]) -> CaseRows:
    columns = {name: [_printed(v) for v in values] for name, values in given.pop("columns").items()}
    made = CaseRows(columns=columns, **given)
    for field_name in ("before", "rate"):
        if getattr(made, field_name) not in columns:
            raise ValueError(
                f"cases.{field_name}: expected one of cases.columns ({', '.join(columns)}), found "
                f"{getattr(made, field_name)!r}"
            )
    _text(made.after, "cases.after")
    for place, number in enumerate(made.number, start=1):
        _whole(number, f"cases.number, value {place}", least=1)
    for name, values in columns.items():
        if len(values) != len(made.number):
            raise ValueError(f"cases.columns.{name}: {len(values)} values for {len(made.number)} cases")
    return made


def _printed(text: object) -> Printed:
    if not isinstance(text, str):
        raise TypeError(f"{text!r}: printed numbers stand in quotes, so that their digits count")
    if not math.isfinite(float(text)):
        raise ValueError(f"expected a printed number, found {text!r}")
    return Printed(text)


def _whole(value: object, where: str, *, least: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{where}: expected a whole number from {least}, found {value!r}")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{where}: expected text in quotes, found {value!r}")
    return value


def _one_of(value: object, allowed: Iterable[str], where: str) -> str:
    names = sorted(allowed)
    if value not in names:
        raise ValueError(f"{where}: expected one of {', '.join(names) or 'no groups'}, found {value!r}")
    return str(value)


def _variable(name: str, known: dict[str, Any]) -> Variable:
    made = Variable(name, **known)
    if not isinstance(made.integer, bool):
        raise TypeError(f"variables.{name}.integer: expected true or false, found {made.integer!r}")
    for end in (made.low, made.high):
        if end is not None and (
            isinstance(end, bool) or not isinstance(end, int | float) or not math.isfinite(end)
        ):
            raise TypeError(f"variables.{name}: expected numbers for low and high, found {end!r}")
    if made.low is not None and made.high is not None and made.low > made.high:
        raise ValueError(f"variables.{name}: expected low below high, found {made.low:g} and {made.high:g}")
    return made


def _count(given: dict[str, Any], n: int) -> Count:
    what = _text(given["what"], "count.what")
    parts = {p: _whole(size, f"count of {what}, {p}") for p, size in given["parts"].items()}
    return Count(what, given["where"], parts, _whole(given.get("total", n), f"count of {what}, total"))


def _crosstab(given: dict[str, Any], groups: dict[str, dict[str, int]], counts: list[Count]) -> Crosstab:
    made = Crosstab(**given)
    where = f"crosstab of {made.what}"
    sizes = groups[_one_of(made.factor, groups, f"{where}, factor")]
    for name, row in made.rows.items():
        if not isinstance(row, list) or len(row) != len(sizes):
            raise ValueError(f"{where}, row {name}: expected {len(sizes)} counts, found {row!r}")
        for value in row:
            _whole(value, f"{where}, row {name}")
    for count in counts:
        if count.what == made.what:
            for part in count.parts:
                _one_of(part, made.rows, f"count of {count.what}, part")
    return made


def _columns(given: dict[str, Any], groups: dict[str, dict[str, int]]) -> Columns:
    made = Columns(**given)
    sizes = groups[_one_of(made.factor, groups, "columns.factor")]
    if not len(made.headers) == len(made.mean) == len(made.n):
        raise ValueError(
            f"columns: expected as many headers as mean and n, found {len(made.headers)}, {len(made.mean)} "
            f"and {len(made.n)}"
        )
    for group, n in zip(made.mean, made.n, strict=True):
        _one_of(group, sizes, "columns.mean")
        _whole(n, "columns.n")
    return made


def _test(given: dict[str, Any], names: set[str]) -> ClaimedTest:
    made = ClaimedTest(**({"groups": []} | given))
    where = f"test in {made.where}"
    _one_of(made.kind, get_args(TestKind), f"{where}, kind")
    if not CLAIM.fullmatch(_text(made.p, f"{where}, p")):
        raise ValueError(f"{where}, p: expected a p such as '<0.05' or '0.03', found {made.p!r}")
    variables, sides = (1, 2) if made.kind == "independent" else (2, 0)
    if not isinstance(made.variables, list) or len(made.variables) != variables:
        raise ValueError(f"{where}, variables: expected {variables} names, found {made.variables!r}")
    if sides and (not isinstance(made.groups, list) or len(made.groups) != sides):
        raise ValueError(f"{where}, groups: expected {sides} names, found {made.groups!r}")
    for group in made.groups:
        _one_of(group, names, f"{where}, groups")
    return made
