"""What is true of planted masses: the fields of ``truth.json``, from their heights above the wall.

The canal's own sizes are the label map's; only its front is the wall that the CT shows. What the real
neck holds beside the planted masses (its own spurs, its K-line) is not known and is null.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from canalis.measurement import measure_segmentation
from canalis.measurement.masses import crosses, involved_runs, involves
from canalis.measurement.measurements import (
    Alignment,
    Mass,
    Measurements,
    Narrowest,
    Ossification,
    PlaneMeasurement,
)
from canalis.measurement.plane_measures import as_point
from canalis.measurement.types import Span, near_type_of_patient, type_of_mass, type_of_patient
from canalis.measurement.vertebrae import Zone
from canalis.phantom.growth import Growth
from canalis.phantom.planted import LARGEST_SHARE, Planted, Site, lucent_gap_mm

Floats = NDArray[np.float64]

ACROSS_MM, ALONG_MM = 0.05, 0.25
HELD_MM = 0.05  # thinner is no mass
NO_K_LINE = "The K-line of a real neck is not known from planting."
NO_PLANES = ("C1/2", "T1/2")
CENTRAL_SHARE = 1 / 3  # of the canal's half-width


@dataclass(frozen=True, slots=True)
class Line:
    """The masses on the AP lines of one plane: arrays over ``x``, mm."""

    x: Floats
    thickness: Floats
    bone: Floats
    room: Floats

    @property
    def at(self) -> int:
        """Index of the line of greatest thickness, the midline where there is none."""
        held = self.thickness.max() > HELD_MM
        return int(self.thickness.argmax()) if held else int(np.abs(self.x).argmin())

    @property
    def area_mm2(self) -> float:
        """Of bone."""
        return float(self.bone.sum() * ACROSS_MM)


def line_at(site: Site, growths: tuple[Growth, ...], along_mm: float) -> Line:
    """Return the masses on every AP line at one place of the centreline."""
    half = max([9.0, *(abs(g.center_x_mm) + g.width_mm / 2 for g in growths)])
    x = np.arange(-half, half + ACROSS_MM / 2, ACROSS_MM)
    along = np.full(x.shape, along_mm)
    room = site.rear_at(x, along) - site.wall.at(x, along)
    thickness, bone = np.zeros_like(x), np.zeros_like(x)
    for growth in growths:
        height = np.clip(growth.height(x, -along), 0, LARGEST_SHARE * room)
        gap = lucent_gap_mm(site, growth, along)
        height = np.where(height > gap, height, 0)
        strip = np.clip(height - gap - growth.layer[0], 0, growth.layer[1])
        bone = np.where(height > thickness, height - gap - strip, bone)
        thickness = np.maximum(thickness, height)
    return Line(x, thickness, bone, room)


def truth_of_planted(planted: Planted) -> Measurements:
    """Return the true measurements of planted masses.

    Parameters
    ----------
    planted : Planted
        From `canalis.phantom.planted.plant`.

    Returns
    -------
    Measurements
        Thickness, ratio, levels, ends and volume of the masses are exact; no uncertainty.
    """
    site, growths = planted.site, planted.growths
    bare = measure_segmentation(site.segmentation, site.volume)
    zones = tuple(zone for zone in site.neck.zones if zone.name not in NO_PLANES)
    planes = [
        _plane(site, growths, plane, zone.middle_mm)
        for plane, zone in zip(bare.planes[: len(zones)], zones, strict=True)
    ]
    along = site.neck.frame.along_mm
    profiles = [_profile(site, (growth,), along) for growth in growths]
    if growths:
        planes.append(_worst(site, growths, bare.planes[-1], zones))
    else:
        planes.append(bare.planes[-1])
    measured = [plane for plane in planes if plane.residual_ap_mm is not None]
    least = min(measured, key=lambda plane: plane.residual_ap_mm or 0.0, default=None)
    return replace(
        bare,
        status="measured",
        planes=tuple(planes),
        narrowest=Narrowest(None, None, None, None)
        if least is None
        else Narrowest(least.residual_ap_mm, None, least.level, least.part),
        ossification=_ossification(planted, profiles, planes, zones),
        apart=(),
        alignment=Alignment(
            c2_c7_cobb_deg=None,
            reasons=dict.fromkeys(("k_line", "k_line_distance_mm", "c2_c7_cobb_deg"), NO_K_LINE),
        ),
        warnings=(),
        profile=(),
    )


def _profile(site: Site, growths: tuple[Growth, ...], along: Floats) -> Floats:
    """Return the greatest thickness at places of the centreline."""
    held = np.zeros_like(along)
    for i, place in enumerate(along):
        if any(growth.low_mm <= -place <= growth.high_mm for growth in growths):
            held[i] = line_at(site, growths, float(place)).thickness.max()
    return np.where(held > HELD_MM, held, 0.0)


def _plane(
    site: Site, growths: tuple[Growth, ...], bare: PlaneMeasurement, along_mm: float
) -> PlaneMeasurement:
    """Return a plane of the bare neck with the canal from the wall, and the masses in it."""
    if bare.canal_ap_mm is None:
        return replace(bare, uncertainty={})
    line = line_at(site, growths, along_mm)
    middle = int(np.abs(line.x).argmin())
    at, area = line.at, float(bare.canal_area_mm2 or 0.0)
    thick = float(line.thickness[at])
    held = np.flatnonzero(line.thickness > HELD_MM)
    ap = float(line.room[middle])
    reasons = {name: why for name, why in bare.reasons.items() if name == "torg_pavlov_ratio"}
    if not thick:
        reasons["thickness_offset_mm"] = "There is no planted mass in this plane."
    return replace(
        bare,
        canal_ap_mm=ap,
        ossification_thickness_mm=thick,
        thickness_offset_mm=float(line.x[at]) if thick else None,
        thickness_canal_ap_mm=float(line.room[at]),
        ossification_bone_thickness_mm=float(line.bone[at]),
        ossification_width_mm=float(line.x[held[-1]] - line.x[held[0]]) if len(held) else 0.0,
        ossification_area_mm2=line.area_mm2,
        occupying_ratio_percent=100 * thick / float(line.room[at]),
        occupying_ratio_midline_percent=100 * float(line.thickness[middle]) / ap,
        area_occupying_ratio_percent=100 * line.area_mm2 / area if area else None,
        residual_ap_mm=float(line.room[at]) - thick,
        torg_pavlov_ratio=None
        if bare.torg_pavlov_ratio is None
        else bare.torg_pavlov_ratio * ap / bare.canal_ap_mm,
        confidence=1.0,
        uncertainty={},
        reasons=reasons,
        lines_lps_mm={},
        outlines_lps_mm={},
    )


def _worst(
    site: Site, growths: tuple[Growth, ...], like: PlaneMeasurement, zones: tuple[Zone, ...]
) -> PlaneMeasurement:
    """Return the plane of the greatest occupying ratio."""
    places = [np.arange(-g.high_mm, -g.low_mm, ALONG_MM) for g in growths]
    along = np.concatenate(places)
    ratios = []
    for place in along:
        line = line_at(site, growths, float(place))
        ratios.append(float(line.thickness[line.at] / line.room[line.at]))
    at = float(along[int(np.argmax(ratios))])
    plane = site.neck.frame.plane_at(at)
    zone = next((z for z in zones if z.upper_mm <= at <= z.lower_mm), None)
    moved = replace(
        like,
        level=None if zone is None else zone.name,
        center_lps_mm=as_point(plane.center_lps),
        normal_lps=as_point(plane.normal_lps),
        anteroposterior_lps=as_point(plane.posterior_lps),
        canal_ap_mm=like.canal_ap_mm or 1.0,
    )
    nearest = int(np.abs(site.neck.frame.along_mm - at).argmin())
    canal = site.neck.canal
    moved = replace(
        moved, canal_lr_mm=float(canal.lr_mm[nearest]), canal_area_mm2=float(canal.area_mm2[nearest])
    )
    return _plane(site, growths, moved, at)


def _ossification(
    planted: Planted, profiles: list[Floats], planes: list[PlaneMeasurement], zones: tuple[Zone, ...]
) -> Ossification:
    site, growths = planted.site, planted.growths
    along = site.neck.frame.along_mm
    held = [
        (growth, profile, max(runs, key=lambda run: run.length_mm))
        for growth, profile in zip(growths, profiles, strict=True)
        if (runs := involved_runs(profile, along))
    ]
    if not held:
        return Ossification(present=False, max_thickness_mm=0.0, length_mm=0.0, width_mm=0.0, volume_mm3=0.0)
    held.sort(key=lambda one: one[2].upper_mm)
    bodies = tuple(Span(zone.upper_mm, zone.lower_mm) for zone in site.bodies)
    whole = np.max([profile for _, profile, _ in held], axis=0)
    masses = tuple(_mass(site, growth, profile, run, bodies, zones) for growth, profile, run in held)
    worst = planes[-1]
    spans = [run for _, _, run in held]
    return Ossification(
        present=True,
        type=type_of_patient([mass.type for mass in masses]),
        near_type=near_type_of_patient(spans, bodies),
        levels=_involved(whole, along, zones, "body"),
        discs=_involved(whole, along, zones, "disc"),
        bridging=tuple(z.name for z in zones if z.part == "disc" and z.name and crosses(whole, along, z)),
        upper_end=_level_at(zones, min(span.upper_mm for span in spans)),
        lower_end=_level_at(zones, max(span.lower_mm for span in spans)),
        reaches_c2="C2" in _involved(whole, along, zones, "body"),
        at_scan_edge=False,
        peak_level=worst.level,
        max_thickness_mm=max(mass.max_thickness_mm for mass in masses),
        max_occupying_ratio_percent=worst.occupying_ratio_percent,
        width_mm=max(growth.width_mm for growth in growths),
        volume_mm3=sum(mass.volume_mm3 for mass in masses),
        length_mm=max(mass.length_mm for mass in masses),
        side=_side(site, growths, planes[-1]),
        masses=masses,
    )


def _side(
    site: Site, growths: tuple[Growth, ...], worst: PlaneMeasurement
) -> Literal["central", "left", "right"]:
    """Return the side of the mass at the worst place."""
    along = site.neck.frame.place_of(np.array(worst.center_lps_mm))
    here = min(growths, key=lambda g: max(g.low_mm + along, -along - g.high_mm))
    if abs(here.center_x_mm) <= CENTRAL_SHARE * (worst.canal_lr_mm or 1.0) / 2:
        return "central"
    return "left" if here.center_x_mm > 0 else "right"


def _mass(
    site: Site,
    growth: Growth,
    profile: Floats,
    run: Span,
    bodies: tuple[Span, ...],
    zones: tuple[Zone, ...],
) -> Mass:
    along = site.neck.frame.along_mm
    places = np.arange(-growth.high_mm, -growth.low_mm, 4 * ALONG_MM) + 2 * ALONG_MM
    volume = sum(line_at(site, (growth,), float(s)).area_mm2 for s in places) * 4 * ALONG_MM
    return Mass(
        type=type_of_mass(run, bodies),
        levels=_involved(profile, along, zones, "body"),
        discs=_involved(profile, along, zones, "disc"),
        max_thickness_mm=float(profile.max()),
        length_mm=float(growth.high_mm - growth.low_mm),
        volume_mm3=volume,
    )


def _involved(profile: Floats, along: Floats, zones: tuple[Zone, ...], part: str) -> tuple[str, ...]:
    return tuple(z.name for z in zones if z.part == part and z.name and involves(profile, along, z))


def _level_at(zones: tuple[Zone, ...], along_mm: float) -> str | None:
    zone = next((z for z in zones if z.upper_mm <= along_mm <= z.lower_mm), None)
    return None if zone is None else zone.name
