"""`canalis cases`: the store of cases, scores and imaging results."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from canalis.cli.doors import one_line_errors

app = typer.Typer(help="Keep cases in a database that remembers every change.", no_args_is_help=True)

Database = Annotated[
    str,
    typer.Option(help="SQLite or PostgreSQL by URL: postgresql://user@host/name.", envvar="CANALIS_DATABASE"),
]
DEFAULT = "sqlite:///canalis-cases.sqlite"


@app.command("import")
@one_line_errors
def import_(
    file: Annotated[Path, typer.Argument(help="Table of cases: CSV, XLSX or a REDCap export.")],
    database: Database = DEFAULT,
    imaging: Annotated[Path | None, typer.Option(help="Output folder of `canalis batch`.")] = None,
    scale: Annotated[str | None, typer.Option(help="Scale of the scores.")] = None,
    who: Annotated[str | None, typer.Option(help="Who makes the change; your login when not given.")] = None,
    why: Annotated[str | None, typer.Option(help="Why; the file's hash when not given.")] = None,
) -> None:
    """Add and update cases; an empty cell changes nothing."""
    from canalis.cohort.cases import read_table
    from canalis.cohort.imaging import read_imaging
    from canalis.cohort.store import Change, Store

    table = read_table(file, scale=scale)
    measured = None if imaging is None else read_imaging(imaging)
    change = Change(who or getpass.getuser(), datetime.now(UTC), why or f"import of file {table.sha256[:12]}")
    done = Store(database).import_cases(table, change, imaging=measured)
    for warning in table.warnings:
        typer.echo(warning)
    typer.echo(
        f"{done.new_cases} cases added, {done.changed_values} values written, {done.unchanged_values} were "
        f"there already."
    )


@app.command("list")
@one_line_errors
def list_(database: Database = DEFAULT) -> None:
    """List the cases with their scores and when they last changed."""
    from canalis.cohort.store import Store

    columns = ("case", "scale", "approach", "violence", "preoperative", "postoperative", "changed")
    cases = Store(database, read_only=True).list_cases()
    typer.echo("\t".join(columns))
    for case in cases:
        cells = ["" if case.get(c) is None else case[c] for c in columns]
        typer.echo("\t".join(f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in cells))


@app.command("export")
@one_line_errors
def export(
    file: Annotated[Path, typer.Argument(help="File to write: .csv or .xlsx.")],
    database: Database = DEFAULT,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Write every case to a table that `canalis cohort` reads."""
    from canalis.cohort.exporting import write_cases
    from canalis.cohort.store import Store

    write_cases(Store(database, read_only=True).export_cases(), file, overwrite=overwrite)


@app.command("history")
@one_line_errors
def history(
    case: Annotated[str | None, typer.Argument(help="One case; all when not given.")] = None,
    database: Database = DEFAULT,
) -> None:
    """List every change: when, who, which value, from what to what, why."""
    from canalis.cohort.store import Store

    columns = ("at", "who", "case", "field", "old", "new", "why")
    changes = Store(database, read_only=True).history(case)
    typer.echo("\t".join(columns))
    for change in changes:
        typer.echo("\t".join("" if change[c] is None else str(change[c]) for c in columns))
