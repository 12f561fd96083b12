"""Measurements to ``measurements.json`` and ``measurements.csv``, and back.

The names in both files are the contract's and other programs read them: a field is added freely, never
renamed without a new schema number. Numbers are written unrounded; a number that could not be measured
is null with its reason, never 0, NaN or infinity.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Final

from canalis.errors import MeasurementError, ReadError
from canalis.labels import LEVELS, disc_name
from canalis.measurement.measurements import PLANE_NUMBERS, Measurements, PlaneMeasurement
from canalis.volume import Acquisition, Volume, slices_first

SCHEMA: Final = "canalis.measurements/1"
JSON_NAME: Final = "measurements.json"
CSV_NAME: Final = "measurements.csv"

OSSIFICATION_ANSWERS: Final = (
    "present",
    "type",
    "upper_end",
    "lower_end",
    "reaches_c2",
    "at_scan_edge",
    "peak_level",
    "op_index",
    "op_grade",
    "max_thickness_mm",
    "max_occupying_ratio_percent",
    "width_mm",
    "volume_mm3",
    "length_mm",
    "side",
    "compression_angle_deg",
)
ALIGNMENT_ANSWERS: Final = ("k_line", "k_line_distance_mm", "c2_c7_cobb_deg")

KEPT_OUT: Final = frozenset({"outlines_lps_mm", "cut_by_scan", "places"})
"""Outlines stay out of the JSON: ``segmentation.nii.gz`` holds the shapes (docs/decisions/0050). That the
scan cuts a plane is in its reasons, the places of a warning are in its message."""

NO_REASON: Final = "not measured"
NO_OSSIFICATION: Final = "no OPLL seen"

_NUMBER_LIST: Final = re.compile(r"\[\n\s*(-?[\d.][^\[\]{}\"]*?)\s*\]")


@dataclass(frozen=True, slots=True)
class Software:
    """What measured: printed in the JSON and at the foot of the page.

    Attributes
    ----------
    version : str
        Of canalis.
    models : mapping of str to str
        Name of each network to the SHA-256 of its file. Empty where a label map was given.
    """

    version: str
    models: Mapping[str, str] = field(default_factory=dict)


def measurements_to_json(measurements: Measurements, *, volume: Volume, software: Software) -> str:
    """Return the text of ``measurements.json``.

    Parameters
    ----------
    measurements : Measurements
        As measured. A None without a reason is written with the reason "not measured".
    volume : Volume
        The scan that was measured, for what is said of the input.
    software : Software
        What measured it.

    Returns
    -------
    str
        JSON, indented, a list of numbers on one line.

    Raises
    ------
    MeasurementError
        If a number is NaN or infinite.
    """
    record = {
        "schema": SCHEMA,
        "status": measurements.status,
        "input": describe_input(volume),
        "software": {"version": software.version, "models": dict(sorted(software.models.items()))},
        **_with_reasons(_plain(measurements, where="measurements")),
    }
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    return _NUMBER_LIST.sub(lambda match: "[" + " ".join(match[1].split()) + "]", text) + "\n"


def describe_input(volume: Volume) -> dict[str, Any]:
    """Return what the JSON says of the scan: its kind, size and a hash, never a name or an identifier."""
    acquisition = volume.acquisition or _as_given(volume)
    return {
        "kind": acquisition.kind,
        "slices": acquisition.slices,
        "spacing_mm": [float(spacing) for spacing in acquisition.spacing_mm],
        "series": acquisition.series_hash,
    }


def _as_given(volume: Volume) -> Acquisition:
    """Return what an array and its affine tell of a scan."""
    slices, row, column = slices_first(volume.affine)
    mm = volume.spacing_mm
    return Acquisition("array", volume.shape[slices], (mm[slices], mm[row], mm[column]))


def measurements_to_csv(measurements: Measurements) -> str:
    """Return the text of ``measurements.csv``: a row a plane, an empty cell where nothing was measured.

    Parameters
    ----------
    measurements : Measurements
        As measured.

    Returns
    -------
    str
        Level and part, centre and normal (LPS+ mm), every number of the plane, half of each one's 95 %
        interval in a column ending ``_uncertainty``, and the reasons for the empty cells.
    """
    header = ["level", "part"]
    header += [f"center_{axis}_lps_mm" for axis in "xyz"] + [f"normal_{axis}_lps" for axis in "xyz"]
    header += list(PLANE_NUMBERS) + [f"{name}_uncertainty" for name in PLANE_NUMBERS[:-1]] + ["reasons"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(_csv_row(plane) for plane in measurements.planes)
    return text.getvalue()


def _csv_row(plane: PlaneMeasurement) -> list[object]:
    row = _with_plane_reasons(_plain(plane, where=f"plane {plane.level} {plane.part}"))
    cells = [row["level"], row["part"], *row["center_lps_mm"], *row["normal_lps"]]
    cells += [row[name] for name in PLANE_NUMBERS]
    cells += [row["uncertainty"].get(name) for name in PLANE_NUMBERS[:-1]]
    cells.append("; ".join(f"{name}: {reason}" for name, reason in row["reasons"].items()))
    return ["" if cell is None else cell for cell in cells]


def read_measurements(path: str | Path) -> Measurements:
    """Read the measurements of a ``measurements.json`` or ``truth.json``.

    Parameters
    ----------
    path : str or Path
        The file, or a result's folder.

    Returns
    -------
    Measurements
        As they were measured, without the outlines, which the JSON does not hold. Fields that the file
        has in addition are left out.

    Raises
    ------
    ReadError
        If there is no such file, or it does not hold measurements of this schema; names the field.
    """
    return _parse(read_record(path), _file_of(path))


def read_record(path: str | Path) -> dict[str, Any]:
    """Read a ``measurements.json`` as it stands, with what it says of the input and the software.

    Parameters
    ----------
    path : str or Path
        The file, or a result's folder.

    Returns
    -------
    dict
        The JSON's object, its schema checked.
    """
    file = _file_of(path)
    try:
        record = json.loads(file.read_text(encoding="utf-8-sig"), parse_float=_finite, parse_constant=_finite)
    except FileNotFoundError:
        raise ReadError(f"Expected {JSON_NAME} in {path}, found none. Give the folder of a result.") from None
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise ReadError(f"{file} cannot be read as JSON: {type(error).__name__}. Measure again.") from None
    except json.JSONDecodeError as error:
        raise ReadError(
            f"{file} cannot be read as JSON: {error.msg} in line {error.lineno}. Copy it again, or measure "
            "again."
        ) from None
    except ValueError:
        raise ReadError(f"{file} holds a number that is not finite. Measure again.") from None
    found = record.get("schema") if isinstance(record, dict) else None
    if found != SCHEMA:
        raise ReadError(f"Expected the schema {SCHEMA}, found {found!r} in {file}. Measure again.")
    return dict(record)


def _file_of(path: str | Path) -> Path:
    """Return the JSON that is meant by a file or by a result's folder."""
    return Path(path) / JSON_NAME if Path(path).is_dir() else Path(path)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _parse(record: dict[str, Any], file: Path) -> Measurements:
    from pydantic import TypeAdapter, ValidationError

    try:
        measurements = TypeAdapter(Measurements).validate_python(_without_gaps(record))
    except ValidationError as error:
        first = error.errors()[0]
        wrong = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    else:
        wrong = next(_wrong_fields(record), "")
    if wrong:
        raise ReadError(
            f"{file} does not hold measurements: {wrong}. Measure again, or undo what was edited."
        )
    return measurements


