"""The table of cases: read, checked cell by cell, and completed with what follows from its scores."""

import difflib
import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd

from canalis.cohort.cells import Value, read_cell
from canalis.cohort.columns import BY_HEADER, find_column
from canalis.cohort.identifiers import refuse_identifying_case_ids, refuse_identifying_headers
from canalis.cohort.joa import Scale
from canalis.cohort.redcap import flatten_redcap, is_redcap
from canalis.cohort.schema import Column, normal_header
from canalis.cohort.scores import add_outcome, choose_scale
from canalis.cohort.sheet import Sheet, read_sheet
from canalis.cohort.shown import show_headers
from canalis.errors import CohortError

MissingPolicy = Literal["available", "complete", "refuse"]

MISSING_POLICIES: Final[dict[str, str]] = {
    "available": "available cases: each result uses every case that has the values it needs, and states its "
    "n",
    "complete": "complete cases: only cases without any missing value in the columns that hold values are "
    "analysed",
    "refuse": "none allowed: a table with a missing value in a column that holds values is refused",
}
PROBLEMS_SHOWN: Final = 12
"""Cells named in one message; the rest are counted."""

NEAR_MISS: Final = 0.82
"""Likeness from which an unknown header is taken for a misspelt one."""


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """A checked table of cases.

    Attributes
    ----------
    frame : DataFrame
        One row a case, indexed by case id in the file's order. Numbers as float64 with NaN for missing,
        words as str or None; `joa_change`, `improvement_rate_percent`, `improvement_grade` and
        `mcid_reached` added.
    scale : Scale
        The score's scale.
    warnings : tuple of str
        What a reader of the results must know about the table.
    policy : str
        What is done about missing values, a key of `MISSING_POLICIES`.
    missing : dict of str to int
        Missing values of each column, before the policy.
    n_read : int
        Cases in the file, before the policy.
    unrelated : frozenset of frozenset of str
        Pairs of columns that are known only by group, and must not be related case by case.
    sha256 : str
        Hash of the file.
    """

    frame: pd.DataFrame
    scale: Scale
    warnings: tuple[str, ...] = ()
    policy: MissingPolicy = "available"
    missing: dict[str, int] = field(default_factory=dict)
    n_read: int = 0
    unrelated: frozenset[frozenset[str]] = frozenset()
    sha256: str = ""

    def related(self, one: str, other: str) -> bool:
        """Tell whether two columns may be related case by case."""
        return frozenset((one, other)) not in self.unrelated

    def has(self, column: str) -> bool:
        """Tell whether a column is there and holds a value."""
        return column in self.frame and bool(self.frame[column].notna().any())


def read_cases(path: Path, *, scale: str | None = None, missing: MissingPolicy | None = None) -> Cohort:
    """Read and check a table of cases.

    Parameters
    ----------
    path : Path
        CSV or XLSX, or a REDCap export.
    scale : str, optional
        Name of the score's scale. Without it the table's own `scale` column or its items say it; without
        those the scores are read as JOA17, with a warning.
    missing : {"available", "complete", "refuse"}, optional
        What is done about missing values; "available" when not named, and then a postoperative score
        without its preoperative one is refused.

    Raises
    ------
    CohortError
        Naming row and column of every cell that does not fit.
    """
    table = read_table(path, scale=scale)
    frame, outcome_warnings = add_outcome(
        table.frame, table.scale, file=table.name, post_alone=missing is not None
    )
    warnings = (*table.warnings, *outcome_warnings)
    cohort = Cohort(frame, table.scale, warnings, n_read=len(frame), sha256=table.sha256)
    return apply_policy(cohort, missing or "available", file=table.name)


