"""The page that a surgeon reads first: ``report.html``, one file that opens without a network."""

import math
from dataclasses import dataclass
from typing import Any, Final

from canalis.measurement.measurements import Apart, Measurements, PlaneMeasurement
from canalis.measurement.opened import OPENED_RING
from canalis.measurement.walls import POSSIBLE_FUSED
from canalis.report import methods, words
from canalis.report.drawing import Drawing
from canalis.report.facts import neck_facts
from canalis.report.pictures import AXIAL_SIZE_MM, draw_axial, draw_sagittal, draw_thumbnail
from canalis.report.profile import draw_profile, levels_shown
from canalis.report.record import Software, describe_input
from canalis.report.table import COLUMNS, heading_groups, make_table
from canalis.volume import Mask, ScanWarning, Volume

TEMPLATE: Final = "page.html"
COLUMNS_MM: Final = 172.0  # both columns of pictures on A4
PRINTED_HEIGHT_MM: Final = 142.0  # of the pictures: leaves A4's first page room for the profile and the strip
BESIDE_LINE_MM, BESIDE_LINE_LETTERS = 5.6, 95  # of the warnings under the headline, on paper
HEADLINE_MM, HEADLINE_LETTERS, USUAL_HEADLINE = 6.0, 75, 2  # a line of it, and how many lines it mostly takes
LEAST_PRINTED_HEIGHT_MM: Final = 100.0
CAPTIONS_MM: Final = 11.0  # between and under the axial pictures, beyond the midsagittal one's own


@dataclass(frozen=True, slots=True)
class LevelPicture:
    """One picture of the strip."""

    svg: str
    level: str
    words: str


def make_page(*, measurements: Measurements, mask: Mask, volume: Volume, software: Software) -> str:
    """Return ``report.html``.

    Parameters
    ----------
    measurements : Measurements
        What was measured.
    mask : Mask
        The label map, on any grid.
    volume : Volume
        The CT, for its pictures.
    software : Software
        What measured it.

    Returns
    -------
    str
        HTML with every picture, style and word in it; it asks for nothing else and holds no script.
    """
    said = _sentences(measurements) | _pictures(measurements, mask, volume)
    return render(
        TEMPLATE,
        **said,
        input=_input_words(volume),
        software=_software_words(software),
        use=words.USE,
        columns=COLUMNS,
        groups=heading_groups(),
        table=make_table(measurements),
    )


