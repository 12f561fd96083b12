import itertools
import zipfile

import nibabel
import numpy as np
import pytest

from canalis.errors import GeometryError
from canalis.read import read_volume
from canalis.report.label_map import resample_labels, swap_lps_ras, write_label_map
from canalis.volume import Acquisition, Mask

ORDERS = list(itertools.permutations(range(3)))
FLIPS = list(itertools.product([False, True], repeat=3))


def oblique_mask():
    """3 x 4 x 5 voxels, each with a label of its own, turned and stretched."""
    turn = np.deg2rad(20)
    axes = np.array([[0, 0.0, 1.0], [np.sin(turn), np.cos(turn), 0], [np.cos(turn), -np.sin(turn), 0]]).T
    affine = np.eye(4)
    affine[:3, :3] = axes * [2.0, 0.6, 0.9]
    affine[:3, 3] = [-12.5, 33.0, -140.0]
    return Mask(np.arange(60, dtype=np.uint8).reshape(3, 4, 5), affine)


def places_by_label(labels, affine_lps):
    index = np.moveaxis(np.indices(labels.shape), 0, -1).reshape(-1, 3)
    places = index @ affine_lps[:3, :3].T + affine_lps[:3, 3]
    return dict(zip(labels.ravel().tolist(), places, strict=True))


def assert_same_places(mask, image):
    before = places_by_label(mask.labels, mask.affine)
    after = places_by_label(np.asarray(image.dataobj), np.diag([-1, -1, 1, 1]) @ image.affine)
    assert before.keys() == after.keys()
    for label in before:
        assert after[label] == pytest.approx(before[label], abs=1e-3)


def acquired(path):
    return read_volume(path).acquisition


def nifti_source(path, mask, order, flip):
    stored = mask.with_axes(order, flip)
    nibabel.save(nibabel.Nifti1Image(stored.labels.astype(np.int16), swap_lps_ras(stored.affine)), str(path))
    return nibabel.load(path)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("flip", FLIPS)
def test_a_nifti_input_gets_labels_on_its_own_grid(order, flip, tmp_path):
    mask = oblique_mask()
    source = nifti_source(tmp_path / "ct.nii", mask, order, flip)
    acquisition = acquired(tmp_path / "ct.nii")
    write_label_map(tmp_path / "segmentation.nii.gz", mask, acquisition=acquisition)
    image = nibabel.load(tmp_path / "segmentation.nii.gz")
    assert image.shape == source.shape
    assert np.array_equal(image.affine, source.affine)
    assert image.get_data_dtype() == np.uint8
    assert np.array_equal(np.asarray(image.dataobj), np.asarray(source.dataobj))


@pytest.mark.parametrize("member", ["ct.nii", "deep/in/ct.nii.gz"])
def test_a_nifti_in_a_zip_gets_labels_on_its_own_grid_though_the_zip_is_gone(member, tmp_path):
    mask = oblique_mask()
    path = tmp_path / member.rpartition("/")[2]
    source = nifti_source(path, mask, (1, 2, 0), (True, False, True))
    with zipfile.ZipFile(tmp_path / "ct.zip", "w") as archive:
        archive.write(path, member)
    acquisition = acquired(tmp_path / "ct.zip")
    expected = np.asarray(source.dataobj).copy()
    path.unlink()
    (tmp_path / "ct.zip").unlink()
    write_label_map(tmp_path / "segmentation.nii.gz", mask, acquisition=acquisition)
    image = nibabel.load(tmp_path / "segmentation.nii.gz")
    assert np.array_equal(image.affine, source.affine)
    assert np.array_equal(np.asarray(image.dataobj), expected)
    codes = [int(h[name]) for h in (image.header, source.header) for name in ("sform_code", "qform_code")]
    assert codes[:2] == codes[2:]


