"""What is written for one scan: numbers, label map, page."""

from collections.abc import Collection
from pathlib import Path
from typing import Final, Literal

from canalis.errors import OutputError
from canalis.measurement.measurements import Measurements
from canalis.report.label_map import LABEL_MAP_NAME, write_label_map
from canalis.report.page import make_page
from canalis.report.record import CSV_NAME, JSON_NAME, Software, measurements_to_csv, measurements_to_json
from canalis.segment.segmentation import Segmentation
from canalis.volume import Volume

PAGE_NAME: Final = "report.html"
Extra = Literal["pdf", "dicom"]


def write_report(
    folder: Path,
    *,
    measurements: Measurements,
    segmentation: Segmentation,
    volume: Volume,
    software: Software,
    also: Collection[Extra] = (),
) -> None:
    """Write ``measurements.json``, ``measurements.csv``, ``segmentation.nii.gz`` and ``report.html``.

    Parameters
    ----------
    folder : Path
        An existing folder. Files of these names in it are overwritten.
    measurements : Measurements
        What was measured. Of a refused scan only ``measurements.json`` is written.
    segmentation : Segmentation
        What it was measured on.
    volume : Volume
        The scan.
    software : Software
        What measured it.
    also : collection of {"pdf", "dicom"}
        What else is wanted: ``report.pdf``; ``segmentation.dcm`` and ``measurements.dcm``, which alone
        carry the source's patient module.

    Raises
    ------
    OutputError
        If a file cannot be written.
    MeasurementError
        If a number is NaN or infinite.
    MissingExtraError
        If what is wanted needs an extra that is not installed.
    """
    try:
        write_record(folder, measurements=measurements, volume=volume, software=software)
        if measurements.status == "refused":
            return
        write_label_map(folder / LABEL_MAP_NAME, segmentation.mask, acquisition=volume.acquisition)
        page = make_page(measurements=measurements, mask=segmentation.mask, volume=volume, software=software)
        (folder / PAGE_NAME).write_text(page, encoding="utf-8")
        if "pdf" in also:
            from canalis.report.pdf import PDF_NAME, write_pdf

            write_pdf(page, folder / PDF_NAME)
        if "dicom" in also:
            from canalis.report.dicom_files import write_dicom_objects

            write_dicom_objects(
                folder,
                measurements=measurements,
                segmentation=segmentation,
                volume=volume,
                software=software,
            )
    except OSError as error:
        raise OutputError(
            f"Cannot write the result: {error.strerror or error}. Give another folder."
        ) from error


def write_record(folder: Path, *, measurements: Measurements, volume: Volume, software: Software) -> None:
    """Write ``measurements.json`` and, unless the scan was refused, ``measurements.csv``.

    Parameters
    ----------
    folder : Path
        An existing folder.
    measurements : Measurements
        What was measured, or why it was refused.
    volume : Volume
        The scan.
    software : Software
        What measured it.
    """
    text = measurements_to_json(measurements, volume=volume, software=software)
    (folder / JSON_NAME).write_text(text, encoding="utf-8")
    if measurements.status != "refused":
        (folder / CSV_NAME).write_text(measurements_to_csv(measurements), encoding="utf-8")
