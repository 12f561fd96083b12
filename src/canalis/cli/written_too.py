"""The options that `canalis measure` and `canalis batch` share: what else is written."""

from typing import Annotated, Literal

import typer

Pdf = Annotated[bool, typer.Option("--pdf", help="Write report.pdf too; needs the pdf extra.")]
Dicom = Annotated[
    bool,
    typer.Option(
        "--dicom", help="Write DICOM SEG and SR too, which name the patient; needs the dicom-out extra."
    ),
]


def written_too(*, pdf: bool, dicom: bool) -> tuple[Literal["pdf", "dicom"], ...]:
    """Return what else is to be written, as `canalis.chain.Options` has it."""
    return (*(("pdf",) if pdf else ()), *(("dicom",) if dicom else ()))


def flags(*, pdf: bool, dicom: bool, overwrite: bool) -> tuple[str, ...]:
    """Return the flags that were given, for the command in ``run.json`` and ``batch.json``."""
    given = {"--pdf": pdf, "--dicom": dicom, "--overwrite": overwrite}
    return tuple(flag for flag, asked in given.items() if asked)
