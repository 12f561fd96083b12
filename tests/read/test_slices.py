"""Slices that are doubled, missing, unevenly spaced, truncated or undecodable."""

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEGExtended12Bit
from scipy.ndimage import map_coordinates

from canalis.errors import GeometryError, ReadError
from canalis.read import pixels, read_volume
from canalis.read.geometry import described_slices
from canalis.read.sources import ImageFile


def codes(volume):
    return [warning.code for warning in volume.acquisition.warnings]


def messages(volume):
    return " ".join(warning.message for warning in volume.acquisition.warnings)


def paths_from_the_foot(folder):
    return sorted(folder.iterdir(), key=lambda path: pydicom.dcmread(path).ImagePositionPatient[2])


def double(folder, index, change=0):
    ds = pydicom.dcmread(paths_from_the_foot(folder)[index])
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    values = np.frombuffer(ds.PixelData, "<u2").copy()
    values[5] += change
    ds.PixelData = values.tobytes()
    ds.save_as(folder / "again.dcm")


def test_a_slice_doubled_with_equal_pixels_is_kept_once_and_said(tmp_path, synthetic_series):
    series = synthetic_series()
    folder = series.write(tmp_path / "ct")
    double(folder, 4)
    volume = read_volume(folder)
    assert np.array_equal(volume.hu, series.hu())
    assert codes(volume) == ["doubled-slices"]
    assert "Slices 5 and 6 of 13, z = 917.5 mm, are doubled" in messages(volume)


def test_a_slice_doubled_with_other_pixels_is_refused_by_number(tmp_path, synthetic_series):
    folder = synthetic_series().write(tmp_path / "ct")
    double(folder, 4, change=1)
    with pytest.raises(
        GeometryError, match=r"different pixels: slices 5 and 6 of 13, z = 917\.5 mm.*--series"
    ):
        read_volume(folder)


def interleaved(offset_mm, gap_mm=1.25, slices=24):
    return sorted([*np.arange(slices) * gap_mm, *(np.arange(slices) * gap_mm + offset_mm)])


def test_two_reconstructions_a_hair_apart_are_refused_as_those_at_one_place_are(tmp_path, synthetic_series):
    heights = interleaved(0.05)
    folder = synthetic_series(slices=len(heights), heights_mm=heights).write(tmp_path / "ct")
    with pytest.raises(GeometryError, match=r"within 0\.1 mm, with different pixels: slices 1 and 2 of 48"):
        read_volume(folder)


def test_a_series_without_doubled_slices_is_preferred_to_one_with_them(tmp_path, synthetic_series):
    heights = interleaved(0.05)
    synthetic_series(slices=len(heights), heights_mm=heights, series="mixed").write(tmp_path / "mixed")
    clean = synthetic_series(slices=50, gap_mm=1.0, series="clean")
    clean.write(tmp_path / "clean")
    assert np.array_equal(read_volume(tmp_path).hu, clean.hu())


def test_a_folder_that_holds_every_slice_twice_says_so_once(tmp_path, synthetic_series):
    series = synthetic_series()
    series.write(tmp_path / "ct")
    series.write(tmp_path / "copy")
    volume = read_volume(tmp_path)
    assert np.array_equal(volume.hu, series.hu())
    assert codes(volume) == ["doubled-slices"]
    assert "Slices 1 and 2 of 24" in messages(volume)
    assert "at 11 other places" in messages(volume)


def test_of_a_doubled_slice_the_readable_one_is_kept(tmp_path, synthetic_series):
    series = synthetic_series()
    folder = series.write(tmp_path / "ct")
    double(folder, 4)
    path = folder / "again.dcm"
    path.write_bytes(path.read_bytes()[:-100])
    assert np.array_equal(read_volume(folder).hu, series.hu())


