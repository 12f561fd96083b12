"""Bodies, discs and C1's arch along the centreline, from the vertebra labels laid straight."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.labels import FIRST_VERTEBRA, LEVELS, VERTEBRA_WITHOUT_LEVEL, disc_name
from canalis.measurement.frame import MovingFrame
from canalis.measurement.measurements import Part
from canalis.measurement.sections import Extent
from canalis.volume import Mask

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

GRID_MM = 0.75  # of the straightened labels in each plane; endplates are means over 300 such columns
FRONT_MM, REAR_MM, SIDE_MM = 42.0, 45.0, 30.0  # holds the bodies, the arches and their lateral parts
BEYOND_MM = 12.0  # drawn past the centreline's ends, where a body may go on
BODY_FROM_MM, BODY_TO_MM = 2.0, 14.0
"""The part of a body that is looked at, before its posterior wall: behind the front lip, before the
basivertebral foramen's mouth; bodies are 13 to 21 mm deep."""
BODY_SIDE_MM = 6.0  # to each side of the midline: between the uncinate processes, 19 mm apart or more
WALL_SIDE_MM = 3.0  # to each side of the midline, where the wall before the canal is followed
BODY_SHARE = 0.5  # of the looked-at part that a label fills inside its body
LEAST_BODY_MM = 5.0  # lower is a corner of a body cut off by the scan, or a spill of the label
LEAST_DISC_MM = 0.5  # a lower disc is no gap: the two bodies are fused
WHOLE_ENDPLATE = 0.5  # share of a body's columns that must end inside the scan
FULL_DEPTH_PERCENTILE = 75  # of the axis's depths below its tip: its body's, its front lip left out
LEAST_STEP_MM = 2.0  # from dens to body; with less, the axis has no step to be seen ...
STEP_SHARE = 0.33  # of the step from dens to body at which the body begins: its front slopes
USUAL_AXIS_MM = 20.0  # ... and its body is taken as high as usual (13 to 22 mm below the dens)
DENS_TOP_MM = 8.0  # the dens's own depth is taken within as much of its tip ...
DENS_SKIP_MM = 3.0  # ... but not on the rounded tip itself


