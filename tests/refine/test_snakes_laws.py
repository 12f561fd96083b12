"""Laws of the contour engine: what moves the image moves the answer, and rest is rest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canalis.refine import Energy, SnakeSettings, snake

from .planes import Neck, boundary_distances_mm, displaced, random_neck

PIXEL = (0.4, 0.4)
BONE = Energy(bone_edge=1.0, tension=0.2, rigidity=2.0)
GAUSSIAN = Energy(gaussian_edge=1.0, tension=0.05, rigidity=0.2)
FLOW = Energy(gradient_vector_flow=1.0, tension=0.05, rigidity=0.2)
FINE = SnakeSettings(settled_mm=0.002, fall_back=False)
FIELDS = SnakeSettings(settled_mm=0.002, step=0.5, fall_back=False, max_iterations=1000)
GRID_MM = 0.1  # a quarter pixel: what sampling an image elsewhere may move an edge


def found_on(neck, start, energy=BONE, *, shape=(120, 120), spacing=PIXEL, more=FINE):
    """The snake on a plane drawn fresh in the neck's pose."""
    image = neck.image(shape=shape, spacing_mm=spacing)
    return snake(image[None], spacing, start[None], energy, more).snakes_mm[0]


def posed(points, neck, *, turn_deg, shift_mm, mirrored):
    """Points of a plane after the head is mirrored, turned and moved."""
    off = points - np.array(neck.center_mm)
    if mirrored:
        off = off * np.array([1.0, -1.0])
    turn = np.radians(turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return off @ rotation.T + np.array(neck.center_mm) + shift_mm


@given(
    seed=st.integers(0, 10**6),
    turn_deg=st.floats(-180, 180),
    shift_mm=st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    mirrored=st.booleans(),
)
@settings(deadline=None, max_examples=15)
def test_moving_turning_and_mirroring_the_image_moves_the_answer_with_it(seed, turn_deg, shift_mm, mirrored):
    neck = Neck(flavum_half_deg=12.0)
    start = displaced(neck, np.random.default_rng(seed), most_mm=2.0)
    before = found_on(neck, start)
    pose = {"turn_deg": turn_deg, "shift_mm": np.array(shift_mm), "mirrored": mirrored}
    center = tuple(np.array(neck.center_mm) + shift_mm)
    moved = Neck(flavum_half_deg=12.0, center_mm=center, turn_deg=turn_deg, mirrored=mirrored)
    after = found_on(moved, posed(start, neck, **pose))
    assert boundary_distances_mm(posed(before, neck, **pose), after).mean() < GRID_MM


@pytest.mark.parametrize("energy", [BONE, GAUSSIAN, FLOW], ids=["bone", "gaussian", "flow"])
@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_quarter_turns_and_mirrors_of_the_pixels_change_nothing_else(energy, turns, mirrored):
    neck = Neck(turn_deg=10.0, center_mm=(23.8, 23.8))
    image = neck.image(noise_hu=30.0)
    start = displaced(neck, np.random.default_rng(8), most_mm=1.0)
    more = FINE if energy is BONE else FIELDS
    before = snake(image[None], PIXEL, start[None], energy, more).snakes_mm[0]
    last = 119 * 0.4

    def turned(points):
        points = np.stack([points[:, 0], last - points[:, 1]], axis=-1) if mirrored else points
        for _ in range(turns):
            points = np.stack([last - points[:, 1], points[:, 0]], axis=-1)
        return points

    pixels = np.ascontiguousarray(np.rot90(image[:, ::-1] if mirrored else image, turns))
    after = snake(pixels[None], PIXEL, turned(start)[None], energy, more).snakes_mm[0]
    assert boundary_distances_mm(turned(before), after).mean() < 0.02


@given(
    seed=st.integers(0, 10**6),
    row_mm=st.floats(0.3, 0.8),
    column_mm=st.floats(0.3, 0.8),
)
@settings(deadline=None, max_examples=15)
def test_anisotropic_pixels_give_the_same_millimetres(seed, row_mm, column_mm):
    neck = Neck()
    start = displaced(neck, np.random.default_rng(seed), most_mm=2.0)
    square = found_on(neck, start)
    shape = (int(48 / row_mm), int(48 / column_mm))
    other = found_on(neck, start, shape=shape, spacing=(row_mm, column_mm))
    assert boundary_distances_mm(square, other).mean() < max(row_mm, column_mm) / 4  # a quarter pixel again


@given(seed=st.integers(0, 10**6), noise_hu=st.floats(0, 60))
@settings(deadline=None, max_examples=15)
def test_a_settled_contour_fed_back_stays(seed, noise_hu):
    rng = np.random.default_rng(seed)
    neck = random_neck(rng, flavum_half_deg=0.0, foramen_half_deg=0.0)
    image = neck.image(noise_hu=noise_hu, seed=seed)[None]
    first = snake(image, PIXEL, displaced(neck, rng, most_mm=2.0)[None], BONE, FINE)
    again = snake(image, PIXEL, first.snakes_mm, BONE, FINE)
    if first.converged[0]:
        assert boundary_distances_mm(again.snakes_mm[0], first.snakes_mm[0]).mean() < 0.03
    else:
        assert first.reasons[0] != "settled"


@given(seed=st.integers(0, 10**6), points=st.sampled_from([48, 64, 96, 200, 256]))
@settings(deadline=None, max_examples=10)
def test_the_number_of_points_does_not_move_the_outline(seed, points):
    neck = Neck()
    image = neck.image(noise_hu=20.0, seed=seed)[None]
    coarse = displaced(neck, np.random.default_rng(seed), most_mm=1.5, points=points)
    fine = displaced(neck, np.random.default_rng(seed), most_mm=1.5, points=128)
    one = snake(image, PIXEL, coarse[None], BONE, FINE).snakes_mm[0]
    other = snake(image, PIXEL, fine[None], BONE, FINE).snakes_mm[0]
    assert boundary_distances_mm(one, other).mean() < GRID_MM
