"""Which vertebra is which: bodies counted along the canal, down from the dens and up from the first rib."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from canalis.labels import LEVELS
from canalis.segment.classes import LEVEL_CLASSES
from canalis.segment.column import Column
from canalis.segment.segmentation import LevelNaming

C1: Final = LEVELS.index("C1")
C2: Final = LEVELS.index("C2")
T1: Final = LEVELS.index("T1")
LEAST_BODY_MM: Final = 11.0  # low bodies of planning CTs have 11 to 13
HEIGHT_SPREAD: Final = 1.6
"""A body taller than its neighbours' median by this factor may be two."""

MOST_BELOW_DENS: Final = 2.0
"""Of the axis below its dens, in heights of the other bodies: 0.9 to 1.7 on 36 validation necks. With C3
fused to it the axis has a disc and a body more, 1.3 heights."""

AGREEING_SHARE: Final = 0.5  # of bodies, that the network must call by the counted name


@dataclass(frozen=True, slots=True)
class Named:
    """Names of the bodies.

    Attributes
    ----------
    naming : LevelNaming
        How sure, and from what.
    first : int or None
        Which of LEVELS the uppermost body is (may be beyond its ends), or None without names.
    """

    naming: LevelNaming
    first: int | None


def name_levels(column: Column, *, hint_mm: float | None = None) -> Named:
    """Name the bodies of a column.

    Parameters
    ----------
    column : Column
        From :func:`divide_column`.
    hint_mm : float, optional
        Where along the tube the user says that C2 is.

    Returns
    -------
    Named
        Sure only where dens and first rib are both seen and agree, every body between them looks like
        one, and the network's own reading does not contradict.
    """
    if hint_mm is not None:
        return _named_by_hint(column, hint_mm)
    if column.dens is None and column.rib is None:
        return _unnamed("Neither the dens nor the first rib was seen")
    if column.dens is not None and column.rib is not None:
        return _named_by_both(column, column.dens, column.rib)
    if column.dens is not None:
        return _named_by_one(column, "dens", C2 - column.dens)
    assert column.rib is not None
    if _is_body_of_atlas(column, T1 - column.rib):
        return _unnamed("Counting from the first rib gives C1 a body, which it has not")
    return _named_by_one(column, "first rib", T1 - column.rib)


def _is_body_of_atlas(column: Column, first: int) -> bool:
    """Return whether a whole body is counted as C1 or above; a bit of skull is lower."""
    above = column.vertebrae[: max(C2 - first, 0)]
    return any(v.bottom_mm - v.top_mm >= LEAST_BODY_MM for v in above)


def _unnamed(reason: str) -> Named:
    return Named(LevelNaming(False, None, f"{reason}: levels have no names."), None)


def _named_by_both(column: Column, dens: int, rib: int) -> Named:
    between = rib - dens
    if between != T1 - C2:
        return _unnamed(
            f"Counting finds {between - 1} bodies between the dens and the first rib where five are expected"
        )
    first = C2 - dens
    if tall := _tall_body(column):
        reason = f"Dens and first rib agree, but a body {tall:.0f} mm tall may be two."
        return Named(LevelNaming(False, "both", reason), first)
    if not all(column.discs[dens:rib]):
        upper = LEVELS[C2 + column.discs[dens:rib].index(False)]
        reason = (
            f"Dens and first rib agree, but the disc below {upper} was not recognised: "
            "were two bodies fused there, names below would be one off."
        )
        return Named(LevelNaming(False, "both", reason), first)
    if repeated := _read_alike(column, dens, rib):
        reason = f"Dens and first rib agree, but {repeated} and the vertebra above look like one level."
        return Named(LevelNaming(False, "both", reason), first)
    if agreement(column, first) < AGREEING_SHARE:
        reason = "Dens and first rib agree, but the shapes of the vertebrae between them do not."
        return Named(LevelNaming(False, "both", reason), first)
    return Named(
        LevelNaming(True, "both", "Counted from the dens and from the first rib, which agree."), first
    )


def _named_by_one(column: Column, end: str, first: int) -> Named:
    other = "first rib" if end == "dens" else "dens"
    reason = f"Counted from the {end} alone; the {other} was not clearly seen."
    if agreement(column, first) < AGREEING_SHARE:
        reason = f"Counted from the {end} alone, and the shapes of the vertebrae speak against it."
    if tall := _tall_body(column):
        reason = f"Counted from the {end} alone, and a body {tall:.0f} mm tall may be two."
    source = "dens" if end == "dens" else "first rib"
    return Named(LevelNaming(False, source, reason), first)  # type: ignore[arg-type]


def _named_by_hint(column: Column, hint_mm: float) -> Named:
    holding = [i for i, v in enumerate(column.vertebrae) if v.top_mm - 3 <= hint_mm <= v.bottom_mm + 3]
    if not holding:
        return _unnamed("The hint for C2 lies in no vertebra")
    nearest = min(holding, key=lambda i: abs(column.vertebrae[i].middle_mm - hint_mm))
    first = C2 - nearest
    against = [
        what for what, found, level in (("dens", column.dens, C2), ("first rib", column.rib, T1))
        if found is not None and found + first != level
    ]  # fmt: skip
    if against:
        reason = (
            f"Counted from the hint for C2; the {' and the '.join(against)} that was seen does not agree."
        )
        return Named(LevelNaming(False, "hint", reason), first)
    return Named(LevelNaming(True, "hint", "Counted from the hint for C2."), first)


def agreement(column: Column, first: int) -> float:
    """Return the share of bodies that the network itself calls by the counted name, or next to it."""
    votes = []
    for i, vertebra in enumerate(column.vertebrae):
        level = min(max(first + i, 0), LEVEL_CLASSES - 1)
        if vertebra.votes.sum() > 0:
            votes.append(float(vertebra.votes[max(level - 1, 0) : level + 2].sum()))
    return float(np.mean(votes)) if votes else 1.0


def _read_alike(column: Column, dens: int, rib: int) -> str | None:
    """Return the first vertebra that was divided from the one above against the network's reading."""
    read = [v.level for v in column.vertebrae[dens : rib + 1]]
    same = [i for i, (upper, lower) in enumerate(pairwise(read), start=1) if upper == lower]
    return LEVELS[C2 + same[0]] if same else None


def _tall_body(column: Column) -> float | None:
    """Return the height of a body that may be two, those cut off left out, or None.

    Of C2 what lies below the dens counts.
    """
    heights = [
        v.bottom_mm - v.top_mm
        for i, v in enumerate(column.vertebrae)
        if i != column.dens and not v.cut and v.level < LEVEL_CLASSES - 1
    ]
    if len(heights) < 3:
        return None
    usual, tallest = float(np.median(heights)), max(heights)
    if tallest > HEIGHT_SPREAD * usual:
        return tallest
    axis = column.below_dens_mm or 0.0
    return axis if axis > MOST_BELOW_DENS * usual else None
