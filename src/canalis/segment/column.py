"""The bodies along the canal: where discs divide them, and which carries the dens or the first rib."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.labels import LEVELS
from canalis.segment.classes import LEVEL_CLASSES, Coarse
from canalis.segment.divide import C2, Segment, divide
from canalis.segment.grids import Grid
from canalis.segment.locate import Located
from canalis.segment.tube import Tube

Floats = NDArray[np.float64]

DEPTHS_MM: Final = np.arange(9.0, 22.0, 1.5)
"""In front of the centreline: bodies and discs, canal and spurs left out."""

WIDTHS_MM: Final = np.arange(-6.0, 6.1, 2.0)
SLOPES: Final = np.tan(np.radians(np.arange(-36.0, 37.0, 4.0)))
"""Of planes tried across the canal, down per mm to the front: discs and bodies differ most in their own."""

SLOPE_WINDOW_MM: Final = 12.0  # over which one slope is looked for: about a disc to each side
SLOPE_CHANGE_MM: Final = 8.0  # over which the slope changes
USUAL_SLOPE: Final = 0.09  # 5 degrees, in front lower than behind, against the canal's own plane
USUAL_WEIGHT: Final = 0.03  # of it: the variance of the share of disc where discs are clear is about 0.1
STEEPNESS_COST: Final = 0.1  # of that variance, for the square of the slope's difference from the usual

LEAST_DISC: Final = 0.25  # share of the column's section that is disc, at a disc
LEAST_BODY: Final = 0.25
GAP_REACH_MM: Final = 7  # to each side of a gap in which a body must lie
LEAST_BESIDE: Final = 0.6  # share of the section that it must fill there
GAP_FOR_DISC: Final = 2.0  # of the disc seen: the gap between dens and body has none
LEAST_HEIGHT_MM: Final = 7.0
LEAST_VOTES: Final = 5.0  # voxels of 2.5 mm that the coarse pass calls body, a millimetre: a third of a body
LEAST_DENS_VOXELS: Final = 20  # of 2.5 mm; a whole dens has near 100
LEAST_ON_C2: Final = 10  # where they belong to a body as tall as C2
DENS_END_PERCENTILE: Final = 95  # of its voxels down the tube: a stray one below does not count
DENS_ABOVE_MM: Final = 12.0
"""Above the tube's upper end, where the tube begins at C2; above C3's it lies 25 or more."""

LEAST_C2_MM: Final = 26.0  # with the dens 34 to 44; a C3 to T1 with spurs is at most 21
AXIS_BODY_MM: Final = 20.0  # from the dens's base to the lower endplate of a man of middle size
LEAST_READ_C2: Final = 0.6  # of the reading of a body that the tube's upper end cuts off
TALL_AXIS: Final = 1.6
"""Of the other bodies' height: C2 with its dens is 1.8 to 2.7, what is left of it by a cut less."""

DENS_SHARE: Final = 0.75  # of the section of C2's body that the dens has at most, partial volume included
SECTION_MM: Final = (np.arange(3.0, 33.0, 2.0), np.arange(-16.0, 16.1, 2.0))
"""To the front and to the left of the centreline: more than any body."""

LEAST_RIB_VOXELS: Final = 12
LEAST_RIB_BEYOND: Final = 40  # farther out, where no transverse process reaches: 6 mm of a rib's length
RIB_ABOVE_MM: Final = 4.0  # the head of the first rib lies at the upper half of T1
RIB_HEAD_MM: Final = 42.0  # from the centreline to where a rib meets its vertebra
MOST_APART_MM: Final = 14.0  # of the heads from their vertebra, and of one side's from the other's
CLEARLY_MM: Final = 10.0  # nearer to one vertebra than to another: half of the about 20 mm between them


