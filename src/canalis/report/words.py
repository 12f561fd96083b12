"""Measurements in words: the sentences of the page, and numbers with their error beside them.

Nothing here weighs what should be done for a patient, and nothing found is never called normal.
"""

from collections.abc import Sequence
from typing import Final

from canalis.labels import LEVELS
from canalis.measurement.low_masses import SEEN_FROM_MM
from canalis.measurement.measurements import Mass, Measurements, Ossification, PlaneMeasurement
from canalis.measurement.opened import OPENED_RING
from canalis.measurement.ossification import cuts_held
from canalis.measurement.walls import POSSIBLE_FUSED
from canalis.segment.guard import CONTRAST_IN_CANAL
from canalis.volume import ScanWarning

NO_BREAK: Final = "\u00a0"
MINUS: Final = "\u2212"
DASH: Final = "\u2013"

STATUS: Final = {
    "measured": "Measured",
    "partial": "Measured in part",
    "refused": "Not measured",
}
COARSE: Final = "coarse-pixels"  # the warning of pixels that give no lengths
DOUBTED: Final = ", which pixels of this size cannot tell for sure"
OFF_MIDLINE_MM: Final = 3.0
"""How far from the midline the line of the greatest ratio lies for the headline to say so (chosen)."""
USE: Final = "Supine CT. Research use. Not a medical device."
PART: Final = {"arch": "arch", "body": "body", "disc": "disc", "worst": "worst place"}


def number(value: float, decimals: int = 1) -> str:
    """Return a number as printed: rounded, with a true minus sign and never "-0.0"."""
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def with_error(value: float | None, error: float | None, unit: str = "", *, decimals: int = 1) -> str:
    r"""Return a number with half of its 95 % interval and its unit, kept on one line.

    Parameters
    ----------
    value : float or None
        None prints as a dash.
    error : float or None
        Half of the 95 % interval; None where it is not known.
    unit : str
        Written after both.
    decimals : int
        Of both.

    Returns
    -------
    str

    Examples
    --------
    >>> with_error(5.43, 0.46, "mm")
    '5.4\xa0±\xa00.5\xa0mm'
    """
    if value is None:
        return DASH
    text = number(value, decimals)
    if error is not None:
        text += f"{NO_BREAK}±{NO_BREAK}{number(error, decimals)}"
    return f"{text}{spaced(unit)}" if unit else text


def spaced(unit: str) -> str:
    """Return a unit with the space that goes before it: none before a degree sign."""
    return unit if unit == "°" else f"{NO_BREAK}{unit}"


def interval_percent(value: float, error: float) -> tuple[float, float]:
    """Return the ends of a ratio's interval, no further than 0 and 100 %."""
    return max(0.0, value - error), min(100.0, value + error)


def ratio_in_words(value: float, error: float | None) -> str:
    """Return an occupying ratio with its interval, and which surgical ratio the interval holds."""
    text = f"{number(value, 0)}{NO_BREAK}%"
    if error is None:
        return text
    low, high = interval_percent(value, error)
    text += f" (95{NO_BREAK}% interval {number(low, 0)}{DASH}{number(high, 0)}"
    held = [number(cut, 0) for cut in cuts_held(value, error)]
    return text + (f", which holds {' and '.join(held)}{NO_BREAK}%)" if held else ")")