@dataclass(frozen=True, slots=True, eq=False)
class CaseTable:
    """A table of cases with its cells checked, and nothing computed yet.

    Attributes
    ----------
    name : str
        File name, for messages.
    frame : DataFrame
        One row a case, indexed by case id; `row` is the row of the file.
    scale : Scale
        Of the scores.
    warnings : tuple of str
        What was done to read it.
    sha256 : str
        Hash of the file.
    """

    name: str
    frame: pd.DataFrame
    scale: Scale
    warnings: tuple[str, ...]
    sha256: str


def read_table(path: Path, *, scale: str | None = None) -> CaseTable:
    """Read a table of cases and check its headers and cells.

    Parameters
    ----------
    path : Path
        CSV or XLSX, or a REDCap export.
    scale : str, optional
        As in `read_cases`.

    Raises
    ------
    CohortError
        Naming row and column of every cell that does not fit.
    """
    sheet = read_sheet(path)
    if is_redcap(sheet):
        sheet = flatten_redcap(sheet)
    columns, unused = match_headers(sheet)
    frame = _read_frame(sheet, columns)
    warnings = list(sheet.warnings)
    if unused:
        warnings.append(f"Not in the schema, so not used: column {', '.join(unused)}.")
    chosen, scale_warning = choose_scale(frame, scale, file=sheet.name)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return CaseTable(sheet.name, frame, chosen, (*warnings, *scale_warning), digest)


def match_headers(sheet: Sheet) -> tuple[dict[int, Column], list[str]]:
    """Return which column of the schema stands at each place, and the headers that are none.

    Parameters
    ----------
    sheet : Sheet
        As read.

    Raises
    ------
    CohortError
        If a header names a patient, two mean the same column, one looks misspelt, or `case` is absent.
    """
    found = {place: column for place, header in enumerate(sheet.headers) if (column := find_column(header))}
    unused = [header for place, header in enumerate(sheet.headers) if place not in found]
    refuse_identifying_headers(unused, file=sheet.name)
    for name, count in Counter(column.name for column in found.values()).items():
        if count > 1:
            same = [sheet.headers[place] for place, column in found.items() if column.name == name]
            raise CohortError(
                f"Expected one column for {name}, found {' and '.join(same)} in {sheet.name}, row 1. Remove "
                f"one."
            )
    there = {column.name for column in found.values()}
    for header in unused:
        near = difflib.get_close_matches(normal_header(header), BY_HEADER, n=1, cutoff=NEAR_MISS)
        if near and BY_HEADER[near[0]].name not in there:
            place = sheet.headers.index(header) + 1
            found_there = f"'{header}'" if "case" in there else "another word"
            raise CohortError(
                f"Expected a header of the schema, found {found_there} in {sheet.name}, row 1, "
                f"column {place}. Did you mean '{BY_HEADER[near[0]].name}'? Rename it; "
                f"`canalis cohort --template FILE` writes every header."
            )
    if "case" not in there:
        raise CohortError(
            f"Expected a header row with a column 'case', found {show_headers(sheet.headers)} in "
            f"{sheet.name}, row 1. Put the headers into row 1, and add a column of case ids; "
            "`canalis cohort --template FILE` writes every header."
        )
    return found, unused


def _read_frame(sheet: Sheet, columns: dict[int, Column]) -> pd.DataFrame:
    values: dict[str, list[Value]] = {column.name: [] for column in columns.values()}
    problems: list[str] = []
    for number, row in sheet.rows:
        for place, column in columns.items():
            value: Value = None
            try:
                value = read_cell(row[place], column, decimal_comma=sheet.decimal_comma)
            except CohortError as error:
                problems.append(f"row {number}, column {sheet.headers[place]}: {error}")
            values[column.name].append(value)
    rows = [number for number, _ in sheet.rows]
    problems = _check_case_ids(list(zip(rows, values["case"], strict=True))) + problems
    _raise_problems(problems, sheet.name)
    refuse_identifying_case_ids(
        [(r, str(c)) for r, c in zip(rows, values["case"], strict=True)], file=sheet.name
    )
    frame = pd.DataFrame({"row": rows})
    for column in columns.values():
        numeric = column.kind in ("number", "integer")
        frame[column.name] = pd.Series(values[column.name], dtype="float64" if numeric else object)
    _refuse_shares(frame, columns, sheet.name)
    return frame.set_index("case", drop=False)


