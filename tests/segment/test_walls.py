"""Where no bone shows the canal's walls, they lie between those of the bones above and below."""

from itertools import pairwise

import numpy as np
import pytest

from canalis.segment.classes import Fine
from canalis.segment.column import Column, Vertebra
from canalis.segment.fcn import FineMap
from canalis.segment.grids import Grid
from canalis.segment.tube import Tube
from canalis.segment.walls import BEFORE_LINE_MM, hold_front_wall, level_back_wall

SHAPE = (60, 60, 60)  # slices of 1 mm from the feet up, pixels of 0.5 mm; the front is at low rows
WALL, BACK, SIDES = 20, 48, slice(10, 50)  # rows and columns of the canal
DISC = slice(27, 33)  # slices, of the middle disc
NO_VOTES = np.zeros(10)
AXES = np.eye(3)


def column(*stretches, cut=()):
    found = [Vertebra(a, b, NO_VOTES, cut=i in cut) for i, (a, b) in enumerate(stretches)]
    return Column(tuple(found), None, None, slope=np.zeros(60))


TWO = column((8.0, 26.0), (32.0, 50.0))  # mm from the head down: slices 51 to 33 and 27 to 9


def tube():
    points = np.stack([np.full(60, 15.0), np.full(60, 17.0), 59.0 - np.arange(60)], axis=1)
    down, front, left = (np.tile(axis, (60, 1)) for axis in (-AXES[2], -AXES[1], AXES[0]))
    return Tube(points, down, front, left)


def canal_with(depth_mm=0.0, *, slices=DISC):
    """Return a fine pass whose wall lies so much farther forward at some slices, ossified there."""
    classes = np.full(SHAPE, Fine.BODY, dtype=np.uint8)
    classes[:, WALL:BACK, SIDES] = Fine.RESIDUAL_CANAL
    deep = WALL - round(depth_mm / 0.5)
    classes[slices, deep:WALL, SIDES] = Fine.OSSIFICATION
    inside = np.isin(classes, (Fine.RESIDUAL_CANAL, Fine.OSSIFICATION))
    sure = [np.where(what, 255, 0).astype(np.uint8) for what in (inside, classes == Fine.OSSIFICATION)]
    return FineMap(Grid((0.0, 0.0, 0.0), (1.0, 0.5, 0.5), SHAPE), classes, *sure), inside


def front_row(canal, at=30):
    return int(canal[at, :, 30].argmax())


def test_a_rim_taken_for_ossification_before_the_bodies_wall_is_no_canal():
    seen, canal = canal_with(depth_mm=2.0)
    held, kept = hold_front_wall(seen, canal, tube(), TWO)
    assert (WALL - front_row(kept)) * 0.5 <= BEFORE_LINE_MM + 0.5
    gone = canal & ~kept
    assert set(np.unique(np.flatnonzero(gone.any(axis=(1, 2))))) == set(range(27, 33))
    assert np.isin(held.classes[gone], (Fine.BODY, Fine.DISC)).all()
    assert not held.ossification[gone].any()
    assert (held.canal[gone] < 128).all()
    assert (kept == canal)[:27].all()
    assert (kept == canal)[33:].all()


def test_the_soft_edge_crosses_one_half_at_the_wall():
    seen, canal = canal_with(depth_mm=3.0)
    held, _ = hold_front_wall(seen, canal, tube(), TWO)
    line = held.canal[30, : WALL + 4, 30].astype(float)
    after = int((line >= 127.5).argmax())
    crossing = after - (line[after] - 127.5) / (line[after] - line[after - 1])
    edge = WALL - 0.5  # rows are pixels' middles
    assert crossing == pytest.approx(edge - BEFORE_LINE_MM / 0.5, abs=0.3)


def test_ossification_behind_the_wall_stays_where_what_lies_before_it_goes():
    seen, canal = canal_with(depth_mm=2.0)
    mass = (DISC, slice(WALL, WALL + 8), SIDES)
    seen.classes[mass] = Fine.OSSIFICATION
    seen.ossification[mass] = 255
    held, kept = hold_front_wall(seen, canal, tube(), TWO)
    assert (canal & ~kept).any()
    assert kept[mass].all()
    assert (held.classes[mass] == Fine.OSSIFICATION).all()
    assert (held.ossification[mass] == 255).all()


def test_a_wall_that_lies_farther_back_at_a_disc_is_left():
    seen, canal = canal_with()
    canal[DISC, WALL : WALL + 3, SIDES] = False
    held, kept = hold_front_wall(seen, canal, tube(), TWO)
    assert held is seen
    assert kept is canal


def test_beyond_the_outermost_bodies_and_with_one_nothing_is_held():
    seen, canal = canal_with(depth_mm=2.0, slices=slice(55, 58))
    assert hold_front_wall(seen, canal, tube(), TWO)[1] is canal
    seen, canal = canal_with(depth_mm=2.0)
    assert hold_front_wall(seen, canal, tube(), column((8.0, 26.0)))[1] is canal


