"""The table of the page: a row a plane, each number with its error, each gap with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import Final

from canalis.measurement.measurements import Measurements, PlaneMeasurement
from canalis.measurement.ossification import RATIO_NEAR_CUT
from canalis.report.words import DASH, MINUS, NO_BREAK, PART, may_be_contrast, number
from canalis.volume import ScanWarning


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the contract's field, its heading, and how it is printed."""

    name: str
    heading: str
    unit: str
    decimals: int = 1
    group: str = ""


COLUMNS: Final = (
    Column("canal_ap_mm", "AP", "mm", group="Canal"),
    Column("canal_lr_mm", "LR", "mm", group="Canal"),
    Column("canal_area_mm2", "area", "mm²", 0, group="Canal"),
    Column("ossification_thickness_mm", "thick", "mm", group="OPLL"),
    Column("ossification_bone_thickness_mm", "bone", "mm", group="OPLL"),
    Column("ossification_width_mm", "width", "mm", group="OPLL"),
    Column("thickness_offset_mm", "offset", "mm", group="OPLL"),
    Column("occupying_ratio_percent", "on line", "%", 0, group="Occupying ratio"),
    Column("occupying_ratio_midline_percent", "midline", "%", 0, group="Occupying ratio"),
    Column("area_occupying_ratio_percent", "area", "%", 0, group="Occupying ratio"),
    Column("residual_ap_mm", "Residual AP", "mm"),
    Column("torg_pavlov_ratio", "Torg", "", 2),
    Column("confidence", "Conf.", "", 2),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One printed number: its value, its error, and the mark of the reason where there is none."""

    value: str
    error: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One plane as printed."""

    level: str
    part: str
    cells: tuple[Cell, ...]
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Table:
    """The rows, and the reasons that their marks stand for."""

    rows: list[Row] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    """Reason to mark."""


def make_table(measurements: Measurements) -> Table:
    """Return every plane as printed.

    Parameters
    ----------
    measurements : Measurements
        Whose planes are listed head to foot, the worst place last. A warning stands under the first row
        of each level that it concerns, in full once; one of the greatest ratio under the worst place. Where
        contrast may have been taken for ossification there is no worst place.

    Returns
    -------
    Table
    """
    table = Table()
    said: set[tuple[ScanWarning, str | None]] = set()
    first: dict[ScanWarning, str] = {}
    contrast = may_be_contrast(measurements)
    for plane in measurements.planes:
        if contrast and plane.part == "worst":
            continue
        of_level = [w for w in measurements.warnings if _concerns(w, plane) and (w, plane.level) not in said]
        said.update((w, plane.level) for w in of_level)
        cells = tuple(_cell(table, plane, column) for column in COLUMNS)
        level = plane.level or "no name"
        notes = tuple(f"as at {first[w]}." if w in first else w.message for w in of_level)
        first = dict.fromkeys(of_level, level) | first
        table.rows.append(Row(level, PART[plane.part], cells, notes))
    return table


OF_THE_WORST_PLACE: Final = (RATIO_NEAR_CUT,)
"""Codes of warnings of the greatest ratio, which another plane of the same level does not have."""


def _concerns(warning: ScanWarning, plane: PlaneMeasurement) -> bool:
    if warning.code in OF_THE_WORST_PLACE and plane.part != "worst":
        return False
    return plane.level is not None and plane.level in (warning.level, *warning.places)


def _cell(table: Table, plane: PlaneMeasurement, column: Column) -> Cell:
    value = getattr(plane, column.name)
    if value is None:
        reason = plane.reasons.get(column.name, "not measured")
        return Cell(DASH, mark=table.reasons.setdefault(reason, _mark(len(table.reasons))))
    error = plane.uncertainty.get(column.name)
    printed = "" if error is None else f"±{number(error, column.decimals)}"
    if column.name == "thickness_offset_mm":
        return Cell(_sideways(value), printed)
    return Cell(number(value, column.decimals), printed)


def _sideways(offset_mm: float) -> str:
    """Return an offset with the patient's side: + is to the left."""
    text = number(offset_mm)
    if text.strip("0.") == "":
        return "0.0"
    return f"{text.lstrip(MINUS)}{NO_BREAK}{'R' if text.startswith(MINUS) else 'L'}"


def _mark(index: int) -> str:
    """Return a to z, then aa, ab and so on."""
    letters = ascii_lowercase[index % 26]
    return letters if index < 26 else ascii_lowercase[index // 26 - 1] + letters


def heading_groups(columns: Sequence[Column] = COLUMNS) -> list[tuple[str, int]]:
    """Return the headings over the headings, each with how many columns it spans."""
    groups: list[tuple[str, int]] = []
    for column in columns:
        if groups and column.group and groups[-1][0] == column.group:
            groups[-1] = (column.group, groups[-1][1] + 1)
        else:
            groups.append((column.group, 1))
    return groups
