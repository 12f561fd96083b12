"""Tables of what several readers, or readers and the program, said of the same cases."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from canalis.cohort.columns import find_column
from canalis.cohort.identifiers import refuse_identifying_case_ids, refuse_identifying_headers
from canalis.cohort.schema import MISSING_WORDS, normal_header, normal_word
from canalis.cohort.sheet import Sheet, read_sheet
from canalis.cohort.shown import show_cell, show_headers
from canalis.errors import CohortError

PROGRAM: Final = "canalis"
"""The program's name among the readers."""

ORDERS: Final = {
    "improvement_grade": ("poor", "fair", "good", "excellent"),
    "k_line": ("negative", "borderline", "positive"),
    "ais_grade": ("A", "B", "C", "D", "E"),
    "op_grade": ("1", "2", "3"),
}
"""Words that have an order, from least to most; other words have none, and get no weighted kappa."""


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """One measure as several readers gave it.

    Attributes
    ----------
    measure : str
        Column.
    table : DataFrame
        One row a case that every reader judged, one column a reader.
    numeric : bool
        Numbers or words.
    order : tuple of str
        The words from least to most; empty where they have no order.
    left_out : tuple of str
        Cases that a reader did not judge.
    unit : str
        Of a number, from the end of the column's name.
    """

    measure: str
    table: pd.DataFrame
    numeric: bool
    order: tuple[str, ...]
    left_out: tuple[str, ...]
    unit: str


def read_readings(path: Path, *, imaging: pd.DataFrame | None = None) -> list[Readings]:
    """Read a table of readings.

    Either long, with columns `case`, `reader` and one for each measure; or wide, with `case` and one
    column for each reader (one measure) or for each ``measure.reader``.

    Parameters
    ----------
    path : Path
        CSV or XLSX.
    imaging : DataFrame, optional
        As `canalis.cohort.imaging.read_imaging` returns it: the program becomes one more reader.

    Raises
    ------
    CohortError
        If there is no case column, fewer than two readers, or a reader judged a case twice.
    """
    sheet = read_sheet(path)
    names = [normal_header(header) for header in sheet.headers]
    cases = [i for i, name in enumerate(names) if (column := find_column(name)) and column.name == "case"]
    if len(cases) != 1:
        raise CohortError(
            f"Expected one column 'case', found {show_headers(sheet.headers)} in {sheet.name}, row 1. "
            f"Name the column of case ids."
        )
    refuse_identifying_headers([h for i, h in enumerate(sheet.headers) if i != cases[0]], file=sheet.name)
    refuse_identifying_case_ids([(r, row[cases[0]]) for r, row in sheet.rows], file=sheet.name)
    cells = _long(sheet, names, cases[0]) if "reader" in names else _wide(sheet, cases[0])
    if "reader" in names and len(names) < 3:
        raise CohortError(
            f"Expected a measure beside case and reader, found none in {sheet.name}, row 1. Add a column for "
            f"each measure."
        )
    if not cells:
        raise CohortError(
            f"Expected at least two readers, found none in {sheet.name}, row 1. Add a column "
            f"'reader' and one for each measure, or one column for each reader."
        )
    if imaging is not None:
        cells = _with_program(cells, imaging)
    measures = list(dict.fromkeys(measure for measure, _, _ in cells))
    return [_readings(measure, cells, sheet) for measure in measures]


class Cell(NamedTuple):
    """A cell and where it stands."""

    text: str
    place: str = ""


Cells = dict[tuple[str, str, str], Cell]
"""(measure, reader, case) to the cell."""


def _long(sheet: Sheet, names: list[str], case_at: int) -> Cells:
    reader_at = names.index("reader")
    cells: Cells = {}
    for number, row in sheet.rows:
        if not row[reader_at] or not row[case_at]:
            raise CohortError(
                f"Expected a case and a reader, found an empty cell in {sheet.name}, row {number}. Fill it "
                f"in."
            )
        for place, name in enumerate(names):
            if place in (case_at, reader_at):
                continue
            key = (name, row[reader_at], row[case_at])
            if key in cells:
                raise CohortError(
                    f"Expected each case once a reader, found case {row[case_at]} of reader "
                    f"{row[reader_at]} again in "
                    f"{sheet.name}, row {number}. Name repeated readings as readers of their own, such as "
                    f"A1 and A2."
                )
            cells[key] = Cell(row[place], f"row {number}, column {sheet.headers[place]}")
    return cells


