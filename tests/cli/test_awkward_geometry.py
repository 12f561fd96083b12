"""Every row of the contract's table of awkward geometry, through the command line."""

import json
import math
import shutil

import numpy as np
import pydicom
import pytest

SIN, COS = math.sin(0.15), math.cos(0.15)
TILTED = (1, 0, 0, 0, math.cos(math.radians(17)), -math.sin(math.radians(17)))


def assert_the_necks_sizes(ran, tolerance=0.7):
    for level in ("C3", "C4", "C5", "C6"):
        assert ran.plane(level)["canal_ap_mm"] == pytest.approx(13.0, abs=tolerance)  # pixels of 0.9 mm
    assert ran.plane("C4")["ossification_thickness_mm"] == pytest.approx(4.0, abs=0.9)


@pytest.mark.parametrize(
    "geometry",
    [
        {"stack_direction": (0, 0, -1)},
        {"orientation": (-1, 0, 0, 0, -1, 0)},
        {"orientation": (COS, SIN, 0, -SIN * COS, COS * COS, -SIN), "rows": 88, "columns": 88},
        {"orientation": (0, 1, 0, 0, 0, -1), "slices": 50, "gap_mm": 0.9, "rows": 100, "columns": 90},
    ],
    ids=["feet first", "prone", "oblique", "sagittal"],
)
def test_any_direction_and_axis_order_is_read_as_it_is(measure, neck_series, tmp_path, geometry):
    ran = measure(neck_series(**geometry).write(tmp_path / "ct"))
    assert ran.exit_code == 0
    assert set(ran.codes) <= {"not-axial"}
    assert_the_necks_sizes(ran)


def test_gantry_tilt_is_resampled_and_warned(measure, neck_series, tmp_path):
    series = neck_series(orientation=TILTED, stack_direction=(0, 0, 1), rows=90)
    ran = measure(series.write(tmp_path / "ct"))
    assert (ran.exit_code, ran.codes) == (0, ["gantry-tilt"])
    assert_the_necks_sizes(ran)
    record = json.loads((ran.out / "run.json").read_text())
    assert record["resampled"] is True
    affine = np.array(record["grid_affine"])[:3, :3]
    assert np.abs(affine.T @ affine - np.diag(np.diag(affine.T @ affine))).max() < 1e-6


@pytest.mark.real
@pytest.mark.parametrize("name", ["ge_hispeed", "philips_phantom_tilt"])
def test_real_tilted_heads_are_measured_or_refused_with_the_tilt_said(networks, measure, real_data, name):
    """Both are heads above the neck: what may not happen is a crash, or a result that hides the tilt."""
    ran = measure(real_data(f"tilted_dicom/{name}"), labels=False)
    assert ran.exit_code in (0, 1, 3)
    assert "gantry-tilt" in ran.codes
    if ran.exit_code == 1:
        assert ran.files == ["measurements.json", "run.json"]


def test_a_gap_that_changes_is_resampled_warned_and_where_wide_gives_no_lengths(
    measure, neck_series, tmp_path
):
    heights = [*np.arange(0, 46, 4.0), *np.arange(46, 92, 1.6)]  # wide below, behind C5 and C6
    ran = measure(neck_series(slices=len(heights), heights_mm=heights).write(tmp_path / "ct"))
    assert "uneven-gaps" in ran.codes
    assert ran.plane("C3")["canal_ap_mm"] == pytest.approx(13.0, abs=0.7)
    assert ran.plane("C6")["canal_ap_mm"] is None
    assert "gap" in ran.plane("C6")["reasons"]["canal_ap_mm"]
    assert ran.exit_code == 3


def test_a_missing_slice_is_filled_and_the_result_partial(measure, study, tmp_path):
    folder = shutil.copytree(study, tmp_path / "ct")
    middle = sorted(folder.iterdir(), key=lambda p: float(pydicom.dcmread(p).ImagePositionPatient[2]))[23]
    middle.unlink()
    ran = measure(folder)
    assert ran.exit_code == 3
    assert ran.codes[0] == "missing-slices"
    assert "between slices 23 and 24 of 47" in ran.record["warnings"][0]["message"]


def doubled(study, folder, change):
    shutil.copytree(study, folder)
    path = sorted(folder.iterdir())[7]
    ds = pydicom.dcmread(path)
    values = np.frombuffer(ds.PixelData, "<u2").copy()
    values[100] += change
    ds.PixelData, ds.SOPInstanceUID = values.tobytes(), "1.2.3.4"
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    ds.save_as(folder / "again.dcm")
    return folder


def test_doubled_slices_with_equal_pixels_are_kept_once_and_warned(measure, study, measured, tmp_path):
    ran = measure(doubled(study, tmp_path / "ct", 0))
    assert (ran.exit_code, ran.codes) == (0, ["doubled-slices"])
    assert ran.record["planes"] == measured.record["planes"]


def test_doubled_slices_with_unequal_pixels_are_refused_by_number(measure, study, tmp_path):
    ran = measure(doubled(study, tmp_path / "ct", 1), labels=False)
    assert (ran.exit_code, ran.files) == (1, None)
    assert "different pixels: slices " in ran.stderr
    assert "of 49" in ran.stderr


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        ({"patient": "P2"}, "2 patients"),
        ({"study": "later"}, "2 studies"),
        ({"frame_of_reference": "moved"}, "2 frames of reference"),
    ],
)
def test_a_mixture_names_the_choices_on_one_line_unless_one_is_chosen(
    measure, run, neck_series, tmp_path, difference, said
):
    one, other = neck_series(), neck_series(series="other", slices=40, **difference)
    one.write(tmp_path / "in")
    other.write(tmp_path / "in")
    ran = measure(tmp_path / "in", labels=False)
    assert (ran.exit_code, ran.files) == (1, None)
    assert ran.stderr.count("\n") == 1
    assert said in ran.stderr
    assert one.series_uid in ran.stderr
    assert other.series_uid in ran.stderr
    labels = measure(one.write(tmp_path / "alone")).out / "segmentation.nii.gz"
    out = tmp_path / "out"
    words = ("--series", one.series_uid, "--segmentation", labels)
    assert run("measure", tmp_path / "in", "--out", out, *words).exit_code == 0


def test_coarse_pixels_give_levels_and_alignment_but_no_lengths(measure, neck_series, tmp_path):
    series = neck_series(rows=40, columns=38, row_spacing_mm=1.8, column_spacing_mm=1.7)
    ran = measure(series.write(tmp_path / "ct"))
    assert ran.plane("C4")["canal_ap_mm"] is None
    assert ran.plane("C4")["canal_area_mm2"] is None
    assert ran.record["ossification"]["volume_mm3"] is None
    assert ran.record["narrowest"]["residual_ap_mm"] is None
    assert ran.record["ossification"]["present"] is True
    assert [plane["level"] for plane in ran.record["planes"] if plane["part"] == "body"] == [
        "C3",
        "C4",
        "C5",
        "C6",
    ]
    assert ran.codes == ["coarse-pixels"]
