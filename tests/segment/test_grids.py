import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from canalis.segment.grids import AIR_HU, FINE_SPACING_MM, Grid, coarse_grid, look_up, resample_hu
from canalis.volume import Volume, reorder_axes

AFFINE = np.array([[0, 0, 0.4, -100], [0, 0.6, 0, -90], [1.1, 0, 0, 900], [0, 0, 0, 1]])
SHAPE = (20, 30, 40)
ORDERS = list(itertools.permutations(range(3)))
FLIPS = list(itertools.product([False, True], repeat=3))


def slope(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A field that linear interpolation must return exactly."""
    return 3 * (points[..., 0] + 95) + 2 * (points[..., 1] + 85) - (points[..., 2] - 905)


def places(affine: NDArray[np.float64], shape: tuple[int, int, int]) -> NDArray[np.float64]:
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1)
    return np.asarray(index @ affine[:3, :3].T + affine[:3, 3])


def sloping_volume(affine: NDArray[np.float64] = AFFINE) -> Volume:
    return Volume(slope(places(affine, SHAPE)).astype(np.float32), affine)


INNER = Grid((-97.0, -86.0, 903.3), FINE_SPACING_MM, (12, 14, 22))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("flip", FLIPS)
def test_a_sloping_field_is_resampled_exactly_in_any_orientation(
    order: tuple[int, int, int], flip: tuple[bool, bool, bool]
) -> None:
    found = resample_hu(sloping_volume().with_axes(order, flip), INNER)
    assert np.abs(found - slope(places(INNER.affine, INNER.shape))).max() <= 0.51  # rounded to whole HU


def test_a_turned_scan_is_resampled_to_within_its_rounding() -> None:
    turn = np.radians(7)
    affine = AFFINE.copy()
    affine[:2, :3] = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ AFFINE[:2, :3]
    affine[:3, 3] = (-99.0, -92.0, 900.0)
    found = resample_hu(sloping_volume(affine), INNER)
    inside = found > AIR_HU
    assert inside.mean() > 0.8
    assert np.abs(found - slope(places(INNER.affine, INNER.shape)))[inside].max() <= 1.1


def test_coarsening_averages_instead_of_skipping() -> None:
    rng = np.random.default_rng(0)
    noise = Volume(
        rng.normal(0, 100, (60, 64, 64)).astype(np.float32), np.diag([1.0, 0.5, 0.5, 1])[[2, 1, 0, 3]]
    )
    found = resample_hu(noise, coarse_grid(noise))
    assert 5 < found[2:-2, 2:-2, 2:-2].std() < 20


def test_padding_and_nan_are_air() -> None:
    hu = np.full(SHAPE, 40, dtype=np.float32)
    hu[:, :10], hu[:, 20:] = -3024, np.nan
    found = resample_hu(Volume(hu, AFFINE), Grid((-97.0, -89.0, 903.0), (1.0, 0.6, 0.5), (3, 28, 9)))
    assert found.min() == AIR_HU
    assert (found[:, 10:17] == 40).all()


def test_beyond_the_scan_is_air() -> None:
    found = resample_hu(sloping_volume(), Grid((-300.0, -85.0, 905.0), (1.0, 0.6, 0.5), (3, 4, 5)))
    assert (found == AIR_HU).all()


@pytest.mark.parametrize("order", ORDERS)
def test_labels_come_back_to_the_voxels_they_came_from(order: tuple[int, int, int]) -> None:
    labels = np.random.default_rng(1).integers(0, 255, (9, 11, 13)).astype(np.uint8)
    turned, affine = reorder_axes(labels, AFFINE, order=order, flip=(True, False, True))
    np.testing.assert_array_equal(look_up(labels, AFFINE, affine, turned.shape), turned)
    np.testing.assert_array_equal(look_up(turned, affine, AFFINE, labels.shape), labels)
