"""All numbers of one measuring plane, with their lines, outlines, errors and reasons."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from canalis.measurement.canal import CanalEdges, edge_blur_mm, find_canal_edges, outlines
from canalis.measurement.edges import EdgeField
from canalis.measurement.frame import framed
from canalis.measurement.geometry import NeckGeometry
from canalis.measurement.measurements import PLANE_NUMBERS, Part, PlaneMeasurement, Point
from canalis.measurement.ossification import (
    MassEdges,
    find_mass_edges,
    mass_blur_mm,
    occupying_ratio_percent,
)
from canalis.measurement.planes import Plane
from canalis.measurement.reference import percentiles_of, why_no_percentile
from canalis.measurement.sections import Sections, cut_sections, keep_main_part, section_ticks
from canalis.measurement.uncertainty import (
    Resolution,
    area_interval_mm2,
    change_a_mm,
    confidence,
    edge_error_mm,
    fitted,
    length_interval_mm,
    place_error_mm,
    ratio_interval,
    resolution_at,
    with_place,
)
from canalis.measurement.vertebrae import Zone
from canalis.volume import LARGEST_GAP_MM, LARGEST_PIXEL_MM, Volume

Floats = NDArray[np.float64]

PLANE_PIXEL_MM = 0.25  # outlines are drawn from this grid; edges lie between its samples
LEAST_RATIO_PIXELS = 2.0  # a thinner mass has no ratio (definitions)
LEAST_WIDTH_MM = 1.0  # of a mass, in the interval of where across it the thickest line lies
NEAR_SCAN_EDGE_MM = 8.0  # a canal that ends as near to the scan's edge was cut off by it


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing can be measured on a plane, in a sentence, and whether it is that the scan ends there."""

    reason: str
    cut_by_scan: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """The sections of some planes, with everything found on their AP and LR lines.

    ``thickness_change`` and ``area_change`` tell how much the ossification changes over 1 mm of the neck.
    """

    sections: Sections
    canal: CanalEdges
    mass: MassEdges
    resolution: tuple[Resolution, ...]
    blur_mm: Floats
    mass_blur_mm: Floats
    thickness_change: Floats
    area_change: Floats
    soft: bool

    def plane(self, i: int) -> Plane:
        """Return the i-th plane."""
        frame = self.sections.frame
        return Plane(frame.centers_lps[i], frame.normals_lps[i], frame.posteriors_lps[i])

    def headline(self, i: int) -> int:
        """Return the AP line of greatest thickness in the i-th plane, the midline where there is none."""
        return int(self.mass.headline[i]) if self.mass.greatest_mm[i] > 0 else self.canal.midline


def cut_planes(neck: NeckGeometry, along_mm: Floats, volume: Volume | None) -> Cut:
    """Return what lies on the planes at some places of the centreline."""
    frame = neck.frame.at(along_mm)
    sections = cut_sections(neck.edges, neck.extent, frame, pixel_mm=PLANE_PIXEL_MM)
    canal = find_canal_edges(sections)
    mass = find_mass_edges(sections, canal)
    return Cut(
        sections=sections,
        canal=canal,
        mass=mass,
        resolution=resolution_at(neck.extent, frame, volume),
        blur_mm=edge_blur_mm(sections, canal),
        mass_blur_mm=mass_blur_mm(sections, mass),
        thickness_change=change_a_mm(neck.mass_edges.greatest_mm, neck.frame.along_mm, along_mm),
        area_change=change_a_mm(neck.mass_edges.area_mm2, neck.frame.along_mm, along_mm),
        soft=neck.edges.soft,
    )


def measure_planes(
    neck: NeckGeometry, zones: tuple[Zone, ...], depths_mm: tuple[float | None, ...], volume: Volume | None
) -> tuple[PlaneMeasurement, ...]:
    """Return the measurements on the middle plane of each zone.

    Parameters
    ----------
    neck : NeckGeometry
        The neck laid out.
    zones : tuple of Zone
        Where to measure, in this order.
    depths_mm : tuple of float or None
        Body depth at each, None where it has no body.
    volume : Volume or None
        For the gaps between its slices.

    Returns
    -------
    tuple of PlaneMeasurement
        One a zone; numbers None with a reason where they cannot be measured.
    """
    if not zones:
        return ()
    cut = cut_planes(neck, np.array([zone.middle_mm for zone in zones]), volume)
    measured = []
    for i, (zone, depth) in enumerate(zip(zones, depths_mm, strict=True)):
        refusal = refusal_of(neck, zone, cut, i)
        measured.append(_refused(zone, cut, i, refusal) if refusal else _measured(zone, cut, i, depth))
    return tuple(measured)


