"""`canalis demo`: a synthetic study, measured."""

from pathlib import Path
from typing import Annotated

import typer

DEMO_SEED = 2_000_001  # of the test range: no network was trained on it; no contrast in the sac


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the study and its result.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in DIR.")] = False,
) -> None:
    """Write a synthetic DICOM study with OPLL, measure it, and print where the report is.

    DIR holds study/dicom, the truth beside it, and result/report.html.
    """
    from canalis.chain import Options, measure_to_folder
    from canalis.cli.progress import shown_progress
    from canalis.phantom.files import write_phantoms
    from canalis.phantom.ossification import Wanted
    from canalis.result_folder import check_free

    check_free(out / "result", overwrite=overwrite)
    wanted = Wanted(type="continuous", levels=(("C4", "C5"),), thickness_mm=5.0)
    command = ("canalis", "demo", "--out", "DIR", *(["--overwrite"] if overwrite else []))
    with shown_progress() as progress:
        write_phantoms(
            {DEMO_SEED: out / "study"},
            wanted=wanted,
            file_format="dicom",
            overwrite=overwrite,
            progress=progress,
        )
        options = Options(overwrite=overwrite, command=command)
        result = measure_to_folder(out / "study" / "dicom", out / "result", options, progress=progress)
    typer.echo(f"{result.measurements.status}: {out / 'result' / 'report.html'}")
    raise typer.Exit(result.exit_code)
