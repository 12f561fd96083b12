"""`canalis check-paper`: recompute a paper from what it prints."""

from pathlib import Path
from typing import Annotated

import typer


def check_paper(
    summary: Annotated[Path | None, typer.Argument(help="What the paper prints: TOML.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    example: Annotated[
        bool, typer.Option("--example", help="Check the paper shipped with the program.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier results.")] = False,
) -> None:
    """Recompute a paper: t and p, means and SDs of whole numbers, counts, missing cases, group members."""
    if out is None:
        raise typer.BadParameter("name the folder for the results", param_hint="--out")
    if example == (summary is not None):
        raise typer.BadParameter("give either a TOML file or --example", param_hint="SUMMARY")
    from canalis.cohort.check_paper import run_check

    for sentence in run_check(summary, out, overwrite=overwrite):
        typer.echo(sentence)
