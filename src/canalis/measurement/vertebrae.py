"""Bodies, discs and C1's arch along the centreline, from the vertebra labels laid straight."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from canalis.labels import FIRST_VERTEBRA, LEVELS, VERTEBRA_WITHOUT_LEVEL, disc_name
from canalis.measurement.axis import find_dens_base, find_ring
from canalis.measurement.measurements import Part
from canalis.measurement.straight import GRID_MM, StraightLabels

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BODY_FROM_MM, BODY_TO_MM = 2.0, 14.0
"""The part of a body that is looked at, before its posterior wall: behind the front lip, before the
basivertebral foramen's mouth; bodies are 13 to 21 mm deep."""
BODY_SIDE_MM = 6.0  # to each side of the midline: between the uncinate processes, 19 mm apart or more
BODY_SHARE = 0.5  # of the looked-at part that a label fills inside its body
LEAST_BODY_MM = 5.0  # lower is a corner of a body cut off by the scan, or a spill of the label
LEAST_DISC_MM = 0.5  # a lower disc is no gap: the two bodies are fused
WHOLE_ENDPLATE = 0.5  # share of a body's columns that must end inside the scan


@dataclass(frozen=True, slots=True, eq=False)
class Vertebra:
    """One vertebra along the centreline.

    Attributes
    ----------
    label : int
        In the label map; 3 where it has no level.
    name : str or None
        Its level.
    part : "body" or "arch"
        C1 has an arch only.
    upper_mm, middle_mm, lower_mm : float
        Its endplates and its middle, along the centreline from its upper end. Of C2 the upper is the
        dens's base; of C1 the edges of the arch.
    whole : bool
        False where the scan cuts its body off.
    """

    label: int
    name: str | None
    part: Part
    upper_mm: float
    middle_mm: float
    lower_mm: float
    whole: bool

    @property
    def height_mm(self) -> float:
        """From endplate to endplate."""
        return self.lower_mm - self.upper_mm


@dataclass(frozen=True, slots=True)
class Zone:
    """A stretch of the centreline at one body, disc or arch."""

    name: str | None
    part: Part
    upper_mm: float
    middle_mm: float
    lower_mm: float
    whole: bool


def find_vertebrae(straight: StraightLabels, front_mm: Floats) -> tuple[Vertebra, ...]:
    """Return the vertebrae whose body, or whose arch for C1, lies along the centreline, head to foot.

    Parameters
    ----------
    straight : StraightLabels
        The label map laid straight.
    front_mm : ndarray of shape (n,)
        The posterior vertebral wall on the midline, mm behind the centreline, at each of its slices.

    Returns
    -------
    tuple of Vertebra
        Without bodies of which less than 5 mm is in the scan.
    """
    window = _body_window(straight, front_mm)
    found: list[Vertebra] = []
    for label in np.unique(straight.labels[window])[
        ::-1
    ]:  # from the foot: the axis is told by the bodies below
        if label == VERTEBRA_WITHOUT_LEVEL:
            found += _unnamed_bodies(straight, window)
        elif label > FIRST_VERTEBRA:
            body = _body_of(straight, (straight.labels == label) & window, window, int(label))
            if body and body.name == "C2":
                body = _without_dens(body, straight, front_mm, [other.height_mm for other in found])
            found += [body] if body else []
    ring = find_ring(straight)
    if ring is not None:
        span, whole = ring
        found.append(Vertebra(FIRST_VERTEBRA, "C1", "arch", *span, whole))
    return tuple(sorted(found, key=lambda vertebra: vertebra.middle_mm))


def _body_window(straight: StraightLabels, front_mm: Floats) -> Bools:
    """Return where bodies are looked for: before the wall, near the midline."""
    before = straight.back_mm[None, :] - front_mm[:, None]
    rows = (before > -BODY_TO_MM) & (before < -BODY_FROM_MM)
    return np.asarray(rows[:, :, None] & (np.abs(straight.left_mm) <= BODY_SIDE_MM)[None, None, :])


