"""What is true of a phantom, from its geometry alone: the fields of ``truth.json``.

Nothing here looks at a voxel, and nothing is shared with the code that measures scans: the two are
two roads to one number.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from canalis.labels import disc_name
from canalis.measurement.measurements import (
    Alignment,
    DoubleLayerSign,
    Mass,
    Measurements,
    Narrowest,
    Ossification,
    OssificationType,
    Part,
    PlaneMeasurement,
    Point,
)
from canalis.phantom.canal import CanalSection, canal_at
from canalis.phantom.growth import Growth
from canalis.phantom.neck import C1, C2, C7, T1, Neck
from canalis.phantom.vertebra import wall_ends
from canalis.segment.segmentation import LevelNaming

Floats = NDArray[np.float64]

ACROSS_MM = 0.05
ALONG_MM = 0.25
INVOLVED_THICKNESS_MM, INVOLVED_HEIGHT_MM, COVER_MM, NEAR_MM = 1.0, 3.0, 3.0, 2.0  # definitions.md
CENTRAL_SHARE = 1 / 3
MIDSAGITTAL_MM = 0.75  # to each side of the midline: what the midsagittal image shows
SURFACE_MM, SURFACE_LEAST_MM = 10.0, 3.0  # of a mass above and below its top, for the compression angle
DOUBLE_LAYER_LEAST_MM = 1.0  # a strip shorter than this along the neck is not called one


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """The canal and its growths across one plane; arrays of shape (columns,) over ``x``, mm."""

    x: Floats
    front: Floats
    back: Floats
    thickness: Floats
    """OPLL's encroachment on each line."""
    bone: Floats
    """Of it, bone."""
    free: Floats
    """Of the residual canal."""
    canal: CanalSection

    def areas(self) -> tuple[float, float]:
        """Return the area of the anatomical canal and of its OPLL, mm²."""
        y = np.arange(-15.0, 15.0, ACROSS_MM)
        inside = self.canal.distance(self.x[None, :], y[:, None]) < 0
        up = y[:, None] - self.front[None, :]
        lucent = np.where(self.bone > 0, self.thickness - self.bone, 0)
        mass = inside & (up >= lucent) & (up < self.thickness)
        return float(inside.sum() * ACROSS_MM**2), float(mass.sum() * ACROSS_MM**2)


def truth_of(neck: Neck, growths: tuple[Growth, ...], *, low_z_mm: float, high_z_mm: float) -> Measurements:
    """Return the true measurements of a phantom.

    Parameters
    ----------
    neck : Neck
        The geometry.
    growths : tuple of Growth
        What grows into its canal.
    low_z_mm, high_z_mm : float
        LPS z of the lowest and highest slice: bodies beyond are left out.

    Returns
    -------
    Measurements
        As a perfect reader would give them; no uncertainty.
    """
    names = [v.name for v in neck.vertebrae[: T1 + 2]]
    slots: list[tuple[str, Part, float]] = []
    for v in neck.vertebrae[: T1 + 2]:
        if not _inside(neck, v.s_mm - v.height / 2, v.s_mm + v.height / 2, low_z_mm, high_z_mm):
            continue
        slots.append((v.name, "arch" if v.index == C1 else "body", v.s_mm))
    for i in range(C2, C7 + 1):
        above, below = neck.vertebrae[i], neck.vertebrae[i + 1]
        if _inside(neck, below.upper_mm, above.lower_mm, low_z_mm, high_z_mm):
            slots.append((disc_name(names[i]), "disc", (wall_ends(above)[0] + wall_ends(below)[1]) / 2))
    slots.sort(key=lambda slot: -slot[2])
    planes = [_plane(neck, growths, level, part, s) for level, part, s in slots]
    along = _along(neck, low_z_mm, high_z_mm)
    planes.append(_worst(neck, growths, along))
    measured = [p for p in planes if p.residual_ap_mm is not None]
    least = min(measured, key=lambda p: p.residual_ap_mm or 0.0)
    return Measurements(
        status="measured",
        levels=LevelNaming(True, "both", "The phantom's own levels."),
        planes=tuple(planes),
        narrowest=Narrowest(least.residual_ap_mm, None, least.level, least.part),
        ossification=_ossification(neck, growths, along, planes),
        alignment=_alignment(neck, growths, along, low_z_mm, high_z_mm),
        centerline_lps_mm=tuple(_point(_middle(neck, float(s))) for s in along[::4]),
    )