@dataclass(frozen=True, slots=True, eq=False)
class Vertebra:
    """One body along the canal.

    Attributes
    ----------
    top_mm, bottom_mm : float
        Where its own planes meet the tube, from the tube's upper end; of C2 the dens is part.
    votes : ndarray of shape (10,)
        Share of its voxels that the network gives to C1, C2, ... T2, and T3 or below.
    cut : bool
        True when it reaches the end of the tube or the scan.
    level : int
        As the network reads it, before anything is counted: 0 for C1 to 9 for T3 and below.
    """

    top_mm: float
    bottom_mm: float
    votes: Floats
    cut: bool = False
    level: int = 0

    @property
    def middle_mm(self) -> float:
        """Halfway down."""
        return (self.top_mm + self.bottom_mm) / 2


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The bodies along the canal and what their names can be counted from.

    Attributes
    ----------
    vertebrae : tuple of Vertebra
        Head to foot.
    dens : int or None
        Which one carries the dens.
    rib : int or None
        Which one carries the first rib.
    discs : tuple of bool
        Whether a disc was seen below each but the last.
    slope : ndarray of shape (n,)
        How far the bodies' own planes fall for each mm to the front, millimetre by millimetre.
    votes : ndarray of shape (n, 10)
        What the coarse pass reads of levels in the bodies there.
    below_dens_mm : float or None
        From the lower end of what the coarse pass calls the dens to that of the vertebra that carries it.
    """

    vertebrae: tuple[Vertebra, ...]
    dens: int | None
    rib: int | None
    discs: tuple[bool, ...] = ()
    slope: Floats = field(default_factory=lambda: np.zeros(1))
    votes: Floats = field(default_factory=lambda: np.zeros((1, LEVEL_CLASSES)))
    below_dens_mm: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """A map in which bodies and discs can be told apart.

    Attributes
    ----------
    values : ndarray of ``grid.shape``
        uint8 classes.
    grid : Grid
        Along the body's axes.
    body, disc : tuple of int
        Which classes are vertebral body, and which are disc.
    """

    values: NDArray[np.uint8]
    grid: Grid
    body: tuple[int, ...]
    disc: tuple[int, ...]


def divide_column(classes: Classes, found: Located, tube: Tube) -> Column:
    """Divide what lies in front of the canal into bodies, at its discs.

    Parameters
    ----------
    classes : Classes
        The fine pass, or the coarse one: discs under 2.5 mm are seen on the fine one only.
    found : Located
        The coarse pass, for the dens, the first rib and the network's own reading of levels.
    tube : Tube
        The canal.

    Returns
    -------
    Column
        May hold no vertebra.
    """
    body, disc, slope = _profile(classes, tube)
    votes = _votes(found, tube, slope)
    span = _span(body + disc, votes)
    dens_mm = _dens_places(found, tube, slope)
    segments = divide(votes, with_gaps(disc, body), span, dens_seen=dens_mm.size >= LEAST_DENS_VOXELS)
    vertebrae = tuple(v for segment in segments if (v := _vertebra(segment, body, votes, span)))
    seen = tuple(_has_disc(a.bottom_mm, b.top_mm, disc) for a, b in pairwise(vertebrae))
    dens = find_dens(vertebrae, classes, tube, dens_mm)
    rib = _rib_of(vertebrae, dens, found, tube, slope)
    below = None if dens is None else _below_dens_mm(vertebrae[dens], dens_mm)
    return Column(vertebrae, dens, rib, seen, slope, votes, below)


def _span(bony: Floats, votes: Floats) -> tuple[int, int]:
    """Return the first millimetre with bone or disc in front of the canal, and the one after the last."""
    there = np.flatnonzero((bony >= LEAST_BODY) | (votes.sum(axis=1) >= LEAST_VOTES))
    return (int(there[0]), int(there[-1]) + 1) if there.size else (0, 0)


def with_gaps(disc: Floats, body: Floats) -> Floats:
    """Return how much speaks for a disc: what is called disc, and how far body falls where some disc is seen.

    Of a low disc the fine pass calls most neither disc nor body.

    Parameters
    ----------
    disc, body : ndarray of shape (n,)
        Shares of the column's section, millimetre by millimetre.

    Returns
    -------
    ndarray of shape (n,)
        0 to 1; at most twice the share of disc.
    """
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(body, GAP_REACH_MM), GAP_REACH_MM + 1)
    beside = np.minimum(windows[: len(body)].max(axis=1), windows[GAP_REACH_MM:].max(axis=1))
    fall = np.where(beside >= LEAST_BESIDE, 1 - body / np.maximum(beside, LEAST_BESIDE), 0.0)
    return np.maximum(disc, np.minimum(fall, GAP_FOR_DISC * disc))


def _vertebra(segment: Segment, body: Floats, votes: Floats, span: tuple[int, int]) -> Vertebra | None:
    """Return the body of a segment without the discs at its ends; None where there is hardly any."""
    low, high = segment.start, segment.stop
    solid = np.flatnonzero((body[low:high] >= LEAST_BODY) | (votes[low:high].sum(axis=1) >= LEAST_VOTES))
    if solid.size < LEAST_HEIGHT_MM:
        return None
    disc_free = np.flatnonzero(body[low:high] >= LEAST_BODY)
    used = disc_free if disc_free.size >= LEAST_HEIGHT_MM else solid
    top, bottom = low + int(used[0]), low + int(used[-1]) + 1
    if segment.level == C2:
        top = low + int(solid[0])  # the dens is thin, and the fine pass may call it arch
    cut = (low == span[0] and top <= 2) or (high == span[1] and bottom >= len(body) - 2)
    read = votes[low:high].sum(axis=0)
    return Vertebra(float(top), float(bottom), read / max(float(read.sum()), 1e-9), cut, segment.level)


def _has_disc(above_mm: float, below_mm: float, disc: Floats) -> bool:
    low, high = int(min(above_mm, below_mm)) - 3, int(max(above_mm, below_mm)) + 4
    return bool(disc[max(low, 0) : high].max(initial=0.0) >= LEAST_DISC)


def _profile(classes: Classes, tube: Tube) -> tuple[Floats, Floats, Floats]:
    """Return, millimetre by millimetre, the shares of body and of disc in front of the canal, and the slope.

    The shares are those in planes of the slope in which discs stand out most from bodies.
    """
    depth, width = (a.ravel()[:, None] for a in np.meshgrid(DEPTHS_MM, WIDTHS_MM, indexing="ij"))
    bodies, discs = [], []
    for slope in SLOPES:
        across = depth[..., None] * (tube.front + slope * tube.down) + width[..., None] * tube.left
        places = (tube.points_lps + across).reshape(-1, 3)
        seen = values_at(classes.values, classes.grid, places).reshape(across.shape[:2])
        bodies.append(ndimage.gaussian_filter1d(np.isin(seen, classes.body).mean(axis=0), 1.0))
        discs.append(ndimage.gaussian_filter1d(np.isin(seen, classes.disc).mean(axis=0), 1.0))
    body, disc = np.array(bodies), np.array(discs)
    slope = _best_slope(disc)
    share = np.interp(slope, SLOPES, np.arange(len(SLOPES)))
    at = np.array([share, np.arange(disc.shape[1])])
    body, disc = (ndimage.map_coordinates(a, at, order=1, mode="nearest") for a in (body, disc))
    return body, disc, slope


def _best_slope(disc: Floats) -> Floats:
    """Return the slope whose planes tell discs from bodies best, smooth along the canal.

    Where discs are hardly seen it is that of most necks.
    """
    around = ndimage.gaussian_filter1d(disc, SLOPE_WINDOW_MM, axis=1)
    contrast = ndimage.gaussian_filter1d(disc**2, SLOPE_WINDOW_MM, axis=1) - around**2
    contrast -= STEEPNESS_COST * (SLOPES[:, None] - USUAL_SLOPE) ** 2
    weight = np.maximum(contrast.max(axis=0), 0.0)
    chosen = weight * SLOPES[contrast.argmax(axis=0)] + USUAL_WEIGHT * USUAL_SLOPE
    smooth = [ndimage.gaussian_filter1d(a, SLOPE_CHANGE_MM) for a in (chosen, weight + USUAL_WEIGHT)]
    return np.asarray(smooth[0] / smooth[1])


def own_place(along_mm: Floats, front_mm: Floats, slope: Floats) -> Floats:
    """Return where the plane of a body or disc through a place meets the tube; behind the tube, no slope."""
    return along_mm - np.maximum(front_mm, 0.0) * np.interp(along_mm, np.arange(len(slope)), slope)


def values_at(values: NDArray[np.uint8], grid: Grid, points_lps: Floats) -> NDArray[np.uint8]:
    """Return the nearest voxel's value at LPS+ mm points of shape (n, 3), 0 beyond the grid."""
    index = grid.nearest(points_lps)
    inside = ((index >= 0) & (index < np.array(grid.shape))).all(axis=1)
    out = np.zeros(len(points_lps), dtype=np.uint8)
    k, row, column = index[inside].T
    out[inside] = values[k, row, column]
    return out


