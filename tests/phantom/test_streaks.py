"""Streaks and dark bands run where rays through metal and bone run."""

import numpy as np
import pytest

from canalis.phantom.neck import C7, T1
from canalis.phantom.noise import noise_of
from canalis.phantom.plan import plan_neck
from canalis.phantom.scanner import discs_at, shoulder_gain
from canalis.phantom.streaks import _chords, _project_back, _ramped, hardening, metal_streaks, spread

Y, X = np.arange(-40, 50, 0.7), np.arange(-60, 61, 0.7)


def test_rays_through_a_disc_project_back_to_the_disc():
    t = np.arange(-80, 81, 0.7)
    angle = np.pi * np.arange(180) / 180
    rays = _chords(np.array([[12.0, -7.0, 9.0]]), angle, t) * 1000
    image = _project_back(_ramped(rays, 0.7), angle, t, Y, X)
    away = np.hypot(X[None, :] - 12, Y[:, None] + 7)
    assert image[away < 6].mean() == pytest.approx(1000, rel=0.04)  # the ramp is softened
    assert abs(image[(away > 13) & (away < 30)].mean()) < 20


def test_it_is_dark_between_two_metal_teeth_and_less_so_elsewhere():
    discs = np.array([[-25.0, 5.0, 3.0], [25.0, 5.0, 3.0]])
    image = metal_streaks(np.random.default_rng(0), discs, Y, X, strength=1.0)
    line, middle = np.abs(Y - 5) < 1.5, np.abs(X) < 12
    between = image[line][:, middle].mean()
    assert between < -300
    assert np.abs(image[Y > 30][:, middle]).mean() < 0.5 * abs(between)


def test_metal_outside_the_field_still_throws_streaks_into_it():
    discs = np.array([[-20.0, -90.0, 3.5], [20.0, -90.0, 3.5]])
    assert metal_streaks(np.random.default_rng(0), discs, Y, X, strength=1.0).std() > 20


def test_a_slice_cuts_balls_of_metal_to_discs():
    balls = np.array([[1.0, 2.0, 10.0, 3.0], [4.0, 5.0, 20.0, 3.0]])
    discs = discs_at(balls, 12.5, 1.0)
    np.testing.assert_allclose(discs, [[1.0, 2.0, np.sqrt(9 - 4)]])


def test_between_two_dense_bones_lies_a_darker_band():
    hu = np.full((2, 100, 160), 40, dtype=np.float32)
    hu[0, 40:60, 20:45] = hu[0, 40:60, 115:140] = 1600
    cells = hardening(hu, 1.0, strength=0.5)
    band = spread(cells[0], (100, 160), 1.0)
    assert band[45:55, 60:100].mean() < band[5:15, 60:100].mean() - 5
    assert np.abs(cells[1]).max() == 0  # no bone, no band


def test_starved_rays_leave_streaks_from_side_to_side():
    noise = noise_of(np.random.default_rng(1), (120, 150), grain_mm=0.8, pixel_mm=0.5, sharp=False)
    image = noise.slice_of(np.random.default_rng(2), 0.0, 100.0)
    assert image.shape == (120, 150)
    assert image.std() == pytest.approx(100, rel=0.25)
    along, across = (np.abs(np.diff(image, axis=a)).mean() for a in (1, 0))
    assert along < 0.4 * across


def test_the_shoulders_begin_below_c5():
    neck = plan_neck(np.random.default_rng(2_000_003))
    z = [float(neck.curve.point_at(neck.vertebrae[i].s_mm)[2]) for i in (C7 - 3, C7, T1 + 2)]
    gain = shoulder_gain(neck, np.array(z))
    assert gain[0] == 0
    assert 0 < gain[1] < 1
    assert gain[2] == 1
