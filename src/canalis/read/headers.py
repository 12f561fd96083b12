"""DICOM headers to frames: what one image is, where it lies, and where its pixels start."""

import contextlib
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import pydicom
import pydicom.config
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from canalis.errors import ReadError
from canalis.read.sources import ZIP_HEAD, ImageFile

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = ("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
LOCALIZER_WORDS = ("LOCALIZER", "LOCALISER", "SCOUT", "SURVIEW", "TOPOGRAM", "SCANOGRAM")
DOSE_WORDS = ("DOSE", "PATIENT_INFO", "RESULTS", "PROTOCOL")
PIXEL_DATA = bytes.fromhex("e07f1000")  # the tag (7FE0,0010), little endian
FILE_WITHOUT_IMAGE = "file{s} without an image"  # DICOMDIR, structured reports: not worth a warning
UNDEFINED_LENGTH = b"\xff" * 4  # of Pixel Data: compressed
UNKNOWN_COMPRESSION = UID("0")
UNCOMPRESSED = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)

TAGS = [
    "SOPClassUID",
    "Modality",
    "ImageType",
    "PatientID",
    "PatientName",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "InstanceNumber",
    "NumberOfFrames",
    "SamplesPerPixel",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "RescaleSlope",
    "RescaleIntercept",
    "LossyImageCompression",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
]


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom and what a frame belongs to. Compared, hashed, never shown (but for the series)."""

    patient: str
    study: str
    series: str
    frame_of_reference: str


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How the stored values of one frame are written."""

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    transfer_syntax: str
    lossy: bool
    start: int | None
    """Offset of the first frame in the file, bytes; None where the frame must be decoded."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One image and its place, as its header gives them."""

    file: ImageFile
    index: int
    """Frame number in its file, from 0."""
    identity: Identity
    pixels: PixelFormat
    position_lps: tuple[float, float, float]
    """Centre of the first pixel, mm (Image Position (Patient))."""
    orientation: tuple[float, float, float, float, float, float]
    """Directions of growing column, then growing row index (Image Orientation (Patient))."""
    row_spacing_mm: float
    column_spacing_mm: float
    slope: float
    intercept: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A DICOM file that holds no CT slice."""

    what: str
    """What it is instead, in words for the user, with ``{s}`` where its plural has an s."""


@contextlib.contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Keep pydicom from warning: its warnings quote values, and a value may be a name."""
    with warnings.catch_warnings(), pydicom.config.disable_value_validation():
        warnings.simplefilter("ignore")
        yield


def read_frames(file: ImageFile) -> list[Frame] | LeftOut:
    """Return the CT frames in a DICOM file, or what the file holds instead.

    Parameters
    ----------
    file : ImageFile
        A DICOM file. Call inside `quiet_pydicom`.

    Returns
    -------
    list of Frame or LeftOut
        One frame of an ordinary CT file, many of an Enhanced one.

    Raises
    ------
    ReadError
        If the header cannot be read.
    """
    try:
        return _frames(file, *_header(file))
    except ReadError:
        raise
    except Exception as error:  # pydicom raises many kinds on damaged headers
        raise ReadError(f"The DICOM header of {file.place} cannot be read.") from error


def _header(file: ImageFile) -> tuple[Dataset, int | None]:
    """Return the header and where uncompressed pixels start; of a zip, unpack little first."""
    if file.archive is not None and file.size() > ZIP_HEAD:
        with contextlib.suppress(Exception), file.open_head() as opened:
            dataset, start = _parse(opened)
            if start is not None:
                return dataset, _pixel_start(dataset, start)
    with file.open() as opened:
        dataset, start = _parse(opened)
    if start is None and _sop_class(dataset) in (CT_IMAGE, *ENHANCED_CT) and not _reordered(dataset):
        raise ReadError(f"The DICOM header of {file.place} is cut off before its pixels.")
    return dataset, _pixel_start(dataset, start)


def _parse(opened: BinaryIO) -> tuple[Dataset, int | None]:
    """Return the header, and where the value of Pixel Data starts if it follows."""
    bare = opened.read(132)[128:] != b"DICM"
    opened.seek(0)
    dataset = pydicom.dcmread(opened, stop_before_pixels=True, force=bare, specific_tags=TAGS)
    at = opened.tell()
    element = opened.read(12)
    # An explicit VR follows the tag; where there is none, the length does, and its first byte is even.
    explicit = element[4:6] in (b"OB", b"OW", b"UN")
    if not _stated_syntax(dataset):
        _state_syntax(dataset, encapsulated=element[8 if explicit else 4 :][:4] == UNDEFINED_LENGTH)
    if element[:4] != PIXEL_DATA:
        return dataset, None
    return dataset, at + (12 if explicit else 8)


def _pixel_start(dataset: Dataset, start: int | None) -> int | None:
    return start if _stated_syntax(dataset) in UNCOMPRESSED else None


def _stated_syntax(dataset: Dataset) -> str:
    meta = getattr(dataset, "file_meta", None)
    return str(meta.get("TransferSyntaxUID") or "") if meta else ""


