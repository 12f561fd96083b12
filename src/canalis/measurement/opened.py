"""A ring of bone opened from behind: by laminectomy, or by laminoplasty whose laminae still stand.

Rays run to the back from the canal's middle at every height of a level, and along each the height is
taken over which bone of that level stands behind the canal. After a laminectomy no bone stands there at
all. After a laminoplasty the canal is ringed but for one cut, at the same place in every opened level:
aside for an open door, in the middle for a french door; and it is deeper than at the levels left closed.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.labels import FIRST_VERTEBRA
from canalis.measurement.canal import CanalEdges
from canalis.measurement.centerline import STATION_STEP_MM, smooth_line
from canalis.measurement.frame import MovingFrame, frame_of_line
from canalis.measurement.sections import Sections, first_crossing, last_crossing
from canalis.measurement.straight import StraightLabels
from canalis.measurement.vertebrae import Vertebra
from canalis.volume import ScanWarning

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

OPENED_RING: Final = "opened-ring"
RING_DEGREES = np.arange(-80.0, 81.0, 2.0)  # rays to the back: laminae, not the pedicles
RAY_STEP_MM, LONGEST_RAY_MM = 0.25, 20.0
INSIDE_MM = 1.0  # a label map's bone may reach as far into the canal's soft edge
LAMINA_BELOW_SHARE = 1.1  # of a body's height below its middle that its lamina may reach
LAMINA_ABOVE_SHARE = 0.5  # of it above its middle
RING_REACH_MM = 10.0  # behind the canal's edge that a lamina is looked for: 3.5 to 7 mm thick, with a gap
REMOVED_MM = 8.0
"""Of back wall without bone at any height of a level (chosen: a laminectomy takes 16 to 24, while a cleft
of an arch is 2 to 5)."""
NEAR_MM = 1.5  # behind the canal's edge that a standing lamina is: its cortex is the edge
LAMINA_QUARTILE = 75.0  # of the heights over which bone stands along the rays: that of a whole lamina
LEAST_LAMINA_SHARE = 0.6
"""Of a body's height that a whole lamina stands over at least: where most of it was taken away the rays do
not tell. On 160 levels of 20 validation necks it stands over 0.69 to 1.5 along three quarters of them."""
WHOLLY_SEEN_SHARE = 0.9  # of the height in which a lamina may stand: beyond a scan's end none is seen
CUT_SHARE = 0.3  # of a whole lamina's height: over less there is a cut, or an island of a label
LEAST_CUT_MM = 1.0  # a network closes most of a cut of 3 mm and more; a whole lamina shows none
SAME_PLACE_DEG = 20.0  # within which the cuts of neighbouring levels lie
LEAST_LEVELS = 3  # with cuts after a laminoplasty (chosen): clefts from birth lie at one or two
DEEPER_MM = 1.0  # than its neighbours that an opened canal is (chosen: doors gain 3 and more)
LARGEST_LAMINA_PIXEL_MM = 1.5  # over which neither a lamina nor a cut of 3 mm is seen
SIDE_WALLS_SHARE = 0.35  # of the canal's AP, from the front, in which its side walls stand as before


def opened_rings(
    sections: Sections,
    canal: CanalEdges,
    straight: StraightLabels,
    vertebrae: tuple[Vertebra, ...],
    *,
    pixel_mm: float,
) -> tuple[str, ...]:
    """Return the levels whose ring of bone was opened from behind.

    Parameters
    ----------
    sections : Sections
        Of the canal along the centreline.
    canal : CanalEdges
        Of those sections.
    straight : StraightLabels
        The labels laid straight along the same centreline.
    vertebrae : tuple of Vertebra
        Head to foot.
    pixel_mm : float
        Of the scan: over 1.5 mm nothing is found.

    Returns
    -------
    tuple of str
        C2 and below, head to foot: where 8 mm of the back wall or more have hardly any bone behind them;
        and from first to last of three or more levels cut at the same place, at most one between two of
        them not seen to be cut, with a canal 1 mm or more deeper than that of the levels above and
        below them.
    """
    if pixel_mm > LARGEST_LAMINA_PIXEL_MM:
        return ()
    whole = [v for v in vertebrae if v.part == "body" and v.whole and v.name and v.label > FIRST_VERTEBRA]
    rings = [_ring_of(sections, canal, straight, vertebra) for vertebra in whole]
    opened = {v.name for v, (removed, _) in zip(whole, rings, strict=True) if removed >= REMOVED_MM}
    cuts = [cut for _, cut in rings]
    depths = [_depth_mm(sections, canal, vertebra) for vertebra in whole]
    for run in _runs_at_one_place(cuts):
        first, last = run[0], run[-1]
        beside = [depths[k] for k in (first - 1, last + 1) if 0 <= k < len(whole)]
        gain = np.mean(depths[first : last + 1]) - np.mean(beside or [0.0])
        if len(run) >= LEAST_LEVELS and gain >= DEEPER_MM:
            opened |= {v.name for v in whole[first : last + 1]}
    return tuple(v.name for v in whole if v.name in opened and v.name is not None)


def tell_of_opened_rings(levels: tuple[str, ...]) -> tuple[ScanWarning, ...]:
    """Return a warning with the levels of :func:`opened_rings`; none without any."""
    if not levels:
        return ()
    named = ", ".join(levels)
    message = (
        f"Post-operative: the ring of bone is open at the back of {named}. Residual AP there runs "
        "to the new back wall; canal AP is not that before surgery, and the occupying ratio is that of the "
        "opened canal."
    )
    return (ScanWarning(OPENED_RING, message, levels[0], places=levels),)


def _ring_of(
    sections: Sections, canal: CanalEdges, straight: StraightLabels, vertebra: Vertebra
) -> tuple[float, float | None]:
    """Return the longest stretch of back wall without bone, mm, and the direction of a cut, degrees."""
    along = sections.frame.along_mm
    near = (along > vertebra.middle_mm - LAMINA_ABOVE_SHARE * vertebra.height_mm) & (
        along < vertebra.middle_mm + LAMINA_BELOW_SHARE * vertebra.height_mm
    )
    middle = (canal.front_mm + canal.rear_mm)[:, canal.midline] / 2
    at = np.flatnonzero(near & np.isfinite(middle))
    if not len(at):
        return 0.0, None
    radii = _radii(sections, at, middle[at])
    radius = radii[int(np.argmin(np.abs(along[at] - vertebra.middle_mm)))]
    there = np.searchsorted(straight.frame.along_mm, along[at] - 1e-6)
    bone = straight.labels[there] == vertebra.label
    steps = vertebra.height_mm / float(along[1] - along[0])
    seen = len(at) >= WHOLLY_SEEN_SHARE * (LAMINA_ABOVE_SHARE + LAMINA_BELOW_SHARE) * steps
    least = LEAST_LAMINA_SHARE * steps if seen else 0.0
    far = _standing(bone, straight, middle[at], radii, reach_mm=RING_REACH_MM)
    removed, _ = _longest(_hardly(far, least), radius)
    near_bone = _standing(bone, straight, middle[at], radii, reach_mm=NEAR_MM)
    cut, direction = _longest(_hardly(near_bone, 0.0), radius)
    return removed, direction if cut >= LEAST_CUT_MM else None


def _radii(sections: Sections, at: NDArray[np.int_], middle_mm: Floats) -> Floats:
    """Return how far the canal's edge lies from its middle along each ray, shape (heights, rays)."""
    ray = np.arange(0.0, LONGEST_RAY_MM, RAY_STEP_MM)
    out = np.broadcast_to(ray, (len(at), len(RING_DEGREES), len(ray)))
    index = _index(out, middle_mm, sections.back_mm, sections.left_mm)
    field = ndimage.map_coordinates(sections.canal[at], index, order=1, mode="nearest")
    return np.asarray(RAY_STEP_MM * np.argmin(field > 0, axis=2))


