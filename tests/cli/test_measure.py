"""`canalis measure` from start to end: files, exit codes, and results that are there whole or not at all."""

import json
import resource
import subprocess
import sys

import nibabel
import numpy as np
import pytest

RESULTS = ["measurements.csv", "measurements.json", "report.html", "run.json", "segmentation.nii.gz"]


def test_a_measured_scan_leaves_every_file_and_exits_with_0(measured):
    assert (measured.exit_code, measured.stderr) == (0, "")
    assert measured.files == RESULTS
    assert measured.stdout == f"measured: {measured.out / 'report.html'}\n"
    assert measured.record["status"] == "measured"


def test_the_necks_own_sizes_come_back(measured):
    for level in ("C3", "C3/4", "C4", "C5", "C6"):
        plane = measured.plane(level)
        assert plane["canal_ap_mm"] == pytest.approx(13.0, abs=0.7)  # pixels of 0.9 mm, hard labels
    assert measured.plane("C4")["ossification_thickness_mm"] == pytest.approx(4.0, abs=0.9)
    assert measured.record["ossification"]["present"] is True


def test_run_json_tells_how_the_result_came_to_be(measured):
    record = json.loads((measured.out / "run.json").read_text())
    assert record["schema"] == "canalis.run/1"
    assert record["command"] == ["canalis", "measure", "INPUT", "--out", "DIR", "--segmentation", "FILE"]
    assert list(record["seconds"]) == ["read", "segment", "refine", "measure", "report"]
    assert record["seconds"]["read"] > 0
    assert record["peak_rss_mb"] > 50
    assert len(record["input_hash"]) == 64
    assert record["models"] == {}
    assert record["inference"] is None
    assert np.array(record["grid_affine"]).shape == (4, 4)
    assert record["warnings"] == measured.record["warnings"]


def test_the_label_map_lies_on_the_grid_of_run_json(measured):
    record = json.loads((measured.out / "run.json").read_text())
    image = nibabel.load(measured.out / "segmentation.nii.gz")
    assert list(image.shape) == record["grid_shape"][::-1]
    lps = np.diag([-1.0, -1, 1, 1]) @ image.affine
    assert np.allclose(lps[:, [2, 1, 0, 3]], record["grid_affine"], atol=1e-4)


def test_the_same_input_gives_the_same_measurements(measure, study, measured):
    again = measure(study)
    assert (again.out / "measurements.json").read_bytes() == (measured.out / "measurements.json").read_bytes()
    one, other = (json.loads((ran.out / "run.json").read_text()) for ran in (again, measured))
    assert one["input_hash"] == other["input_hash"]


def test_a_nifti_file_gets_its_label_map_back_as_it_came(run, tmp_path, study, measured):
    lps = json.loads((measured.out / "run.json").read_text())["grid_affine"]
    labels = np.asarray(nibabel.load(measured.out / "segmentation.nii.gz").dataobj)
    affine = np.diag([-1.0, -1, 1, 1]) @ np.array(lps)[:, [2, 1, 0, 3]]
    from canalis.read import read_volume

    hu = read_volume(study).hu.T
    turned = nibabel.orientations.ornt_transform(
        nibabel.orientations.io_orientation(affine), nibabel.orientations.axcodes2ornt(("S", "L", "P"))
    )
    for name, array in (("ct", np.asarray(hu)), ("labels", labels)):
        image = nibabel.Nifti1Image(array, affine).as_reoriented(turned)
        nibabel.save(image, tmp_path / f"{name}.nii.gz")
    ct = nibabel.load(tmp_path / "ct.nii.gz")
    out = tmp_path / "out"
    ran = run(
        "measure", tmp_path / "ct.nii.gz", "--out", out, "--segmentation", tmp_path / "labels.nii.gz", out=out
    )
    assert ran.exit_code == 0
    back = nibabel.load(out / "segmentation.nii.gz")
    assert back.shape == ct.shape
    assert np.array_equal(back.affine, ct.affine)
    assert np.array_equal(back.dataobj, nibabel.load(tmp_path / "labels.nii.gz").dataobj)
    assert ran.plane("C4")["canal_ap_mm"] == pytest.approx(measured.plane("C4")["canal_ap_mm"], abs=0.02)


def test_a_label_map_in_another_axis_order_is_measured_alike(run, tmp_path, study, measured):
    image = nibabel.load(measured.out / "segmentation.nii.gz")
    turned = nibabel.orientations.ornt_transform(
        nibabel.orientations.io_orientation(image.affine), nibabel.orientations.axcodes2ornt(("A", "I", "L"))
    )
    nibabel.save(image.as_reoriented(turned), tmp_path / "turned.nii.gz")
    out = tmp_path / "out"
    ran = run("measure", study, "--out", out, "--segmentation", tmp_path / "turned.nii.gz", out=out)
    assert ran.record["planes"] == measured.record["planes"]


