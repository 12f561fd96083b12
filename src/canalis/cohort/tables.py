"""The tables of a paper, as text cells: rounding happens here, once, for HTML, DOCX and CSV alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from canalis.cohort.analysis import Analysis, group_names
from canalis.cohort.columns import BY_NAME
from canalis.cohort.describe import is_constant
from canalis.cohort.wording import mean_sd, number, p_bare

CASES_ACROSS: Final = 7
"""Patients side by side in table III, as in the paper."""

MOST_CASES_PRINTED: Final = 210
"""More are left to the CSV, and the table says so."""

TABLE_SEED: Final = 20210706

ROW_WORDS: Final = {
    "age_years": ("Age (years)", 1),
    "bmi_kg_m2": ("Body mass index (kg/m²)", 1),
    "hours_since_injury": ("Hours since injury", 1),
    "hours_to_surgery": ("Hours to surgery", 1),
    "symptom_duration_months": ("Symptom duration (months)", 1),
    "asia_motor_score": ("ASIA motor score", 1),
    "thickness_mm": ("Ossification thickness (mm)", 2),
    "stenosis_rate_percent": ("Spinal stenosis rate (%)", 2),
    "occupying_ratio_percent": ("Occupying ratio, CT (%)", 2),
    "residual_ap_mm": ("Narrowest residual AP (mm)", 2),
    "opll_level_count": ("Levels with OPLL", 1),
    "follow_up_months": ("Follow-up (months)", 1),
}
"""Label and digits of the numeric rows, in the tables' order."""

COUNTED: Final = (
    "violence", "approach", "opll_type", "t2_high_signal", "double_layer_sign", "k_line", "reaches_c2",
    "diabetes", "prior_surgery", "respiratory_limitation", "ais_grade", "cause_of_injury",
)  # fmt: skip
"""Columns of words, counted by group."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table ready to print.

    Attributes
    ----------
    key : str
        File name without its ending.
    title : str
        Above the table.
    headers : tuple of str
        Column headings.
    rows : tuple of tuple of str
        Cells; a row with nothing but its first cell is a heading.
    notes : tuple of str
        Below the table.
    csv : tuple of headers and rows, or None
        What the CSV holds where it differs from the printed table.
    """

    key: str
    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    csv: tuple[tuple[str, ...], tuple[tuple[str, ...], ...]] | None = None


def group_table(analysis: Analysis, grouping: str, *, key: str, title: str) -> Table:
    """Return patients and outcome by group: tables I (approach) and II (violence) of the paper.

    Parameters
    ----------
    analysis : Analysis
        As `analyse` returns it.
    grouping : str
        Column whose groups stand side by side.
    key, title : str
        Of the table.
    """
    frame = analysis.cohort.frame
    names = group_names(frame, grouping)
    parts = [frame[frame[grouping] == name] for name in names]
    rows = [("Number of patients (cases)", *(str(len(part)) for part in parts), "")]
    rows += list(_sex_rows(parts, frame))
    rows += [
        row
        for column in ROW_WORDS
        if _shown(analysis, grouping, column)
        for row in [_numeric_row(parts, column)]
    ]
    for column in COUNTED:
        if column != grouping and _shown(analysis, grouping, column):
            rows += _count_rows(parts, column)
    rows += list(_score_rows(parts, frame))
    for column in ("complications", "reoperation"):
        if analysis.cohort.has(column):
            rows += _count_rows(parts, column)
    without = int(frame[grouping].isna().sum())
    several = "one-way analysis of variance" if len(names) > 2 else "Student's t test"
    notes = [
        f"Mean ± SD or number of cases. p: {several} for means, Fisher's exact or permuted χ² test for "
        f"counts."
    ]
    notes += (
        [f"{without} cases without {grouping.replace('_', ' ')} are not in this table."] if without else []
    )
    return Table(key, title, ("", *(name.capitalize() for name in names), "p"), tuple(rows), tuple(notes))


def _shown(analysis: Analysis, grouping: str, column: str) -> bool:
    return analysis.cohort.has(column) and analysis.cohort.related(grouping, column)