def _places_of(found: Located, *structures: Coarse) -> tuple[NDArray[np.intp], Floats]:
    index = np.argwhere(np.isin(found.structure, structures))
    return index, index @ found.grid.affine[:3, :3].T + found.grid.affine[:3, 3]


def _votes(found: Located, tube: Tube, slope: Floats) -> Floats:
    """Return what the coarse pass reads of levels in front of the canal, millimetre by millimetre."""
    index, places = _places_of(found, Coarse.BODY, Coarse.DENS, Coarse.DISC)
    votes = np.zeros((len(tube.points_lps), LEVEL_CLASSES))
    if not len(index):
        return votes
    along, front, left = tube.along(places)
    at = np.rint(own_place(along, front, slope)).astype(int)
    near = (front > 4) & (front < 32) & (np.abs(left) < 18) & (at >= 0) & (at < len(votes))
    level = np.maximum(found.level[tuple(index.T)], 1)  # C1 has no body: what is read so is the dens
    np.add.at(votes, (at[near], level[near]), found.certainty[tuple(index.T)][near])
    return np.asarray(ndimage.gaussian_filter1d(votes, 1.2, axis=0))


def find_dens(vertebrae: tuple[Vertebra, ...], classes: Classes, tube: Tube, dens_mm: Floats) -> int | None:
    """Return which vertebra carries the dens: by its shape, by the coarse pass, and not if these differ."""
    seen = {_dens_by_shape(vertebrae, classes, tube), _dens_by_name(vertebrae, dens_mm)} - {None}
    return seen.pop() if len(seen) == 1 else None