def test_a_missing_slice_is_filled_and_said(tmp_path, synthetic_series):
    series = synthetic_series()
    volume = read_volume(series.write(tmp_path / "ct", skip=[5]))
    assert volume.shape[0] == 12
    assert np.array_equal(np.delete(volume.hu, 5, axis=0), np.delete(series.hu(), 5, axis=0))
    assert np.array_equal(volume.hu[5], (series.hu()[4] + series.hu()[6]) / 2)
    assert codes(volume) == ["missing-slices"]
    assert "between slices 5 and 6 of 11: the gap is 2.50 mm where 1.25 mm is usual" in messages(volume)
    expected = [1.25] * 4 + [2.5] * 3 + [1.25] * 5
    assert volume.acquisition.source_gap_mm == pytest.approx(expected)


def test_several_missing_slices_are_each_said(tmp_path, synthetic_series):
    volume = read_volume(synthetic_series(slices=30).write(tmp_path / "ct", skip=[5, 6, 17, 19]))
    assert volume.shape[0] == 30
    assert codes(volume) == ["missing-slices"] * 3
    assert volume.acquisition.source_gap_mm.max() == pytest.approx(3.75)


def test_slices_missing_at_many_places_are_said_once(tmp_path, synthetic_series):
    heights = interleaved(0.25, gap_mm=1.0)
    folder = synthetic_series(slices=len(heights), heights_mm=heights).write(tmp_path / "ct")
    volume = read_volume(folder)
    assert codes(volume) == ["missing-slices"]
    assert "between slices 2 and 3 of 48: the gap is 0.75 mm where 0.25 mm is usual" in messages(volume)
    assert "at 22 other places" in messages(volume)


def test_a_gap_that_changes_is_resampled_to_the_finest(tmp_path, synthetic_series):
    heights = [*np.arange(0, 12, 1.5), *np.arange(12, 30, 3.5)]
    series = synthetic_series(slices=len(heights), heights_mm=heights)
    volume = read_volume(series.write(tmp_path / "ct"))
    assert codes(volume) == ["uneven-gaps"]
    assert "changes from 1.50 to 3.50 mm" in messages(volume)
    assert volume.spacing_mm == pytest.approx((1.5, 0.75, 0.625))
    assert volume.acquisition.source_gap_mm[[0, 5, -1]] == pytest.approx([1.5, 1.5, 3.5])
    z = volume.affine[2, 3] + volume.spacing_mm[0] * np.arange(volume.shape[0]) - series.origin[2]
    at = np.interp(z, heights, np.arange(len(heights)))
    expected = map_coordinates(series.hu(), [at, np.full(len(at), 3.0), np.full(len(at), 7.0)], order=1)
    assert volume.hu[:, 3, 7] == pytest.approx(expected, abs=0.5)  # rounded to whole HU


def test_a_long_run_of_wide_gaps_is_a_change_of_protocol_not_a_loss(tmp_path, synthetic_series):
    heights = [*np.arange(0, 10, 1.0), *np.arange(10, 22, 2.0)]
    series = synthetic_series(slices=len(heights), heights_mm=heights)
    assert codes(read_volume(series.write(tmp_path / "ct"))) == ["uneven-gaps"]


def test_positions_rounded_to_one_decimal_are_even(tmp_path, synthetic_series):
    heights = np.round(np.arange(20) * 0.625, 1)
    volume = read_volume(synthetic_series(slices=20, heights_mm=heights).write(tmp_path / "ct"))
    assert codes(volume) == []
    assert volume.spacing_mm[0] == pytest.approx(0.625, abs=0.005)


@pytest.mark.parametrize("damage", ["cut", "empty pixels"])
def test_a_truncated_slice_is_named_and_filled(tmp_path, synthetic_series, damage):
    series = synthetic_series(slices=15)
    folder = series.write(tmp_path / "ct")
    path = paths_from_the_foot(folder)[6]
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    else:
        ds = pydicom.dcmread(path)
        ds.PixelData = b""
        ds.save_as(path)
    volume = read_volume(folder)
    assert volume.shape[0] == 15
    assert codes(volume) == ["unreadable-slices", "missing-slices"]
    assert "Slice 7 of 15, z = 920.0 mm, is truncated or undecodable" in messages(volume)
    assert np.array_equal(volume.hu[7], series.hu()[7])