def _standing(
    bone: Bools, straight: StraightLabels, middle_mm: Floats, radii: Floats, *, reach_mm: float
) -> NDArray[np.int_]:
    """Return at how many heights bone stands within reach behind the canal's edge, shape (rays,)."""
    out = radii[:, :, None] + np.arange(-INSIDE_MM, reach_mm + RAY_STEP_MM / 2, RAY_STEP_MM)
    index = _index(out, middle_mm, straight.back_mm, straight.left_mm)
    met = ndimage.map_coordinates(bone.astype(np.uint8), index, order=0, mode="constant")
    return np.asarray(met.any(axis=2).sum(axis=0))


def _hardly(standing: NDArray[np.int_], least: float) -> Bools:
    """Return along which rays bone stands over hardly any of a lamina's height: ``least`` or more."""
    return np.asarray(standing < CUT_SHARE * max(float(np.percentile(standing, LAMINA_QUARTILE)), least))


def _index(out_mm: Floats, middle_mm: Floats, back_mm: Floats, left_mm: Floats) -> Floats:
    """Return the index (3, heights, rays, steps) of places on the rays in a stack of grids."""
    angles = np.radians(RING_DEGREES)[:, None]
    back = middle_mm[:, None, None] + np.cos(angles) * out_mm
    left = np.sin(angles) * out_mm
    step = back_mm[1] - back_mm[0]
    height = np.broadcast_to(np.arange(len(out_mm))[:, None, None], out_mm.shape)
    return np.stack([height, (back - back_mm[0]) / step, (left - left_mm[0]) / step])