def _dens_by_shape(vertebrae: tuple[Vertebra, ...], classes: Classes, tube: Tube) -> int | None:
    """Return the body of dens and C2, of the two uppermost: a bit of skull may come before.

    It is tall and tapers to the head; or it is read as C2 and far taller than the others, where what lies
    about the dens was taken for it.
    """
    areas = _sections(classes, tube)
    for i, vertebra in enumerate(vertebrae[:2]):
        top, height = int(vertebra.top_mm), vertebra.bottom_mm - vertebra.top_mm
        read = bool(vertebra.votes[C2] >= LEAST_READ_C2)
        if height < LEAST_C2_MM or (vertebra.cut and not read):
            continue
        third = int(height / 3)
        upper = float(areas[top : top + third].mean())
        lower = float(areas[int(vertebra.bottom_mm) - third : int(vertebra.bottom_mm)].mean())
        others = [v.bottom_mm - v.top_mm for v in vertebrae[i + 1 :] if not v.cut]
        tall = len(others) > 1 and height >= TALL_AXIS * float(np.median(others))
        if upper < DENS_SHARE * lower or (read and tall):
            return i
    return None


def _sections(classes: Classes, tube: Tube) -> Floats:
    """Return the area of body in front of the canal, mm2, millimetre by millimetre."""
    depth, width = (a.ravel()[:, None, None] for a in np.meshgrid(*SECTION_MM, indexing="ij"))
    places = tube.points_lps + depth * tube.front + width * tube.left
    seen = values_at(classes.values, classes.grid, places.reshape(-1, 3)).reshape(places.shape[:2])
    return np.asarray(4.0 * np.isin(seen, classes.body).sum(axis=0))


