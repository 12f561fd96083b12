"""Where the canal was lost inside a scan: it ends, but the neck goes on."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from canalis.labels import LEVELS
from canalis.segment.column import Column
from canalis.segment.fcn import LONGEST_MM
from canalis.segment.levels import C2, Named
from canalis.segment.tube import Tube
from canalis.volume import ScanWarning, Volume

CANAL_LOST: Final = "canal-lost"
BEYOND_MM: Final = np.arange(2.5, 20.1, 2.5)
"""Past an end of the canal, straight on: about a vertebra. Of whole canals 0 to 21 mm are left, most none."""

ACROSS_MM: Final = np.arange(-10.0, 10.1, 2.5)  # to the front and to the left
TISSUE_HU: Final = -300
LEAST_TISSUE: Final = 0.5  # of a section past the end
T2: Final = LEVELS.index("T2")


def warn_of_lost_ends(tube: Tube, volume: Volume, column: Column, named: Named) -> tuple[ScanWarning, ...]:
    """Return a warning where a canal ends within C1 to T2 although the scan shows more of the neck.

    Parameters
    ----------
    tube : Tube
        The canal.
    volume : Volume
        The CT.
    column : Column
        The bodies along it.
    named : Named
        Their names.

    Returns
    -------
    tuple of ScanWarning
        One at most, ``canal-lost``. At its upper end none where the dens or C2 was found: above it the canal
        ends at the skull. At its lower end none where T2 was found, or all of the canal that is looked at.
    """
    first = named.first
    last = None if first is None else first + len(column.vertebrae) - 1
    heights = tube.points_lps[:, 2]
    ends = []
    if column.dens is None and (first is None or first > C2) and _goes_on(tube, volume, -1):
        ends.append(f"above z = {heights[0]:.0f} mm{_beside(first)}")
    whole = tube.length_mm >= LONGEST_MM - BEYOND_MM[-1]
    if not whole and (last is None or last < T2) and _goes_on(tube, volume, 1):
        ends.append(f"below z = {heights[-1]:.0f} mm{_beside(last)}")
    if not ends:
        return ()
    message = (
        f"The canal could not be followed {' and '.join(ends)}, although the scan goes on there: "
        "nothing beyond was measured."
    )
    return (ScanWarning(CANAL_LOST, message),)


def _beside(level: int | None) -> str:
    return f" ({LEVELS[level]})" if level is not None and 0 <= level < len(LEVELS) else ""


def _goes_on(tube: Tube, volume: Volume, way: int) -> bool:
    """Return whether tissue follows an end of a canal: ``way`` is 1 for its lower end, -1 for its upper."""
    end = -1 if way > 0 else 0
    front, left = (a.ravel()[:, None] for a in np.meshgrid(ACROSS_MM, ACROSS_MM))
    section = front * tube.front[end] + left * tube.left[end]
    beyond = tube.points_lps[end] + way * BEYOND_MM[:, None, None] * tube.down[end] + section
    return bool((_tissue(volume, beyond).mean(axis=1) >= LEAST_TISSUE).all())


def _tissue(volume: Volume, points_lps: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which LPS+ mm points, shape (..., 3), lie in the scan and in tissue."""
    index = np.rint(volume.to_index(points_lps.reshape(-1, 3))).astype(int)
    inside = ((index >= 0) & (index < np.array(volume.shape))).all(axis=1)
    tissue = np.zeros(len(index), dtype=bool)
    tissue[inside] = volume.hu[tuple(index[inside].T)] > TISSUE_HU
    return tissue.reshape(points_lps.shape[:-1])
