"""The contour engine against closed forms, and what it says when it fails."""

import numpy as np
import pytest

from canalis.errors import MeasurementError
from canalis.refine import Energy, Guides, PlaneFrames, SnakeSettings, snake

from .planes import Neck, boundary_distances_mm, displaced

PIXEL = (0.4, 0.4)
BLANK = np.zeros((1, 120, 100), np.float32)
BONE = Energy(bone_edge=1.0, tension=0.2, rigidity=2.0)


def circle(radius_mm, *, points=128, center=(22.0, 21.0)):
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([center[0] + radius_mm * np.cos(turn), center[1] + radius_mm * np.sin(turn)], axis=-1)


def mean_radius(contour, center=(22.0, 21.0)):
    return np.linalg.norm(contour - np.array(center), axis=-1).mean()


def stepped(energy, *, steps, step):
    """A circle of 8 mm after so many steps; the spacing is renewed at each."""
    settings = SnakeSettings(
        step=step, max_iterations=steps, check_every=1, settled_mm=1e-12, fall_back=False
    )
    return snake(BLANK, PIXEL, circle(8.0)[None], energy, settings)


def test_a_circle_under_tension_shrinks_as_the_root_of_time():
    found = stepped(Energy(tension=1.0), steps=200, step=0.05)
    assert found.iterations[0] == 200
    closed_form = np.sqrt(8.0**2 - 2 * 1.0 * 200 * 0.05)  # dR/dt = -alpha/R
    assert mean_radius(found.snakes_mm[0]) == pytest.approx(closed_form, rel=1e-3)


def test_a_circle_under_rigidity_shrinks_as_the_fourth_root_of_time():
    found = stepped(Energy(rigidity=20.0), steps=200, step=0.1)
    closed_form = (8.0**4 - 4 * 20.0 * 200 * 0.1) ** 0.25  # dR/dt = -beta/R^3
    assert mean_radius(found.snakes_mm[0]) == pytest.approx(closed_form, rel=1e-3)


def test_a_circle_under_a_balloon_grows_by_its_force_times_the_time():
    found = stepped(Energy(balloon=0.5), steps=40, step=0.2)
    assert mean_radius(found.snakes_mm[0]) == pytest.approx(8.0 + 0.5 * 40 * 0.2, abs=1e-3)


@pytest.mark.parametrize("rest", ["none", "start"])
def test_a_circle_attached_to_its_start_gives_way_to_a_balloon_by_force_over_spring(rest):
    energy = Energy(balloon=0.5, attachment=0.25)
    found = snake(BLANK, PIXEL, circle(8.0)[None], energy, SnakeSettings(rest=rest, settled_mm=1e-4))
    assert found.converged.all()
    assert mean_radius(found.contours_mm[0]) == pytest.approx(8.0 + 0.5 / 0.25, abs=2e-3)


def test_a_shape_at_rest_is_not_shrunk_by_the_internal_force():
    start = displaced(Neck(), np.random.default_rng(4), most_mm=2.0)[None]
    found = snake(BLANK, PIXEL, start, Energy(tension=1.0, rigidity=5.0), SnakeSettings(rest="start"))
    assert found.converged.all()
    np.testing.assert_allclose(found.contours_mm, start, atol=1e-4)


@pytest.mark.parametrize("backwards", [False, True])
def test_the_way_round_does_not_matter(backwards):
    neck = Neck()
    start = displaced(neck, np.random.default_rng(5), most_mm=3.0)
    start = start[::-1] if backwards else start
    found = snake(neck.image(noise_hu=30)[None], PIXEL, start[None], BONE)
    assert found.converged.all()
    assert boundary_distances_mm(found.contours_mm[0], neck.outline()).mean() < 0.2


def test_many_contours_at_once_go_where_each_goes_alone():
    rng = np.random.default_rng(6)
    necks = [Neck(width_mm=w, depth_mm=d) for w, d in ((22, 12), (27, 16), (24, 14))]
    images = np.stack([n.image(noise_hu=40, seed=i) for i, n in enumerate(necks)])
    starts = np.stack([displaced(n, rng, most_mm=3.0) for n in necks])
    together = snake(images, PIXEL, starts, BONE)
    for k in range(3):
        alone = snake(images[k : k + 1], PIXEL, starts[k : k + 1], BONE)
        np.testing.assert_allclose(together.contours_mm[k], alone.contours_mm[0], atol=0.05)