def _sex_rows(parts: list[pd.DataFrame], frame: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    if "sex" in frame and frame["sex"].notna().any():
        cells = [f"{int((p['sex'] == 'male').sum())}:{int((p['sex'] == 'female').sum())}" for p in parts]
        yield ("Gender (male:female)", *cells, p_bare(_count_p(parts, "sex")))


def _score_rows(parts: list[pd.DataFrame], frame: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    yield ("JOA score", *[""] * len(parts), "")
    yield _numeric_row(parts, "preoperative_joa", label="  Preoperative", digits=2)
    yield _numeric_row(parts, "postoperative_joa", label="  Postoperative", digits=2)
    yield _numeric_row(parts, "joa_change", label="  Change (points)", digits=2)
    yield _numeric_row(parts, "improvement_rate_percent", label="JOA improvement rate (%)", digits=2)
    yield ("Improvement grade", *[""] * len(parts), "")
    for grade in ("excellent", "good", "fair", "poor"):
        yield (
            f"  {grade.capitalize()}",
            *(str(int((p["improvement_grade"] == grade).sum())) for p in parts),
            "",
        )
    if "mcid_reached" in frame and frame["mcid_reached"].notna().any():
        cells = [
            f"{int((p['mcid_reached'] == 'yes').sum())} of {int(p['mcid_reached'].notna().sum())}"
            for p in parts
        ]
        yield ("Reached the noticeable change", *cells, p_bare(_count_p(parts, "mcid_reached")))


def _yes_of(values: pd.Series) -> str:
    return f"{int((values == 'yes').sum())} of {int(values.notna().sum())}"


def _numeric_row(
    parts: list[pd.DataFrame], column: str, *, label: str | None = None, digits: int | None = None
) -> tuple[str, ...]:
    words, places = ROW_WORDS.get(column, (column, 2))
    values = [part[column].dropna().to_numpy(dtype=np.float64) for part in parts]
    cells = []
    for v, part in zip(values, parts, strict=True):
        sd = float(np.std(v, ddof=1)) if len(v) > 1 else None
        cell = mean_sd(float(np.mean(v)) if len(v) else None, sd, digits if digits is not None else places)
        cells.append(cell + (f" (n = {len(v)})" if len(v) < len(part) else ""))
    return (label or words, *cells, p_bare(_mean_p([v for v in values if len(v)])))


def _mean_p(values: list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]) -> float | None:
    if len(values) < 2 or any(len(v) < 2 for v in values) or all(is_constant(v) for v in values):
        return None
    return float(stats.f_oneway(*values).pvalue)


def _count_rows(parts: list[pd.DataFrame], column: str) -> list[tuple[str, ...]]:
    words = BY_NAME[column].about.split(":")[0]
    if BY_NAME[column].kind == "yes/no":
        cells = [_yes_of(p[column]) for p in parts]
        return [(words, *cells, p_bare(_count_p(parts, column)))]
    many = BY_NAME[column].kind == "list"
    rows = [(words, *[""] * len(parts), "" if many else p_bare(_count_p(parts, column)))]
    for value in BY_NAME[column].values:
        counts = [_count(part[column], value, many=many) for part in parts]
        if any(counts) and value != "none":
            label = value if value.isupper() else value[0].upper() + value[1:]
            rows.append((f"  {label}", *map(str, counts), ""))
    return rows


def _count(values: pd.Series, value: str, *, many: bool) -> int:
    known = values.dropna()
    return sum(value in str(cell).split(";") for cell in known) if many else int((known == value).sum())


def _count_p(parts: list[pd.DataFrame], column: str) -> float | None:
    words = sorted({str(w) for part in parts for w in part[column].dropna()})
    table = np.array([[int((part[column] == w).sum()) for w in words] for part in parts])
    if table.size == 0 or table.shape[1] < 2 or np.any(table.sum(axis=1) == 0):
        return None
    if table.shape == (2, 2):
        return float(stats.fisher_exact(table).pvalue)
    if stats.contingency.expected_freq(table).min() >= 5:
        return float(stats.chi2_contingency(table, correction=False).pvalue)
    method = stats.PermutationMethod(n_resamples=1999, rng=np.random.default_rng(TABLE_SEED))
    return float(stats.chi2_contingency(table, correction=False, method=method).pvalue)


def case_table(analysis: Analysis) -> Table:
    """Return every patient's starting score, rate and stenosis: table III of the paper.

    Parameters
    ----------
    analysis : Analysis
        As `analyse` returns it.
    """
    frame = analysis.cohort.frame
    shown = {
        "case": "Numbering",
        "preoperative_joa": "Preoperative JOA",
        "improvement_rate_percent": "JOA improvement rate (%)",
    }
    shown |= (
        {"stenosis_rate_percent": "Spinal stenosis rate (%)"}
        if analysis.cohort.has("stenosis_rate_percent")
        else {}
    )
    cells = {column: [_case_cell(column, value) for value in frame[column]] for column in shown}
    printed = min(len(frame), MOST_CASES_PRINTED)
    rows = []
    for start in range(0, printed, CASES_ACROSS):
        for column, label in shown.items():
            block = cells[column][start : min(start + CASES_ACROSS, printed)]
            rows.append((label, *block, *[""] * (CASES_ACROSS - len(block))))
    notes = (
        (f"The first {printed} of {len(frame)} cases; all are in table_3_cases.csv.",)
        if printed < len(frame)
        else ()
    )
    listed = tuple(zip(*cells.values(), strict=True))
    title = "Table III: Preoperative JOA score and postoperative JOA improvement rate"
    return Table(
        "table_3_cases",
        title,
        ("", *[""] * CASES_ACROSS),
        tuple(rows),
        notes,
        (tuple(shown.values()), listed),
    )


def _case_cell(column: str, value: object) -> str:
    if isinstance(value, float):
        if np.isnan(value):
            return ""
        return number(value, 1 if column.endswith("percent") else (0 if value == round(value) else 1))
    return str(value)
