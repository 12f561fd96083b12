"""The bodies along the canal: where discs divide them, and which carries the dens or the first rib."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from canalis.segment.classes import LEVEL_CLASSES, Coarse
from canalis.segment.grids import Grid
from canalis.segment.locate import Located
from canalis.segment.tube import Tube

Floats = NDArray[np.float64]

DEPTHS_MM: Final = np.arange(9.0, 22.0, 1.5)
"""In front of the centreline: bodies and discs, canal and spurs left out."""

WIDTHS_MM: Final = np.arange(-6.0, 6.1, 2.0)
SLOPES: Final = np.tan(np.radians(np.arange(-24.0, 25.0, 8.0)))
"""Of planes tried across the canal, down per mm to the front: a disc is seen best in its own plane."""

LEAST_DISC: Final = 0.25  # share of the column's section that is disc, at a disc
LEAST_BODY: Final = 0.25
LEAST_HEIGHT_MM: Final = 7.0
LEAST_SPACING_MM: Final = 9.0
LEAST_DENS_VOXELS: Final = 20  # of 2.5 mm; a whole dens has near 100
LEAST_C2_MM: Final = 26.0  # with the dens 34 to 44; a C3 to T1 with spurs is at most 21
DENS_SHARE: Final = 0.75  # of the section of C2's body that the dens has at most, partial volume included
SECTION_MM: Final = (np.arange(3.0, 33.0, 2.0), np.arange(-16.0, 16.1, 2.0))
"""To the front and to the left of the centreline: more than any body."""

LEAST_RIB_VOXELS: Final = 12
RIB_HEAD_MM: Final = 42.0  # from the centreline to where a rib meets its vertebra


@dataclass(frozen=True, slots=True, eq=False)
class Vertebra:
    """One body along the canal.

    Attributes
    ----------
    top_mm, bottom_mm : float
        Along the tube, from its upper end; of C2 the dens is part.
    votes : ndarray of shape (10,)
        Share of its voxels that the network gives to C1, C2, ... T2, and T3 or below.
    cut : bool
        True when it reaches the end of the tube or the scan.
    """

    top_mm: float
    bottom_mm: float
    votes: Floats
    cut: bool = False

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
    """

    vertebrae: tuple[Vertebra, ...]
    dens: int | None
    rib: int | None


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
    body, disc = _profile(classes, tube)
    edges = [0, *_cuts(disc), len(body)]
    vertebrae = []
    for low, high in pairwise(edges):
        solid = np.flatnonzero(body[low:high] >= LEAST_BODY)
        if solid.size < LEAST_HEIGHT_MM:
            continue
        top, bottom = low + int(solid[0]), low + int(solid[-1]) + 1
        cut = (low == 0 and top <= 2) or (high == len(body) and bottom >= len(body) - 2)
        vertebrae.append(Vertebra(float(top), float(bottom), np.zeros(LEVEL_CLASSES), cut))
    voted = _with_votes(tuple(vertebrae), found, tube)
    return Column(voted, find_dens(voted, classes, found, tube), _rib_of(voted, found, tube))


def _cuts(disc: Floats) -> list[int]:
    """Return where the discs are; one that an end of the scan cuts through is one too."""
    ended = np.concatenate([[0.0], disc, [0.0]])
    peaks, _ = signal.find_peaks(
        ended, height=LEAST_DISC, distance=LEAST_SPACING_MM, prominence=LEAST_DISC / 2
    )
    return [int(p) - 1 for p in peaks]


def _profile(classes: Classes, tube: Tube) -> tuple[Floats, Floats]:
    """Return, millimetre by millimetre, the shares of body and of disc in front of the canal.

    The share of disc is that of the plane with most of it, of planes of several slopes.
    """
    depth, width = (a.ravel()[:, None] for a in np.meshgrid(DEPTHS_MM, WIDTHS_MM, indexing="ij"))
    bodies, discs = [], []
    for slope in SLOPES:
        across = depth[..., None] * (tube.front + slope * tube.down) + width[..., None] * tube.left
        places = (tube.points_lps + across).reshape(-1, 3)
        seen = values_at(classes.values, classes.grid, places).reshape(across.shape[:2])
        bodies.append(ndimage.gaussian_filter1d(np.isin(seen, classes.body).mean(axis=0), 1.0))
        discs.append(ndimage.gaussian_filter1d(np.isin(seen, classes.disc).mean(axis=0), 1.0))
    return np.mean(bodies, axis=0), np.max(discs, axis=0)


