"""Tilted stacks, against the equation of DICOM PS3.3 C.7.6.2.1.1 and an interpolation of its own.

The equation places pixel (row i, column j) of a slice at S + i * Dr * Y + j * Dc * X, with S Image
Position, X and Y the two halves of Image Orientation, Dr and Dc Pixel Spacing (Patient).
"""

import math

import numpy as np
import pydicom
import pytest
from scipy.interpolate import RegularGridInterpolator

from canalis.read import read_volume

TILTED = {"ge_hispeed": 18.5, "philips_phantom_tilt": 16.5}
TILT = math.radians(17.0)
TILTED_ORIENTATION = (1, 0, 0, 0, math.cos(TILT), -math.sin(TILT))


class Slices:
    """Source slices, each placed by the equation and nothing else."""

    def __init__(self, paths):
        headers = sorted(map(pydicom.dcmread, paths), key=lambda ds: float(ds.ImagePositionPatient[2]))
        first = headers[0]
        self.x = np.array(first.ImageOrientationPatient[:3], float)
        self.y = np.array(first.ImageOrientationPatient[3:], float)
        self.d_row, self.d_column = map(float, first.PixelSpacing)
        self.origins = np.array([ds.ImagePositionPatient for ds in headers], float)
        self.pixels = np.stack([ds.pixel_array * ds.RescaleSlope + ds.RescaleIntercept for ds in headers])
        self.normal = np.cross(self.x, self.y)
        self.normal *= np.sign(self.normal[2])

    def places(self, index):
        k, i, j = index.T
        return self.origins[k] + np.outer(i * self.d_row, self.y) + np.outer(j * self.d_column, self.x)

    def in_slice(self, k, points):
        """Pixel values of slice k where points, dropped onto its plane, meet it; NaN outside."""
        beyond = points - self.origins[k]
        at = np.stack([beyond @ self.y / self.d_row, beyond @ self.x / self.d_column], axis=-1)
        axes = tuple(np.arange(n) for n in self.pixels[k].shape)
        return RegularGridInterpolator(axes, self.pixels[k], bounds_error=False)(at)

    def interpolated(self, points):
        """Values at points, linear between the two slices around each."""
        heights = self.origins @ self.normal
        below = np.clip(np.searchsorted(heights, points @ self.normal) - 1, 0, len(heights) - 2)
        values = np.full(len(points), np.nan)
        for k in np.unique(below):
            here = below == k
            share = (points[here] @ self.normal - heights[k]) / (heights[k + 1] - heights[k])
            values[here] = (1 - share) * self.in_slice(k, points[here]) + share * self.in_slice(
                k + 1, points[here]
            )
        return values


def assert_values_agree(volume, slices, count=4000, seed=5):
    """The volume's voxels are the interpolated source values at the places its affine gives them."""
    index = np.random.default_rng(seed).integers(0, volume.shape, (count, 3))
    expected = slices.interpolated(volume.to_lps(index))
    known = np.isfinite(expected)
    assert known.mean() > 0.5
    found = volume.hu[tuple(index[known].T)]
    assert np.abs(found - expected[known]).max() < 1.0  # whole HU, and positions of 16 characters


def assert_every_source_voxel_has_its_place(volume, slices, count=4000, seed=6):
    """A source voxel's place by the equation lies in the volume, on one of its rows and columns."""
    index = np.random.default_rng(seed).integers(0, slices.pixels.shape, (count, 3))
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in slices.pixels.shape])).reshape(3, -1).T
    at = volume.to_index(slices.places(np.concatenate([index, corners])))
    assert (at > -0.02).all()
    assert (at < np.array(volume.shape) - 1 + 0.02 + [volume.spacing_mm[0], 0, 0]).all()
    assert np.abs(at[:, 2] - np.round(at[:, 2])).max() < 1e-3  # the tilt is about the columns' axis
    return at, np.concatenate([index, corners])