def test_a_body_that_the_scan_cuts_is_read_beyond_its_rim():
    seen, canal = canal_with(depth_mm=2.0)
    seen.classes[24:27, WALL - 4 : WALL, SIDES] = Fine.OSSIFICATION  # the rim of the lower body too
    canal[24:27, WALL - 4 : WALL, SIDES] = True
    cut = column((8.0, 26.0), (32.0, 42.0), cut=(1,))
    _, kept = hold_front_wall(seen, canal, tube(), cut)
    assert (WALL - front_row(kept)) * 0.5 <= BEFORE_LINE_MM + 0.5
    short = column((8.0, 26.0), (32.0, 38.0), cut=(1,))
    assert hold_front_wall(seen, canal, tube(), short)[1] is canal


def test_what_is_probable_before_the_wall_and_no_canal_leaves_no_island():
    seen, canal = canal_with(depth_mm=1.0)
    island = (slice(24, 26), slice(WALL - 2, WALL - 1), slice(20, 24))  # beside the rim, called body
    seen.canal[island] = 180
    held, _ = hold_front_wall(seen, canal, tube(), TWO)
    assert (held.canal[island] < 128).all()


LAMINAE = (slice(6, 18), slice(26, 38), slice(46, 58))  # slices, 8 mm apart


def backed(laminae=LAMINAE, *, moved_rows=0, slices=slice(19, 25), sides=SIDES, into=Fine.OUTSIDE):
    """Return a fine pass with laminae behind its canal, whose wall lies farther back at some slices."""
    seen, canal = canal_with()
    seen.classes[:, BACK:] = Fine.OUTSIDE
    for lamina in laminae:
        seen.classes[lamina, BACK : BACK + 8, SIDES] = Fine.ARCH
    far, near = max(BACK, BACK + moved_rows), min(BACK, BACK + moved_rows)
    rows, is_canal = slice(near, far), moved_rows > 0
    seen.classes[slices, rows, sides] = Fine.RESIDUAL_CANAL if is_canal else into
    canal[slices, rows, sides] = is_canal
    seen.canal[slices, rows, sides] = 255 if is_canal else 0
    return seen, canal


MIDDLE = (slice(19, 25), slice(None), slice(20, 40))  # 10 mm wide, well within 8 mm of the middle


@pytest.mark.parametrize("moved_rows", [-4, 3, -1])
def test_between_laminae_the_back_wall_lies_on_their_line(moved_rows):
    whole, straight = backed()
    seen, canal = backed(moved_rows=moved_rows)
    held, kept = level_back_wall(seen, canal, tube(), TWO)
    assert (kept[MIDDLE] == straight[MIDDLE]).all()
    assert (held.classes[MIDDLE] == whole.classes[MIDDLE]).all()
    line = held.canal[22, BACK - 4 : BACK + 4, 30].astype(float)
    after = int((line < 127.5).argmax())
    crossing = after - 1 + (line[after - 1] - 127.5) / (line[after - 1] - line[after])
    assert crossing == pytest.approx(3.5, abs=0.3)  # between the last row of the canal and the next


def test_the_line_leans_as_the_laminae_do():
    seen, canal = backed(LAMINAE[:2])
    lower = LAMINAE[0]  # stands 2 mm farther back
    seen.classes[lower, BACK : BACK + 4, SIDES] = Fine.RESIDUAL_CANAL
    seen.classes[lower, BACK + 4 : BACK + 12, SIDES] = Fine.ARCH
    canal[lower, BACK : BACK + 4, SIDES] = True
    _, kept = level_back_wall(seen, canal, tube(), TWO)
    ends = [int(kept[k, :, 30].nonzero()[0].max()) for k in range(18, 26)]  # between the laminae
    assert all(a >= b for a, b in pairwise(ends))
    assert BACK - 1 < ends[-1] < ends[0] < BACK + 3
    assert np.mean(ends) == pytest.approx(BACK + 1, abs=0.6)


def test_bone_before_the_line_stays_bone():
    seen, canal = backed(moved_rows=-4, into=Fine.BODY)
    held, kept = level_back_wall(seen, canal, tube(), TWO)
    assert not kept[19:25, BACK - 4 : BACK, 30].any()
    assert (held.classes[19:25, BACK - 4 : BACK, 30] == Fine.BODY).all()


@pytest.mark.parametrize("laminae", [(slice(6, 18), slice(46, 58)), (slice(6, 18),), ()])
def test_where_a_lamina_was_taken_away_the_wall_is_the_networks(laminae):
    seen, canal = backed(laminae, moved_rows=3)
    held, kept = level_back_wall(seen, canal, tube(), TWO)
    assert held is seen
    assert kept is canal


def test_behind_laminae_nothing_moves():
    seen, canal = backed(moved_rows=-2, slices=slice(28, 36), into=Fine.ARCH)
    held, kept = level_back_wall(seen, canal, tube(), TWO)
    assert (kept[27:37] == canal[27:37]).all()
    assert (held.canal[27:37] == seen.canal[27:37]).all()
