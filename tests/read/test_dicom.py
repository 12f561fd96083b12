"""DICOM series, written here slice by slice, come back with every voxel where it was."""

import math
import zipfile

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from canalis.errors import ReadError
from canalis.read import read_volume

SIN, COS = math.sin(0.3), math.cos(0.3)
ORIENTATIONS = {
    "axial": (1, 0, 0, 0, 1, 0),
    "prone": (-1, 0, 0, 0, -1, 0),
    "seen from above": (-1, 0, 0, 0, 1, 0),
    "rows and columns swapped": (0, 1, 0, 1, 0, 0),
    "oblique": (COS, SIN, 0, -SIN * COS, COS * COS, -SIN),
    "coronal": (1, 0, 0, 0, 0, -1),
    "sagittal": (0, 1, 0, 0, 0, -1),
}


def places_by_value(values, places):
    """LPS points in the order of their unique values."""
    return places.reshape(-1, 3)[np.argsort(values, axis=None)]


def assert_same_places(series, volume):
    """Every Hounsfield unit, all unique, lies where DICOM's equation puts it."""
    assert np.array_equal(np.sort(series.hu(), axis=None), np.sort(volume.hu, axis=None))
    index = np.stack(np.meshgrid(*map(np.arange, volume.shape), indexing="ij"), axis=-1)
    found = places_by_value(volume.hu, volume.to_lps(index))
    assert np.abs(found - places_by_value(series.hu(), series.places())).max() < 1e-4  # mm


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS.keys())
def test_every_voxel_lies_where_the_equation_of_dicom_puts_it(tmp_path, synthetic_series, orientation):
    series = synthetic_series(orientation=orientation)
    assert_same_places(series, read_volume(series.write(tmp_path / "ct")))


@pytest.mark.parametrize("orientation", [ORIENTATIONS["axial"], ORIENTATIONS["oblique"]])
def test_geometry_of_straight_series_is_that_of_simpleitk(tmp_path, synthetic_series, orientation):
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is in the bench extra")
    folder = synthetic_series(orientation=orientation).write(tmp_path / "ct")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image, volume = reader.Execute(), read_volume(folder)
    theirs = {image[x, y, z]: (x, y, z) for x in (0, 5, 23) for y in (0, 7, 19) for z in (0, 4, 11)}
    for value, index in theirs.items():
        ours = volume.to_lps(np.argwhere(volume.hu == value)[0])
        assert ours == pytest.approx(image.TransformIndexToPhysicalPoint(index), abs=1e-4)


def test_slices_grow_to_the_head_whatever_their_names_and_numbers(tmp_path, synthetic_series):
    downwards = synthetic_series(stack_direction=(0, 0, -1))
    volume = read_volume(downwards.write(tmp_path / "ct"))
    assert volume.affine[2, 0] == pytest.approx(1.25)
    assert volume.hu[0, 0, 0] == downwards.hu()[-1, 0, 0]
    assert_same_places(downwards, volume)


def test_acquisition_tells_what_was_read(tmp_path, synthetic_series):
    acquisition = read_volume(synthetic_series().write(tmp_path / "ct")).acquisition
    assert (acquisition.kind, acquisition.slices, acquisition.resampled) == ("dicom", 12, False)
    assert acquisition.spacing_mm == pytest.approx((1.25, 0.75, 0.625))
    assert len(acquisition.series_hash) == 64
    assert acquisition.source_gap_mm is None
    assert acquisition.warnings == ()


def test_whole_numbers_stay_int16_and_others_become_float32(tmp_path, synthetic_series):
    whole = synthetic_series(signed=True, intercept_step=-2.0)
    volume = read_volume(whole.write(tmp_path / "whole"))
    assert volume.hu.dtype == np.int16
    assert np.array_equal(volume.hu, whole.hu())
    halves = synthetic_series(slope=0.5, intercept=-1000.25)
    volume = read_volume(halves.write(tmp_path / "halves"))
    assert volume.hu.dtype == np.float32
    assert np.allclose(volume.hu, halves.hu(), atol=1e-3)


def test_numbers_beyond_int16_are_held_at_its_ends(tmp_path, synthetic_series):
    volume = read_volume(synthetic_series(offset=30000, intercept=0).write(tmp_path / "high"))
    assert volume.hu.max() == 32767
    volume = read_volume(synthetic_series(slope=-20.0, intercept=0).write(tmp_path / "low"))
    assert volume.hu.min() == -32768


