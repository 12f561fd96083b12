"""Alignment: K-line and C2-C7 Cobb angle, on supine CT.

References
----------
.. [1] Fujiyoshi T, et al. A new concept for making decisions regarding the surgical procedure for
   cervical ossification of the posterior longitudinal ligament: the K-line. Spine 2008;33:E990-3.
   Here in 3-D on CT, between the canal's midpoints at mid-body of C2 and C7 (chosen).
"""

import numpy as np
from numpy.typing import NDArray

from canalis.measurement.ossification import MassEdges
from canalis.measurement.planes import unit
from canalis.measurement.sections import Sections

Floats = NDArray[np.float64]

TRIM_ROUNDS, TRIM_MEDIANS, TRIM_MM = 4, 3.0, 0.5  # what stands off the plane by more is no endplate
ENDPLATE_POINTS = 30  # fewer do not say how an endplate leans


def k_line_distances(line_lps: Floats, sections: Sections, edges: MassEdges) -> Floats:
    """Return the signed distance from the back of the mass to the K-line in each section.

    Parameters
    ----------
    line_lps : ndarray of shape (2, 3)
        The K-line's ends at C2 and C7, LPS+ mm.
    sections : Sections
        The measuring planes.
    edges : MassEdges
        Of those sections.

    Returns
    -------
    ndarray of shape (n,)
        mm along the plane's AP direction, from the hindmost point of the mass: on a lateral film, for
        which the K-line was made, a mass beside the midline counts as far as it reaches back.
        Negative where the mass reaches behind the line. NaN where there is no mass, or the plane does
        not cut the line between its ends.
    """
    frame = sections.frame
    start, way = line_lps[0], line_lps[1] - line_lps[0]
    share = np.sum((frame.centers_lps - start) * frame.normals_lps, axis=1) / (frame.normals_lps @ way)
    offset = start + share[:, None] * way - frame.centers_lps
    line_back = np.sum(offset * frame.posteriors_lps, axis=1)
    held = edges.thickness_mm > 0
    rear = np.where(held, edges.rear_mm, -np.inf).max(axis=1)
    between = held.any(axis=1) & (share >= 0) & (share <= 1)
    return np.asarray(np.where(between, line_back - np.where(between, rear, 0.0), np.nan))


def cobb_angle_deg(upper_endplate: Floats, lower_endplate: Floats, left_lps: Floats) -> float | None:
    """Return the angle between two lower endplates in the sagittal plane, lordosis positive.

    Parameters
    ----------
    upper_endplate, lower_endplate : ndarray of shape (m, 3)
        Points on the lower endplates of C2 and C7, LPS+ mm.
    left_lps : ndarray of shape (3,)
        The patient's left: the normal of the sagittal plane.

    Returns
    -------
    float or None
        Degrees; None where an endplate has too few points.
    """
    if min(len(upper_endplate), len(lower_endplate)) < ENDPLATE_POINTS:
        return None
    left = unit(left_lps)
    upper, lower = (_lean(points, left) for points in (upper_endplate, lower_endplate))
    return float(np.degrees(lower - upper))


def canal_turn_deg(upper_normal: Floats, lower_normal: Floats, left_lps: Floats) -> float:
    """Return the angle between two planes across the canal in the sagittal plane, lordosis positive.

    Endplates lie nearly across the canal: at C2's and C7's lower endplates this tells the Cobb angle by
    another road.

    Parameters
    ----------
    upper_normal, lower_normal : ndarray of shape (3,)
        Along the canal to the head, LPS+, at C2's and C7's lower endplates.
    left_lps : ndarray of shape (3,)
        The patient's left: the normal of the sagittal plane.

    Returns
    -------
    float
        Degrees.
    """
    head, back = _upright(unit(left_lps))
    upper, lower = (np.arctan2(-(n @ back), n @ head) for n in (upper_normal, lower_normal))
    return float(np.degrees(lower - upper))


def _upright(left: Floats) -> tuple[Floats, Floats]:
    """Return the directions to the head and to the back in the sagittal plane."""
    head = unit(np.array([0.0, 0.0, 1.0]) - left[2] * left)
    return head, np.cross(head, left)


def _lean(points: Floats, left: Floats) -> float:
    """Return how much lower than its back an endplate's front is, radians."""
    middle = points - points.mean(axis=0)
    head, back = _upright(left)
    back_mm, left_mm, up_mm = middle @ back, middle @ left, middle @ head
    table = np.stack([back_mm, left_mm, np.ones(len(points))], axis=1)
    kept = np.ones(len(points), dtype=bool)
    for _ in range(TRIM_ROUNDS):
        slope = np.linalg.lstsq(table[kept], up_mm[kept], rcond=None)[0]
        rest = np.abs(up_mm - table @ slope)
        kept = rest <= max(TRIM_MM, float(np.median(rest)) * TRIM_MEDIANS)
    return float(np.arctan(slope[0]))
