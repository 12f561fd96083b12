"""From a segmentation and its CT to measurements: the stage's entry."""

import numpy as np
from numpy.typing import NDArray

from canalis.labels import LEVELS
from canalis.measurement.apart import find_apart, find_metal, other_masses, without_masses
from canalis.measurement.chosen_places import with_greatest, with_narrowest
from canalis.measurement.double_layer import find_double_layer
from canalis.measurement.geometry import NeckGeometry, lay_out
from canalis.measurement.low_masses import tell_of_discs, tell_of_low_masses, tell_of_thin_masses, too_thin
from canalis.measurement.masses import MassProfile
from canalis.measurement.measurements import Measurements, PlaneMeasurement, Point, ProfileSample
from canalis.measurement.opened import tell_of_opened_rings
from canalis.measurement.ossification import tell_of_near_cut
from canalis.measurement.plane_measures import measure_planes
from canalis.measurement.summary import (
    counted_masses,
    measure_alignment,
    points_of,
    summarize_ossification,
    worst_index,
    zone_at,
)
from canalis.measurement.vertebrae import Zone, body_depth_mm
from canalis.measurement.walls import fit_wall, possible_fusions
from canalis.measurement.withheld import without_norms
from canalis.segment.lost_ends import CANAL_LOST
from canalis.segment.segmentation import LevelNaming, Segmentation
from canalis.volume import Progress, ScanWarning, Volume

STEPS = 4
PROFILE_EVERY = 2  # places of the frame a sample: 1 mm
NO_PLANES = ("C1/2", "T1/2")  # a gap that is no disc, and a disc below those that the contract names


def measure_segmentation(
    segmentation: Segmentation,
    volume: Volume | None,
    *,
    hidden_lps: NDArray[np.float64] | None = None,
    progress: Progress | None = None,
) -> Measurements:
    """Measure the canal and its ossification.

    Parameters
    ----------
    segmentation : Segmentation
        Labels on the CT's own grid; soft edges where a network made them.
    volume : Volume or None
        The CT. None for a label map alone: nothing that needs densities is measured.
    hidden_lps : ndarray of shape (n, 3) or None
        Metal in or at the canal, and middles of streaks, LPS+ mm: planes near are not measured.
    progress : callable or None
        Told of each step.

    Returns
    -------
    Measurements
        Status "refused", with a warning that says why, where there is too little canal to measure.
    """
    tell = progress or (lambda what, done, of: None)
    tell("Measuring", 0, STEPS)
    neck = lay_out(segmentation, volume, hidden_lps)
    if neck is None:
        return _refused(segmentation)
    tell("Measuring", 1, STEPS)
    others, thin = _masses_set_apart(neck)
    set_apart = (*tell_of_discs(neck, others), *tell_of_thin_masses(neck, thin))
    if others or thin:
        laid = lay_out(without_masses(segmentation, neck, others + thin), volume, hidden_lps)
        neck = neck if laid is None else laid
    zones = tuple(zone for zone in neck.zones if zone.name not in NO_PLANES)
    planes = measure_planes(neck, zones, _depths(neck, zones), volume)
    tell("Measuring", 2, STEPS)
    planes = without_norms(planes + _worst(neck, volume), neck.opened)
    planes, narrowest = with_narrowest(planes, soft=neck.edges.soft)
    tell("Measuring", 3, STEPS)
    counted = counted_masses(neck)
    metal, metal_warnings = find_metal(neck, volume)
    wall = fit_wall(neck)
    double = find_double_layer(neck, counted, volume)
    ossification = summarize_ossification(neck, planes, double=double)
    planes = with_greatest(planes, ossification)
    naming = _naming(segmentation.levels, planes)
    result = Measurements(
        status="measured" if _complete(segmentation, neck, planes) else "partial",
        mode="post-operative" if neck.opened else "unoperated",
        opened_levels=neck.opened,
        levels=naming,
        planes=planes,
        narrowest=narrowest,
        ossification=ossification,
        alignment=measure_alignment(neck, segmentation.mask, volume),
        apart=find_apart(neck, counted, volume) + metal,
        warnings=(
            *segmentation.warnings,
            *(() if naming is segmentation.levels else (ScanWarning("levels-unsure", naming.reason),)),
            *set_apart,
            *tell_of_low_masses(neck, counted),
            *possible_fusions(neck, wall),
            *tell_of_opened_rings(neck.opened),
            *metal_warnings,
            *tell_of_near_cut(planes[-1]),
        ),
        posterior_wall_lps_mm=_wall_points(neck, wall),
        centerline_lps_mm=points_of(neck.frame.centers_lps[::PROFILE_EVERY]),
        centerline_posterior_lps=points_of(neck.frame.posteriors_lps[::PROFILE_EVERY]),
        profile=_profile(neck),
    )
    tell("Measuring", STEPS, STEPS)
    return result


