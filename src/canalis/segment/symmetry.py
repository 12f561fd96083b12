"""The direction in which bone is most like its own mirror image: how far a neck is turned."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TURNS_DEG: Final = np.arange(-40.0, 40.5, 2.0)  # tried; heads turn up to 20 on the table
OVERLAP_MM: Final = 1.5  # bins in which a density and its mirror image are compared
REACH_MM: Final = 80.0  # to each side that any bone may lie


def most_symmetrical(back_mm: Floats, left_mm: Floats, mass: Floats) -> tuple[float, float]:
    """Return the turn about the canal at which a density is most like its mirror image.

    Parameters
    ----------
    back_mm, left_mm : ndarray of shape (n,)
        Places across the canal, from its centreline, within 56 mm of it.
    mass : ndarray of shape (n,)
        How much lies at each.

    Returns
    -------
    turn : float
        Of the back of the bone, radians within 40 degrees, above 0 to the left.
    clear : float
        How much better it is than most others, above 0.
    """
    scores = np.array([_mirror_overlap(np.radians(turn), back_mm, left_mm, mass) for turn in TURNS_DEG])
    best = int(np.argmax(scores))
    turn = TURNS_DEG[best]
    if 0 < best < len(scores) - 1:
        low, middle, high = scores[best - 1 : best + 2]
        bend = low - 2 * middle + high
        turn += (TURNS_DEG[1] - TURNS_DEG[0]) * 0.5 * (low - high) / bend if bend < 0 else 0.0
    return float(np.radians(turn)), max(1e-3, float(scores[best] - np.median(scores)))


def _mirror_overlap(turn: float, back: Floats, left: Floats, mass: Floats) -> float:
    """Return how far a density, turned back by an angle, covers its own mirror image: 0 to 1."""
    across = np.cos(turn) * left - np.sin(turn) * back
    along = np.cos(turn) * back + np.sin(turn) * left
    rows = np.round((along + REACH_MM) / OVERLAP_MM).astype(int)
    size = int(2 * REACH_MM / OVERLAP_MM) + 1
    right, mirrored = (
        np.bincount(rows * size + np.round((REACH_MM + side) / OVERLAP_MM).astype(int), mass, size * size)
        for side in (across, -across)
    )
    return float(np.minimum(right, mirrored).sum() / mass.sum())