def test_a_damaged_compressed_slice_is_named(tmp_path, synthetic_series):
    folder = synthetic_series(slices=15).write(tmp_path / "ct")
    for path in folder.iterdir():
        ds = pydicom.dcmread(path)
        ds.compress(pydicom.uid.RLELossless)
        ds.save_as(path)
    path = paths_from_the_foot(folder)[0]
    data = bytearray(path.read_bytes())
    path.write_bytes(data[: len(data) - 300])
    volume = read_volume(folder)
    assert codes(volume) == ["unreadable-slices"]
    assert volume.shape[0] == 14


UNREAD_SYNTAXES = {
    "MPEG-2": "1.2.840.10008.1.2.4.100",
    "12-bit lossy JPEG": JPEGExtended12Bit,
    "unknown": "1.2.3.4.5",
}


def store_as(path, syntax):
    """Say that a slice is stored in a way that no decoder here reads."""
    ds = pydicom.dcmread(path)
    ds.file_meta.TransferSyntaxUID = syntax
    ds.BitsStored, ds.HighBit = 12, 11
    ds.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
    ds["PixelData"].is_undefined_length = True
    ds.save_as(path)


@pytest.mark.parametrize("syntax", UNREAD_SYNTAXES.values(), ids=UNREAD_SYNTAXES.keys())
def test_a_slice_stored_as_no_decoder_reads_is_named_and_filled(tmp_path, synthetic_series, syntax):
    series = synthetic_series(slices=15)
    folder = series.write(tmp_path / "ct")
    store_as(paths_from_the_foot(folder)[6], syntax)
    volume = read_volume(folder)
    assert codes(volume) == ["unreadable-slices", "missing-slices"]
    assert "Slice 7 of 15, z = 920.0 mm, is truncated or undecodable" in messages(volume)
    assert np.array_equal(np.delete(volume.hu, 6, axis=0), np.delete(series.hu(), 6, axis=0))


def test_too_many_slices_stored_as_no_decoder_reads_are_refused(tmp_path, synthetic_series):
    folder = synthetic_series(slices=15).write(tmp_path / "ct")
    for path in paths_from_the_foot(folder)[3:7]:
        store_as(path, UNREAD_SYNTAXES["MPEG-2"])
    with pytest.raises(ReadError, match=r"4 of 15 slices are stored as MPEG2.*Convert them"):
        read_volume(folder)


def test_a_slice_cut_off_within_its_header_is_named_by_file(tmp_path, synthetic_series):
    folder = synthetic_series(slices=15).write(tmp_path / "ct")
    path = sorted(folder.iterdir())[3]
    path.write_bytes(path.read_bytes()[:420])
    volume = read_volume(folder)
    assert "unreadable-slices" in codes(volume)
    assert "file 4 of 15" in messages(volume)


@pytest.mark.filterwarnings("ignore")  # pydicom warns while the damaged slice is written
@pytest.mark.parametrize(
    ("attribute", "value"),
    [("RescaleSlope", "nan"), ("ImagePositionPatient", ["0", "0", "inf"])],
)
def test_a_slice_whose_header_holds_no_number_is_named_and_filled(
    tmp_path, synthetic_series, attribute, value
):
    series = synthetic_series(slices=15)
    folder = series.write(tmp_path / "ct")
    path = paths_from_the_foot(folder)[6]
    ds = pydicom.dcmread(path)
    setattr(ds, attribute, value)
    ds.save_as(path)
    volume = read_volume(folder)
    assert codes(volume) == ["unreadable-slices", "missing-slices"]
    assert "The header of file 13 of 15 cannot be read" in messages(volume)
    assert np.array_equal(np.delete(volume.hu, 6, axis=0), np.delete(series.hu(), 6, axis=0))


def test_a_file_that_cannot_be_opened_is_left_out_and_said(tmp_path, synthetic_series):
    folder = synthetic_series(slices=15).write(tmp_path / "ct")
    (folder / "zz_Secret.dcm").symlink_to(tmp_path / "nowhere" / "Secret")
    volume = read_volume(folder)
    assert volume.shape[0] == 15
    assert codes(volume) == ["unreadable-slices"]
    assert messages(volume) == "File 16 of 16 cannot be opened; it was left out."


