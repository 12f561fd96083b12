"""The pictures of one scan: midsagittal, the worst axial plane, a small axial one for each level.

Axial pictures are the radiologist's: front up, the patient's left on the right. Structures are
outlined, never filled, so that the bone under a line can be judged.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canalis.labels import ANATOMICAL_CANAL, OSSIFICATION, OTHER_NARROWING
from canalis.measurement.measurements import Measurements, PlaneMeasurement, Point
from canalis.measurement.planes import PlaneImage, plane_of, sample_plane
from canalis.report import drawing
from canalis.report.drawing import Drawing
from canalis.report.reformat import SagittalImage, outlines_on, plane_surface, sample_sagittal
from canalis.report.words import may_be_contrast, with_error
from canalis.volume import Mask, Volume

STRUCTURES: Final = {
    "canal": (ANATOMICAL_CANAL, drawing.CANAL),
    "other_narrowing": ((OTHER_NARROWING,), drawing.NARROWING),
    "ossification": ((OSSIFICATION,), drawing.OSSIFICATION),
}
"""Outlines, back to front: which labels each goes round, and its colour."""

AXIAL_SIZE_MM: Final = (60.0, 54.0)
"""Width and height of the worst plane's pictures: body, arch, facets, the root of the spinous process."""
NAME_IN_FRONT_MM: Final = 23.0  # from the posterior wall to where a level's name ends: a body and 5 mm


def draw_sagittal(volume: Volume, mask: Mask, measurements: Measurements) -> Drawing | None:
    """Return the midsagittal picture with outlines, level names, K-line and the estimated wall.

    Parameters
    ----------
    volume : Volume
        The CT.
    mask : Mask
        Its label map.
    measurements : Measurements
        What was measured on it.

    Returns
    -------
    Drawing or None
        None where there is no centreline to cut along.
    """
    if len(measurements.centerline_lps_mm) < 2:
        return None
    image = sample_sagittal(volume, measurements)
    rows, columns = image.hu.shape
    picture = Drawing(
        columns * image.pixel_mm,
        rows * image.pixel_mm,
        "Midsagittal CT in the bone window, front on the left",
        name="midsagittal",
    )
    picture.image(image.hu, pixel_mm=image.pixel_mm)
    _outline_structures(picture, mask, image.surface_lps, image.pixel_mm)
    _draw_wall(picture, image, measurements.posterior_wall_lps_mm)
    if measurements.alignment.k_line is not None or not may_be_contrast(measurements):
        _draw_k_line(picture, image, measurements.alignment.k_line_lps_mm)
    _mark_worst(picture, image, measurements.planes)
    _name_levels(picture, image, measurements.planes)
    picture.sides("A", "P", size=3.8 * picture.type_mm, y=2.0 + 3.8 * picture.type_mm)
    picture.scale_bar()
    return picture


def _outline_structures(
    picture: Drawing, mask: Mask, surface_lps: NDArray[np.float64], pixel_mm: float, *, width: float = 0.45
) -> None:
    for name, (labels, color) in STRUCTURES.items():
        for outline in outlines_on(mask, labels, surface_lps, pixel_mm=pixel_mm):
            points = (outline[:, ::-1] + 0.5) * pixel_mm
            picture.path(points, color=color, width=width, closed=True, name=name)


def _draw_wall(picture: Drawing, image: SagittalImage, wall: Sequence[Point]) -> None:
    if len(wall) > 1:
        points = image.to_picture(np.array(wall))
        picture.path(points, color=drawing.PAPER, width=0.4, dash="0.1 1.3", cased=False, name="wall")


def _draw_k_line(picture: Drawing, image: SagittalImage, ends: tuple[Point, Point] | None) -> None:
    if ends is None:
        return
    points = image.to_picture(np.array(ends))
    picture.path(points, color=drawing.K_LINE, width=0.5, dash="2.6 1.4", name="k-line")
    for x, y in points:
        picture.dot(x, y, color=drawing.K_LINE)


def _mark_worst(picture: Drawing, image: SagittalImage, planes: Sequence[PlaneMeasurement]) -> None:
    """Show by two short lines outside the canal where the worst plane cuts."""
    for measured in planes:
        if measured.part == "worst":
            plane = plane_of(measured)
            half = (measured.canal_ap_mm or 12.0) / 2
            for near, far in ((-half - 2.5, -half - 8.5), (half + 2.5, half + 8.5)):
                points = image.to_picture(plane.to_lps(np.zeros(2), np.array([near, far])))
                picture.path(points, color=drawing.PAPER, width=0.4, name="worst")


def _name_levels(picture: Drawing, image: SagittalImage, planes: Sequence[PlaneMeasurement]) -> None:
    for measured in planes:
        if measured.part in ("arch", "body") and measured.level is not None:
            front = -(measured.canal_ap_mm or 12.0) / 2 - NAME_IN_FRONT_MM
            x, y = image.to_picture(plane_of(measured).to_lps(np.array(0.0), np.array(front)))
            if 0 < y < picture.height_mm:
                size = 3.2 * picture.type_mm
                base = min(y + size / 3, picture.height_mm - size / 2)
                picture.text(max(x, 3 * size), base, measured.level, size=size, anchor="end", bold=True)