def _longest(held: Bools, radius: Floats) -> tuple[float, float]:
    """Return the length on the canal's edge of the longest run of rays, mm, and its middle, degrees."""
    parts, count = ndimage.label(held)
    runs = [np.flatnonzero(parts == part) for part in range(1, count + 1)]
    ray = np.radians(RING_DEGREES[1] - RING_DEGREES[0])
    found = [(float(ray * radius[run].sum()), float(RING_DEGREES[run].mean())) for run in runs]
    return max(found, default=(0.0, 0.0))


def _depth_mm(sections: Sections, canal: CanalEdges, vertebra: Vertebra) -> float:
    """Return the canal's AP on the midline at mid-body."""
    at = int(np.argmin(np.abs(sections.frame.along_mm - vertebra.middle_mm)))
    return float(np.nan_to_num(canal.ap_mm[at, canal.midline]))


def _runs_at_one_place(cuts: list[float | None]) -> list[list[int]]:
    """Return the levels with cuts in about one direction, run by run, one uncut level skipped at most."""
    runs: list[list[int]] = []
    before = -np.inf, 0.0
    for level, direction in enumerate(cuts):
        if direction is None:
            continue
        if level - before[0] > 2 or abs(direction - before[1]) > SAME_PLACE_DEG:
            runs.append([])
        runs[-1].append(level)
        before = level, direction
    return runs


def between_side_walls(sections: Sections) -> MovingFrame | None:
    """Return the centreline moved midway between the canal's side walls, as far as they stand as before.

    A canal opened on one side has its centre there; its midline is still that of the vertebrae.

    Parameters
    ----------
    sections : Sections
        Of the canal along the centreline.

    Returns
    -------
    MovingFrame or None
        At steps of 0.5 mm, with the scanner's back for the direction to the back; None where too little
        canal is whole.
    """
    right = first_crossing(sections.canal, sections.left_mm, axis=2)
    left = last_crossing(sections.canal, sections.left_mm, axis=2)
    held = np.isfinite(right)
    ahead = held & (held.cumsum(axis=1) <= SIDE_WALLS_SHARE * held.sum(axis=1, keepdims=True))
    usable = sections.whole & ahead.any(axis=1)
    if not usable.any():
        return None
    middle = np.zeros(len(usable))
    middle[usable] = np.nanmedian(np.where(ahead, (left + right) / 2, np.nan)[usable], axis=1)
    frame = sections.frame
    line = smooth_line(frame.centers_lps + middle[:, None] * frame.lefts_lps, usable.astype(np.float64))
    return None if line is None else frame_of_line(line, step_mm=STATION_STEP_MM)