def refusal_of(neck: NeckGeometry, zone: Zone, cut: Cut, i: int) -> Refusal | None:
    """Return why nothing can be measured on a plane, or None where it can."""
    resolution = cut.resolution[i]
    if not zone.whole:
        return Refusal(f"The {zone.part} is cut off by the edge of the scan.", cut_by_scan=True)
    if neck.hidden_at(zone.middle_mm):
        return Refusal("Metal in or at the canal, or streaks across it, hide the canal here.")
    if not (cut.sections.whole[i] and neck.whole_at(zone.middle_mm)):
        if runs_out_of_scan(neck, zone.middle_mm):
            return Refusal("The plane runs out of the scan.", cut_by_scan=True)
        return Refusal("The canal was not found all around in this plane.")
    if not np.isfinite(cut.canal.ap_mm[i, cut.canal.midline]):
        return Refusal("The canal was not found on the midline of this plane.")
    if resolution.gap_mm > LARGEST_GAP_MM:
        needed = f"lengths need gaps of {LARGEST_GAP_MM:g} mm or less."
        return Refusal(f"Slices lie {resolution.gap_mm:.1f} mm apart here; {needed}")
    if resolution.pixel_mm > LARGEST_PIXEL_MM:
        needed = f"lengths need {LARGEST_PIXEL_MM:g} mm or less."
        return Refusal(f"Pixels are {resolution.pixel_mm:.1f} mm; {needed}")
    return None


def runs_out_of_scan(neck: NeckGeometry, along_mm: float) -> bool:
    """Return whether the scan ends within, or just beyond, the canal at a place of the centreline."""
    near = neck.frame.at(along_mm + np.array([-NEAR_SCAN_EDGE_MM, 0.0, NEAR_SCAN_EDGE_MM]))
    reach = np.array([-NEAR_SCAN_EDGE_MM, 0.0, NEAR_SCAN_EDGE_MM])
    return not bool(neck.extent.in_scan(near, reach, np.zeros(1)).all())


def _refused(zone: Zone, cut: Cut, i: int, refusal: Refusal) -> PlaneMeasurement:
    plane = cut.plane(i)
    return PlaneMeasurement(
        level=zone.name,
        part=zone.part,
        center_lps_mm=as_point(plane.center_lps),
        normal_lps=as_point(plane.normal_lps),
        anteroposterior_lps=as_point(plane.posterior_lps),
        reasons=dict.fromkeys((*PLANE_NUMBERS, "percentiles"), refusal.reason),
        outlines_lps_mm=_outlines(cut, i) if cut.sections.whole[i] else {},
        cut_by_scan=refusal.cut_by_scan,
    )


