"""From what the networks saw to the labels of a result, on the scan's own grid."""

from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.labels import (
    FIRST_VERTEBRA,
    LEVELS,
    OSSIFICATION,
    OTHER_NARROWING,
    RESIDUAL_CANAL,
    VERTEBRA_WITHOUT_LEVEL,
)
from canalis.segment.classes import LEVEL_CLASSES, Coarse, Fine
from canalis.segment.column import AXIS_BODY_MM, Column, own_place
from canalis.segment.fcn import CANAL_CLASSES, FineMap
from canalis.segment.grids import look_up
from canalis.segment.levels import C1, C2, Named
from canalis.segment.locate import Located
from canalis.segment.tube import Tube, find_tube, near_tube
from canalis.volume import Mask, Probability, Volume

REACH_MM: Final = 22.0
"""From the coarse pass's centreline: half a wide canal, and how far off that line may be."""

LEAST_MASS_MM3: Final = 8.0  # ossification below this is a few voxels of noise
MARGIN_BYTE: Final = 40
BESIDE: Final = (3, 5, 5)  # voxels about the canal, where its probability is kept
BODY_RIM_MM: Final = 2.0  # beside a body's ends, where a disc may well be
SOLID_DEPTHS_MM: Final = np.arange(8.5, 21.1, 0.5)  # in front of the centreline: of an adult's body
SOLID_WIDTHS_MM: Final = np.arange(-7.0, 7.1, 0.5)  # between the uncinate processes
SOLID_STEP_MM: Final = 0.5  # no coarser than the fine grid
READ_OVER_MM: Final = 17  # along the canal: about a body
ATLAS_READ: Final = 0.65  # of the arches beside the dens, to be read as C1 for the reading to count there
READ_WELL: Final = 0.8  # of what is read there must be the counted level


def find_fine_tube(fine: FineMap, tube: Tube) -> tuple[NDArray[np.bool_], Tube | None]:
    """Return the one connected canal of the fine pass: islands in skull, jaw and shoulders are left out.

    Parameters
    ----------
    fine : FineMap
        The fine pass.
    tube : Tube
        The canal of the coarse pass.

    Returns
    -------
    canal : ndarray of ``fine.grid.shape``
        The anatomical canal.
    tube : Tube or None
        Its centreline; None where no canal of at least 25 mm is left.
    """
    canal = np.isin(fine.classes, CANAL_CLASSES) & near_tube(tube, fine.grid, reach_mm=REACH_MM)
    return find_tube(canal, fine.grid)


def label_fine(
    fine: FineMap, canal: NDArray[np.bool_], found: Located, tube: Tube, column: Column, named: Named
) -> NDArray[np.uint8]:
    """Return the labels of :mod:`canalis.labels` on the fine grid."""
    labels = np.zeros(fine.grid.shape, dtype=np.uint8)
    bone = np.isin(fine.classes, (Fine.BODY, Fine.ARCH))
    index = np.argwhere(bone)
    if len(index):
        labels[tuple(index.T)] = _vertebra_labels(fine, index, found, tube, column, named)
    for number, label in (
        (Fine.RESIDUAL_CANAL, RESIDUAL_CANAL),
        (Fine.OSSIFICATION, OSSIFICATION),
        (Fine.OTHER_NARROWING, OTHER_NARROWING),
    ):
        labels[canal & (fine.classes == number)] = label
    return _without_specks(labels, fine)


def solid_bodies(fine: FineMap, tube: Tube, column: Column) -> FineMap:
    """Return the fine pass with every body solid, for scans whose pixels leave bodies and discs ragged.

    The column knows where each body is; a disc or nothing seen well inside one is the noise of pixels of
    4 mm, and would break a body into pieces. Of the axis the body is filled, not the dens.
    """
    mm = np.arange(0.0, tube.length_mm, SOLID_STEP_MM)
    inside = np.zeros(len(mm), dtype=bool)
    for number, vertebra in enumerate(column.vertebrae):
        top = max(vertebra.top_mm, vertebra.bottom_mm - AXIS_BODY_MM if number == column.dens else 0.0)
        inside |= (mm > top + BODY_RIM_MM) & (mm < vertebra.bottom_mm - BODY_RIM_MM)
    at = np.interp(mm[inside], np.arange(len(column.slope)), column.slope)[:, None]
    nearest = np.rint(mm[inside]).astype(int)
    middle = tube.points_lps[nearest] + (mm[inside] - nearest)[:, None] * tube.down[nearest]
    front, left = tube.front[nearest] + at * tube.down[nearest], tube.left[nearest]
    depth, width = (a.ravel() for a in np.meshgrid(SOLID_DEPTHS_MM, SOLID_WIDTHS_MM))
    places = middle[:, None] + depth[:, None] * front[:, None] + width[:, None] * left[:, None]
    index = fine.grid.nearest(places.reshape(-1, 3))
    index = index[((index >= 0) & (index < np.array(fine.grid.shape))).all(axis=1)]
    classes = fine.classes.copy()
    ragged = np.isin(classes[tuple(index.T)], (Fine.OUTSIDE, Fine.DISC, Fine.OSTEOPHYTE))
    classes[tuple(index[ragged].T)] = Fine.BODY
    return replace(fine, classes=classes)


