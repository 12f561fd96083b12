"""REDCap exports: check boxes spread over columns, and events spread over rows, back to one row a case."""

import re
from dataclasses import replace
from typing import Final

from canalis.cohort.columns import BY_HEADER, find_column
from canalis.cohort.schema import NO_WORDS, YES_WORDS, normal_header
from canalis.cohort.sheet import Sheet
from canalis.cohort.shown import show_cell
from canalis.errors import CohortError

BOOKKEEPING: Final = re.compile(r"^redcap_|_complete$|_timestamp$")
"""Columns that REDCap adds for itself."""

SCORE_HEADERS: Final = ("joa", "mjoa", "joa_total", "joa_score")
"""A score whose time is said by the event, not by the header."""

BEFORE: Final = re.compile(r"pre|baseline|admission")
LAST: Final = re.compile(r"final|last|post_?op")
MONTHS: Final = re.compile(r"(?:month|mo|m)_?(\d+)(?!\d)|(\d+)_?(?:month|mo|m)(?![a-z]*\d)")


def is_redcap(sheet: Sheet) -> bool:
    """Tell whether a sheet is a REDCap export.

    Parameters
    ----------
    sheet : Sheet
        As read.
    """
    return any(
        h.startswith("redcap_") or "___" in h or normal_header(h) == "record_id" for h in sheet.headers
    )


def flatten_redcap(sheet: Sheet) -> Sheet:
    """Return a REDCap export as one row a case.

    Check boxes such as ``complications___c5_palsy`` become one list. Rows of one record are joined;
    a score named only ``joa`` takes its time from the event's name (baseline, month_3, final).

    Parameters
    ----------
    sheet : Sheet
        As read.

    Raises
    ------
    CohortError
        If a check box's code or an event's time is not known, or two events disagree about a value.
    """
    boxed = _join_check_boxes(sheet)
    joined = _join_events(boxed)
    dropped = [h for h in sheet.headers if BOOKKEEPING.search(normal_header(h))]
    warning = f"Read as a REDCap export; its own columns were left out: {', '.join(dropped) or 'none'}."
    return replace(joined, warnings=(*joined.warnings, warning))


def _join_check_boxes(sheet: Sheet) -> Sheet:
    boxes: dict[str, list[tuple[int, str]]] = {}
    for place, header in enumerate(sheet.headers):
        stem, mark, code = header.partition("___")
        if mark:
            boxes.setdefault(stem, []).append((place, code))
    if not boxes:
        return sheet
    boxed = {place for places in boxes.values() for place, _ in places}
    kept = [place for place in range(len(sheet.headers)) if place not in boxed]
    headers = [sheet.headers[place] for place in kept] + list(boxes)
    rows = []
    for number, row in sheet.rows:
        lists = [_ticked(row, places, number, sheet, stem) for stem, places in boxes.items()]
        rows.append((number, tuple([row[place] for place in kept] + lists)))
    return replace(sheet, headers=tuple(headers), rows=tuple(rows))


def _ticked(row: tuple[str, ...], places: list[tuple[int, str]], number: int, sheet: Sheet, stem: str) -> str:
    ticked = []
    for place, code in places:
        cell = row[place].strip().lower()
        if cell and cell not in YES_WORDS | NO_WORDS:
            raise CohortError(
                f"Expected 1 or 0 in a REDCap check box, found {show_cell(row[place])} in {sheet.name}, row "
                f"{number}, column "
                f"{stem}___{code}. Export the raw data again."
            )
        if cell in YES_WORDS:
            ticked.append(code.replace("_", " "))
    return ";".join(ticked) or ("none" if any(row[place].strip() for place, _ in places) else "")


def _join_events(sheet: Sheet) -> Sheet:
    names = [normal_header(header) for header in sheet.headers]
    keys = [i for i, name in enumerate(names) if (column := find_column(name)) and column.name == "case"]
    if len(keys) != 1:
        return sheet
    event_at = names.index("redcap_event_name") if "redcap_event_name" in names else None
    records: dict[str, dict[str, str]] = {}
    first_row: dict[str, int] = {}
    for number, row in sheet.rows:
        record = records.setdefault(row[keys[0]], {})
        first_row.setdefault(row[keys[0]], number)
        event = row[event_at] if event_at is not None else None
        for header, name, cell in zip(sheet.headers, names, row, strict=True):
            if BOOKKEEPING.search(name) or not cell:
                continue
            _put(record, _header_at(header, name, event, number, sheet.name), cell, number, sheet.name)
    if event_at is None and len(records) < len(sheet.rows):
        return _without_bookkeeping(sheet, names)
    headers = list(dict.fromkeys(header for record in records.values() for header in record))
    headers += [
        h
        for h, n in zip(sheet.headers, names, strict=True)
        if not BOOKKEEPING.search(n) and n in BY_HEADER and h not in headers
    ]
    rows = tuple(
        (first_row[key], tuple(record.get(h, "") for h in headers)) for key, record in records.items()
    )
    return replace(sheet, headers=tuple(headers), rows=rows)


def _without_bookkeeping(sheet: Sheet, names: list[str]) -> Sheet:
    kept = [i for i, name in enumerate(names) if not BOOKKEEPING.search(name)]
    rows = tuple((number, tuple(row[i] for i in kept)) for number, row in sheet.rows)
    return replace(sheet, headers=tuple(sheet.headers[i] for i in kept), rows=rows)


def _header_at(header: str, name: str, event: str | None, row: int, file: str) -> str:
    if event is None or name not in SCORE_HEADERS:
        return header
    plain = re.sub(r"_arm_\d+$", "", normal_header(event))
    months = MONTHS.search(plain)
    if months:
        return f"joa_at_{months[1] or months[2]}_months"
    if BEFORE.search(plain):
        return "preoperative_joa"
    if LAST.search(plain):
        return "postoperative_joa"
    raise CohortError(
        f"Expected an event that says its time (baseline, month_3, final), found {show_cell(event)} in "
        f"{file}, row {row}, "
        "column redcap_event_name. Rename the event, or give preoperative_joa and postoperative_joa."
    )


def _put(record: dict[str, str], header: str, cell: str, row: int, file: str) -> None:
    if record.setdefault(header, cell) != cell:
        raise CohortError(
            f"Expected one value a case, found {show_cell(record[header])} and {show_cell(cell)} in "
            f"{file}, row {row}, column {header}. "
            "Correct one of the events; scores at several times go into joa_at_3_months and the like."
        )
