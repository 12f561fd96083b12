"""The label map after the canal's soft edge has moved."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from canalis.labels import (
    ANATOMICAL_CANAL,
    FIRST_VERTEBRA,
    OUTSIDE,
    RESIDUAL_CANAL,
    VERTEBRA_WITHOUT_LEVEL,
)
from canalis.measurement.edges import bounding_box
from canalis.volume import Mask, Probability

EDGE_BYTE = 128  # of a probability: one half
BESIDE_BONE_MM = 2.5  # of bone, what the canal leaves is bone


def relabelled(mask: Mask, before: Probability, after: Probability, *, margin_mm: float) -> Mask:
    """Return a label map whose canal follows its moved edge; nothing else of it changes.

    What comes to lie outside is the bone beside it, or nothing where none is near; of ossification too, which
    lies in the anatomical canal by definition.

    Parameters
    ----------
    mask : Mask
        Labels on the scan's voxels.
    before, after : Probability
        Of the canal, on one grid.
    margin_mm : float
        About the canal, farther than its edge has moved.
    """
    box = bounding_box(mask, ANATOMICAL_CANAL, margin_mm=margin_mm)
    if box is None:
        return mask
    part = mask.labels[box]
    corner = np.array([span.start for span in box])
    index = np.argwhere(_near_changes(mask, before, after, corner, part.shape))
    places = mask.to_lps((index + corner).astype(float))
    old, new = np.zeros(part.shape, np.uint8), np.zeros(part.shape, np.uint8)
    for edge, into in ((before, old), (after, new)):
        at = edge.to_index(places).T
        into[tuple(index.T)] = ndimage.map_coordinates(edge.values, at, order=1, mode="constant")
    was, now = old >= EDGE_BYTE, new >= EDGE_BYTE
    canal = np.isin(part, ANATOMICAL_CANAL)
    gained = now & ~was & ~canal
    lost = (was | (new < old)) & ~now & canal  # labels follow voxels, not this edge
    if not (gained.any() or lost.any()):
        return mask
    labels = mask.labels.copy()
    labels[box][gained] = RESIDUAL_CANAL
    labels[box][lost] = _bone_beside(part, np.argwhere(lost), mask.spacing_mm)
    return Mask(labels, mask.affine)


def _bone_beside(
    labels: NDArray[np.uint8], at: NDArray[np.intp], spacing_mm: tuple[float, float, float]
) -> NDArray[np.uint8]:
    """Return the label of the nearest bone of each voxel, shape (n,), ``OUTSIDE`` where none is near."""
    bone = (labels >= FIRST_VERTEBRA) | (labels == VERTEBRA_WITHOUT_LEVEL)
    surface = np.argwhere(bone & ~ndimage.binary_erosion(bone))
    if not len(surface):
        return np.full(len(at), OUTSIDE, dtype=np.uint8)
    tree = cKDTree(surface * spacing_mm, balanced_tree=False, compact_nodes=False)
    _, nearest = tree.query(at * spacing_mm, distance_upper_bound=BESIDE_BONE_MM)
    found = np.append(labels[tuple(surface.T)], np.uint8(OUTSIDE))  # the last where none is near
    return np.asarray(found[nearest], dtype=np.uint8)


def _near_changes(
    mask: Mask, before: Probability, after: Probability, corner: NDArray[np.intp], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Return which voxels of a box of a label map lie where two probabilities of one grid may differ."""
    changed = ndimage.maximum_filter(before.values != after.values, size=3, mode="constant")  # read between
    to_probability = np.linalg.inv(before.affine) @ mask.affine
    start = to_probability[:3, :3] @ corner + to_probability[:3, 3]
    near = ndimage.affine_transform(
        changed.astype(np.uint8), to_probability[:3, :3], start, output_shape=shape, order=0, mode="constant"
    )
    return np.asarray(near > 0)
