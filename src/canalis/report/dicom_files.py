"""DICOM SEG and SR of a result, for an archive."""

from pathlib import Path

from canalis.errors import CanalisError, OutputError
from canalis.measurement.measurements import Measurements
from canalis.report.dicom_seg import SEG_NAME, make_seg, quiet, write_dicom
from canalis.report.dicom_source import read_sources
from canalis.report.dicom_sr import SR_NAME, make_sr
from canalis.report.record import Software
from canalis.segment.segmentation import Segmentation
from canalis.volume import Volume


def write_dicom_objects(
    folder: Path,
    *,
    measurements: Measurements,
    segmentation: Segmentation,
    volume: Volume,
    software: Software,
) -> None:
    """Write ``segmentation.dcm`` (SEG) and ``measurements.dcm`` (SR, TID 1500).

    Parameters
    ----------
    folder : Path
        An existing folder. These two files, and no other, carry the source's patient and study modules.
    measurements : Measurements
        What was measured.
    segmentation : Segmentation
        What it was measured on.
    volume : Volume
        The scan; its source files must be DICOM and still be on disk.
    software : Software
        What measured it.

    Raises
    ------
    ReadError
        If the source is not DICOM on disk, or lacks a FrameOfReferenceUID.
    MissingExtraError
        If highdicom is not installed.
    OutputError
        If a file cannot be written, or a header keeps highdicom from making one.
    """
    try:
        with quiet():  # pydicom's warnings quote values
            sources = read_sources(volume.acquisition)
        seg = make_seg(segmentation, sources, software)
        sr = make_sr(measurements, sources, seg, software)
        with quiet():
            write_dicom(folder / SEG_NAME, seg)
            write_dicom(folder / SR_NAME, sr)
    except CanalisError:
        raise
    except Exception as error:  # its words may quote the header
        raise OutputError(
            f"The source's headers do not allow DICOM SEG and SR ({type(error).__name__}). "
            "Measure without --dicom, or send the series through an archive that mends headers."
        ) from None
