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


@pytest.mark.parametrize(
    ("height_mm", "mean", "spur"), [(10, 0.8, True), (10, 0.95, False), (25, 0.8, False)]
)
def test_of_a_low_piece_the_network_must_be_sure(height_mm, mean, spur):
    seen, canal = seen_with(slice(5, 5 + height_mm), slice(20, 40))
    seen.ossification[seen.ossification > 0] = round(255 * mean)
    after = set_spurs_apart(seen, canal)
    assert bool((after.classes == Fine.OSSIFICATION).any()) is not spur
