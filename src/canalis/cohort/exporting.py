"""Writing the store's cases to a file that a spreadsheet can open without running anything."""

from pathlib import Path

import pandas as pd

from canalis.cohort.sheet import FORMULA_SIGNS, write_csv
from canalis.errors import CohortError, OutputError
from canalis.result_folder import result_file


def write_cases(frame: pd.DataFrame, path: Path, *, overwrite: bool = False) -> None:
    """Write a table of cases as CSV or XLSX.

    Parameters
    ----------
    frame : DataFrame
        As `canalis.cohort.store.Store.export_cases` returns it.
    path : Path
        Ends in .csv or .xlsx.
    overwrite : bool
        Replace a file that is there.

    Raises
    ------
    CohortError
        If the name ends in something else.
    OutputError
        If the file exists or cannot be written.
    """
    if path.exists() and not overwrite:
        raise OutputError(
            f"Expected no file at {path} yet, found one. Add --overwrite, or choose another name."
        )
    if path.suffix.lower() not in (".csv", ".xlsx"):
        raise CohortError(
            f"Expected a name that ends in .csv or .xlsx, found {path.name}. Choose one of these."
        )
    with result_file(path) as beside:
        if path.suffix.lower() == ".csv":
            rows = [[_text(value) for value in row] for row in frame.itertuples(index=False)]
            beside.write_text(write_csv([str(c) for c in frame.columns], rows), encoding="utf-8-sig")
        else:
            _write_workbook(frame, beside)


def _text(value: object) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _write_workbook(frame: pd.DataFrame, path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "cases"
    sheet.append([str(c) for c in frame.columns])
    for row in frame.itertuples(index=False):
        sheet.append([None if value is None or value != value else value for value in row])
    for cells in sheet.iter_rows(min_row=2):
        for cell in cells:
            if isinstance(cell.value, str) and cell.value.startswith(FORMULA_SIGNS):
                cell.data_type = "s"  # text, never a formula
                cell.quotePrefix = True
    book.save(path)
