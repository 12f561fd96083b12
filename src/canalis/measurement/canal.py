"""The anatomical canal on each section: AP, LR and area, by the edges of its outline."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage import measure

from canalis.measurement.edges import EDGE_BLUR_MM
from canalis.measurement.sections import Sections, first_crossing, last_crossing

Floats = NDArray[np.float64]
Field = NDArray[np.float32]

SLOPE_REACH_MM = 0.4  # to either side of an edge, where its slope is taken
LEAST_BLUR_MM, MOST_BLUR_MM = 0.2, 3.0


@dataclass(frozen=True, slots=True, eq=False)
class CanalEdges:
    """The canal's edges on every AP line of n sections.

    Attributes
    ----------
    left_mm : ndarray of shape (columns,)
        Where the AP lines run, to the patient's left of the midline.
    front_mm, rear_mm : ndarray of shape (n, columns)
        The posterior vertebral wall and the back wall, mm behind the centreline; NaN beside the canal.
    lr_mm, lr_back_mm : ndarray of shape (n,)
        The greatest LR width and the place of its line behind the centreline.
    lr_from_mm : ndarray of shape (n,)
        Where that line meets the canal's right edge, to the left of the midline.
    """

    left_mm: Floats
    front_mm: Floats
    rear_mm: Floats
    lr_mm: Floats
    lr_back_mm: Floats
    lr_from_mm: Floats

    @property
    def midline(self) -> int:
        """Index of the AP line on the midline."""
        return int(np.argmin(np.abs(self.left_mm)))

    @property
    def ap_mm(self) -> Floats:
        """Canal AP on every line, shape (n, columns); NaN beside the canal."""
        return self.rear_mm - self.front_mm

    @property
    def area_mm2(self) -> Floats:
        """Canal area of each section, shape (n,): the AP lines added up."""
        return np.asarray(np.nansum(self.ap_mm, axis=1) * (self.left_mm[1] - self.left_mm[0]))


def find_canal_edges(sections: Sections) -> CanalEdges:
    """Return the canal's edges on every AP line, and its greatest width, of each section.

    Parameters
    ----------
    sections : Sections
        The grid's columns are the AP lines, its rows the LR lines.

    Returns
    -------
    CanalEdges
        Between grid samples by linear interpolation of the edge field.
    """
    front = first_crossing(sections.canal, sections.back_mm, axis=1)
    rear = last_crossing(sections.canal, sections.back_mm, axis=1)
    right = first_crossing(sections.canal, sections.left_mm, axis=2)
    left = last_crossing(sections.canal, sections.left_mm, axis=2)
    width = np.nan_to_num(left - right, nan=0.0)
    widest = np.argmax(width, axis=1)
    rows = np.arange(len(width))
    return CanalEdges(
        left_mm=sections.left_mm,
        front_mm=front,
        rear_mm=rear,
        lr_mm=width[rows, widest],
        lr_back_mm=sections.back_mm[widest],
        lr_from_mm=right[rows, widest],
    )


def edge_blur_mm(sections: Sections, canal: CanalEdges) -> Floats:
    """Return how blurred the canal's edge is at both ends of the midline, mean of the two, shape (n,).

    An edge field rises by 1 mm a mm where the edge is as sharp as that of a label map; a network that
    is unsure where the edge lies rises more slowly.

    Parameters
    ----------
    sections : Sections
        The planes.
    canal : CanalEdges
        Of the same planes.

    Returns
    -------
    ndarray of shape (n,)
        Standard deviation, mm, between 0.2 and 3; 3 where there is no edge.
    """
    back, middle = sections.back_mm, canal.midline
    blur = np.full(len(canal.front_mm), MOST_BLUR_MM)
    for i, (front, rear) in enumerate(zip(canal.front_mm[:, middle], canal.rear_mm[:, middle], strict=True)):
        if not (np.isfinite(front) and np.isfinite(rear)):
            continue
        line = sections.canal[i, :, middle]
        blur[i] = np.mean([blur_at(line, back, at) for at in (front, rear)])
    return blur


def blur_at(line: Field, ticks: Floats, at_mm: float) -> float:
    """Return how blurred an edge is where a line crosses it.

    Parameters
    ----------
    line : ndarray of shape (n,)
        An edge field along the line.
    ticks : ndarray of shape (n,)
        Places of its samples, mm, rising.
    at_mm : float
        Where the edge lies on it.

    Returns
    -------
    float
        Standard deviation, mm, between 0.2 and 3.
    """
    before, behind = np.interp([at_mm - SLOPE_REACH_MM, at_mm + SLOPE_REACH_MM], ticks, line)
    slope = max(abs(float(behind - before)), 1e-6) / (2 * SLOPE_REACH_MM)
    return float(np.clip(EDGE_BLUR_MM / slope, LEAST_BLUR_MM, MOST_BLUR_MM))


def outlines(field: Field, back_mm: Floats, left_mm: Floats) -> tuple[Floats, ...]:
    """Return the closed outlines of an edge field on one section.

    Parameters
    ----------
    field : ndarray of shape (rows, columns)
        Positive inside.
    back_mm, left_mm : ndarray
        Evenly spaced positions of the rows and columns.

    Returns
    -------
    tuple of ndarray of shape (n, 2)
        (left, posterior) mm, first point not repeated; the largest first.
    """
    framed = np.pad(field, 1, constant_values=-1.0)
    pixel = float(back_mm[1] - back_mm[0])
    found = []
    for contour in measure.find_contours(framed, 0.0):
        back = back_mm[0] + (contour[:-1, 0] - 1) * pixel
        left = left_mm[0] + (contour[:-1, 1] - 1) * pixel
        found.append(np.stack([left, back], axis=1))
    return tuple(sorted(found, key=lambda points: -abs(enclosed_area(points))))


def enclosed_area(points: Floats) -> float:
    """Return the signed area, mm², inside a closed outline of shape (n, 2): the shoelace formula.

    Examples
    --------
    >>> enclosed_area(np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 3.0], [0.0, 3.0]]))
    12.0
    """
    x, y = points[:, 0], points[:, 1]
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)
