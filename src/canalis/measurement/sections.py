"""Sections across the canal, many at once: what lies on each, and its edges on AP and LR lines."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.errors import MeasurementError
from canalis.measurement.edges import EdgeField, Edges, bounding_box
from canalis.measurement.frame import MovingFrame
from canalis.volume import Mask

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SECTION_HALF_MM = 20.0  # to each side and to back and front: the canal at C1 is 30 mm deep, 28 mm wide
OUTSIDE_MM = -1.0  # what a part that is taken out of a section is set to
RAGGED_END_MM, RAGGED_LOOK_MM = 16.0, 4.0  # how far from its ends a canal may be ragged; what is further in
RAGGED_SHARE = 0.85  # of the area further in: people's canals narrow by less over 4 mm
NEAR_CUT_MM = -0.75  # a section whose canal comes this near to the canal's end is cut by it


@dataclass(frozen=True, slots=True, eq=False)
class Extent:
    """The part of the scan in which the canal was found: between its first and last slice.

    Attributes
    ----------
    affine : ndarray of shape (4, 4)
        Index of the scan's grid to LPS+ mm.
    shape : tuple of int
        Of that grid.
    axis : int
        The grid's axis that runs along the canal.
    first, last : int
        Its first and last index with canal.
    """

    affine: Floats
    shape: tuple[int, int, int]
    axis: int
    first: int
    last: int

    def holds(self, frame: MovingFrame, back_mm: Floats, left_mm: Floats) -> Bools:
        """Return where a grid in every plane lies between the canal's first and last slice."""
        index = self.slices_of(frame, back_mm, left_mm)
        return np.asarray((index >= self.first - 0.5) & (index <= self.last + 0.5))

    def in_scan(self, frame: MovingFrame, back_mm: Floats, left_mm: Floats) -> Bools:
        """Return where a grid in every plane lies between the scan's first and last slice."""
        index = self.slices_of(frame, back_mm, left_mm)
        return np.asarray((index >= -0.5) & (index <= self.shape[self.axis] - 0.5))

    @property
    def at_scan_edge(self) -> tuple[bool, bool]:
        """Whether the canal reaches the scan's upper and lower edge."""
        ends = (self.first <= 0, self.last >= self.shape[self.axis] - 1)
        return ends if self.affine[2, self.axis] < 0 else (ends[1], ends[0])

    def slices_of(self, frame: MovingFrame, back_mm: Floats, left_mm: Floats) -> Floats:
        """Return the fractional index across slices of a grid in every plane, shape (n, rows, columns)."""
        way = np.linalg.inv(self.affine[:3, :3])[self.axis]
        start = ((frame.centers_lps - self.affine[:3, 3]) @ way)[:, None, None]
        back = (frame.posteriors_lps @ way)[:, None, None] * np.asarray(back_mm)[:, None]
        return np.asarray(start + back + (frame.lefts_lps @ way)[:, None, None] * np.asarray(left_mm))


