"""The canal where the fine pass lost it for a few slices between two places where it has it.

Between the arches of C1 and C2 there is no bone behind the canal, and slices may be blank or spoilt by
metal. The canal does not end there: its shape is carried over from both sides.
"""

from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.segment.classes import Fine
from canalis.segment.fcn import FineMap

LOST_SHARE: Final = 0.5  # of the canal's middling area in a slice: below, the canal counts as lost there
LONGEST_GAP_MM: Final = 14.0  # a little less than from one arch to the next
EDGE: Final = 127.5  # of a probability


def bridge_gaps(seen: FineMap) -> FineMap:
    """Return the fine pass with the canal carried over short gaps.

    Parameters
    ----------
    seen : FineMap
        The fine pass.

    Returns
    -------
    FineMap
        Where the canal was lost for up to 14 mm between two slices that have it, its edge moves evenly
        from the one outline to the other; bone seen there stays bone.
    """
    area = np.count_nonzero(seen.canal > EDGE, axis=(1, 2))
    if not area.any():
        return seen
    held = area > LOST_SHARE * np.median(area[area > 0])
    canal = seen.canal.copy()
    for low, high in _gaps(held, LONGEST_GAP_MM / seen.grid.spacing_mm[0]):
        below, above = (_signed_distance(seen.canal[k] > EDGE) for k in (low, high))
        for k in range(low + 1, high):
            share = (k - low) / (high - low)
            inside = np.clip(0.5 + (1 - share) * below + share * above, 0, 1) * 255
            canal[k] = np.maximum(canal[k], np.rint(inside).astype(np.uint8))
    bone = np.isin(seen.classes, (Fine.BODY, Fine.ARCH, Fine.DISC))
    canal[bone] = seen.canal[bone]
    found = (canal > EDGE) & (seen.canal <= EDGE)
    return replace(seen, canal=canal, classes=np.where(found, np.uint8(Fine.RESIDUAL_CANAL), seen.classes))


def _gaps(held: NDArray[np.bool_], longest: float) -> list[tuple[int, int]]:
    """Return the slices on both sides of each gap that is short enough."""
    there = np.flatnonzero(held)
    return [(int(a), int(b)) for a, b in pairwise(there) if 1 < b - a <= longest]


def _signed_distance(inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return pixels to the edge, above 0 inside."""
    return np.asarray(ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside))
