"""The vertebra's own AP direction: how far the neck is turned about its canal, level by level."""

import numpy as np
from numpy.typing import NDArray

from canalis.labels import FIRST_VERTEBRA, VERTEBRA_WITHOUT_LEVEL
from canalis.measurement.frame import MovingFrame
from canalis.measurement.sections import Sections
from canalis.measurement.straight import StraightLabels

Floats = NDArray[np.float64]

SPAN_MM = 16.0  # the turn is found over stretches of about a level, half overlapping
TURNS_DEG = np.arange(-40.0, 40.5, 2.0)  # tried about the scanner's back; heads turn up to 20 on the table
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
        turn, clear = _most_symmetrical(density, straight.back_mm, straight.left_mm)
        return turn, clear
    within = (sections.frame.along_mm >= start_mm) & (sections.frame.along_mm < start_mm + SPAN_MM)
    canal = (sections.canal[within] > 0).sum(axis=0).astype(np.float64)
    if canal.sum() == 0:
        return 0.0, 1e-3
    turn, clear = _most_symmetrical(canal, sections.back_mm, sections.left_mm)
    return turn, CANAL_WEIGHT * clear


def _most_symmetrical(density: Floats, back_mm: Floats, left_mm: Floats) -> tuple[float, float]:
    """Return the turn about the centreline at which a density is most like its mirror image."""
    rows, columns = np.nonzero(density)
    mass = density[rows, columns]
    back, left = back_mm[rows], left_mm[columns]
    scores = np.array([_mirror_overlap(np.radians(turn), back, left, mass) for turn in TURNS_DEG])
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
    rows = np.round((along + 80) / OVERLAP_MM).astype(int)
    size = int(160 / OVERLAP_MM) + 1
    right = np.bincount(rows * size + np.round((across + 80) / OVERLAP_MM).astype(int), mass, size * size)
    mirrored = np.bincount(rows * size + np.round((80 - across) / OVERLAP_MM).astype(int), mass, size * size)
    return float(np.minimum(right, mirrored).sum() / mass.sum())


OVERLAP_MM = 1.5  # bins in which a density and its mirror image are compared


def _smooth(turns: Floats, weights: Floats) -> Floats:
    """Return turns smoothed along the neck: least squares with a price on second differences."""
    n = len(turns)
    if n < 3:
        return np.full(n, np.average(turns, weights=weights))
    second = np.diff(np.eye(n), 2, axis=0)
    weights = weights / weights.mean()
    return np.asarray(np.linalg.solve(np.diag(weights) + SMOOTH_LEVELS * second.T @ second, weights * turns))
