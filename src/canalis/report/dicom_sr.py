"""DICOM SR (TID 1500) of the measurements, by the extra ``dicom-out``.

A measurement group a plane, with its lengths drawn as 3-D lines in the source's frame of reference, one
for the ossification of the whole neck, which refers to its segment in the SEG, and one for alignment. A
number that is missing is left out: its reason is in ``measurements.json``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from canalis.labels import OSSIFICATION
from canalis.measurement.measurements import Measurements, PlaneMeasurement
from canalis.report.dicom_codes import (
    ALIGNMENT_MEASURES,
    ANSWERS,
    DISCS,
    NECK_MEASURES,
    OSSIFIED,
    PLANE,
    PLANE_MEASURES,
    SEGMENTS,
    VERTEBRAE,
    VERTEBRAL_CANAL,
    Coded,
    answer,
)
from canalis.report.dicom_seg import MAKER, SERIES_NUMBER, concept, import_highdicom, quiet
from canalis.report.record import Software

SR_NAME: Final = "measurements.dcm"
REPORTED: Final = Coded("25045-6", "LN", "CT unspecified body region")
DESCRIPTION: Final = "Canalis: measurements of the cervical canal"

Table = Mapping[str, tuple[Coded, Coded]]


def make_sr(measurements: Measurements, sources: Sequence[Any], seg: Any, software: Software) -> Any:
    """Return the measurements as a DICOM SR, template TID 1500.

    Parameters
    ----------
    measurements : Measurements
        What was measured.
    sources : sequence of pydicom.Dataset
        Headers of the source, from `read_sources`.
    seg : pydicom.Dataset
        The DICOM SEG of the same result, from `make_seg`.
    software : Software
        What measured it.

    Returns
    -------
    highdicom.sr.Comprehensive3DSR

    Raises
    ------
    MissingExtraError
        If highdicom is not installed.
    """
    hd = import_highdicom()
    frame = str(sources[0].get("FrameOfReferenceUID", ""))
    with quiet():
        report = hd.sr.MeasurementReport(
            observation_context=_observer(hd, software),
            procedure_reported=concept(REPORTED),
            imaging_measurements=[
                *(_plane_group(hd, plane, frame) for plane in measurements.planes if _has_number(plane)),
                *_ossification_group(hd, measurements, seg, sources),
                *_alignment_group(hd, measurements),
            ],
            title=hd.sr.CodedConcept("126000", "DCM", "Imaging Measurement Report"),
        )
        return hd.sr.Comprehensive3DSR(
            evidence=[*sources, seg],
            content=report,
            series_instance_uid=hd.UID(),
            series_number=SERIES_NUMBER + 1,
            sop_instance_uid=hd.UID(),
            instance_number=1,
            manufacturer=MAKER,
            is_complete=measurements.status == "measured",
            series_description=DESCRIPTION,
        )


def _observer(hd: Any, software: Software) -> Any:
    device = hd.sr.ObserverContext(
        observer_type=hd.sr.CodedConcept("121007", "DCM", "Device"),
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=hd.UID(), name=MAKER, manufacturer_name=MAKER, model_name=f"{MAKER} {software.version}"
        ),
    )
    return hd.sr.ObservationContext(observer_device_context=device)


def _has_number(plane: PlaneMeasurement) -> bool:
    return any(getattr(plane, name) is not None for name in PLANE_MEASURES)


def _plane_group(hd: Any, plane: PlaneMeasurement, frame: str) -> Any:
    site = VERTEBRAE.get(plane.level or "") or DISCS.get(plane.level or "") or VERTEBRAL_CANAL
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(hd, f"{plane.level or 'no name'} {plane.part}"),
        finding_type=concept(PLANE),
        finding_sites=[hd.sr.FindingSite(concept(site))],
        measurements=_numbers(hd, plane, PLANE_MEASURES, lines=plane.lines_lps_mm, frame=frame),
    )


def _ossification_group(hd: Any, measurements: Measurements, seg: Any, sources: Sequence[Any]) -> list[Any]:
    ossification = measurements.ossification
    segment = _segment_number(seg, OSSIFICATION)
    if not ossification.present or segment is None:
        return []
    said = {"type": ossification.type, "near_type": ossification.near_type, "side": ossification.side}
    series = hd.sr.SourceSeriesForSegmentation(str(sources[0].SeriesInstanceUID))
    group = hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(hd, "OPLL"),
        referenced_segment=hd.sr.ReferencedSegment(
            seg.SOPClassUID, seg.SOPInstanceUID, segment, source_series=series
        ),
        finding_type=concept(OSSIFIED),
        finding_sites=[hd.sr.FindingSite(concept(VERTEBRAL_CANAL))],
        measurements=_numbers(hd, ossification, NECK_MEASURES),
        qualitative_evaluations=_answers(hd, said),
    )
    return [group]


def _segment_number(seg: Any, label: int) -> int | None:
    name = next(segment.name for segment in SEGMENTS if segment.label == label)
    for segment in seg.SegmentSequence:
        if segment.SegmentLabel == name:
            return int(segment.SegmentNumber)
    return None


def _alignment_group(hd: Any, measurements: Measurements) -> list[Any]:
    numbers = _numbers(hd, measurements.alignment, ALIGNMENT_MEASURES)
    said = {
        "k_line": measurements.alignment.k_line,
        "levels_sure": "yes" if measurements.levels.sure else "no",
    }
    group = hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(hd, "Neck"),
        finding_type=concept(VERTEBRAL_CANAL),
        measurements=numbers,
        qualitative_evaluations=_answers(hd, said),
    )
    return [group]


def _tracking(hd: Any, words: str) -> Any:
    return hd.sr.TrackingIdentifier(uid=hd.UID(), identifier=words)


def _answers(hd: Any, said: Mapping[str, str | None]) -> list[Any]:
    return [
        hd.sr.QualitativeEvaluation(concept(ANSWERS[question]), concept(answer(word)))
        for question, word in said.items()
        if word is not None
    ]


def _numbers(
    hd: Any, values: Any, table: Table, *, lines: Mapping[str, Iterable[Any]] | None = None, frame: str = ""
) -> list[Any]:
    """Return what is known of a table's fields, each with its interval and its line where there is one."""
    return [
        hd.sr.Measurement(
            name=concept(name),
            value=float(getattr(values, field)),
            unit=concept(unit),
            properties=_interval(hd, values.uncertainty.get(field), unit),
            referenced_coordinates=_line(hd, (lines or {}).get(field), frame),
        )
        for field, (name, unit) in table.items()
        if getattr(values, field) is not None
    ]


def _interval(hd: Any, error: float | None, unit: Coded) -> Any:
    """Return half of the 95 % interval as the measurement's uncertainty to each side (TID 310)."""
    if error is None:
        return None
    properties = hd.sr.MeasurementProperties(
        upper_measurement_uncertainty=float(error), lower_measurement_uncertainty=float(error)
    )
    for item in properties:  # highdicom writes "no units" whatever was measured
        item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence = [concept(unit)]
    return properties


def _line(hd: Any, ends: Iterable[Any] | None, frame: str) -> Any:
    if ends is None or not frame:
        return None
    points = np.array(list(ends), dtype=np.float64)
    return [
        hd.sr.CoordinatesForMeasurement3D(
            graphic_type=hd.sr.GraphicTypeValues3D.POLYLINE,
            graphic_data=points,
            frame_of_reference_uid=frame,
        )
    ]
