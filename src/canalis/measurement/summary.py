"""What the planes and the profile say of the whole neck: ossification, narrowest, K-line, Cobb."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from canalis.measurement.alignment import canal_turn_deg, cobb_angle_deg, k_line_distances
from canalis.measurement.endplates import find_lower_endplate
from canalis.measurement.geometry import NeckGeometry
from canalis.measurement.masses import MassProfile, crosses, involves
from canalis.measurement.measurements import (
    Alignment,
    DoubleLayerSign,
    Mass,
    Ossification,
    PlaneMeasurement,
    Point,
)
from canalis.measurement.plane_measures import as_point
from canalis.measurement.shape import CompressionAngle, find_compression_angle, hill_or_plateau
from canalis.measurement.sizes import greatest_thickness, greatest_width, size_intervals
from canalis.measurement.types import (
    INVOLVED_HEIGHT_MM,
    Span,
    near_type_of_patient,
    type_of_mass,
    type_of_patient,
)
from canalis.measurement.uncertainty import (
    INTERVAL,
    edge_error_mm,
    fitted,
    length_interval_mm,
)
from canalis.measurement.vertebrae import Zone
from canalis.volume import LARGEST_GAP_MM, LARGEST_PIXEL_MM, Mask, Volume

Floats = NDArray[np.float64]

CENTRAL_SHARE = 1 / 3  # of the canal's half-width that counts as central (chosen)
MIDSAGITTAL_MM = 0.75  # the midsagittal image is a slab this far to each side
OP_INDEX_LEVELS = ("C1", "C2", "C3", "C4", "C5", "C6", "C7")
OP_INDEX_DISCS = ("C1/2", "C2/3", "C3/4", "C4/5", "C5/6", "C6/7")
GRADE_2_FROM, GRADE_3_FROM = 6, 10  # OP-index: grade 1 to 5, 2 to 9, 3 from 10 (JOSL; BMC 2018;19:107)
SAME_PLACE_MM = 0.05  # the worst place is that of the greatest thickness too, printed with one error
SCAN_EDGE_MM = 1.5  # a mass that ends as near to the scan's edge may go on beyond it
NOT_FOUND = "No ossification of the posterior longitudinal ligament was seen."


def zone_at(zones: tuple[Zone, ...], along_mm: float) -> Zone | None:
    """Return the body, disc or arch at a place of the centreline, None beyond them."""
    for zone in zones:
        if zone.upper_mm <= along_mm <= zone.lower_mm:
            return zone
    return None


def summarize_ossification(
    neck: NeckGeometry, planes: tuple[PlaneMeasurement, ...], *, double: DoubleLayerSign
) -> Ossification:
    """Return the ossification of the whole neck.

    Parameters
    ----------
    neck : NeckGeometry
        The neck laid out.
    planes : tuple of PlaneMeasurement
        The worst place last.
    double : DoubleLayerSign
        As found in the CT.

    Returns
    -------
    Ossification
        Fields None with a reason where they are not measured.
    """
    masses = counted_masses(neck)
    if not masses:
        return _none_found(neck)
    unsized = why_no_sizes(neck, masses)
    lengths = unsized is None
    along = neck.frame.along_mm
    profile = np.max([mass.thickness_mm for mass in masses], axis=0)
    bodies = tuple(Span(v.upper_mm, v.lower_mm) for v in neck.vertebrae if v.part == "body")
    spans = [mass.involved for mass in masses if mass.involved is not None]
    kinds = [type_of_mass(span, bodies) for span in spans]
    upper, lower = min(span.upper_mm for span in spans), max(span.lower_mm for span in spans)
    levels = _involved(profile, along, neck.zones, "body")
    peak = worst_index(neck)
    index = _op_index(neck)
    edge = edge_error_mm(neck.resolution[peak], soft=neck.edges.soft)
    ratio = profile_ratio(neck)
    alike = ratio >= ratio[peak] * (
        1.0 - INTERVAL * edge / max(float(neck.mass_edges.greatest_mm[peak]), edge)
    )
    greatest = greatest_thickness(profile, planes, neck)
    angle = find_compression_angle(neck, peak, alike & (ratio > 0) & neck.sections.whole)
    summary = Ossification(
        present=True,
        type=type_of_patient(kinds) if bodies else None,
        near_type=near_type_of_patient(spans, bodies) if bodies else None,
        levels=levels,
        discs=_involved(profile, along, neck.zones, "disc"),
        bridging=tuple(
            z.name for z in neck.zones if z.part == "disc" and z.name and crosses(profile, along, z)
        ),
        upper_end=_name_at(neck.zones, upper),
        lower_end=_name_at(neck.zones, lower),
        reaches_c2="C2" in levels if any(v.name == "C2" for v in neck.vertebrae) else None,
        at_scan_edge=_at_scan_edge(neck, masses),
        peak_level=_name_at(neck.zones, float(along[peak])),
        op_index=index,
        op_grade=None if index is None else 1 + (index >= GRADE_2_FROM) + (index >= GRADE_3_FROM),
        max_thickness_mm=greatest if lengths else None,
        max_occupying_ratio_percent=_greatest_ratio(planes) if lengths else None,
        width_mm=greatest_width(profile, planes, neck) if lengths else None,
        volume_mm3=float(sum(mass.volume_mm3 for mass in masses)) if lengths else None,
        length_mm=max(mass.extent.length_mm for mass in masses) if lengths else None,
        side=_side(neck, peak),
        compression_angle_deg=None if angle is None else angle.deg,
        shape=hill_or_plateau(profile, along),
        double_layer_sign=double,
        masses=tuple(_as_mass(mass, bodies, neck, planes) for mass in masses) if lengths else (),
        uncertainty=_intervals(neck, masses, planes, angle, edge, greatest) if lengths else {},
        reasons={} if unsized is None else dict.fromkeys(_LENGTHS, unsized),
    )
    return _with_reasons(summary)


def why_no_sizes(neck: NeckGeometry, masses: list[MassProfile]) -> str | None:
    """Return why no length or volume of masses can be given, or None where they can.

    Parameters
    ----------
    neck : NeckGeometry
        The neck laid out.
    masses : list of MassProfile
        Those that count.
    """
    pixel = max(resolution.pixel_mm for resolution in neck.resolution)
    if pixel > LARGEST_PIXEL_MM:
        return f"Pixels are over {LARGEST_PIXEL_MM} mm."
    held = np.flatnonzero(np.max([mass.thickness_mm for mass in masses], axis=0) > 0)
    gap = max(neck.resolution[at].gap_mm for at in held)
    if gap > LARGEST_GAP_MM:
        return (
            f"Slices lie {gap:.1f} mm apart where the ossification is; "
            f"lengths need gaps of {LARGEST_GAP_MM:g} mm or less."
        )
    if neck.hidden[held].any():
        return "Metal in or at the canal, or streaks across it, hide a part of the ossification."
    return None


_LENGTHS = ("max_thickness_mm", "max_occupying_ratio_percent", "width_mm", "volume_mm3", "length_mm")


def counted_masses(neck: NeckGeometry) -> list[MassProfile]:
    """Return the masses that involve a body or disc; those 1 mm thick over 3 mm where none was found."""
    along = neck.frame.along_mm
    if not neck.zones:
        return [m for m in neck.masses if m.involved and m.involved.length_mm >= INVOLVED_HEIGHT_MM]
    return [m for m in neck.masses if any(involves(m.thickness_mm, along, zone) for zone in neck.zones)]


def _none_found(neck: NeckGeometry) -> Ossification:
    nulls = (
        "type", "upper_end", "lower_end", "reaches_c2", "at_scan_edge", "peak_level", "op_index", "op_grade",
        "max_occupying_ratio_percent", "side", "compression_angle_deg", "shape",
    )  # fmt: skip
    return Ossification(
        present=False,
        max_thickness_mm=0.0,
        width_mm=0.0,
        volume_mm3=0.0,
        length_mm=0.0,
        reasons=dict.fromkeys(nulls, NOT_FOUND),
    )


def _with_reasons(summary: Ossification) -> Ossification:
    why = {
        "type": "No vertebral body was found to tell the type by.",
        "near_type": "No other type lies within 2 mm of either end.",
        "upper_end": "The upper end lies at no named level.",
        "lower_end": "The lower end lies at no named level.",
        "peak_level": "The worst place lies at no named level.",
        "reaches_c2": "C2 is not in the scan or has no name.",
        "op_index": "Levels have no names.",
        "op_grade": "Levels have no names.",
        "max_occupying_ratio_percent": "No plane has a ratio.",
        "compression_angle_deg": "The mass is too short on one side of its top.",
        "side": "The worst place has no canal edge on both sides.",
        "shape": "The mass is too short to tell.",
    }
    missing = {name: reason for name, reason in why.items() if getattr(summary, name) is None}
    summary.reasons.update({name: reason for name, reason in missing.items() if name not in summary.reasons})
    return summary


def worst_index(neck: NeckGeometry) -> int:
    """Return the place with the greatest occupying ratio of a mass that counts, or else the least canal AP.

    Looked for from C1's arch, or the first body, to the lower end of the last.
    """
    along, ap = neck.frame.along_mm, neck.canal.ap_mm[:, neck.canal.midline]
    whole = neck.sections.whole & np.isfinite(ap) & (ap > 0)
    if neck.zones:
        whole &= (along >= neck.zones[0].middle_mm) & (along <= neck.zones[-1].lower_mm)
    if not whole.any():
        return len(ap) // 2
    counted = np.any([mass.thickness_mm > 0 for mass in counted_masses(neck)], axis=0)
    ratio = np.where(whole & counted, profile_ratio(neck), 0.0)
    return int(np.argmax(ratio)) if ratio.max() > 0 else int(np.argmin(np.where(whole, ap, np.inf)))


def profile_ratio(neck: NeckGeometry) -> Floats:
    """Return the occupying ratio on the line of greatest thickness along the neck, 0 to 1, shape (n,)."""
    rows = np.arange(len(neck.frame.along_mm))
    at = neck.mass_edges.headline
    ap = neck.canal.ap_mm[rows, at]
    thickness = neck.mass_edges.greatest_mm
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(thickness > 0, thickness / ap, 0.0))


def _name_at(zones: tuple[Zone, ...], along_mm: float) -> str | None:
    zone = zone_at(zones, along_mm)
    return None if zone is None else zone.name


def _involved(profile: Floats, along: Floats, zones: tuple[Zone, ...], part: str) -> tuple[str, ...]:
    parts = ("body", "arch") if part == "body" else ("disc",)
    return tuple(z.name for z in zones if z.part in parts and z.name and involves(profile, along, z))


def _at_scan_edge(neck: NeckGeometry, masses: list[MassProfile]) -> bool:
    upper_mm = min(mass.extent.upper_mm for mass in masses)
    lower_mm = max(mass.extent.lower_mm for mass in masses)
    top, foot = neck.extent.at_scan_edge
    along = neck.frame.along_mm
    return bool(
        (top and upper_mm < along[0] + SCAN_EDGE_MM) or (foot and lower_mm > along[-1] - SCAN_EDGE_MM)
    )


def _op_index(neck: NeckGeometry) -> int | None:
    """Return bodies and discs involved on the midsagittal image, C1 to C7; None without names."""
    if not any(zone.name for zone in neck.zones):
        return None
    near = np.abs(neck.canal.left_mm) <= MIDSAGITTAL_MM
    midline = neck.mass_edges.thickness_mm[:, near].mean(axis=1)
    along = neck.frame.along_mm
    return sum(
        involves(midline, along, zone)
        for zone in neck.zones
        if zone.name in OP_INDEX_LEVELS or zone.name in OP_INDEX_DISCS
    )


def _greatest_ratio(planes: tuple[PlaneMeasurement, ...]) -> float | None:
    if planes and planes[-1].part == "worst" and planes[-1].occupying_ratio_percent is not None:
        return planes[-1].occupying_ratio_percent
    ratios = [plane.occupying_ratio_percent for plane in planes if plane.occupying_ratio_percent is not None]
    return max(ratios, default=None)


def _side(neck: NeckGeometry, peak: int) -> Literal["central", "left", "right"] | None:
    center, half = neck.mass_edges.center_left_mm[peak], neck.canal.lr_mm[peak] / 2
    if not np.isfinite(center) or half <= 0:
        return None
    if abs(center) <= CENTRAL_SHARE * half:
        return "central"
    return "left" if center > 0 else "right"


def _as_mass(
    mass: MassProfile, bodies: tuple[Span, ...], neck: NeckGeometry, planes: tuple[PlaneMeasurement, ...]
) -> Mass:
    along = neck.frame.along_mm
    span = mass.involved or mass.extent
    edge = edge_error_mm(neck.resolution[int(mass.thickness_mm.argmax())], soft=neck.edges.soft)
    greatest = greatest_thickness(mass.thickness_mm, planes, neck)
    return Mass(
        type=type_of_mass(span, bodies),
        levels=_involved(mass.thickness_mm, along, neck.zones, "body"),
        discs=_involved(mass.thickness_mm, along, neck.zones, "disc"),
        max_thickness_mm=greatest,
        length_mm=mass.extent.length_mm,
        volume_mm3=mass.volume_mm3,
        uncertainty=fitted(size_intervals(neck, mass.volume_mm3, edge, greatest), soft=neck.edges.soft),
    )


def _intervals(
    neck: NeckGeometry,
    masses: list[MassProfile],
    planes: tuple[PlaneMeasurement, ...],
    angle: CompressionAngle | None,
    edge_mm: float,
    greatest_mm: float,
) -> dict[str, float]:
    intervals = size_intervals(neck, sum(mass.volume_mm3 for mass in masses), edge_mm, greatest_mm)
    intervals["width_mm"] = length_interval_mm(edge_mm)
    worst = planes[-1].uncertainty.get("occupying_ratio_percent") if planes else None
    if worst is not None:
        intervals["max_occupying_ratio_percent"] = worst
    if angle is not None:
        error_deg = np.hypot(angle.lean_deg * edge_mm, angle.apart_deg)
        intervals["compression_angle_deg"] = INTERVAL * float(error_deg)
    whole = fitted(intervals, soft=neck.edges.soft)
    at_worst = planes[-1].uncertainty.get("ossification_thickness_mm", 0.0) if planes else 0.0
    if at_worst and (planes[-1].ossification_thickness_mm or 0.0) >= greatest_mm - SAME_PLACE_MM:
        whole["max_thickness_mm"] = max(whole["max_thickness_mm"], at_worst)
    return whole


def measure_alignment(neck: NeckGeometry, mask: Mask, volume: Volume | None) -> Alignment:
    """Return K-line and Cobb angle.

    Parameters
    ----------
    neck : NeckGeometry
        The neck laid out.
    mask : Mask
        The label map, for the endplates.
    volume : Volume or None
        The CT, on which the edges of endplates that a network drew are looked for.

    Returns
    -------
    Alignment
        Parts None with a reason where C2 or C7 lacks.
    """
    reasons: dict[str, str] = {}
    uncertainty: dict[str, float] = {}
    cobb = _cobb(neck, mask, volume if neck.edges.soft else None, reasons, uncertainty)
    line = _k_line(neck, reasons)
    if line is None:
        return Alignment(c2_c7_cobb_deg=cobb, uncertainty=uncertainty, reasons=reasons)
    ends = (as_point(line[0]), as_point(line[1]))
    distances = k_line_distances(line, neck.sections, neck.mass_edges)
    counted = np.isfinite(distances) & _in_counted_masses(neck) & neck.sections.whole
    if not counted.any():
        reasons |= dict.fromkeys(("k_line", "k_line_distance_mm"), "There is no mass between C2 and C7.")
        return Alignment(c2_c7_cobb_deg=cobb, k_line_lps_mm=ends, uncertainty=uncertainty, reasons=reasons)
    least = float(distances[counted].min())
    at = int(np.flatnonzero(counted)[np.argmin(distances[counted])])
    half = length_interval_mm(edge_error_mm(neck.resolution[at], soft=neck.edges.soft))
    half = fitted({"k_line_distance_mm": half}, soft=neck.edges.soft)["k_line_distance_mm"]
    if least > -half and (hidden := _hidden_along(neck)):
        reasons |= dict.fromkeys(("k_line", "k_line_distance_mm"), hidden)
        return Alignment(c2_c7_cobb_deg=cobb, k_line_lps_mm=ends, uncertainty=uncertainty, reasons=reasons)
    uncertainty["k_line_distance_mm"] = half
    sign: Literal["positive", "negative", "borderline"] = "positive" if least > 0 else "negative"
    return Alignment(
        k_line="borderline" if abs(least) <= half else sign,
        k_line_distance_mm=least,
        c2_c7_cobb_deg=cobb,
        k_line_lps_mm=ends,
        uncertainty=uncertainty,
        reasons=reasons,
    )


COBB_INTERVAL_NETWORK_DEG = 6.0  # on 24 validation necks
COBB_GAP_DEG_PER_MM2 = 1.4
"""Of slice gap, squared: an endplate half hidden in a thick slice leans otherwise. On 10, 20 and 30
validation necks with slices of 2, 2.5 and 3 mm angles err by 4, 5 and 8 degrees (root mean square):
58 of the 60 are held."""
COBB_INTERVAL_DEG = 3.2  # fitted as uncertainty.FITTED: endplates are curved, slices thick beside their lean
COBB_MOST_APART_DEG = 30.0
"""From the canal's own turn, beyond which an endplate was not found (chosen): on 20 validation necks they lie
0.1 to 14 degrees apart, on 14 planning CTs 1 to 18; on a neck whose endplates were found wrongly 56."""


def _hidden_along(neck: NeckGeometry) -> str | None:
    """Return why a mass between C2 and C7 may be farther back than any that is seen, or None."""
    ends = [v.middle_mm for v in neck.vertebrae if v.name in ("C2", "C7")]
    along = neck.frame.along_mm
    if not neck.hidden[(along >= min(ends)) & (along <= max(ends))].any():
        return None
    return (
        "Metal or streaks hide a part of the canal between C2 and C7, where ossification may cross the line."
    )


def _in_counted_masses(neck: NeckGeometry) -> NDArray[np.bool_]:
    counted = np.zeros(len(neck.frame.along_mm), dtype=bool)
    for mass in counted_masses(neck):
        counted |= mass.thickness_mm > 0
    return counted


def _cobb(
    neck: NeckGeometry,
    mask: Mask,
    volume: Volume | None,
    reasons: dict[str, str],
    uncertainty: dict[str, float],
) -> float | None:
    """Return the angle between endplates; how far it is from the canal's own turn widens its interval."""
    named = {v.name: v for v in neck.vertebrae}
    missing = [name for name in ("C2", "C7") if name not in named or not named[name].whole]
    if missing:
        reasons["c2_c7_cobb_deg"] = f"{' and '.join(missing)} not wholly in the scan, or without a name."
        return None
    middle = (named["C2"].middle_mm + named["C7"].middle_mm) / 2
    left = neck.frame.plane_at(middle).left_lps
    upper, lower = (
        find_lower_endplate(
            mask, named[name], neck.frame, _wall_at(neck, named[name].lower_mm), volume=volume
        )
        for name in ("C2", "C7")
    )
    angle = cobb_angle_deg(upper, lower, left)
    if angle is None:
        reasons["c2_c7_cobb_deg"] = "The lower endplate of C2 or C7 was not found."
        return None
    above, below = (neck.frame.plane_at(named[name].lower_mm).normal_lps for name in ("C2", "C7"))
    apart = abs(angle - canal_turn_deg(above, below, left))
    if apart > COBB_MOST_APART_DEG:
        reasons["c2_c7_cobb_deg"] = (
            f"The endplates found at C2 and C7 differ by {apart:.0f} degrees from the turn of the canal."
        )
        return None
    uncertainty["c2_c7_cobb_deg"] = COBB_INTERVAL_DEG
    if neck.edges.soft:
        gap_mm = max(neck.gap_at(named[name].lower_mm) for name in ("C2", "C7"))
        uncertainty["c2_c7_cobb_deg"] = max(
            COBB_INTERVAL_NETWORK_DEG, COBB_GAP_DEG_PER_MM2 * gap_mm**2, apart
        )
    return angle


