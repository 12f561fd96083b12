"""Names of the arches of C1 and C2, where the coarse pass reads them right and where it does not."""

import numpy as np
import pytest

from canalis.labels import VERTEBRA_LABELS
from canalis.segment.assemble import _shift, label_fine
from canalis.segment.classes import LEVEL_CLASSES, Coarse, Fine
from canalis.segment.column import Column, Vertebra
from canalis.segment.fcn import FineMap
from canalis.segment.grids import Grid
from canalis.segment.levels import C1, C2, T1, Named
from canalis.segment.locate import Located
from canalis.segment.segmentation import LevelNaming
from canalis.segment.tube import Tube

SHAPE = (60, 100, 80)  # slices of 1 mm, pixels of 0.5 mm
TOP_Z = 59.0
C1_Z, C2_Z = slice(50, 58), slice(24, 34)  # of their arches; C2's body reaches down to z 21


@pytest.fixture
def tube():
    points = np.column_stack([np.full(60, 20.0), np.full(60, 36.0), TOP_Z - np.arange(60.0)])
    ways = [np.tile(way, (60, 1)) for way in ([0.0, 0, -1], [0.0, -1, 0], [1.0, 0, 0])]
    return Tube(points, *ways)


def names_of_arches(tube, *, read_as_c1):
    """Return the labels that each arch gets, where the coarse pass reads that share of C1's as C1."""
    none = np.zeros(SHAPE, dtype=np.uint8)
    classes = none.copy()
    structure, level = none.copy(), np.full(SHAPE, C2, dtype=np.uint8)
    for z in (C1_Z, C2_Z):
        classes[z, 84:92, 20:60] = Fine.ARCH
        structure[z, 84:92, 20:60] = Coarse.ARCH
    level[C1_Z, :, 20 : 20 + round(40 * read_as_c1)] = C1
    grid = Grid((0.0, 0.0, 0.0), (1.0, 0.5, 0.5), SHAPE)
    votes = np.zeros((60, LEVEL_CLASSES))
    votes[:38, C2], votes[38:, C2 + 1] = 10.0, 10.0
    bodies = tuple(
        Vertebra(*ends, np.eye(LEVEL_CLASSES)[level], level=level)
        for ends, level in (((2.0, 38.0), C2), ((42.0, 58.0), C2 + 1))
    )
    column = Column(bodies, dens=0, rib=None, slope=np.zeros(60), votes=votes)
    found = Located(grid, structure, level, none.astype(np.float32), none.astype(np.float32))
    named = Named(LevelNaming(False, "dens", "Counted from the dens alone."), C2)
    labels = label_fine(
        FineMap(grid, classes, none, none), np.zeros(SHAPE, dtype=bool), found, tube, column, named
    )
    return [set(labels[z][labels[z] > 0].tolist()) for z in (C1_Z, C2_Z)]


@pytest.mark.parametrize("read_as_c1", [0.0, 0.55, 1.0])
def test_the_arch_beside_the_dens_is_c1_however_the_coarse_pass_reads_it(tube, read_as_c1):
    assert names_of_arches(tube, read_as_c1=read_as_c1) == [{VERTEBRA_LABELS["C1"]}, {VERTEBRA_LABELS["C2"]}]


def test_bodies_below_t2_do_not_move_the_reading_where_some_bodies_have_no_votes():
    """C7 to T3, of which C7 and T2 were given no votes; T1 is read as C7, T3 as T3 or below."""
    read_as = (None, T1 - 1, None, LEVEL_CLASSES - 1)
    bodies = tuple(
        Vertebra(16.0 * i, 16.0 * i + 14, np.zeros(LEVEL_CLASSES) if r is None else np.eye(LEVEL_CLASSES)[r])
        for i, r in enumerate(read_as)
    )
    column = Column(bodies, dens=None, rib=1, slope=np.zeros(64), votes=np.zeros((64, LEVEL_CLASSES)))
    assert _shift(column, T1 - 1) == 1
