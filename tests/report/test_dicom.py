import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from canalis.errors import MissingExtraError, OutputError, ReadError
from canalis.labels import LEVELS
from canalis.measurement.measurements import Measurements
from canalis.read import read_volume
from canalis.report.dicom_codes import (
    ALIGNMENT_MEASURES,
    DISCS,
    NECK_MEASURES,
    OSSIFIED,
    PLANE_MEASURES,
    SCHEME,
    SEGMENTS,
    VERTEBRAE,
    Coded,
)
from canalis.report.dicom_files import write_dicom_objects
from canalis.report.dicom_source import frames_of, labels_on_frames, read_sources
from canalis.report.dicom_sr import REPORTED
from canalis.report.record import Software
from canalis.segment.segmentation import LevelNaming, Segmentation
from canalis.volume import Acquisition, Mask

hd = pytest.importorskip("highdicom")

NAMING = LevelNaming(True, "both", "Counted from both ends.")


def complete(dataset):
    """Add what an archive asks of a CT and the small series leaves out."""
    dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber = "20200102", "030405", "A1"
    dataset.ReferringPhysicianName, dataset.StudyID, dataset.PatientBirthDate = "Doctor^Any", "1", "19500102"
    dataset.PatientSex, dataset.SeriesNumber, dataset.PositionReferenceIndicator = "F", 3, ""
    dataset.KVP, dataset.AcquisitionNumber, dataset.Manufacturer = "120", 1, "Maker"
    return dataset


def written(folder, series):
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(series.slices):
        pydicom.dcmwrite(folder / f"{index * 7 % 12:02d}.dcm", complete(series.dataset(index)))
    return folder


def labels_for(volume):
    """Return labels of every kind in no symmetric pattern."""
    kinds = np.array([0, 0, 0, *(segment.label for segment in SEGMENTS)], np.uint8)
    return kinds[np.random.default_rng(11).integers(0, len(kinds), volume.shape)]


@pytest.fixture(scope="module")
def source(tmp_path_factory, synthetic_series):
    return read_volume(written(tmp_path_factory.mktemp("ct") / "ct", synthetic_series()))


@pytest.fixture(scope="module")
def objects(source, neck, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dicom")
    segmentation = Segmentation(Mask(labels_for(source), source.affine), NAMING)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        write_dicom_objects(
            folder,
            measurements=neck.measurements,
            segmentation=segmentation,
            volume=source,
            software=Software("0.1.0"),
        )
    assert [str(warning.message) for warning in said] == []
    return folder, segmentation.mask


def code_of(item):
    return Coded(item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning)


def all_codes():
    measures = [*PLANE_MEASURES.values(), *NECK_MEASURES.values(), *ALIGNMENT_MEASURES.values()]
    codes = [*VERTEBRAE.values(), *DISCS.values()]
    codes += [code for segment in SEGMENTS for code in (segment.category, segment.type)]
    codes += [code for pair in measures for code in pair]
    codes += [OSSIFIED, REPORTED, Coded("123109", "DCM", "Manual Processing")]
    codes += [
        Coded("123110", "DCM", "Artificial Intelligence"),
        Coded("126000", "DCM", "Imaging Measurement Report"),
    ]
    return sorted(set(codes), key=lambda code: (code.scheme, code.value))


@pytest.mark.parametrize("code", all_codes(), ids=lambda code: code.value)
def test_a_code_has_in_the_standard_the_meaning_it_is_used_with(code):
    from pydicom.sr._concepts_dict import concepts

    if code.scheme == SCHEME:
        assert len(code.value) <= 16
        assert len(code.meaning) <= 64
        return
    meanings = {
        meaning.lower()
        for known in concepts[code.scheme].values()
        for value, (meaning, _) in known.items()
        if value == code.value
    }
    assert code.meaning.lower() in meanings


def test_vertebrae_are_of_the_context_group_for_segments():
    from pydicom.sr._concepts_dict import concepts

    groups = {value: cids for known in concepts["SCT"].values() for value, (_, cids) in known.items()}
    assert list(VERTEBRAE) == list(LEVELS)
    for code in VERTEBRAE.values():
        assert 7151 in groups[code.value]
    assert {7150} <= {cid for s in SEGMENTS for cid in groups[s.category.value]}


def test_the_seg_reads_back_voxel_for_voxel(objects, source):
    folder, mask = objects
    seg = hd.seg.segread(folder / "segmentation.dcm")
    uids = [
        pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in source.acquisition.files
    ]
    pixels = seg.get_pixels_by_source_instance(
        uids, combine_segments=True, relabel=False, assert_missing_frames_are_empty=True
    )
    numbers = {segment.SegmentLabel: segment.SegmentNumber for segment in seg.SegmentSequence}
    expected = np.zeros_like(pixels)
    for segment in SEGMENTS:
        expected[mask.labels == segment.label] = numbers[segment.name]
    assert np.array_equal(pixels, expected)


def test_each_segments_voxels_lie_where_the_masks_do_by_the_frames_own_positions(objects):
    """An independent road: the SEG's frame positions against the mask's affine."""
    folder, mask = objects
    seg = pydicom.dcmread(folder / "segmentation.dcm")
    shared = seg.SharedFunctionalGroupsSequence[0]
    along_row, along_column = np.array(
        shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float
    ).reshape(2, 3)
    row_mm, column_mm = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    names = {segment.SegmentNumber: segment.SegmentLabel for segment in seg.SegmentSequence}
    found = {}
    for pixels, groups in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True):
        corner = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        rows, columns = np.nonzero(pixels)
        places = corner + rows[:, None] * row_mm * along_column + columns[:, None] * column_mm * along_row
        number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        found.setdefault(names[number], []).append(places)
    for segment in SEGMENTS:
        expected = mask.to_lps(np.argwhere(mask.labels == segment.label)).mean(axis=0)
        assert np.concatenate(found[segment.name]).mean(axis=0) == pytest.approx(expected, abs=1e-3)


