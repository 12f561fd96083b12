"""What is not given of ossification where a network cannot tell it from what else is bright in the canal."""

from dataclasses import replace
from typing import Any, Final

from canalis.measurement.measurements import (
    Alignment,
    DoubleLayerSign,
    Measurements,
    Narrowest,
    Ossification,
    PlaneMeasurement,
)

OF_PLANES: Final = (
    "ossification_thickness_mm",
    "thickness_offset_mm",
    "thickness_canal_ap_mm",
    "ossification_bone_thickness_mm",
    "ossification_width_mm",
    "ossification_area_mm2",
    "occupying_ratio_percent",
    "occupying_ratio_midline_percent",
    "area_occupying_ratio_percent",
    "residual_ap_mm",
)
OF_OSSIFICATION: Final = (
    "max_thickness_mm",
    "max_occupying_ratio_percent",
    "width_mm",
    "volume_mm3",
    "length_mm",
    "compression_angle_deg",
    "shape",
)
OF_ALIGNMENT: Final = ("k_line", "k_line_distance_mm")
OF_LINES: Final = ("ossification_thickness_mm", "residual_ap_mm")
WARNED_OF_SIZE: Final = ("ratio-near-cut",)


def without_ossification_sizes(measurements: Measurements, reason: str) -> Measurements:
    """Return measurements without any size of ossification or of what it leaves free.

    Whether there is ossification, its type and its levels stay, as does all of the anatomical canal.

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
        alignment=_alignment(measurements.alignment, reason),
        warnings=tuple(w for w in measurements.warnings if w.code not in WARNED_OF_SIZE),
        profile=(),
    )


def _nulls(names: tuple[str, ...]) -> dict[str, Any]:
    return dict.fromkeys(names)


def _plane(plane: PlaneMeasurement, reason: str) -> PlaneMeasurement:
    new = [name for name in OF_PLANES if name not in plane.reasons]
    return replace(
        plane,
        **_nulls(OF_PLANES),
        uncertainty={name: half for name, half in plane.uncertainty.items() if name not in OF_PLANES},
        reasons=plane.reasons | dict.fromkeys(new, reason),
        lines_lps_mm={name: line for name, line in plane.lines_lps_mm.items() if name not in OF_LINES},
    )


def _ossification(found: Ossification, reason: str) -> Ossification:
    return replace(
        found,
        **_nulls(OF_OSSIFICATION),
        double_layer_sign=DoubleLayerSign(candidate=None),
        masses=(),
        uncertainty={},
        reasons=found.reasons | dict.fromkeys(OF_OSSIFICATION, reason),
    )


def _alignment(found: Alignment, reason: str) -> Alignment:
    return replace(
        found,
        **_nulls(OF_ALIGNMENT),
        uncertainty={name: half for name, half in found.uncertainty.items() if name not in OF_ALIGNMENT},
        reasons=found.reasons | dict.fromkeys(OF_ALIGNMENT, reason),
    )
