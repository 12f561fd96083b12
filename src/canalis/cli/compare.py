"""`canalis compare`: what changed between two results of one patient."""

from pathlib import Path
from typing import Annotated

import typer


def compare(
    before: Annotated[Path, typer.Argument(help="Folder of the earlier result.")],
    after: Annotated[Path, typer.Argument(help="Folder of the later result.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    years: Annotated[
        float | None, typer.Option(help="Years between the scans, for growth a year; no file holds a date.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that are there.")] = False,
) -> None:
    """Compare two results of one patient: change by level, each against what can be detected."""
    from canalis.report.comparison_files import compare_to_folder

    compare_to_folder(before, after, out, years=years, overwrite=overwrite)
    typer.echo(out / "comparison.html")
