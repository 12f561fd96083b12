"""Volumes and masks: what they refuse, and that axes can be stored in any order."""

import itertools

import numpy as np
import pytest

from canalis.errors import GeometryError
from canalis.volume import Mask, Probability, Volume, reorder_axes, slice_gap_mm, slices_first

ORDERS = list(itertools.permutations(range(3)))
FLIPS = list(itertools.product([False, True], repeat=3))
TURN = np.linalg.qr(np.array([[0.9, 0.2, 0.1], [-0.3, 1.0, 0.2], [0.1, -0.2, 1.1]]))[0]


def oblique_affine():
    affine = np.eye(4)
    affine[:3, :3] = TURN * [1.25, 0.7, 0.4]
    affine[:3, 3] = (-12.0, 33.0, 871.0)
    return affine


def oblique_volume():
    """3 x 4 x 5 voxels of values 0 to 59, each axis with its own spacing and an oblique direction."""
    return Volume(np.arange(60, dtype=np.int16).reshape(3, 4, 5), oblique_affine())


def oblique_mask():
    return Mask(np.arange(60, dtype=np.uint8).reshape(3, 4, 5), oblique_affine())


def places_by_value(voxels, grid):
    index = np.argwhere(voxels >= 0)
    return grid.to_lps(index)[np.argsort(voxels[tuple(index.T)])]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("flip", FLIPS)
def test_reordering_axes_leaves_every_voxel_where_it_was_in_the_body(order, flip):
    before = oblique_volume()
    after = before.with_axes(order, flip)
    assert after.shape == tuple(before.shape[axis] for axis in order)
    assert np.abs(places_by_value(before.hu, before) - places_by_value(after.hu, after)).max() < 1e-9
    mask = oblique_mask().with_axes(order, flip)
    assert mask.geometry_equal(after)
    assert np.array_equal(mask.labels, after.hu)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("flip", FLIPS)
def test_places_and_indices_are_each_others_inverse(order, flip):
    volume = oblique_volume().with_axes(order, flip)
    index = np.array([[0.0, 0, 0], [1.5, 2.25, 0.5], [2, 3, 2]])
    assert volume.to_index(volume.to_lps(index)) == pytest.approx(index, abs=1e-9)
    assert volume.to_lps([1, 0, 0]) - volume.to_lps([0, 0, 0]) == pytest.approx(volume.affine[:3, 0])


@pytest.mark.parametrize("order", ORDERS)
def test_the_axis_along_the_body_does_not_depend_on_spacings(order):
    """Sagittal slices of 3 mm, rolled by 8 degrees, rise more from one to the next than their rows do."""
    cos, sin = np.cos(np.radians(8)), np.sin(np.radians(8))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[cos, sin, 0], [0, 0, 1], [sin, -cos, 0]]) * [3.0, 0.4, 0.5]
    volume = Volume(np.zeros((4, 50, 40), np.int16), affine).with_axes(order, (False, True, False))
    assert slices_first(volume.affine)[0] == order.index(1)
    assert slice_gap_mm(volume) == pytest.approx(0.4)


def test_an_order_that_names_an_axis_twice_is_refused():
    with pytest.raises(GeometryError, match=r"order of the axes 0, 1 and 2, found \(0, 0, 1\)"):
        reorder_axes(np.zeros((2, 3, 4)), np.eye(4), order=(0, 0, 1), flip=(False,) * 3)


def test_spacing_and_shape_follow_the_array_axes():
    volume = oblique_volume()
    assert volume.shape == (3, 4, 5)
    assert volume.spacing_mm == pytest.approx((1.25, 0.7, 0.4))


def test_arrays_and_affines_become_read_only():
    volume = oblique_volume()
    with pytest.raises(ValueError, match="read-only"):
        volume.hu[0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        volume.affine[0, 0] = 1


@pytest.mark.parametrize("make", [Volume, Mask, Probability])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a[:3], "finite 4 x 4 affine, found shape"),
        (lambda a: a * np.nan, "finite 4 x 4 affine"),
        (lambda a: a * [1, 0, 1, 1], "spacings above 0 mm"),
        (lambda a: a @ np.array([[1, 0, 0, 0], [0.02, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "degrees off"),
    ],
)
def test_affines_that_place_nothing_are_refused(make, change, said):
    voxels = np.zeros((3, 4, 5), np.int16 if make is Volume else np.uint8)
    with pytest.raises(GeometryError, match=said):
        make(voxels, change(oblique_affine()))


def test_arrays_of_other_ranks_and_types_are_refused():
    with pytest.raises(GeometryError, match=r"slices x rows x columns, found shape \(3, 4\)"):
        Volume(np.zeros((3, 4), np.int16), np.eye(4))
    with pytest.raises(GeometryError, match="float32 or int16 Hounsfield units, found float64"):
        Volume(np.zeros((3, 4, 5)), np.eye(4))
    with pytest.raises(GeometryError, match="uint8 label map, found int16"):
        Mask(np.zeros((3, 4, 5), np.int16), np.eye(4))
    with pytest.raises(GeometryError, match="uint8 probability, found float64"):
        Probability(np.zeros((3, 4, 5)), np.eye(4))


def test_grids_are_equal_within_a_micrometre_at_every_corner():
    volume, mask = oblique_volume(), oblique_mask()
    assert volume.geometry_equal(mask)
    moved = oblique_affine()
    moved[0, 3] += 0.01
    assert not volume.geometry_equal(Mask(mask.labels, moved))
    assert not volume.geometry_equal(Mask(mask.labels[:2], oblique_affine()))