def _state_syntax(dataset: Dataset, encapsulated: bool) -> None:
    """Give a header without a transfer syntax the one it was found to be written in."""
    implicit, little_endian = dataset.original_encoding
    if encapsulated:
        syntax = UNKNOWN_COMPRESSION
    elif implicit:
        syntax = ImplicitVRLittleEndian
    else:
        syntax = ExplicitVRLittleEndian if little_endian else ExplicitVRBigEndian
    if not getattr(dataset, "file_meta", None):
        dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax


def _reordered(dataset: Dataset) -> bool:
    """Return True where the file's own bytes do not show the tag of the pixels."""
    return _stated_syntax(dataset) in (DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian)


def _sop_class(dataset: Dataset) -> str:
    meta = getattr(dataset, "file_meta", None) or Dataset()
    return str(dataset.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or "")


def _frames(file: ImageFile, dataset: Dataset, start: int | None) -> list[Frame] | LeftOut:
    reason = _not_a_ct_image(dataset)
    if reason is not None:
        return LeftOut(reason)
    pixels = _pixel_format(dataset, start)
    identity = _identity(dataset)
    if _sop_class(dataset) not in ENHANCED_CT:
        frame = _frame(file, 0, identity, pixels, [dataset])
        return [frame] if frame else LeftOut("image{s} without a place in the patient")
    shared = next(iter(dataset.get("SharedFunctionalGroupsSequence") or [Dataset()]))
    groups = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])
    found = [
        _frame(file, index, identity, pixels, [group, shared, dataset]) for index, group in enumerate(groups)
    ]
    frames = [frame for frame in found if frame is not None]
    return frames if frames else LeftOut("image{s} without a place in the patient")


def _not_a_ct_image(dataset: Dataset) -> str | None:
    """Return what the file is when it is no CT slice, or None when it is one."""
    words = str(dataset.get("ImageType") or "").upper()
    sop_class = _sop_class(dataset)
    modality = str(dataset.get("Modality", "")).upper()
    if dataset.get("Rows") is None:
        return FILE_WITHOUT_IMAGE
    if any(word in words for word in LOCALIZER_WORDS):
        return "localizer{s}"
    if any(word in words for word in DOSE_WORDS):
        return "dose page{s}"
    if sop_class.startswith(SECONDARY_CAPTURE) or int(dataset.get("SamplesPerPixel") or 1) != 1:
        return "secondary capture{s}"
    if sop_class not in (CT_IMAGE, *ENHANCED_CT) or modality != "CT":
        known = modality.isalpha() and len(modality) <= 4
        return f"{modality} image{{s}}" if known and modality != "CT" else "image{s} of another kind"
    return None


def _identity(dataset: Dataset) -> Identity:
    patient = str(dataset.get("PatientID") or "") or str(dataset.get("PatientName") or "")
    uids = (dataset.get(name) for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"))
    return Identity(patient, *(str(uid or "") for uid in uids))


def _pixel_format(dataset: Dataset, start: int | None) -> PixelFormat:
    stored = int(dataset.get("BitsStored") or dataset.BitsAllocated)
    high_bit = dataset.get("HighBit")
    return PixelFormat(
        rows=int(dataset.Rows),
        columns=int(dataset.Columns),
        bits_allocated=int(dataset.BitsAllocated),
        bits_stored=stored,
        high_bit=stored - 1 if high_bit is None else int(high_bit),
        signed=bool(dataset.get("PixelRepresentation")),
        transfer_syntax=_stated_syntax(dataset),
        lossy=str(dataset.get("LossyImageCompression", "")) == "01",
        start=start,
    )


GROUPS = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
}


def _lookup(groups: list[Dataset], name: str) -> Any:
    """Return an attribute from the first of per-frame, shared and top level that holds it."""
    for group in groups:
        sequence = group.get(GROUPS[name])
        value = (sequence[0] if sequence else group).get(name)
        if value is not None and value != "":
            return value
    return None


def _frame(
    file: ImageFile, index: int, identity: Identity, pixels: PixelFormat, groups: list[Dataset]
) -> Frame | None:
    position, orientation, spacing = (
        _lookup(groups, name) for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
    )
    if position is None or orientation is None or spacing is None:
        return None
    slope, intercept = _lookup(groups, "RescaleSlope"), _lookup(groups, "RescaleIntercept")
    x, y, z = map(float, position)
    a, b, c, d, e, f = map(float, orientation)
    row_spacing, column_spacing = map(float, spacing)
    slope = 1.0 if slope is None else float(slope)
    intercept = 0.0 if intercept is None else float(intercept)
    numbers = (x, y, z, a, b, c, d, e, f, row_spacing, column_spacing, slope, intercept)
    if not all(map(math.isfinite, numbers)):
        raise ReadError(f"Expected finite places and rescaling in {file.place}, found NaN or infinity.")
    return Frame(
        file=file,
        index=index,
        identity=identity,
        pixels=pixels,
        position_lps=(x, y, z),
        orientation=(a, b, c, d, e, f),
        row_spacing_mm=row_spacing,
        column_spacing_mm=column_spacing,
        slope=slope,
        intercept=intercept,
    )
