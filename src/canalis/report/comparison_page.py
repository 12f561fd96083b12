"""What changed between two results, as one page with both pictures: ``comparison.html``."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from canalis.errors import ReadError
from canalis.report import words
from canalis.report.comparison import PLANE_CHANGES, Change, Comparison
from canalis.report.comparison_chart import draw_gains
from canalis.report.files import PAGE_NAME
from canalis.report.page import render
from canalis.report.profile import WIDTH_MM

HTML_NAME: Final = "comparison.html"
PRINTED_HEIGHT_MM, LEAST_HEIGHT_MM = 80.0, 50.0  # of the pictures: leaves one A4 page room for the rest
USUAL_ROWS: Final = 14  # of the table, C2 to T1
ROW_MM, WARNING_MM = 5.0, 8.0  # that each further row, or each warning, takes from the pictures
PICTURES_PERCENT: Final = 62.0  # of a page's width at most: the facts stand beside them
THUMBNAIL_MM: Final = 16.0  # width of an axial picture on paper
TEMPLATE: Final = "comparison.html"

UNITS: Final = {
    "residual_ap_mm": ("Residual AP", "mm", 1),
    "canal_ap_mm": ("Canal AP", "mm", 1),
    "canal_area_mm2": ("Canal area", "mm²", 0),
    "ossification_thickness_mm": ("OPLL thickness", "mm", 1),
    "max_thickness_mm": ("OPLL, greatest thickness", "mm", 1),
    "length_mm": ("OPLL length", "mm", 0),
    "volume_mm3": ("OPLL volume", "mm³", 0),
    "max_occupying_ratio_percent": ("Greatest occupying ratio", "%", 0),
}
"""Field to its words, unit and decimals."""

_PICTURE: Final = re.compile(r'<svg [^>]*data-picture="([^"]+)".*?</svg>', re.S)
_VIEW_BOX: Final = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_FOREIGN: Final = re.compile(
    r"<(?!/?(?:svg|image|polyline|polygon|circle|text)\b)|\son\w+=|href=\"(?!data:image/png;)", re.I
)


@dataclass(frozen=True, slots=True)
class Printed:
    """A change as printed."""

    before: str
    after: str
    change: str
    verdict: str


def make_comparison_page(comparison: Comparison, *, before: dict[str, str], after: dict[str, str]) -> str:
    """Return the page of a comparison.

    Parameters
    ----------
    comparison : Comparison
        What changed.
    before, after : dict of str to str
        The pictures of each result's page by name, from `read_pictures`; may be empty.

    Returns
    -------
    str
        HTML that asks for nothing outside itself.
    """
    chart = draw_gains(comparison)
    shown = [item.level for item in comparison.levels if item.part != "disc"]
    return render(
        TEMPLATE,
        use=words.USE,
        headline=comparison_headline(comparison),
        sure=comparison.sure,
        warnings=comparison.warnings,
        pictures=_side_by_side(before, after, _printed_height_mm(comparison)),
        strips=[("Before", _strip(before, shown)), ("After", _strip(after, shown))]
        if before or after
        else [],
        levels=shown,
        thumbnail_mm=THUMBNAIL_MM,
        chart=_safe(chart.to_svg() if chart else ""),
        names=[UNITS[name] for name in PLANE_CHANGES],
        rows=[
            (item.level, item.part, [_printed(item.changes[n], n) for n in PLANE_CHANGES])
            for item in comparison.levels
        ],
        neck=_neck_rows(comparison),
    )


def comparison_headline(comparison: Comparison) -> str:
    """Return the one sentence of a comparison: the narrowest place, then the ossification."""
    said = [f"narrowest residual AP {_change_words(comparison.narrowest, 'mm', 1)}"]
    thickness = comparison.ossification["max_thickness_mm"]
    if thickness.before or thickness.after:
        said.append(f"OPLL thickness {_change_words(thickness, 'mm', 1, years=comparison.years)}")
        volume = comparison.ossification["volume_mm3"]
        said.append(f"volume {_change_words(volume, 'mm³', 0, years=comparison.years)}")
    sentence = "; ".join(said)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _change_words(change: Change, unit: str, decimals: int, *, years: float | None = None) -> str:
    """Return both values and their difference; that of two percentages is in points."""
    if change.before is None or change.after is None or change.change is None:
        return f"not compared ({change.reason or 'not measured'})"
    ends = f"{words.number(change.before, decimals)} → {words.number(change.after, decimals)}"
    amount = f"{_signed(change.change, decimals)}"
    if change.detectable is not None:
        amount += f"{words.NO_BREAK}±{words.NO_BREAK}{words.number(change.detectable, decimals)}"
    apart = f"{words.NO_BREAK}points" if unit == "%" else words.spaced(unit)
    yearly = ""
    if change.per_year is not None and years is not None:
        yearly = f", {_signed(change.per_year, decimals)}{words.spaced(unit)} a year"
    return f"{ends}{words.spaced(unit)} ({amount}{apart}{yearly}, {_verdict(change)})"


def _signed(value: float, decimals: int) -> str:
    text = words.number(value, decimals)
    return text if text.startswith(words.MINUS) or float(text) == 0 else f"+{text}"


def _verdict(change: Change) -> str:
    if change.detected is None:
        return "not known whether detectable"
    return "detectable" if change.detected else "below what can be detected"


def _printed(change: Change, name: str) -> Printed:
    _, _, decimals = UNITS.get(name, ("", "", 1))
    if change.change is None:
        return Printed(
            _value(change.before, decimals), _value(change.after, decimals), words.DASH, change.reason or ""
        )
    amount = _signed(change.change, decimals)
    error = "" if change.detectable is None else f"±{words.number(change.detectable, decimals)}"
    mark = {True: "beyond", False: "within", None: ""}[change.detected]
    return Printed(
        _value(change.before, decimals), _value(change.after, decimals), f"{amount} {error}".strip(), mark
    )


def _value(value: float | None, decimals: int) -> str:
    return words.DASH if value is None else words.number(value, decimals)


def _neck_rows(comparison: Comparison) -> list[tuple[str, str]]:
    rows = []
    for name, change in comparison.ossification.items():
        title, unit, decimals = UNITS[name]
        rows.append((title, _change_words(change, unit, decimals, years=comparison.years)))
    first, second = (name or words.DASH for name in comparison.k_line)
    rows.append(("K-line (C2–C7), supine", f"{first} → {second}"))
    rows.append(("C2–C7 Cobb angle, supine", _change_words(comparison.cobb, "°", 0)))
    return rows


def read_pictures(folder: Path) -> dict[str, str]:
    """Return the named pictures of a result's page; none where it has no page.

    Parameters
    ----------
    folder : Path
        A result's folder.

    Returns
    -------
    dict of str to str
        Name ("midsagittal", or a level) to SVG.

    Raises
    ------
    ReadError
        If a picture holds anything but pixels, lines and words.
    """
    page = folder / PAGE_NAME
    if not page.is_file():
        return {}
    text = page.read_text(encoding="utf-8", errors="replace")
    found = {html.unescape(match[1]): match[0] for match in _PICTURE.finditer(text)}
    if any(_FOREIGN.search(svg) for svg in found.values()):
        raise ReadError(
            f"{PAGE_NAME} in {folder.name} was changed: a picture holds more than a picture. Measure again."
        )
    return found


def _printed_height_mm(comparison: Comparison) -> float:
    """Return how high the pictures may be for all to stand on one sheet of A4."""
    rows = max(0, len(comparison.levels) - USUAL_ROWS)
    taken = rows * ROW_MM + len(comparison.warnings) * WARNING_MM
    return max(LEAST_HEIGHT_MM, PRINTED_HEIGHT_MM - taken)


def _side_by_side(before: dict[str, str], after: dict[str, str], height_mm: float) -> dict[str, Any]:
    """Return both midsagittal pictures, their columns as wide as makes one mm the same in both."""
    pair = [pictures.get("midsagittal", "") for pictures in (before, after)]
    sizes = [_VIEW_BOX.search(svg) for svg in pair]
    widths = [float(size[1]) if size else 0.0 for size in sizes]
    height = max((float(size[2]) for size in sizes if size), default=1.0)
    printed = height_mm * sum(widths) / height / WIDTH_MM
    return {
        "svgs": [_safe(svg) for svg in pair],
        "widths": widths if any(widths) else [],
        "printed_percent": round(min(PICTURES_PERCENT, 100 * printed)),
    }


def _strip(pictures: dict[str, str], levels: Sequence[str]) -> list[Any]:
    return [_safe(pictures.get(level, "")) for level in levels]


def _safe(svg: str) -> str:
    from markupsafe import Markup

    return Markup(svg)
