"""The canal's walls: the posterior vertebral wall drawn through free bodies, and an opened ring.

The wall is a smooth line through the canal's front at mid-body where no ossification lies, so that it
goes on under ossification that has grown onto the body. Where a body's own wall stands well behind it,
a fused ossification is possible, even where nothing was marked.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.labels import FIRST_VERTEBRA
from canalis.measurement.geometry import NeckGeometry
from canalis.measurement.straight import StraightLabels
from canalis.measurement.vertebrae import Zone
from canalis.volume import ScanWarning

Floats = NDArray[np.float64]

FUSED_STEP_MM = 1.5  # behind the fitted wall at which a fused ossification is possible (definitions)
MID_BODY_SHARE = 0.5  # of a body's height, about its middle, through which the wall is fitted
FREE_MM = 0.5  # ossification thinner than this leaves a wall free
WALL_DEGREE = 3  # of the polynomial through five to eight bodies: a wall bends as the neck does
OUTLIER_MM = 1.0  # a body this far from the others' wall is left out of it
LEAST_BODIES = 4  # fewer do not say where the wall of one of them should be
RING_DEGREES = np.arange(-70.0, 71.0, 2.0)  # rays to the back: laminae, not the pedicles and facets
RING_REACH_MM = 10.0  # behind the canal's edge that a lamina is looked for: 3.5 to 7 mm thick, with a gap
OPENED_MM = 8.0
"""Of back wall without bone at any height of a level (chosen: a door opens by 10 mm and more, a
laminectomy by 16 to 24, while a cleft of an arch is 2 to 5)."""
LAMINA_BELOW_SHARE = 1.1  # of a body's height below its middle that its lamina may reach
LAMINA_ABOVE_SHARE = 0.5  # of it above its middle


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
    for _ in range(3):
        degree = min(WALL_DEGREE, int(kept.sum()) - 2)
        curve = np.polynomial.Polynomial.fit(
            (along[kept] - middle) / half, front[kept], degree, domain=[-1.0, 1.0]
        )
        off = np.abs(front - curve((along - middle) / half))
        worst = int(np.argmax(np.where(kept, off, 0.0)))
        if off[worst] <= OUTLIER_MM or kept.sum() <= LEAST_BODIES:
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
    """Return a warning for each body whose wall stands 1.5 mm or more behind the wall of the others."""
    if wall_mm is None:
        return []
    warnings = []
    for zone in _bodies(neck):
        others = [other for other in _bodies(neck) if other is not zone]
        places, fronts = _points(neck, others)
        own = _points(neck, [zone])[1]
        if len(places) < LEAST_BODIES or not len(own):
            continue
        degree = min(2, len(places) - 2)
        middle = places.mean()
        expected = np.polynomial.Polynomial.fit(places - middle, fronts, degree)(zone.middle_mm - middle)
        between = places.min() < zone.middle_mm < places.max()
        step = float(own[0] - expected)
        if between and step >= FUSED_STEP_MM:
            message = (
                f"Possible fused OPLL: the posterior wall of {zone.name or 'a body'} stands {step:.1f} mm "
                "behind that of its neighbours."
            )
            warnings.append(ScanWarning("possible-fused-opll", message, zone.name))
    return warnings


def opened_rings(neck: NeckGeometry) -> tuple[str, ...]:
    """Return the levels whose ring of bone is open at the back: after laminectomy or laminoplasty.

    Parameters
    ----------
    neck : NeckGeometry
        The neck laid out.

    Returns
    -------
    tuple of str
        C2 and below, where over at least 8 mm of the back wall no lamina stands at any height.
    """
    opened = []
    for vertebra in neck.vertebrae:
        if vertebra.part == "body" and vertebra.whole and vertebra.name and vertebra.label > FIRST_VERTEBRA:
            bare = _bare_back_wall_mm(neck, vertebra.label, vertebra.middle_mm, vertebra.height_mm)
            if bare >= OPENED_MM:
                opened.append(vertebra.name)
    return tuple(opened)


def _bare_back_wall_mm(neck: NeckGeometry, label: int, middle_mm: float, height_mm: float) -> float:
    """Return the longest stretch of back wall that no bone of a level stands behind at any height."""
    straight = neck.straight
    along = straight.frame.along_mm
    near = (along > middle_mm - LAMINA_ABOVE_SHARE * height_mm) & (
        along < middle_mm + LAMINA_BELOW_SHARE * height_mm
    )
    bone = (straight.labels[near] == label).any(axis=0)
    at = int(np.argmin(np.abs(neck.frame.along_mm - middle_mm)))
    center = (neck.canal.front_mm[at] + neck.canal.rear_mm[at])[neck.canal.midline] / 2
    radius = _edge_radii(neck, at, float(center))
    hit = _rays_meet(bone, straight, float(center), radius)
    gaps, longest = ~hit, 0.0
    parts, count = ndimage.label(gaps)
    for part in range(1, count + 1):
        rays = np.flatnonzero(parts == part)
        arc = np.radians(RING_DEGREES[1] - RING_DEGREES[0]) * radius[rays].sum()
        longest = max(longest, float(arc))
    return longest


def _edge_radii(neck: NeckGeometry, at: int, center: float) -> Floats:
    """Return the distance of the canal's edge from its centre along each ray to the back."""
    section = neck.sections.canal[at]
    reach = np.arange(0.0, 20.0, 0.25)
    angles = np.radians(RING_DEGREES)
    back = center + np.cos(angles)[:, None] * reach
    left = np.sin(angles)[:, None] * reach
    step = neck.sections.back_mm[1] - neck.sections.back_mm[0]
    index = np.stack([(back - neck.sections.back_mm[0]) / step, (left - neck.sections.left_mm[0]) / step])
    inside = ndimage.map_coordinates(section, index, order=1, mode="nearest") > 0
    return np.asarray(reach[np.argmin(inside, axis=1)])


def _rays_meet(
    bone: NDArray[np.bool_], straight: StraightLabels, center: float, radius: Floats
) -> NDArray[np.bool_]:
    """Return which rays meet bone within reach behind the canal's edge."""
    reach = np.arange(-1.0, RING_REACH_MM, 0.5)
    angles = np.radians(RING_DEGREES)
    out = radius[:, None] + reach
    back, left = center + np.cos(angles)[:, None] * out, np.sin(angles)[:, None] * out
    step = straight.back_mm[1] - straight.back_mm[0]
    index = np.stack([(back - straight.back_mm[0]) / step, (left - straight.left_mm[0]) / step])
    met = ndimage.map_coordinates(bone.astype(np.uint8), index, order=0, mode="constant")
    return np.asarray(met.any(axis=1))
