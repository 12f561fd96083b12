"""The canal's walls where no bone shows them: by definition between those of the bones above and below.

Beside a disc the rims of real bodies are broad and dense, and the network may take a normal rim for
something that has grown into the canal: it then draws the wall behind it a millimetre or two too deep.
Between two bodies the front wall therefore reaches no farther forward than the line between their own walls.
Between two laminae there is only ligament and fat, and the network may end the canal in the sac: what is
canal a few millimetres above and below is canal there too.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.segment.assemble import BESIDE
from canalis.segment.classes import Fine
from canalis.segment.column import AXIS_BODY_MM, Column, own_place
from canalis.segment.fcn import CANAL_CLASSES, FineMap
from canalis.segment.tube import Tube

Floats = NDArray[np.float64]

BEFORE_LINE_MM: Final = 0.3
"""That the wall at a disc may lie before the line between its bodies, whose walls are read to half a pixel.
At 200 discs of 30 validation phantoms the true wall lies 0.4 mm behind the line on the median and 0.1 mm
before it at the 95th percentile, the network's 0.2 mm. Without it AP at discs comes out 0.15 mm smaller."""

MID_BODY_SHARE: Final = 0.2  # of a body's height to each side of its middle, where its wall is read
LEAST_HALF_MM: Final = 2.0
CUT_RIM_MM: Final = 5.0  # of a body that the scan cuts: from its whole end on it is read, rims left out
LEAST_READ_MM: Final = 3.0
SIDE_MM: Final = 14  # to each side of the centreline: half of a wide canal
ACROSS_MM: Final = 5  # over which a body's wall is smoothed from side to side
BACK_SIDE_MM: Final = 8.0  # to each side of the centreline: farther out facets stand behind the canal
BEHIND_MM: Final = 4.0  # the canal's own back wall that the line between laminae may lie
LAMINA_WITHIN_MM: Final = 1.5  # of the canal's back wall: its cortex is that wall
LEAST_LAMINA_MM: Final = 3  # along the canal; a lamina is 8 mm and more
LONGEST_OPEN_MM: Final = 16  # chosen: from lamina to lamina 5 to 15 mm; where one was taken away 22 and more
SOFT_MM: Final = 0.5  # to each side of the wall, over which the probability of canal falls


def level_back_wall(
    seen: FineMap, canal: NDArray[np.bool_], tube: Tube, column: Column
) -> tuple[FineMap, NDArray[np.bool_]]:
    """Return the fine pass and its canal, its back wall on the line between laminae where no bone shows it.

    Parameters
    ----------
    seen : FineMap
        The fine pass.
    canal : ndarray of ``seen.grid.shape``
        The anatomical canal.
    tube : Tube
        Its centreline.
    column : Column
        The bodies along it.

    Returns
    -------
    seen : FineMap
        What lay behind the line is outside, what lay before it residual canal; bone stays.
    canal : ndarray of ``seen.grid.shape``
        As far.
    """
    reach = 2 * round(BEHIND_MM / seen.grid.spacing_mm[1]) + 1
    wide = ndimage.maximum_filter(canal, size=(1, reach, 1), mode="constant")
    near = _laid_out(wide, seen, tube, column)
    near = near.where((near.front < 0) & (np.abs(near.left) < BACK_SIDE_MM))
    index = tuple(near.index.T)
    inside, soft = canal[index], np.isin(seen.classes[index], (Fine.OUTSIDE, *CANAL_CLASSES))
    line, open_behind = _between_laminae(near, inside, seen.classes[index] == Fine.ARCH, len(tube.points_lps))
    if not open_behind.any():
        return seen, canal
    line += seen.grid.spacing_mm[1] / 2  # the edge of the last voxel, not its middle
    at = np.stack([near.along, near.left + SIDE_MM])
    beyond = -near.front - ndimage.map_coordinates(line, at, order=1, mode="nearest")
    held = ndimage.map_coordinates(open_behind, np.rint(at), order=0, mode="constant") & soft
    filled, cut = held & (beyond <= 0) & ~inside, held & (beyond > 0) & inside
    canal, classes = canal.copy(), seen.classes.copy()
    ossification, probability = seen.ossification.copy(), seen.canal.copy()
    for what, is_canal, label in ((filled, True, Fine.RESIDUAL_CANAL), (cut, False, Fine.OUTSIDE)):
        these = tuple(axis[what] for axis in index)
        canal[these], classes[these] = is_canal, label
    ossification[tuple(axis[cut] for axis in index)] = 0
    moved = held & (filled | (beyond > -SOFT_MM))
    these = tuple(axis[moved] for axis in index)
    probability[these] = np.rint(255 * np.clip(0.5 - beyond[moved] / (2 * SOFT_MM), 0, 1))
    return replace(seen, classes=classes, canal=probability, ossification=ossification), canal