def test_a_label_map_of_another_grid_is_refused(run, tmp_path, study, measured):
    image = nibabel.load(measured.out / "segmentation.nii.gz")
    nibabel.save(image.slicer[:-1], tmp_path / "cut.nii.gz")
    out = tmp_path / "out"
    ran = run("measure", study, "--out", out, "--segmentation", tmp_path / "cut.nii.gz", out=out)
    assert (ran.exit_code, ran.files) == (1, None)
    assert "label map on the voxels of the CT, (48, 80, 70)" in ran.stderr


def test_results_that_are_there_are_kept_without_overwrite(run, study, measured, tmp_path):
    before = (measured.out / "run.json").read_bytes()
    labels = measured.out / "segmentation.nii.gz"
    ran = run("measure", study, "--out", measured.out, "--segmentation", labels)
    assert ran.exit_code == 1
    assert "holds results already" in ran.stderr
    assert "--overwrite" in ran.stderr
    assert (measured.out / "run.json").read_bytes() == before


def test_overwrite_replaces_results_and_leaves_other_files(measure, study, run, tmp_path):
    first = measure(study)
    (first.out / "notes.txt").write_text("mine")
    labels = tmp_path / "empty.nii.gz"
    image = nibabel.load(first.out / "segmentation.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.zeros(image.shape, np.uint8), image.affine), labels)
    ran = run("measure", study, "--out", first.out, "--segmentation", labels, "--overwrite", out=first.out)
    assert ran.exit_code == 1
    assert ran.record["status"] == "refused"
    assert ran.files == ["measurements.json", "notes.txt", "run.json"]
    assert ran.stderr.startswith("canalis: Refused: ")
    assert ran.stderr.count("\n") == 1
    assert sorted(path.name for path in first.out.parent.iterdir()) == ["labels.nii.gz", "out"]


def test_a_folder_that_cannot_be_written_is_refused_and_nothing_is_left(run, study, measured, tmp_path):
    (tmp_path / "file").write_text("in the way")
    labels = measured.out / "segmentation.nii.gz"
    for out in (tmp_path / "file", tmp_path / "file" / "below", "/proc/canalis"):
        ran = run("measure", study, "--out", out, "--segmentation", labels)
        assert ran.exit_code == 1
        assert "--out" in ran.stderr
        assert ran.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file sizes there")
def test_a_full_disk_leaves_nothing(study, measured, tmp_path):
    """A limit on the size of files stands for the disk: the write fails the same way."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    out = tmp_path / "deep" / "out"
    labels = measured.out / "segmentation.nii.gz"
    words = [sys.executable, "-m", "canalis", "measure", study, "--out", out, "--segmentation", labels]
    ran = subprocess.run(words, preexec_fn=limit, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "File too large" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [["--hint", "C4=1040"], ["--hint", "C2"], ["--nonsense"], ["--hint", "C2=1040", "--segmentation", "x"]],
)
def test_wrong_usage_exits_with_2(run, study, tmp_path, words):
    out = tmp_path / "out"
    ran = run("measure", study, "--out", out, *words)
    assert ran.exit_code == 2
    assert not out.exists()


def test_nothing_is_drawn_where_stderr_is_no_terminal(measured):
    assert measured.stderr == ""


def test_pdf_and_dicom_are_written_when_asked_for(run, study, measured, tmp_path):
    pytest.importorskip("highdicom", reason="highdicom is in the dicom-out extra")
    pytest.importorskip("weasyprint", reason="WeasyPrint is in the pdf extra")
    labels = measured.out / "segmentation.nii.gz"
    out = tmp_path / "out"
    ran = run("measure", study, "--out", out, "--segmentation", labels, "--pdf", "--dicom", out=out)
    assert ran.exit_code == 0
    assert ran.files == sorted([*RESULTS, "report.pdf", "segmentation.dcm", "measurements.dcm"])
    record = json.loads((out / "run.json").read_text())
    assert record["command"][-2:] == ["--pdf", "--dicom"]


@pytest.mark.parametrize(("flag", "extra"), [("--pdf", "pdf"), ("--dicom", "dicom-out")])
def test_a_missing_extra_is_said_before_any_work(run, study, tmp_path, monkeypatch, flag, extra):
    monkeypatch.setattr("canalis.chain.find_spec", lambda name: None)
    ran = run("measure", study, "--out", tmp_path / "out", flag)
    assert ran.exit_code == 1
    assert f"pip install 'canalis[{extra}]'" in ran.stderr
    assert list(tmp_path.iterdir()) == []
