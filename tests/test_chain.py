"""The stages joined, with the network's place taken by labels that are known."""

import json
from dataclasses import replace

import numpy as np
import pytest

import canalis
from canalis import chain
from canalis.chain import Options, measure_to_folder, read_drawn, why_empty, why_refused
from canalis.errors import GeometryError, ModelError, ReadError, RefusedError
from canalis.labels import RESIDUAL_CANAL, VERTEBRA_LABELS
from canalis.phantom.files import write_nifti
from canalis.segment.segmentation import LevelNaming, Segmentation
from canalis.volume import Acquisition, Mask, ScanWarning, Volume

AFFINE = np.array([[0, 0, 0.8, -20.0], [0, 0.9, 0, -25.0], [2.0, 0, 0, 900.0], [0, 0, 0, 1.0]])


def labels():
    """A straight canal 14 mm wide behind blocks named C4 to C6."""
    k, j, i = np.meshgrid(np.arange(36), np.arange(60), np.arange(50), indexing="ij")
    found = np.zeros(k.shape, np.uint8)
    canal = ((i - 25) * 0.8 / 11) ** 2 + ((j - 36) * 0.9 / 7) ** 2 <= 1
    for number, level in enumerate(("C6", "C5", "C4")):
        inside = (k >= 3 + 10 * number) & (k < 10 + 10 * number)
        block = (np.abs(i - 25) < 12) & (j < 29) & (j > 12)
        ring = ((i - 25) * 0.8 / 15) ** 2 + ((j - 36) * 0.9 / 11) ** 2 <= 1
        found[inside & (block | ring)] = VERTEBRA_LABELS[level]
    found[canal] = RESIDUAL_CANAL
    return found


def a_volume(warnings=()):
    hu = np.where(labels() >= 11, 500, 40).astype(np.int16)
    hu[:, :3] = -1000
    acquisition = Acquisition("array", 36, (2.0, 0.9, 0.8), warnings=warnings)
    return Volume(hu, AFFINE, acquisition)


@pytest.fixture
def known_segment(monkeypatch):
    """Put labels in the place of the networks; returns the calls made."""
    calls = []

    def segment(volume, *, hint=None, progress=None):
        calls.append(hint)
        return Segmentation(Mask(labels(), volume.affine), LevelNaming(True, "both", "Dens and rib agree."))

    monkeypatch.setattr("canalis.segment.segment", segment)
    monkeypatch.setattr("canalis.segment.describe_inference", lambda: {"engine": "none", "threads": 1})
    monkeypatch.setattr("canalis.segment.models.model_hashes", lambda: {"fine": "ab" * 32})
    return calls


@pytest.fixture
def no_neck(monkeypatch):
    def segment(volume, *, hint=None, progress=None):
        raise RefusedError("No cervical vertebrae were found.")

    monkeypatch.setattr("canalis.segment.segment", segment)
    monkeypatch.setattr("canalis.segment.describe_inference", lambda: {"engine": "none", "threads": 1})


@pytest.fixture
def source(tmp_path):
    write_nifti(tmp_path / "ct.nii.gz", a_volume())
    return tmp_path / "ct.nii.gz"


def test_a_volume_in_memory_is_measured(known_segment):
    measurements = canalis.measure(a_volume(), hint=("C5", 936.0))
    assert known_segment == [("C5", 936.0)]
    assert measurements.status == "measured"
    (plane,) = [p for p in measurements.planes if p.level == "C5" and p.part == "body"]
    assert plane.canal_ap_mm == pytest.approx(14.0, abs=0.9)


def test_a_scan_with_missing_slices_is_partial_at_best(known_segment):
    lost = ScanWarning("missing-slices", "A slice is missing between slices 4 and 5 of 36.")
    measurements = canalis.measure(a_volume((lost,)))
    assert measurements.status == "partial"
    assert measurements.warnings[0] == lost


