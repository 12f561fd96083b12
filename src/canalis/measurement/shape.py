"""The mass seen from the side: compression angle, hill or plateau.

References
----------
.. [1] J Korean Neurosurg Soc 2016;59:471: the compression angle between the cranial and caudal
   surfaces of the mass at the worst place. How far from the top the surfaces are followed is chosen.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from canalis.measurement.geometry import NeckGeometry
from canalis.measurement.planes import unit

Floats = NDArray[np.float64]

SURFACE_MM = 10.0  # how far each surface is followed from the top (chosen)
LEAST_SURFACE_MM = 3.0  # shorter says nothing of its lean
PLATEAU_SHARE = 0.8  # of the greatest thickness that still counts as the top (chosen)
PLATEAU_LENGTH_SHARE = 0.5  # of the involved length that the top takes in a plateau (chosen)


def compression_angle_deg(neck: NeckGeometry, peak: int) -> float | None:
    """Return the angle between the cranial and caudal surface of the mass at its top.

    Parameters
    ----------
    neck : NeckGeometry
        The neck laid out.
    peak : int
        The place of the profile with the greatest occupying ratio.

    Returns
    -------
    float or None
        Degrees: 180 for a flat mass, less for a sharp one. None where a surface is shorter than 3 mm.
    """
    column = int(neck.mass_edges.headline[peak])
    held = neck.mass_edges.thickness_mm[:, column] > 0
    back = neck.mass_edges.rear_mm[:, column]
    frame = neck.frame
    surface = frame.centers_lps + np.where(held, back, 0.0)[:, None] * frame.posteriors_lps
    step = frame.along_mm[1] - frame.along_mm[0]
    reach = round(SURFACE_MM / step)
    above = _run(held, peak, -1, reach)
    below = _run(held, peak, 1, reach)
    if min(above, below) * step < LEAST_SURFACE_MM:
        return None
    up = _direction(surface[peak - above : peak + 1])
    down = _direction(surface[peak : peak + below + 1])
    left = frame.lefts_lps[peak]
    up, down = unit(up - (up @ left) * left), unit(down - (down @ left) * left)
    return float(np.degrees(np.arccos(np.clip(-up @ down, -1.0, 1.0))))


def _run(held: NDArray[np.bool_], start: int, way: int, reach: int) -> int:
    """Return how many places on, one way, the mass goes on without a break."""
    steps = 0
    while steps < reach and 0 <= start + way * (steps + 1) < len(held) and held[start + way * (steps + 1)]:
        steps += 1
    return steps


def _direction(points: Floats) -> Floats:
    """Return the direction, head to foot, of the straight line through points."""
    middle = points - points.mean(axis=0)
    way = np.linalg.svd(middle, full_matrices=False)[2][0]
    return np.asarray(way * np.sign(way @ (points[-1] - points[0]) or 1.0))


def hill_or_plateau(thickness_mm: Floats, along_mm: Floats) -> Literal["hill", "plateau"] | None:
    """Return whether the mass keeps near its greatest thickness over half of its length.

    Parameters
    ----------
    thickness_mm : ndarray of shape (n,)
        Along the centreline.
    along_mm : ndarray of shape (n,)
        Evenly spaced places along it.

    Returns
    -------
    {"hill", "plateau"} or None
        None for a mass shorter than 3 mm.
    """
    held = thickness_mm > 0
    step = along_mm[1] - along_mm[0]
    if held.sum() * step < LEAST_SURFACE_MM:
        return None
    top = thickness_mm >= PLATEAU_SHARE * thickness_mm.max()
    return "plateau" if top.sum() > PLATEAU_LENGTH_SHARE * held.sum() else "hill"