def test_bits_above_those_stored_are_not_part_of_the_number(tmp_path, synthetic_series):
    series = synthetic_series(slices=6, bits_stored=12)
    folder = series.write(tmp_path / "ct")
    for path in folder.iterdir():
        ds = pydicom.dcmread(path)
        ds.PixelData = (np.frombuffer(ds.PixelData, "<u2") | 0x5000).astype("<u2").tobytes()
        ds.save_as(path)
    assert np.array_equal(read_volume(folder).hu, series.hu())


def recode(path, syntax):
    """Write a file again in another transfer syntax, by gdcm where it compresses."""
    if syntax.is_compressed and not syntax.is_deflated:
        gdcm = pytest.importorskip("gdcm")
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(syntax))))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return
    ds = pydicom.dcmread(path)
    if syntax == ExplicitVRBigEndian:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    ds.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(
        path,
        ds,
        implicit_vr=syntax.is_implicit_VR,
        little_endian=syntax.is_little_endian,
        enforce_file_format=True,
    )


SYNTAXES = [
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
    RLELossless,
]


@pytest.mark.filterwarnings("ignore")  # gdcm and pydicom warn while these test files are written
@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.keyword)
def test_every_transfer_syntax_gives_the_same_voxels(tmp_path, synthetic_series, syntax, signed):
    series = synthetic_series(slices=6, signed=signed, offset=-1500 if signed else 3, intercept=0)
    folder = series.write(tmp_path / "ct")
    for path in folder.iterdir():
        recode(path, syntax)
        assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == syntax
    assert_same_places(series, read_volume(folder))


def test_lossy_twelve_bit_jpeg_is_refused_with_what_to_do(tmp_path, synthetic_series):
    folder = synthetic_series(bits_stored=12, slices=6).write(tmp_path / "ct")
    for path in folder.iterdir():
        ds = pydicom.dcmread(path)
        ds.file_meta.TransferSyntaxUID = JPEGExtended12Bit
        ds.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
        ds["PixelData"].is_undefined_length = True
        ds.save_as(path)
    with pytest.raises(ReadError, match=r"12-bit lossy JPEG.*gdcmconv"):
        read_volume(folder)


def test_an_enhanced_file_gives_each_frame_its_own_place_and_rescaling(tmp_path, synthetic_series):
    series = synthetic_series(intercept_step=3.0, orientation=ORIENTATIONS["oblique"])
    path = tmp_path / "enhanced.dcm"
    order = [5, 0, 11, 2, 9, 1, 7, 3, 10, 4, 8, 6]
    pydicom.dcmwrite(path, series.enhanced(order), enforce_file_format=True)
    assert_same_places(series, read_volume(path))


def zip_of(folder, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, file.relative_to(folder))
    return path


def test_a_zip_reads_as_the_folder_it_holds(tmp_path, synthetic_series):
    series = synthetic_series()
    folder = series.write(tmp_path / "study" / "deep" / "down")
    (tmp_path / "study" / "README.txt").write_text("not an image")
    volume = read_volume(zip_of(tmp_path / "study", tmp_path / "study.zip"))
    assert_same_places(series, volume)
    assert volume.geometry_equal(read_volume(folder))


def test_zipped_files_larger_than_what_is_unpacked_first_are_read_whole(tmp_path, synthetic_series):
    large = synthetic_series(rows=200, columns=190, slices=6)
    folder = large.write(tmp_path / "large")
    zipped = read_volume(zip_of(folder, tmp_path / "large.zip"))
    assert np.array_equal(zipped.hu, read_volume(folder).hu)
    many = synthetic_series(rows=4, columns=6, slices=800, gap_mm=0.5)
    (tmp_path / "many").mkdir()
    pydicom.dcmwrite(tmp_path / "many" / "e.dcm", many.enhanced(range(800)), enforce_file_format=True)
    assert_same_places(many, read_volume(zip_of(tmp_path / "many", tmp_path / "many.zip")))