def test_a_file_whose_bytes_cannot_be_read_is_left_out_and_said(tmp_path, synthetic_series):
    failing = Path("/proc/self/mem")  # opens, and fails to read
    if not failing.exists():
        pytest.skip("no file here that fails to read")
    folder = synthetic_series(slices=15).write(tmp_path / "ct")
    (folder / "zz.dcm").symlink_to(failing)
    assert messages(read_volume(folder)) == "File 16 of 16 cannot be opened; it was left out."


class FailingFile(io.BytesIO):
    """A file on a failing disk."""

    def read(self, *size):
        raise OSError(5, "Input/output error")


def test_pixels_that_the_disk_does_not_give_back_are_left_out_and_said(
    tmp_path, synthetic_series, monkeypatch
):
    folder = synthetic_series(slices=15).write(tmp_path / "ct")
    failing, opened = str(paths_from_the_foot(folder)[0]), ImageFile.open
    read = pixels._read_uncompressed

    def read_from_failing_disk(frame):
        def fail(file):
            return FailingFile() if file.path == failing else opened(file)

        with monkeypatch.context() as patch:
            patch.setattr(ImageFile, "open", fail)
            return read(frame)

    monkeypatch.setattr(pixels, "_read_uncompressed", read_from_failing_disk)
    volume = read_volume(folder)
    assert codes(volume) == ["unreadable-slices"]
    assert volume.shape[0] == 14


def test_files_that_cannot_be_opened_are_refused_where_they_are_too_many(tmp_path, synthetic_series):
    folder = synthetic_series(slices=6).write(tmp_path / "ct")
    for number in range(3):
        (folder / f"zz_Secret{number}.dcm").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ReadError, match="3 of 9 DICOM files cannot be read, file 7 of 9 first"):
        read_volume(folder)
    for path in folder.iterdir():
        if not path.is_symlink():
            path.unlink()
    with pytest.raises(ReadError, match=r"3 of 3 files that cannot be opened, file 1 of 3 first") as raised:
        read_volume(folder)
    assert "Secret" not in str(raised.value)


def test_a_lone_file_that_cannot_be_opened_is_refused_with_the_reason(tmp_path):
    (tmp_path / "Secret.dcm").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ReadError, match="Cannot open file 1 of 1: No such file or directory") as raised:
        read_volume(tmp_path)
    assert "Secret" not in str(raised.value)


def test_a_series_with_too_little_left_is_refused(tmp_path, synthetic_series):
    folder = synthetic_series(slices=15).write(tmp_path / "ct")
    for path in paths_from_the_foot(folder)[3:9]:
        path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ReadError, match=r"Too little is left of the series: 6 of 15 slices.*slice 4 of 15"):
        read_volume(folder)
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:420])
    with pytest.raises(ReadError, match=r"15 of 15 DICOM files cannot be read, file 1 of 15 first"):
        read_volume(folder)


def test_slices_side_by_side_are_refused(tmp_path, synthetic_series):
    folder = synthetic_series(stack_direction=(0, 0.999, 0.04), gap_mm=10).write(tmp_path / "ct")
    with pytest.raises(GeometryError, match="one above the other, found them 88 degrees aside"):
        read_volume(folder)


def test_directions_that_are_not_at_right_angles_are_refused(tmp_path, synthetic_series):
    skewed = (1, 0, 0, 0.1, 0.995, 0)
    folder = synthetic_series(orientation=skewed, stack_direction=(0, 0, 1)).write(tmp_path / "ct")
    with pytest.raises(GeometryError, match="rows and columns at right angles"):
        read_volume(folder)


def test_slices_are_numbered_from_one():
    assert described_slices([0], 9) == "slice 1 of 9"
    assert described_slices([3, 4, 8], 9) == "slices 4, 5 and 9 of 9"