@dataclass(frozen=True, slots=True, eq=False)
class _Canal:
    """Voxels near the canal: their index, and their place along it, to its front and to its left, mm."""

    index: NDArray[np.intp]
    along: Floats
    front: Floats
    left: Floats

    def where(self, wanted: NDArray[np.bool_]) -> "_Canal":
        """Return some of the voxels."""
        return _Canal(self.index[wanted], self.along[wanted], self.front[wanted], self.left[wanted])


def hold_front_wall(
    seen: FineMap, canal: NDArray[np.bool_], tube: Tube, column: Column
) -> tuple[FineMap, NDArray[np.bool_]]:
    """Return the fine pass and its canal, its front wall held between the bodies' walls.

    Parameters
    ----------
    seen : FineMap
        The fine pass.
    canal : ndarray of ``seen.grid.shape``
        The anatomical canal.
    tube : Tube
        Its centreline.
    column : Column
        The bodies along it.

    Returns
    -------
    seen : FineMap
        What lay before the wall is body or disc, and its probabilities of canal and ossification are low.
    canal : ndarray of ``seen.grid.shape``
        Without it.
    """
    near = _laid_out(ndimage.maximum_filter(canal, size=BESIDE, mode="constant"), seen, tube, column)
    inside = canal[tuple(near.index.T)]
    places, walls = _walls(near, inside, column, len(tube.points_lps))
    walls = walls + seen.grid.spacing_mm[1] / 2  # the edge of the last voxel, not its middle
    if len(places) < 2:
        return seen, canal
    line = _line_between(near, places, walls)  # NaN beyond the outermost bodies
    beyond = near.front - line - BEFORE_LINE_MM
    held = np.isfinite(beyond) & (beyond > -SOFT_MM)
    index, beyond = tuple(near.index[held].T), beyond[held]
    out = (beyond > 0) & canal[index]
    if not out.any():
        return seen, canal
    canal, classes = canal.copy(), seen.classes.copy()
    ossification, probability = seen.ossification.copy(), seen.canal.copy()
    gone = tuple(axis[out] for axis in index)
    canal[gone] = False
    classes[gone] = np.where(_in_body(near.along[held][out], column), Fine.BODY, Fine.DISC)
    ossification[gone] = 0
    lines = np.zeros((canal.shape[0], canal.shape[2]), dtype=bool)
    lines[gone[0], gone[2]] = True
    capped = (beyond > 0) | lines[index[0], index[2]]  # a wall that stays keeps its own softness
    index, beyond = tuple(axis[capped] for axis in index), beyond[capped]
    most = np.rint(255 * np.clip(0.5 - beyond / (2 * SOFT_MM), 0, 1)).astype(np.uint8)
    probability[index] = np.minimum(probability[index], most)
    return replace(seen, classes=classes, canal=probability, ossification=ossification), canal


def _laid_out(voxels: NDArray[np.bool_], seen: FineMap, tube: Tube, column: Column) -> _Canal:
    """Return voxels by the tube; those before it by the bodies' own planes."""
    index = np.argwhere(voxels)
    along, front, left = tube.along(index @ seen.grid.affine[:3, :3].T + seen.grid.affine[:3, 3])
    return _Canal(index, own_place(along, front, column.slope), front, left)


def _walls(near: _Canal, inside: NDArray[np.bool_], column: Column, length: int) -> tuple[Floats, Floats]:
    """Return the middle of each body along the canal, shape (n,), and its wall from right to left."""
    rows, sides = np.rint(near.along).astype(int), np.rint(near.left).astype(int) + SIDE_MM
    usable = inside & (rows >= 0) & (rows < length) & (sides >= 0) & (sides <= 2 * SIDE_MM)
    front = np.full((length, 2 * SIDE_MM + 1), -np.inf)
    np.maximum.at(front, (rows[usable], sides[usable]), near.front[usable])
    front[~np.isfinite(front)] = np.nan
    places, walls = [], []
    for low, high in _read_between(column):
        read = front[max(round(low), 0) : round(high) + 1]
        seen = np.isfinite(read).any(axis=0)
        if seen.sum() < ACROSS_MM:
            continue
        across = np.nanmedian(read[:, seen], axis=0)
        whole = np.interp(np.arange(front.shape[1]), np.flatnonzero(seen), across)
        places.append((low + high) / 2)
        walls.append(ndimage.median_filter(whole, ACROSS_MM, mode="nearest"))
    return np.array(places), np.array(walls)


