"""Grids that the networks work on, and how a scan's voxels come to lie on them and back.

Training and measuring use the same functions, so that a network never meets a voxel that was
interpolated in a way it was not trained on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from canalis.volume import Mask, Volume

COARSE_SPACING_MM: Final = (2.5, 2.5, 2.5)
FINE_SPACING_MM: Final = (1.0, 0.5, 0.5)
AIR_HU: Final = -1024
"""Least value kept, and what lies beyond a scan: padding such as -2000 or -3024 is air too."""

MOST_HU: Final = 4000
"""Greatest value kept: metal on an extended scale tells no more than this."""

ALIGNED_SINE: Final = 2e-4  # 0.06 mm over 300 mm: below a tenth of a fine pixel


@dataclass(frozen=True, slots=True)
class Grid:
    """Voxels along the body's axes: slices to the head, rows to the back, columns to the left.

    Attributes
    ----------
    origin_lps : tuple of float
        Centre of the first voxel, as (x, y, z) LPS+ mm.
    spacing_mm : tuple of float
        Between slices, rows and columns.
    shape : tuple of int
        Slices, rows and columns.
    """

    origin_lps: tuple[float, float, float]
    spacing_mm: tuple[float, float, float]
    shape: tuple[int, int, int]

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel-centre index (slice, row, column, 1) to LPS+ mm."""
        affine = np.eye(4)
        affine[:3, :3] = 0
        affine[[2, 1, 0], [0, 1, 2]] = self.spacing_mm
        affine[:3, 3] = self.origin_lps
        return affine

    def nearest(self, points_lps: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the index of the voxel nearest to each LPS+ mm point of shape (n, 3); it may lie outside."""
        index = (points_lps - np.array(self.origin_lps))[:, ::-1] / np.array(self.spacing_mm)
        return np.asarray(np.rint(index), dtype=np.intp)

    @classmethod
    def over_box(
        cls,
        low_lps: NDArray[np.float64],
        high_lps: NDArray[np.float64],
        *,
        spacing_mm: tuple[float, float, float],
    ) -> "Grid":
        """Return the grid whose voxel centres fill a box of LPS+ mm corners, each of shape (3,)."""
        step = np.array(spacing_mm)[::-1]
        count = np.maximum(np.floor((high_lps - low_lps) / step + 1e-6).astype(int) + 1, 1)
        x, y, z = (float(v) for v in low_lps)
        return cls((x, y, z), spacing_mm, (int(count[2]), int(count[1]), int(count[0])))

    @classmethod
    def from_affine(cls, affine: NDArray[np.float64], shape: tuple[int, int, int]) -> "Grid":
        """Return the grid with this affine, which must run along the body's axes."""
        x, y, z = (float(v) for v in affine[:3, 3])
        return cls((x, y, z), (float(affine[2, 0]), float(affine[1, 1]), float(affine[0, 2])), shape)


def box_of(volume: Volume | Mask) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the least and greatest LPS+ mm, each of shape (3,), of a volume's voxel centres."""
    ends = np.array(np.meshgrid(*[(0.0, n - 1.0) for n in volume.shape])).reshape(3, -1).T
    corners = volume.to_lps(ends)
    return corners.min(axis=0), corners.max(axis=0)


def coarse_grid(volume: Volume) -> Grid:
    """Return the grid of the coarse pass: the whole scan at 2.5 mm."""
    low, high = box_of(volume)
    return Grid.over_box(low, high, spacing_mm=COARSE_SPACING_MM)


def resample_hu(volume: Volume, grid: Grid) -> NDArray[np.int16]:
    """Return a scan's intensities on a grid, averaged where the grid is coarser than the scan.

    Each axis is weighted by a triangle as wide as the larger of the two spacings: linear
    interpolation onto a finer grid, an average without aliasing onto a coarser one.

    Parameters
    ----------
    volume : Volume
        The scan, in any orientation.
    grid : Grid
        Where to sample it.

    Returns
    -------
    ndarray of shape ``grid.shape``
        int16 Hounsfield units between -1024 and 4000; -1024 beyond the scan.
    """
    aligned = _along_the_body(volume)
    if not _is_aligned(aligned.affine):
        return _resample_oblique(aligned, grid)
    own = np.abs(aligned.affine[[2, 1, 0], [0, 1, 2]])
    first = aligned.affine[[2, 1, 0], 3]
    starts = np.array(grid.origin_lps)[::-1]
    weights = [
        _axis_weights(aligned.shape[a], first[a], own[a], grid.shape[a], starts[a], grid.spacing_mm[a])
        for a in range(3)
    ]
    return _weigh(aligned.hu, weights)


def resample_labels(
    labels: NDArray[np.uint8], affine: NDArray[np.float64], grid: Grid, *, outside: int = 0
) -> NDArray[np.uint8]:
    """Return the label of the nearest voxel for every voxel of a grid.

    Parameters
    ----------
    labels : ndarray of shape (a, b, c)
        Any uint8 map.
    affine : ndarray of shape (4, 4)
        Index of ``labels`` to LPS+ mm.
    grid : Grid
        Where to look them up.
    outside : int
        What stands beyond the map.

    Returns
    -------
    ndarray of shape ``grid.shape``
        uint8.
    """
    return look_up(labels, affine, grid.affine, grid.shape, outside=outside)


def look_up(
    values: NDArray[np.uint8],
    affine: NDArray[np.float64],
    onto_affine: NDArray[np.float64],
    onto_shape: tuple[int, int, int],
    *,
    outside: int = 0,
) -> NDArray[np.uint8]:
    """Return the nearest value for every voxel of another grid, in any orientation."""
    matrix = np.linalg.inv(affine) @ onto_affine
    axis_of = np.abs(matrix[:3, :3]).argmax(axis=1)
    rest = matrix[:3, :3].copy()
    rest[np.arange(3), axis_of] = 0
    if len(set(axis_of)) < 3 or np.abs(rest @ np.array(onto_shape)).max() > 0.05:
        out = ndimage.affine_transform(
            values,
            matrix[:3, :3],
            matrix[:3, 3],
            onto_shape,
            order=0,
            mode="constant",
            cval=outside,
            prefilter=False,
        )
        return np.asarray(out, dtype=np.uint8)
    out = np.full(onto_shape, outside, dtype=np.uint8)
    source: list[NDArray[np.intp]] = []
    target: list[slice] = []
    for axis in range(3):
        onto = int(axis_of[axis])
        index = np.rint(matrix[axis, onto] * np.arange(onto_shape[onto]) + matrix[axis, 3]).astype(np.intp)
        inside = np.flatnonzero((index >= 0) & (index < values.shape[axis]))
        if inside.size == 0:
            return out
        source.append(index[inside])
        target.append(slice(int(inside[0]), int(inside[-1]) + 1))
    order = [int(a) for a in np.argsort(axis_of)]
    picked = values[np.ix_(*source)].transpose(order)
    out[tuple(target[a] for a in order)] = picked
    return out


def _along_the_body(volume: Volume) -> Volume:
    """Return the same voxels with slices mostly to the head, rows to the back, columns to the left."""
    directions = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    best: tuple[int, int, int] = max(
        ((a, b, 3 - a - b) for a in range(3) for b in range(3) if a != b),
        key=lambda o: abs(directions[2, o[0]]) + abs(directions[1, o[1]]) + abs(directions[0, o[2]]),
    )
    s, r, c = best
    flip = (bool(directions[2, s] < 0), bool(directions[1, r] < 0), bool(directions[0, c] < 0))
    return volume.with_axes(best, flip)


def _is_aligned(affine: NDArray[np.float64]) -> bool:
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(directions - np.eye(3)[::-1]).max() < ALIGNED_SINE)


