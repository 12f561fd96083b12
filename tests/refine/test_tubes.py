"""Contours of neighbouring planes, tied along the canal."""

import numpy as np
import pytest

from canalis.refine import Energy, Guides, SnakeSettings, refine_outlines, snake

from .planes import Neck, boundary_distances_mm, displaced

PIXEL = (0.4, 0.4)
OPEN = {"flavum_half_deg": 60.0, "foramen_half_deg": 25.0}


@pytest.fixture(scope="module")
def tube():
    """Nine planes down one canal, every third without laminae."""
    rng = np.random.default_rng(2_000_100)
    necks = [
        Neck(width_mm=24 + 0.2 * k, depth_mm=14 - 0.1 * k, **(OPEN if k % 3 == 1 else {})) for k in range(9)
    ]
    images = np.stack([n.image(noise_hu=40, seed=k) for k, n in enumerate(necks)])
    starts = np.stack([displaced(n, rng, most_mm=2.0) for n in necks])
    return necks, images, starts


def errors(contours, necks):
    return np.array(
        [boundary_distances_mm(c, n.outline(256)).mean() for c, n in zip(contours, necks, strict=True)]
    )


def test_a_gap_in_the_ring_is_bridged_by_the_neighbouring_planes(tube):
    necks, images, starts = tube
    alone = errors(refine_outlines(images, PIXEL, starts).contours_mm, necks)
    tied = refine_outlines(images, PIXEL, starts, guides=Guides(tubes=np.zeros(9, np.intp)))
    together = errors(tied.contours_mm, necks)
    assert tied.converged.all()
    assert together[1::3].mean() < 0.2
    assert together[1::3].mean() < 0.6 * alone[1::3].mean()
    assert together.mean() < 0.2


def test_two_tubes_in_one_call_go_where_each_goes_alone(tube):
    _, images, starts = tube
    tubes = np.repeat([7, 3], [5, 4])
    both = refine_outlines(images, PIXEL, starts, guides=Guides(tubes=tubes))
    first = refine_outlines(images[:5], PIXEL, starts[:5], guides=Guides(tubes=tubes[:5]))
    second = refine_outlines(images[5:], PIXEL, starts[5:], guides=Guides(tubes=tubes[5:]))
    np.testing.assert_allclose(both.contours_mm[:5], first.contours_mm, atol=0.03)
    np.testing.assert_allclose(both.contours_mm[5:], second.contours_mm, atol=0.03)


def test_a_tie_alone_brings_all_contours_to_their_mean():
    turn = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    ring = np.stack([20 + np.cos(turn), 20 + np.sin(turn)], axis=-1) - 20
    starts = np.stack([20 + size * ring for size in (6.0, 7.0, 11.0)])
    found = snake(np.zeros((3, 60, 60)), (0.7, 0.7), starts, Energy(tie=1.0), SnakeSettings(settled_mm=1e-5))
    radius = np.linalg.norm(found.contours_mm - 20, axis=-1).mean(axis=-1)
    np.testing.assert_allclose(radius, 8.0, atol=1e-3)


def test_a_tube_ends_as_one(tube):
    _, images, starts = tube
    found = refine_outlines(images, PIXEL, starts, guides=Guides(tubes=np.zeros(9, np.intp)))
    assert len(set(found.iterations.tolist())) == 1


def test_a_plane_that_its_neighbours_lead_astray_is_given_its_start_back():
    necks = [Neck(width_mm=24, depth_mm=14) for _ in range(5)]
    necks[2] = Neck(width_mm=19, depth_mm=10, flavum_half_deg=12.0)
    images = np.stack([n.image(noise_hu=40, seed=k) for k, n in enumerate(necks)])
    starts = np.stack([n.outline(128) for n in necks])
    energy = Energy(bone_edge=1.0, rigidity=2.0, tie=20.0)
    settings = SnakeSettings(settled_mm=0.04, leave_mm=4.5, least_support=0.3)
    found = snake(images, PIXEL, starts, energy, settings, guides=Guides(tubes=np.zeros(5, np.intp)))
    astray = errors(found.snakes_mm, necks)
    assert astray[2] > 0.8
    assert found.converged.tolist() == [True, True, False, True, True]
    assert "without its neighbours it settles" in found.reasons[2]
    np.testing.assert_array_equal(found.contours_mm[2], starts[2])
