"""`canalis agreement`: how far readers, or readers and the program, agree."""

from pathlib import Path
from typing import Annotated

import typer


def agreement(
    readers: Annotated[
        Path, typer.Argument(help="Readings: case, reader and measures; or one column a reader.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    imaging: Annotated[
        Path | None, typer.Option(help="Output folder of `canalis batch`, as one more reader.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier results.")] = False,
) -> None:
    """Compare readers: intraclass correlation, Bland and Altman's limits, kappa."""
    from canalis.cohort.agreement import run_agreement

    for sentence in run_agreement(readers, out, imaging=imaging, overwrite=overwrite):
        typer.echo(sentence)