def _axis_weights(
    n_from: int, from_start: float, from_step: float, n_to: int, to_start: float, to_step: float
) -> sparse.csr_array:
    """Return the (n_to, n_from) weights of a triangle filter; rows beyond the scan are empty."""
    reach = max(from_step, to_step)
    place = (to_start + to_step * np.arange(n_to) - from_start) / from_step
    half = reach / from_step
    taps = np.arange(-int(np.ceil(half)), int(np.ceil(half)) + 1)
    index = np.floor(place)[:, None].astype(int) + taps
    weight = np.clip(1 - np.abs(index - place[:, None]) / half, 0, None)
    clamped = np.clip(index, 0, n_from - 1)
    inside = (place > -0.5 - 1e-9) & (place < n_from - 0.5 + 1e-9)
    weight = weight / weight.sum(axis=1, keepdims=True) * inside[:, None]
    rows = np.broadcast_to(np.arange(n_to)[:, None], index.shape)
    return sparse.csr_array(
        (weight.ravel().astype(np.float32), (rows.ravel(), clamped.ravel())), shape=(n_to, n_from)
    )


def _weigh(hu: NDArray[np.float32] | NDArray[np.int16], weights: list[sparse.csr_array]) -> NDArray[np.int16]:
    """Apply the weights of each axis, slice by slice so that a long scan stays out of memory."""
    across_slices, across_rows, across_columns = weights
    rows = across_rows.sum(axis=1) > 0
    columns = across_columns.sum(axis=1) > 0
    empty = ~(rows[:, None] & columns[None, :])
    out = np.full((across_slices.shape[0], len(rows), len(columns)), AIR_HU, dtype=np.int16)
    for k, (which, share) in enumerate(_rows_of(across_slices)):
        if which.size == 0:
            continue
        mixed = _usable(hu[which[0]]) * share[0]
        for i, w in zip(which[1:], share[1:], strict=True):
            mixed += _usable(hu[i]) * w
        plane = (across_columns @ (across_rows @ mixed).T).T
        plane[empty] = AIR_HU
        out[k] = np.rint(plane)
    return out


def _rows_of(matrix: sparse.csr_array) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float32]]]:
    for k in range(matrix.shape[0]):
        which = matrix.indices[matrix.indptr[k] : matrix.indptr[k + 1]]
        share = matrix.data[matrix.indptr[k] : matrix.indptr[k + 1]]
        yield which[share > 0], share[share > 0]


def _usable(plane: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return float32 HU between air and metal, with NaN as air."""
    kept = np.clip(plane.astype(np.float32), AIR_HU, MOST_HU)
    return np.nan_to_num(kept, copy=False, nan=AIR_HU)


def _resample_oblique(volume: Volume, grid: Grid) -> NDArray[np.int16]:
    """Average in the scan's own axes first, then interpolate linearly."""
    own = np.array(volume.spacing_mm)
    step = np.maximum(own, grid.spacing_mm)
    count = [
        int(np.floor((n - 1) * o / s + 1e-6)) + 1 for n, o, s in zip(volume.shape, own, step, strict=True)
    ]
    weights = [_axis_weights(volume.shape[a], 0.0, own[a], count[a], 0.0, step[a]) for a in range(3)]
    reduced = _weigh(volume.hu, weights)
    affine = volume.affine.copy()
    affine[:3, :3] *= step / own
    matrix = np.linalg.inv(affine) @ grid.affine
    out = ndimage.affine_transform(
        reduced,
        matrix[:3, :3],
        matrix[:3, 3],
        grid.shape,
        order=1,
        mode="constant",
        cval=AIR_HU,
        prefilter=False,
    )
    return np.asarray(out, dtype=np.int16)