def test_under_contrast_no_size_of_ossification_is_given(known_segment, monkeypatch):
    before = canalis.measure(a_volume())
    told = ScanWarning("contrast-in-canal", "The canal holds contrast around the cord.")
    monkeypatch.setattr("canalis.segment.guard.contrast_in_canal", lambda hu: [told])
    after = canalis.measure(a_volume())
    assert (before.status, after.status) == ("measured", "partial")
    assert after.warnings[0] == told
    assert before.narrowest.residual_ap_mm is not None
    assert after.narrowest.residual_ap_mm is None
    assert {p.ossification_thickness_mm for p in after.planes} == {None}
    assert [p.canal_ap_mm for p in after.planes] == [p.canal_ap_mm for p in before.planes]


def test_where_streaks_cross_the_canal_nothing_is_measured_and_absence_is_not_told(
    known_segment, monkeypatch
):
    before = canalis.measure(a_volume())
    plane = next(p for p in before.planes if p.part == "body" and p.canal_ap_mm is not None)
    there = np.array([plane.center_lps_mm])
    monkeypatch.setattr("canalis.segment.guard.streaks_at_canal", lambda index, hu, volume: there)
    after = canalis.measure(a_volume())
    assert (before.status, after.status) == ("measured", "partial")
    assert after.warnings[0].code == "streaks-in-canal"
    hidden = next(p for p in after.planes if (p.level, p.part) == (plane.level, "body"))
    assert hidden.canal_ap_mm is None
    assert "streaks across it" in hidden.reasons["canal_ap_mm"]
    assert (before.ossification.present, after.ossification.present) == (False, None)


def test_run_json_names_the_networks_and_the_hint(known_segment, source, tmp_path):
    options = Options(hint=("C5", 936.0), command=("canalis", "measure"))
    result = measure_to_folder(source, tmp_path / "out", options)
    assert (result.exit_code, known_segment) == (0, [("C5", 936.0)])
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["models"] == {"fine": "ab" * 32}
    assert record["inference"] == {"engine": "none", "threads": 1}
    assert record["seconds"]["segment"] > 0
    assert result.seconds == pytest.approx(record["seconds"])


def test_every_stage_tells_of_its_progress(known_segment, source, tmp_path):
    seen = []
    measure_to_folder(source, tmp_path / "out", progress=lambda *step: seen.append(step))
    assert {what for what, _, _ in seen} >= {"Reading", "Measuring"}
    assert all(0 <= done <= total for _, done, total in seen)


def test_a_head_is_refused_with_two_files(no_neck, source, tmp_path):
    result = measure_to_folder(source, tmp_path / "out")
    assert result.exit_code == 1
    assert why_refused(result.measurements) == "No cervical vertebrae were found."
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["measurements.json", "run.json"]
    record = json.loads((tmp_path / "out" / "measurements.json").read_text())
    assert (record["status"], record["planes"]) == ("refused", [])
    assert record["warnings"][-1]["code"] == "no-neck"


