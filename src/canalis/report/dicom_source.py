"""The DICOM frames that a volume was read from, and a label map on each of them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from canalis.errors import ReadError
from canalis.report.label_map import resample_labels
from canalis.volume import Acquisition, Mask

EMPTY_WHERE_UNKNOWN: Final = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime", "ReferringPhysicianName",
)  # fmt: skip
"""Type 2 attributes of the patient and study modules: a standard file has them, if only empty."""

ANY: Final = re.compile(r".*", re.DOTALL)
VALID: Final = {
    "PatientBirthDate": re.compile(r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"),
    "StudyDate": re.compile(r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"),
    "StudyTime": re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?"),
    "PatientSex": re.compile("[MFO]"),
}
"""What these may hold (PS3.5, 6.2; PS3.3, C.7.1.1)."""

WHOLE_VOXELS: Final = 1e-3  # of a voxel: a frame this near to a slice of the mask has its labels as they are


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One source frame's place.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns.
    affine : ndarray of shape (4, 4)
        Index (0, row, column, 1) to LPS+ mm; its first column is the unit normal.
    """

    shape: tuple[int, int]
    affine: NDArray[np.float64]


def check_source(acquisition: Acquisition | None) -> None:
    """Refuse what SEG and SR cannot refer to, before any work is done.

    Parameters
    ----------
    acquisition : Acquisition or None
        Of the volume.

    Raises
    ------
    ReadError
        If the volume was not read from DICOM files that are on disk.
    """
    if acquisition is None or acquisition.kind != "dicom" or not acquisition.files:
        raise ReadError(
            "DICOM SEG and SR need a DICOM input, found another. Measure the DICOM series, or leave "
            "--dicom out."
        )
    if not all(Path(file).is_file() for file in acquisition.files):
        raise ReadError(
            "DICOM SEG and SR need the source files on disk, found none. Unpack the zip, or bring them back."
        )


def read_sources(acquisition: Acquisition | None) -> list[Any]:
    """Return the headers of the DICOM files of a volume, in slice order.

    Parameters
    ----------
    acquisition : Acquisition or None
        Of the volume.

    Returns
    -------
    list of pydicom.Dataset
        One a file, in UTF-8 and cleaned, pixels left out; one in all of an Enhanced multi-frame file.

    Raises
    ------
    ReadError
        If the volume was not read from DICOM files on disk, or one lacks a FrameOfReferenceUID.
    """
    import pydicom

    check_source(acquisition)
    assert acquisition is not None
    headers = [
        pydicom.dcmread(path, stop_before_pixels=True, force=True)
        for path in dict.fromkeys(acquisition.files)
    ]
    if any(not header.get("FrameOfReferenceUID") for header in headers):
        raise ReadError(
            "DICOM SEG and SR need the source's FrameOfReferenceUID, found a file without it. "
            "Measure without --dicom: the other files need none."
        )
    return [_cleaned(header) for header in headers]


def _cleaned(header: Any) -> Any:
    """Return a header in UTF-8, with the attributes that SEG and SR copy empty where they are not valid.

    Scanners write character sets with an empty first value, dates of zeros and sexes of their own; none may
    keep a result from being written.
    """
    header.decode()
    header.SpecificCharacterSet = "ISO_IR 192"
    for name in EMPTY_WHERE_UNKNOWN:
        if name not in header or not _valid(name, str(header[name].value or "")):
            setattr(header, name, "")
    if "SliceThickness" not in header and "PerFrameFunctionalGroupsSequence" not in header:
        header.SliceThickness = None  # type 2 as well: empty where unknown
    return header


def _valid(name: str, value: str) -> bool:
    if not VALID.get(name, ANY).fullmatch(value):
        return False
    try:
        return not name.endswith("Date") or bool(datetime.strptime(value, "%Y%m%d"))
    except ValueError:
        return False


def frames_of(sources: Sequence[Any]) -> list[Frame]:
    """Return the place of every frame, in the order of files and frames."""
    if len(sources) == 1 and "PerFrameFunctionalGroupsSequence" in sources[0]:
        return [_enhanced_frame(sources[0], groups) for groups in sources[0].PerFrameFunctionalGroupsSequence]
    return [_frame(source, source, source, source) for source in sources]


def _enhanced_frame(source: Any, groups: Any) -> Frame:
    shared = source.SharedFunctionalGroupsSequence[0]

    def of(name: str) -> Any:
        return (groups if name in groups else shared)[name].value[0]

    return _frame(
        source, of("PlanePositionSequence"), of("PlaneOrientationSequence"), of("PixelMeasuresSequence")
    )


def _frame(size: Any, position: Any, orientation: Any, measures: Any) -> Frame:
    """Return a frame's place by the equation of PS3.3 C.7.6.2.1.1."""
    along_row, along_column = np.array(orientation.ImageOrientationPatient, dtype=float).reshape(2, 3)
    row_mm, column_mm = (float(value) for value in measures.PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0] = np.cross(along_row, along_column)
    affine[:3, 1], affine[:3, 2] = along_column * row_mm, along_row * column_mm
    affine[:3, 3] = np.array(position.ImagePositionPatient, dtype=float)
    return Frame((int(size.Rows), int(size.Columns)), affine)


def labels_on_frames(mask: Mask, frames: Sequence[Frame]) -> Iterator[NDArray[np.uint8]]:
    """Yield the label map on each source frame, shape (rows, columns).

    Parameters
    ----------
    mask : Mask
        On the volume's grid, resampled or not.
    frames : sequence of Frame
        The source frames.

    Yields
    ------
    ndarray of shape (rows, columns)
        uint8: the mask's own voxels where the frame is one of its slices, else the nearest voxel's label.
    """
    for frame in frames:
        slice_of = _matching_slice(mask, frame)
        if slice_of is not None:
            yield mask.labels[slice_of]
        else:
            yield resample_labels(mask, shape=(1, *frame.shape), affine=frame.affine)[0]


def _matching_slice(mask: Mask, frame: Frame) -> int | None:
    """Return which slice of the mask has the same voxels as a frame, in the same order; None if none."""
    to_mask = np.linalg.inv(mask.affine) @ frame.affine
    index = to_mask[:3, 3]
    straight = np.abs(to_mask[:3, 1:3] - np.eye(3)[:, 1:3]).max() * max(frame.shape) < WHOLE_VOXELS
    if frame.shape != mask.shape[1:] or not straight or np.abs(index - np.rint(index)).max() > WHOLE_VOXELS:
        return None
    first, row, column = (int(value) for value in np.rint(index))
    return first if 0 <= first < mask.shape[0] and row == column == 0 else None
