"""Two results of one patient: what changed, and whether the method can tell.

Every change stands beside the least change that can be told from none: with independent errors, half of
the 95 % interval of a difference is the root of the sum of the two squared half intervals.
"""

import math
from dataclasses import dataclass
from typing import Final, Protocol

from canalis.errors import MeasurementError
from canalis.labels import LEVELS
from canalis.measurement.low_masses import SEEN_FROM_MM
from canalis.measurement.measurements import Measurements, Part, PlaneMeasurement
from canalis.measurement.opened import OPENED_RING
from canalis.volume import ScanWarning

PLANE_CHANGES: Final = ("residual_ap_mm", "canal_ap_mm", "canal_area_mm2", "ossification_thickness_mm")
GROWTHS: Final = ("max_thickness_mm", "length_mm", "volume_mm3", "max_occupying_ratio_percent")
GROWS_WITH_TIME: Final = ("max_thickness_mm", "length_mm", "volume_mm3")


@dataclass(frozen=True, slots=True)
class Change:
    """One number before and after.

    Attributes
    ----------
    before, after : float or None
        As measured.
    change : float or None
        After less before.
    detectable : float or None
        The least change that can be told from none: half of the 95 % interval of the difference.
    per_year : float or None
        The change a year, where the time between the scans is known and the number grows with time.
    reason : str or None
        Why ``change`` or ``detectable`` is None.
    """

    before: float | None
    after: float | None
    change: float | None = None
    detectable: float | None = None
    per_year: float | None = None
    reason: str | None = None

    @property
    def detected(self) -> bool | None:
        """Whether the change is more than can be by chance; None where that is not known."""
        if self.change is None or self.detectable is None:
            return None
        return abs(self.change) > self.detectable


@dataclass(frozen=True, slots=True)
class LevelChange:
    """What changed at one body, disc or arch."""

    level: str
    part: Part
    changes: dict[str, Change]
    """By field: those of PLANE_CHANGES."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two results of one patient.

    Attributes
    ----------
    levels : tuple of LevelChange
        Head to foot, each level that either result names.
    narrowest : Change
        Of the least residual AP in each scan, wherever it lies.
    ossification : dict of str to Change
        By field: those of GROWTHS.
    cobb : Change
        Of the C2-C7 Cobb angle.
    k_line : tuple of str or None
        Before and after.
    years : float or None
        Between the scans.
    sure : bool
        True when the levels of both results are sure.
    warnings : tuple of ScanWarning
        What must be known of the comparison itself.
    """

    levels: tuple[LevelChange, ...]
    narrowest: Change
    ossification: dict[str, Change]
    cobb: Change
    k_line: tuple[str | None, str | None]
    years: float | None
    sure: bool
    warnings: tuple[ScanWarning, ...]


def compare(before: Measurements, after: Measurements, *, years: float | None = None) -> Comparison:
    """Return what changed between two results of one patient.

    Parameters
    ----------
    before, after : Measurements
        Of the same patient, in this order.
    years : float, optional
        Between the scans. Without it nothing is given a year: no file holds a date.

    Returns
    -------
    Comparison

    Raises
    ------
    MeasurementError
        If either scan was refused, or the time is not above 0.
    """
    for name, result in (("first", before), ("second", after)):
        if result.status == "refused":
            raise MeasurementError(
                f"Expected two measured scans, found the {name} refused. Measure another scan."
            )
    if years is not None and not (math.isfinite(years) and years > 0):
        raise MeasurementError(f"Expected a time between the scans above 0 years, found {years}.")
    return Comparison(
        levels=_levels(before, after),
        narrowest=_change(
            before.narrowest.residual_ap_mm,
            after.narrowest.residual_ap_mm,
            (before.narrowest.uncertainty, after.narrowest.uncertainty),
        ),
        ossification={name: _growth(before, after, name, years) for name in GROWTHS},
        cobb=_named(before.alignment, after.alignment, "c2_c7_cobb_deg"),
        k_line=(before.alignment.k_line, after.alignment.k_line),
        years=years,
        sure=before.levels.sure and after.levels.sure,
        warnings=_warnings(before, after, years),
    )


def _levels(before: Measurements, after: Measurements) -> tuple[LevelChange, ...]:
    first, second = _by_level(before), _by_level(after)
    names = sorted({*first, *second}, key=_head_to_foot)
    return tuple(
        LevelChange(level, part, _plane_changes(first.get((level, part)), second.get((level, part))))
        for level, part in names
    )