def _dens_places(found: Located, tube: Tube, slope: Floats) -> Floats:
    """Return where along the tube each voxel lies that the coarse pass calls the dens, mm."""
    _, places = _places_of(found, Coarse.DENS)
    if not len(places):
        return np.zeros(0)
    along, front, left = tube.along(places)
    return own_place(along, front, slope)[(front > 2) & (front < 35) & (np.abs(left) < 14)]


def _dens_by_name(vertebrae: tuple[Vertebra, ...], dens_mm: Floats) -> int | None:
    """Return which vertebra carries what the coarse pass calls the dens."""
    if dens_mm.size < LEAST_ON_C2:
        return None
    low = float(np.percentile(dens_mm, 70))  # well down the dens, above the body
    for i, vertebra in enumerate(vertebrae):
        above = DENS_ABOVE_MM if i == 0 and vertebra.cut else 4
        if vertebra.top_mm - above <= low <= vertebra.bottom_mm + 2:
            tall = vertebra.bottom_mm - vertebra.top_mm >= LEAST_C2_MM
            return i if dens_mm.size >= LEAST_DENS_VOXELS or tall else None
    return None


def _below_dens_mm(axis: Vertebra, dens_mm: Floats) -> float | None:
    """Return how far the axis reaches below what the coarse pass calls the dens, None with little of that."""
    if dens_mm.size < LEAST_ON_C2:
        return None
    return axis.bottom_mm - float(np.percentile(dens_mm, DENS_END_PERCENTILE))


def _rib_of(
    vertebrae: tuple[Vertebra, ...], dens: int | None, found: Located, tube: Tube, slope: Floats
) -> int | None:
    """Return which vertebra carries the first rib: the nearest to its heads.

    None where it is not the one counted from the dens and lies hardly nearer: that is no disagreement.
    Beside a dens only a rib that is followed outward counts: heads alone may be transverse processes.
    """
    _, places = _places_of(found, Coarse.FIRST_RIB)
    if not len(places) or not vertebrae:
        return None
    along, front, left = tube.along(places)
    along = own_place(along, front, slope)
    heads = []
    for side in (-1, 1):
        away = np.hypot(front - 10, left)  # from the middle of the body's back
        here = (left * side > 6) & (away < RIB_HEAD_MM)
        followed = ((left * side > 6) & (away >= RIB_HEAD_MM)).sum() >= LEAST_RIB_BEYOND
        if here.sum() >= LEAST_RIB_VOXELS and (followed or dens is None):
            head = away[here] <= np.percentile(away[here], 25)
            heads.append(float(np.median(along[here][head])))
    if not heads:
        return None
    apart = np.abs(np.array([v.middle_mm for v in vertebrae])[:, None] - RIB_ABOVE_MM - heads)
    if np.unique(apart.argmin(axis=0)).size > 1 and np.ptp(heads) > MOST_APART_MM:
        return None
    distance = np.abs(np.array([v.middle_mm for v in vertebrae]) - RIB_ABOVE_MM - np.mean(heads))
    nearest = int(distance.argmin())
    if distance[nearest] > MOST_APART_MM:
        return None
    counted = nearest if dens is None else dens + LEVELS.index("T1") - C2
    if counted != nearest and counted < len(vertebrae) and distance[counted] - distance[nearest] < CLEARLY_MM:
        return None
    return nearest