def _wide(sheet: Sheet, case_at: int) -> Cells:
    headers = [(i, h) for i, h in enumerate(sheet.headers) if i != case_at]
    dotted = all("." in header for _, header in headers)
    measures = [header for _, header in headers if find_column(header)]
    if measures and not dotted:
        raise CohortError(
            f"Expected one column for each reader, found the measure {measures[0]} and no column 'reader' in "
            f"{sheet.name}, row 1. Add a column 'reader', or name the columns as in {measures[0]}.A."
        )
    cells: Cells = {}
    for number, row in sheet.rows:
        for place, header in headers:
            measure, reader = header.rsplit(".", 1) if dotted else ("value", header)
            key = (normal_header(measure), reader, row[case_at])
            if key in cells:
                raise CohortError(
                    f"Expected each case once, found {row[case_at]} again in {sheet.name}, row {number}. "
                    f"Remove one."
                )
            cells[key] = Cell(row[place], f"row {number}, column {header}")
    return cells


def _with_program(cells: Cells, imaging: pd.DataFrame) -> Cells:
    known = {measure for measure, _, _ in cells}
    columns = {
        name: column.name for name in known if (column := find_column(name)) and column.name in imaging
    }
    if not columns:
        raise CohortError(
            f"Expected a measure of {', '.join(map(str, imaging.columns))} in the readings, found "
            f"{', '.join(sorted(known))}. "
            "Name the columns alike."
        )
    made = dict(cells)
    for name, measured in columns.items():
        for case, value in imaging[measured].items():
            made[name, PROGRAM, str(case)] = Cell("" if pd.isna(value) else str(value))
    return made


def _readings(measure: str, cells: Cells, sheet: Sheet) -> Readings:
    readers = list(dict.fromkeys(r for m, r, _ in cells if m == measure))
    cases = list(dict.fromkeys(c for m, _, c in cells if m == measure))
    if len(readers) < 2:
        raise CohortError(
            f"Expected at least two readers, found {len(readers)} for {measure} in {sheet.name}. Add a "
            f"column 'reader', or one column "
            "for each reader."
        )
    order = _refuse_odd_cells(measure, cells, sheet)
    words = {
        r: [_known(cells[measure, r, c].text) if (measure, r, c) in cells else None for c in cases]
        for r in readers
    }
    text = pd.DataFrame(words, index=cases, dtype=object)
    complete = text.notna().all(axis=1)
    kept, left_out = text[complete], tuple(text.index[~complete])
    if kept.empty:
        raise CohortError(
            f"Expected cases that every reader judged, found none for {measure} in {sheet.name}. Fill in "
            f"the readings."
        )
    numbers = kept.map(lambda cell: _number(cell, decimal_comma=sheet.decimal_comma))
    numeric = bool(np.isfinite(numbers.to_numpy(dtype=np.float64)).all()) and not order
    table = numbers.astype("float64") if numeric else kept.map(lambda cell: _word(cell, measure, order))
    unit = _unit(measure)
    return Readings(measure, table, numeric, order, left_out, "%" if unit == "percent" else unit)


def _refuse_odd_cells(measure: str, cells: Cells, sheet: Sheet) -> tuple[str, ...]:
    """Return the order of a measure's words, empty for none; refuse words in a measure of numbers."""
    column = find_column(measure)
    order = ORDERS.get(column.name if column else measure, ())
    known = [c for (m, _, _), c in cells.items() if m == measure and _known(c.text) is not None]
    odd = [c for c in known if not np.isfinite(_number(c.text, decimal_comma=sheet.decimal_comma))]
    if order:
        for cell in known:
            _word(cell.text, measure, order, where=f" in {sheet.name}, {cell.place}")
    elif odd and (_is_number(measure) or (2 * len(odd) < len(known) and not (column and column.values))):
        more = f"; and {len(odd) - 1} more" if len(odd) > 1 else ""
        raise CohortError(
            f"Expected a number for {measure}, found {show_cell(odd[0].text, number=True)} in {sheet.name}, "
            f"{odd[0].place}{more}. Type the number alone, with a point, or leave the cell empty where "
            f"nothing was read."
        )
    return order


def _is_number(measure: str) -> bool:
    column = find_column(measure)
    return bool(_unit(measure)) or (column is not None and column.kind in ("number", "integer"))


def _unit(measure: str) -> str:
    return next((u for u in ("mm", "percent", "points", "years", "deg") if measure.endswith("_" + u)), "")


def _known(cell: str) -> str | None:
    return None if cell.strip().lower() in MISSING_WORDS - {"-"} else cell.strip()


def _number(cell: str, *, decimal_comma: bool) -> float:
    try:
        return float(cell.replace(",", ".") if decimal_comma else cell)
    except ValueError:
        return float("nan")


def _word(cell: str, measure: str, order: tuple[str, ...], *, where: str = "") -> str:
    known = find_column(measure)
    word = normal_word(cell) or cell
    for value, synonyms in (known.values if known else {}).items():
        if word == normal_word(value) or cell in synonyms or word in map(normal_word, synonyms):
            return value
    found = next((w for w in order if w.lower() == word), word)
    if order and found not in order:
        raise CohortError(
            f"Expected one of {', '.join(order)} for {measure}, found {show_cell(cell)}{where}. "
            f"Correct the reading."
        )
    return found
