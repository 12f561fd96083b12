"""Measure the cervical spinal canal and its ossification on CT, and the outcome of surgery.

    import canalis

    volume = canalis.read_volume("CT_NECK")
    measurements = canalis.measure(volume)

What is named here is loaded when it is first used: ``import canalis`` loads no network engine, no
plotting and no table library.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from canalis.chain import measure
    from canalis.errors import (
        CanalisError,
        CohortError,
        GeometryError,
        MeasurementError,
        MissingExtraError,
        ModelError,
        OutputError,
        ReadError,
    )
    from canalis.measurement import measure_segmentation
    from canalis.measurement.measurements import Measurements
    from canalis.read import read_volume
    from canalis.report import read_measurements
    from canalis.segment.segmentation import Segmentation
    from canalis.volume import Mask, ScanWarning, Volume

__version__ = "0.1.0"

_HOMES = {
    "CanalisError": "canalis.errors",
    "CohortError": "canalis.errors",
    "GeometryError": "canalis.errors",
    "Mask": "canalis.volume",
    "MeasurementError": "canalis.errors",
    "Measurements": "canalis.measurement.measurements",
    "MissingExtraError": "canalis.errors",
    "ModelError": "canalis.errors",
    "OutputError": "canalis.errors",
    "ReadError": "canalis.errors",
    "ScanWarning": "canalis.volume",
    "Segmentation": "canalis.segment.segmentation",
    "Volume": "canalis.volume",
    "measure": "canalis.chain",
    "measure_segmentation": "canalis.measurement",
    "read_measurements": "canalis.report",
    "read_volume": "canalis.read",
}

__all__ = [
    "CanalisError",
    "CohortError",
    "GeometryError",
    "Mask",
    "MeasurementError",
    "Measurements",
    "MissingExtraError",
    "ModelError",
    "OutputError",
    "ReadError",
    "ScanWarning",
    "Segmentation",
    "Volume",
    "measure",
    "measure_segmentation",
    "read_measurements",
    "read_volume",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'canalis' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