def join(words: Sequence[str]) -> str:
    """Return words as a list in a sentence.

    Examples
    --------
    >>> join(["C3", "C4", "C5"])
    'C3, C4 and C5'
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def status_sentence(measurements: Measurements) -> str:
    """Return the status in words, and that the neck was operated on where its ring is open."""
    opened = any(warning.code == OPENED_RING for warning in measurements.warnings)
    return f"{STATUS[measurements.status]}.{' Post-operative.' if opened else ''}"


def level_sentence(measurements: Measurements) -> str:
    """Return how the levels were counted, and that they are not sure where they are not."""
    naming = measurements.levels
    reason = naming.reason if naming.reason.endswith(".") else f"{naming.reason}."
    if naming.source is None:
        return f"Levels not named: {_lowered(reason)}"
    return reason if naming.sure else f"Levels not sure: {_lowered(reason)}"


def _lowered(sentence: str) -> str:
    """Return a sentence as it goes on after a colon; the name of a level keeps its capital."""
    first = sentence.split(" ", 1)[0]
    return sentence if any(letter.isdigit() for letter in first) else sentence[:1].lower() + sentence[1:]


def headline(measurements: Measurements) -> str:
    """Return the one sentence that says what was found.

    Extent and type, the narrowest place with its error, the greatest occupying ratio with its interval,
    the K-line with its error.
    """
    if measurements.ossification.present and may_be_contrast(measurements):
        parts = [
            _found(measurements),
            "its size, the narrowest place, the ratios and the K-line are not given",
        ]
    else:
        parts = [_found(measurements), _narrowest(measurements), _ratio(measurements), _k_line(measurements)]
    sentence = "; ".join(part for part in parts if part)
    return f"{sentence[0].upper()}{sentence[1:]}."


def possible_fused(warnings: Sequence[ScanWarning]) -> list[ScanWarning]:
    """Return the warnings of a possible fused ossification."""
    return [warning for warning in warnings if warning.code == POSSIBLE_FUSED]


def may_be_contrast(measurements: Measurements) -> bool:
    """Return whether the canal holds contrast, so that what is called ossification may be contrast."""
    return any(warning.code == CONTRAST_IN_CANAL for warning in measurements.warnings)


def _found(measurements: Measurements) -> str:
    ossification = measurements.ossification
    if ossification.present and may_be_contrast(measurements):
        return f"OPLL or contrast{_where(ossification)}, which this scan cannot tell apart"
    coarse = any(warning.code == COARSE for warning in measurements.warnings)
    if ossification.present:
        return _extent(ossification) + (DOUBTED if coarse else "")
    fused = [warning.level for warning in possible_fused(measurements.warnings)]
    where = join(sorted({level for level in fused if level}))
    seen = f"OPLL seen{DOUBTED}" if coarse else f"OPLL ≥{SEEN_FROM_MM:g}{NO_BREAK}mm seen"
    if fused:
        return f"possible fused OPLL{f' at {where}' if where else ''}, no other {seen}"
    if ossification.present is False:
        return f"no {seen}"
    return "whether there is OPLL was not decided"


def _extent(ossification: Ossification) -> str:
    kind = f"{ossification.type or 'unclassified'} OPLL"
    if ossification.near_type:
        kind += f" (near {ossification.near_type})"
    if len(ossification.masses) > 1:
        kind += f" in {len(ossification.masses)} masses"
    kind += _where(ossification)
    if ossification.at_scan_edge:
        kind += ", at least: it touches the edge of the scan"
    thickness = with_error(
        ossification.max_thickness_mm, ossification.uncertainty.get("max_thickness_mm"), "mm"
    )
    return f"{kind}, up to {thickness} thick" if ossification.max_thickness_mm else kind


def _where(ossification: Ossification) -> str:
    """Return from where to where the ossification runs, one stretch after the other where some is free."""
    stretches = _stretches(ossification.masses)
    if len(stretches) > 1:
        told = [_from_to(upper, lower) for upper, lower in stretches]
        return f"{','.join(told[:-1])}, and{told[-1]}"
    upper, lower = ossification.upper_end, ossification.lower_end
    return _from_to(upper, lower) if upper and lower else ""


def _from_to(upper: str, lower: str) -> str:
    return f" at {upper}" if upper == lower else f" from {upper} to {lower}"


def _stretches(masses: Sequence[Mass]) -> list[tuple[str, str]]:
    """Return the first and last body or disc of each mass, head to foot; masses at one level are joined.

    None where a mass has no level with a name.
    """
    zones = sorted((head_to_foot((*mass.levels, *mass.discs)) for mass in masses), key=_places)
    if not all(zones):
        return []
    joined: list[tuple[str, str]] = []
    for zone in zones:
        upper, lower = zone[0], zone[-1]
        if joined and _place(upper) <= _place(joined[-1][1]):
            upper, lower = joined[-1][0], max(joined.pop()[1], lower, key=_place)
        joined.append((upper, lower))
    return joined


def head_to_foot(names: Sequence[str]) -> list[str]:
    """Return bodies and discs as they follow each other down the neck.

    Examples
    --------
    >>> head_to_foot(["C2", "C3", "C4", "C2/3", "C3/4"])
    ['C2', 'C2/3', 'C3', 'C3/4', 'C4']
    """
    return sorted(names, key=_place)


def _place(name: str) -> tuple[int, bool]:
    upper, *lower = name.split("/")
    return LEVELS.index(upper), bool(lower)


def _places(names: Sequence[str]) -> list[tuple[int, bool]]:
    return [_place(name) for name in names]


def _narrowest(measurements: Measurements) -> str:
    least = measurements.narrowest
    if least.residual_ap_mm is None:
        return "narrowest place not measured"
    where = f" at {least.level}" if least.level else ""
    return f"narrowest residual AP {with_error(least.residual_ap_mm, least.uncertainty, 'mm')}{where}"


def worst_plane(measurements: Measurements) -> PlaneMeasurement | None:
    """Return the worst place's plane, where there is one."""
    return next((plane for plane in measurements.planes if plane.part == "worst"), None)