def render(template: str, **said: Any) -> str:
    """Return a template of this stage filled in: every text escaped, a missing one an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("canalis.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(said)


def _sentences(measurements: Measurements) -> dict[str, Any]:
    return {
        "status": words.status_sentence(measurements),
        "levels_sure": measurements.levels.sure,
        "level_sentence": words.level_sentence(measurements),
        "headline": words.headline(measurements),
        "top_warnings": [w.message for w in headline_warnings(measurements)],
        "facts": neck_facts(measurements),
        "why": words.why_this_type(measurements),
        "apart": [_apart_words(found) for found in measurements.apart],
        "warnings": measurements.warnings,
        "limits": methods.LIMITS,
        "rules": methods.chosen_rules(),
    }


CHANGES_NO_NUMBER: Final = frozenset({"left-out", "left-out-slices", "other-series", "doubled-slices"})
"""Codes of warnings that say what was read, not that a number is worse for it: in the list alone."""


CHANGES_THE_HEADLINE: Final = frozenset({OPENED_RING, POSSIBLE_FUSED})
"""Codes of warnings of one level that the whole result is read by."""


def headline_warnings(measurements: Measurements) -> list[ScanWarning]:
    """Return the warnings that stand under the headline: of the whole scan, and of the worst place."""
    worst = words.worst_plane(measurements)
    places = {None, measurements.narrowest.level, worst.level if worst else None}
    return [
        warning
        for warning in measurements.warnings
        if warning.code not in CHANGES_NO_NUMBER
        and warning.message != measurements.levels.reason  # the line above says it
        and (warning.level in places or warning.code in CHANGES_THE_HEADLINE)
    ]


APART: Final = {
    "ligamentum flavum": "ossified ligamentum flavum",
    "retro-odontoid": "calcification behind the dens",
    "anterior ligament": "ossified anterior longitudinal ligament",
}
"""What a kind of thing apart is called on the page where its name in the JSON is that of a healthy part."""


def _apart_words(found: Apart) -> str:
    where = f" at {found.level}" if found.level else ""
    size = f", {words.number(found.thickness_mm)} mm thick" if found.thickness_mm is not None else ""
    name = APART.get(found.kind, found.kind)
    return f"{name.capitalize()}{where}{size}."


def _pictures(measurements: Measurements, mask: Mask, volume: Volume) -> dict[str, Any]:
    worst = words.worst_plane(measurements)
    sagittal = draw_sagittal(volume, mask, measurements)
    columns = _columns(sagittal)
    return {
        "sagittal": _svg(sagittal),
        "columns_mm": columns,
        "printed_percent": _printed_percent(sagittal, columns[0], measurements),
        "keys": _keys(sagittal, contrast=words.may_be_contrast(measurements)),
        "not_cut": words.not_cut(measurements),
        "worst_drawn": _svg(draw_axial(volume, mask, worst, lines=True) if worst else None),
        "worst_bare": _svg(draw_axial(volume, mask, worst, lines=False) if worst else None),
        "worst_title": _worst_title(worst, contrast=words.may_be_contrast(measurements)) if worst else "",
        "worst_caption": _worst_words(worst) if worst else "",
        "profile": _svg(draw_profile(measurements)),
        "strip": [
            LevelPicture(
                _svg(draw_thumbnail(volume, mask, plane)), plane.level or "no name", _strip_words(plane)
            )
            for plane in levels_shown(measurements)
        ],
    }


KEYS: Final = {
    "canal": "canal",
    "ossification": "OPLL",
    "other_narrowing": "other narrowing",
    "k-line": "K-line C2–C7, supine",
    "wall": "posterior wall, estimated",
    "worst": "worst plane",
}
"""What each class of line is called under the midsagittal picture."""


KEYS_WITH_CONTRAST: Final = {"ossification": "OPLL or contrast", "worst": "plane shown beside"}
"""What they are called where contrast may have been taken for ossification."""


def _keys(sagittal: Drawing | None, *, contrast: bool) -> dict[str, str]:
    """Return the keys of the lines that were drawn."""
    svg = sagittal.to_svg() if sagittal else ""
    called = KEYS | KEYS_WITH_CONTRAST if contrast else KEYS
    return {name: said for name, said in called.items() if f'class="{name}"' in svg}


def _columns(sagittal: Drawing | None) -> tuple[float, float]:
    """Return the widths at which the midsagittal picture is as high as the two axial ones over each other."""
    if sagittal is None:
        return 1.0, 1.0
    steep, axials = sagittal.height_mm / sagittal.width_mm, 2 * AXIAL_SIZE_MM[1] / AXIAL_SIZE_MM[0]
    axial = (COLUMNS_MM * steep - CAPTIONS_MM) / (steep + axials)
    return round(COLUMNS_MM - axial, 1), round(axial, 1)


def _printed_percent(sagittal: Drawing | None, column_mm: float, measurements: Measurements) -> int:
    """Return how much of the page's width the pictures take on paper, so that their height leaves room."""
    if sagittal is None:
        return 100
    height_mm = column_mm * sagittal.height_mm / sagittal.width_mm
    beside = sum(math.ceil(len(w.message) / BESIDE_LINE_LETTERS) for w in headline_warnings(measurements))
    headline = math.ceil(len(words.headline(measurements)) / HEADLINE_LETTERS) - USUAL_HEADLINE
    room_mm = PRINTED_HEIGHT_MM - BESIDE_LINE_MM * beside - HEADLINE_MM * headline
    return round(100 * min(1.0, max(room_mm, LEAST_PRINTED_HEIGHT_MM) / height_mm))


def _svg(picture: Drawing | None) -> str:
    """Return a picture as markup that the template does not escape: every word in it is escaped already."""
    from markupsafe import Markup

    return Markup(picture.to_svg()) if picture is not None else ""


def _worst_title(plane: PlaneMeasurement, *, contrast: bool) -> str:
    name = "Narrowest plane" if plane.ossification_thickness_mm == 0 else "Worst plane"
    if contrast:
        name = "One plane"
    return f"{name}, {plane.level}." if plane.level else f"{name}."


def _strip_words(plane: PlaneMeasurement) -> str:
    return f"{words.number(plane.residual_ap_mm)} mm" if plane.residual_ap_mm is not None else words.DASH


def _worst_words(plane: PlaneMeasurement) -> str:
    """Return what the rulers show, in words."""
    error = plane.uncertainty.get
    if plane.residual_ap_mm is None:
        return f"Not measured: {plane.reasons.get('residual_ap_mm', 'no reason was given')}"
    free = words.with_error(plane.residual_ap_mm, error("residual_ap_mm"), "mm")
    if not plane.ossification_thickness_mm:
        return f"Residual AP {free} on the midline."
    thickness = words.with_error(plane.ossification_thickness_mm, error("ossification_thickness_mm"), "mm")
    canal = words.with_error(plane.thickness_canal_ap_mm, error("thickness_canal_ap_mm"), "mm")
    ratio = ""
    if plane.occupying_ratio_percent is not None:
        ratio = f": {words.ratio_in_words(plane.occupying_ratio_percent, error('occupying_ratio_percent'))}"
    return (
        f"OPLL {thickness} of {canal} canal on one line, {words.beside_midline(plane.thickness_offset_mm)}"
        f"{ratio}. Residual AP {free}."
    )


def _input_words(volume: Volume) -> str:
    said = describe_input(volume)
    slice_mm, row_mm, column_mm = said["spacing_mm"]
    series = f", series {said['series'][:8]}" if said["series"] else ""
    return f"{said['slices']} slices, {row_mm:.2f} × {column_mm:.2f} × {slice_mm:.2f} mm{series}"


def _software_words(software: Software) -> str:
    models = ", ".join(f"{name} {digest[:12]}" for name, digest in sorted(software.models.items()))
    return f"Canalis {software.version}{f'; models: {models}' if models else '; no network was used'}"
