import gzip
import re
import shutil
import subprocess

import nibabel
import numpy as np
import pydicom
import pytest

from canalis.labels import OSSIFICATION, RESIDUAL_CANAL
from canalis.measurement import measure_segmentation
from canalis.read import read_volume
from canalis.report import Software, write_report
from canalis.report.dicom_files import write_dicom_objects
from canalis.segment.segmentation import LevelNaming, Segmentation
from canalis.volume import Mask

pytestmark = pytest.mark.real

HEIGHTS, BACKS = (1004.0, 1022.0, 1040.0, 1058.0, 1079.0, 1099.0), (281.0, 276.0, 271.0, 268.0, 267.0, 268.0)


@pytest.fixture(scope="module")
def scan(real_data):
    return read_volume(real_data("vhm_head_dicom"))


@pytest.fixture(scope="module")
def tube(scan):
    """Return a tube along the canal with a mass in it: shapes for the files, not anatomy."""
    labels = np.zeros(scan.shape, np.uint8)
    y, x = np.mgrid[: scan.shape[1], : scan.shape[2]]
    for index in range(12, 96):
        middle = np.interp(1000.0 + index, HEIGHTS, BACKS)
        inside = ((x - 252) / 11) ** 2 + ((y - middle) / 6.5) ** 2 <= 1
        labels[index][inside] = RESIDUAL_CANAL
        if 30 < index < 50:
            labels[index][inside & (y < middle - 3) & (abs(x - 254) < 5)] = OSSIFICATION
    naming = LevelNaming(False, None, "No vertebra is labelled.")
    return Segmentation(Mask(labels, scan.affine), naming)


@pytest.fixture(scope="module")
def written(scan, tube, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    measurements = measure_segmentation(tube, scan)
    software = Software("0.1.0")
    write_report(folder, measurements=measurements, segmentation=tube, volume=scan, software=software)
    (folder / "dicom").mkdir()
    pytest.importorskip("highdicom")
    write_dicom_objects(
        folder / "dicom", measurements=measurements, segmentation=tube, volume=scan, software=software
    )
    return folder


def test_no_file_but_the_dicom_objects_names_the_patient(written, scan):
    source = pydicom.dcmread(scan.acquisition.files[0], stop_before_pixels=True)
    names = [str(source.PatientName), str(source.PatientID)]
    for path in written.iterdir():
        if path.is_file():
            data = path.read_bytes()
            if path.suffix == ".gz":
                data = gzip.decompress(data)[:352]  # the header; a label map's voxels are no text
            text = re.sub(rb"data:image/png;base64,[A-Za-z0-9+/=]+", b"", data).decode("utf-8", "replace")
            assert not any(re.search(rf"\b{re.escape(name)}\b", text) for name in names if len(name) > 2)
    seg = pydicom.dcmread(written / "dicom" / "segmentation.dcm", stop_before_pixels=True)
    assert str(seg.PatientName) == names[0]


def test_the_label_map_lies_on_the_scan(written, scan, tube):
    image = nibabel.load(written / "segmentation.nii.gz")
    assert image.shape == (512, 512, 150)
    index = np.argwhere(np.asarray(image.dataobj) == OSSIFICATION)
    ras = (index @ image.affine[:3, :3].T + image.affine[:3, 3]).mean(axis=0)
    expected = tube.mask.to_lps(np.argwhere(tube.mask.labels == OSSIFICATION)).mean(axis=0)
    assert ras * [-1, -1, 1] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("name", ["segmentation.dcm", "measurements.dcm"])
def test_dciodvfy_finds_no_error_in_what_a_real_source_leads_to(written, name, missing_here):
    if shutil.which("dciodvfy") is None:
        missing_here("no dciodvfy: install dicom3tools")
    done = subprocess.run(
        ["dciodvfy", "-new", written / "dicom" / name], capture_output=True, text=True, check=False
    )
    assert [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")] == []


def test_the_page_of_a_real_scan_is_small_and_has_its_pictures(written):
    page = (written / "report.html").read_text(encoding="utf-8")
    assert len(page) < 2_000_000
    assert 'data-picture="midsagittal"' in page
    assert "Levels not named: no vertebra is labelled." in page
