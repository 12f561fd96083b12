import subprocess
import sys
from dataclasses import replace

import pytest

from canalis.errors import OutputError, ReadError
from canalis.measurement.measurements import Measurements
from canalis.report import read_measurements, write_report
from canalis.segment.segmentation import LevelNaming


def write(folder, neck, **changes):
    arguments = {
        "measurements": neck.measurements,
        "segmentation": neck.segmentation,
        "volume": neck.volume,
        "software": neck.software,
    }
    write_report(folder, **(arguments | changes))


def test_a_measured_scan_leaves_four_files(neck, tmp_path):
    write(tmp_path, neck)
    assert {path.name for path in tmp_path.iterdir()} == {
        "measurements.json", "measurements.csv", "segmentation.nii.gz", "report.html",
    }  # fmt: skip
    assert read_measurements(tmp_path).narrowest == neck.measurements.narrowest


def test_a_refused_scan_leaves_its_record_alone(neck, tmp_path):
    write(tmp_path, neck, measurements=Measurements("refused", LevelNaming(False, None, "No canal.")))
    assert [path.name for path in tmp_path.iterdir()] == ["measurements.json"]


def test_the_pdf_is_written_where_it_is_wanted(neck, tmp_path):
    pytest.importorskip("weasyprint")
    write(tmp_path, neck, also=["pdf"])
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_dicom_is_refused_for_an_input_that_was_none(neck, tmp_path):
    with pytest.raises(ReadError, match="need a DICOM input"):
        write(tmp_path, neck, also=["dicom"])


def test_a_folder_that_cannot_be_written_is_said_in_one_line(neck, tmp_path):
    with pytest.raises(OutputError, match="Cannot write the result: No such file"):
        write(tmp_path / "none", neck)


def test_no_path_of_the_input_reaches_a_file(neck, tmp_path):
    acquisition = replace(neck.volume.acquisition, files=("/scans/DOE^JANE/1.dcm",))
    write(tmp_path, neck, volume=replace(neck.volume, acquisition=acquisition))
    for path in tmp_path.iterdir():
        assert b"DOE^JANE" not in path.read_bytes()


def test_the_report_is_imported_without_the_libraries_it_may_never_need():
    code = "import sys, canalis.report; print([m for m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.replace("'", "").strip("[]\n").split(", "))
    assert not loaded & {"matplotlib", "weasyprint", "highdicom", "nibabel", "jinja2", "pydantic"}


def test_an_error_without_a_number_is_told_in_its_own_words(neck, tmp_path, monkeypatch):
    def full(*_arguments, **_named):
        raise OSError("the share is gone")

    monkeypatch.setattr("canalis.report.files.write_label_map", full)
    with pytest.raises(OutputError, match="Cannot write the result: the share is gone"):
        write(tmp_path, neck)