def test_the_energy_falls_from_the_first_check_to_the_last():
    neck = Neck()
    start = displaced(neck, np.random.default_rng(7), most_mm=2.0)[None]
    found = snake(neck.image()[None], PIXEL, start, Energy(gaussian_edge=1.0, tension=0.05))
    assert found.energy_history.shape[1] == 1
    assert found.energy_history[-1, 0] < found.energy_history[0, 0]


def test_points_in_the_patient_lie_on_their_plane():
    neck = Neck()
    frames = PlaneFrames(
        origin_lps=np.array([[10.0, -20.0, 300.0]]),
        down_lps=np.array([[0.0, 0.8, -0.6]]),
        right_lps=np.array([[1.0, 0.0, 0.0]]),
    )
    found = snake(neck.image()[None], PIXEL, neck.outline()[None], BONE, guides=Guides(frames=frames))
    down, right = found.contours_mm[0, 17]
    expected = (
        np.array([10.0, -20.0, 300.0]) + down * np.array([0, 0.8, -0.6]) + right * np.array([1.0, 0, 0])
    )
    np.testing.assert_allclose(found.points_lps_mm[0, 17], expected)


def test_a_figure_of_eight_is_undone_before_the_first_step():
    neck = Neck()
    start = neck.outline(128, grow_mm=-1.0)
    start[40:50] = start[40:50][::-1]
    found = snake(neck.image()[None], PIXEL, start[None], BONE)
    assert found.converged.all()
    assert boundary_distances_mm(found.contours_mm[0], neck.outline()).mean() < 0.2


def test_a_contour_without_anything_to_hold_it_collapses_and_says_so():
    found = snake(BLANK, PIXEL, circle(5.0)[None], Energy(tension=2.0), SnakeSettings(step=0.5))
    assert not found.converged[0]
    assert "collapsed" in found.reasons[0]
    assert found.used == ("start",)
    np.testing.assert_array_equal(found.contours_mm[0], circle(5.0))
    assert [w.code for w in found.warnings] == ["contour-not-settled"]


def test_a_contour_blown_out_of_its_image_says_so():
    found = snake(BLANK, PIXEL, circle(15.0)[None], Energy(balloon=2.0))
    assert not found.converged[0]
    assert "left the image" in found.reasons[0]


def test_a_contour_that_runs_out_of_steps_says_how_fast_it_still_moves():
    found = snake(BLANK, PIXEL, circle(8.0)[None], Energy(balloon=0.2), SnakeSettings(max_iterations=10))
    assert found.reasons[0] == "still moving 0.200 mm per unit of time after 10 steps"


def test_a_contour_stopped_by_its_limit_all_round_says_so():
    settings = SnakeSettings(leave_mm=1.5)
    found = snake(BLANK, PIXEL, circle(8.0)[None], Energy(balloon=0.5), settings)
    assert not found.converged[0]
    assert "100 % of its points stand at the limit" in found.reasons[0]
    assert mean_radius(found.snakes_mm[0]) == pytest.approx(9.5, abs=1e-3)


def test_without_fall_back_the_unsettled_snake_is_given_and_named():
    settings = SnakeSettings(leave_mm=1.5, fall_back=False)
    found = snake(BLANK, PIXEL, circle(8.0)[None], Energy(balloon=0.5), settings)
    assert found.used == ("snake",)
    np.testing.assert_array_equal(found.contours_mm, found.snakes_mm)
    assert "used all the same" in found.warnings[0].message


def raised_by(match, *, images=BLANK, spacing=PIXEL, contours=None, energy=BONE, **more):
    with pytest.raises(MeasurementError, match=match):
        snake(images, spacing, circle(8.0)[None] if contours is None else contours, energy, **more)
    return True


def test_an_image_with_nan_is_refused_with_its_plane():
    images = np.zeros((2, 120, 100))
    images[1, 5, 7] = np.nan
    contours = np.stack([circle(8.0)] * 2)
    assert raised_by("1 NaN or infinite pixels on plane 1", images=images, contours=contours)


def test_a_contour_outside_the_image_is_refused_with_its_distance():
    assert raised_by("2.00 mm outside the image on plane 0", contours=circle(8.0, center=(6.0, 21.0))[None])


def test_fewer_than_eight_points_are_refused():
    assert raised_by("fewer than 8: 7", contours=circle(8.0, points=7)[None])


