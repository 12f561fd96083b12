"""What the fine pass calls ossification but its place and size call a spur.

The posterior longitudinal ligament is a band on the midline. A piece of bone far aside, no higher than
a disc and its rims, is an uncovertebral spur; as low and broader than the ligament is an endplate's rim;
narrower than any ossified ligament is the edge of a vein's channel; and of a low piece the network must be
sure. They narrow the canal; none is OPLL.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.segment.classes import Fine
from canalis.segment.fcn import FineMap

LEAST_WIDTH_MM: Final = 3.0  # chosen: ossified ligaments are 8 to 18 mm wide, the narrowest foci about 5
MOST_WIDTH_MM: Final = 18.0  # chosen: as wide as OPLL gets; a low bar broader than this is the endplate's rim
ASIDE_SHARE: Final = 0.5  # chosen: of the canal's half-width; a lateral mass still reaches the middle half
SPUR_HEIGHT_MM: Final = 12.0  # chosen: a disc of 6 mm and a rim of 3 mm on each side of it
LEAST_MEAN: Final = 0.9
"""Mean probability of ossification of a low piece. On 18 validation phantoms masses that are there have 0.94
to 0.99, one 0.91; most of the fragments beside them 0.77 to 0.87."""


def set_spurs_apart(seen: FineMap, canal: NDArray[np.bool_]) -> FineMap:
    """Return the fine pass with ossifications that are spurs called other narrowing.

    Parameters
    ----------
    seen : FineMap
        The fine pass.
    canal : ndarray of ``seen.grid.shape``
        The anatomical canal.

    Returns
    -------
    FineMap
        With the spurs' voxels in class OTHER_NARROWING and their probability of ossification 0.
    """
    parts, _ = ndimage.label((seen.classes == Fine.OSSIFICATION) & canal, structure=np.ones((3, 3, 3)))
    centre, half = _middle_of(canal)
    spurs = np.zeros(canal.shape, dtype=bool)
    for part, box in enumerate(ndimage.find_objects(parts), start=1):
        own = parts[box] == part
        if _is_spur(own, box, seen.grid.spacing_mm, centre, half) or _is_doubtful(own, box, seen):
            spurs[box] |= own
    if not spurs.any():
        return seen
    return replace(
        seen,
        classes=np.where(spurs, np.uint8(Fine.OTHER_NARROWING), seen.classes),
        ossification=np.where(spurs, np.uint8(0), seen.ossification),
    )


def _is_doubtful(own: NDArray[np.bool_], box: tuple[slice, ...], seen: FineMap) -> bool:
    low = own.shape[0] * seen.grid.spacing_mm[0] <= SPUR_HEIGHT_MM
    return bool(low and seen.ossification[box][own].mean() < 255 * LEAST_MEAN)


def _middle_of(canal: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the canal's middle column and half-width in columns, by slice; NaN where there is none."""
    across = np.asarray(canal.any(axis=1))
    there = np.asarray(across.any(axis=1))
    first = np.where(there, across.argmax(axis=1), np.nan)
    last = np.where(there, across.shape[1] - 1 - across[:, ::-1].argmax(axis=1), np.nan)
    return (first + last) / 2, np.maximum((last - first + 1) / 2, 1.0)


def _is_spur(
    own: NDArray[np.bool_],
    box: tuple[slice, ...],
    spacing_mm: tuple[float, float, float],
    centre: NDArray[np.float64],
    half: NDArray[np.float64],
) -> bool:
    slices, _, columns = np.nonzero(own)
    across = own.any(axis=1)
    width = float(across.sum(axis=1).max()) * spacing_mm[2]
    height = own.shape[0] * spacing_mm[0]
    if width < LEAST_WIDTH_MM or (width > MOST_WIDTH_MM and height <= SPUR_HEIGHT_MM):
        return True
    at = slices + box[0].start
    aside = np.abs(np.mean((columns + box[2].start - centre[at]) / half[at]))
    return bool(aside > ASIDE_SHARE and height <= SPUR_HEIGHT_MM)
