"""Spurs told from ossified ligament by place and size."""

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
    ("slices", "columns", "spur"),
    [
        (slice(5, 30), slice(20, 40), False),  # broad, on the midline, long
        (slice(10, 18), slice(20, 40), False),  # localized, on the midline
        (slice(10, 18), slice(42, 54), True),  # low and far aside: uncovertebral
        (slice(5, 30), slice(42, 54), False),  # far aside but long: lateral OPLL
        (slice(5, 30), slice(28, 32), True),  # 2 mm wide: a rim
    ],
)
def test_a_spur_is_low_and_aside_or_narrower_than_any_ligament(slices, columns, spur):
    seen, canal = seen_with(slices, columns)
    after = set_spurs_apart(seen, canal)
    named = after.classes[slices, 10:16, columns]
    assert (named == (Fine.OTHER_NARROWING if spur else Fine.OSSIFICATION)).all()
    assert bool(after.ossification.any()) is not spur