def extent_of(mask: Mask, canal_labels: tuple[int, ...]) -> Extent:
    """Return where in a label map the canal was found.

    Raises
    ------
    MeasurementError
        If the label map holds none.
    """
    directions = np.abs(mask.affine[2, :3]) / np.linalg.norm(mask.affine[:3, :3], axis=0)
    axis = int(np.argmax(directions))
    box = bounding_box(mask, canal_labels, margin_mm=0.0)
    if box is None:
        raise MeasurementError("No canal in the label map. Check that it holds labels 1 to 3.")
    return Extent(mask.affine, mask.shape, axis, box[axis].start, box[axis].stop - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Sections:
    """Soft edges on a grid in each of n planes.

    Attributes
    ----------
    frame : MovingFrame
        The n planes.
    back_mm : ndarray of shape (rows,)
        Positions of the rows behind the centreline, evenly spaced.
    left_mm : ndarray of shape (columns,)
        Positions of the columns to the patient's left of it, evenly spaced.
    canal : ndarray of shape (n, rows, columns)
        Edge field of the anatomical canal, positive inside, its main part only.
    ossification, spared, narrowing : ndarray of shape (n, rows, columns) or None
        Of the ossification, of the canal without it, and of what else narrows the canal.
    whole : ndarray of shape (n,)
        False where the section's canal is empty or runs out of the scan.
    """

    frame: MovingFrame
    back_mm: Floats
    left_mm: Floats
    canal: NDArray[np.float32]
    ossification: NDArray[np.float32] | None
    spared: NDArray[np.float32] | None
    narrowing: NDArray[np.float32] | None
    whole: Bools


def cut_sections(edges: Edges, extent: Extent, frame: MovingFrame, *, pixel_mm: float) -> Sections:
    """Return the sections of a moving frame's planes.

    Parameters
    ----------
    edges : Edges
        What lies in the canal.
    extent : Extent
        Where the canal was looked for.
    frame : MovingFrame
        One plane a section.
    pixel_mm : float
        Of the grid in each plane.

    Returns
    -------
    Sections
        Of 40 x 40 mm.
    """
    ticks = section_ticks(pixel_mm)
    canal = keep_main_part(edges.canal.sample(frame, ticks, ticks), ticks)
    lost = (canal > NEAR_CUT_MM) & ~extent.holds(frame, ticks, ticks)
    whole = np.any(canal > 0, axis=(1, 2)) & ~np.any(lost, axis=(1, 2))

    def inside(field: EdgeField | None) -> NDArray[np.float32] | None:
        return None if field is None else field.sample(frame, ticks, ticks)

    mass, spared, narrowing = inside(edges.ossification), inside(edges.spared), inside(edges.narrowing)
    return Sections(frame, ticks, ticks, canal, mass, spared, narrowing, whole)


def section_ticks(pixel_mm: float) -> Floats:
    """Return the positions, mm, of a section's rows and columns."""
    reach = round(SECTION_HALF_MM / pixel_mm)
    return pixel_mm * np.arange(-reach, reach + 1, dtype=np.float64)


def ragged_ends(area_mm2: Floats, step_mm: float) -> Bools:
    """Return where sections are cut by an end of the canal that is not square to it.

    Parameters
    ----------
    area_mm2 : ndarray of shape (n,)
        Area of the canal in each section, along the centreline.
    step_mm : float
        Between sections.

    Returns
    -------
    ndarray of shape (n,)
        True where, near either end, the area falls below most of that a little further in.
    """
    further = max(1, round(RAGGED_LOOK_MM / step_mm))
    ragged = np.zeros(len(area_mm2), dtype=bool)
    held = np.flatnonzero(area_mm2 > 0)
    if not len(held):
        return ragged
    for area, marked, start in (
        (area_mm2, ragged, held[0]),
        (area_mm2[::-1], ragged[::-1], len(ragged) - 1 - held[-1]),
    ):
        reach = min(start + round(RAGGED_END_MM / step_mm), len(area) - further)
        short = area[:reach] < RAGGED_SHARE * area[further : further + reach]
        if short.any():
            marked[: np.flatnonzero(short)[-1] + 1] = True
    return ragged


def keep_main_part(canal: NDArray[np.float32], ticks: Floats) -> NDArray[np.float32]:
    """Return the canal field with the parts apart from the one nearest the centre taken out."""
    distance = np.hypot(ticks[:, None], ticks[None, :])
    for section in canal:
        parts, count = ndimage.label(section > 0)
        if count > 1:
            main = parts.flat[np.argmin(np.where(parts > 0, distance, np.inf))]
            section[(parts > 0) & (parts != main)] = OUTSIDE_MM
    return canal


def first_crossing(field: NDArray[np.float32], ticks: Floats, *, axis: int) -> Floats:
    """Return where a field first turns positive along an axis, between its samples.

    Parameters
    ----------
    field : ndarray
        Positive inside.
    ticks : ndarray
        Positions, mm, of the samples along ``axis``; evenly spaced, falling or rising.
    axis : int
        Along which to look.

    Returns
    -------
    ndarray
        Positions, mm, the axis gone; NaN where the field is nowhere positive.
    """
    field = np.moveaxis(field, axis, -1)
    inside = field > 0
    at = np.argmax(inside, axis=-1)[..., None]
    before = np.maximum(at - 1, 0)
    high = np.take_along_axis(field, at, -1)[..., 0].astype(np.float64)
    low = np.take_along_axis(field, before, -1)[..., 0].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(at[..., 0] > 0, high / (high - low), 0.0)
    crossing = ticks[at[..., 0]] - share * (ticks[1] - ticks[0])
    return np.asarray(np.where(inside.any(axis=-1), crossing, np.nan))


def last_crossing(field: NDArray[np.float32], ticks: Floats, *, axis: int) -> Floats:
    """Return where a field is last positive along an axis (see first_crossing)."""
    return first_crossing(np.flip(field, axis), ticks[::-1], axis=axis)
