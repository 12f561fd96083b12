"""Joining what was measured on CT to the table of cases."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from canalis.cohort.cases import Cohort, apply_policy
from canalis.cohort.cells import Value, read_cell
from canalis.cohort.columns import BY_NAME
from canalis.cohort.sheet import read_sheet
from canalis.errors import CohortError

FILE: Final = "cases.csv"
"""What `canalis batch` leaves in its folder."""

MEASURED: Final = {
    "max_thickness_mm": "thickness_mm",
    "max_occupying_ratio_percent": "occupying_ratio_percent",
    "residual_ap_mm": "residual_ap_mm",
    "type": "opll_type",
    "k_line": "k_line",
    "reaches_c2": "reaches_c2",
}
"""Measured column to the column of the table of cases that it fills."""

PREFIXES: Final = (
    "",
    "narrowest.",
    "narrowest_",
    "ossification.",
    "ossification_",
    "alignment.",
    "alignment_",
)
SHOWN: Final = 20
NAMED_NOT_READ: Final = 5


def read_imaging(folder: Path) -> pd.DataFrame:
    """Return the measured columns of a folder of `canalis batch`, one row a study.

    Parameters
    ----------
    folder : Path
        Holds ``cases.csv`` with a column `case`.

    Returns
    -------
    DataFrame
        Indexed by case, with the columns of the table of cases that were found.

    Raises
    ------
    CohortError
        If the file or its case column is absent, a case stands twice, or a cell does not fit.
    """
    path = folder / FILE
    if not path.is_file():
        raise CohortError(
            f"Expected {FILE} in {folder}, found none. Give the output folder of `canalis batch`."
        )
    sheet = read_sheet(path)
    if "case" not in sheet.headers:
        raise CohortError(
            f"Expected a column 'case' in {path}, row 1, found {', '.join(sheet.headers[:8])}. Run `canalis "
            f"batch` again."
        )
    places = {
        column: sheet.headers.index(prefix + measured)
        for measured, column in MEASURED.items()
        for prefix in PREFIXES
        if prefix + measured in sheet.headers
    }
    values: dict[str, list[Value]] = {column: [] for column in places}
    cases = [row[sheet.headers.index("case")] for _, row in sheet.rows]
    for number, row in sheet.rows:
        for column, place in places.items():
            try:
                values[column].append(read_cell(row[place], BY_NAME[column]))
            except CohortError as error:
                raise CohortError(
                    f"{path}, row {number}, column {sheet.headers[place]}: {error}. Measure the study again."
                ) from None
    _refuse_twice(cases, path)
    made = {
        c: pd.Series(v, index=cases, dtype="float64" if BY_NAME[c].kind == "number" else object)
        for c, v in values.items()
    }
    return pd.DataFrame(made, index=pd.Index(cases, name="case"))


def _refuse_twice(cases: list[str], path: Path) -> None:
    twice = sorted({case for case in cases if cases.count(case) > 1}) if len(set(cases)) < len(cases) else []
    if twice:
        raise CohortError(
            f"Expected each case once in {path}, found {', '.join(twice[:SHOWN])} again. Remove the older "
            f"row."
        )


def join_imaging(cohort: Cohort, imaging: pd.DataFrame) -> Cohort:
    """Return the cohort with empty cells filled from what was measured, and unmatched cases named.

    A value in the table of cases stays; where the measurement differs, that is counted in a warning. A
    stenosis rate that the table lacks altogether is taken from the occupying ratio.

    Parameters
    ----------
    cohort : Cohort
        As `read_cases` returns it.
    imaging : DataFrame
        As `read_imaging` returns it.

    Raises
    ------
    CohortError
        If no case has the same id on both sides.
    """
    both = [case for case in cohort.frame.index if case in imaging.index]
    if not both:
        raise CohortError(
            f"Expected the same case ids in the table and the measurements, found none alike: "
            f"{_some(cohort.frame.index)} "
            f"in the table, {_some(imaging.index)} measured. Name the studies' folders as the cases."
        )
    frame = cohort.frame.copy()
    warnings = [*cohort.warnings, *_unmatched(frame.index, imaging.index)]
    for column in imaging:
        measured = imaging[column].reindex(frame.index)
        if column in frame:
            warnings += _differences(frame[column], measured, str(column))
            measured = frame[column].where(frame[column].notna(), measured)
        numeric = BY_NAME[str(column)].kind == "number"
        frame[column] = (
            measured.astype("float64") if numeric else measured.astype(object).where(measured.notna(), None)
        )
    if "occupying_ratio_percent" in frame and not cohort.has("stenosis_rate_percent"):
        frame["stenosis_rate_percent"] = frame["occupying_ratio_percent"]
        warnings.append(
            "The table holds no stenosis rate: the occupying ratio measured on CT stands in its place."
        )
    joined = replace(cohort, frame=frame, warnings=tuple(warnings))
    return apply_policy(joined, cohort.policy)


def _some(cases: pd.Index) -> str:
    listed = [str(case) for case in cases[:NAMED_NOT_READ]]
    return ", ".join(listed) + (f" and {len(cases) - len(listed)} more" if len(cases) > len(listed) else "")


def _unmatched(table: pd.Index, measured: pd.Index) -> list[str]:
    warnings = []
    without, unused = table.difference(measured, sort=False), measured.difference(table, sort=False)
    if len(without):
        warnings.append(f"{len(without)} of {len(table)} cases have no measured study: {_listed(without)}.")
    if len(unused):
        warnings.append(
            f"{len(unused)} of {len(measured)} measured studies are no case of the table: {_listed(unused)}."
        )
    return warnings


def _listed(cases: pd.Index) -> str:
    more = f" and {len(cases) - SHOWN} more" if len(cases) > SHOWN else ""
    return ", ".join(str(case) for case in cases[:SHOWN]) + more


def _differences(given: pd.Series, measured: pd.Series, column: str) -> list[str]:
    known = given.notna() & measured.notna()
    if BY_NAME[column].kind == "number":
        apart = (given - measured).abs()[known]
        count = int(np.count_nonzero(apart > 0.05))  # tables print one digit
        told = f", by up to {apart.max():.1f}" if count else ""
    else:
        count, told = int((given[known] != measured[known]).sum()), ""
    if not count:
        return []
    return [
        f"{column} in the table differs from the measurement in {count} of {int(known.sum())} "
        f"cases{told}: the table's is used."
    ]
