import numpy as np
import pytest

from canalis.refine import CANAL_ENERGY, LEAVE_MM, Guides, Snakes, refine_outlines

from .planes import Neck, boundary_distances_mm, displaced, random_neck

PIXEL = (0.4, 0.4)


def mean_error(contour, neck):
    return boundary_distances_mm(contour, neck.outline(256)).mean()


@pytest.fixture(scope="module")
def twenty():
    rng = np.random.default_rng(2_000_010)
    necks = [random_neck(rng) for _ in range(20)]
    images = np.stack([n.image(noise_hu=rng.uniform(20, 80), seed=i) for i, n in enumerate(necks)])
    starts = np.stack([displaced(n, rng, most_mm=1.5, waves=8) for n in necks])
    return necks, images, starts, refine_outlines(images, PIXEL, starts)


def test_outlines_one_and_a_half_millimetres_off_come_onto_the_cortex(twenty):
    necks, _, starts, found = twenty
    before = np.mean([mean_error(c, n) for c, n in zip(starts, necks, strict=True)])
    after = np.mean([mean_error(c, n) for c, n in zip(found.contours_mm, necks, strict=True)])
    assert before > 0.5
    assert after < 0.2


def test_no_outline_leaves_the_networks_by_more_than_the_limit(twenty):
    _, _, starts, found = twenty
    assert np.linalg.norm(found.snakes_mm - starts, axis=-1).max() <= LEAVE_MM + 1e-4


def test_every_outline_that_did_not_settle_is_the_networks_own_and_says_so(twenty):
    _, images, starts, _ = twenty
    noise = np.random.default_rng(3).normal(50, 30, images.shape).astype(np.float32)
    found = refine_outlines(noise, PIXEL, starts)
    assert not found.converged.any()
    assert found.used == ("start",) * len(starts)
    np.testing.assert_array_equal(found.contours_mm, starts)
    assert len(found.warnings) == len(starts)
    assert "bone edge under only" in found.reasons[0]


def ossified() -> tuple[Neck, Snakes, np.ndarray, np.ndarray]:
    neck = Neck(ossification_mm=4.0)
    start = neck.outline(128)
    along_mass = np.abs(start[:, 1] - 24) < 7
    along_mass &= start[:, 0] < 24
    image = neck.image(noise_hu=40.0)
    found = refine_outlines(
        image[None],
        PIXEL,
        start[None],
        guides=Guides(
            point_weights=np.where(along_mass, 0.0, 1.0)[None],
            leave_mm=np.where(along_mass, 0.0, 2.0)[None],
        ),
    )
    return neck, found, start, along_mass


def test_points_held_along_ossification_stay_on_the_networks_outline():
    neck, found, start, along_mass = ossified()
    assert found.converged.all()
    np.testing.assert_allclose(found.contours_mm[0][along_mass], start[along_mass], atol=1e-4)
    assert mean_error(found.contours_mm[0], neck) < 0.15


def test_points_not_held_along_ossification_would_go_to_the_back_of_the_mass():
    neck, _, start, along_mass = ossified()
    front = start - np.array([0.0, 0.0])
    front[along_mass, 0] += 3.0
    found = refine_outlines(neck.image(noise_hu=40.0)[None], PIXEL, front[None])
    middle = np.abs(front[:, 1] - 24) < 2
    middle &= front[:, 0] < 24
    wall = 24 - neck.radius(np.array(np.pi))
    assert found.contours_mm[0][middle, 0].mean() == pytest.approx(wall + 4.0, abs=0.4)


def test_default_energy_weighs_the_bone_edge_only():
    assert CANAL_ENERGY.bone_edge > 0
    assert CANAL_ENERGY.gaussian_edge == CANAL_ENERGY.prior == CANAL_ENERGY.balloon == 0
