"""What the fine pass calls ossification without being sure of it: as a rule the rim of an endplate.

A rim, an uncovertebral spur and a low ossification of the ligament look alike on a slice. Of a piece no
higher than a disc and its rims the network must be sure, the surer the lower it is; otherwise it is listed
apart and told. It narrows the canal, but counts for no type and no ratio (decision 63).
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.labels import LEVELS, disc_name
from canalis.segment.assemble import LEAST_MASS_MM3
from canalis.segment.classes import Fine
from canalis.segment.column import Column
from canalis.segment.fcn import FineMap
from canalis.segment.levels import Named
from canalis.segment.tube import Tube
from canalis.volume import ScanWarning

LOW_MM: Final = 12.0  # chosen: a disc of 6 mm and a rim of 3 mm on each side of it
LEAST_MEAN: Final = 0.9
"""Mean probability of ossification of a low piece. Of 24 validation phantoms 14 of 15 true low pieces have
0.91 to 0.99, one of 25 mm³ has 0.82; of 9 false ones 7 have 0.73 to 0.89, two 0.94."""

TALLER_MM: Final = 8.0  # chosen: a rim, or a disc with one; on thick slices real rims are 10 mm high too
LEAST_MEAN_TALLER: Final = 0.75
"""Of a piece higher than that. On 53 validation phantoms all 14 false pieces under 0.9 are 1 to 4 mm high by
two networks; of six true ones four are 9 or 10 mm high, faint masses with 0.80 to 0.89."""

THIN_MM: Final = 2.0
"""Of a low piece, from the canal's front wall to its back in whole pixels, as thickness is defined: what is
no thicker cannot be told from a rim, and a report speaks of 2 mm and more. Of 73 low pieces of OPLL on 100
validation phantoms two are so thin. A thin plate that stands off the wall is no rim."""

THICK_TIMES: Final = 2.0
"""As many times as thick as that, from the wall: 4 mm on fine pixels. No rim is so thick, and the mean of a
taller piece is enough. Of 16 pieces that were set apart on 37 validation and three test necks both of 4 and
7 mm were ossification, none of 1.5 to 3.5 mm."""

UNSURE: Final = (
    "The network is not sure whether low masses at {where} are OPLL or rims of the bodies. "
    "They count for no extent, type or ratio, and are listed apart where they narrow the canal. "
    "Look at the pictures."
)


def set_low_masses_apart(
    seen: FineMap, canal: NDArray[np.bool_], *, pixel_mm: float
) -> tuple[FineMap, tuple[float, ...]]:
    """Return the fine pass with low ossifications that it is not sure of called other narrowing.

    Parameters
    ----------
    seen : FineMap
        The fine pass.
    canal : ndarray of ``seen.grid.shape``
        The anatomical canal.
    pixel_mm : float
        Of the scan: a low piece no thicker than one of its pixels cannot be told from a rim either.

    Returns
    -------
    seen : FineMap
        With their voxels in class OTHER_NARROWING and their probability of ossification 0.
    heights : tuple of float
        LPS+ z, mm, of the middle of each that is no speck, head to foot.
    """
    parts, _ = ndimage.label((seen.classes == Fine.OSSIFICATION) & canal, structure=np.ones((3, 3, 3)))
    unsure = np.zeros(canal.shape, dtype=bool)
    heights = []
    thin_mm = max(THIN_MM, pixel_mm)
    step, voxel = seen.grid.spacing_mm[0], float(np.prod(seen.grid.spacing_mm))
    front = canal.argmax(axis=1)
    for part, box in enumerate(ndimage.find_objects(parts), start=1):
        own = parts[box] == part
        back = np.where(own, np.arange(box[1].start, box[1].stop)[:, None] + 1, 0).max(axis=1)
        thick_mm = (back - front[box[0], box[2]]).max() * seen.grid.spacing_mm[1]
        mean = seen.ossification[box][own].mean() / 255
        if mean < _least_mean(own.shape[0] * step, float(thick_mm), thin_mm=thin_mm):
            unsure[box] |= own
            if own.sum() * voxel >= LEAST_MASS_MM3:
                heights.append(seen.grid.origin_lps[2] + step * (box[0].start + box[0].stop - 1) / 2)
    if not unsure.any():
        return seen, ()
    without = replace(
        seen,
        classes=np.where(unsure, np.uint8(Fine.OTHER_NARROWING), seen.classes),
        ossification=np.where(unsure, np.uint8(0), seen.ossification),
    )
    return without, tuple(sorted(heights, reverse=True))


def _least_mean(height_mm: float, thick_mm: float, *, thin_mm: float) -> float:
    """Return how sure the network must be, on average, of a piece of a size; infinity for never."""
    if height_mm > LOW_MM:
        return 0.0
    if thick_mm <= thin_mm:
        return float("inf")
    return LEAST_MEAN_TALLER if height_mm > TALLER_MM or thick_mm >= THICK_TIMES * thin_mm else LEAST_MEAN


def warn_of_unsure_masses(
    heights: tuple[float, ...], tube: Tube, column: Column, named: Named
) -> tuple[ScanWarning, ...]:
    """Return what a reader must know of masses that may be ossification or not.

    Parameters
    ----------
    heights : tuple of float
        From :func:`set_low_masses_apart`.
    tube : Tube
        The canal.
    column : Column
        The bodies along it.
    named : Named
        Their names.

    Returns
    -------
    tuple of ScanWarning
        One that names bodies and discs, or heights where levels have no names; none without masses.
    """
    if not heights:
        return ()
    along = np.interp(-np.array(heights), -tube.points_lps[:, 2], np.arange(len(tube.points_lps)))
    names = [_place_name(float(mm), column, named) for mm in along]
    where = dict.fromkeys(name or f"z = {z:.0f} mm" for name, z in zip(names, heights, strict=True))
    places = tuple(dict.fromkeys(name for name in names if name))
    return (ScanWarning("ossification-unsure", UNSURE.format(where=", ".join(where)), places=places),)


def _place_name(along_mm: float, column: Column, named: Named) -> str | None:
    """Return the body at a place of the canal, or the disc; None without names."""
    if named.first is None:
        return None
    for number, vertebra in enumerate(column.vertebrae, start=named.first):
        if along_mm > vertebra.bottom_mm:
            continue
        if not 0 <= number < len(LEVELS):
            break
        between = along_mm < vertebra.top_mm and number > max(named.first, 0)
        return disc_name(LEVELS[number - 1]) if between else LEVELS[number]
    return None
