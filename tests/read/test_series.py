"""Which of the files in a folder are read, and what is said of the others."""

import re

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from canalis.errors import ReadError
from canalis.read import read_volume
from canalis.read.series import series_hash

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
MR = "1.2.840.10008.5.1.4.1.1.4"


def codes(volume):
    return {warning.code for warning in volume.acquisition.warnings}


def message(volume, code):
    return next(warning.message for warning in volume.acquisition.warnings if warning.code == code)


def test_the_thinnest_axial_series_with_enough_slices_is_read(tmp_path, synthetic_series):
    thin = synthetic_series(slices=50, gap_mm=1.0, series="thin")
    for series in (
        synthetic_series(slices=25, gap_mm=2.0, series="thick"),
        thin,
        synthetic_series(slices=8, gap_mm=0.5, series="test run"),
        synthetic_series(slices=60, gap_mm=0.6, series="reformat", orientation=(0, 1, 0, 0, 0, -1)),
    ):
        series.write(tmp_path)
    volume = read_volume(tmp_path)
    assert volume.shape[0] == 50
    assert volume.acquisition.series_hash == series_hash(thin.series_uid)
    assert message(volume, "other-series").startswith("Of 3 series the thinnest, 1.00 mm, was read.")


def test_a_named_series_is_read_by_its_uid_or_its_hash(tmp_path, synthetic_series):
    thick = synthetic_series(slices=25, gap_mm=2.0, series="thick")
    thick.write(tmp_path)
    synthetic_series(slices=50, gap_mm=1.0, series="thin").write(tmp_path)
    for name in (thick.series_uid, series_hash(thick.series_uid)):
        assert read_volume(tmp_path, series=name).shape[0] == 25


def test_an_unknown_series_is_refused_with_the_choices(tmp_path, synthetic_series):
    series = synthetic_series()
    series.write(tmp_path)
    choice = re.escape(f"{series.series_uid} (12 slices, 1.25 mm apart)")
    with pytest.raises(
        ReadError, match=f"No CT series 1.2.3 in the input. Choose one with --series: {choice}"
    ):
        read_volume(tmp_path, series="1.2.3")


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        ({"patient": "P2"}, "2 patients"),
        ({"study": "later"}, "2 studies"),
        ({"frame_of_reference": "moved"}, "2 frames of reference"),
    ],
)
def test_a_mixture_is_refused_with_the_choices_unless_one_is_named(
    tmp_path, synthetic_series, difference, said
):
    one, other = synthetic_series(), synthetic_series(slices=9, series="other", **difference)
    one.write(tmp_path / "a")
    other.write(tmp_path / "b")
    with pytest.raises(ReadError, match=f"Expected one CT, found {said}.*--series") as refusal:
        read_volume(tmp_path)
    assert one.series_uid in str(refusal.value)
    assert other.series_uid in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert "P2" not in str(refusal.value)
    assert read_volume(tmp_path, series=other.series_uid).shape[0] == 9


def test_two_patients_under_one_series_uid_are_refused(tmp_path, synthetic_series):
    synthetic_series().write(tmp_path / "a")
    folder = synthetic_series(series="copy").write(tmp_path / "b")
    for path in folder.iterdir():
        ds = pydicom.dcmread(path)
        ds.SeriesInstanceUID, ds.PatientID = synthetic_series().series_uid, "P2"
        ds.save_as(path)
    with pytest.raises(ReadError, match=r"2 patients in the input\. Separate the files"):
        read_volume(tmp_path, series=synthetic_series().series_uid)


def test_a_few_slices_of_another_patient_are_left_out_and_said(tmp_path, synthetic_series):
    series = synthetic_series()
    series.write(tmp_path / "ct")
    synthetic_series(slices=1, patient="Secret", series="stray").write(tmp_path / "stray")
    volume = read_volume(tmp_path)
    assert np.array_equal(volume.hu, series.hu())
    assert codes(volume) == {"other-patient"}
    assert message(volume, "other-patient").startswith("1 slice in the input left out: under another patient")
    assert "Secret" not in message(volume, "other-patient")
    named = read_volume(tmp_path, series=series.series_uid)
    assert codes(named) == set()


@pytest.mark.parametrize(
    ("attribute", "code"), [("PatientID", "other-patient"), ("FrameOfReferenceUID", "left-out-slices")]
)
def test_a_slice_of_the_series_that_says_not_whose_it_is_or_where_is_said(
    tmp_path, synthetic_series, attribute, code
):
    folder = synthetic_series().write(tmp_path / "ct")
    path = next(folder.glob("*_6.dcm"))
    ds = pydicom.dcmread(path)
    delattr(ds, attribute)
    ds.save_as(path)
    volume = read_volume(folder)
    assert codes(volume) == {code, "missing-slices"}
    assert message(volume, code).startswith("1 slice ")