@pytest.mark.real
@pytest.mark.parametrize("name", TILTED)
def test_real_tilted_series_agree_with_the_equation(real_data, name):
    folder = real_data(f"tilted_dicom/{name}")
    volume, slices = read_volume(folder), Slices(folder.iterdir())
    warnings = {warning.code: warning.message for warning in volume.acquisition.warnings}
    assert f"tilted by {TILTED[name]} degrees" in warnings["gantry-tilt"]
    assert volume.acquisition.resampled
    assert_every_source_voxel_has_its_place(volume, slices)
    assert_values_agree(volume, slices)


@pytest.mark.real
def test_evenly_spaced_tilted_slices_are_not_mixed_with_each_other(real_data):
    folder = real_data("tilted_dicom/philips_phantom_tilt")
    volume, slices = read_volume(folder), Slices(folder.iterdir())
    at, _ = assert_every_source_voxel_has_its_place(volume, slices)
    assert np.abs(at[:, 0] - np.round(at[:, 0])).max() < 1e-3
    assert volume.shape[0] == 58
    middle = slices.pixels[29]
    start = np.round(volume.to_index(slices.origins[29])).astype(int)
    kept = volume.hu[29, start[1] : start[1] + 512, start[2] : start[2] + 512]
    assert np.array_equal(kept, middle)  # the middle slice is where it was, untouched


@pytest.mark.real
def test_two_stations_with_unlike_gaps_are_resampled_to_the_finest(real_data):
    volume = read_volume(real_data("tilted_dicom/ge_hispeed"))
    codes = [warning.code for warning in volume.acquisition.warnings]
    assert codes == ["gantry-tilt", "uneven-gaps"]
    assert volume.spacing_mm[0] == pytest.approx(1.14 * 0.9483237, abs=1e-4)
    gaps = volume.acquisition.source_gap_mm
    assert gaps[[10, -10]] == pytest.approx([4.22 * 0.9483237, 7.38 * 0.9483237], abs=1e-3)


@pytest.mark.parametrize("uneven", [False, True])
def test_a_tilted_series_written_here_agrees_with_the_equation(tmp_path, synthetic_series, uneven):
    heights = [0, 1, 2, 3, 4.5, 6, 7.5, 9, 12, 15, 18, 21, 24] if uneven else None
    series = synthetic_series(
        slices=13, heights_mm=heights, orientation=TILTED_ORIENTATION, stack_direction=(0, 0, 1)
    )
    folder = series.write(tmp_path / "ct")
    volume, slices = read_volume(folder), Slices(folder.iterdir())
    codes = [warning.code for warning in volume.acquisition.warnings]
    assert codes == ["gantry-tilt", "uneven-gaps"] if uneven else ["gantry-tilt"]
    assert "tilted by 17.0 degrees" in volume.acquisition.warnings[0].message
    assert_every_source_voxel_has_its_place(volume, slices)
    assert_values_agree(volume, slices)


def test_a_tilted_oblique_stack_moves_along_rows_and_columns(tmp_path, synthetic_series):
    direction = np.array([0.2, -0.25, 0.95])
    series = synthetic_series(slices=9, stack_direction=tuple(direction / np.linalg.norm(direction)))
    folder = series.write(tmp_path / "ct")
    volume = read_volume(folder)
    assert volume.shape[1] > 20
    assert volume.shape[2] > 24
    assert_values_agree(volume, Slices(folder.iterdir()))


def test_stations_shifted_aside_are_put_in_their_places(tmp_path, synthetic_series):
    """Not a tilt: the second half of the scan was reconstructed about another centre."""
    folder = synthetic_series(slices=14).write(tmp_path / "ct")
    for path in folder.iterdir():
        ds = pydicom.dcmread(path)
        if float(ds.ImagePositionPatient[2]) > 920:
            ds.ImagePositionPatient[0] += 2.1
            ds.ImagePositionPatient[1] -= 1.2
            ds.save_as(path)
    assert_values_agree(read_volume(folder), Slices(folder.iterdir()))