def _measured(zone: Zone, cut: Cut, i: int, depth_mm: float | None) -> PlaneMeasurement:
    canal, mass, plane = cut.canal, cut.mass, cut.plane(i)
    middle, at = canal.midline, cut.headline(i)
    ap = float(canal.ap_mm[i, middle])
    thickness, thickness_ap = float(mass.thickness_mm[i, at]), float(canal.ap_mm[i, at])
    edge = edge_error_mm(cut.resolution[i], soft=cut.soft, blur_mm=float(cut.blur_mm[i]))
    intervals = _intervals(cut, i, edge, depth_mm, part=zone.part)
    ratios, reasons = _ratios(cut, i)
    if thickness == 0:
        reasons["thickness_offset_mm"] = "There is no ossification in this plane."
    torg = None if depth_mm is None else ap / depth_mm
    if torg is None:
        part = "The body's front was not found." if zone.part == "body" else "Only bodies have a depth."
        reasons["torg_pavlov_ratio"] = part
    area = float(canal.area_mm2[i])
    percentiles = percentiles_of(level=zone.name, part=zone.part, canal_ap_mm=ap, canal_area_mm2=area)
    if percentiles is None:
        reasons["percentiles"] = why_no_percentile(zone.name)
    return PlaneMeasurement(
        level=zone.name,
        part=zone.part,
        center_lps_mm=as_point(plane.center_lps),
        normal_lps=as_point(plane.normal_lps),
        anteroposterior_lps=as_point(plane.posterior_lps),
        canal_ap_mm=ap,
        canal_lr_mm=float(canal.lr_mm[i]),
        canal_area_mm2=area,
        ossification_thickness_mm=thickness,
        thickness_offset_mm=float(canal.left_mm[at]) if thickness > 0 else None,
        thickness_canal_ap_mm=thickness_ap,
        ossification_bone_thickness_mm=float(mass.bone_mm[i, at]),
        ossification_width_mm=float(mass.width_mm[i]),
        ossification_area_mm2=float(mass.area_mm2[i]),
        occupying_ratio_percent=ratios[0],
        occupying_ratio_midline_percent=ratios[1],
        area_occupying_ratio_percent=ratios[2],
        residual_ap_mm=float(mass.residual_mm[i, at]),
        torg_pavlov_ratio=torg,
        percentiles=percentiles,
        confidence=confidence(intervals["canal_ap_mm"]),
        uncertainty=intervals,
        reasons=reasons,
        lines_lps_mm=_lines(cut, i),
        outlines_lps_mm=_outlines(cut, i),
    )


def _ratios(cut: Cut, i: int) -> tuple[list[float | None], dict[str, str]]:
    """Return the ratio on the headline line, on the midline and of areas, with the reasons for None."""
    canal, mass, pixel = cut.canal, cut.mass, cut.resolution[i].pixel_mm
    names = ("occupying_ratio_percent", "occupying_ratio_midline_percent", "area_occupying_ratio_percent")
    thickness = mass.greatest_mm[i]
    if 0 < thickness < LEAST_RATIO_PIXELS * pixel:
        reason = f"The ossification is {thickness:.1f} mm thick, under two pixels of {pixel:.2f} mm."
        return [None, None, None], dict.fromkeys(names, reason)
    ratios = [
        occupying_ratio_percent(
            thickness_mm=float(mass.thickness_mm[i, at]), canal_ap_mm=float(canal.ap_mm[i, at])
        )
        for at in (cut.headline(i), canal.midline)
    ]
    return [*ratios, 100.0 * min(1.0, float(mass.area_mm2[i] / canal.area_mm2[i]))], {}


def _intervals(cut: Cut, i: int, edge: float, depth_mm: float | None, *, part: Part) -> dict[str, float]:
    """Return half of the 95 % interval of every number of a plane; at the peak its place does not matter."""
    canal, mass, at = cut.canal, cut.mass, cut.headline(i)
    length = length_interval_mm(edge)
    ap, area = float(canal.ap_mm[i, canal.midline]), float(canal.area_mm2[i])
    around = 3.0 * np.sqrt(area)  # an outline's length: 3.5 for a circle, a little less for the AP lines' sum
    area_half = area_interval_mm2(edge, around)
    mass_area = float(mass.area_mm2[i])
    mass_edge = edge_error_mm(cut.resolution[i], soft=cut.soft, blur_mm=float(cut.mass_blur_mm[i]))
    place = place_error_mm(cut.resolution[i], soft=cut.soft, disc=part == "disc") if part != "worst" else 0.0
    thick = with_place(length_interval_mm(edge, mass_edge), float(cut.thickness_change[i]), place)
    mass_half = area_interval_mm2(mass_edge, 4.0 * np.sqrt(mass_area)) if mass_area > 0 else 0.0
    mass_half = with_place(mass_half, float(cut.area_change[i]), place)
    intervals = {"canal_ap_mm": length, "canal_lr_mm": length, "canal_area_mm2": area_half}
    intervals |= {"residual_ap_mm": length, "thickness_canal_ap_mm": length}
    if mass.greatest_mm[i] > 0:
        line_ap, thickness = float(canal.ap_mm[i, at]), float(mass.greatest_mm[i])
        intervals |= {
            "ossification_thickness_mm": thick,
            "ossification_bone_thickness_mm": thick,
            "thickness_offset_mm": max(float(mass.width_mm[i]), LEAST_WIDTH_MM),
            "ossification_width_mm": length_interval_mm(mass_edge),
            "ossification_area_mm2": mass_half,
            "occupying_ratio_percent": 100 * ratio_interval(thickness, thick, line_ap, length),
            "occupying_ratio_midline_percent": 100 * ratio_interval(thickness, thick, ap, length),
            "residual_ap_mm": thick,
            "area_occupying_ratio_percent": 100 * ratio_interval(mass_area, mass_half, area, area_half),
        }
    if depth_mm is not None:
        intervals["torg_pavlov_ratio"] = ratio_interval(ap, length, depth_mm, length)
    return fitted(intervals, soft=cut.soft)


