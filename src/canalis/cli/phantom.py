"""`canalis phantom`: synthetic necks with known truth."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from canalis.labels import LEVELS

if TYPE_CHECKING:
    from canalis.phantom.neck import OperationKind
    from canalis.phantom.planted import Site
    from canalis.volume import Progress

OplType = Literal["continuous", "segmental", "mixed", "localized"]
TYPES: tuple[OplType, ...] = ("continuous", "segmental", "mixed", "localized")
BODIES = LEVELS[1:]  # C1 has none
SPAN = re.compile(rf"({'|'.join(BODIES)})(?:-({'|'.join(BODIES)}))?")


def phantom(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the phantom; made by this.")],
    seed: Annotated[
        int, typer.Option(min=0, help="Below 1000000 for training, below 2000000 validation, above tests.")
    ],
    type_: Annotated[
        str | None, typer.Option("--type", metavar="T", help=f"Type of OPLL: {', '.join(TYPES)}, or none.")
    ] = None,
    levels: Annotated[
        str | None,
        typer.Option(
            metavar="C3-C5[,C6]", help="Bodies that each mass covers; of a localized one that above its disc."
        ),
    ] = None,
    thickness_mm: Annotated[
        float | None, typer.Option(metavar="X", min=0.5, max=12, help="Greatest thickness of the OPLL, mm.")
    ] = None,
    operation: Annotated[
        str | None,
        typer.Option(metavar="O", help="The same neck opened: laminectomy, open-door or french-door."),
    ] = None,
    file_format: Annotated[str, typer.Option("--format", metavar="F", help="nifti or dicom.")] = "nifti",
    count: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many, of seeds N, N+1, ...: each in a folder of DIR named by its seed."
        ),
    ] = None,
    pixel_mm: Annotated[float, typer.Option(min=0.2, max=3, help="Pixel size, mm.")] = 0.4,
    slice_mm: Annotated[float, typer.Option(min=0.3, max=5, help="Distance between slices, mm.")] = 1.0,
    into: Annotated[
        Path | None,
        typer.Option(
            metavar="CT",
            help="Plant the OPLL into this scan, blurred and grainy as it is, on its own voxels.",
        ),
    ] = None,
    segmentation: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --into: label map (NIfTI) that tells canal and levels, not the network.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in DIR.")] = False,
) -> None:
    """Write a synthetic neck CT, or a real one with planted OPLL, and the truth about it.

    Writes ct.nii.gz or dicom/, truth.json (fields of measurements.json) and truth.nii.gz (labels of
    segmentation.nii.gz).
    """
    from canalis.cli.progress import shown_progress
    from canalis.phantom.files import FORMATS, write_phantoms
    from canalis.phantom.ossification import Wanted

    chosen = next((name for name in FORMATS if name == file_format), None)
    if chosen is None:
        raise typer.BadParameter(f"Expected --format nifti or dicom, found {file_format}.")
    wanted = Wanted(
        present=False if type_ == "none" else None,
        type=_type(type_),
        levels=_check_type(_type(type_), parse_levels(levels)),
        thickness_mm=thickness_mm,
        operation=_operation(operation),
    )
    seeds = {seed: out} if count is None else {n: out / str(n) for n in range(seed, seed + count)}
    if type_ == "none" and (levels is not None or thickness_mm is not None):
        raise typer.BadParameter("--type none has no OPLL: leave --levels and --thickness-mm out.")
    if operation is not None and into is not None:
        raise typer.BadParameter("--operation opens a synthetic neck: leave --into out.")
    if segmentation is not None and into is None:
        raise typer.BadParameter("--segmentation tells where to plant: give --into too.")
    with shown_progress() as progress:
        if into is not None:
            from canalis.phantom.planted_files import write_planted_scans

            site = _site(into, segmentation, progress)
            write_planted_scans(
                seeds, site, wanted=wanted, file_format=chosen, overwrite=overwrite, progress=progress
            )
        else:
            write_phantoms(
                seeds,
                wanted=wanted,
                file_format=chosen,
                voxel_mm=(pixel_mm, slice_mm),
                overwrite=overwrite,
                progress=progress,
            )
    for folder in seeds.values():
        typer.echo(str(folder))


def _site(into: Path, label_map: Path | None, progress: "Progress | None") -> "Site":
    """Return a scan made ready for planting, by a label map or the network's."""
    from canalis.chain import read_drawn
    from canalis.phantom.planted import survey
    from canalis.read import read_volume
    from canalis.segment import segment

    volume = read_volume(into, progress=progress)
    found = segment(volume, progress=progress) if label_map is None else read_drawn(label_map, volume)
    return survey(volume, found)


def _type(name: str | None) -> OplType | None:
    """Return the type wanted; None for any or none; wrong usage for another word."""
    if name is None or name == "none":
        return None
    for known in TYPES:
        if name == known:
            return known
    raise typer.BadParameter(f"Expected --type {', '.join(TYPES)} or none, found {name}.")


def _operation(name: str | None) -> "OperationKind | None":
    """Return the operation wanted; None for none; wrong usage for another word."""
    from canalis.phantom.neck import OPERATIONS

    known = {kind.replace(" ", "-"): kind for kind in OPERATIONS}
    if name is not None and name not in known:
        raise typer.BadParameter(f"Expected --operation {', '.join(known)}, found {name}.")
    return known[name] if name else None


def parse_levels(levels: str | None) -> tuple[tuple[str, ...], ...]:
    """Return the bodies of each mass: ``C3-C5,C6`` is C3, C4 and C5, then C6; wrong usage otherwise."""
    spans = []
    free = 0  # the first body that no mass covers yet
    for part in levels.split(",") if levels is not None else []:
        found = SPAN.fullmatch(part.strip())
        first = BODIES.index(found[1]) if found else 0
        last = BODIES.index(found[2] or found[1]) if found else -1
        if last < first or first < free:
            raise typer.BadParameter(
                f"Expected --levels such as C3-C5,C6: of {BODIES[0]} to {BODIES[-1]}, from head to foot and "
                f"each once, found {levels}."
            )
        spans.append(BODIES[first : last + 1])
        free = last + 1
    return tuple(spans)


def _check_type(kind: OplType | None, spans: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """Return the bodies of each mass; wrong usage where they cannot be those of the type."""
    single = [len(span) == 1 for span in spans]
    possible = {
        "continuous": (not any(single), "two bodies or more a mass, such as C3-C5"),
        "segmental": (all(single), "one body a mass, such as C3,C5"),
        "mixed": (any(single) and not all(single), "a mass of two bodies or more and one of one: C3-C5,C6"),
        "localized": (
            all(single) and not {"T1", "T2"} & {span[0] for span in spans},
            "the body above each disc, C2 to C7, such as C4 for C4/5",
        ),
    }
    if kind is not None and spans:
        fits, needed = possible[kind]
        if not fits:
            told = ",".join(f"{s[0]}-{s[-1]}" if len(s) > 1 else s[0] for s in spans)
            raise typer.BadParameter(f"Expected --levels of --type {kind} to be {needed}, found {told}.")
    return spans
