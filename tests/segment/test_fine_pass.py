"""Where the fine pass puts what its network answers."""

import numpy as np
import pytest

from canalis.segment.classes import Fine
from canalis.segment.fcn import segment_finely
from canalis.segment.tube import Tube
from canalis.volume import Volume

DENSE_HU = 1000


class ByDensity:
    """A network that calls canal what is dense in the slice it answers for."""

    name, threads, slice_offsets = "fine", 1, (-1, 0, 1)

    def run(self, hu: np.ndarray) -> tuple[np.ndarray]:
        share = np.clip(hu[:, 1] / DENSE_HU, 0, 1)
        out = np.zeros((len(hu), len(Fine), *hu.shape[2:]), np.float32)
        out[:, Fine.RESIDUAL_CANAL], out[:, Fine.OUTSIDE] = share, 1 - share
        return (out,)


@pytest.mark.parametrize("slice_mm", [0.6, 1.0, 1.9, 2.0, 2.5, 3.0])
@pytest.mark.parametrize("odd", [0, 1])
def test_an_answer_stands_at_its_own_slice_whatever_the_slices(slice_mm, odd):
    slices = round(60 / slice_mm)
    first, last = slices // 3 + odd, 2 * slices // 3
    hu = np.zeros((slices, 96, 96), np.int16)
    hu[first : last + 1] = DENSE_HU
    affine = np.array([[0, 0, 0.5, 0], [0, 0.5, 0, 0], [slice_mm, 0, 0, 0], [0, 0, 0, 1.0]])
    down = np.arange(1.0, (slices - 1) * slice_mm - 1)
    points = np.stack([np.full(len(down), 24.0), np.full(len(down), 24.0), down[::-1]], axis=1)
    ways = (np.tile(np.array(way, float), (len(points), 1)) for way in ((0, 0, -1), (0, -1, 0), (1, 0, 0)))
    seen = segment_finely(Volume(hu, affine), Tube(points, *ways), ByDensity())
    height = seen.grid.origin_lps[2] + np.arange(seen.grid.shape[0]) * seen.grid.spacing_mm[0]
    share = seen.canal[:, 48, 48] / 255.0
    middle = float((share * height).sum() / share.sum())
    assert middle == pytest.approx((first + last) / 2 * slice_mm, abs=0.1)
    drawn = height[seen.classes[:, 48, 48] == Fine.RESIDUAL_CANAL]
    assert drawn[0] == pytest.approx((first - 0.5) * slice_mm, abs=1.01)
    assert drawn[-1] == pytest.approx((last + 0.5) * slice_mm, abs=1.01)
