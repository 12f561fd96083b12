"""A folder or zip of DICOM files to a Volume."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from canalis.errors import GeometryError, ReadError
from canalis.read.geometry import DOUBLED_MM, SliceGeometry, described_slices, geometry_warnings, shortened
from canalis.read.headers import Frame, LeftOut, quiet_pydicom, read_frames
from canalis.read.pixels import FrameDecoder, UndecodableFrameError, whole_numbers, why_not_decodable
from canalis.read.resample import resample, right_grid
from canalis.read.series import ENOUGH_SLICES, choose_stack, group_into_stacks, series_hash
from canalis.read.sources import ImageFile
from canalis.volume import Acquisition, HounsfieldArray, Progress, ScanWarning, Volume

LARGEST_SHARE_UNREADABLE = 0.25  # of the slices; with more gone, too little is left to measure


def read_dicom(
    files: list[ImageFile],
    series: str | None,
    progress: Progress | None = None,
    *,
    unopened: Sequence[ImageFile] = (),
) -> Volume:
    """Return the CT that DICOM files hold.

    Parameters
    ----------
    files : list of ImageFile
        DICOM files, in any order, of any number of series.
    series : str or None
        A series instance UID or its hash; None picks the thinnest axial series.
    progress : callable, optional
        Called as headers and slices are read.
    unopened : sequence of ImageFile
        Files beside them that cannot be opened; each counts as a slice that cannot be read.

    Returns
    -------
    Volume
        Slices growing to the head, rows and columns as stored; Hounsfield units int16 where the
        rescaling keeps whole numbers, else float32.

    Raises
    ------
    ReadError
        If no CT series can be read, or it is not clear which.
    GeometryError
        If the slices do not describe one place in the patient.
    """
    frames, left_out, said = _scan(files, unopened, progress)
    stack, chosen = choose_stack(group_into_stacks(frames), left_out, series)
    _refuse_undecodable(list(stack.frames))
    slices = _sorted(list(stack.frames))
    slices, doubled = _without_doubled(slices)
    hu, slices, unreadable = _decode(slices, progress)
    return _place(hu, slices, [*said, *chosen, *doubled, *unreadable], progress)


@dataclass(frozen=True, slots=True, eq=False)
class _Slices:
    """Frames in order, where they lie, and the number each had in the whole stack."""

    frames: list[Frame]
    geometry: SliceGeometry
    numbers: list[int]
    total: int

    def without(self, gone: list[int]) -> "_Slices":
        keep = [i for i in range(len(self.frames)) if i not in set(gone)]
        return _Slices(
            frames=[self.frames[i] for i in keep],
            geometry=self.geometry.without(gone),
            numbers=[self.numbers[i] for i in keep],
            total=self.total,
        )

    def described(self, indices: list[int]) -> str:
        """Name slices by number and height, as in an error."""
        z = self.geometry.origins_lps[indices[0], 2]
        return f"{described_slices([self.numbers[i] for i in indices], self.total)}, z = {z:.1f} mm"


def _scan(
    files: list[ImageFile], unopened: Sequence[ImageFile], progress: Progress | None
) -> tuple[list[Frame], list[LeftOut], list[ScanWarning]]:
    frames: list[Frame] = []
    left_out: list[LeftOut] = []
    damaged: list[ImageFile] = []
    with quiet_pydicom():
        for count, file in enumerate(files, start=1):
            try:
                found = read_frames(file)
            except ReadError:
                damaged.append(file)
                continue
            if isinstance(found, LeftOut):
                left_out.append(found)
            else:
                frames.extend(found)
            if progress is not None:
                progress("Looking at files", count, len(files))
    gone, total = [*damaged, *unopened], len(files) + len(unopened)
    if gone and len(gone) > LARGEST_SHARE_UNREADABLE * total:
        described = f"{len(gone)} of {total} DICOM files"
        raise ReadError(f"{described} cannot be read, {gone[0].place} first. Copy them again.")
    said = [f"The header of {file.place} cannot be read; it was left out." for file in damaged]
    said += [f"{file.place.capitalize()} cannot be opened; it was left out." for file in unopened]
    return frames, left_out, [ScanWarning("unreadable-slices", message) for message in said]


def _refuse_undecodable(frames: list[Frame]) -> None:
    """Refuse a series of which no decoder reads enough, before the first frame is decoded."""
    reasons = [why for frame in frames if (why := why_not_decodable(frame.pixels))]
    if reasons and _too_little_left(len(reasons), len(frames)):
        which = "The slices" if len(reasons) == len(frames) else f"{len(reasons)} of {len(frames)} slices"
        raise ReadError(f"{which} are {reasons[0]}")


def _too_little_left(bad: int, total: int) -> bool:
    return bad > LARGEST_SHARE_UNREADABLE * total or total - bad < ENOUGH_SLICES


def _sorted(frames: list[Frame]) -> _Slices:
    first = frames[0]
    column_direction, row_direction = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    geometry = SliceGeometry(
        origins_lps=np.array([frame.position_lps for frame in frames]),
        row_direction=row_direction / max(float(np.linalg.norm(row_direction)), 1e-9),
        column_direction=column_direction / max(float(np.linalg.norm(column_direction)), 1e-9),
        row_spacing_mm=first.row_spacing_mm,
        column_spacing_mm=first.column_spacing_mm,
        shape=(first.pixels.rows, first.pixels.columns),
    )
    geometry, order = geometry.sorted_to_head()
    return _Slices([frames[i] for i in order], geometry, list(range(len(frames))), len(frames))


def _without_doubled(slices: _Slices) -> tuple[_Slices, list[ScanWarning]]:
    """Drop one of two equal slices at one place; refuse unequal ones."""
    gone: list[int] = []
    said = []
    decoder = FrameDecoder()
    for lower, upper in slices.geometry.doubled():
        pair = slices.described([lower, upper])
        one, other = (_decoded_or_none(decoder, slices.frames[i]) for i in (lower, upper))
        if one is not None and other is not None and not np.array_equal(one, other):
            raise GeometryError(
                f"Two slices stand at the same place, within {DOUBLED_MM} mm, with different pixels: {pair}. "
                "Two reconstructions are mixed. Read one series with --series, or separate the files."
            )
        gone.append(lower if one is None else upper)
        said.append(f"{pair[0].upper()}{pair[1:]}, are doubled; one was kept.")
    return slices.without(gone), [ScanWarning("doubled-slices", message) for message in shortened(said)]


def _decoded_or_none(decoder: FrameDecoder, frame: Frame) -> HounsfieldArray | None:
    out = np.empty((frame.pixels.rows, frame.pixels.columns), np.float32)
    try:
        decoder.decode_into(frame, out)
    except UndecodableFrameError:
        return None
    return out


def _decode(slices: _Slices, progress: Progress | None) -> tuple[HounsfieldArray, _Slices, list[ScanWarning]]:
    """Return the voxels of every readable slice, and a warning for each of the others."""
    total = len(slices.frames)
    hu = _empty(slices)
    decoder = FrameDecoder()
    bad = []
    for i, frame in enumerate(slices.frames):
        try:
            decoder.decode_into(frame, hu[i])
        except UndecodableFrameError:
            bad.append(i)
        if progress is not None:
            progress("Reading", i + 1, total)
    if not bad:
        return hu, slices, []
    if _too_little_left(len(bad), total):
        raise ReadError(
            f"Too little is left of the series: {len(bad)} of {total} slices are truncated or cannot be "
            f"decoded, {slices.described(bad[:1])}, first. Copy the series again."
        )
    said = [
        ScanWarning(
            "unreadable-slices", f"{slices.described([i]).capitalize()}, is truncated or undecodable."
        )
        for i in bad
    ]
    hu = hu[[i for i in range(total) if i not in bad]]
    return hu, slices.without(bad), said


def _empty(slices: _Slices) -> HounsfieldArray:
    shape = (len(slices.frames), *slices.geometry.shape)
    if whole_numbers(slices.frames):
        return np.empty(shape, np.int16)
    return np.empty(shape, np.float32)


def _place(
    hu: HounsfieldArray, slices: _Slices, said: list[ScanWarning], progress: Progress | None
) -> Volume:
    """Return the voxels on an even, right-angled grid: as they are, or resampled."""
    geometry = slices.geometry
    straight = geometry.evenly_spaced and not geometry.tilted
    grid = None if straight else right_grid(geometry)
    acquisition = Acquisition(
        kind="dicom",
        slices=slices.total,
        spacing_mm=(geometry.usual_gap_mm, geometry.row_spacing_mm, geometry.column_spacing_mm),
        series_hash=series_hash(slices.frames[0].identity.series),
        source_gap_mm=None if geometry.evenly_spaced or grid is None else grid.source_gap_mm,
        resampled=grid is not None,
        warnings=(*said, *geometry_warnings(geometry)),
        files=tuple(frame.file.path for frame in slices.frames),
    )
    if grid is None:
        return Volume(hu, geometry.affine, acquisition)
    return Volume(resample(hu, geometry, grid, progress), grid.affine, acquisition)