def test_seg_and_sr_carry_the_sources_patient_and_study(objects, source):
    original = pydicom.dcmread(source.acquisition.files[0], stop_before_pixels=True)
    for name in ("segmentation.dcm", "measurements.dcm"):
        made = pydicom.dcmread(objects[0] / name, stop_before_pixels=True)
        for field in ("PatientName", "PatientID", "PatientBirthDate", "StudyInstanceUID", "StudyDate"):
            assert made[field].value == original[field].value
        assert made.SeriesInstanceUID != original.SeriesInstanceUID
    assert (
        pydicom.dcmread(objects[0] / "segmentation.dcm").FrameOfReferenceUID == original.FrameOfReferenceUID
    )


def test_a_tilted_scans_mask_goes_back_onto_its_source_frames(tmp_path, synthetic_series):
    tilt = np.deg2rad(15)
    series = synthetic_series(
        orientation=(1.0, 0.0, 0.0, 0.0, float(np.cos(tilt)), float(np.sin(tilt))),
        stack_direction=(0.0, 0.0, 1.0),
    )
    volume = read_volume(written(tmp_path / "tilted", series))
    assert volume.acquisition.resampled
    slabs = np.zeros(volume.shape, np.uint8)
    places = volume.to_lps(np.moveaxis(np.indices(volume.shape), 0, -1).astype(float))
    slabs[places[..., 2] > 919.0] = 1
    sources = read_sources(volume.acquisition)
    frames = frames_of(sources)
    inside = [place[..., 2] for place in series.places()]
    order = np.argsort([frame.affine[2, 3] for frame in frames])
    drawn = list(labels_on_frames(Mask(slabs, volume.affine), frames))
    for index, z in zip(order, inside, strict=True):
        assert drawn[index].shape == (20, 24)
        clear = np.abs(z - 919.0) > 1.0  # farther than a voxel from the slab's edge
        held = (z >= places[..., 2].min()) & (z <= places[..., 2].max()) & clear
        assert ((drawn[index] == 1) == (z > 919.0))[held].mean() > 0.99


