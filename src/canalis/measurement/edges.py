"""Soft edges: from labels or probabilities to a field whose zero is the structure's outline.

A label map has stairs for edges. Here each label becomes a distance-like field, smooth across the
stairs and nearly linear near the edge, so that interpolating between voxels or between slices puts
the zero crossing where the edge was: shape-based interpolation [1]_ by a smoothed indicator instead
of a distance transform, because it is cheaper and has no ridge of its own.

References
----------
.. [1] Raya SP, Udupa JK. Shape-based interpolation of multidimensional objects. IEEE Trans Med
   Imaging 1990;9:32-42. doi:10.1109/42.52980.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from canalis.labels import ANATOMICAL_CANAL, OSSIFICATION, OTHER_NARROWING
from canalis.measurement.frame import MovingFrame
from canalis.segment.segmentation import Segmentation
from canalis.volume import Mask, Probability

Floats = NDArray[np.float64]
Field = NDArray[np.float32]

EDGE_BLUR_MM = 0.5
"""Standard deviation of the smoothing. On a circle of radius r the edge moves in by 0.5**2 / 2r:
0.018 mm at 7 mm, a canal's half AP; 0.5 mm is more than one 0.4 mm stair."""
MASS_BLUR_MM = 0.3  # of masses, whose corners are sharper and which may be a millimetre thin
LEAST_BLUR_PIXELS = 0.7  # under coarse pixels the smoothing grows with them, or the stairs would stay
SATURATION = 1e-6  # share at which a smoothed indicator counts as empty or full: 4.75 blurs from the edge
PROBABILITY_SATURATION = 0.5 / 255  # half of a probability's own step
CROP_MARGIN_MM = 4.0  # more than 4.75 blurs: the field is at its floor there


@dataclass(frozen=True, slots=True, eq=False)
class EdgeField:
    """A structure as a field that is zero on its edge and positive inside.

    Attributes
    ----------
    values : ndarray of shape (a, b, c)
        float32, about the distance to the edge in mm within 2 mm of it, levelling off further away.
    affine : ndarray of shape (4, 4)
        Index of ``values`` to LPS+ mm.
    """

    values: NDArray[np.float32]
    affine: NDArray[np.float64]

    def sample(self, frame: MovingFrame, back_mm: Floats, left_mm: Floats) -> Field:
        """Return the field on a grid in every plane, shape (n, rows, columns); drawn on beyond its own grid.

        Parameters
        ----------
        frame : MovingFrame
            The n planes.
        back_mm, left_mm : ndarray
            Positions of rows and columns in each plane.
        """
        index = frame.grid_index(self.affine, back_mm, left_mm)
        field: Field = ndimage.map_coordinates(self.values, index, order=1, mode="nearest", output=np.float32)
        return field


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """The soft edges of everything in the canal.

    Attributes
    ----------
    canal : EdgeField
        Of the anatomical canal, ossification and other narrowing included.
    ossification, narrowing : EdgeField or None
        Of the ossification and of what else narrows the canal; None where there is none.
    spared : EdgeField or None
        Of the canal without the ossification, from labels: it shows slivers thinner than a pixel, which
        the ossification's own field, smoothed, loses. None where there is none, or no labels.
    soft : bool
        True where the edges are a network's probability, False where they are those of labels.
    """

    canal: EdgeField
    ossification: EdgeField | None
    narrowing: EdgeField | None
    spared: EdgeField | None
    soft: bool


def find_edges(segmentation: Segmentation) -> Edges | None:
    """Return the soft edges of a segmentation, or None where it holds no canal.

    Parameters
    ----------
    segmentation : Segmentation
        Its probabilities are used where it has them, else its labels.

    Returns
    -------
    Edges or None
        Cropped to the canal. The canal is kept to its main tube, small islands dropped.
    """
    mask = segmentation.mask
    box = bounding_box(mask, ANATOMICAL_CANAL, margin_mm=CROP_MARGIN_MM)
    if box is None:
        return None
    labels, affine = crop(mask, box)
    narrowing = field_of_labels(labels == OTHER_NARROWING, affine)
    if segmentation.canal is not None and segmentation.ossification is not None:
        tube = _main_tube(segmentation.canal.values >= 128)
        canal = _field_of_probability(segmentation.canal, tube)
        ossification = _field_of_probability(segmentation.ossification, tube)
        empty = not (ossification.values > 0).any()
        return Edges(canal, None if empty else ossification, narrowing, None, soft=True)
    tube = _main_tube(np.isin(labels, ANATOMICAL_CANAL))
    tube_field = field_of_labels(tube, affine)
    if tube_field is None:
        return None
    mass = (labels == OSSIFICATION) & tube
    spared = field_of_labels(tube & ~mass, affine, least_mm=MASS_BLUR_MM) if mass.any() else None
    return Edges(
        tube_field, field_of_labels(mass, affine, least_mm=MASS_BLUR_MM), narrowing, spared, soft=False
    )