def test_an_encrypted_zip_is_refused_with_what_to_do(tmp_path, synthetic_series):
    zipped = zip_of(synthetic_series(slices=2).write(tmp_path / "ct"), tmp_path / "ct.zip")
    data = bytearray(zipped.read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag bits of both headers
        start = data.find(signature)
        while start >= 0:
            data[start + at] |= 1
            start = data.find(signature, start + 4)
    zipped.write_bytes(data)
    with pytest.raises(ReadError, match=r"file 1 of 2 of the zip: it is encrypted. Unpack it"):
        read_volume(zipped)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_zip_is_refused_with_what_to_do(tmp_path, synthetic_series, method):
    folder = synthetic_series(slices=2).write(tmp_path / "ct")
    zipped = tmp_path / "ct.zip"
    with zipfile.ZipFile(zipped, "w", method) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    data = bytearray(zipped.read_bytes())
    data[150:400] = b"\xff" * 250
    zipped.write_bytes(data)
    with pytest.raises(ReadError, match=r"file 1 of 2 of the zip: the zip is damaged. Unpack it"):
        read_volume(zipped)


def test_a_zip_with_a_damaged_directory_is_refused(tmp_path, synthetic_series):
    zipped = zip_of(synthetic_series(slices=2).write(tmp_path / "ct"), tmp_path / "ct.zip")
    zipped.write_bytes(zipped.read_bytes().replace(b"PK\x01\x02", b"\xff\xff\xff\xff"))
    with pytest.raises(ReadError, match=r"found a damaged zip. Copy it again"):
        read_volume(zipped)


def without_meta(path, *, implicit=False, bits=16):
    """Write a file again as its bare data set, without preamble and file meta information."""
    ds = pydicom.dcmread(path)
    if bits == 32:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype("<u4").tobytes()
        ds.BitsAllocated = 32
    ds.preamble = None
    del ds.file_meta
    ds.save_as(path, implicit_vr=implicit, little_endian=True, enforce_file_format=False)


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize("implicit", [True, False], ids=["implicit", "explicit"])
def test_a_data_set_without_a_preamble_is_read(tmp_path, synthetic_series, implicit, bits):
    series = synthetic_series(slices=6)
    folder = series.write(tmp_path / "ct")
    whole = read_volume(folder)
    for path in folder.iterdir():
        without_meta(path, implicit=implicit, bits=bits)
    bare = read_volume(folder)
    assert np.array_equal(bare.hu, whole.hu)
    assert_same_places(series, bare)
    zipped = read_volume(zip_of(folder, tmp_path / "ct.zip"))
    assert np.array_equal(zipped.hu, whole.hu)


@pytest.mark.parametrize("start", [0, 132], ids=["whole", "without a preamble"])
def test_pixels_are_found_where_the_stated_syntax_is_not_that_of_the_file(tmp_path, synthetic_series, start):
    series = synthetic_series(slices=6)
    folder = series.write(tmp_path / "ct")
    for path in folder.iterdir():
        data = path.read_bytes()[start:]
        stated = data.index(b"1.2.840.10008.1.2.1\0")
        path.write_bytes(data[:stated] + b"1.2.840.10008.1.2\0\0\0" + data[stated + 20 :])
    assert_same_places(series, read_volume(folder))


@pytest.mark.filterwarnings("ignore")  # gdcm and pydicom warn while these test files are written
@pytest.mark.parametrize("syntax", [*SYNTAXES, ExplicitVRLittleEndian], ids=lambda syntax: syntax.keyword)
def test_file_meta_without_a_preamble_is_heeded(tmp_path, synthetic_series, syntax):
    series = synthetic_series(slices=6)
    folder = series.write(tmp_path / "ct")
    for path in folder.iterdir():
        recode(path, syntax)
        path.write_bytes(path.read_bytes()[len(b"DICM") + 128 :])
    assert_same_places(series, read_volume(folder))
    assert_same_places(series, read_volume(zip_of(folder, tmp_path / "ct.zip")))


def test_compressed_pixels_without_a_transfer_syntax_are_refused(tmp_path, synthetic_series):
    folder = synthetic_series(slices=6).write(tmp_path / "ct")
    for path in folder.iterdir():
        ds = pydicom.dcmread(path)
        ds.compress(RLELossless)
        ds.save_as(path)
        data = path.read_bytes()
        path.write_bytes(data[data.index(b"\x08\0\x08\0CS") :])  # from Image Type on
    with pytest.raises(ReadError, match=r"unknown transfer syntax.*Convert them"):
        read_volume(folder)


def test_progress_is_told_of_every_slice(tmp_path, synthetic_series):
    seen = []
    read_volume(synthetic_series().write(tmp_path / "ct"), progress=lambda *step: seen.append(step))
    assert seen[-1] == ("Reading", 12, 12)
    assert {what for what, _, _ in seen} == {"Looking at files", "Reading"}
