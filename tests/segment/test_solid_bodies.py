"""Bodies made whole on coarse pixels, by what the column knows of their places."""

import numpy as np
import pytest

from canalis.segment.assemble import solid_bodies
from canalis.segment.classes import Fine
from canalis.segment.column import Column, Vertebra
from canalis.segment.fcn import FineMap
from canalis.segment.grids import Grid
from canalis.segment.tube import Tube

SHAPE = (60, 100, 80)  # slices of 1 mm, pixels of 0.5 mm
TOP_Z, CENTER = 59.0, (20.0, 40.0)  # the canal runs straight down; LPS x and y


@pytest.fixture
def tube():
    points = np.column_stack([np.full(60, CENTER[0]), np.full(60, CENTER[1]), TOP_Z - np.arange(60.0)])
    ways = [np.tile(way, (60, 1)) for way in ([0.0, 0, -1], [0.0, -1, 0], [1.0, 0, 0])]
    return Tube(points, *ways)


def seen(column):
    """A fine pass that sees nothing of any body but a ragged disc inside."""
    classes = np.full(SHAPE, Fine.OUTSIDE, dtype=np.uint8)
    classes[30:33, 40:60, 30:50] = Fine.DISC
    classes[:, 72:88, 30:50] = Fine.RESIDUAL_CANAL
    none = np.zeros(SHAPE, dtype=np.uint8)
    return FineMap(Grid((0.0, 0.0, 0.0), (1.0, 0.5, 0.5), SHAPE), classes, none, none)


def body_z(fine):
    """Heights, LPS mm, that are body at 14 mm before the canal's middle, on the midline."""
    return np.flatnonzero(fine.classes[:, 52, 40] == Fine.BODY)


def test_bodies_are_solid_between_their_rims_and_the_canal_stays(tube):
    column = Column((Vertebra(5.0, 22.0, np.zeros(10)), Vertebra(25.0, 42.0, np.zeros(10))), None, None)
    fine = seen(column)
    after = solid_bodies(fine, tube, column)
    z = body_z(after)
    assert set(z) == set(range(40, 53)) | set(range(20, 33))  # 7 to 20 and 27 to 40 mm below z 59
    assert (after.classes[30:33, 50:58, 36:44] == Fine.BODY).all()
    canal = fine.classes == Fine.RESIDUAL_CANAL
    np.testing.assert_array_equal(after.classes[canal], fine.classes[canal])
    assert (after.classes[:, :36] == Fine.OUTSIDE).all()  # 21 mm and more before the canal's middle
    assert (fine.classes[45] != Fine.BODY).all()  # what was given is left alone


def test_of_the_axis_the_dens_is_left_as_seen(tube):
    column = Column((Vertebra(2.0, 40.0, np.zeros(10)),), dens=0, rib=None)
    z = body_z(solid_bodies(seen(column), tube, column))
    assert z.min() == pytest.approx(59 - 38, abs=1)
    assert z.max() == pytest.approx(59 - 22, abs=1)