def _read_between(column: Column) -> list[tuple[float, float]]:
    """Return from where to where along the canal the wall of each body is read, mm."""
    stretches = []
    for number, vertebra in enumerate(column.vertebrae):
        top, bottom = vertebra.top_mm, vertebra.bottom_mm
        if number == column.dens:
            top = max(top, bottom - AXIS_BODY_MM)
        elif vertebra.cut:
            last = number == len(column.vertebrae) - 1
            low, high = (top + CUT_RIM_MM, bottom) if last else (top, bottom - CUT_RIM_MM)
            if high - low >= LEAST_READ_MM:
                stretches.append((low, high))
            continue
        half = max(MID_BODY_SHARE * (bottom - top), LEAST_HALF_MM)
        stretches.append(((top + bottom) / 2 - half, (top + bottom) / 2 + half))
    return stretches


def _line_between(near: _Canal, places: Floats, walls: Floats) -> Floats:
    """Return the line between the bodies' walls at each voxel, mm to the front; NaN beyond the outermost."""
    above = np.clip(np.searchsorted(places, near.along) - 1, 0, len(places) - 2)
    share = (near.along - places[above]) / (places[above + 1] - places[above])
    side = np.clip(near.left + SIDE_MM, 0, walls.shape[1] - 1)
    at = np.floor(side).astype(int)
    to = np.minimum(at + 1, walls.shape[1] - 1)
    part = side - at
    upper = walls[above, at] * (1 - part) + walls[above, to] * part
    lower = walls[above + 1, at] * (1 - part) + walls[above + 1, to] * part
    return np.asarray(np.where((share >= 0) & (share <= 1), upper * (1 - share) + lower * share, np.nan))


def _between_laminae(
    near: _Canal, inside: NDArray[np.bool_], bone: NDArray[np.bool_], length: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the back wall, and where it is the line between laminae for want of bone behind it.

    A lamina leans, and ligament comes from its inside: the line runs from middle to middle of two laminae.

    Parameters
    ----------
    near : _Canal
        Voxels behind the centreline.
    inside, bone : ndarray of shape (n,)
        Which are canal, and which are lamina.
    length : int
        Of the centreline, mm.

    Returns
    -------
    wall : ndarray of shape (length, 2 * SIDE_MM + 1)
        Its last voxels' middles, mm behind the centreline, along it and from right to left.
    open_behind : ndarray of the same shape
        No farther than `LONGEST_OPEN_MM` from lamina to lamina.
    """
    rows, sides = np.rint(near.along).astype(int), np.rint(near.left).astype(int) + SIDE_MM
    within = (rows >= 0) & (rows < length)
    wall = np.full((length, 2 * SIDE_MM + 1), -np.inf)
    own = within & inside
    np.maximum.at(wall, (rows[own], sides[own]), -near.front[own])
    lamina = np.zeros(wall.shape, dtype=bool)
    behind = within & bone
    behind[behind] = -near.front[behind] - wall[rows[behind], sides[behind]] <= LAMINA_WITHIN_MM
    lamina[rows[behind], sides[behind]] = True
    lamina = ndimage.binary_opening(lamina & np.isfinite(wall), np.ones((LEAST_LAMINA_MM, 1)))
    open_behind = np.zeros(wall.shape, dtype=bool)
    for side in range(wall.shape[1]):
        runs, _ = ndimage.label(lamina[:, side])
        spans = [span for (span,) in ndimage.find_objects(runs)]
        middles = [(span.start + span.stop - 1) / 2 for span in spans]
        depths = [float(np.median(wall[span, side])) for span in spans]
        for above, below in pairwise(spans):
            gap = np.arange(above.stop, below.start)
            if len(gap) < LONGEST_OPEN_MM:
                wall[gap, side] = np.interp(gap, middles, depths)
                open_behind[gap, side] = True
    nothing = ~np.isfinite(wall)
    if nothing.any() and not nothing.all():
        nearest = ndimage.distance_transform_edt(nothing, return_distances=False, return_indices=True)
        wall = wall[tuple(nearest)]
    return wall, open_behind


def _in_body(along_mm: Floats, column: Column) -> NDArray[np.bool_]:
    """Return which places along the canal lie behind a body, and not behind a disc."""
    behind = np.zeros(len(along_mm), dtype=bool)
    for vertebra in column.vertebrae:
        behind |= (along_mm >= vertebra.top_mm) & (along_mm <= vertebra.bottom_mm)
    return behind