def ratio_error(measurements: Measurements) -> float | None:
    """Return half of the 95 % interval of the greatest occupying ratio."""
    name = "max_occupying_ratio_percent"
    if name in measurements.ossification.uncertainty:
        return measurements.ossification.uncertainty[name]
    worst = worst_plane(measurements)
    return None if worst is None else worst.uncertainty.get("occupying_ratio_percent")


def _ratio(measurements: Measurements) -> str:
    ossification = measurements.ossification
    if not ossification.present:
        return ""
    if ossification.max_occupying_ratio_percent is None:
        return f"occupying ratio not given ({_reason(ossification.reasons, 'max_occupying_ratio_percent')})"
    words = ratio_in_words(ossification.max_occupying_ratio_percent, ratio_error(measurements))
    where = f" at {ossification.peak_level}" if ossification.peak_level else ""
    worst = worst_plane(measurements)
    offset = None if worst is None else worst.thickness_offset_mm
    aside = f", {beside_midline(offset)}" if offset is not None and abs(offset) > OFF_MIDLINE_MM else ""
    return f"greatest occupying ratio {words}{where}{aside}"


def beside_midline(offset_mm: float | None) -> str:
    r"""Return how far from the midline a line lies, and to which side of the patient.

    Examples
    --------
    >>> beside_midline(-8.8), beside_midline(0.0)
    ('8.8\xa0mm right of the midline', 'on the midline')
    """
    if offset_mm is None or abs(offset_mm) < 0.05:
        return "on the midline"
    side = "left" if offset_mm > 0 else "right"
    return f"{number(abs(offset_mm))}{NO_BREAK}mm {side} of the midline"


def not_cut(measurements: Measurements) -> str:
    """Return that the midsagittal surface passes the mass by at the worst place; nothing where it cuts it."""
    worst = worst_plane(measurements)
    if worst is None or not worst.ossification_thickness_mm or worst.occupying_ratio_midline_percent != 0:
        return ""
    where = f" at {worst.level}" if worst.level else ""
    return f"The mass{where} lies {beside_midline(worst.thickness_offset_mm)}: this surface does not cut it."


def _k_line(measurements: Measurements) -> str:
    alignment = measurements.alignment
    if alignment.k_line is None:
        if not measurements.ossification.present:
            return ""
        return f"K-line not given ({_reason(alignment.reasons, 'k_line')})"
    error = alignment.uncertainty.get("k_line_distance_mm")
    if alignment.k_line_distance_mm is None:
        return f"K-line {alignment.k_line}"
    return f"K-line {alignment.k_line} ({with_error(alignment.k_line_distance_mm, error, 'mm')})"


