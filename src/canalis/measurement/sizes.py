"""Greatest sizes of ossification over the planes, and how sure sizes are before they are fitted."""

import numpy as np
from numpy.typing import NDArray

from canalis.measurement.geometry import NeckGeometry
from canalis.measurement.measurements import PlaneMeasurement
from canalis.measurement.uncertainty import INTERVAL, length_interval_mm

Floats = NDArray[np.float64]

OVERLOOKED_MM3 = 30.0  # about 4 × 4 × 2 mm: a low piece that a network overlooks, or takes for ossification
LEAST_THICK_MM = 1.0  # a thinner mass counts nowhere


def greatest_thickness(
    thickness_mm: Floats, planes: tuple[PlaneMeasurement, ...], neck: NeckGeometry
) -> float:
    """Return the greatest thickness on the planes, or where none meets the masses, of their profile.

    As the greatest ratio, it is that of a plane, the worst place among them: the greatest of all places
    along a profile is that of its noise too, and stands on no picture.

    Parameters
    ----------
    thickness_mm : ndarray of shape (n,)
        Of the masses, along the neck's centreline; 0 where they are not.
    planes : tuple of PlaneMeasurement
        As measured, the worst place last.
    neck : NeckGeometry
        The neck laid out.

    Returns
    -------
    float
        mm.
    """
    there = [neck.place_on_frame(plane.center_lps_mm) for plane in planes]
    thickest = neck.mass_edges.greatest_mm  # of all masses: beside a thicker one a mass keeps its own
    held = [
        plane.ossification_thickness_mm if thickness_mm[at] >= thickest[at] else float(thickness_mm[at])
        for plane, at in zip(planes, there, strict=True)
        if plane.ossification_thickness_mm and thickness_mm[at] > 0
    ]
    return max(held, default=float(thickness_mm[neck.sections.whole].max(initial=0.0)))


def greatest_width(thickness_mm: Floats, planes: tuple[PlaneMeasurement, ...], neck: NeckGeometry) -> float:
    """Return the greatest width on the planes, mm, or where none meets the masses, of all places.

    Parameters are those of :func:`greatest_thickness`.
    """
    there = [neck.place_on_frame(plane.center_lps_mm) for plane in planes]
    held = [
        plane.ossification_width_mm
        for plane, at in zip(planes, there, strict=True)
        if plane.ossification_width_mm and thickness_mm[at] > 0
    ]
    return max(held, default=float(neck.mass_edges.width_mm[thickness_mm > 0].max()))


def size_intervals(
    neck: NeckGeometry, volume_mm3: float, edge_mm: float, thickness_mm: float
) -> dict[str, float]:
    """Return half of the intervals of the sizes of a mass, or of all of them, before they are fitted.

    A volume errs by an edge over the mass's footprint, and by what a network overlooks of it or adds.

    Parameters
    ----------
    neck : NeckGeometry
        The neck laid out.
    volume_mm3, thickness_mm : float
        Of the mass or all of them: volume, and greatest thickness.
    edge_mm : float
        Standard error of an edge there.

    Returns
    -------
    dict
        By field.
    """
    gap = max(resolution.gap_mm for resolution in neck.resolution)
    footprint_mm2 = volume_mm3 / max(thickness_mm, LEAST_THICK_MM)
    return {
        "max_thickness_mm": length_interval_mm(edge_mm),
        "length_mm": INTERVAL * float(np.hypot(gap, 2 * edge_mm)),
        "volume_mm3": INTERVAL * footprint_mm2 * edge_mm + (OVERLOOKED_MM3 if neck.edges.soft else 0.0),
    }
