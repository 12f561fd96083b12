"""The moving frame: a plane at every place along the canal's centreline."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from canalis.measurement.planes import Plane, unit

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MovingFrame:
    """The canal's centreline, head to foot, with directions at each of its points.

    Attributes
    ----------
    along_mm : ndarray of shape (n,)
        Arc length from the upper end, evenly spaced.
    centers_lps : ndarray of shape (n, 3)
        The smoothed centreline, LPS+ mm.
    normals_lps, posteriors_lps : ndarray of shape (n, 3)
        Unit vectors along the canal to the head, and to the vertebra's back, at right angles.
    """

    along_mm: Floats
    centers_lps: Floats
    normals_lps: Floats
    posteriors_lps: Floats

    @property
    def lefts_lps(self) -> Floats:
        """Unit vectors to the patient's left, shape (n, 3)."""
        return np.cross(self.posteriors_lps, self.normals_lps)

    def at(self, along_mm: Floats) -> "MovingFrame":
        """Return the frame at other places along the centreline; beyond its ends it runs on straight."""
        at = np.atleast_1d(np.asarray(along_mm, dtype=np.float64))
        inside = np.clip(at, self.along_mm[0], self.along_mm[-1])
        normals = unit(self._between(inside, self.normals_lps))
        centers = self._between(inside, self.centers_lps) - (at - inside)[:, None] * normals
        return framed(at, centers, normals, self._between(inside, self.posteriors_lps))

    def plane_at(self, along_mm: float) -> Plane:
        """Return the measuring plane at one place."""
        there = self.at(np.array([along_mm]))
        return Plane(there.centers_lps[0], there.normals_lps[0], there.posteriors_lps[0])

    def points(self, back_mm: Floats, left_mm: Floats) -> Floats:
        """Return the LPS+ mm of a grid in every plane: shape (n, rows, columns, 3)."""
        back = np.asarray(back_mm)[None, :, None, None] * self.posteriors_lps[:, None, None, :]
        left = np.asarray(left_mm)[None, None, :, None] * self.lefts_lps[:, None, None, :]
        return np.asarray(self.centers_lps[:, None, None, :] + back + left)

    def grid_index(self, affine: Floats, back_mm: Floats, left_mm: Floats) -> Floats:
        """Return the index, in a voxel grid, of a grid in every plane: shape (3, n, rows, columns).

        The same as turning :meth:`points` into indices, without the points.
        """
        inverse = np.linalg.inv(affine[:3, :3])
        start = ((self.centers_lps - affine[:3, 3]) @ inverse.T).T[:, :, None, None]
        back = (self.posteriors_lps @ inverse.T).T[:, :, None, None] * np.asarray(back_mm)[:, None]
        left = (self.lefts_lps @ inverse.T).T[:, :, None, None] * np.asarray(left_mm)
        return np.asarray((start + back) + left)

    def place_of(self, point_lps: Floats) -> float:
        """Return the arc length whose plane holds a point, the one nearest to it where several do."""
        offset = np.asarray(point_lps) - self.centers_lps
        height = np.sum(offset * self.normals_lps, axis=1)
        nearest = int(np.argmin(np.abs(height) + 0.05 * np.linalg.norm(offset, axis=1)))
        return float(self.along_mm[nearest] - height[nearest])

    def turned(self, angle_rad: Floats) -> "MovingFrame":
        """Return the frame turned about the canal, per point; positive turns the back to the left."""
        cos, sin = np.cos(angle_rad)[:, None], np.sin(angle_rad)[:, None]
        back = cos * self.posteriors_lps + sin * self.lefts_lps
        return MovingFrame(self.along_mm, self.centers_lps, self.normals_lps, back)

    def _between(self, at: Floats, values: Floats) -> Floats:
        return np.stack([np.interp(at, self.along_mm, values[:, k]) for k in range(3)], axis=1)


def framed(along_mm: Floats, centers_lps: Floats, normals_lps: Floats, backs_lps: Floats) -> MovingFrame:
    """Return a moving frame, each direction to the back made perpendicular to its normal."""
    backs = backs_lps - np.sum(backs_lps * normals_lps, axis=1, keepdims=True) * normals_lps
    return MovingFrame(along_mm, centers_lps, normals_lps, unit(backs))


def frame_of_line(points_lps: Floats, *, step_mm: float) -> MovingFrame:
    """Return the frame of a line, head to foot, with the scanner's back (LPS +y) as its back.

    Parameters
    ----------
    points_lps : ndarray of shape (m, 3)
        Dense points of a smooth line, head to foot, LPS+ mm.
    step_mm : float
        Distance between the frame's points.

    Returns
    -------
    MovingFrame
        From the first point to the last.
    """
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points_lps, axis=0), axis=1))])
    at = np.linspace(0.0, along[-1], max(2, round(along[-1] / step_mm) + 1))
    centers = np.stack([np.interp(at, along, points_lps[:, k]) for k in range(3)], axis=1)
    normals = -unit(np.gradient(centers, at, axis=0))
    return framed(at, centers, normals, np.tile([0.0, 1.0, 0.0], (len(at), 1)))