def _reason(reasons: dict[str, str], name: str) -> str:
    """Return a reason as it stands within a sentence."""
    return _lowered(reasons.get(name, "not measured")).rstrip(".")


def why_this_type(measurements: Measurements) -> list[str]:
    """Return the sentences that lead from the masses to the type, disc by disc."""
    ossification = measurements.ossification
    if not ossification.present:
        return []
    if may_be_contrast(measurements):
        return _if_ossified(ossification)
    masses, named = ossification.masses, measurements.levels.source is not None
    said = [_mass(index, mass, len(masses), named=named) for index, mass in enumerate(masses, 1)]
    kinds = [mass.type for mass in ossification.masses]
    if ossification.type and kinds:
        counts = [f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)]
        said.append(f"Masses: {join(counts)}, so the patient's type is {ossification.type}.")
    if ossification.near_type:
        said.append(_near(ossification))
    crossed = join(ossification.bridging)
    said.append(f"Discs bridged: {crossed}." if crossed else "No disc is bridged.")
    return said + _ossification_details(ossification)


def _if_ossified(ossification: Ossification) -> list[str]:
    """Return what may be said of the type where contrast may have been taken for ossification."""
    said = ["Contrast in the canal may have been taken for OPLL: whether there is any is not known."]
    if ossification.type:
        said.append(f"If all of it were OPLL, its type would be {ossification.type}.")
    return said


def _near(ossification: Ossification) -> str:
    """Return what makes a type near another: the masses do not tell an end from a disc reached over."""
    if (ossification.type, ossification.near_type) == ("segmental", "continuous"):
        return (
            "Near continuous: a mass reaches over a disc, or moving an end by 2 mm would make it continuous."
        )
    return f"Moving an end by 2 mm would make it {ossification.near_type}."


def _mass(index: int, mass: Mass, count: int, *, named: bool) -> str:
    covers = f"bodies {join(mass.levels)}" if len(mass.levels) > 1 else f"body {join(mass.levels)}"
    where = covers if mass.levels else "no body" if named else "levels without a name"
    discs = f", at disc{'s' if len(mass.discs) > 1 else ''} {join(mass.discs)}" if mass.discs else ""
    half = mass.uncertainty
    length = with_error(mass.length_mm, half.get("length_mm"), "mm", decimals=0)
    thickness = with_error(mass.max_thickness_mm, half.get("max_thickness_mm"), "mm")
    volume = with_error(mass.volume_mm3, half.get("volume_mm3"), "mm³", decimals=0)
    size = f"{length} long, up to {thickness} thick, {volume}"
    name = "The mass" if count == 1 else f"Mass {index}"
    return f"{name} ({size}) involves {where}{discs}: {mass.type}."


def _ossification_details(ossification: Ossification) -> list[str]:
    said = []
    if ossification.op_index is not None:
        said.append(f"OP-index {ossification.op_index}, grade {ossification.op_grade}.")
    if ossification.side:
        lies = "Central" if ossification.side == "central" else f"To the patient's {ossification.side}"
        said.append(f"{lies} in the canal.")
    if ossification.compression_angle_deg is not None:
        shape = f", {ossification.shape} shaped" if ossification.shape else ""
        error = ossification.uncertainty.get("compression_angle_deg")
        angle = with_error(ossification.compression_angle_deg, error, "°", decimals=0)
        said.append(f"Compression angle {angle}{shape}.")
    sign = ossification.double_layer_sign
    if sign.candidate:
        at = f" at {join(sign.planes)}" if sign.planes else ""
        said.append(
            f"Double-layer sign: candidate{at}. It suggests ossified dura, unsurely: "
            "sharp kernels and marrow imitate it."
        )
    return said
