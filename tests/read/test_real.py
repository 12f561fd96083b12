"""The Visible Human's head and forty planning CTs, read as other readers read them."""

import nibabel
import numpy as np
import pydicom
import pytest

from canalis.read import read_volume

pytestmark = pytest.mark.real


def test_the_visible_human_is_read_right(real_data):
    folder = real_data("vhm_head_dicom")
    volume = read_volume(folder)
    assert volume.shape == (150, 512, 512)
    assert volume.hu.dtype == np.int16
    assert volume.acquisition.warnings == ()
    assert np.array_equal(volume.affine, [[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 1000], [0, 0, 0, 1]])
    for path in sorted(folder.iterdir())[::37]:
        ds = pydicom.dcmread(path)
        k = int(ds.ImagePositionPatient[2]) - 1000
        assert np.array_equal(volume.hu[k], ds.pixel_array - 1024)


def test_the_visible_human_lies_where_simpleitk_puts_it(real_data):
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is in the bench extra")
    folder = real_data("vhm_head_dicom")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image, volume = reader.Execute(), read_volume(folder)
    for x, y, z in [(0, 0, 0), (511, 100, 149), (250, 300, 70)]:
        place = image.TransformIndexToPhysicalPoint((x, y, z))
        k, i, j = np.rint(volume.to_index(np.array(place))).astype(int)
        assert volume.to_lps(np.array([k, i, j])) == pytest.approx(place)
        assert volume.hu[k, i, j] == image[x, y, z]


def test_forty_planning_scans_keep_their_voxels_and_places(real_data):
    paths = sorted(real_data("openkbp").glob("*_ct.nii.gz"))
    assert len(paths) == 40
    for path in paths:
        volume, image = read_volume(path), nibabel.load(path)
        assert volume.hu.shape == image.shape[::-1]
        right, front, up = image.affine @ [3, 5, 7, 1] @ np.eye(4)[:, :3]
        assert volume.to_lps(np.array([7.0, 5, 3])) == pytest.approx((-right, -front, up), abs=1e-6)
        assert -1100 <= volume.hu.min() <= volume.hu.max() <= 5000
