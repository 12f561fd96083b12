"""The canal's profile by level: residual AP and thickness of the ossification with their 95 % bands.

It stands over the strip of axial pictures: each level's body lies over its own picture.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canalis.measurement.measurements import Measurements, PlaneMeasurement, ProfileSample
from canalis.report.drawing import PAPER, Drawing
from canalis.report.words import with_error

WIDTH_MM: Final = 178.0  # of an A4 page within its margins
HEIGHT_MM: Final = 40.0
TOP, BOTTOM = 3.5, 34.0
WIDEST_STEP = 4.0  # of the median step: levels of unlike height stretch the scale by less
INK, FAINT, GRID = "#1d2733", "#6b7785", "#dfe4ea"
RESIDUAL, THICKNESS = "#1f6fa8", "#b8690b"


def levels_shown(measurements: Measurements) -> tuple[PlaneMeasurement, ...]:
    """Return the planes that the strip has a picture of: C1's arch and each body, head to foot."""
    return tuple(plane for plane in measurements.planes if plane.part in ("arch", "body"))


def draw_profile(measurements: Measurements) -> Drawing | None:
    """Return the profile, or None where nothing of it was measured.

    Parameters
    ----------
    measurements : Measurements
        With their profile. Where a body or disc was left out, so is the profile at it.

    Returns
    -------
    Drawing or None
        A page wide, the head on the left.
    """
    samples = [sample for sample in measurements.profile if _was_measured(measurements, sample)]
    if len(samples) < 2:
        return None
    along = np.array([sample.along_mm for sample in samples])
    curves = {
        "residual_ap_mm": np.array([sample.residual_ap_mm for sample in samples]),
        "ossification_thickness_mm": np.array([sample.thickness_mm for sample in samples]),
        "canal_ap_mm": np.array([sample.canal_ap_mm for sample in samples]),
    }
    levels_mm = np.array([_along_of(measurements, plane) for plane in levels_shown(measurements)])
    x = _across(along, levels_mm, along)
    top_mm = 5.0 * np.ceil((max(float(curve.max()) for curve in curves.values()) + 1.0) / 5.0)
    graph = Drawing(WIDTH_MM, HEIGHT_MM, "Residual AP and thickness of the ossification along the canal")
    _draw_grid(graph, top_mm)
    _name_levels(graph, measurements, _across(levels_mm, levels_mm, along))
    shown = (x >= 0) & (x <= WIDTH_MM)
    _draw_curve(graph, x[shown], curves["canal_ap_mm"][shown], None, top_mm, color=FAINT, dash="1.2 1")
    for field, color in (("ossification_thickness_mm", THICKNESS), ("residual_ap_mm", RESIDUAL)):
        error = _error_along(measurements, along, field)
        if error is not None and field == "ossification_thickness_mm":
            error = np.where(curves[field] > 0, error, 0.0)  # a plane without a mass tells no interval
        kept = None if error is None else error[shown]
        _draw_curve(graph, x[shown], curves[field][shown], kept, top_mm, color=color)
    _name_heights(graph, top_mm)
    _mark_narrowest(graph, measurements, along, x, top_mm)
    return graph


def _was_measured(measurements: Measurements, sample: ProfileSample) -> bool:
    """Return whether the sample's own body or disc has its canal AP; any has, where it has no plane."""
    own = [plane for plane in measurements.planes if plane.level is not None and plane.level == sample.level]
    return any(plane.canal_ap_mm is not None for plane in own or measurements.planes)


def _height(value_mm: NDArray[np.float64] | float, top_mm: float) -> NDArray[np.float64]:
    return np.asarray(BOTTOM - np.clip(value_mm, 0.0, top_mm) / top_mm * (BOTTOM - TOP))