def test_a_nifti_that_counts_in_micrometres_gets_labels_in_millimetres(tmp_path):
    mask = oblique_mask()
    stored = mask.with_axes((2, 1, 0), (False, False, False))
    affine = np.diag([1000, 1000, 1000, 1]) @ swap_lps_ras(stored.affine)
    image = nibabel.Nifti1Image(stored.labels.astype(np.int16), affine)
    image.header.set_xyzt_units("micron")
    nibabel.save(image, str(tmp_path / "ct.nii"))
    write_label_map(tmp_path / "s.nii.gz", mask, acquisition=acquired(tmp_path / "ct.nii"))
    assert_same_places(mask, nibabel.load(tmp_path / "s.nii.gz"))


@pytest.mark.parametrize("flip", FLIPS)
def test_a_dicom_input_gets_columns_rows_and_slices_to_the_head(flip, tmp_path):
    mask = oblique_mask().with_axes((0, 1, 2), flip)
    acquisition = Acquisition("dicom", 3, (2.0, 0.6, 0.9))
    write_label_map(tmp_path / "segmentation.nii.gz", mask, acquisition=acquisition)
    image = nibabel.load(tmp_path / "segmentation.nii.gz")
    assert image.shape == (5, 4, 3)
    assert image.affine[2, 2] > 0
    assert_same_places(mask, image)
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 1)
    assert np.allclose(image.get_qform(), image.affine, atol=1e-4)


def test_a_four_dimensional_file_with_one_volume_keeps_its_shape(tmp_path):
    mask = oblique_mask()
    stored = mask.with_axes((2, 1, 0), (False, False, False))
    image = nibabel.Nifti1Image(stored.labels[..., None], swap_lps_ras(stored.affine))
    nibabel.save(image, str(tmp_path / "ct.nii"))
    acquisition = acquired(tmp_path / "ct.nii")
    write_label_map(tmp_path / "segmentation.nii.gz", mask, acquisition=acquisition)
    assert nibabel.load(tmp_path / "segmentation.nii.gz").shape == (5, 4, 3, 1)


def test_nothing_of_the_inputs_header_but_its_geometry_is_kept(tmp_path):
    mask = oblique_mask()
    nifti_source(tmp_path / "plain.nii", mask, (2, 1, 0), (False,) * 3)
    source = nibabel.load(tmp_path / "plain.nii")
    source.header["descrip"] = b"DOE^JANE 1950"
    source.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"DOE^JANE"))
    nibabel.save(source, str(tmp_path / "named.nii"))
    acquisition = acquired(tmp_path / "named.nii")
    write_label_map(tmp_path / "segmentation.nii.gz", mask, acquisition=acquisition)
    image = nibabel.load(tmp_path / "segmentation.nii.gz")
    assert bytes(image.header["descrip"].item()).strip(b"\0") == b""
    assert not image.header.extensions


def test_a_mask_that_lies_elsewhere_than_the_file_is_refused(tmp_path):
    mask = oblique_mask()
    nifti_source(tmp_path / "ct.nii", mask, (2, 1, 0), (False,) * 3)
    moved = mask.affine.copy()
    moved[0, 3] += 0.4
    acquisition = acquired(tmp_path / "ct.nii")
    with pytest.raises(GeometryError, match="on the grid of the NIfTI file"):
        write_label_map(tmp_path / "s.nii.gz", Mask(mask.labels, moved), acquisition=acquisition)


def test_resampling_back_onto_the_files_voxels_finds_each_label_again():
    mask = oblique_mask()
    stored = mask.with_axes((1, 2, 0), (True, False, True))
    found = resample_labels(mask, shape=stored.shape, affine=stored.affine)
    assert np.array_equal(found, stored.labels)


def test_outside_the_mask_there_is_nothing():
    mask = oblique_mask()
    away = mask.affine.copy()
    away[:3, 3] += 500
    assert not resample_labels(mask, shape=(2, 3, 4), affine=away).any()


def test_writing_twice_gives_the_same_bytes(tmp_path):
    for name in ("a.nii.gz", "b.nii.gz"):
        write_label_map(tmp_path / name, oblique_mask(), acquisition=None)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
