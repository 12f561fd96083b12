"""A real neck without ossification, sliced anew: its rims are no OPLL, however the slices fall."""

import numpy as np
import pytest

import canalis
from canalis.read import read_volume
from canalis.segment.grids import Grid, box_of, resample_hu
from canalis.volume import Volume

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.mark.parametrize(("slice_mm", "shift_mm"), [(2.0, 1.6), (2.5, 2.0), (3.0, 2.4)])
def test_rims_on_thick_slices_are_not_reported_as_opll(real_data, slice_mm, shift_mm):
    scan = read_volume(real_data("vhm_head_dicom"))
    low, high = box_of(scan)
    grid = Grid.over_box(low + np.array([0.7, 0.5, shift_mm]), high, spacing_mm=(slice_mm, 1.0, 1.0))
    found = canalis.measure(Volume(resample_hu(scan, grid), grid.affine))
    assert found.status == "measured"
    assert found.ossification.present is False