def test_localizers_dose_pages_and_captures_are_left_out_and_said(tmp_path, synthetic_series):
    synthetic_series().write(tmp_path)
    for count, name, change in (
        (2, "localizer", {"image_type": ("ORIGINAL", "PRIMARY", "LOCALIZER")}),
        (1, "dose", {"image_type": ("DERIVED", "SECONDARY", "DOSE_INFO"), "sop_class": SECONDARY_CAPTURE}),
        (1, "capture", {"sop_class": SECONDARY_CAPTURE, "image_type": ("DERIVED", "SECONDARY")}),
    ):
        synthetic_series(slices=count, series=name, **change).write(tmp_path)
    volume = read_volume(tmp_path)
    assert volume.shape[0] == 12
    said = message(volume, "left-out")
    assert said == "Left out of the input: 1 dose page, 2 localizers, 1 secondary capture."


def test_slices_of_one_series_in_another_direction_are_left_out_and_said(tmp_path, synthetic_series):
    synthetic_series().write(tmp_path / "axial")
    synthetic_series(slices=2, orientation=(0, 1, 0, 0, 0, -1)).write(tmp_path / "scout")
    volume = read_volume(tmp_path)
    assert volume.shape[0] == 12
    assert message(volume, "left-out-slices").startswith("2 slices of the series")


def test_a_lone_sagittal_series_is_read_and_said_to_be_so(tmp_path, synthetic_series):
    volume = read_volume(synthetic_series(orientation=(0, 1, 0, 0, 0, -1)).write(tmp_path / "ct"))
    assert "not-axial" in codes(volume)


def test_lossy_compression_is_said(tmp_path, synthetic_series):
    folder = synthetic_series().write(tmp_path / "ct")
    for path in folder.iterdir():
        ds = pydicom.dcmread(path)
        ds.LossyImageCompression = "01"
        ds.save_as(path)
    assert "lossy-compression" in codes(read_volume(folder))


def test_mr_is_refused_and_named(tmp_path, synthetic_series):
    synthetic_series(sop_class=MR, modality="MR").write(tmp_path)
    with pytest.raises(ReadError, match="Expected axial CT slices, found 12 MR images"):
        read_volume(tmp_path)


def test_a_modality_that_is_no_code_word_is_not_repeated(tmp_path, synthetic_series):
    synthetic_series(sop_class=MR, modality="JOHN DOE").write(tmp_path)
    with pytest.raises(ReadError, match="found 12 images of another kind"):
        read_volume(tmp_path)


def test_too_few_slices_are_refused(tmp_path, synthetic_series):
    folder = synthetic_series(slices=4).write(tmp_path / "ct")
    with pytest.raises(ReadError, match="at least 5 slices, found 4"):
        read_volume(folder)
    with pytest.raises(ReadError, match=r"at least 5 slices, found 1\. Give the folder"):
        read_volume(next(folder.iterdir()))


def test_images_without_a_place_are_refused(tmp_path, synthetic_series):
    folder = synthetic_series().write(tmp_path / "ct")
    for path in folder.iterdir():
        ds = pydicom.dcmread(path)
        del ds.ImagePositionPatient
        ds.save_as(path)
    with pytest.raises(ReadError, match="found 12 images without a place in the patient"):
        read_volume(folder)


def test_nothing_text_and_empty_folders_are_refused(tmp_path):
    with pytest.raises(ReadError, match="found nothing there"):
        read_volume(tmp_path / "nowhere")
    with pytest.raises(ReadError, match="found nothing there"):
        read_volume(tmp_path / ("n" * 300))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReadError, match="found no file"):
        read_volume(tmp_path / "empty")
    (tmp_path / "empty" / "notes.dcm").write_text("a letter, not an image " * 40)
    with pytest.raises(ReadError, match="no DICOM or NIfTI image in one file"):
        read_volume(tmp_path / "empty")
    (tmp_path / "letter.nii.gz").write_bytes(b"\x1f\x8b" + b"not gzip" * 100)
    with pytest.raises(ReadError, match="no DICOM or NIfTI image"):
        read_volume(tmp_path / "letter.nii.gz")


@pytest.mark.real
def test_philips_localizers_are_refused_and_counted(real_data):
    with pytest.raises(ReadError, match="found 3 dose pages, 2 localizers"):
        read_volume(real_data("tilted_dicom/philips_localizers"))


def test_no_error_or_warning_repeats_a_patients_name(tmp_path, synthetic_series, recwarn):
    folder = synthetic_series().write(tmp_path / "ct")
    for path in folder.iterdir():
        ds = pydicom.dcmread(path)
        ds.PatientName = "Secret^Name" * 9  # longer than the standard allows: pydicom would warn, quoting it
        ds.SeriesInstanceUID = generate_uid(entropy_srcs=["a"])
        ds.save_as(path)
    recwarn.clear()
    read_volume(folder)
    assert [str(warning.message) for warning in recwarn] == []
