"""Both passes in order: look at the whole scan, then along the canal, then name and assemble."""

from functools import partial
from typing import Final

import numpy as np

from canalis.errors import MeasurementError, RefusedError
from canalis.segment.assemble import (
    find_fine_tube,
    label_fine,
    onto_scan,
    soft_edges,
    solid_bodies,
)
from canalis.segment.bridge import bridge_gaps
from canalis.segment.classes import Coarse, Fine
from canalis.segment.column import Classes, Column, Vertebra, divide_column
from canalis.segment.engine import Engine
from canalis.segment.fcn import FineMap, segment_finely
from canalis.segment.levels import T1, Named, name_levels
from canalis.segment.locate import Located, locate
from canalis.segment.lost_ends import warn_of_lost_ends
from canalis.segment.low_masses import set_low_masses_apart, warn_of_unsure_masses
from canalis.segment.segmentation import Segmentation
from canalis.segment.tube import Tube, find_tube
from canalis.segment.upright import turn_of_neck, turned_back, upright
from canalis.segment.walls import hold_front_wall, level_back_wall
from canalis.volume import LARGEST_PIXEL_MM, Progress, ScanWarning, Volume

CANAL_SURE: Final = 0.5
TRUNK_SHARE: Final = 0.6
LEAST_DISC_MM3: Final = 200.0
"""Of all discs, by the fine pass: a seventh of one. 20 planning CTs of 4 to 5 mm pixels have 2,960 or more;
a long bone round its marrow, which passes for a canal in bone, has none."""

MOST_TURN: Final = np.radians(8.0)  # of a neck that is looked at as it lies: as far as phantoms turn

NO_NECK: Final = "No cervical vertebrae were found in this CT. Check that the series shows the neck."


def segment_with(
    volume: Volume,
    coarse: Engine,
    fine: Engine,
    *,
    hint: tuple[str, float] | None = None,
    progress: Progress | None = None,
) -> Segmentation:
    """Segment a CT with networks that are loaded already (see :func:`canalis.segment.segment`)."""
    if hint is not None:
        _check_hint(hint, volume)
    tell = progress or (lambda what, done, whole: None)
    tell("Looking for the neck", 0, 1)
    found, tube = _find_neck(volume, coarse)
    turn = turn_of_neck(found, tube)
    if abs(turn) < MOST_TURN:
        tell("Looking for the neck", 1, 1)
        return _segment_along(volume, found, tube, fine, hint=hint, tell=tell)
    straight = upright(volume, turn)
    found, tube = _find_neck(straight, coarse)
    tell("Looking for the neck", 1, 1)
    segmentation = _segment_along(straight, found, tube, fine, hint=hint, tell=tell)
    return turned_back(segmentation, volume, turn)


def _find_neck(volume: Volume, coarse: Engine) -> tuple[Located, Tube]:
    """Return what the coarse pass sees, and the canal in it as a tube."""
    found = locate(volume, coarse)
    _, tube = find_tube((found.canal >= CANAL_SURE) | (found.structure == Coarse.CANAL), found.grid)
    if tube is None:
        raise RefusedError(NO_NECK)
    return found, tube


def _segment_along(
    volume: Volume,
    found: Located,
    tube: Tube,
    fine: Engine,
    *,
    hint: tuple[str, float] | None,
    tell: Progress,
) -> Segmentation:
    """Look along the canal, name the vertebrae and assemble."""
    seen = bridge_gaps(segment_finely(volume, tube, fine, progress=partial(tell, "Segmenting")))
    kept, fine_tube = find_fine_tube(seen, tube)
    if fine_tube is None:
        raise RefusedError(NO_NECK)
    tube = fine_tube
    column = divide_column(fine_classes_of(seen), found, tube)
    _refuse_trunk(column)
    _refuse_long_bone(column, seen)
    named = name_levels(column, hint_mm=None if hint is None else _hint_along(hint, tube))
    _refuse_named_trunk(column, named)
    seen, kept = level_back_wall(*hold_front_wall(seen, kept, tube, column), tube, column)
    pixel_mm = sorted(volume.spacing_mm)[1]
    seen, unsure_mm = set_low_masses_apart(seen, kept, pixel_mm=pixel_mm)
    if pixel_mm > LARGEST_PIXEL_MM:  # no length is given: levels matter more than edges
        seen = solid_bodies(seen, tube, column)
    labels = label_fine(seen, kept, found, tube, column, named)
    edges = soft_edges(seen, kept)
    warnings = (
        *_warnings(named),
        *warn_of_lost_ends(tube, volume, column, named),
        *warn_of_unsure_masses(unsure_mm, tube, column, named),
    )
    return Segmentation(onto_scan(labels, seen, volume), named.naming, *edges, warnings=warnings)


def fine_classes_of(seen: FineMap) -> Classes:
    """Return the fine pass as a map of bodies and discs."""
    return Classes(seen.classes, seen.grid, body=(int(Fine.BODY),), disc=(int(Fine.DISC),))


def _refuse_trunk(column: Column) -> None:
    """Refuse a scan without a body, or with none that could be cervical."""
    if not column.vertebrae:
        raise RefusedError(NO_NECK)
    if column.dens is None and column.rib is None and all(_is_thoracic(v) for v in column.vertebrae):
        raise RefusedError(NO_NECK)


def _refuse_long_bone(column: Column, seen: FineMap) -> None:
    """Refuse several bodies without a disc between them, where there is neither dens nor rib."""
    discs_mm3 = float((seen.classes == Fine.DISC).sum() * np.prod(seen.grid.spacing_mm))
    ends = column.dens is not None or column.rib is not None
    if not ends and len(column.vertebrae) > 1 and discs_mm3 < LEAST_DISC_MM3:
        raise RefusedError(NO_NECK)


def _is_thoracic(vertebra: Vertebra) -> bool:
    return bool(vertebra.votes[T1:].sum() > TRUNK_SHARE)


def _refuse_named_trunk(column: Column, named: Named) -> None:
    if named.first is not None and named.first >= T1:
        raise RefusedError(NO_NECK)


def _check_hint(hint: tuple[str, float], volume: Volume) -> None:
    """Refuse a hint for another level than C2, or for a height that no voxel of the scan has."""
    level, z = hint
    if level != "C2":
        raise MeasurementError(f"Expected a hint for C2, found one for {level}. Give C2=Z in LPS mm.")
    edges = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in volume.shape])).reshape(3, -1).T
    heights = volume.to_lps(edges)[:, 2]
    low, high = float(heights.min()), float(heights.max())
    if not low <= z <= high:
        raise MeasurementError(
            f"Expected the hint for C2 inside the scan, z {low:.1f} to {high:.1f} mm, found z {z:.1f} mm. "
            "Give the height of the middle of C2, C2=Z in LPS mm."
        )


def _hint_along(hint: tuple[str, float], tube: Tube) -> float:
    """Return where along the tube the hint would put the middle of C2, below 0 and past its end beyond it."""
    z, heights = hint[1], tube.points_lps[:, 2]
    along = float(np.interp(-z, -heights, np.arange(len(heights))))
    return along - max(z - float(heights[0]), 0.0) + max(float(heights[-1]) - z, 0.0)


def _warnings(named: Named) -> tuple[ScanWarning, ...]:
    if named.naming.sure:
        return ()
    code = "levels-unsure" if named.first is not None else "levels-unnamed"
    return (ScanWarning(code, named.naming.reason),)
