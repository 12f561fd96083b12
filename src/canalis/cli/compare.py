"""`canalis compare`: what changed between two results of one patient."""

from pathlib import Path
from typing import Annotated

import typer


def compare(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="Folder of the earlier result.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="Folder of the later result.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the comparison; made by this.")],
    years: Annotated[
        float | None,
        typer.Option(metavar="X", help="Years between the scans, for growth a year; no file holds a date."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a comparison that is in DIR.")
    ] = False,
) -> None:
    """Compare two results of one patient: change by level, each against what can be detected.

    Writes comparison.html, comparison.json and comparison.csv.
    """
    from canalis.report.comparison_files import compare_to_folder

    compare_to_folder(before, after, out, years=years, overwrite=overwrite)
    typer.echo(out / "comparison.html")