def test_an_enhanced_file_gives_a_frame_for_each_of_its_own(tmp_path, synthetic_series):
    series = synthetic_series()
    order = [3, 0, 1, 2, 4, 5, 11, 10, 9, 8, 7, 6]
    path = tmp_path / "enhanced.dcm"
    pydicom.dcmwrite(path, complete(series.enhanced(order)), enforce_file_format=True)
    volume = read_volume(path)
    sources = read_sources(volume.acquisition)
    assert len(sources) == 1
    labels = labels_for(volume)
    drawn = list(labels_on_frames(Mask(labels, volume.affine), frames_of(sources)))
    for frame, index in zip(drawn, order, strict=True):
        place = series.positions[index]
        (slice_of,) = {int(k) for k in volume.to_index(place[None])[:, 0].round()}
        assert np.array_equal(frame, labels[slice_of])


@pytest.mark.parametrize("start", ["meta", "data set"])
def test_sources_without_a_preamble_are_written_for(tmp_path, synthetic_series, neck, start):
    folder = written(tmp_path / "ct", synthetic_series())
    for path in folder.iterdir():
        data = path.read_bytes()
        path.write_bytes(data[132 if start == "meta" else data.index(b"\x08\0\x08\0CS") :])
    volume = read_volume(folder)
    write_dicom_objects(
        tmp_path,
        measurements=neck.measurements,
        segmentation=Segmentation(Mask(labels_for(volume), volume.affine), NAMING),
        volume=volume,
        software=Software("0.1.0"),
    )
    segmentation = pydicom.dcmread(tmp_path / "segmentation.dcm", stop_before_pixels=True)
    assert segmentation.FrameOfReferenceUID == read_sources(volume.acquisition)[0].FrameOfReferenceUID
    assert pydicom.dcmread(tmp_path / "measurements.dcm").StudyInstanceUID == segmentation.StudyInstanceUID


def measurements_in(sr):
    """Return {group: {code value: (number, unit)}} of a TID 1500 report."""
    found = {}
    for container in sr.ContentSequence:
        if container.ValueType == "CONTAINER" and container.ConceptNameCodeSequence[0].CodeValue == "126010":
            for group in container.ContentSequence:
                numbers, name = {}, None
                for item in group.ContentSequence:
                    if item.ConceptNameCodeSequence[0].CodeValue == "112039":
                        name = item.TextValue
                    if item.ValueType == "NUM":
                        value = item.MeasuredValueSequence[0]
                        unit = value.MeasurementUnitsCodeSequence[0].CodeValue
                        numbers[item.ConceptNameCodeSequence[0].CodeValue] = (float(value.NumericValue), unit)
                found[name] = numbers
    return found


def test_the_sr_holds_every_number_with_its_unit_and_leaves_missing_ones_out(objects, neck):
    groups = measurements_in(pydicom.dcmread(objects[0] / "measurements.dcm"))
    for plane in neck.measurements.planes:
        numbers = groups[f"{plane.level} {plane.part}"]
        for field, (code, unit) in PLANE_MEASURES.items():
            value = getattr(plane, field)
            if value is None:
                assert code.value not in numbers
            else:
                assert numbers[code.value] == (pytest.approx(value, rel=1e-6), unit.value)
    assert groups["OPLL"]["118565006"] == (2900.0, "mm3")
    assert groups["Neck"]["285285000"] == (11.8, "deg")


def test_the_sr_refers_to_the_ossifications_segment_of_the_seg(objects):
    seg = pydicom.dcmread(objects[0] / "segmentation.dcm", stop_before_pixels=True)
    text = str(pydicom.dcmread(objects[0] / "measurements.dcm"))
    number = next(s.SegmentNumber for s in seg.SegmentSequence if s.SegmentLabel == "OPLL")
    assert seg.SOPInstanceUID in text
    assert f"Referenced Segment Number           US: {number}" in text


def test_an_interval_has_the_unit_of_its_number(objects):
    def walk(dataset):
        for item in dataset.get("ContentSequence", []):
            yield item
            yield from walk(item)

    sr = pydicom.dcmread(objects[0] / "measurements.dcm")
    pairs = [
        (parent.MeasuredValueSequence[0], child.MeasuredValueSequence[0])
        for parent in walk(sr)
        if parent.ValueType == "NUM"
        for child in parent.get("ContentSequence", [])
        if child.ValueType == "NUM"
    ]
    assert len(pairs) > 50
    for number, interval in pairs:
        units = [v.MeasurementUnitsCodeSequence[0].CodeValue for v in (number, interval)]
        assert units[0] == units[1]