def section_at(neck: Neck, growths: tuple[Growth, ...], s: float) -> Section:
    """Return the canal and its growths across the plane at ``s``."""
    half = float(canal_at(neck, np.array([s])).lr[0]) / 2
    x = np.arange(-half + ACROSS_MM / 2, half, ACROSS_MM)
    canal = canal_at(neck, np.full(x.shape, s))
    front, back = np.asarray(canal.front(x), float), np.asarray(canal.back(x), float)
    room = back - front
    here = [g for g in growths if g.reaches(s)]
    thickness, bone = np.zeros_like(x), np.zeros_like(x)
    for g in (g for g in here if g.is_opll):
        height = np.clip(g.height(x, np.full(x.shape, s)), 0, room)
        gap = _gap(neck, g, s)
        height = np.where(height > gap, height, 0)
        strip = np.clip(height - gap - g.layer[0], 0, g.layer[1])
        bone = np.where(height > thickness, height - gap - strip, bone)
        thickness = np.maximum(thickness, height)
    ahead, behind = thickness.copy(), np.zeros_like(x)
    for g in here:
        if g.is_opll:
            continue
        height = np.clip(g.height(x, np.full(x.shape, s)), 0, room)
        if g.wall == "front":
            ahead = np.maximum(ahead, height)
        elif g.wall == "back":
            behind = np.maximum(behind, height)
    free = np.clip(room - ahead - behind, 0, None)
    return Section(x, front, back, thickness, bone, free, canal)


def _gap(neck: Neck, g: Growth, s: float) -> float:
    """Return the lucent line before a mass at ``s``, as it is drawn."""
    if g.gap_mm <= 0:
        return 0.0
    v = min(neck.vertebrae, key=lambda v: abs(v.s_mm - s))
    share = 1 - (2 * (s - v.s_mm) / max(v.height, 1.0)) ** 2
    return float(g.gap_mm * np.clip(share * 1.6, 0, 1))


def _inside(neck: Neck, low_s: float, high_s: float, low_z: float, high_z: float) -> bool:
    low, high = neck.curve.point_at(low_s)[2], neck.curve.point_at(high_s)[2]
    return bool(low >= low_z and high <= high_z)


def _along(neck: Neck, low_z: float, high_z: float) -> Floats:
    """Places along the curve inside the scan, head to foot, from C1 to T2."""
    s = np.arange(neck.vertebrae[T1 + 1].lower_mm, neck.vertebrae[C1].s_mm, ALONG_MM)[::-1]
    z = neck.curve.point_at(s)[:, 2]
    return np.asarray(s[(z >= low_z) & (z <= high_z)])


def _middle(neck: Neck, s: float) -> Floats:
    """Return the middle of the anatomical canal at ``s``, LPS+ mm."""
    return np.asarray(neck.curve.place(np.array([0.0, float(canal_at(neck, np.array([s])).middle_y[0]), s])))


def _point(p: Floats) -> Point:
    return float(p[0]), float(p[1]), float(p[2])