def test_missing_networks_leave_nothing(source, tmp_path, monkeypatch):
    monkeypatch.setenv("CANALIS_MODELS", str(tmp_path / "nowhere"))
    with pytest.raises(ModelError, match=r"coarse\.onnx"):
        measure_to_folder(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_air_and_one_value_hold_nothing_to_look_at():
    noise = np.random.default_rng(1).normal(-1000, 15, (20, 30, 40)).astype(np.float32)
    assert why_empty(Volume(noise, np.eye(4))).code == "all-air"
    assert why_empty(Volume(np.full((20, 30, 40), 7, np.int16), np.eye(4))).code == "one-value"
    assert why_empty(a_volume()) is None
    refused = canalis.measure(Volume(noise, np.eye(4)))
    assert refused.status == "refused"
    assert why_refused(refused).startswith("Expected a CT of a neck, found nothing but air.")


def test_coarse_voxels_are_said(known_segment):
    coarse = AFFINE * [1, 2.2, 2.2, 1]
    hu = a_volume().hu
    measurements = canalis.measure(Volume(hu, coarse))
    said = {warning.code: warning.message for warning in measurements.warnings}
    assert "neither that OPLL is seen nor that none is can be relied on" in said["coarse-pixels"]
    square = Volume(hu, AFFINE * [1, 4, 4.5, 1])  # pixels of 3.6 mm, slices 2 mm apart
    assert "wide-gaps" not in {warning.code for warning in canalis.measure(square).warnings}
    wide = canalis.measure(Volume(hu, AFFINE * [1.8, 1, 1, 1]))
    assert [warning.code for warning in wide.warnings] == ["wide-gaps"]
    assert canalis.measure(a_volume()).warnings == ()


def test_a_drawn_label_map_names_its_own_levels(tmp_path):
    write_nifti(tmp_path / "labels.nii.gz", Volume(labels().astype(np.int16), AFFINE))
    drawn = read_drawn(tmp_path / "labels.nii.gz", a_volume())
    assert (drawn.levels.sure, drawn.levels.source) == (True, "hint")
    assert drawn.levels.reason == "Levels as named in the label map: C4 to C6."
    unnamed = np.where(labels() >= 11, 3, labels()).astype(np.int16)
    write_nifti(tmp_path / "unnamed.nii.gz", Volume(unnamed, AFFINE))
    assert read_drawn(tmp_path / "unnamed.nii.gz", a_volume()).levels.source is None
    moved = AFFINE.copy()
    moved[0, 3] += 0.4
    write_nifti(tmp_path / "moved.nii.gz", Volume(labels().astype(np.int16), moved))
    with pytest.raises(GeometryError, match="label map on the voxels of the CT"):
        read_drawn(tmp_path / "moved.nii.gz", a_volume())


def test_a_drawn_label_map_with_other_labels_or_levels_upside_down_is_refused(tmp_path):
    odd = labels().astype(np.int16)
    odd[odd == 1] = 77
    write_nifti(tmp_path / "odd.nii.gz", Volume(odd, AFFINE))
    with pytest.raises(ReadError, match="0 to 4 and 11 to 19"):
        read_drawn(tmp_path / "odd.nii.gz", a_volume())
    turned = labels().astype(np.int16)
    named = turned >= 11
    turned[named] = turned.max() + turned[named].min() - turned[named]
    write_nifti(tmp_path / "turned.nii.gz", Volume(turned, AFFINE))
    with pytest.raises(ReadError, match="head to foot"):
        read_drawn(tmp_path / "turned.nii.gz", a_volume())


def test_dicom_output_of_a_nifti_is_refused_before_a_network_looks(tmp_path, monkeypatch):
    pytest.importorskip("highdicom")
    monkeypatch.setattr(chain, "measure_with_outlines", lambda *a, **k: pytest.fail("measured"))
    write_nifti(tmp_path / "ct.nii.gz", a_volume())
    with pytest.raises(ReadError, match="leave --dicom out"):
        measure_to_folder(tmp_path / "ct.nii.gz", tmp_path / "out", Options(also=("dicom",)))
    zipped = replace(a_volume(), acquisition=Acquisition("dicom", 1, (1, 1, 1), files=("in/a.zip/1.dcm",)))
    monkeypatch.setattr(chain, "read_volume", lambda *a, **k: zipped)
    with pytest.raises(ReadError, match="Unpack the zip"):
        measure_to_folder(tmp_path / "ct.zip", tmp_path / "out", Options(also=("dicom",)))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2), (2, 1, 0)])
@pytest.mark.parametrize("flip", [(False, False, False), (True, False, True), (False, True, False)])
def test_a_label_map_in_any_axis_order_is_put_on_the_cts(order, flip):
    mask = Mask(labels(), AFFINE)
    back = mask.with_axes(order, flip).on_grid_of(a_volume())
    assert np.array_equal(back.labels, mask.labels)
    assert back.geometry_equal(a_volume())
