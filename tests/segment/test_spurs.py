"""Low pieces of which the network is not sure are no ossified ligament."""

import numpy as np
import pytest

from canalis.segment.classes import Fine
from canalis.segment.fcn import FineMap
from canalis.segment.grids import Grid
from canalis.segment.spurs import set_spurs_apart

SHAPE = (40, 40, 60)  # slices of 1 mm, pixels of 0.5 mm: a canal 24 mm wide


def seen_with(slices, columns):
    classes = np.zeros(SHAPE, dtype=np.uint8)
    classes[:, 10:34, 6:54] = Fine.RESIDUAL_CANAL
    classes[slices, 10:16, columns] = Fine.OSSIFICATION
    canal = classes > 0
    sure = np.where(classes == Fine.OSSIFICATION, 255, 0).astype(np.uint8)
    grid = Grid((0.0, 0.0, 0.0), (1.0, 0.5, 0.5), SHAPE)
    return FineMap(grid, classes, np.where(canal, 255, 0).astype(np.uint8), sure), canal


@pytest.mark.parametrize(
    ("height_mm", "mean", "spur"), [(10, 0.8, True), (10, 0.95, False), (25, 0.8, False)]
)
def test_of_a_low_piece_the_network_must_be_sure(height_mm, mean, spur):
    seen, canal = seen_with(slice(5, 5 + height_mm), slice(20, 40))
    seen.ossification[seen.ossification > 0] = round(255 * mean)
    after = set_spurs_apart(seen, canal)
    named = after.classes[5 : 5 + height_mm, 10:16, 20:40]
    assert (named == (Fine.OTHER_NARROWING if spur else Fine.OSSIFICATION)).all()
    assert bool(after.ossification.any()) is not spur