def _plane(
    neck: Neck, growths: tuple[Growth, ...], level: str | None, part: Part, s: float
) -> PlaneMeasurement:
    sec = section_at(neck, growths, s)
    frame = neck.curve.frame_at(s)
    middle = int(np.abs(sec.x).argmin())
    line = int(sec.thickness.argmax()) if sec.thickness.max() > 0.05 else middle
    ap = sec.back - sec.front
    thick = float(sec.thickness[line])
    held = np.flatnonzero(sec.thickness > 0.05)
    area, opll_area = sec.areas()
    torg = None
    if part == "body":
        v = next(v for v in neck.vertebrae if v.name == level)
        torg = float(ap[middle]) / v.depth
    return PlaneMeasurement(
        level=level,
        part=part,
        center_lps_mm=_point(_middle(neck, s)),
        normal_lps=_point(frame[2]),
        anteroposterior_lps=_point(frame[1]),
        canal_ap_mm=float(ap[middle]),
        canal_lr_mm=float(sec.x[-1] - sec.x[0] + ACROSS_MM),
        canal_area_mm2=area,
        ossification_thickness_mm=thick,
        thickness_offset_mm=float(sec.x[line]) if thick else None,
        thickness_canal_ap_mm=float(ap[line]),
        ossification_bone_thickness_mm=float(sec.bone[line]),
        ossification_width_mm=float(sec.x[held[-1]] - sec.x[held[0]]) if len(held) else 0.0,
        ossification_area_mm2=opll_area,
        occupying_ratio_percent=100 * thick / float(ap[line]),
        occupying_ratio_midline_percent=100 * float(sec.thickness[middle] / ap[middle]),
        area_occupying_ratio_percent=100 * opll_area / area,
        residual_ap_mm=float(sec.free[line]),
        torg_pavlov_ratio=torg,
        confidence=1.0,
    )


def _worst(neck: Neck, growths: tuple[Growth, ...], along: Floats) -> PlaneMeasurement:
    ratios, canals = [], []
    for s in along:
        sec = section_at(neck, growths, float(s)) if any(_near(g, float(s)) for g in growths) else None
        line = int(sec.thickness.argmax()) if sec is not None else 0
        ratios.append(float(sec.thickness[line] / (sec.back - sec.front)[line]) if sec is not None else 0.0)
        canals.append(float(canal_at(neck, np.array([s])).middle_ap[0]))
    at = int(np.argmax(ratios)) if max(ratios) > 0 else int(np.argmin(canals))
    s = float(along[at])
    return _plane(neck, growths, _level_at(neck, s), "worst", s)


def _near(g: Growth, s: float) -> bool:
    return g.kind == "opll" and g.low_mm <= s <= g.high_mm


def _level_at(neck: Neck, s: float) -> str | None:
    """Return the name of the body or disc at ``s``."""
    for v in neck.vertebrae[: T1 + 2]:
        if v.index == C1:
            if s > neck.vertebrae[C2].upper_mm + 4:
                return "C1"
        elif s >= wall_ends(v)[0]:
            if s <= wall_ends(v)[1] or v.index == C2:
                return v.name
            return disc_name(neck.vertebrae[v.index - 1].name)
    return None


def _mass_spans(growths: tuple[Growth, ...], along: Floats) -> list[tuple[float, float, Floats]]:
    """Return low end, high end (both at 1 mm) and thickness profile of each connected mass, head first."""
    opll = [g for g in growths if g.kind == "opll"]
    profiles = []
    for g in opll:
        x = g.center_x_mm + np.linspace(-g.width_mm / 2, g.width_mm / 2, 61)
        heights = g.height(x[None, :], along[:, None]).max(axis=1)
        profiles.append(np.clip(heights, 0, None))
    profiles = _joined(profiles)
    spans = []
    for profile in profiles:
        held = along[profile >= INVOLVED_THICKNESS_MM]
        if len(held):
            spans.append((float(held.min()), float(held.max()), profile))
    return sorted(spans, key=lambda span: -span[1])


def _joined(profiles: list[Floats]) -> list[Floats]:
    """Return profiles with those that touch made one."""
    out: list[Floats] = []
    for profile in profiles:
        for i, other in enumerate(out):
            if ((profile > 0) & (other > 0)).any():
                out[i] = np.maximum(profile, other)
                break
        else:
            out.append(profile)
    return out


