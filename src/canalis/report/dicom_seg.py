"""DICOM SEG on the source frames, by the extra ``dicom-out``.

It carries the source's patient and study modules, as DICOM demands. Binary, one segment a label: the
only kind that Debian's checker knows as well.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from canalis.errors import MissingExtraError, OutputError
from canalis.report.dicom_codes import SEGMENTS, Coded, Segment
from canalis.report.dicom_source import frames_of, labels_on_frames
from canalis.report.record import Software
from canalis.segment.segmentation import Segmentation

SEG_NAME: Final = "segmentation.dcm"
SERIES_NUMBER: Final = 9001  # beyond a scanner's own
MAKER: Final = "Canalis"
DESCRIPTION: Final = "Canalis: cervical canal and OPLL"


def import_highdicom() -> Any:
    """Return the module highdicom.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import highdicom
    except ImportError as error:
        raise MissingExtraError(
            "DICOM SEG and SR need the extra 'dicom-out'. Run pip install 'canalis[dicom-out]'."
        ) from error
    return highdicom


@contextmanager
def quiet() -> Iterator[None]:
    """Keep highdicom's warnings from the terminal: some print the patient's name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def concept(code: Coded) -> Any:
    """Return a code as highdicom wants it."""
    return import_highdicom().sr.CodedConcept(code.value, code.scheme, code.meaning)


def make_seg(segmentation: Segmentation, sources: Sequence[Any], software: Software) -> Any:
    """Return the label map as a DICOM SEG on its source frames.

    Parameters
    ----------
    segmentation : Segmentation
        Its mask on the volume's grid; one that was resampled is brought back onto the source frames.
    sources : sequence of pydicom.Dataset
        Headers of the source, from `read_sources`.
    software : Software
        What made the label map.

    Returns
    -------
    highdicom.seg.Segmentation
        With a segment for each label that is there, numbered from 1 in the order of SEGMENTS.

    Raises
    ------
    MissingExtraError
        If highdicom is not installed.
    OutputError
        If no voxel of a source frame has a label.
    """
    hd = import_highdicom()
    labels = np.stack(list(labels_on_frames(segmentation.mask, frames_of(sources))))
    there = {label for frame in labels for label in np.flatnonzero(np.bincount(frame.reshape(-1)))}
    present = [segment for segment in SEGMENTS if segment.label in there]
    if not present:
        raise OutputError("No voxel of the source has a label, so there is no DICOM SEG to write.")
    numbers = np.zeros(256, np.uint8)
    for number, segment in enumerate(present, start=1):
        numbers[segment.label] = number
    with quiet():
        return hd.seg.Segmentation(
            source_images=list(sources),
            pixel_array=numbers[labels],
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[
                _describe(hd, number, segment, segmentation, software)
                for number, segment in enumerate(present, start=1)
            ],
            series_instance_uid=hd.UID(),
            series_number=SERIES_NUMBER,
            sop_instance_uid=hd.UID(),
            instance_number=1,
            manufacturer=MAKER,
            manufacturer_model_name=MAKER,
            software_versions=software.version,
            device_serial_number="none",
            content_label="CANAL",
            content_description="Cervical canal, OPLL, vertebrae",
            series_description=DESCRIPTION,
        )


def _describe(hd: Any, number: int, segment: Segment, segmentation: Segmentation, software: Software) -> Any:
    drawn = segmentation.canal is None
    kinds = hd.seg.SegmentAlgorithmTypeValues
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.name,
        segmented_property_category=concept(segment.category),
        segmented_property_type=concept(segment.type),
        algorithm_type=kinds.SEMIAUTOMATIC if drawn else kinds.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=MAKER,
            family=hd.sr.CodedConcept("123109", "DCM", "Manual Processing")
            if drawn
            else hd.sr.CodedConcept("123110", "DCM", "Artificial Intelligence"),
            version=software.version,
            source="Canalis developers",
        ),
        tracking_uid=hd.UID(),
        tracking_id=f"canalis {segment.name}",
    )


def write_dicom(path: Path, made: Any) -> None:
    """Write a DICOM SEG or SR to a file."""
    try:
        made.save_as(path, enforce_file_format=True)
    except OSError as error:
        raise OutputError(f"Cannot write {path.name}: {error.strerror}. Give another folder.") from error
