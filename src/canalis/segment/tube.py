"""The canal as one tube: its pieces joined, its centreline, and places told along it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.segment.grids import Grid

Floats = NDArray[np.float64]

LEAST_MM3: Final = 190.0  # less than 1 mm of canal
GAP_MM: Final = 40.0  # blank slices along a cord were seen up to 24 mm
ASIDE_MM: Final = 14.0  # how far a piece may lie beside where the tube points
SMOOTH_MM: Final = 6.0
LEAST_LENGTH_MM: Final = 25.0


@dataclass(frozen=True, slots=True, eq=False)
class Tube:
    """A canal's centreline, a point a millimetre, from the head down.

    Attributes
    ----------
    points_lps : ndarray of shape (n, 3)
        LPS+ mm.
    down, front, left : ndarray of shape (n, 3)
        Unit vectors: along the canal, to the vertebral bodies, to the patient's left.
    """

    points_lps: Floats
    down: Floats
    front: Floats
    left: Floats

    @property
    def length_mm(self) -> float:
        """Length of the centreline."""
        return float(len(self.points_lps) - 1)

    def along(self, points_lps: Floats) -> tuple[Floats, Floats, Floats]:
        """Tell places by the tube.

        Parameters
        ----------
        points_lps : ndarray of shape (n, 3)
            LPS+ mm.

        Returns
        -------
        along_mm, front_mm, left_mm : ndarray of shape (n,)
            From the upper end down, from the centreline to the front, and to the left. Beyond an end
            the tube goes straight on.
        """
        # The plane across the tube that a point lies in: from its height, then twice corrected.
        index = np.interp(-points_lps[:, 2], -self.points_lps[:, 2], np.arange(len(self.points_lps)))
        for _ in range(4):
            nearest = np.clip(np.rint(index).astype(int), 0, len(self.points_lps) - 1)
            offset = ((points_lps - self.points_lps[nearest]) * self.down[nearest]).sum(axis=1)
            index = np.where(np.abs(offset) < 0.5, nearest + offset, nearest + np.clip(offset, -12, 12))
        nearest = np.clip(np.rint(index).astype(int), 0, len(self.points_lps) - 1)
        apart = points_lps - self.points_lps[nearest]
        along = nearest + (apart * self.down[nearest]).sum(axis=1)
        return along, (apart * self.front[nearest]).sum(axis=1), (apart * self.left[nearest]).sum(axis=1)


def find_tube(canal: NDArray[np.bool_], grid: Grid) -> tuple[NDArray[np.bool_], Tube | None]:
    """Keep the pieces of a canal that make one tube, and return its centreline.

    Parameters
    ----------
    canal : ndarray of ``grid.shape``
        Where a network saw canal.
    grid : Grid
        Along the body's axes.

    Returns
    -------
    kept : ndarray of ``grid.shape``
        The pieces of the tube.
    tube : Tube or None
        None when there is no tube of at least 25 mm.
    """
    pieces, count = ndimage.label(canal, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    least = LEAST_MM3 / float(np.prod(grid.spacing_mm))
    order = [int(i) for i in np.argsort(sizes[1:])[::-1] + 1 if sizes[i] >= least]
    if not order:
        return np.zeros_like(canal), None
    centres = {i: _centres(pieces == i, grid) for i in order}
    kept = _chain(order, centres)
    points = np.concatenate([centres[i] for i in kept])
    points = points[np.argsort(-points[:, 2])]
    mask = np.isin(pieces, kept)
    if np.ptp(points[:, 2]) < LEAST_LENGTH_MM:
        return mask, None
    return mask, _tube_through(points)


def near_tube(tube: Tube, grid: Grid, *, reach_mm: float) -> NDArray[np.bool_]:
    """Return which voxels lie within a reach of a tube's centreline, across each slice of a grid.

    Beyond the tube's ends its first and last points stand for it.
    """
    z, y, x = (
        grid.origin_lps[2 - a] + grid.spacing_mm[a] * np.arange(grid.shape[a], dtype=np.float32)
        for a in range(3)
    )
    points = tube.points_lps
    place = [np.interp(-z, -points[:, 2], points[:, a]).astype(np.float32) for a in range(2)]
    across = (x[None, :] - place[0][:, None]) ** 2
    behind = (y[None, :] - place[1][:, None]) ** 2
    return np.asarray(behind[:, :, None] + across[:, None, :] < reach_mm**2)


def _centres(piece: NDArray[np.bool_], grid: Grid) -> Floats:
    """Return the centre of each slice of a piece, LPS+ mm, head first."""
    slices = np.flatnonzero(piece.any(axis=(1, 2)))[::-1]
    index = np.array([[k, *np.argwhere(piece[k]).mean(axis=0)] for k in slices])
    return np.asarray(index @ grid.affine[:3, :3].T + grid.affine[:3, 3])


def _chain(order: list[int], centres: dict[int, Floats]) -> list[int]:
    """Start with the greatest piece and add those that its ends point to."""
    kept = [order[0]]
    waiting = order[1:]
    while True:
        line = np.concatenate([centres[i] for i in kept])
        line = line[np.argsort(-line[:, 2])]
        fitting = [i for i in waiting if _continues(line, centres[i])]
        if not fitting:
            return kept
        kept.append(fitting[0])
        waiting.remove(fitting[0])


def _continues(line: Floats, piece: Floats) -> bool:
    """Return True when a piece lies beyond an end of a line, or in a gap of it, and in its direction."""
    z = piece[:, 2]
    top, bottom = line[0, 2], line[-1, 2]
    if z.min() > top:
        gap, end, near = z.min() - top, line[:12], piece[-1]
    elif z.max() < bottom:
        gap, end, near = bottom - z.max(), line[-12:], piece[0]
    else:
        place = np.array([np.interp(-z, -line[:, 2], line[:, a]) for a in range(2)]).T
        shared = np.isin(np.round(z, 3), np.round(line[:, 2], 3)).mean()
        return bool(np.linalg.norm(piece[:, :2] - place, axis=1).max() < ASIDE_MM and shared < 0.5)
    slope = np.polyfit(end[:, 2], end[:, :2], 1)[0] if np.ptp(end[:, 2]) > 10 else np.zeros(2)
    expected = end[:, :2].mean(axis=0) + slope * (near[2] - end[:, 2].mean())
    aside = float(np.linalg.norm(near[:2] - expected))
    return bool(gap < GAP_MM and aside < ASIDE_MM + 0.2 * gap)


def _tube_through(points: Floats) -> Tube:
    """Return a smooth centreline through the centres of slices, a point a millimetre."""
    z = np.arange(points[0, 2], points[-1, 2], -1.0)
    lateral = np.array([np.interp(-z, -points[:, 2], points[:, a]) for a in range(2)]).T
    lateral = ndimage.gaussian_filter1d(lateral, SMOOTH_MM, axis=0, mode="nearest")
    line = np.column_stack([lateral, z])
    steps = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.arange(0, steps[-1], 1.0)
    line = np.array([np.interp(at, steps, line[:, a]) for a in range(3)]).T
    down = np.gradient(line, axis=0)
    down = ndimage.gaussian_filter1d(down, SMOOTH_MM, axis=0, mode="nearest")
    down /= np.linalg.norm(down, axis=1, keepdims=True)
    front = np.array([0.0, -1.0, 0.0]) + down * down[:, 1:2]
    front /= np.linalg.norm(front, axis=1, keepdims=True)
    left = np.cross(front, down)
    return Tube(line, down, front, left * np.sign(left[:, :1]))