def _across(
    at_mm: NDArray[np.float64], levels_mm: NDArray[np.float64], along: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where places stand: a body over the middle of its picture, linear between.

    With fewer than two levels the samples, at ``along``, fill the page.
    """
    if len(levels_mm) < 2 or (np.diff(levels_mm) <= 0).any():
        return np.asarray(WIDTH_MM * (at_mm - along[0]) / (along[-1] - along[0]))
    step = WIDTH_MM / len(levels_mm)
    middles = (np.arange(len(levels_mm)) + 0.5) * step
    x = np.interp(at_mm, levels_mm, middles)
    before, after = at_mm < levels_mm[0], at_mm > levels_mm[-1]
    x[before] = middles[0] + (at_mm[before] - levels_mm[0]) * step / (levels_mm[1] - levels_mm[0])
    x[after] = middles[-1] + (at_mm[after] - levels_mm[-1]) * step / (levels_mm[-1] - levels_mm[-2])
    return np.asarray(x)


def _along_of(measurements: Measurements, plane: PlaneMeasurement) -> float:
    """Return how far down the centreline a plane lies: from the nearest sample, which may be levels away."""
    centers = np.array([sample.center_lps_mm for sample in measurements.profile])
    offsets = np.array(plane.center_lps_mm) - centers
    distances = np.linalg.norm(offsets, axis=1)
    nearest = int(distances.argmin())
    down = -float(offsets[nearest] @ np.array(plane.normal_lps))
    return measurements.profile[nearest].along_mm + math.copysign(float(distances[nearest]), down)


def _error_along(
    measurements: Measurements, along: NDArray[np.float64], field: str
) -> NDArray[np.float64] | None:
    """Return half of the 95 % interval at each sample, linear between the planes; None where unknown."""
    known = sorted(
        (_along_of(measurements, plane), plane.uncertainty[field])
        for plane in measurements.planes
        if field in plane.uncertainty
    )
    if not known:
        return None
    at, errors = np.array(known).T
    return np.asarray(np.interp(along, at, errors))


def _draw_grid(graph: Drawing, top_mm: float) -> None:
    for value in np.arange(0.0, top_mm + 0.1, 5.0):
        y = float(_height(value, top_mm))
        graph.path([(0, y), (WIDTH_MM, y)], color=GRID, width=0.2, cased=False)


def _name_levels(graph: Drawing, measurements: Measurements, x: NDArray[np.float64]) -> None:
    """Write each level under its own place on the curves."""
    for plane, middle in zip(levels_shown(measurements), x.tolist(), strict=True):
        if 0 <= middle <= WIDTH_MM:
            graph.path([(middle, BOTTOM), (middle, BOTTOM + 1.2)], color=FAINT, width=0.25, cased=False)
            words = plane.level or "no name"
            graph.text(middle, BOTTOM + 4.6, words, size=3.0, color=INK, anchor="middle", bold=True, halo="")


def _name_heights(graph: Drawing, top_mm: float) -> None:
    """Write the scale, over the curves: the canal may begin at the page's edge."""
    for value in np.arange(0.0, top_mm + 0.1, 5.0):
        y = float(_height(value, top_mm)) - 0.7
        graph.text(0.4, y, f"{value:g}{' mm' if value else ''}", size=2.3, color=FAINT, halo=PAPER)


def _draw_curve(
    graph: Drawing,
    x: NDArray[np.float64],
    values: NDArray[np.float64],
    error: NDArray[np.float64] | None,
    top_mm: float,
    *,
    color: str,
    dash: str = "",
) -> None:
    for run in _runs(x):
        if error is not None:
            upper = list(zip(x[run], _height(values[run] + error[run], top_mm), strict=True))
            lower = list(zip(x[run], _height(values[run] - error[run], top_mm), strict=True))
            graph.area(upper + lower[::-1], color=color, opacity=0.16)
        points = np.stack([x[run], _height(values[run], top_mm)], axis=1)
        graph.path(points, color=color, width=0.3 if dash else 0.55, dash=dash, cased=False)


def _runs(x: NDArray[np.float64]) -> list[slice]:
    """Return the stretches without a hole: samples left out part the curve."""
    steps = np.diff(x)
    breaks = np.flatnonzero(steps > WIDEST_STEP * np.median(steps)) + 1 if len(steps) else np.array([], int)
    edges = [0, *breaks.tolist(), len(x)]
    return [slice(a, b) for a, b in itertools.pairwise(edges) if b - a > 1]


def _mark_narrowest(
    graph: Drawing,
    measurements: Measurements,
    along: NDArray[np.float64],
    x: NDArray[np.float64],
    top_mm: float,
) -> None:
    """Mark the narrowest measured plane on the curve of the residual AP."""
    least = measurements.narrowest
    planes: Sequence[PlaneMeasurement] = [
        plane
        for plane in measurements.planes
        if plane.residual_ap_mm is not None and (plane.level, plane.part) == (least.level, least.part)
    ]
    if least.residual_ap_mm is None or not planes:
        return
    at = float(np.interp(_along_of(measurements, planes[0]), along, x))
    y = float(_height(least.residual_ap_mm, top_mm))
    graph.dot(at, y, color=RESIDUAL, radius=0.9)
    words = f"narrowest {with_error(least.residual_ap_mm, least.uncertainty, 'mm')}"
    anchor = "end" if at > 0.8 * WIDTH_MM else "start"
    graph.path([(at, y - 1.3), (at, TOP + 0.4)], color=RESIDUAL, width=0.2, cased=False)
    beside = at - 1.4 if anchor == "end" else at + 1.4
    graph.text(beside, TOP + 2.2, words, size=2.6, color=RESIDUAL, anchor=anchor, bold=True, halo=PAPER)
