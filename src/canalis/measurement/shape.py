"""The mass seen from the side: compression angle, hill or plateau.

References
----------
.. [1] J Korean Neurosurg Soc 2016;59:471: the compression angle between the cranial and caudal
   surfaces of the mass at the worst place. How far from the top the surfaces are followed is chosen.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from canalis.measurement.geometry import NeckGeometry
from canalis.measurement.planes import unit
from canalis.measurement.uncertainty import OUTLINE_GRAIN_MM

Floats = NDArray[np.float64]

SURFACE_MM = 10.0  # how far each surface is followed from the top (chosen)
LEAST_SURFACE_MM = 3.0  # shorter says nothing of its lean
PLATEAU_SHARE = 0.8  # of the greatest thickness that still counts as the top (chosen)
PLATEAU_LENGTH_SHARE = 0.5  # of the involved length that the top takes in a plateau (chosen)


@dataclass(frozen=True, slots=True)
class CompressionAngle:
    """The angle between the cranial and caudal surface of a mass at its top.

    Attributes
    ----------
    deg : float
        180 for a flat mass, less for a sharp one.
    lean_deg : float
        Standard error of what the surfaces lean, for an edge's error of 1 mm.
    apart_deg : float
        Standard error of the angle by where the top and the ends of the surfaces may lie as well.
    """

    deg: float
    lean_deg: float
    apart_deg: float


def find_compression_angle(
    neck: NeckGeometry, peak: int, alike: NDArray[np.bool_]
) -> CompressionAngle | None:
    """Return the angle between the cranial and caudal surface of the mass at its top.

    Parameters
    ----------
    neck : NeckGeometry
        The neck laid out.
    peak : int
        The place of the profile with the greatest occupying ratio.
    alike : ndarray of bool, shape (n,)
        Where along the profile the ratio is as great, but for an edge's error.

    Returns
    -------
    CompressionAngle or None
        None where a surface is shorter than 3 mm.
    """
    top = _angle_at(neck, peak)
    if top is None:
        return None
    deg, lengths_mm = top
    others = [at[0] for at in (_angle_at(neck, int(place)) for place in np.flatnonzero(alike)) if at]
    shorter = _angle_at(neck, peak, without_mm=neck.resolution[peak].gap_mm)
    # a line through points whose errors are alike over 4 mm: slope error sqrt(12 / (length / 4)) / length
    lean = np.hypot(*(np.sqrt(12.0 * OUTLINE_GRAIN_MM / length) / length for length in lengths_mm))
    tops = np.sqrt(np.mean(np.square(np.array(others) - deg))) if others else 0.0
    apart = np.hypot(tops, 0.0 if shorter is None else shorter[0] - deg)
    return CompressionAngle(deg=deg, lean_deg=float(np.degrees(lean)), apart_deg=float(apart))


def _angle_at(
    neck: NeckGeometry, peak: int, *, without_mm: float = 0.0
) -> tuple[float, tuple[float, float]] | None:
    """Return the angle of the surfaces above and below a place, degrees, and how long each is, mm.

    Where the mass ends within reach, its last ``without_mm`` are left out.
    """
    column = int(neck.mass_edges.headline[peak])
    held = neck.mass_edges.thickness_mm[:, column] > 0
    back = neck.mass_edges.rear_mm[:, column]
    frame = neck.frame
    surface = frame.centers_lps + np.where(held, back, 0.0)[:, None] * frame.posteriors_lps
    step = float(frame.along_mm[1] - frame.along_mm[0])
    reach = round(SURFACE_MM / step)
    above, below = (
        run - (round(without_mm / step) if run < reach else 0)
        for run in (_run(held, peak, way, reach) for way in (-1, 1))
    )
    if min(above, below) * step < LEAST_SURFACE_MM:
        return None
    up = _direction(surface[peak - above : peak + 1])
    down = _direction(surface[peak : peak + below + 1])
    left = frame.lefts_lps[peak]
    up, down = unit(up - (up @ left) * left), unit(down - (down @ left) * left)
    turn = np.degrees(np.arctan2(np.cross(up, down) @ left, up @ down))  # below 0 where the top stands out
    return min(180.0, 180.0 + float(turn)), (above * step, below * step)


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
