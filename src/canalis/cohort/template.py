"""An empty table of cases to fill in."""

from pathlib import Path
from typing import Final

from canalis.cohort.columns import COLUMNS
from canalis.cohort.joa import SCALES
from canalis.cohort.schema import SCHEMA
from canalis.cohort.sheet import write_csv
from canalis.errors import CohortError, OutputError
from canalis.result_folder import result_file

FURTHER: Final = (
    ("preoperative_<item>, postoperative_<item>", "a score item by item, instead of its total or beside it"),
    ("joa_at_<months>_months", "totals at further times: joa_at_3_months, joa_at_12_months"),
)
HEADERS: Final = ("column", "what to fill in", "unit", "expected", "other words that are understood")


def schema_rows() -> list[tuple[str, str, str, str, str]]:
    """Return the schema as rows: column, meaning, unit, expected, synonyms."""
    rows = []
    for column in COLUMNS:
        words = [f"{value}: {', '.join(s)}" for value, s in column.values.items() if s]
        rows.append((column.name, column.about, column.unit, column.expected, "; ".join(words)))
    rows += [(name, about, "points", "", "") for name, about in FURTHER]
    items = "; ".join(f"{scale.name}: {', '.join(scale.items)}" for scale in SCALES.values())
    return [*rows, ("<item>", "items of each scale", "", items, "")]


def write_template(path: Path) -> None:
    """Write an empty table of cases: CSV with its header, or XLSX with a second sheet on the columns.

    Parameters
    ----------
    path : Path
        Ends in .csv or .xlsx; must not exist.

    Raises
    ------
    CohortError
        If it ends in something else.
    OutputError
        If it exists or cannot be written.
    """
    if path.exists():
        raise OutputError(f"Expected no file at {path} yet, found one. Choose another name.")
    if path.suffix.lower() not in (".csv", ".xlsx"):
        raise CohortError(
            f"Expected a name that ends in .csv or .xlsx, found {path.name}. Choose one of these."
        )
    with result_file(path) as beside:
        if path.suffix.lower() == ".csv":
            beside.write_text(write_csv([column.name for column in COLUMNS], []), encoding="utf-8-sig")
        else:
            _write_workbook(beside)


def _write_workbook(path: Path) -> None:
    import openpyxl
    from openpyxl.styles import Alignment, Font

    book = openpyxl.Workbook()
    cases = book.active
    cases.title = "cases"
    cases.append([column.name for column in COLUMNS])
    cases.freeze_panes = "B2"
    about = book.create_sheet("columns")
    about.append(HEADERS)
    for row in schema_rows():
        about.append(row)
    about.append((f"schema {SCHEMA}",))
    for sheet in (cases, about):
        for cell in sheet[1]:
            cell.font = Font(bold=True)
            sheet.column_dimensions[cell.column_letter].width = 26
    for column in ("B", "D", "E"):
        about.column_dimensions[column].width = 60
        for cell in about[column]:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    book.save(path)
