"""How much the fine pass makes of a network's doubt about ossification."""

import numpy as np
import pytest

from canalis.segment.classes import Fine
from canalis.segment.fcn import CANAL_CLASSES, OSSIFICATION_ODDS, segment_finely, weigh_ossification
from canalis.segment.tube import Tube
from canalis.volume import Volume

DOUBTFUL, SHAPE = 0.42, (30, 96, 96)


def probabilities(ossification: float) -> np.ndarray:
    """Return a doubt between ossification and free canal, a tenth of it bone."""
    out = np.zeros((1, len(Fine), 2, 2), np.float32)
    out[:, Fine.OSSIFICATION] = ossification
    out[:, Fine.RESIDUAL_CANAL] = 0.9 * (1 - ossification)
    out[:, Fine.BODY] = 0.1 * (1 - ossification)
    return out


@pytest.mark.parametrize("ossification", [0.0, 0.1, DOUBTFUL, 0.9, 1.0])
def test_odds_of_ossification_grow_and_the_others_keep_their_proportion(ossification):
    before = probabilities(ossification)
    after = weigh_ossification(before, 1.6)
    np.testing.assert_allclose(after.sum(axis=1), 1, atol=1e-6)
    rest = 1 - before[:, Fine.OSSIFICATION]
    np.testing.assert_allclose(
        after[:, Fine.OSSIFICATION] * rest,
        1.6 * before[:, Fine.OSSIFICATION] * (1 - after[:, Fine.OSSIFICATION]),
        atol=1e-6,
    )
    if ossification < 1:
        np.testing.assert_allclose(
            after[:, Fine.BODY] / after[:, Fine.RESIDUAL_CANAL],
            before[:, Fine.BODY] / before[:, Fine.RESIDUAL_CANAL],
        )
    np.testing.assert_allclose(weigh_ossification(before, 1.0), before, atol=1e-6)


class Doubtful:
    """A network that gives one answer everywhere."""

    name, threads, slice_offsets = "fine", 1, (0,)

    def run(self, hu: np.ndarray) -> tuple[np.ndarray]:
        return (
            np.broadcast_to(probabilities(DOUBTFUL)[..., :1, :1], (len(hu), len(Fine), *hu.shape[2:])).copy(),
        )


def test_the_fine_pass_calls_a_doubt_ossification_that_the_network_alone_would_not():
    volume = Volume(np.zeros(SHAPE[::-1], np.int16), np.diag([0.5, 0.5, 1.0, 1.0]))
    down = np.arange(25.0)
    points = np.stack([np.full(25, 24.0), np.full(25, 24.0), 27.0 - down], axis=1)
    ways = (np.tile(np.array(way, float), (len(points), 1)) for way in ((0, 0, -1), (0, -1, 0), (1, 0, 0)))
    tube = Tube(points, *ways)
    seen = segment_finely(volume, tube, Doubtful())
    looked = seen.canal > 0
    assert looked.any()
    assert (seen.classes[looked] == Fine.OSSIFICATION).all()
    wanted = OSSIFICATION_ODDS * DOUBTFUL / (1 + (OSSIFICATION_ODDS - 1) * DOUBTFUL)
    np.testing.assert_allclose(seen.ossification[looked] / 255, wanted, atol=0.005)
    canal = weigh_ossification(probabilities(DOUBTFUL))[0, list(CANAL_CLASSES), 0, 0].sum()
    np.testing.assert_allclose(seen.canal[looked] / 255, canal, atol=0.005)