def _without_specks(labels: NDArray[np.uint8], fine: FineMap) -> NDArray[np.uint8]:
    """Return ossifications of a few voxels to the residual canal."""
    masses, count = ndimage.label(labels == OSSIFICATION, structure=np.ones((3, 3, 3)))
    if count:
        voxel = float(np.prod(fine.grid.spacing_mm))
        small = np.bincount(masses.ravel()) * voxel < LEAST_MASS_MM3
        small[0] = False
        labels[small[masses]] = RESIDUAL_CANAL
    return labels


def _vertebra_labels(
    fine: FineMap, index: NDArray[np.intp], found: Located, tube: Tube, column: Column, named: Named
) -> NDArray[np.uint8]:
    if named.first is None:
        return np.full(len(index), VERTEBRA_WITHOUT_LEVEL, dtype=np.uint8)
    places = index @ fine.grid.affine[:3, :3].T + fine.grid.affine[:3, 3]
    along, front, _ = tube.along(places)
    along = own_place(along, front, column.slope)
    body = fine.classes[tuple(index.T)] == Fine.BODY
    level = np.where(body, _level_by_place(along, column, named.first), 0)
    level[~body] = _level_by_shape(places[~body], found, column, named.first, along[~body])
    inside = (level >= 0) & (level < len(LEVELS))
    return np.where(inside, FIRST_VERTEBRA + level, VERTEBRA_WITHOUT_LEVEL).astype(np.uint8)


def _level_by_place(along_mm: NDArray[np.float64], column: Column, first: int) -> NDArray[np.intp]:
    """Return the level of the body whose stretch of the canal, half a disc added, holds a place."""
    vertebrae = column.vertebrae
    borders = [(a.bottom_mm + b.top_mm) / 2 for a, b in pairwise(vertebrae)]
    return np.asarray(first + np.searchsorted(borders, along_mm), dtype=np.intp)


def _level_by_shape(
    places: NDArray[np.float64], found: Located, column: Column, first: int, along_mm: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Return the level that the coarse network reads at arches, moved to agree with the count.

    Where it reads the bodies beside them otherwise than they were counted, arches go by their place. So do
    those of C1 and C2 where it hardly reads C1 beside the dens: nothing else tells a reading too low there.
    """
    shift = _shift(column, first)
    distance, nearest = ndimage.distance_transform_edt(
        found.structure != Coarse.ARCH, sampling=found.grid.spacing_mm, return_indices=True
    )
    index = np.clip(found.grid.nearest(places), 0, np.array(found.grid.shape) - 1)
    at = tuple(index.T)
    read = found.level[tuple(n[at] for n in nearest)].astype(np.intp) + shift
    by_place = _level_by_place(along_mm, column, first)
    # Arches hang lower than their bodies; C1's lies beside the dens. Further off, the reading is wrong.
    plausible = (distance[at] < 6) & (read <= by_place) & (read >= by_place - 1)
    top = (by_place <= C2) & (read >= 0) & (read <= C2)
    usable = (plausible | top) & _read_well(along_mm, column, first)
    atlas = (by_place == C2) & _beside_dens(along_mm, column, first)
    if atlas.any() and (read[atlas] == C1).mean() < ATLAS_READ:
        by_place = np.where(atlas, C1, by_place)
        usable &= by_place > C2
    return np.where(usable, read, by_place)


def _beside_dens(along_mm: NDArray[np.float64], column: Column, first: int) -> NDArray[np.bool_]:
    """Return which places lie above the axis's body, where arches are C1's, which has no body of its own."""
    axis = C2 - first
    if not 0 <= axis < len(column.vertebrae):
        return np.zeros(len(along_mm), dtype=bool)
    return np.asarray(along_mm < column.vertebrae[axis].bottom_mm - AXIS_BODY_MM)


def _read_well(along_mm: NDArray[np.float64], column: Column, first: int) -> NDArray[np.bool_]:
    """Return at which places the coarse pass reads the bodies beside them as they were counted."""
    mm = np.arange(len(column.votes))
    level = np.clip(_level_by_place(mm.astype(float), column, first), 0, LEVEL_CLASSES - 1)
    agreeing = ndimage.uniform_filter1d(column.votes[mm, level], READ_OVER_MM)
    read = ndimage.uniform_filter1d(column.votes.sum(axis=1), READ_OVER_MM)
    share = agreeing / np.maximum(read, 1e-6)
    return np.asarray(np.interp(along_mm, mm, share) > READ_WELL)


def _shift(column: Column, first: int) -> int:
    """Return by how much the network's reading of bodies differs from the count."""
    apart = [
        first + i - int(v.votes.argmax())
        for i, v in enumerate(column.vertebrae)
        if v.votes.sum() > 0 and first + i < len(LEVELS)
    ]
    return int(np.median(apart)) if apart else 0


def onto_scan(labels: NDArray[np.uint8], fine: FineMap, volume: Volume) -> Mask:
    """Return labels of the fine grid on the scan's own."""
    return Mask(look_up(labels, fine.grid.affine, volume.affine, volume.shape), volume.affine)


def soft_edges(fine: FineMap, canal: NDArray[np.bool_]) -> tuple[Probability, Probability]:
    """Return the probabilities of canal and ossification, nothing beyond the canal's surroundings."""
    near = ndimage.maximum_filter(canal, size=BESIDE, mode="constant")
    return (
        Probability(np.where(near, fine.canal, np.minimum(fine.canal, MARGIN_BYTE)), fine.grid.affine),
        Probability(np.where(near, fine.ossification, 0).astype(np.uint8), fine.grid.affine),
    )
