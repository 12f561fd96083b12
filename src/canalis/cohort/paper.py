"""What a paper prints, as values that know their last digit. Read from a TOML file, `canalis.paper/1`."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from canalis.cohort.joa import Scale, find_scale
from canalis.errors import CohortError

SCHEMA: Final = "canalis.paper/1"
TestKind = Literal["paired", "independent", "correlation"]


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
    variables = {name: Variable(name, **known) for name, known in content.get("variables", {}).items()}
    n = int(content["n"])
    groups = {
        factor: {g: int(size) for g, size in sizes.items()}
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
    return Paper(
        title=content["title"],
        n=n,
        scale=find_scale(content["scale"]),
        groups=groups,
        variables=[*variables.values()],
        summaries=[_summary(dict(s), variables, names) for s in content.get("summary", [])],
        counts=[
            Count(c["what"], c["where"], dict(c["parts"]), int(c.get("total", n)))
            for c in content.get("count", [])
        ],
        crosstabs=[Crosstab(**c) for c in content.get("crosstab", [])],
        columns=[Columns(**c) for c in content.get("columns", [])],
        tests=[ClaimedTest(**({"groups": []} | t)) for t in content.get("test", [])],
        unchecked=[Unchecked(**u) for u in content.get("unchecked", [])],
        cases=None if cases is None else _cases(dict(cases)),
    )


def _summary(given: dict[str, Any], variables: dict[str, Variable], names: set[str]) -> Summary:
    name, where = given.pop("variable"), given.pop("where")
    unknown = given.keys() - names
    if unknown:
        raise KeyError(f"summary of {name}: group {', '.join(sorted(unknown))}")
    values = {group: (_printed(mean), _printed(sd)) for group, (mean, sd) in given.items()}
    return Summary(variables.get(name, Variable(name)), where, values)


def _cases(given: dict[str, Any]) -> CaseRows:
    columns = {name: [_printed(v) for v in values] for name, values in given.pop("columns").items()}
    made = CaseRows(columns=columns, **given)
    for name, values in columns.items():
        if len(values) != len(made.number):
            raise ValueError(f"cases.columns.{name}: {len(values)} values for {len(made.number)} cases")
    return made


def _printed(text: object) -> Printed:
    if not isinstance(text, str):
        raise TypeError(f"{text!r}: printed numbers stand in quotes, so that their digits count")
    float(text)
    return Printed(text)
