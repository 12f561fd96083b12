"""Reading a table from CSV or XLSX into text cells, each still knowing its row in the file."""

import csv
import datetime
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from canalis.cohort.shown import show_headers
from canalis.errors import CohortError

DELIMITERS: Final = (",", ";", "\t")
FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A text cell that begins with one of these is run as a formula by a spreadsheet."""

DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    SyntaxError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    OSError,
    EOFError,
    RuntimeError,
    OverflowError,
)
"""What openpyxl raises at a damaged workbook, broken XML (a SyntaxError) included."""


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A table as it stands in a file.

    Attributes
    ----------
    name : str
        File name, with the sheet's name for a workbook.
    headers : tuple of str
        First row.
    rows : tuple of (int, tuple of str)
        The row's number in the file, as a spreadsheet shows it, and its cells; empty rows are left out.
    decimal_comma : bool
        True for a file with semicolons, where "8,5" is a number.
    warnings : tuple of str
        What was done to read it.
    """

    name: str
    headers: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    decimal_comma: bool = False
    warnings: tuple[str, ...] = ()


def read_sheet(path: Path) -> Sheet:
    """Read the table in a CSV or XLSX file.

    Parameters
    ----------
    path : Path
        Ends in .csv, .tsv, .txt or .xlsx.

    Returns
    -------
    Sheet
        Every cell as text, stripped; a formula in a workbook as the value last computed.

    Raises
    ------
    CohortError
        If the file is absent, empty, of another kind, not UTF-8 or UTF-16, has a row longer than its
        header, two equal headers, or a formula without a value.
    """
    if not path.is_file():
        raise CohortError(f"Expected a CSV or XLSX file at {path}, found none. Check the path.")
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        sheet = _read_workbook(path)
    elif path.suffix.lower() in (".csv", ".tsv", ".txt"):
        sheet = _read_text(path)
    else:
        raise CohortError(
            f"Expected a CSV or XLSX file, found {path.name}. Save the table as .xlsx or as CSV UTF-8."
        )
    _check_shape(sheet)
    return sheet


def escape_formula(text: str) -> str:
    """Return a cell's text so that no spreadsheet runs it: a leading apostrophe before = + - @.

    Examples
    --------
    >>> escape_formula("=cmd|' /C calc'!A0")
    "'=cmd|' /C calc'!A0"
    >>> escape_formula("-12.5"), escape_formula("C3-C5")
    ('-12.5', 'C3-C5')
    """
    if not text.startswith(FORMULA_SIGNS):
        return text
    try:
        float(text)
    except ValueError:
        return "'" + text
    return text


def unescape_formula(text: str) -> str:
    """Return the text that `escape_formula` was given.

    Examples
    --------
    >>> unescape_formula("'=cmd")
    '=cmd'
    """
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_SIGNS) else text


