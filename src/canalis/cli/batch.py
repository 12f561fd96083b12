"""`canalis batch`: many studies in, a folder of results a study and a table of all of them out."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from canalis.cli.written_too import Dicom, Pdf, flags, written_too

if TYPE_CHECKING:
    from canalis.batch.run import Step, Summary, Workers


def batch(
    studies: Annotated[
        Path,
        typer.Argument(
            metavar="STUDIES",
            help="Folder of studies (folders, zips, NIfTI files), or a table with columns case and path.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the results; made by this.")],
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes of one thread each, 1.5 GB each; by default one a core."),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Use the dask cluster of this scheduler; needs the cluster extra."
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Number the cases instead of naming them as their folders, and write here which is which.",
        ),
    ] = None,
    pdf: Pdf = False,
    dicom: Dicom = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Measure again what DIR holds with other settings or inputs."),
    ] = False,
) -> None:
    """Measure many studies; the same command again goes on where it was.

    Writes DIR/CASE with the files of canalis measure, cases.csv with a row a case, and batch.json. Exit
    code 0: all measured; 3: some partial, refused or failed; 1: none measured; 2: wrong usage; 130: stopped
    with Ctrl-C.
    """
    from canalis.batch.results import Settings
    from canalis.batch.run import run_batch
    from canalis.batch.studies import check_names, find_studies, number_studies
    from canalis.chain import Options, check_extras

    if workers is not None and dask is not None:
        raise typer.BadParameter("Give --workers for this machine or --dask for a cluster, not both.")
    given = flags(pdf=pdf, dicom=dicom, overwrite=overwrite)
    settings = Settings.of_this_program(written_too(pdf=pdf, dicom=dicom))
    check_extras(Options(also=settings.also))
    found = find_studies(studies, out=out)
    if found.left_out:
        files = "1 file" if found.left_out == 1 else f"{found.left_out} files"
        sys.stderr.write(f"canalis: Passed over {files} of STUDIES that can hold no CT.\n")
    named = found.studies if key is None else number_studies(found.studies, key)
    check_names(named)
    with _stopped_by_sigterm(), _shown(len(named)) as tell:
        summary = run_batch(
            named,
            out.resolve(),
            settings,
            _workers(workers, dask),
            command=_command(workers, dask, key, given),
            overwrite=overwrite,
            tell=tell,
        )
    typer.echo(f"{_counted(summary)}: {out / 'cases.csv'}")
    if summary.interrupted:
        sys.stderr.write("canalis: Stopped. The same command goes on where it was.\n")
    raise typer.Exit(summary.exit_code)


def _workers(workers: int | None, address: str | None) -> "Workers":
    if address is not None:
        from canalis.batch.cluster import measure_on_cluster

        return partial(measure_on_cluster, address=address)
    from canalis.batch.local import measure_here

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return partial(measure_here, workers=workers or cores)


def _counted(summary: "Summary") -> str:
    order = ("measured", "partial", "refused", "failed", "waiting")
    told = ", ".join(f"{summary.counts[name]} {name}" for name in order if name in summary.counts)
    return f"{told} ({summary.kept} by an earlier run)" if summary.kept else told


def _command(
    workers: int | None, address: str | None, key: Path | None, given: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the command for ``batch.json``: paths and the address by their names in the help."""
    words = ["canalis", "batch", "STUDIES", "--out", "DIR"]
    words += ["--workers", str(workers)] if workers is not None else []
    words += ["--dask", "ADDRESS"] if address is not None else []
    words += ["--key", "FILE"] if key is not None else []
    return (*words, *given)


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Let a cluster's SIGTERM stop a batch as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _shown(total: int) -> "Iterator[Callable[[Step], None]]":
    """Give a callback: a line a failure, and where stderr is a terminal a bar with the time left."""

    def failure(step: "Step") -> str | None:
        ended = step.outcome
        if ended is None or ended.status != "failed":
            return None
        return f"canalis: {ended.case}: {ended.code}: {ended.message}"

    if not sys.stderr.isatty():

        def tell(step: "Step") -> None:
            line = failure(step)
            if line:
                sys.stderr.write(line + "\n")

        yield tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    with Progress(BarColumn(), TextColumn("{task.description}"), console=console, transient=True) as bars:
        task = bars.add_task("", total=total)

        def draw(step: "Step") -> None:
            line = failure(step)
            if line:
                console.print(line, markup=False, highlight=False, soft_wrap=True)
            bars.update(task, completed=step.done, description=describe(step))

        yield draw


def describe(step: "Step") -> str:
    """Return how far a batch is, in words.

    Examples
    --------
    >>> from canalis.batch.run import Step
    >>> describe(Step(done=12, total=30, failed=1, seconds_left=200.0))
    '12 of 30, 1 failed, about 4 min left'
    """
    words = [f"{step.done} of {step.total}"]
    if step.failed:
        words.append(f"{step.failed} failed")
    if step.seconds_left is not None and step.done < step.total:
        minutes = step.seconds_left / 60
        if minutes < 1:
            words.append("under 1 min left")
        elif minutes < 90:
            words.append(f"about {minutes + 0.5:.0f} min left")
        else:
            words.append(f"about {minutes / 60:.1f} h left")
    return ", ".join(words)
