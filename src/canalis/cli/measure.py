"""`canalis measure`: one CT in, a folder of results out."""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from canalis.cli.progress import shown_progress
from canalis.cli.written_too import Dicom, Pdf, flags, written_too

HINT = re.compile(r"(C2)=(-?\d+(?:\.\d+)?)")


def measure(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT", help="Folder of DICOM slices, zip of one, Enhanced DICOM file, or NIfTI file."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the results; made by this.")],
    series: Annotated[
        str | None, typer.Option(metavar="UID", help="Series to read where the input holds several.")
    ] = None,
    hint: Annotated[
        str | None,
        typer.Option(metavar="C2=Z_MM", help="Height of the middle of C2 (LPS mm), to count levels from."),
    ] = None,
    segmentation: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Measure this label map (NIfTI) instead of the network's."),
    ] = None,
    pdf: Pdf = False,
    dicom: Dicom = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that are in DIR.")] = False,
) -> None:
    """Measure the canal and its ossification on one CT.

    Writes measurements.json, measurements.csv, segmentation.nii.gz, report.html and run.json. Exit code
    0: measured; 3: partial; 1: the input cannot be read or is refused; 2: wrong usage.
    """
    from canalis.chain import Options, measure_to_folder, why_refused

    if hint is not None and segmentation is not None:
        raise typer.BadParameter("A label map names its own levels: give --hint or --segmentation, not both.")
    given = flags(pdf=pdf, dicom=dicom, overwrite=overwrite)
    options = Options(
        series=series,
        hint=parse_hint(hint),
        label_map=segmentation,
        overwrite=overwrite,
        also=written_too(pdf=pdf, dicom=dicom),
        command=_command(series=series, hint=hint, segmentation=segmentation, given=given),
    )
    with shown_progress() as progress:
        result = measure_to_folder(source, out, options, progress=progress)
    if result.measurements.status == "refused":
        sys.stderr.write(f"canalis: Refused: {' '.join(why_refused(result.measurements).split())}\n")
    else:
        typer.echo(f"{result.measurements.status}: {out / 'report.html'}")
    raise typer.Exit(result.exit_code)


def parse_hint(hint: str | None) -> tuple[str, float] | None:
    """Return the level and height of ``C2=1079.0``; wrong usage otherwise."""
    if hint is None:
        return None
    found = HINT.fullmatch(hint)
    if found is None:
        raise typer.BadParameter(f"Expected the height of C2, such as C2=1079.0, found {hint!r}.")
    return found[1], float(found[2])


def _command(
    *, series: str | None, hint: str | None, segmentation: Path | None, given: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the command for ``run.json``: paths and the series UID by their names in the help."""
    words = ["canalis", "measure", "INPUT", "--out", "DIR"]
    words += ["--series", "UID"] if series is not None else []
    words += ["--hint", hint] if hint is not None else []
    words += ["--segmentation", "FILE"] if segmentation is not None else []
    return (*words, *given)