def _head_to_foot(name: tuple[str, Part]) -> tuple[int, bool]:
    """Return where a body or the disc below it comes in the neck."""
    level, part = name
    return LEVELS.index(level.split("/")[0]), part == "disc"


def _by_level(result: Measurements) -> dict[tuple[str, Part], PlaneMeasurement]:
    return {
        (plane.level, plane.part): plane
        for plane in result.planes
        if plane.level is not None and plane.part != "worst"
    }


def _plane_changes(before: PlaneMeasurement | None, after: PlaneMeasurement | None) -> dict[str, Change]:
    if before is None or after is None:
        scan = "first" if before is None else "second"
        here = after if before is None else before
        missing = f"not in the {scan} scan"
        return {
            name: Change(
                None if before is None else getattr(here, name),
                None if after is None else getattr(here, name),
                reason=missing,
            )
            for name in PLANE_CHANGES
        }
    return {name: _named(before, after, name) for name in PLANE_CHANGES}


class _Measured(Protocol):
    """A value whose fields have an uncertainty, or a reason, under their name."""

    @property
    def uncertainty(self) -> dict[str, float]: ...

    @property
    def reasons(self) -> dict[str, str]: ...


def _named(before: _Measured, after: _Measured, name: str) -> Change:
    """Return the change of a field of two values."""
    errors = (before.uncertainty.get(name), after.uncertainty.get(name))
    reasons = [value.reasons.get(name) for value in (before, after)]
    return _change(getattr(before, name), getattr(after, name), errors, next(filter(None, reasons), None))


def _change(
    before: float | None,
    after: float | None,
    errors: tuple[float | None, ...],
    reason: str | None = None,
) -> Change:
    if before is None or after is None:
        which = "before" if before is None else "after"
        return Change(before, after, reason=reason or f"not measured {which}")
    known = [error for error in errors if error is not None]
    if len(known) < 2:
        return Change(before, after, after - before, reason="the error of one of the two is not known")
    return Change(before, after, after - before, math.hypot(*known))


def _growth(before: Measurements, after: Measurements, name: str, years: float | None) -> Change:
    seen = [result.ossification.present for result in (before, after)]
    if sorted(seen, key=str) == [False, True]:  # what is not seen is thinner than can be seen, not 0 mm thick
        which = "before" if seen[0] is False else "after"
        return Change(None, None, reason=f"no OPLL of {SEEN_FROM_MM:g} mm or more was seen {which}")
    change = _named(before.ossification, after.ossification, name)
    if years is None or change.change is None or name not in GROWS_WITH_TIME:
        return change
    return Change(
        change.before, change.after, change.change, change.detectable, change.change / years, change.reason
    )


def _warnings(before: Measurements, after: Measurements, years: float | None) -> tuple[ScanWarning, ...]:
    said = []
    for name, result in (("first", before), ("second", after)):
        if result.levels.source is None:
            message = f"The levels of the {name} scan have no names; changes by level are not given."
            said.append(ScanWarning("levels-unnamed", message))
        elif not result.levels.sure:
            message = f"The levels of the {name} scan are not sure: {result.levels.reason}"
            said.append(ScanWarning("levels-unsure", message))
        if result.ossification.at_scan_edge:
            message = f"The ossification touches the edge of the {name} scan; its growth may be cut off."
            said.append(ScanWarning("ossification-at-scan-edge", message))
    said += _opened_between(before, after)
    if years is None:
        message = "The time between the scans is not known; nothing is given a year. Give it with --years."
        said.append(ScanWarning("no-time", message))
    return tuple(said)


def _opened_between(before: Measurements, after: Measurements) -> list[ScanWarning]:
    """Return that the canal was opened between the scans: a ratio falls by that without a smaller mass."""
    first, second = (
        [warning for warning in result.warnings if warning.code == OPENED_RING] for result in (before, after)
    )
    if first or not second:
        return []
    message = "The ring of bone is open at the back in the second scan, and not in the first: "
    ratio = _growth(before, after, "max_occupying_ratio_percent", None)
    thickness = _growth(before, after, "max_thickness_mm", None)
    thinner = thickness.detected is True and (thickness.change or 0.0) < 0
    if (ratio.change or 0.0) < 0 and ratio.detected is not False and not thinner:
        message += "the occupying ratio fell because the canal was opened, not because the mass is smaller."
    else:
        message += "occupying ratios are of the opened canal there."
    return [ScanWarning(OPENED_RING, message, second[0].level)]