@pytest.mark.parametrize("name", ["segmentation.dcm", "measurements.dcm"])
def test_dciodvfy_finds_no_error(objects, name, missing_here):
    if shutil.which("dciodvfy") is None:
        missing_here("no dciodvfy: install dicom3tools")
    done = subprocess.run(
        ["dciodvfy", "-new", objects[0] / name], capture_output=True, text=True, check=False
    )
    said = (done.stdout + done.stderr).splitlines()
    assert any("Segmentation" in line or "Comprehensive3DSR" in line for line in said)
    assert [line for line in said if line.startswith("Error")] == []


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory, missing_here):
    """Start Orthanc on the loopback and return its address."""
    program = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        missing_here("no Orthanc: install orthanc")
    folder = tmp_path_factory.mktemp("orthanc")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "HttpPort": port, "DicomServerEnabled": False, "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False, "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"), "Plugins": [],
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([program, folder / "orthanc.json"], stdout=log, stderr=log)
        try:
            yield wait_for(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()
            server.wait(timeout=20)


def wait_for(address):
    for _ in range(120):
        try:
            with urllib.request.urlopen(f"{address}/system", timeout=2):
                return address
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.25)
    pytest.fail("Orthanc did not start within 30 s")


@pytest.mark.parametrize(("name", "modality"), [("segmentation.dcm", "SEG"), ("measurements.dcm", "SR")])
def test_orthanc_takes_it_and_gives_it_back_whole(objects, orthanc, name, modality):
    data = (objects[0] / name).read_bytes()
    request = urllib.request.Request(f"{orthanc}/instances", data=data, method="POST")
    with urllib.request.urlopen(request, timeout=20) as reply:
        stored = json.load(reply)
    assert stored["Status"] == "Success"
    with urllib.request.urlopen(f"{orthanc}{stored['Path']}/file", timeout=20) as reply:
        assert reply.read() == data
    with urllib.request.urlopen(f"{orthanc}{stored['Path']}/simplified-tags", timeout=20) as reply:
        assert json.load(reply)["Modality"] == modality


def test_a_name_that_highdicom_would_print_stays_off_the_terminal(tmp_path, synthetic_series, neck, capfd):
    folder = tmp_path / "ct"
    series = synthetic_series(patient="P9")
    folder.mkdir()
    for index in range(series.slices):
        dataset = complete(series.dataset(index))
        dataset.PatientName = "Singleword"
        pydicom.dcmwrite(folder / f"{index}.dcm", dataset)
    volume = read_volume(folder)
    segmentation = Segmentation(Mask(labels_for(volume), volume.affine), NAMING)
    write_dicom_objects(
        tmp_path, measurements=neck.measurements, segmentation=segmentation, volume=volume,
        software=Software("0.1.0"),
    )  # fmt: skip
    assert "Singleword" not in "".join(capfd.readouterr())


def refused_objects(tmp_path, neck, volume, labels):
    write_dicom_objects(
        tmp_path,
        measurements=Measurements("measured", NAMING),
        segmentation=Segmentation(Mask(labels, volume.affine), NAMING),
        volume=volume,
        software=neck.software,
    )


def test_input_that_is_not_dicom_has_no_seg(tmp_path, neck):
    with pytest.raises(ReadError, match="need a DICOM input"):
        refused_objects(tmp_path, neck, neck.volume, np.ones(neck.volume.shape, np.uint8))


def test_source_files_that_are_gone_are_said(tmp_path, neck, source):
    gone = replace(source, acquisition=Acquisition("dicom", 1, (1, 1, 1), files=("/nowhere/1.dcm",)))
    with pytest.raises(ReadError, match="source files on disk"):
        refused_objects(tmp_path, neck, gone, labels_for(source))


def test_an_empty_label_map_has_no_seg(tmp_path, neck, source):
    with pytest.raises(OutputError, match="No voxel"):
        refused_objects(tmp_path, neck, source, np.zeros(source.shape, np.uint8))