def bounding_box(mask: Mask, labels: Sequence[int], *, margin_mm: float) -> tuple[slice, slice, slice] | None:
    """Return the index box around some labels with a margin, inside the grid, or None without them."""
    boxes = ndimage.find_objects(mask.labels, max_label=max(labels))
    found = [box for label, box in enumerate(boxes, start=1) if label in labels and box is not None]
    if not found:
        return None
    slices = []
    for spans, size, spacing in zip(zip(*found, strict=True), mask.shape, mask.spacing_mm, strict=True):
        margin = int(np.ceil(margin_mm / spacing))
        first, end = min(span.start for span in spans), max(span.stop for span in spans)
        slices.append(slice(max(0, first - margin), min(size, end + margin)))
    return slices[0], slices[1], slices[2]


def crop(mask: Mask, box: tuple[slice, slice, slice]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return the labels in an index box and the affine of that part."""
    affine = mask.affine.copy()
    affine[:3, 3] = mask.to_lps(np.array([part.start for part in box], dtype=float))
    return np.ascontiguousarray(mask.labels[box]), affine


def _main_tube(canal: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the canal without islands below a tenth of its largest part."""
    parts, count = ndimage.label(canal, structure=np.ones((3, 3, 3)))
    if count < 2:
        return canal
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= MAIN_PART_SHARE * sizes.max())[parts])


MAIN_PART_SHARE = 0.1  # of the largest part: a canal broken by lost slices stays, islands in the skull go


def field_of_labels(
    inside: NDArray[np.bool_], affine: NDArray[np.float64], *, least_mm: float = EDGE_BLUR_MM
) -> EdgeField | None:
    """Return the soft edges of a label, or None where there is none of it.

    Parameters
    ----------
    inside : ndarray of shape (a, b, c)
        Where the label is.
    affine : ndarray of shape (4, 4)
        Index to LPS+ mm.
    least_mm : float
        Standard deviation of the smoothing, at least.
    """
    if not inside.any():
        return None
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    blur = blur_mm(spacing, least_mm=least_mm)
    share = ndimage.gaussian_filter(inside.astype(np.float32), blur / spacing, truncate=4.0, mode="nearest")
    near = (share > SATURATION) & (share < 1 - SATURATION)
    floor, ceiling = (np.float32(blur * special.ndtri(full)) for full in (SATURATION, 1 - SATURATION))
    field = np.where(share < 0.5, floor, ceiling)
    field[near] = blur * special.ndtri(share[near].astype(np.float64))
    return EdgeField(field, affine)


def blur_mm(spacing_mm: NDArray[np.float64], *, least_mm: float = EDGE_BLUR_MM) -> float:
    """Return the smoothing, mm, for labels with these voxel spacings (its in-plane pixel decides)."""
    pixel = float(np.sort(spacing_mm)[1])
    return max(least_mm, LEAST_BLUR_PIXELS * pixel)


def _field_of_probability(probability: Probability, tube: NDArray[np.bool_]) -> EdgeField:
    shares = np.clip(np.arange(256) / 255.0, PROBABILITY_SATURATION, 1 - PROBABILITY_SATURATION)
    field = (EDGE_BLUR_MM * special.ndtri(shares)).astype(np.float32)[probability.values]
    near_tube = ndimage.binary_dilation(tube, iterations=2)
    field[~near_tube] = np.minimum(field[~near_tube], -EDGE_BLUR_MM)
    return EdgeField(field, probability.affine)
