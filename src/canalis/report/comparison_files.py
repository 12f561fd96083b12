"""What is written of two results compared."""

from pathlib import Path

from canalis.report.comparison import Comparison, compare
from canalis.report.comparison_page import HTML_NAME, make_comparison_page, read_pictures
from canalis.report.comparison_record import CSV_NAME, JSON_NAME, comparison_to_csv, comparison_to_json
from canalis.report.record import read_measurements
from canalis.result_folder import check_free, result_folder

NAMES = (JSON_NAME, CSV_NAME, HTML_NAME)


def compare_to_folder(
    before: Path, after: Path, folder: Path, *, years: float | None = None, overwrite: bool = False
) -> Comparison:
    """Compare two results and write ``comparison.json``, ``comparison.csv`` and ``comparison.html``.

    Parameters
    ----------
    before, after : Path
        Folders of results, the earlier first.
    folder : Path
        Made by this; it is there whole or not at all.
    years : float, optional
        Between the scans.
    overwrite : bool
        Whether a comparison that is there may be replaced.

    Returns
    -------
    Comparison
        As written.

    Raises
    ------
    ReadError
        If either folder holds no measurements.
    MeasurementError
        If either scan was refused, or the time is not above 0.
    OutputError
        If the folder holds a comparison already, or cannot be written.
    """
    check_free(folder, names=NAMES, overwrite=overwrite)
    comparison = compare(read_measurements(before), read_measurements(after), years=years)
    page = make_comparison_page(comparison, before=read_pictures(before), after=read_pictures(after))
    with result_folder(folder, names=NAMES) as beside:
        (beside / JSON_NAME).write_text(comparison_to_json(comparison), encoding="utf-8")
        (beside / CSV_NAME).write_text(comparison_to_csv(comparison), encoding="utf-8")
        (beside / HTML_NAME).write_text(page, encoding="utf-8")
    return comparison
