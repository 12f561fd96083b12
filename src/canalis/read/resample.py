"""Tilted or unevenly spaced slices to a right-angled, even grid.

The slices keep their planes. Tilted ones are moved within their own plane, by linear interpolation
between two rows and two columns, so that the stack stands at right angles to them; an evenly spaced
tilted stack is not interpolated across slices at all. Unevenly spaced ones are interpolated linearly
between the two acquired slices around each new one.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from canalis.errors import GeometryError
from canalis.read.geometry import SliceGeometry
from canalis.volume import HounsfieldArray, Progress

AIR_HU = -1000
FINEST_GAP_MM = (
    0.25  # thinner than any cervical protocol: two near-doubles do not ask for thousands of slices
)
WHOLE_PIXEL = 1e-3  # a shift this close to whole pixels needs no interpolation
LARGEST_GROWTH = 3  # a tilted stack never grows a slice threefold; slices side by side would


@dataclass(frozen=True, slots=True, eq=False)
class RightGrid:
    """The even, right-angled grid that holds every slice of a stack.

    Attributes
    ----------
    heights_mm : ndarray of shape (slices,)
        Places of the grid's slices along the normal.
    shape : tuple of int
        Rows and columns.
    shifts : ndarray of shape (source slices, 2)
        How far each source slice is moved on the grid, in rows and columns.
    affine : ndarray of shape (4, 4)
        Index of the grid to LPS mm.
    source_gap_mm : ndarray of shape (slices,)
        Distance between the acquired slices around each slice of the grid.
    """

    heights_mm: NDArray[np.float64]
    shape: tuple[int, int]
    shifts: NDArray[np.float64]
    affine: NDArray[np.float64]
    source_gap_mm: NDArray[np.float64]


def right_grid(geometry: SliceGeometry) -> RightGrid:
    """Return the right-angled grid that a stack of slices is resampled to.

    Parameters
    ----------
    geometry : SliceGeometry
        At least two slices, sorted, none doubled.

    Returns
    -------
    RightGrid
        In the planes of the slices; its slice spacing is the finest gap between them.

    Raises
    ------
    GeometryError
        If the slices lie side by side and not one above the other.
    """
    heights = _even_heights(geometry)
    shifts = _in_plane_shifts(geometry)
    first, last = np.floor(shifts.min(axis=0) + WHOLE_PIXEL), np.ceil(shifts.max(axis=0) - WHOLE_PIXEL)
    rows, columns = (int(n + grown) for n, grown in zip(geometry.shape, last - first, strict=True))
    if rows > LARGEST_GROWTH * geometry.shape[0] or columns > LARGEST_GROWTH * geometry.shape[1]:
        raise GeometryError(
            f"Expected slices one above the other, found them {geometry.tilt_deg:.0f} degrees aside. "
            "Check Image Position (Patient)."
        )
    return RightGrid(
        heights_mm=heights,
        shape=(rows, columns),
        shifts=shifts - first,
        affine=_grid_affine(geometry, heights, first),
        source_gap_mm=_source_gaps(geometry.heights_mm, heights),
    )


def _even_heights(geometry: SliceGeometry) -> NDArray[np.float64]:
    acquired = geometry.heights_mm
    even = np.linspace(acquired[0], acquired[-1], len(acquired))
    if np.abs(acquired - even).max() <= geometry.tolerance_mm:
        return acquired
    gap = max(float(geometry.gaps_mm.min()), FINEST_GAP_MM)
    steps = math.floor((acquired[-1] - acquired[0]) / gap + 1e-6)
    return np.asarray(acquired[0] + gap * np.arange(steps + 1))


def _in_plane_shifts(geometry: SliceGeometry) -> NDArray[np.float64]:
    """Return how many rows and columns each slice stands beyond the middle one."""
    middle = geometry.origins_lps[len(geometry.origins_lps) // 2]
    beyond = geometry.origins_lps - middle
    rows = beyond @ geometry.row_direction / geometry.row_spacing_mm
    columns = beyond @ geometry.column_direction / geometry.column_spacing_mm
    return np.stack([rows, columns], axis=1)


def _grid_affine(
    geometry: SliceGeometry, heights: NDArray[np.float64], first: NDArray[np.float64]
) -> NDArray[np.float64]:
    middle = geometry.origins_lps[len(geometry.origins_lps) // 2]
    affine = geometry.affine
    affine[:3, 0] = geometry.normal * (heights[-1] - heights[0]) / (len(heights) - 1)
    down = (heights[0] - middle @ geometry.normal) * geometry.normal
    affine[:3, 3] = middle + down + affine[:3, 1] * first[0] + affine[:3, 2] * first[1]
    return affine


def _source_gaps(acquired: NDArray[np.float64], heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the acquired gap around each height; on an acquired slice, the wider of its two."""
    gaps = np.diff(acquired)
    near = 1e-3
    below = np.clip(np.searchsorted(acquired, heights - near, side="right") - 1, 0, len(gaps) - 1)
    above = np.clip(np.searchsorted(acquired, heights + near, side="right") - 1, 0, len(gaps) - 1)
    return np.asarray(np.maximum(gaps[below], gaps[above]))


