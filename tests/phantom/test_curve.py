"""The curved spine's coordinates."""

import numpy as np
import pytest

from canalis.phantom.curve import bend, spine_lattice
from canalis.phantom.plan import plan_neck


@pytest.mark.parametrize("seed", [2_000_000, 2_000_001, 2_000_002])
def test_a_point_placed_along_the_spine_is_found_there_again(seed):
    neck = plan_neck(np.random.default_rng(seed))
    rng = np.random.default_rng(1)
    spine = np.column_stack(
        [rng.uniform(-30, 30, 300), rng.uniform(-30, 40, 300), rng.uniform(-60, 110, 300)]
    )
    found = neck.curve.locate(neck.curve.place(spine))
    assert np.abs(found - spine).max() < 0.02  # mm: an eighth of a voxel of 0.16 mm


def test_a_straight_upright_curve_leaves_coordinates_as_they_are():
    s = np.arange(-50.0, 51.0)
    flat = np.zeros_like(s)
    curve = bend(
        s_mm=s,
        tilt_deg=flat,
        sway_deg=flat,
        turn_deg=flat,
        anchor_s_mm=0.0,
        anchor_lps=np.array([1.0, 2.0, 3.0]),
    )
    placed = curve.place(np.array([[4.0, 5.0, 6.0]]))
    np.testing.assert_allclose(placed, [[5.0, 7.0, 9.0]], atol=1e-9)


def test_a_head_tilted_forward_lies_in_front():
    s = np.arange(0.0, 101.0)
    curve = bend(
        s_mm=s,
        tilt_deg=np.full(101, 20.0),
        sway_deg=0 * s,
        turn_deg=0 * s,
        anchor_s_mm=0.0,
        anchor_lps=np.zeros(3),
    )
    top = curve.point_at(100.0)
    np.testing.assert_allclose(
        top, [0, -100 * np.sin(np.radians(20)), 100 * np.cos(np.radians(20))], atol=1e-9
    )


def test_the_coarse_lattice_interpolates_coordinates_to_a_fiftieth_of_a_millimetre():
    neck = plan_neck(np.random.default_rng(2_000_003))
    lattice = spine_lattice(neck.curve, np.array([-20.0, -30.0, 0.0]), np.array([20.0, 30.0, 60.0]))
    z, y, x = np.array([11.3, 40.7]), np.array([-9.1, 13.3]), np.array([-7.7, 12.1])
    drawn = lattice.draw(z, y, x)
    points = np.stack(np.meshgrid(z, y, x, indexing="ij"), axis=-1)[..., ::-1].reshape(-1, 3)
    exact = neck.curve.locate(points).T.reshape(drawn.shape)
    assert np.abs(drawn - exact).max() < 0.02