def _wrong_fields(record: dict[str, Any]) -> Iterator[str]:
    """Give each answer that is not even null, and each level that is none, of a record of the right types."""
    answers = {"ossification": OSSIFICATION_ANSWERS, "alignment": ALIGNMENT_ANSWERS}
    for part in ("planes", "narrowest", "warnings", *answers):
        if part not in record:
            yield f"{part}: Field required"
    for part, names in answers.items():
        yield from (f"{part}.{name}: Field required" for name in names if name not in record.get(part, names))
    known = {None, *LEVELS, *map(disc_name, LEVELS[:-1])}
    for index, plane in enumerate(record.get("planes", ())):
        yield from (f"planes.{index}.{name}: Field required" for name in PLANE_NUMBERS if name not in plane)
        if plane["level"] not in known:
            yield f"planes.{index}.level: Input should be {LEVELS[0]} to {LEVELS[-1]}, or a disc such as C3/4"


def _without_gaps(record: dict[str, Any]) -> dict[str, Any]:
    """Give a plane that lacks its AP direction the body's, laid into the plane."""
    planes = record.get("planes")
    if not isinstance(planes, list):
        return record
    return {**record, "planes": [_with_direction(plane) for plane in planes]}


def _with_direction(plane: Any) -> Any:
    if not isinstance(plane, dict) or "anteroposterior_lps" in plane:
        return plane
    normal = plane.get("normal_lps")
    if (
        not isinstance(normal, list)
        or len(normal) != 3
        or not all(isinstance(n, int | float) for n in normal)
    ):
        return plane  # told as wrong by who checks the types
    return {"anteroposterior_lps": _backwards_in_plane((normal[0], normal[1], normal[2])), **plane}


def _backwards_in_plane(normal: tuple[float, float, float]) -> tuple[float, float, float]:
    x, y, z = normal
    length = math.sqrt((x * y) ** 2 + (1 - y * y) ** 2 + (y * z) ** 2) or 1.0
    return (-x * y / length, (1 - y * y) / length, -y * z / length)


def _plain(value: Any, *, where: str) -> Any:
    """Turn values into what JSON has: dict, list, str, float, int, bool, None."""
    if is_dataclass(value) and not isinstance(value, type):
        names = [item.name for item in fields(value) if item.name not in KEPT_OUT]
        return {name: _plain(getattr(value, name), where=f"{where}.{name}") for name in names}
    if isinstance(value, Mapping):
        return {str(key): _plain(item, where=f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, str) or value is None:
        return value
    if hasattr(value, "tolist"):  # a numpy scalar or array
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item, where=where) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise MeasurementError(
            f"Expected a finite number or None, found {value} in {where}. Give the reason instead."
        )
    return value


def _with_reasons(record: dict[str, Any]) -> dict[str, Any]:
    record["planes"] = [_with_plane_reasons(plane) for plane in record["planes"]]
    absent = NO_OSSIFICATION if record["ossification"]["present"] is False else NO_REASON
    _explain(record["ossification"], OSSIFICATION_ANSWERS, absent)
    _explain(record["alignment"], ALIGNMENT_ANSWERS, NO_REASON)
    least = record["narrowest"]
    least["reasons"] = {}
    _explain(least, ("residual_ap_mm",), "no plane has a residual AP")
    return record


def _with_plane_reasons(plane: dict[str, Any]) -> dict[str, Any]:
    _explain(plane, PLANE_NUMBERS, NO_REASON)
    return plane


def _explain(values: dict[str, Any], names: tuple[str, ...], otherwise: str) -> None:
    """Make the reasons name every answer that is missing, and none that is there."""
    given = {name: reason for name, reason in values["reasons"].items() if values.get(name) is None}
    missing = {name: otherwise for name in names if values.get(name) is None}
    values["reasons"] = missing | given