def _wall_at(neck: NeckGeometry, along_mm: float) -> float:
    return float(np.interp(along_mm, neck.straight.frame.along_mm, neck.wall_mm))


def _k_line(neck: NeckGeometry, reasons: dict[str, str]) -> Floats | None:
    """Return the canal's midpoints at mid-body of C2 and C7, LPS+ mm, or None."""
    named = {v.name: v for v in neck.vertebrae}
    ends = []
    for name in ("C2", "C7"):
        vertebra = named.get(name)
        at = None if vertebra is None else int(np.argmin(np.abs(neck.frame.along_mm - vertebra.middle_mm)))
        if vertebra is None or not vertebra.whole or at is None or not neck.sections.whole[at]:
            reasons |= dict.fromkeys(
                ("k_line", "k_line_distance_mm"), f"{name} is not wholly in the scan, or has no name."
            )
            return None
        middle = neck.canal.midline
        back = (neck.canal.front_mm[at, middle] + neck.canal.rear_mm[at, middle]) / 2
        ends.append(neck.frame.centers_lps[at] + back * neck.frame.posteriors_lps[at])
    return np.array(ends)


def points_of(places: Floats) -> tuple[Point, ...]:
    """Return an array of shape (n, 3) as points."""
    return tuple(as_point(place) for place in places)