def values_at(values: NDArray[np.uint8], grid: Grid, points_lps: Floats) -> NDArray[np.uint8]:
    """Return the nearest voxel's value at LPS+ mm points of shape (n, 3), 0 beyond the grid."""
    inverse = np.linalg.inv(grid.affine)
    index = np.rint(points_lps @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
    inside = ((index >= 0) & (index < np.array(grid.shape))).all(axis=1)
    out = np.zeros(len(points_lps), dtype=np.uint8)
    k, row, column = index[inside].T
    out[inside] = values[k, row, column]
    return out


def _places_of(found: Located, *structures: Coarse) -> tuple[NDArray[np.intp], Floats]:
    index = np.argwhere(np.isin(found.structure, structures))
    return index, index @ found.grid.affine[:3, :3].T + found.grid.affine[:3, 3]


def _with_votes(vertebrae: tuple[Vertebra, ...], found: Located, tube: Tube) -> tuple[Vertebra, ...]:
    index, places = _places_of(found, Coarse.BODY, Coarse.DENS)
    if not len(index):
        return vertebrae
    along, front, left = tube.along(places)
    near = (front > 4) & (front < 32) & (np.abs(left) < 18)
    level = found.level[tuple(index.T)]
    weight = found.certainty[tuple(index.T)]
    voted = []
    for vertebra in vertebrae:
        here = near & (along >= vertebra.top_mm) & (along <= vertebra.bottom_mm)
        votes = np.bincount(level[here], weights=weight[here], minlength=LEVEL_CLASSES)[:LEVEL_CLASSES]
        voted.append(replace(vertebra, votes=votes / max(float(votes.sum()), 1e-9)))
    return tuple(voted)


def find_dens(vertebrae: tuple[Vertebra, ...], classes: Classes, found: Located, tube: Tube) -> int | None:
    """Return which vertebra carries the dens: by its shape, by the coarse pass, and not if these differ."""
    seen = {_dens_by_shape(vertebrae, classes, tube), _dens_by_name(vertebrae, found, tube)} - {None}
    return seen.pop() if len(seen) == 1 else None


def _dens_by_shape(vertebrae: tuple[Vertebra, ...], classes: Classes, tube: Tube) -> int | None:
    """Return the tall body that tapers to the head, of the two uppermost: a bit of skull may come before."""
    areas = _sections(classes, tube)
    for i, vertebra in enumerate(vertebrae[:2]):
        top, height = int(vertebra.top_mm), vertebra.bottom_mm - vertebra.top_mm
        if vertebra.cut or height < LEAST_C2_MM:
            continue
        third = int(height / 3)
        upper = float(areas[top : top + third].mean())
        lower = float(areas[int(vertebra.bottom_mm) - third : int(vertebra.bottom_mm)].mean())
        if upper < DENS_SHARE * lower:
            return i
    return None


def _sections(classes: Classes, tube: Tube) -> Floats:
    """Return the area of body in front of the canal, mm2, millimetre by millimetre."""
    depth, width = (a.ravel()[:, None, None] for a in np.meshgrid(*SECTION_MM, indexing="ij"))
    places = tube.points_lps + depth * tube.front + width * tube.left
    seen = values_at(classes.values, classes.grid, places.reshape(-1, 3)).reshape(places.shape[:2])
    return np.asarray(4.0 * np.isin(seen, classes.body).sum(axis=0))


def _dens_by_name(vertebrae: tuple[Vertebra, ...], found: Located, tube: Tube) -> int | None:
    """Return which vertebra carries what the coarse pass calls the dens."""
    _, places = _places_of(found, Coarse.DENS)
    if not len(places):
        return None
    along, front, left = tube.along(places)
    here = along[(front > 2) & (front < 35) & (np.abs(left) < 14)]
    if here.size < LEAST_DENS_VOXELS:
        return None
    low = float(np.percentile(here, 70))  # well down the dens, above the body
    for i, vertebra in enumerate(vertebrae):
        if vertebra.top_mm - 4 <= low <= vertebra.bottom_mm + 2:
            return i
    return None


def _rib_of(vertebrae: tuple[Vertebra, ...], found: Located, tube: Tube) -> int | None:
    """Return which vertebra carries the first rib, if both sides that are seen say the same."""
    _, places = _places_of(found, Coarse.FIRST_RIB)
    if not len(places) or not vertebrae:
        return None
    along, front, left = tube.along(places)
    said = set()
    for side in (-1, 1):
        away = np.hypot(front - 10, left)  # from the middle of the body's back
        here = (left * side > 6) & (away < RIB_HEAD_MM)
        if here.sum() < LEAST_RIB_VOXELS:
            continue
        head = away[here] <= np.percentile(away[here], 25)
        middle = float(np.median(along[here][head]))
        nearest = int(np.argmin([abs(v.middle_mm - middle) for v in vertebrae]))
        if abs(vertebrae[nearest].middle_mm - middle) < 14:
            said.add(nearest)
    return said.pop() if len(said) == 1 else None
