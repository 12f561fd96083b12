"""Arteries and veins of a neck, with or without contrast, and the calcium in their walls."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from canalis.phantom.balls import NONE, Balls, along, balls
from canalis.phantom.neck import C1, C2, C7, T1, Neck

Floats = NDArray[np.float64]

PLAIN_HU = 45.0


@dataclass(frozen=True, slots=True)
class Contrast:
    """Density of blood, HU.

    Attributes
    ----------
    artery, vein : float
        In each.
    """

    artery: float
    vein: float


def plan_contrast(rng: np.random.Generator) -> Contrast:
    """Draw none (half of all scans), the arterial phase of an angiogram, or a later phase."""
    phase = rng.choice(3, p=[0.5, 0.25, 0.25])
    if phase == 0:
        return Contrast(PLAIN_HU, PLAIN_HU)
    if phase == 1:
        return Contrast(float(rng.uniform(220, 480)), float(rng.uniform(45, 180)))
    return Contrast(float(rng.uniform(120, 230)), float(rng.uniform(120, 260)))


def great_vessels(rng: np.random.Generator, neck: Neck) -> tuple[Floats, Floats]:
    """Return the carotids and the jugular veins: balls (n, 4) each, LPS+ mm.

    The common carotid divides near C4; the vein lies outside and behind it.
    """
    fork = float(neck.vertebrae[int(rng.integers(C2 + 1, C2 + 3))].s_mm)
    low, high = float(neck.vertebrae[T1 + 2].s_mm), neck.foramen_magnum_s_mm + 5
    arteries, veins = [], []
    for side in (-1, 1):
        x, y = side * (25 + rng.normal(0, 2)), -28 + rng.normal(0, 3)
        wide = rng.uniform(4.5, 8.5)
        arteries.append(_vessel(neck, [(14, -42, low), (23, y, fork - 50), (abs(x), y, fork)], side, 3.4))
        arteries.append(
            _vessel(neck, [(abs(x), y, fork), (abs(x) + 2, y + 4, fork + 25), (24, y + 8, high)], side, 2.7)
        )
        arteries.append(
            _vessel(neck, [(abs(x), y, fork), (abs(x) + 1, y - 8, fork + 20), (38, y - 4, high)], side, 2.0)
        )
        veins.append(
            _vessel(
                neck, [(22, -48, low), (abs(x) + 9, y + 1, fork - 35),
                       (abs(x) + 8, y + 6, fork + 20), (28, -14, high)],
                side, [wide + 1, wide, wide * 0.8, wide * 0.6],
            )
        )  # fmt: skip
    return np.concatenate(arteries), np.concatenate(veins)


def _vessel(
    neck: Neck, corners: list[tuple[float, float, float]], side: int, radius: float | list[float]
) -> Floats:
    """Return balls along spine coordinates (x away from the middle, y, s)."""
    spine = np.array(corners) * [side, 1, 1]
    return along(neck.curve.place(spine), np.asarray(radius, dtype=float), 1.5)


def vertebral_arteries(rng: np.random.Generator, neck: Neck, artery_hu: float) -> Balls:
    """Return both vertebral arteries: before C7, through the foramina of C6 to C1, over C1's arch."""
    found = NONE
    dominant = rng.uniform(-0.35, 0.35)
    for side in (-1, 1):
        radius = float(np.clip((rng.normal(1.9, 0.25)) * (1 + side * dominant), 1.0, 2.8))
        corners = [(22.0, -34.0, neck.vertebrae[T1].s_mm)]
        for i in range(C7, C1 - 1, -1):
            v = neck.vertebrae[i]
            ap, lr = (float(np.interp(v.s_mm, neck.curve.s_mm, neck.canal[k])) / 2 for k in ("ap", "lr"))
            if i == C7:
                corners.append((lr + 5, -ap - 9, v.s_mm))
            elif i == C1:
                corners.append((lr + 14.5, -0.5 * ap, v.s_mm))
                corners.append((lr + 9, ap - 1, v.s_mm + 7))
                corners.append((lr - 1, ap - 2, v.s_mm + 9))
            else:
                corners.append((lr + 5.5 + v.foramen[0], -ap - 1.5, v.s_mm))
        corners.append((6.0, -2.0, neck.foramen_magnum_s_mm + 10))
        found = found + balls(_vessel(neck, corners, side, radius), artery_hu)
    return found


def plaques(rng: np.random.Generator, arteries_mm: Floats) -> Balls:
    """Return calcium in the carotids' walls, in about a third of necks: most near the fork."""
    if rng.random() > 0.35:
        return NONE
    found = NONE
    for _ in range(int(rng.integers(1, 6))):
        x, y, z, radius = arteries_mm[rng.integers(len(arteries_mm))]
        start, span = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 2.5)
        angle = np.arange(start, start + span, 0.35)
        thick = rng.uniform(0.6, 1.6)
        rim = np.column_stack(
            [x + radius * np.cos(angle), y + radius * np.sin(angle), np.full(len(angle), z)]
        )
        up = np.arange(0, rng.uniform(1, 9), thick)
        at = (rim[None] + up[:, None, None] * [0, 0, 1]).reshape(-1, 3)
        found = found + balls(np.column_stack([at, np.full(len(at), thick)]), rng.uniform(350, 1300))
    return found
