"""Every row of the contract's table of bad input, through the command line."""

import shutil

import nibabel
import numpy as np
import pydicom
import pytest

MR = "1.2.840.10008.5.1.4.1.1.4"


def refused_before_reading(ran):
    """Exit code 1, no folder, and one line that says what, where, and what to do."""
    assert ran.exit_code == 1
    assert ran.files is None
    assert ran.stdout == ""
    assert ran.stderr.startswith("canalis: ")
    assert ran.stderr.count("\n") == 1
    return ran.stderr


def refused_ct(ran):
    """Exit code 1, and a folder with ``measurements.json`` and ``run.json`` alone."""
    assert ran.exit_code == 1
    assert ran.files == ["measurements.json", "run.json"]
    assert ran.record["status"] == "refused"
    assert ran.record["planes"] == []
    assert ran.stderr.startswith("canalis: Refused: ")
    assert ran.stderr.count("\n") == 1
    return ran.stderr


def nifti(path, array):
    nibabel.save(nibabel.Nifti1Image(array, np.diag([0.7, 0.8, 1.5, 1])), path)
    return path


def test_an_input_that_does_not_exist(measure, tmp_path):
    assert "found nothing there" in refused_before_reading(measure(tmp_path / "nowhere", labels=False))


def test_an_empty_folder(measure, tmp_path):
    assert "found no file" in refused_before_reading(measure(tmp_path, labels=False))


def test_a_folder_without_an_image(measure, tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(400))
    said = refused_before_reading(measure(tmp_path, labels=False))
    assert "no DICOM or NIfTI image in 2 files" in said


def test_text(measure, tmp_path):
    (tmp_path / "scan.dcm").write_text("no scan")
    said = refused_before_reading(measure(tmp_path / "scan.dcm", labels=False))
    assert "no DICOM or NIfTI image in one file" in said


def test_mr(measure, neck_series, tmp_path):
    folder = neck_series(sop_class=MR, modality="MR").write(tmp_path / "mr")
    assert "found 48 MR images" in refused_before_reading(measure(folder, labels=False))


def test_localizers_only(measure, neck_series, tmp_path):
    folder = neck_series(slices=6, image_type=("ORIGINAL", "PRIMARY", "LOCALIZER")).write(tmp_path / "ct")
    assert "found 6 localizers" in refused_before_reading(measure(folder, labels=False))


@pytest.mark.real
def test_real_localizers_only(measure, real_data):
    folder = real_data("tilted_dicom/philips_localizers")
    assert "found 3 dose pages, 2 localizers" in refused_before_reading(measure(folder, labels=False))


def test_all_nan(measure, tmp_path):
    path = nifti(tmp_path / "ct.nii.gz", np.full((40, 41, 42), np.nan, np.float32))
    assert "all NaN" in refused_before_reading(measure(path, labels=False))


def test_all_air(measure, tmp_path):
    noise = np.random.default_rng(4).normal(-995, 12, (60, 61, 62)).astype(np.int16)
    assert "nothing but air" in refused_ct(measure(nifti(tmp_path / "ct.nii.gz", noise), labels=False))


def test_one_value_everywhere(measure, tmp_path):
    path = nifti(tmp_path / "ct.nii.gz", np.zeros((60, 61, 62), np.int16))
    assert "found 0 HU in every voxel" in refused_ct(measure(path, labels=False))


@pytest.mark.real
def test_a_head_without_cervical_vertebrae(networks, measure, real_data, tmp_path):
    slices = sorted(
        real_data("vhm_head_dicom").iterdir(),
        key=lambda path: float(pydicom.dcmread(path, stop_before_pixels=True).ImagePositionPatient[2]),
    )
    for path in slices[-25:]:
        shutil.copy(path, tmp_path)
    refused_ct(measure(tmp_path, labels=False))


def test_a_trunk_without_cervical_vertebrae(networks, measure, tmp_path):
    """A water phantom in air: tissue, but no spine."""
    k, j, i = np.meshgrid(np.arange(50), np.arange(120), np.arange(130), indexing="ij")
    hu = np.where((i - 65) ** 2 + (1.2 * (j - 60)) ** 2 < 52**2, 30, -1000)
    hu = (hu + np.random.default_rng(2).normal(0, 15, k.shape)).astype(np.int16)
    path = tmp_path / "trunk.nii.gz"
    nibabel.save(nibabel.Nifti1Image(hu.T, np.diag([2.5, 2.5, 3, 1])), path)
    refused_ct(measure(path, labels=False))


def slices_from_the_foot(folder):
    return sorted(folder.iterdir(), key=lambda path: float(pydicom.dcmread(path).ImagePositionPatient[2]))


@pytest.mark.parametrize("number", [1, 20])
def test_a_truncated_slice_is_named_and_the_result_partial(measure, study, tmp_path, number):
    folder = shutil.copytree(study, tmp_path / "ct")
    path = slices_from_the_foot(folder)[number - 1]
    path.write_bytes(path.read_bytes()[:-3000])
    ran = measure(folder)
    assert ran.exit_code == 3
    assert ran.record["status"] == "partial"
    assert "unreadable-slices" in ran.codes
    assert f"Slice {number} of 48" in ran.record["warnings"][0]["message"]
    assert ran.plane("C3")["canal_ap_mm"] == pytest.approx(13.0, abs=0.7)


def test_a_series_with_too_little_left(measure, study, tmp_path):
    folder = shutil.copytree(study, tmp_path / "ct")
    for path in slices_from_the_foot(folder)[10:30]:
        path.write_bytes(path.read_bytes()[:-3000])
    said = refused_before_reading(measure(folder, labels=False))
    assert "Too little is left of the series: 20 of 48 slices" in said
    assert "slice 11 of 48" in said