def _covered(neck: Neck, low: float, high: float) -> list[str]:
    names = []
    for v in neck.vertebrae[C2 : T1 + 2]:
        lower, upper = wall_ends(v)
        shared = min(high, upper) - max(low, lower)
        within = low >= lower and high <= upper
        if shared >= INVOLVED_HEIGHT_MM and (within or shared > COVER_MM):
            names.append(v.name)
    return names


def _type_of(neck: Neck, low: float, high: float) -> OssificationType:
    n = len(_covered(neck, low, high))
    return "continuous" if n >= 2 else "segmental" if n == 1 else "localized"


def _patient_type(kinds: list[OssificationType]) -> OssificationType | None:
    if "continuous" in kinds and "segmental" in kinds:
        return "mixed"
    order: tuple[OssificationType, ...] = ("continuous", "segmental", "localized")
    return next((k for k in order if k in kinds), None)


def _near_type(neck: Neck, ends: list[tuple[float, float]]) -> OssificationType | None:
    own = _patient_type([_type_of(neck, *e) for e in ends])
    for step in (0.5, 1.0, 1.5, NEAR_MM):
        for i, (low, high) in enumerate(ends):
            for moved in ((low - step, high), (low + step, high), (low, high - step), (low, high + step)):
                kinds = [_type_of(neck, *(moved if k == i else e)) for k, e in enumerate(ends)]
                if _patient_type(kinds) != own:
                    return _patient_type(kinds)
    reaches_over = any(_reaches_over_a_disc(neck, *e) for e in ends)
    return "continuous" if own == "segmental" and reaches_over else None


def _reaches_over_a_disc(neck: Neck, low: float, high: float) -> bool:
    """Return whether a segmental mass also lies behind a part of a second body."""
    behind = [wall_ends(v) for v in neck.vertebrae[C2 : T1 + 2]]
    touched = sum(min(high, upper) > max(low, lower) for lower, upper in behind)
    return _type_of(neck, low, high) == "segmental" and touched >= 2


def _ossification(
    neck: Neck, growths: tuple[Growth, ...], along: Floats, planes: list[PlaneMeasurement]
) -> Ossification:
    spans = _mass_spans(growths, along)
    thick = np.max([p for _, _, p in spans], axis=0) if spans else np.zeros_like(along)
    levels, discs, bridged = _involved(neck, thick, along)
    if not levels and not discs:
        return Ossification(present=False, max_thickness_mm=0.0, length_mm=0.0, volume_mm3=0.0)
    ends = [(low, high) for low, high, _ in spans]
    masses = tuple(
        Mass(
            type=_type_of(neck, low, high),
            levels=tuple(n for n in levels if _touches(neck, n, low, high)),
            discs=tuple(n for n in discs if _touches(neck, n, low, high)),
            max_thickness_mm=float(profile.max()),
            length_mm=float((profile > 0).sum() * ALONG_MM),
            volume_mm3=_volume(neck, growths, along[profile > 0]),
        )
        for low, high, profile in spans
    )
    worst = planes[-1]
    top, bottom = max(high for _, high in ends), min(low for low, _ in ends)
    volume = _volume(neck, growths, along)
    half = (worst.canal_lr_mm or 1.0) / 2
    main = max((g for g in growths if g.kind == "opll"), key=lambda g: g.height_mm)
    side = (
        "central"
        if abs(main.center_x_mm) <= CENTRAL_SHARE * half
        else "left"
        if main.center_x_mm > 0
        else "right"
    )
    layered = [p for p in planes if p.ossification_thickness_mm and _layered(neck, growths, p)]
    doubles = tuple(p.level for p in layered if p.level and p.part != "worst")
    index = _op_index(neck, growths, along)
    return Ossification(
        present=True,
        type=_patient_type([m.type for m in masses]),
        near_type=_near_type(neck, ends),
        levels=tuple(levels),
        discs=tuple(discs),
        bridging=tuple(bridged),
        upper_end=_level_at(neck, top),
        lower_end=_level_at(neck, bottom),
        reaches_c2="C2" in levels,
        at_scan_edge=False,
        peak_level=worst.level,
        op_index=index,
        op_grade=1 if index <= 5 else 2 if index <= 9 else 3,
        max_thickness_mm=max(m.max_thickness_mm for m in masses),
        max_occupying_ratio_percent=worst.occupying_ratio_percent,
        width_mm=max(p.ossification_width_mm or 0.0 for p in planes),
        volume_mm3=volume,
        length_mm=max(m.length_mm for m in masses),
        side=side,  # type: ignore[arg-type]
        compression_angle_deg=_compression_angle(neck, growths, worst),
        double_layer_sign=DoubleLayerSign(candidate=bool(layered), planes=doubles),
        masses=masses,
    )


