"""The vertebra's own AP direction: how far the neck is turned about its canal, level by level."""

import numpy as np
from numpy.typing import NDArray

from canalis.labels import FIRST_VERTEBRA, VERTEBRA_WITHOUT_LEVEL
from canalis.measurement.frame import MovingFrame
from canalis.measurement.sections import Sections
from canalis.measurement.straight import StraightLabels
from canalis.segment.symmetry import most_symmetrical

Floats = NDArray[np.float64]

SPAN_MM = 16.0  # the turn is found over stretches of about a level, half overlapping
LEAST_BONE = 400  # pixels of vertebra in a stretch, or the canal's own symmetry decides
SMOOTH_LEVELS = 1.0  # how strongly neighbouring stretches pull at one another, in stretches
CANAL_WEIGHT = 0.25  # of the canal's symmetry beside the bone's: its sides are less sharp


def turn_to_symmetry(frame: MovingFrame, straight: StraightLabels, sections: Sections) -> MovingFrame:
    """Return the frame turned so that its AP direction is the plane of symmetry of bone and canal.

    Parameters
    ----------
    frame : MovingFrame
        With the scanner's back for the direction to the back.
    straight : StraightLabels
        The labels laid straight along it.
    sections : Sections
        The canal across it.

    Returns
    -------
    MovingFrame
        Turned by an angle that changes smoothly along the neck.
    """
    starts = np.arange(frame.along_mm[0], frame.along_mm[-1], SPAN_MM / 2)
    at, turns, weights = [], [], []
    for start in starts:
        turn, weight = _turn_of_stretch(start, straight, sections)
        at.append(start + SPAN_MM / 2)
        turns.append(turn)
        weights.append(weight)
    smooth = _smooth(np.array(turns), np.array(weights))
    return frame.turned(np.interp(frame.along_mm, at, smooth))


def _turn_of_stretch(start_mm: float, straight: StraightLabels, sections: Sections) -> tuple[float, float]:
    """Return the turn, radians, that makes one stretch most symmetrical, and how much to believe it."""
    along = straight.frame.along_mm
    inside = (along >= start_mm) & (along < start_mm + SPAN_MM)
    labels = straight.labels[inside]
    bone = (labels >= FIRST_VERTEBRA) | (labels == VERTEBRA_WITHOUT_LEVEL)
    density = bone.sum(axis=0).astype(np.float64)
    if density.sum() >= LEAST_BONE:
        return _turn_of(density, straight.back_mm, straight.left_mm)
    within = (sections.frame.along_mm >= start_mm) & (sections.frame.along_mm < start_mm + SPAN_MM)
    canal = (sections.canal[within] > 0).sum(axis=0).astype(np.float64)
    if canal.sum() == 0:
        return 0.0, 1e-3
    turn, clear = _turn_of(canal, sections.back_mm, sections.left_mm)
    return turn, CANAL_WEIGHT * clear


def _turn_of(density: Floats, back_mm: Floats, left_mm: Floats) -> tuple[float, float]:
    """Return the turn at which a density on a grid is most symmetrical, and how much to believe it."""
    rows, columns = np.nonzero(density)
    return most_symmetrical(back_mm[rows], left_mm[columns], density[rows, columns])


def _smooth(turns: Floats, weights: Floats) -> Floats:
    """Return turns smoothed along the neck: least squares with a price on second differences."""
    n = len(turns)
    if n < 3:
        return np.full(n, np.average(turns, weights=weights))
    second = np.diff(np.eye(n), 2, axis=0)
    weights = weights / weights.mean()
    return np.asarray(np.linalg.solve(np.diag(weights) + SMOOTH_LEVELS * second.T @ second, weights * turns))
