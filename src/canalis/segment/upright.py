"""A neck that is turned on the table is looked at upright: with its back to the back of the grids.

The networks have learned from necks turned by 17 degrees at most, and what holds the canal's walls between
those of its bones works from front to back of a grid. So a scan of a neck that is turned farther is looked at
as if the scanner had been turned with it; heights stay, since it is turned about the table's long axis.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canalis.segment.classes import Coarse
from canalis.segment.locate import Located
from canalis.segment.segmentation import Segmentation
from canalis.segment.symmetry import most_symmetrical
from canalis.segment.tube import Tube
from canalis.volume import Mask, Probability, Volume

NECK_MM: Final = 45.0  # around the canal in which bone tells the turn: without shoulders and ribs
LEAST_BONE: Final = 500  # voxels of 2.5 mm: a third of a vertebra
VERTEBRAE: Final = (Coarse.BODY, Coarse.ARCH, Coarse.DISC)


def turn_of_neck(found: Located, tube: Tube) -> float:
    """Return how far a neck as a whole is turned about the scanner's long axis.

    Parameters
    ----------
    found : Located
        The coarse pass.
    tube : Tube
        The canal in it.

    Returns
    -------
    float
        Radians, above 0 where its back goes to the left; 0 where too little bone is seen.
    """
    bone = np.argwhere(np.isin(found.structure, VERTEBRAE))
    along, front, left = tube.along(bone @ found.grid.affine[:3, :3].T + found.grid.affine[:3, 3])
    near = (np.hypot(front, left) < NECK_MM) & (along > 0) & (along < tube.length_mm)
    if near.sum() < LEAST_BONE:
        return 0.0
    parts = found.grid.spacing_mm[1] * np.array([-1.0, 0.0, 1.0]) / 3
    back, aside = (part.ravel() for part in np.meshgrid(parts, parts))
    back, left = back - front[near][:, None], aside + left[near][:, None]
    return most_symmetrical(back.ravel(), left.ravel(), np.ones(back.size))[0]


def upright(volume: Volume, turn: float) -> Volume:
    """Return a scan placed as if the scanner had been turned with the neck, by `turn_of_neck`."""
    return replace(volume, affine=_about_z(turn) @ volume.affine)


def turned_back(segmentation: Segmentation, volume: Volume, turn: float) -> Segmentation:
    """Return what was seen in an upright scan where it lies in the scan itself.

    Parameters
    ----------
    segmentation : Segmentation
        Of ``upright(volume, turn)``.
    volume : Volume
        The scan as it is.
    turn : float
        Radians.
    """

    def back(field: Probability | None) -> Probability | None:
        return None if field is None else Probability(field.values, _about_z(-turn) @ field.affine)

    return replace(
        segmentation,
        mask=Mask(segmentation.mask.labels, volume.affine),
        canal=back(segmentation.canal),
        ossification=back(segmentation.ossification),
    )


def _about_z(turn: float) -> NDArray[np.float64]:
    """Return the matrix, LPS+ mm, that turns what goes to the back and, by an angle, left to the back."""
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    return matrix
