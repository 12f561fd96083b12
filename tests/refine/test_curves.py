"""Closed curves: areas, normals, equal arcs, crossings."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from canalis.refine.curves import (
    crossings,
    equal_arc_places,
    is_star_shaped,
    longest_run,
    outward_normals,
    perimeter,
    read_at,
    signed_area,
    spacing_ratio,
    uncrossed_places,
)


def ellipse(rows_mm=5.0, columns_mm=9.0, points=200):
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return rows_mm * np.cos(turn) + 1j * columns_mm * np.sin(turn) + (20 + 30j)


def test_area_and_length_of_an_ellipse_are_the_closed_form():
    assert np.isclose(signed_area(ellipse()), np.pi * 45, rtol=1e-3)
    assert np.isclose(signed_area(ellipse()[::-1]), -np.pi * 45, rtol=1e-3)
    assert np.isclose(perimeter(ellipse(7.0, 7.0)), 14 * np.pi, rtol=1e-3)


def test_normals_point_outwards_whichever_way_the_points_run():
    for curve in (ellipse(), ellipse()[::-1]):
        normals = outward_normals(curve)
        assert ((np.conj(curve - (20 + 30j)) * normals).real > 0).all()
        assert np.allclose(np.abs(normals), 1.0)


@given(seed=st.integers(0, 10**6), points=st.integers(8, 200))
@settings(deadline=None, max_examples=30)
def test_equal_arcs_are_equal_and_leave_point_zero_in_place(seed, points):
    rng = np.random.default_rng(seed)
    turn = np.sort(rng.uniform(0, 2 * np.pi, 300))
    curve = (10 * np.cos(turn) + 6j * np.sin(turn))[None]
    spread = read_at(curve, equal_arc_places(curve, points))
    assert spread[0, 0] == curve[0, 0]
    along = equal_arc_places(curve, points)[0]
    dense = read_at(curve, np.linspace(0, 300, 60001)[None])[0]
    length = np.concatenate([[0], np.cumsum(np.abs(np.diff(dense)))])
    arcs = np.diff(np.interp(along, np.linspace(0, 300, 60001), length))
    assert arcs.max() - arcs.min() < 0.02 * arcs.mean() + 1e-3


def test_the_spacing_ratio_is_the_longest_over_the_shortest_step():
    corner = np.array([0, 4, 4 + 1j, 1j], dtype=complex)
    assert np.isclose(spacing_ratio(corner), 4.0)


def test_a_simple_curve_has_no_crossing():
    assert crossings(ellipse()) == []
    assert uncrossed_places(ellipse()) is None
    assert is_star_shaped(ellipse())


def test_a_figure_of_eight_crosses_once_in_its_middle():
    turn = np.linspace(0.1, 2 * np.pi + 0.1, 100, endpoint=False)
    eight = np.sin(turn) * 10 + 1j * np.sin(2 * turn) * 4
    found = crossings(eight)
    assert len(found) == 1
    place = read_at(eight[None], np.array([found[0]]))[0]
    assert np.abs(place).max() < 0.1
    assert not is_star_shaped(eight)


@given(at=st.integers(0, 99), size=st.integers(4, 15))
@settings(deadline=None, max_examples=30)
def test_undoing_a_crossing_cuts_the_small_loop_off(at, size):
    curve = np.roll(ellipse(points=100), -at)
    curve[20 : 20 + size] = curve[20 : 20 + size][::-1]
    places = uncrossed_places(curve)
    assert places is not None
    mended = read_at(curve[None], places[None])[0]
    assert len(mended) == 100
    assert crossings(mended) == []
    assert np.isclose(abs(signed_area(mended)), np.pi * 45, rtol=0.06)


def test_a_curve_that_runs_round_twice_is_not_taken_for_a_simple_one():
    turn = np.linspace(0, 4 * np.pi, 100, endpoint=False)
    twice = (5 + 0.02 * turn) * np.exp(1j * turn)
    assert not is_star_shaped(twice)


def test_the_longest_run_goes_on_from_the_last_point_to_the_first():
    flags = np.zeros((4, 10), bool)
    flags[0, [8, 9, 0, 1, 5]] = True
    flags[1, 3:6] = True
    flags[3] = True
    assert longest_run(flags).tolist() == [4, 3, 0, 10]