def _compression_angle(neck: Neck, growths: tuple[Growth, ...], worst: PlaneMeasurement) -> float | None:
    """Return the angle, as seen from the side, between the back of the mass above and below its top."""
    top = float(neck.curve.locate(np.array([worst.center_lps_mm]))[0, 2])
    x = worst.thickness_offset_mm
    if x is None:
        return None
    ways = []
    for way in (1.0, -1.0):
        s = top + way * np.arange(0.0, SURFACE_MM + ALONG_MM / 2, ALONG_MM)
        height = np.max([g.height(np.full_like(s, x), s) for g in growths if g.kind == "opll"], axis=0)
        held = int(np.argmin(height > 0)) if (height <= 0).any() else len(s)
        if held * ALONG_MM < SURFACE_LEAST_MM:
            return None
        front = [float(canal_at(neck, np.array([at])).front(np.array([x]))[0]) for at in s[:held]]
        back = np.array(front) + height[:held]
        surface = neck.curve.place(np.stack([np.full(held, x), back, s[:held]], axis=-1))
        across = surface @ np.array(worst.anteroposterior_lps)
        down = surface @ np.array(worst.normal_lps)
        ways.append(np.degrees(np.arctan(np.polyfit(down, across, 1)[0])) * way)
    return min(180.0, float(180.0 + ways[0] + ways[1]))


def _op_index(neck: Neck, growths: tuple[Growth, ...], along: Floats) -> int:
    """Return how many bodies and discs, C2 to C7, are involved on the midsagittal image."""
    x = np.linspace(-MIDSAGITTAL_MM, MIDSAGITTAL_MM, 31)
    heights = [g.height(x[None, :], along[:, None]) for g in growths if g.kind == "opll"]
    midline = np.max([np.clip(one, 0, None) for one in heights], axis=0).mean(axis=1)
    levels, discs, _ = _involved(neck, midline, along)
    return sum(name != "T1" for name in levels) + sum(name != "C7/T1" for name in discs)


def _volume(neck: Neck, growths: tuple[Growth, ...], along: Floats) -> float:
    """Return the volume of the OPLL at places along the neck, mm³, from its area every millimetre."""
    held = [s for s in along[::4] if any(_near(g, float(s)) for g in growths)]
    return sum(section_at(neck, growths, float(s)).areas()[1] for s in held) * 4 * ALONG_MM


def _layered(neck: Neck, growths: tuple[Growth, ...], plane: PlaneMeasurement) -> bool:
    """Return whether a plane's thickest line shows plate, strip and rim."""
    s = float(neck.curve.locate(np.array([plane.center_lps_mm]))[0, 2])
    for g in growths:
        if g.kind == "opll" and g.layer[1] > 0:
            height = float(g.height(np.array([plane.thickness_offset_mm or 0.0]), np.array([s]))[0])
            if height - _gap(neck, g, s) > sum(g.layer) + DOUBLE_LAYER_LEAST_MM:
                return True
    return False