def _lines(cut: Cut, i: int) -> dict[str, tuple[Point, Point]]:
    """Return the measured lines' ends, LPS+ mm."""
    canal, mass, plane, at = cut.canal, cut.mass, cut.plane(i), cut.headline(i)

    def line(left: tuple[float, float], back: tuple[float, float]) -> tuple[Point, Point]:
        ends = plane.to_lps(np.array(left), np.array(back))
        return as_point(ends[0]), as_point(ends[1])

    def on(column: int, front: float, rear: float) -> tuple[Point, Point]:
        there = float(canal.left_mm[column])
        return line((there, there), (front, rear))

    middle = canal.midline
    right = float(canal.lr_from_mm[i])
    across = (float(canal.lr_back_mm[i]),) * 2
    lines = {
        "canal_ap_mm": on(middle, canal.front_mm[i, middle], canal.rear_mm[i, middle]),
        "canal_lr_mm": line((right, right + float(canal.lr_mm[i])), (across[0], across[1])),
        "residual_ap_mm": on(at, mass.free_from_mm[i, at], mass.free_to_mm[i, at]),
    }
    if mass.greatest_mm[i] > 0:
        lines["ossification_thickness_mm"] = on(at, canal.front_mm[i, at], mass.rear_mm[i, at])
        lines["thickness_canal_ap_mm"] = on(at, canal.front_mm[i, at], canal.rear_mm[i, at])
    return lines


def _outlines(cut: Cut, i: int) -> dict[str, tuple[tuple[Point, ...], ...]]:
    """Return the closed outlines in a plane by name, LPS+ mm."""
    sections, plane = cut.sections, cut.plane(i)
    fields = {"canal": sections.canal[i]}
    inside = sections.canal[i] > 0
    for name, fieldset in (("ossification", sections.ossification), ("other_narrowing", sections.narrowing)):
        if fieldset is not None and (inside & (fieldset[i] > 0)).any():
            fields[name] = fieldset[i]
    back, left = sections.back_mm, sections.left_mm
    return {name: _closed(field, back, left, plane) for name, field in fields.items()}


def outlines_on(field: EdgeField, plane: PlaneMeasurement) -> tuple[tuple[Point, ...], ...]:
    """Return the closed outlines of an edge field in a plane that was measured, LPS+ mm.

    Parameters
    ----------
    field : EdgeField
        Of a canal: parts apart from the one nearest the plane's centre are left out.
    plane : PlaneMeasurement
        Gives the place.

    Returns
    -------
    tuple of tuple of Point
        The largest first; the first point is not repeated.
    """
    way = [np.array([v]) for v in (plane.center_lps_mm, plane.normal_lps, plane.anteroposterior_lps)]
    there, ticks = framed(np.zeros(1), *way), section_ticks(PLANE_PIXEL_MM)
    section = keep_main_part(field.sample(there, ticks, ticks), ticks)[0]
    return _closed(section, ticks, ticks, there.plane_at(0.0))


def _closed(
    field: NDArray[np.float32], back_mm: Floats, left_mm: Floats, plane: Plane
) -> tuple[tuple[Point, ...], ...]:
    return tuple(
        tuple(as_point(point) for point in plane.to_lps(points[:, 0], points[:, 1]))
        for points in outlines(field, back_mm, left_mm)
    )


def as_point(place: Floats) -> Point:
    """Return an array of three as a tuple of floats."""
    return float(place[0]), float(place[1]), float(place[2])
