"""A CT written as DICOM or NIfTI comes back voxel for voxel at the same place."""

import nibabel
import numpy as np
import pydicom
import pytest

from canalis.errors import GeometryError
from canalis.phantom.files import write_dicom_series, write_nifti
from canalis.read import read_volume
from canalis.volume import Volume

TURN = np.linalg.qr(np.array([[0.9, 0.2, 0.1], [-0.3, 1.0, 0.2], [0.1, -0.2, 1.1]]))[0]
TURN *= np.sign(np.diag(TURN))


def oblique_volume(high=1500):
    """Slices growing to the head, no axis like another; the affine has more digits than DICOM's 16."""
    affine = np.eye(4)
    affine[:3, :3] = (TURN * [0.6, 0.7, 1.25])[:, ::-1]
    affine[:3, 3] = (1.0 / 3, -200.0 / 7, 912.345678901)
    hu = np.random.default_rng(3).integers(-1024, high, (7, 9, 11)).astype(np.int16)
    return Volume(hu, affine)


def test_a_dicom_series_comes_back_as_it_was(tmp_path):
    before = oblique_volume()
    paths = write_dicom_series(tmp_path / "dicom", before, seed=5)
    assert [path.name for path in paths] == [f"000{n}.dcm" for n in range(1, 8)]
    after = read_volume(tmp_path / "dicom")
    assert np.array_equal(after.hu, before.hu)
    corners = np.array([[0, 0, 0], [6, 8, 10], [0, 8, 0], [6, 0, 10]])
    assert after.to_lps(corners) == pytest.approx(before.to_lps(corners), abs=1e-4)
    assert after.acquisition.warnings == ()


def test_decimal_strings_have_at_most_16_characters(tmp_path):
    for path in write_dicom_series(tmp_path, oblique_volume(), seed=5):
        ds = pydicom.dcmread(path)
        for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
            assert all(len(str(value.original_string)) <= 16 for value in ds[name].value)


def test_the_same_seed_gives_the_same_bytes_and_another_other_uids(tmp_path):
    one = write_dicom_series(tmp_path / "a", oblique_volume(), seed=5)
    same = write_dicom_series(tmp_path / "b", oblique_volume(), seed=5)
    other = write_dicom_series(tmp_path / "c", oblique_volume(), seed=6)
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in same]
    assert len({pydicom.dcmread(path).SOPInstanceUID for path in one + other}) == 14
    assert len({pydicom.dcmread(path).StudyInstanceUID for path in one + other}) == 2


def test_values_beyond_a_ct_images_range_are_refused(tmp_path):
    too_bright = Volume(np.full((2, 3, 4), 31744, np.int16), np.eye(4))
    with pytest.raises(GeometryError, match=r"found 31744 to 31744\. Clip the CT"):
        write_dicom_series(tmp_path / "dicom", too_bright, seed=1)
    assert not (tmp_path / "dicom").exists()


def test_a_nifti_file_comes_back_as_it_was(tmp_path):
    before = oblique_volume()
    write_nifti(tmp_path / "ct.nii.gz", before)
    after = read_volume(tmp_path / "ct.nii.gz")
    assert np.array_equal(after.hu, before.hu)
    assert after.affine == pytest.approx(before.affine, abs=1e-4)
    assert nibabel.load(tmp_path / "ct.nii.gz").shape == (11, 9, 7)