def _touches(neck: Neck, name: str, low: float, high: float) -> bool:
    lower, upper = _zone(neck, name)
    return min(high, upper) > max(low, lower)


def _zone(neck: Neck, name: str) -> tuple[float, float]:
    """Return the lower and upper place of a body or disc along the curve."""
    for v in neck.vertebrae[C2 : T1 + 2]:
        if v.name == name:
            return wall_ends(v)
        if v.index <= T1 and disc_name(v.name) == name:
            return wall_ends(neck.vertebrae[v.index + 1])[1], wall_ends(v)[0]
    raise KeyError(name)


def _involved(neck: Neck, thick: Floats, along: Floats) -> tuple[list[str], list[str], list[str]]:
    """Return bodies and discs where a profile of thickness involves them, and discs that it bridges."""
    levels, discs, bridged = [], [], []
    for v in neck.vertebrae[C2 : T1 + 2]:
        lower, upper = wall_ends(v)
        here = (along >= lower) & (along <= upper) & (thick >= INVOLVED_THICKNESS_MM)
        if here.sum() * ALONG_MM >= INVOLVED_HEIGHT_MM:
            levels.append(v.name)
        if v.index > C7:
            continue
        low, high = _zone(neck, disc_name(v.name))
        inside = (along >= low) & (along <= high)
        held = (inside & (thick >= INVOLVED_THICKNESS_MM)).sum() * ALONG_MM
        if held >= min(INVOLVED_HEIGHT_MM, (high - low) - ALONG_MM) and held > 0:
            discs.append(disc_name(v.name))
        if inside.any() and (thick[inside] >= INVOLVED_THICKNESS_MM).all():
            bridged.append(disc_name(v.name))
    return levels, discs, bridged


def _alignment(
    neck: Neck, growths: tuple[Growth, ...], along: Floats, low_z: float, high_z: float
) -> Alignment:
    c2, c7 = neck.vertebrae[C2], neck.vertebrae[C7]
    if not (_inside(neck, c7.lower_mm, c2.upper_mm, low_z, high_z)):
        return Alignment(reasons={"k_line": "C2 or C7 is not in the scan."})
    ends = np.array([_middle(neck, v.s_mm) for v in (c2, c7)])
    axes = neck.curve.frame_at(np.array([c2.lower_mm, c7.lower_mm]))[:, 2]
    tilt = np.degrees(np.arctan2(-axes[:, 1], axes[:, 2]))
    distance = _k_distance(neck, growths, along, ends)
    kind: Literal["positive", "negative"] | None = None
    if distance is not None:
        kind = "positive" if distance > 0 else "negative"
    return Alignment(
        k_line=kind,
        k_line_distance_mm=distance,
        c2_c7_cobb_deg=float(tilt[1] - tilt[0]),
        k_line_lps_mm=(_point(ends[0]), _point(ends[1])),
    )


def _k_distance(neck: Neck, growths: tuple[Growth, ...], along: Floats, ends: Floats) -> float | None:
    """Return the least AP distance from the mass's back to the K-line; below 0 where it reaches beyond."""
    least = None
    for s in along:
        if not any(_near(g, float(s)) for g in growths):
            continue
        place, frame = neck.curve.point_at(float(s)), neck.curve.frame_at(float(s))
        toward = (ends[1] - ends[0]) @ frame[2]
        share = ((place - ends[0]) @ frame[2]) / toward
        if not 0 <= share <= 1:
            continue
        line_y = float((ends[0] + share * (ends[1] - ends[0]) - place) @ frame[1])
        sec = section_at(neck, growths, float(s))
        if sec.thickness.max() <= 0.05:
            continue
        rear = float((sec.front + sec.thickness)[sec.thickness > 0.05].max())
        least = line_y - rear if least is None else min(least, line_y - rear)
    return least
