"""What is not given of ossification where a network cannot tell it from what else is bright in the canal."""

from dataclasses import replace
from typing import Any, Final

from canalis.measurement.measurements import (
    PLANE_NUMBERS,
    Alignment,
    DoubleLayerSign,
    Measurements,
    Narrowest,
    Ossification,
    PlaneMeasurement,
)
from canalis.measurement.ossification import RATIO_NEAR_CUT

OF_CANAL: Final = ("canal_ap_mm", "canal_lr_mm", "canal_area_mm2", "torg_pavlov_ratio", "confidence")
OF_PLANES: Final = tuple(name for name in PLANE_NUMBERS if name not in OF_CANAL)
"""What ossification decides: all numbers of a plane but the anatomical canal's."""
OF_OSSIFICATION: Final = (
    "peak_level",
    "max_thickness_mm",
    "max_occupying_ratio_percent",
    "width_mm",
    "volume_mm3",
    "length_mm",
    "compression_angle_deg",
    "shape",
)
OF_ALIGNMENT: Final = ("k_line", "k_line_distance_mm")
OF_OPENED: Final = ("torg_pavlov_ratio", "percentiles")
OPENED_REASON: Final = "The ring was opened here: people's canals, and films of them, are no measure for it."
WARNED_OF_SIZE: Final = (RATIO_NEAR_CUT,)


def without_ossification_sizes(measurements: Measurements, reason: str) -> Measurements:
    """Return measurements without any size of ossification or of what it leaves free.

    That there is ossification, its type and its levels stay, as does all of the anatomical canal. That there
    is none does not: what is as dense as its surroundings is not seen.

    Parameters
    ----------
    measurements : Measurements
        Of a scan whose canal holds something as dense as ossification.
    reason : str
        A sentence that stands beside each field that is null.

    Returns
    -------
    Measurements
        With None in these fields, and ``reason`` for each.
    """
    return replace(
        measurements,
        planes=tuple(_plane(plane, reason) for plane in measurements.planes),
        narrowest=Narrowest(None, None, None, None),
        ossification=_ossification(measurements.ossification, reason),
        apart=tuple(replace(one, thickness_mm=None) for one in measurements.apart),
        alignment=_alignment(measurements.alignment, reason),
        warnings=tuple(w for w in measurements.warnings if w.code not in WARNED_OF_SIZE),
        profile=(),
    )


def without_absence(measurements: Measurements, reason: str) -> Measurements:
    """Return measurements that do not say that there is no ossification, nor give its sizes as 0.

    One that is seen stays.

    Parameters
    ----------
    measurements : Measurements
        Of a scan part of whose canal is hidden.
    reason : str
        A sentence that stands beside ``present`` where it is null.
    """
    found = measurements.ossification
    if found.present is not False:
        return measurements
    return replace(measurements, ossification=_ossification(found, reason))


def without_norms(
    planes: tuple[PlaneMeasurement, ...], opened: tuple[str, ...]
) -> tuple[PlaneMeasurement, ...]:
    """Return planes that compare no opened level with people who were not operated on.

    Parameters
    ----------
    planes : tuple of PlaneMeasurement
        As measured.
    opened : tuple of str
        Levels whose ring of bone was opened from behind.

    Returns
    -------
    tuple of PlaneMeasurement
        With None for percentiles and Torg's ratio there, and the reason.
    """
    return tuple(_without_norms(plane) if plane.level in opened else plane for plane in planes)


def _without_norms(plane: PlaneMeasurement) -> PlaneMeasurement:
    return replace(
        plane,
        **_nulls(OF_OPENED),
        uncertainty={name: half for name, half in plane.uncertainty.items() if name not in OF_OPENED},
        reasons=plane.reasons | dict.fromkeys(OF_OPENED, OPENED_REASON),
    )


def _nulls(names: tuple[str, ...]) -> dict[str, Any]:
    return dict.fromkeys(names)


def _plane(plane: PlaneMeasurement, reason: str) -> PlaneMeasurement:
    # A plane that was not measured keeps its own reason; "no ossification" is no reason beside contrast.
    measured = plane.canal_ap_mm is not None
    new = [name for name in OF_PLANES if measured or name not in plane.reasons]
    return replace(
        plane,
        **_nulls(OF_PLANES),
        uncertainty={name: half for name, half in plane.uncertainty.items() if name not in OF_PLANES},
        reasons=plane.reasons | dict.fromkeys(new, reason),
        lines_lps_mm={name: line for name, line in plane.lines_lps_mm.items() if name not in OF_PLANES},
    )


def _ossification(found: Ossification, reason: str) -> Ossification:
    names = OF_OSSIFICATION if found.present else ("present", *OF_OSSIFICATION)
    return replace(
        found,
        **_nulls(names),
        double_layer_sign=DoubleLayerSign(candidate=None),
        masses=(),
        uncertainty={},
        reasons=found.reasons | dict.fromkeys(names, reason),
    )


def _alignment(found: Alignment, reason: str) -> Alignment:
    return replace(
        found,
        **_nulls(OF_ALIGNMENT),
        uncertainty={name: half for name, half in found.uncertainty.items() if name not in OF_ALIGNMENT},
        reasons=found.reasons | dict.fromkeys(OF_ALIGNMENT, reason),
    )
