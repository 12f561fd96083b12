"""A canal lost for a few slices is carried over from both sides."""

import numpy as np

from canalis.segment.bridge import bridge_gaps
from canalis.segment.classes import Fine
from canalis.segment.fcn import FineMap
from canalis.segment.grids import Grid

SHAPE = (60, 50, 60)


def tube(lost):
    classes = np.zeros(SHAPE, dtype=np.uint8)
    for k in range(SHAPE[0]):
        classes[k, 12:38, 10 + k // 10 : 46 + k // 10] = Fine.RESIDUAL_CANAL
    classes[lost] = Fine.OUTSIDE
    canal = np.where(classes == Fine.RESIDUAL_CANAL, 255, 0).astype(np.uint8)
    grid = Grid((0.0, 0.0, 0.0), (1.0, 0.5, 0.5), SHAPE)
    return FineMap(grid, classes, canal, np.zeros_like(canal))


def test_a_gap_as_between_c1_and_c2_is_filled_with_the_canals_own_outline():
    whole, bridged = tube(slice(0, 0)), bridge_gaps(tube(slice(22, 29)))
    wrong = (bridged.canal > 127) != (whole.canal > 127)
    assert wrong.sum() / (whole.canal[22:29] > 127).sum() < 0.03
    assert (bridged.classes[25] == Fine.RESIDUAL_CANAL).sum() > 800


def test_a_gap_longer_than_a_level_stays_open():
    bridged = bridge_gaps(tube(slice(20, 40)))
    assert not bridged.canal[20:40].any()


def test_the_ends_of_the_canal_are_not_drawn_out():
    bridged = bridge_gaps(tube(slice(50, 60)))
    assert not bridged.canal[50:].any()


def test_bone_in_the_gap_stays_bone():
    seen = tube(slice(22, 29))
    seen.classes[25, 12:15] = Fine.BODY
    bridged = bridge_gaps(seen)
    assert (bridged.classes[25, 12:15] == Fine.BODY).all()
    assert not bridged.canal[25, 12:15].any()


def test_where_nothing_was_lost_the_soft_edge_beside_bone_stays():
    seen = tube(slice(22, 29))
    soft = (slice(None), slice(10, 12), slice(20, 40))  # in front of the canal's first row
    seen.classes[soft] = Fine.BODY
    seen.canal[soft] = 90
    bridged = bridge_gaps(seen)
    assert (bridged.canal[soft] == 90).all()
    whole = bridge_gaps(tube(slice(0, 0)))
    assert (whole.canal == tube(slice(0, 0)).canal).all()