def test_without_the_extra_the_error_names_it(tmp_path, neck, source, monkeypatch):
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(MissingExtraError, match="extra 'dicom-out'"):
        refused_objects(tmp_path, neck, source, labels_for(source))


def test_a_source_whose_birth_date_and_sex_were_removed_still_gets_its_seg(tmp_path, synthetic_series, neck):
    folder = tmp_path / "ct"
    series = synthetic_series()
    folder.mkdir()
    for index in range(series.slices):
        dataset = complete(series.dataset(index))
        del dataset.PatientBirthDate, dataset.PatientSex, dataset.AccessionNumber
        pydicom.dcmwrite(folder / f"{index}.dcm", dataset)
    volume = read_volume(folder)
    refused_objects(tmp_path, neck, volume, labels_for(volume))
    seg = pydicom.dcmread(tmp_path / "segmentation.dcm")
    assert seg.PatientBirthDate == ""
    assert seg.Modality == "SEG"


def made_from(tmp_path, synthetic_series, neck, change):
    """Return the SEG and the SR of a series whose headers were changed."""
    folder = tmp_path / "ct"
    series = synthetic_series()
    folder.mkdir()
    with warnings.catch_warnings(), pydicom.config.disable_value_validation():
        warnings.simplefilter("ignore")
        for index in range(series.slices):
            dataset = complete(series.dataset(index))
            change(dataset)
            pydicom.dcmwrite(folder / f"{index}.dcm", dataset)
    volume = read_volume(folder)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        refused_objects(tmp_path, neck, volume, labels_for(volume))
    assert [str(warning.message) for warning in said] == []
    return [pydicom.dcmread(tmp_path / name) for name in ("segmentation.dcm", "measurements.dcm")]


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce"),
        ("ISO 2022 IR 149", "Hong^Gildong=\u6d2a^\u5409\u6d1e"),
        ("", "Plain^Name"),
        ("ISO_IR 6", "Plain^Name"),
        ("UTF-8", "M\u00fcller^Any"),
    ],
)
def test_the_patients_name_is_right_whatever_the_character_set(
    tmp_path, synthetic_series, neck, charset, name
):
    def change(dataset):
        dataset.SpecificCharacterSet = charset
        dataset.PatientName = name

    for made in made_from(tmp_path, synthetic_series, neck, change):
        assert made.SpecificCharacterSet == "ISO_IR 192"
        assert str(made.PatientName) == name


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("PatientBirthDate", "1947"),
        ("PatientBirthDate", "19470000"),
        ("PatientBirthDate", "00000000"),
        ("PatientBirthDate", "19470230"),
        ("StudyDate", "00000000"),
        ("StudyTime", "99:99"),
        ("PatientSex", "U"),
        ("PatientSex", "X"),
    ],
)
def test_a_value_that_dicom_does_not_allow_is_left_empty(tmp_path, synthetic_series, neck, field, value):
    for made in made_from(tmp_path, synthetic_series, neck, lambda header: setattr(header, field, value)):
        assert not made[field].value


def test_a_source_without_slice_thickness_gets_its_seg(tmp_path, synthetic_series, neck):
    def change(dataset):
        if "SliceThickness" in dataset:
            del dataset.SliceThickness

    assert made_from(tmp_path, synthetic_series, neck, change)[0].Modality == "SEG"


@pytest.mark.parametrize("empty", [False, True])
def test_a_source_without_frame_of_reference_is_refused_in_words(tmp_path, synthetic_series, neck, empty):
    def change(dataset):
        del dataset.FrameOfReferenceUID
        if empty:
            dataset.FrameOfReferenceUID = ""

    with pytest.raises(ReadError, match=r"FrameOfReferenceUID.*without --dicom"):
        made_from(tmp_path, synthetic_series, neck, change)


def test_what_the_library_says_of_a_header_is_not_passed_on(tmp_path, neck, source, monkeypatch):
    def fail(*_, **__):
        raise ValueError("Unable to convert 'Secret^Name'")

    monkeypatch.setattr("canalis.report.dicom_files.make_seg", fail)
    with pytest.raises(OutputError, match="ValueError") as caught:
        refused_objects(tmp_path, neck, source, labels_for(source))
    assert "Secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