def _check_case_ids(cases: list[tuple[int, Value]]) -> list[str]:
    problems = [
        f"row {row}, column case: expected a case id, found an empty cell" for row, case in cases if not case
    ]
    first: dict[Value, int] = {}
    for row, case in cases:
        if case and first.setdefault(case, row) != row:
            problems.append(
                f"row {row}, column case: expected each case id once, found the one of row {first[case]} "
                f"again"
            )
    return problems


def _raise_problems(problems: list[str], file: str) -> None:
    if problems:
        more = f"; and {len(problems) - PROBLEMS_SHOWN} more" if len(problems) > PROBLEMS_SHOWN else ""
        raise CohortError(
            f"{file} does not fit the schema: {'; '.join(problems[:PROBLEMS_SHOWN])}{more}. Correct the "
            f"cells, or leave "
            "them empty where the value is not known."
        )


def _refuse_shares(frame: pd.DataFrame, columns: dict[int, Column], file: str) -> None:
    for column in columns.values():
        if column.unit != "%" or column.name == "improvement_rate_percent":
            continue
        shares = frame[(frame[column.name] > 0) & (frame[column.name] <= 1)]
        if len(shares):
            rows = ", ".join(str(row) for row in shares["row"].head(PROBLEMS_SHOWN))
            more = f" and {len(shares) - PROBLEMS_SHOWN} more" if len(shares) > PROBLEMS_SHOWN else ""
            raise CohortError(
                f"Expected percent in {file}, column {column.name}, found "
                f"{shares[column.name].iloc[0]:g}, which reads as a share, row {rows}{more}. Multiply "
                "shares by 100."
            )


def apply_policy(cohort: Cohort, policy: MissingPolicy, *, file: str = "the table") -> Cohort:
    """Return the cohort after its missing values were counted and dealt with.

    Parameters
    ----------
    cohort : Cohort
        All cases.
    policy : {"available", "complete", "refuse"}
        See `MISSING_POLICIES`.
    file : str
        For the message.

    Raises
    ------
    CohortError
        If the policy is unknown, refuses the table, or leaves no case.
    """
    if policy not in MISSING_POLICIES:
        raise CohortError(
            f"Expected a policy of {', '.join(MISSING_POLICIES)}, found '{policy}'. Name one with --missing."
        )
    held = [str(c) for c in cohort.frame if c not in ("row", "case") and cohort.frame[c].notna().any()]
    counts = {str(c): int(cohort.frame[c].isna().sum()) for c in cohort.frame if c not in ("row", "case")}
    complete = cohort.frame[held].notna().all(axis=1)
    if policy == "refuse" and not complete.all():
        some = [f"{counts[c]} in {c}" for c in held if counts[c]]
        raise CohortError(
            f"Expected no missing value in {file}, found {', '.join(some)}. Fill them in, or name another "
            f"policy: "
            "--missing available or --missing complete."
        )
    kept = cohort.frame[complete] if policy == "complete" else cohort.frame
    warnings = cohort.warnings
    if len(kept) < len(cohort.frame):
        out = ", ".join(map(str, cohort.frame.index[~complete][:20]))
        warnings += (
            f"{len(cohort.frame) - len(kept)} of {len(cohort.frame)} cases lack a value and are left out: "
            f"{out}.",
        )
    if not np.any(kept["joa_change"].notna()):
        raise CohortError(
            f"Expected cases with a score before and after operation, found none in {file}"
            f"{' after leaving out incomplete cases' if policy == 'complete' else ''}. Fill in "
            f"preoperative_joa and "
            "postoperative_joa."
        )
    return replace(cohort, frame=kept, policy=policy, missing=counts, warnings=warnings)