def resample(
    hu: HounsfieldArray,
    geometry: SliceGeometry,
    grid: RightGrid,
    progress: Progress | None = None,
) -> HounsfieldArray:
    """Return slices interpolated on a right-angled grid.

    Parameters
    ----------
    hu : ndarray of shape (source slices, rows, columns)
        Hounsfield units of the acquired slices.
    geometry : SliceGeometry
        Their places.
    grid : RightGrid
        From `right_grid`.
    progress : callable, optional
        Called after each slice.

    Returns
    -------
    ndarray of shape (slices, rows, columns)
        Hounsfield units of the same type; air where no slice reaches.
    """
    acquired = geometry.heights_mm
    out = np.empty((len(grid.heights_mm), *grid.shape), dtype=hu.dtype)
    moved = _MovedSlices(hu, grid)
    for i, height in enumerate(grid.heights_mm):
        below = int(np.clip(np.searchsorted(acquired, height + 1e-3) - 1, 0, len(acquired) - 2))
        share = float(np.clip((height - acquired[below]) / (acquired[below + 1] - acquired[below]), 0, 1))
        values = moved.slice(below) if share < 1 else moved.slice(below + 1)
        if 0 < share < 1:
            values = (1 - share) * values + share * moved.slice(below + 1)
        out[i] = values if out.dtype == np.float32 else np.rint(values)
        if progress is not None:
            progress("Resampling", i + 1, len(out))
    return out


class _MovedSlices:
    """Source slices moved in their planes, the last two kept."""

    def __init__(self, hu: HounsfieldArray, grid: RightGrid) -> None:
        self._hu, self._grid = hu, grid
        self._kept: dict[int, NDArray[np.float32]] = {}

    def slice(self, index: int) -> NDArray[np.float32]:
        if index not in self._kept:
            self._kept = {k: v for k, v in self._kept.items() if k >= index - 1}
            self._kept[index] = moved_in_plane(
                self._hu[index], self._grid.shifts[index], shape=self._grid.shape
            )
        return self._kept[index]


def moved_in_plane(
    image: HounsfieldArray,
    shift: NDArray[np.float64],
    *,
    shape: tuple[int, int],
) -> NDArray[np.float32]:
    """Return an image moved by a fraction of pixels onto a larger canvas of air.

    Parameters
    ----------
    image : ndarray of shape (rows, columns)
        Hounsfield units.
    shift : ndarray of shape (2,)
        Rows and columns by which its first pixel is moved, at least 0.
    shape : tuple of int
        Rows and columns of the canvas.
    """
    values = image.astype(np.float32)
    corner = []
    for axis in (0, 1):
        whole = math.floor(shift[axis] + WHOLE_PIXEL)
        part = float(shift[axis] - whole)
        if part > WHOLE_PIXEL:
            n = values.shape[axis]
            before, after = np.take(values, range(n - 1), axis), np.take(values, range(1, n), axis)
            values = part * before + (1 - part) * after
            whole += 1
        corner.append(whole)
    canvas = np.full(shape, AIR_HU, dtype=np.float32)
    canvas[corner[0] : corner[0] + values.shape[0], corner[1] : corner[1] + values.shape[1]] = values
    return canvas
