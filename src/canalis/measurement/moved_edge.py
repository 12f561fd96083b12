"""A canal's soft edge moved along its normals, by as much as points around it were."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from canalis.measurement.frame import MovingFrame
from canalis.measurement.relabelled import EDGE_BYTE
from canalis.volume import Probability

Floats = NDArray[np.float64]

EVERY_MM = 4.0  # between planes
FURTHEST_MM = 2.0  # that a point is moved
BAND_MM = 1.0  # beyond that to both sides of the edge: the width of a soft edge
SMOOTH_VOXELS = 1.0  # of the distance whose slope tells the normals


@dataclass(frozen=True, slots=True, eq=False)
class Shift:
    """How far the canal's edge moves outwards, around the centreline and along it.

    Attributes
    ----------
    frame : MovingFrame
        The centreline.
    along_mm : ndarray of shape (K,)
        Places of the planes.
    middles_mm : ndarray of shape (K, 2)
        The canal's middle in each, back and left of the centreline.
    moved_mm : ndarray of shape (K, points)
        Outwards, at each direction from that middle.
    """

    frame: MovingFrame
    along_mm: Floats
    middles_mm: Floats
    moved_mm: Floats

    def at(self, points_lps: Floats) -> Floats:
        """Return the movement, mm, at points of shape (n, 3) near the canal's edge."""
        if not len(self.along_mm):
            return np.zeros(len(points_lps))
        frame = self.frame
        _, nearest = cKDTree(frame.centers_lps).query(points_lps)
        offset = points_lps - frame.centers_lps[nearest]
        along = frame.along_mm[nearest] - (offset * frame.normals_lps[nearest]).sum(axis=1)
        back = (offset * frame.posteriors_lps[nearest]).sum(axis=1)
        left = (offset * frame.lefts_lps[nearest]).sum(axis=1)
        back -= np.interp(along, self.along_mm, self.middles_mm[:, 0])
        left -= np.interp(along, self.along_mm, self.middles_mm[:, 1])
        row = np.interp(along, self.along_mm, np.arange(len(self.along_mm)))
        column = np.mod(np.arctan2(left, back), 2 * np.pi) * self.moved_mm.shape[1] / (2 * np.pi)
        ring = np.concatenate([self.moved_mm, self.moved_mm[:, :1]], axis=1)
        move = ndimage.map_coordinates(ring, [row, column], order=1, mode="nearest")
        beyond = np.abs(along - np.clip(along, self.along_mm[0], self.along_mm[-1]))
        return np.asarray(move * np.clip(1 - beyond / EVERY_MM, 0, 1))


def moved_along(canal: Probability, shift: Shift) -> Probability:
    """Return a probability moved along the normals of its edge.

    Each voxel near the edge takes the value that lay where it comes from: however steep the network's
    edge is, it moves by as many millimetres as the contour did.
    """
    box = _around(canal.values >= EDGE_BYTE, canal)
    values = canal.values[box].astype(np.float32)
    outside = _distance_mm(values >= EDGE_BYTE, canal)
    near = np.argwhere(np.abs(outside) <= FURTHEST_MM + BAND_MM)
    normals = _normals(outside, near, canal)
    corner = np.array([part.start for part in box])
    points = canal.to_lps((near + corner).astype(float))
    back = canal.to_index(points - shift.at(points)[:, None] * normals) - corner
    into = canal.values.copy()
    moved = ndimage.map_coordinates(values, back.T, order=1, mode="nearest")
    into[tuple((near + corner).T)] = np.rint(moved).astype(np.uint8)
    return Probability(into, canal.affine)


def _around(inside: NDArray[np.bool_], canal: Probability) -> tuple[slice, slice, slice]:
    """Return the box about a canal, wide enough for its edge to move."""
    margin = np.ceil((FURTHEST_MM + 2 * BAND_MM) / np.linalg.norm(canal.affine[:3, :3], axis=0)).astype(int)
    (found,) = ndimage.find_objects(inside.astype(np.uint8))
    a, b, c = (
        slice(max(part.start - more, 0), min(part.stop + more, size))
        for part, more, size in zip(found, margin, inside.shape, strict=True)
    )
    return a, b, c


def _distance_mm(inside: NDArray[np.bool_], canal: Probability) -> Floats:
    """Return about the distance to an edge, mm: above 0 outside, smoothed by a pixel for its slope."""
    spacing = np.linalg.norm(canal.affine[:3, :3], axis=0)
    out, into = (ndimage.distance_transform_edt(part, sampling=spacing) for part in (~inside, inside))
    return np.asarray(ndimage.gaussian_filter(out - into, SMOOTH_VOXELS))


def _normals(outside: Floats, at: NDArray[np.intp], canal: Probability) -> Floats:
    """Return unit vectors, LPS, along which a distance grows at some voxels, shape (n, 3)."""
    inverse = np.linalg.inv(canal.affine[:3, :3])
    along: list[Floats] = list(np.gradient(outside))
    slopes = np.stack([slope[tuple(at.T)] for slope in along], axis=1) @ inverse
    return np.asarray(slopes / np.maximum(np.linalg.norm(slopes, axis=1, keepdims=True), 1e-9))