def write_csv(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a CSV text with every cell safe to open in a spreadsheet.

    Parameters
    ----------
    headers : sequence of str
        First line.
    rows : iterable of sequence of str
        The other lines.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([escape_formula(header) for header in headers])
    writer.writerows([escape_formula(cell) for cell in row] for row in rows)
    return out.getvalue()


def _read_text(path: Path) -> Sheet:
    text = _decode(path)
    delimiter = _find_delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        numbered = [
            (number, row) for number, row in enumerate(reader, start=1) if any(c.strip() for c in row)
        ]
    except csv.Error as error:
        raise CohortError(
            f"Expected a CSV file, found in {path.name} near line {reader.line_num}: {error}. "
            "Close the quotation marks, or save the table again as CSV UTF-8."
        ) from None
    return _as_sheet(path.name, numbered, decimal_comma=delimiter == ";")


def _decode(path: Path) -> str:
    data = path.read_bytes()
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise CohortError(
            f"Expected UTF-8 text in {path.name}, found another encoding in line {line}. "
            "In Excel choose 'CSV UTF-8', or save as .xlsx."
        ) from None
    if "\x00" in text:
        raise CohortError(
            f"Expected text in {path.name}, found binary data. Save the table as .xlsx or CSV UTF-8."
        )
    return text


def _find_delimiter(text: str) -> str:
    header = next((line for line in text.splitlines() if line.strip()), "")
    counts = {delimiter: header.count(delimiter) for delimiter in DELIMITERS}
    return max(DELIMITERS, key=lambda delimiter: counts[delimiter])


def _read_workbook(path: Path) -> Sheet:
    import openpyxl

    try:
        values = openpyxl.load_workbook(path, read_only=True, data_only=True)
        formulas = openpyxl.load_workbook(path, read_only=True)
    except DAMAGE:
        raise CohortError(
            f"Expected an Excel workbook, found something else in {path.name}. Save it again as .xlsx."
        ) from None
    try:
        numbered: list[tuple[int, list[str]]] = []
        title, others = _choose_sheet(values.sheetnames)
        if not hasattr(values[title], "iter_rows"):
            raise CohortError(
                f"Expected a sheet of cells, found the chart '{title}' as the first sheet of {path.name}. "
                f"Move the table's sheet to the front, or name it 'cases'."
            )
        pairs = zip(values[title].iter_rows(), formulas[title].iter_rows(), strict=True)
        for number, (row, written) in enumerate(pairs, start=1):
            cells = [_cell_text(c, w, number, path.name) for c, w in zip(row, written, strict=True)]
            if any(cells):
                numbered.append((number, cells))
    except CohortError:
        raise
    except DAMAGE:
        row = numbered[-1][0] + 1 if numbered else 1
        raise CohortError(
            f"Expected an Excel workbook, found a damaged one in {path.name}, near row {row}. Open it in "
            f"Excel and save it again as .xlsx."
        ) from None
    finally:
        values.close()
        formulas.close()
    warnings = (f"Only the sheet '{title}' was read; not read: {', '.join(others)}.",) if others else ()
    return _as_sheet(f"{path.name}, sheet {title}", numbered, warnings=warnings)


def _choose_sheet(names: list[str]) -> tuple[str, list[str]]:
    title = next((name for name in names if name.strip().lower() == "cases"), names[0])
    return title, [name for name in names if name not in (title, "columns")]


def _cell_text(cell: Any, written: Any, row: int, file: str) -> str:
    value = cell.value
    if value is None and isinstance(written.value, str) and written.data_type == "f":
        raise CohortError(
            f"Expected a value in {file}, row {row}, column {written.column_letter}, found a formula that "
            f"was never "
            "computed. Open the file in Excel and save it, or type the value."
        )
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, int | float):
        number = round(value * 100, 10) if "%" in (cell.number_format or "") else value
        return repr(int(number)) if float(number).is_integer() else repr(number)
    return str(value).strip()


def _as_sheet(
    name: str,
    numbered: list[tuple[int, list[str]]],
    *,
    decimal_comma: bool = False,
    warnings: tuple[str, ...] = (),
) -> Sheet:
    if not numbered:
        raise CohortError(f"Expected a header and one row a case, found an empty table in {name}.")
    (_, first), *rest = numbered
    headers = [cell.strip() for cell in first]
    while headers and not headers[-1]:
        headers.pop()
    rows = [(number, _fit(row, len(headers), number, name)) for number, row in rest]
    return Sheet(name, tuple(headers), tuple(rows), decimal_comma, warnings)


def _fit(row: list[str], width: int, number: int, name: str) -> tuple[str, ...]:
    cells = [unescape_formula(cell.strip()) for cell in row]
    if any(cells[width:]):
        raise CohortError(
            f"Expected {width} cells as in the header, found {len(cells)} in {name}, row {number}. "
            "A comma inside a cell needs quotation marks around the cell; a decimal comma needs semicolons "
            "between cells."
        )
    return tuple(cells[:width] + [""] * (width - len(cells)))


def _check_shape(sheet: Sheet) -> None:
    if not sheet.rows:
        raise CohortError(f"Expected one row a case, found only a header in {sheet.name}. Fill in the table.")
    for place, header in enumerate(sheet.headers, start=1):
        if not header:
            raise CohortError(
                f"Expected a header, found an empty cell in {sheet.name}, row 1, column {place}. Name the "
                f"column."
            )
    for header, count in Counter(sheet.headers).items():
        if count > 1:
            places = " and ".join(str(i) for i, h in enumerate(sheet.headers, start=1) if h == header)
            raise CohortError(
                f"Expected each header once, found {show_headers([header])} {count} times in {sheet.name}, "
                f"row 1, column {places}. Rename one."
            )