def _body_of(straight: StraightLabels, held: Bools, window: Bools, label: int) -> Vertebra | None:
    share = held.sum(axis=(1, 2)) / np.maximum(window.sum(axis=(1, 2)), 1)
    runs = _runs(share >= BODY_SHARE)
    if not runs:
        return None
    along = straight.frame.along_mm
    long = [run for run in runs if along[run[1]] - along[run[0]] >= LEAST_BODY_MM]
    if not long:
        return None
    # The axis may be parted at the waist of its dens; of any other label the longest run is the body.
    parted = label == FIRST_VERTEBRA + LEVELS.index("C2")
    first, last = (long[0], long[-1]) if parted else (max(long, key=lambda run: run[1] - run[0]),) * 2
    tops, _, columns = _column_ends(held, sum(first) // 2)
    _, bottoms, lower_columns = _column_ends(held, sum(last) // 2)
    upper, lower = float(np.median(along[tops])), float(np.median(along[bottoms]))
    half = (along[1] - along[0]) / 2
    upper, lower = upper - half, lower + half
    whole = _ends_inside(straight, tops - 2, columns) and _ends_inside(straight, bottoms + 2, lower_columns)
    name = LEVELS[label - FIRST_VERTEBRA] if label >= FIRST_VERTEBRA else None
    return Vertebra(label, name, "body", upper, (upper + lower) / 2, lower, whole)


def _without_dens(
    axis: Vertebra, straight: StraightLabels, front_mm: Floats, heights: list[float]
) -> Vertebra:
    """Return the axis's body: from the dens's base down. A dens cut off by the scan leaves it whole."""
    base = find_dens_base(
        straight, front_mm, upper_mm=axis.upper_mm, lower_mm=axis.lower_mm, heights_mm=heights
    )
    ends_below = _in_scan_at(straight, axis.lower_mm + CUT_LOOK_MM)
    whole = axis.whole or (base > axis.upper_mm + CUT_LOOK_MM and ends_below)
    return replace(axis, upper_mm=base, middle_mm=(base + axis.lower_mm) / 2, whole=whole)


def _in_scan_at(straight: StraightLabels, along_mm: float) -> bool:
    """Return whether the scan holds where bodies lie at a place of the centreline."""
    at = int(np.argmin(np.abs(straight.frame.along_mm - along_mm)))
    rows = (straight.back_mm > -BODY_SIDE_MM - BODY_TO_MM) & (straight.back_mm < 0)
    return bool(straight.in_scan[at][rows][:, np.abs(straight.left_mm) <= BODY_SIDE_MM].all())


CUT_LOOK_MM = 1.5  # beyond a bone that must be in the scan


def _runs(held: Bools) -> list[tuple[int, int]]:
    """Return first and last index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], held, [False]]).astype(np.int8)))
    return [(int(first), int(end) - 1) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def _column_ends(held: Bools, middle: int) -> tuple[NDArray[np.int_], NDArray[np.int_], Bools]:
    """Return the first and last slice of the body in each column that holds its middle slice."""
    columns = held[middle]
    inside = held[:, columns]
    above = ~inside[: middle + 1][::-1]
    below = ~inside[middle:]
    tops = middle - np.where(above.any(axis=0), np.argmax(above, axis=0) - 1, middle)
    bottoms = middle + np.where(below.any(axis=0), np.argmax(below, axis=0) - 1, len(held) - 1 - middle)
    return tops, bottoms, columns


def _ends_inside(straight: StraightLabels, ends: NDArray[np.int_], columns: Bools) -> bool:
    """Return whether most columns of a body end inside the scan."""
    at = np.clip(ends, 0, len(straight.labels) - 1)
    rows, lefts = np.nonzero(columns)
    return bool(straight.in_scan[at, rows, lefts].mean() > WHOLE_ENDPLATE)


def _unnamed_bodies(straight: StraightLabels, window: Bools) -> list[Vertebra]:
    """Return the bodies among vertebrae without level, told apart by the discs between."""
    held = (straight.labels == VERTEBRA_WITHOUT_LEVEL) & window
    share = held.sum(axis=(1, 2)) / np.maximum(window.sum(axis=(1, 2)), 1)
    bodies = []
    for first, last in _runs(share >= BODY_SHARE):
        own = np.zeros_like(held)
        reach = slice(max(0, first - 6), last + 7)
        own[reach] = held[reach]
        body = _body_of(straight, own, window, VERTEBRA_WITHOUT_LEVEL)
        bodies += [body] if body else []
    return bodies


def lay_zones(vertebrae: tuple[Vertebra, ...]) -> tuple[Zone, ...]:
    """Return the bodies, the discs between neighbours, and C1's arch, head to foot.

    Parameters
    ----------
    vertebrae : tuple of Vertebra
        Head to foot.

    Returns
    -------
    tuple of Zone
        A disc's middle lies midway between the endplates around it. Of C1/2 the lower end is the
        dens's base.
    """
    zones = []
    for vertebra in vertebrae:
        zones.append(
            Zone(
                vertebra.name,
                vertebra.part,
                vertebra.upper_mm,
                vertebra.middle_mm,
                vertebra.lower_mm,
                vertebra.whole,
            )
        )
    discs = []
    for upper, lower in pairwise(vertebrae):
        neighbours = upper.name is None or lower.label == upper.label + 1
        if neighbours and lower.upper_mm - upper.lower_mm > LEAST_DISC_MM:
            name = None if upper.name is None else disc_name(upper.name)
            middle = (upper.lower_mm + lower.upper_mm) / 2
            discs.append(Zone(name, "disc", upper.lower_mm, middle, lower.upper_mm, whole=True))
    return tuple(sorted(zones + discs, key=lambda zone: zone.middle_mm))


DEPTH_SIDE_MM = 2.0  # a body's depth is a mean over lines this near to the midline ...
DEPTH_HEIGHT_MM = 1.0  # ... and over as much height about its middle


def body_depth_mm(straight: StraightLabels, vertebra: Vertebra, front_mm: Floats) -> float | None:
    """Return a body's AP depth at mid-height on the midline, from the posterior wall to its front.

    Parameters
    ----------
    straight : StraightLabels
        The labels laid straight.
    vertebra : Vertebra
        A body.
    front_mm : ndarray of shape (n,)
        The posterior vertebral wall on the midline, mm behind the centreline.

    Returns
    -------
    float or None
        None for C1's arch, or where its label does not reach to the wall.
    """
    if vertebra.part != "body":
        return None
    at = np.abs(straight.frame.along_mm - vertebra.middle_mm) <= DEPTH_HEIGHT_MM
    near = np.abs(straight.left_mm) <= DEPTH_SIDE_MM
    held = straight.labels[np.ix_(at, straight.back_mm < 0, near)] == vertebra.label
    ahead = straight.back_mm[straight.back_mm < 0][None, :, None] < front_mm[at][:, None, None]
    held = held & ahead
    if not held.any(axis=1).all():
        return None
    fronts = straight.back_mm[np.argmax(held, axis=1)] - GRID_MM / 2
    return float(np.mean(front_mm[at][:, None] - fronts))
