"""What is said of the whole neck: extent of the ossification, alignment."""

from dataclasses import dataclass
from typing import Final

from canalis.measurement.measurements import Alignment, Measurements, Ossification
from canalis.report.methods import NARROW_CANAL_MM
from canalis.report.words import DASH, head_to_foot, join, may_be_contrast, number, with_error

SUPINE: Final = "supine"


@dataclass(frozen=True, slots=True)
class Fact:
    """A name, its printed value, and what must be known beside it."""

    name: str
    value: str
    note: str = ""


def neck_facts(measurements: Measurements) -> list[Fact]:
    """Return what is printed of the whole neck.

    Parameters
    ----------
    measurements : Measurements
        What was measured; a missing value is printed as a dash with its reason.

    Returns
    -------
    list of Fact
    """
    ossification = measurements.ossification
    found = _extent(ossification) if ossification.present else []
    if found and may_be_contrast(measurements):
        found = [Fact("OPLL or contrast at", _levels_involved(ossification), "not told apart")]
    return [
        *found,
        _narrow(measurements),
        *_percentiles(measurements),
        *_alignment(measurements.alignment),
    ]


def _narrow(measurements: Measurements) -> Fact:
    """Return where the anatomical canal itself is narrow, ossified or not."""
    name = f"Canal AP below {NARROW_CANAL_MM:g} mm"
    sizes = [
        (plane.level or "no name", plane.canal_ap_mm)
        for plane in measurements.planes
        if plane.part != "worst"
    ]
    known = [(level, size) for level, size in sizes if size is not None]
    if not known:
        return Fact(name, DASH, "not measured")
    below = [f"{level} ({number(size)} mm)" for level, size in known if size < NARROW_CANAL_MM]
    nowhere = "nowhere" if len(known) == len(sizes) else "nowhere that was measured"
    return Fact(name, join(below) or nowhere)


def _percentiles(measurements: Measurements) -> list[Fact]:
    """Return where the canal stands among people measured on CT, a line a level, the study beside it."""
    facts = []
    for plane in measurements.planes:
        found = plane.percentiles or ()
        if found:
            what = "AP" if found[0].measure == "canal_ap_mm" else "area"
            groups = [f"{_ordinal(one.percentile)} of {one.group}" for one in found]
            name = f"Canal {what} at {plane.level}, percentile"
            facts.append(Fact(name, join(groups), f"mean and SD of {found[0].study}"))
    return facts


def _ordinal(percentile: float) -> str:
    """Return a percentile as printed; far ones as below the 1st or above the 99th."""
    if percentile < 1:
        return "below the 1st"
    if percentile > 99:
        return "above the 99th"
    whole = round(percentile)
    ending = {1: "st", 2: "nd", 3: "rd"}.get(whole % 10 if whole // 10 != 1 else 0, "th")
    return f"{whole}{ending}"


def _extent(ossification: Ossification) -> list[Fact]:
    at_least = "at least: it touches the edge of the scan" if ossification.at_scan_edge else ""
    return [
        _measured("OPLL length", ossification, "length_mm", "mm", 0, note=at_least),
        _measured("OPLL volume", ossification, "volume_mm3", "mm³", 0, note=at_least),
        _measured("OPLL width", ossification, "width_mm", "mm", 1),
        Fact("Levels involved", _levels_involved(ossification)),
        _answer("Reaches C2", ossification.reaches_c2, ossification.reasons.get("reaches_c2", "")),
        Fact("OP-index", _op_index(ossification)),
    ]


def _levels_involved(ossification: Ossification) -> str:
    return join(head_to_foot([*ossification.levels, *ossification.discs])) or DASH


def _op_index(ossification: Ossification) -> str:
    if ossification.op_index is None:
        return DASH
    beside = ": the mass lies beside the midsagittal image" if ossification.op_index == 0 else ""
    return f"{ossification.op_index} (grade {ossification.op_grade}){beside}"


def _answer(said: str, value: bool | None, reason: str) -> Fact:
    return Fact(said, DASH, reason) if value is None else Fact(said, "yes" if value else "no")


def _alignment(alignment: Alignment) -> list[Fact]:
    crossed, lordosis = f"negative when crossed, {SUPINE}", f"lordosis positive, {SUPINE}"
    return [
        Fact("K-line (C2–C7)", alignment.k_line or DASH, alignment.reasons.get("k_line", SUPINE)),
        _measured("Distance to K-line", alignment, "k_line_distance_mm", "mm", 1, note=crossed),
        _measured("C2–C7 Cobb angle", alignment, "c2_c7_cobb_deg", "°", 0, note=lordosis),
    ]


def _measured(
    said: str, source: Ossification | Alignment, name: str, unit: str, decimals: int, *, note: str = ""
) -> Fact:
    """Return a value with its error and a note, or a dash with the reason."""
    value = getattr(source, name)
    if value is None:
        return Fact(said, DASH, source.reasons.get(name, "not measured"))
    return Fact(said, with_error(value, source.uncertainty.get(name), unit, decimals=decimals), note)
