"""`canalis cohort`: from a table of patients to a paper's tables."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer


def cohort(
    cases: Annotated[
        Path | None, typer.Argument(help="Table of cases: CSV, XLSX or a REDCap export.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for statistics, tables and figures.")] = None,
    imaging: Annotated[
        Path | None, typer.Option(help="Output folder of `canalis batch`, joined by case.")
    ] = None,
    scale: Annotated[
        str | None, typer.Option(help="Scale of the scores: JOA17, 'JOA17 revised' or mJOA18.")
    ] = None,
    missing: Annotated[
        str | None, typer.Option(help="Missing values: available, complete or refuse.")
    ] = None,
    example: Annotated[bool, typer.Option("--example", help="Run the paper's 27 patients.")] = False,
    template: Annotated[
        Path | None, typer.Option(help="Write an empty table (.csv or .xlsx) and stop.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier results.")] = False,
) -> None:
    """Analyse a table of operated patients: statistics, tables, figures, findings in plain sentences."""
    if template is not None:
        from canalis.cohort.template import write_template

        write_template(template)
        return
    if out is None:
        raise typer.BadParameter("name the folder for the results", param_hint="--out")
    if example == (cases is not None):
        raise typer.BadParameter("give either a table of cases or --example", param_hint="CASES")
    with _loading():
        from canalis.cohort.run import run_cohort

    for sentence in run_cohort(
        cases, out, imaging=imaging, scale=scale, missing=missing, overwrite=overwrite
    ):
        typer.echo(sentence)


@contextmanager
def _loading() -> Iterator[None]:
    """Keep what is loaded out of garbage collection: none of it goes, and looking it through takes 1 s."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