def draw_axial(volume: Volume, mask: Mask, measured: PlaneMeasurement, *, lines: bool) -> Drawing:
    """Return the CT in a measuring plane, with its outlines and rulers or as it is.

    Parameters
    ----------
    volume : Volume
        The CT.
    mask : Mask
        Its label map, for outlines that the measurement does not hold.
    measured : PlaneMeasurement
        The plane.
    lines : bool
        False for the bare picture beside it.

    Returns
    -------
    Drawing
        Of AXIAL_SIZE_MM, the patient's left on the right.
    """
    width, height = AXIAL_SIZE_MM
    image = sample_plane(
        volume, plane_of(measured), half_width_mm=width / 2, anterior_mm=26, posterior_mm=height - 26
    )
    picture = _axial_base(image, f"Axial CT at {measured.level or measured.part}")
    if lines:
        _outline_plane(picture, image, mask, measured, width=0.4)
        _draw_rulers(picture, image, measured)
    picture.sides("R", "L", y=5.5)
    picture.scale_bar()
    return picture


def draw_thumbnail(volume: Volume, mask: Mask, measured: PlaneMeasurement) -> Drawing:
    """Return a small axial picture of one level with its outlines, 40 by 38 mm."""
    plane = plane_of(measured)
    image = sample_plane(volume, plane, half_width_mm=20, anterior_mm=18, posterior_mm=20, pixel_mm=0.4)
    picture = _axial_base(image, f"Axial CT at {measured.level or measured.part}", measured.level or "")
    _outline_plane(picture, image, mask, measured, width=0.6)
    picture.sides("R", "L", size=4.6, y=6.0)
    return picture


def _axial_base(image: PlaneImage, label: str, name: str = "") -> Drawing:
    rows, columns = image.hu.shape
    picture = Drawing(columns * image.pixel_mm, rows * image.pixel_mm, label, name)
    picture.image(image.hu, pixel_mm=image.pixel_mm)
    return picture


def _outline_plane(
    picture: Drawing, image: PlaneImage, mask: Mask, measured: PlaneMeasurement, *, width: float
) -> None:
    """Draw the outlines that were measured, or the label map's where none are kept."""
    if not measured.outlines_lps_mm:
        _outline_structures(picture, mask, plane_surface(image), image.pixel_mm, width=width)
    for name, (_, color) in STRUCTURES.items():
        for outline in measured.outlines_lps_mm.get(name, ()):
            if len(outline) > 2:
                points = _in_picture(image, np.array(outline))
                picture.path(points, color=color, width=width, closed=True, name=name)


def _in_picture(image: PlaneImage, points_lps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (x, y) mm in the picture of LPS+ mm points."""
    return np.asarray((image.to_pixel(points_lps)[..., ::-1] + 0.5) * image.pixel_mm)


RULERS: Final = (
    ("ossification_thickness_mm", "OPLL", drawing.OSSIFICATION, -9.0),
    ("residual_ap_mm", "residual", drawing.PAPER, 9.0),
)
"""Rulers: field, word, colour, and how far above (-) or below the ruler its length is written, mm."""


def _draw_rulers(picture: Drawing, image: PlaneImage, measured: PlaneMeasurement) -> None:
    """Draw thickness and free gap end to end on their one line, each with its length beside it."""
    for field, word, color, lift in RULERS:
        value, ends = getattr(measured, field), measured.lines_lps_mm.get(field)
        if value is None or ends is None or value <= 0:
            continue
        points = _in_picture(image, np.array(ends))
        picture.path(points, color=color, width=0.55, name=field)
        for tick in _ticks(points):
            picture.path(tick, color=color, width=0.45, cased=False)
        length = with_error(value, measured.uncertainty.get(field), "mm")
        _name_ruler(picture, points, word, length, lift=lift, color=color)


def _name_ruler(
    picture: Drawing, ruler: NDArray[np.float64], word: str, length: str, *, lift: float, color: str
) -> None:
    """Write a ruler's length at the picture's edge, off the canal, with a fine line to the ruler."""
    x, y = ruler.mean(axis=0)
    edge, at = picture.width_mm - 1.5, y + lift
    picture.path([(x + 0.8, y), (edge - 8.0, at - np.sign(lift) * 4.2)], color=color, width=0.2, cased=False)
    picture.text(edge, at - 0.4, word, size=2.6, color=color, anchor="end", bold=True)
    picture.text(edge, at + 2.6, length, size=2.6, color=color, anchor="end", bold=True)


def _ticks(points: NDArray[np.float64], half_mm: float = 1.1) -> list[list[tuple[float, float]]]:
    """Return a short line across each end of a ruler."""
    (x0, y0), (x1, y1) = points
    length = float(np.hypot(x1 - x0, y1 - y0)) or 1.0
    across_x, across_y = -(y1 - y0) / length * half_mm, (x1 - x0) / length * half_mm
    return [[(x - across_x, y - across_y), (x + across_x, y + across_y)] for x, y in points]
