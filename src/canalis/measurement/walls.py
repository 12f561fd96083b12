"""The canal's front wall: the posterior vertebral wall drawn through free bodies.

The wall is a smooth line through the canal's front at mid-body where no ossification lies, so that it
goes on under ossification that has grown onto the body. Where a body's own wall stands well behind it,
a fused ossification is possible, even where nothing was marked.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from canalis.measurement.geometry import NeckGeometry
from canalis.measurement.vertebrae import Zone
from canalis.volume import ScanWarning

Floats = NDArray[np.float64]

POSSIBLE_FUSED: Final = "possible-fused-opll"
FUSED_STEP_MM = 1.5  # behind the fitted wall at which a fused ossification is possible (definitions)
MID_BODY_SHARE = 0.5  # of a body's height, about its middle, through which the wall is fitted
FREE_MM = 0.5  # ossification thinner than this leaves a wall free
WALL_DEGREE = 3  # of the polynomial through five to eight bodies: a wall bends as the neck does
OUTLIER_MM = 1.0  # a body this far from the others' wall is left out of it
MOST_DROPPED = 3  # bodies off the others' curve: of seven, four must be left to fit
MOST_FUSED = 3  # bodies in a row that may be fused together; no more are told from a neck's bend
LEAST_BODIES = 4  # fewer do not say where the wall of one of them should be


def fit_wall(neck: NeckGeometry) -> Floats | None:
    """Return the estimated posterior vertebral wall on the midline, mm behind the centreline.

    Parameters
    ----------
    neck : NeckGeometry
        The neck laid out.

    Returns
    -------
    ndarray of shape (n,) or None
        At every place of the centreline; None with fewer than four bodies.
    """
    along, front = _free_points(neck, _bodies(neck))
    if len(along) < LEAST_BODIES:
        along, front = _points(neck, _bodies(neck))
    if len(along) < LEAST_BODIES:
        return None
    kept = np.ones(len(along), dtype=bool)
    middle, half = along.mean(), max(float(np.ptp(along)) / 2, 1.0)
    for dropped in range(MOST_DROPPED + 1):
        degree = min(WALL_DEGREE, int(kept.sum()) - 2)
        curve = np.polynomial.Polynomial.fit(
            (along[kept] - middle) / half, front[kept], degree, domain=[-1.0, 1.0]
        )
        off = np.abs(front - curve((along - middle) / half))
        worst = int(np.argmax(np.where(kept, off, 0.0)))
        if off[worst] <= OUTLIER_MM or kept.sum() <= LEAST_BODIES or dropped == MOST_DROPPED:
            break
        kept[worst] = False
    inside = np.clip(neck.frame.along_mm, along.min(), along.max())
    return np.asarray(curve((inside - middle) / half))


def _bodies(neck: NeckGeometry) -> list[Zone]:
    return [zone for zone in neck.zones if zone.part == "body" and zone.whole]


def _points(neck: NeckGeometry, zones: list[Zone]) -> tuple[Floats, Floats]:
    """Return middle places of bodies and the canal's front there, a median over mid-body."""
    along, fronts = neck.frame.along_mm, neck.canal.front_mm[:, neck.canal.midline]
    places, found = [], []
    for zone in zones:
        half = MID_BODY_SHARE * (zone.lower_mm - zone.upper_mm) / 2
        near = (np.abs(along - zone.middle_mm) <= half) & np.isfinite(fronts)
        if near.any():
            places.append(zone.middle_mm)
            found.append(float(np.median(fronts[near])))
    return np.array(places), np.array(found)


def _free_points(neck: NeckGeometry, zones: list[Zone]) -> tuple[Floats, Floats]:
    """Return the same of bodies behind which no ossification lies at mid-height."""
    along, thickness = neck.frame.along_mm, neck.mass_edges.thickness_mm[:, neck.canal.midline]
    free = []
    for zone in zones:
        half = MID_BODY_SHARE * (zone.lower_mm - zone.upper_mm) / 2
        near = np.abs(along - zone.middle_mm) <= half
        if not (thickness[near] > FREE_MM).any():
            free.append(zone)
    return _points(neck, free)


def possible_fusions(neck: NeckGeometry, wall_mm: Floats | None) -> list[ScanWarning]:
    """Return a warning for each body whose wall stands 1.5 mm or more behind the wall of the others.

    Up to three bodies in a row are looked at together: ossification that has grown onto several would
    otherwise bend the wall that each is compared with.
    """
    if wall_mm is None:
        return []
    steps = _steps_back(neck)
    return [
        ScanWarning(
            POSSIBLE_FUSED,
            f"Possible fused OPLL: the posterior wall of {zone.name or 'a body'} stands {step:.1f} mm "
            "behind that of its neighbours.",
            zone.name,
        )
        for zone, step in steps
    ]


def _steps_back(neck: NeckGeometry) -> list[tuple[Zone, float]]:
    """Return the bodies whose wall stands back, alone or with those beside them, and by how much."""
    bodies = [zone for zone in _bodies(neck) if len(_points(neck, [zone])[0])]
    places, fronts = _points(neck, bodies)
    greatest = np.zeros(len(bodies))
    for together in range(1, MOST_FUSED + 1):
        for first in range(1, len(bodies) - together):
            own = np.zeros(len(bodies), dtype=bool)
            own[first : first + together] = True
            if (~own).sum() < LEAST_BODIES:
                continue
            middle, degree = places[~own].mean(), min(2, int((~own).sum()) - 2)
            expected = np.polynomial.Polynomial.fit(places[~own] - middle, fronts[~own], degree)
            step = fronts[own] - expected(places[own] - middle)
            if step.min() >= FUSED_STEP_MM:
                greatest[own] = np.maximum(greatest[own], step)
    return [(zone, float(step)) for zone, step in zip(bodies, greatest, strict=True) if step > 0]