@dataclass(frozen=True, slots=True, eq=False)
class StraightLabels:
    """The label map laid straight along the centreline.

    Attributes
    ----------
    frame : MovingFrame
        One plane a slice, head to foot, drawn on beyond the canal's ends.
    back_mm, left_mm : ndarray
        Positions of rows and columns in each plane.
    labels : ndarray of shape (n, rows, columns)
        uint8, nearest voxel, 0 outside the scan.
    in_scan : ndarray of shape (n, rows, columns)
        Whether the scan reaches there.
    """

    frame: MovingFrame
    back_mm: Floats
    left_mm: Floats
    labels: NDArray[np.uint8]
    in_scan: Bools


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
    lower_endplate_lps : ndarray of shape (m, 3)
        Points on the lower endplate, rims left out; empty for C1.
    """

    label: int
    name: str | None
    part: Part
    upper_mm: float
    middle_mm: float
    lower_mm: float
    whole: bool
    lower_endplate_lps: Floats


@dataclass(frozen=True, slots=True)
class Zone:
    """A stretch of the centreline at one body, disc or arch."""

    name: str | None
    part: Part
    upper_mm: float
    middle_mm: float
    lower_mm: float
    whole: bool


def straighten(mask: Mask, frame: MovingFrame, extent: Extent) -> StraightLabels:
    """Return the label map laid straight along a centreline."""
    step = frame.along_mm[1] - frame.along_mm[0]
    beyond = np.arange(1, round(BEYOND_MM / step) + 1) * step
    along = np.concatenate([frame.along_mm[0] - beyond[::-1], frame.along_mm, frame.along_mm[-1] + beyond])
    longer = frame.at(along)
    back, left = np.arange(-FRONT_MM, REAR_MM, GRID_MM), np.arange(-SIDE_MM, SIDE_MM + 0.1, GRID_MM)
    index = longer.grid_index(mask.affine, back, left)
    labels = ndimage.map_coordinates(mask.labels, index, order=0, mode="constant", cval=0)
    return StraightLabels(longer, back, left, labels, extent.in_scan(longer, back, left))


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
    found = []
    for label in np.unique(straight.labels[window]):
        if label == VERTEBRA_WITHOUT_LEVEL:
            found += _unnamed_bodies(straight, window, front_mm)
        elif label > FIRST_VERTEBRA:
            body = _body_of(straight, (straight.labels == label) & window, window, int(label), front_mm)
            found += [body] if body else []
    arch = _arch_of_c1(straight)
    found += [arch] if arch else []
    return tuple(sorted(found, key=lambda vertebra: vertebra.middle_mm))


def _body_window(straight: StraightLabels, front_mm: Floats) -> Bools:
    """Return where bodies are looked for: before the wall, near the midline."""
    before = straight.back_mm[None, :] - front_mm[:, None]
    rows = (before > -BODY_TO_MM) & (before < -BODY_FROM_MM)
    return np.asarray(rows[:, :, None] & (np.abs(straight.left_mm) <= BODY_SIDE_MM)[None, None, :])


def _body_of(
    straight: StraightLabels, held: Bools, window: Bools, label: int, front_mm: Floats
) -> Vertebra | None:
    share = held.sum(axis=(1, 2)) / np.maximum(window.sum(axis=(1, 2)), 1)
    runs = _runs(share >= BODY_SHARE)
    if not runs:
        return None
    first, last = max(runs, key=lambda run: run[1] - run[0])
    along = straight.frame.along_mm
    if along[last] - along[first] < LEAST_BODY_MM:
        return None
    tops, bottoms, columns = _column_ends(held, (first + last) // 2)
    upper, lower = float(np.median(along[tops])), float(np.median(along[bottoms]))
    half = (along[1] - along[0]) / 2
    upper, lower = upper - half, lower + half
    whole = _ends_inside(straight, tops - 2, columns) and _ends_inside(straight, bottoms + 2, columns)
    name = LEVELS[label - FIRST_VERTEBRA] if label >= FIRST_VERTEBRA else None
    if name == "C2":
        base = _dens_base(straight, label, front_mm, upper, lower)
        whole = whole or (base > upper + LEAST_BODY_MM and _ends_inside(straight, bottoms + 2, columns))
        upper = base
    endplate = _endplate(straight, bottoms, columns)
    return Vertebra(label, name, "body", upper, (upper + lower) / 2, lower, whole, endplate)


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


def _endplate(straight: StraightLabels, bottoms: NDArray[np.int_], columns: Bools) -> Floats:
    """Return LPS points of the lower endplate under each column, the outliers of lips left out."""
    rows, lefts = np.nonzero(columns)
    usual = np.abs(bottoms - np.median(bottoms)) < 3 * max(1.0, float(np.std(bottoms)))
    frame = straight.frame
    half = (frame.along_mm[1] - frame.along_mm[0]) / 2
    at = bottoms[usual]
    back, left = straight.back_mm[rows[usual], None], straight.left_mm[lefts[usual], None]
    points = frame.centers_lps[at] + back * frame.posteriors_lps[at] + left * frame.lefts_lps[at]
    return np.asarray(points - half * frame.normals_lps[at])


def _dens_base(
    straight: StraightLabels, label: int, front_mm: Floats, upper_mm: float, lower_mm: float
) -> float:
    """Return where the axis steps forward from its dens to its body, along the centreline.

    The superior facets flank the dens's base, so that width does not tell; its depth does: about 11 mm
    for the dens, 16 mm for the body.
    """
    along = straight.frame.along_mm
    near = np.abs(straight.left_mm) <= WALL_SIDE_MM
    held = (straight.labels[:, :, near] == label).mean(axis=2) >= BODY_SHARE
    held &= straight.back_mm[None, :] < front_mm[:, None]
    deep = np.where(held.any(axis=1), front_mm - straight.back_mm[np.argmax(held, axis=1)], 0.0)
    dens = (along > upper_mm + DENS_SKIP_MM) & (along < upper_mm + DENS_TOP_MM)
    body = (along > upper_mm + DENS_TOP_MM) & (along < lower_mm)
    if not (dens.any() and body.any()) or lower_mm - upper_mm < DENS_TOP_MM + LEAST_BODY_MM:
        return upper_mm
    shallow, full = float(np.median(deep[dens])), float(np.percentile(deep[body], FULL_DEPTH_PERCENTILE))
    if full - shallow < LEAST_STEP_MM:
        return lower_mm - USUAL_AXIS_MM if lower_mm - upper_mm > USUAL_AXIS_MM else upper_mm
    stepped = deep > shallow + STEP_SHARE * (full - shallow)
    stepped &= (along > upper_mm + DENS_SKIP_MM) & (along < lower_mm)
    return float(along[np.argmax(stepped)])


def _unnamed_bodies(straight: StraightLabels, window: Bools, front_mm: Floats) -> list[Vertebra]:
    """Return the bodies among vertebrae without level, told apart by the discs between."""
    held = (straight.labels == VERTEBRA_WITHOUT_LEVEL) & window
    share = held.sum(axis=(1, 2)) / np.maximum(window.sum(axis=(1, 2)), 1)
    bodies = []
    for first, last in _runs(share >= BODY_SHARE):
        own = np.zeros_like(held)
        reach = slice(max(0, first - 6), last + 7)
        own[reach] = held[reach]
        body = _body_of(straight, own, window, VERTEBRA_WITHOUT_LEVEL, front_mm)
        bodies += [body] if body else []
    return bodies


def _arch_of_c1(straight: StraightLabels) -> Vertebra | None:
    """Return C1 by the middle of its ring; an arch that lacks, in front or behind, does not move it."""
    held = straight.labels == FIRST_VERTEBRA
    weights = held.sum(axis=(1, 2))
    if weights.sum() * GRID_MM**2 * STATION_MM < LEAST_RING_MM3:
        return None
    along = straight.frame.along_mm
    middle = float(np.average(along, weights=weights))
    behind = held[:, straight.back_mm > 0][:, :, np.abs(straight.left_mm) <= BODY_SIDE_MM].any(axis=(1, 2))
    half = float(np.ptp(along[behind])) / 2 if behind.any() else USUAL_ARCH_MM / 2
    near = np.abs(along - middle) <= CUT_LOOK_MM
    inside = not bool((held[near] & ~straight.in_scan[near]).any()) and bool(
        straight.in_scan[near].mean() > 0.9
    )
    return Vertebra(
        FIRST_VERTEBRA, "C1", "arch", middle - half, middle, middle + half, inside, np.empty((0, 3))
    )


STATION_MM = 0.5  # between straightened slices
LEAST_RING_MM3 = 500.0  # of C1 in the scan, about a tenth of it, for its middle to mean anything
USUAL_ARCH_MM = 9.0  # height of the posterior arch where it lacks: 8.7 mm
CUT_LOOK_MM = 1.5  # beyond the ring's middle that must be in the scan


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