def test_a_start_without_area_is_refused():
    line = circle(8.0)
    line[:, 1] = 20.0
    assert raised_by("an area of 0.00 mm² on plane 0", contours=line[None])


def test_a_contour_with_nan_is_refused():
    contour = circle(8.0)
    contour[3, 1] = np.nan
    assert raised_by("NaN or infinite points on plane 0", contours=contour[None])


@pytest.mark.parametrize(
    ("match", "change"),
    [
        ("one contour a plane, found 2 for 1", {"contours": np.stack([circle(8.0)] * 2)}),
        ("shape \\(planes, points, 2\\)", {"contours": circle(8.0)}),
        ("shape \\(planes, rows, columns\\)", {"images": BLANK[0]}),
        ("spacing above 0 mm", {"spacing": (0.4, 0.0)}),
        ("needs the network's probability", {"energy": Energy(prior=1.0)}),
        ("leave_mm of at least 0, found NaN", {"guides": Guides(leave_mm=np.array([np.nan]))}),
        ("point_weights for 1 contours of 128", {"guides": Guides(point_weights=np.ones((1, 60)))}),
        (
            "on the images' pixels",
            {"energy": Energy(prior=1.0), "guides": Guides(probability=np.zeros((1, 60, 60), np.float32))},
        ),
    ],
)
def test_input_that_does_not_fit_is_refused(match, change):
    assert raised_by(match, **change)


@pytest.mark.parametrize(
    ("match", "build"),
    [
        ("weight of at least 0 for tension, found -1", lambda: Energy(tension=-1.0)),
        ("weight of at least 0 for balloon, found nan", lambda: Energy(balloon=np.nan)),
        ("reach_mm above 0", lambda: Energy(reach_mm=0.0)),
        ("sure_rise_hu above least_rise_hu", lambda: Energy(sure_rise_hu=20.0)),
        ("step above 0", lambda: SnakeSettings(step=0.0)),
        ("leave_mm of at least 0 mm", lambda: SnakeSettings(leave_mm=-1.0)),
        ("spacing_ratio above 1", lambda: SnakeSettings(spacing_ratio=1.0)),
    ],
)
def test_weights_and_settings_out_of_range_are_refused(match, build):
    with pytest.raises(MeasurementError, match=match):
        build()


def laminae_apart(half_deg):
    """A canal without bone along a share of its back, and the start on its true outline."""
    neck = Neck(flavum_half_deg=half_deg)
    start = neck.outline()
    away = start - np.array(neck.center_mm)
    bare = np.abs(np.degrees(np.arctan2(away[:, 1], away[:, 0]))) < half_deg
    return neck.image(noise_hu=30)[None], start[None], bare


@pytest.mark.parametrize(("half_deg", "reported"), [(20.0, False), (50.0, True)])
def test_a_plane_alone_without_bone_along_a_fifth_of_its_outline_is_reported(half_deg, reported):
    image, start, bare = laminae_apart(half_deg)
    assert (bare.mean() > 0.2) == reported
    found = snake(image, PIXEL, start, BONE)
    assert found.support[0] > 0.55
    assert found.converged[0] != reported
    if reported:
        assert "no bone edge along" in found.reasons[0]
        assert "in one run" in found.warnings[0].message


def test_a_gap_that_the_caller_holds_or_allows_is_not_reported():
    image, start, bare = laminae_apart(50.0)
    held = Guides(point_weights=np.where(bare, 0.0, 1.0)[None], leave_mm=np.where(bare, 0.0, 2.0)[None])
    assert snake(image, PIXEL, start, BONE, guides=held).converged[0]
    assert snake(image, PIXEL, start, BONE, SnakeSettings(longest_bare=1.0)).converged[0]


def test_a_gap_is_not_reported_where_neighbouring_planes_bear_the_contour():
    image, start, _ = laminae_apart(50.0)
    closed = Neck()
    images = np.concatenate([closed.image(noise_hu=30, seed=1)[None], image, closed.image(noise_hu=30)[None]])
    starts = np.concatenate([closed.outline()[None], start, closed.outline()[None]])
    tied = Energy(bone_edge=1.0, rigidity=2.0, tie=1.0)
    assert snake(images, PIXEL, starts, tied).converged.all()
    assert not snake(image, PIXEL, start, tied).converged[0]