def _masses_set_apart(neck: NeckGeometry) -> tuple[list[MassProfile], list[MassProfile]]:
    """Return what is marked as ossification and is none by its place, and what is too thin to be told."""
    others = other_masses(neck)
    counted = [mass for mass in counted_masses(neck) if not any(mass is other for other in others)]
    return others, too_thin(neck, counted)


def _wall_points(neck: NeckGeometry, wall_mm: NDArray[np.float64] | None) -> tuple[Point, ...]:
    if wall_mm is None:
        return ()
    points = neck.frame.centers_lps + wall_mm[:, None] * neck.frame.posteriors_lps
    return points_of(points[::PROFILE_EVERY])


def _refused(segmentation: Segmentation) -> Measurements:
    message = (
        "Expected at least 12 mm of spinal canal, found less. Check that the scan shows the cervical spine "
        "and that labels 1, 2 and 4 mark its canal."
    )
    warnings = (*segmentation.warnings, ScanWarning("no-canal", message))
    return Measurements(status="refused", levels=segmentation.levels, warnings=warnings)


def _depths(neck: NeckGeometry, zones: tuple[Zone, ...]) -> tuple[float | None, ...]:
    bodies = {v.middle_mm: v for v in neck.vertebrae if v.part == "body"}
    return tuple(
        body_depth_mm(neck.straight, bodies[zone.middle_mm], neck.wall_mm)
        if zone.part == "body" and zone.middle_mm in bodies
        else None
        for zone in zones
    )


def _worst(neck: NeckGeometry, volume: Volume | None) -> tuple[PlaneMeasurement, ...]:
    """Return the plane at the worst place, named after the body or disc that it lies at."""
    along = float(neck.frame.along_mm[worst_index(neck)])
    zone = zone_at(neck.zones, along)
    level = None if zone is None else zone.name
    return measure_planes(neck, (Zone(level, "worst", along, along, along, whole=True),), (None,), volume)


def _naming(levels: LevelNaming, planes: tuple[PlaneMeasurement, ...]) -> LevelNaming:
    """Return how levels were named; not sure where one between the first and the last has no plane."""
    found = {plane.level for plane in planes if plane.part in ("arch", "body")}
    places = [i for i, level in enumerate(LEVELS) if level in found]
    missing = [level for level in LEVELS[places[0] : places[-1]] if level not in found] if places else []
    if not (levels.sure and missing):
        return levels
    reason = f"{levels.reason} But {', '.join(missing)} could not be placed, so the names are not sure."
    return LevelNaming(False, levels.source, reason)


def _complete(segmentation: Segmentation, neck: NeckGeometry, planes: tuple[PlaneMeasurement, ...]) -> bool:
    """Return whether levels have names and every body and disc wholly in the scan has its lengths."""
    if any(warning.code == CANAL_LOST for warning in segmentation.warnings):
        return False
    named = segmentation.levels.source is not None and all(zone.name for zone in _down_to_t2(neck.zones))
    lost = [
        plane
        for plane in planes
        if plane.part in ("body", "disc") and plane.canal_ap_mm is None and not plane.cut_by_scan
    ]
    return bool(neck.zones) and named and not lost


def _down_to_t2(zones: tuple[Zone, ...]) -> tuple[Zone, ...]:
    """Leave out what follows T2: vertebrae below it have no label that could name them."""
    names = [zone.name for zone in zones]
    return zones[: names.index(LEVELS[-1]) + 1] if LEVELS[-1] in names else zones


def _profile(neck: NeckGeometry) -> tuple[ProfileSample, ...]:
    along = neck.frame.along_mm
    thickness = neck.mass_edges.greatest_mm
    rows = np.arange(len(along))
    at = np.where(thickness > 0, neck.mass_edges.headline, neck.canal.midline)
    ap, residual = neck.canal.ap_mm[rows, at], neck.mass_edges.residual_mm[rows, at]
    samples = []
    for i in rows[::PROFILE_EVERY]:
        if neck.sections.whole[i] and np.isfinite(ap[i]):
            zone = zone_at(neck.zones, float(along[i]))
            samples.append(
                ProfileSample(
                    along_mm=float(along[i]),
                    center_lps_mm=points_of(neck.frame.centers_lps[i : i + 1])[0],
                    thickness_mm=float(thickness[i]),
                    canal_ap_mm=float(ap[i]),
                    residual_ap_mm=float(residual[i]),
                    level=None if zone is None else zone.name,
                )
            )
    return tuple(samples)
