"""From the scores in a table of cases to its outcome: totals, change, improvement rate, grade, MCID."""

from typing import Final

import numpy as np
import pandas as pd

from canalis.cohort.columns import months_of
from canalis.cohort.joa import (
    JOA17,
    MCID_RATE_PERCENT,
    SCALES,
    Scale,
    find_scale,
    fits_scale,
    grade_of,
    improvement_rate_percent,
)
from canalis.errors import CohortError

RATE_TOLERANCE_PERCENT: Final = 0.05
"""A given improvement rate further than this from the formula is warned about: rates are printed to 0.1."""

SHOWN: Final = 12


def choose_scale(frame: pd.DataFrame, named: str | None, *, file: str) -> tuple[Scale, list[str]]:
    """Return the scale of a table's scores, and a warning when nothing says which it is.

    Parameters
    ----------
    frame : DataFrame
        The checked cells.
    named : str or None
        The scale that the user named.
    file : str
        For messages.

    Raises
    ------
    CohortError
        If rows name several scales, or the user names another than the table.
    """
    said = set(frame["scale"].dropna()) if "scale" in frame else set()
    items = {item_of(str(c)) for c in frame if item_of(str(c)) and frame[c].notna().any()}
    said |= {scale.name for scale in SCALES.values() if items and items == set(scale.items)}
    if len(said) > 1:
        raise CohortError(
            f"Expected one scale in the whole table, found {' and '.join(sorted(said))} in {file}, column "
            f"scale. "
            "Scores of different scales cannot be compared; analyse them apart."
        )
    if named is not None:
        scale = find_scale(named)
        if said and said != {scale.name}:
            raise CohortError(
                f"Expected {scale.name} as named by --scale, found {said.pop()} in {file}. Name one of them."
            )
        return scale, []
    if said:
        return SCALES[said.pop()], []
    return JOA17, [
        "No scale is named: the scores were read as JOA with 17 points. Name it with --scale or a column "
        "'scale'."
    ]


def add_outcome(
    frame: pd.DataFrame, scale: Scale, *, file: str, post_alone: bool
) -> tuple[pd.DataFrame, list[str]]:
    """Return the table with totals, change, improvement rate, grade and MCID, and warnings.

    Parameters
    ----------
    frame : DataFrame
        The checked cells.
    scale : Scale
        The score's scale.
    file : str
        For messages.
    post_alone : bool
        Accept a postoperative score without a preoperative one; the case then has no change.

    Raises
    ------
    CohortError
        If there are no scores, a score does not fit the scale, items do not add up to their total, or a
        postoperative score stands alone.
    """
    frame = frame.copy()
    warnings: list[str] = []
    for when in ("preoperative", "postoperative"):
        warnings += _add_total(frame, scale, when, file)
    warnings += _use_last_time(frame, file)
    for name in ("preoperative_joa", "postoperative_joa"):
        if name not in frame:
            raise CohortError(
                f"Expected a column '{name}' or its items, found "
                f"{', '.join(str(c) for c in frame if c != 'row')} in {file}, "
                "row 1. Add it; `canalis cohort --template FILE` writes every header."
            )
    _check_totals(frame, scale, file)
    warnings += _check_pairs(frame, file, post_alone=post_alone)
    warnings += _add_rates(frame, scale, file)
    return frame, warnings


def check_scores(frame: pd.DataFrame, scale: Scale, *, file: str) -> None:
    """Refuse scores that do not fit their scale, in whichever score columns a table has.

    Parameters
    ----------
    frame : DataFrame
        The checked cells.
    scale : Scale
        The score's scale.
    file : str
        For messages.

    Raises
    ------
    CohortError
        If an item or a total is not possible on the scale, or items do not add up to their total.
    """
    copied = frame.copy()
    for when in ("preoperative", "postoperative"):
        _add_total(copied, scale, when, file)
    _check_totals(copied, scale, file)


def item_of(column: str) -> str:
    """Return the item of a score that a column holds, empty for another column.

    Examples
    --------
    >>> item_of("preoperative_bladder"), item_of("age_years")
    ('bladder', '')
    """
    stem = column.partition("operative_")[2]
    return stem if any(stem in scale.items for scale in SCALES.values()) else ""


def _add_total(frame: pd.DataFrame, scale: Scale, when: str, file: str) -> list[str]:
    columns = [f"{when}_{item}" for item in scale.items]
    present = [c for c in columns if c in frame]
    strays = [str(c) for c in frame if str(c).startswith(when) and item_of(str(c)) and c not in columns]
    if strays:
        raise CohortError(
            f"Expected items of {scale.name}, found {', '.join(strays)} in {file}, row 1. Check --scale."
        )
    if not present:
        return []
    _check_items(frame, present, scale, file)
    total = f"{when}_joa"
    summed = (
        frame[present].sum(axis=1).where(frame[present].notna().all(axis=1)) if present == columns else np.nan
    )
    sums = pd.Series(summed, index=frame.index, dtype="float64")
    if total not in frame:
        frame[total] = sums
    wrong = frame.index[(frame[total] - sums).abs() > 1e-9]
    if len(wrong):
        row = frame.loc[wrong[0], "row"]
        raise CohortError(
            f"Expected {total} to be the sum of its items, {sums[wrong[0]]:g}, found "
            f"{frame.loc[wrong[0], total]:g} in {file}, "
            f"row {row}, column {total} ({len(wrong)} such rows). Correct the total or an item."
        )
    frame[total] = frame[total].fillna(sums)
    lacking = int(frame[present].isna().any(axis=1).sum()) if present == columns else len(frame)
    return (
        [f"{lacking} cases lack an item of the {when} score; their total is used only where it is given."]
        if lacking
        else []
    )


def _check_items(frame: pd.DataFrame, columns: list[str], scale: Scale, file: str) -> None:
    for column in columns:
        least, most = scale.items[item_of(column)]
        values = frame[column]
        wrong = frame.index[
            (values < least) | (values > most) | (values / scale.step % 1 != 0) & values.notna()
        ]
        if len(wrong):
            raise CohortError(
                f"Expected {least:g} to {most:g} in steps of {scale.step:g} on {scale.name}, found "
                f"{values[wrong[0]]:g} in {file}, "
                f"row {frame.loc[wrong[0], 'row']}, column {column}. Correct the item, or name the scale "
                f"with --scale."
            )


def _use_last_time(frame: pd.DataFrame, file: str) -> list[str]:
    times = sorted((str(c) for c in frame if str(c).startswith("joa_at_")), key=months_of)
    if "postoperative_joa" in frame or not times:
        return []
    frame["postoperative_joa"] = frame[times].ffill(axis=1).iloc[:, -1]
    if "follow_up_months" not in frame:
        last = frame[times].notna().to_numpy()
        months = np.array([months_of(t) for t in times])
        frame["follow_up_months"] = np.where(
            last.any(axis=1), np.max(np.where(last, months, -1.0), axis=1), np.nan
        )
    return [f"{file} has no postoperative_joa: each case's last score of {', '.join(times)} was taken."]


def _check_totals(frame: pd.DataFrame, scale: Scale, file: str) -> None:
    totals = [c for c in ("preoperative_joa", "postoperative_joa") if c in frame]
    columns = [*totals, *(c for c in frame if str(c).startswith("joa_at_"))]
    rows = frame["row"].to_dict()
    problems = [
        f"row {rows[case]}, column {column}: found {points:g}"
        for column in columns
        for case, points in frame[column].dropna().items()
        if not fits_scale(float(points), scale)
    ]
    if problems:
        hint = (
            "If the scores are mJOA with 18 points, say --scale mJOA18"
            if scale.full == 17
            else "Check --scale"
        )
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise CohortError(
            f"Expected {scale.least:g} to {scale.full:g} points in steps of {scale.step:g} on {scale.name} "
            f"in {file}: "
            f"{'; '.join(problems[:SHOWN])}{more}. {hint}, or correct the score."
        )


def _check_pairs(frame: pd.DataFrame, file: str, *, post_alone: bool) -> list[str]:
    alone = frame[frame["postoperative_joa"].notna() & frame["preoperative_joa"].isna()]
    if alone.empty:
        return []
    rows = ", ".join(str(row) for row in alone["row"].head(SHOWN))
    if not post_alone:
        raise CohortError(
            f"Expected a preoperative score beside each postoperative one, found none in {file}, column "
            f"preoperative_joa, "
            f"row {rows}. Fill it in; where it is not known, --missing available leaves the case out of "
            f"every change."
        )
    return [
        f"{len(alone)} cases have a postoperative score and no preoperative one (row {rows}): no change, no "
        f"rate."
    ]


def _add_rates(frame: pd.DataFrame, scale: Scale, file: str) -> list[str]:
    pre, post = frame["preoperative_joa"], frame["postoperative_joa"]
    known = pre.notna() & post.notna()
    formula = pd.Series(
        [
            improvement_rate_percent(preoperative=a, postoperative=b, full=scale.full) if k else None
            for a, b, k in zip(pre, post, known, strict=True)
        ],
        index=frame.index,
        dtype="float64",
    )
    given = frame.get("improvement_rate_percent", pd.Series(np.nan, index=frame.index, dtype="float64"))
    frame["joa_change"] = post - pre
    frame["improvement_rate_percent"] = given.where(given.notna(), formula)
    exact = formula.where(formula.notna(), given)
    frame["improvement_grade"] = [None if np.isnan(rate) else grade_of(rate) for rate in exact]
    reached = (frame["joa_change"] >= scale.mcid_points) if scale.mcid_points is not None else None
    frame["mcid_reached"] = _yes_no(reached, known, frame) if reached is not None else None
    frame["mcid_rate_reached"] = (
        _yes_no(exact >= MCID_RATE_PERCENT, exact.notna(), frame) if scale.full == 17 else None
    )
    return _rate_warnings(frame, pre, known, given, formula, scale, file)


def _yes_no(reached: pd.Series, known: pd.Series, frame: pd.DataFrame) -> pd.Series:
    words = [("yes" if r else "no") if k else None for r, k in zip(reached, known, strict=True)]
    return pd.Series(words, index=frame.index, dtype=object)


def _rate_warnings(
    frame: pd.DataFrame,
    pre: pd.Series,
    known: pd.Series,
    given: pd.Series,
    formula: pd.Series,
    scale: Scale,
    file: str,
) -> list[str]:
    warnings = []
    off = frame.index[(given - formula).abs() > RATE_TOLERANCE_PERCENT + 1e-9]
    if len(off):
        listed = "; ".join(
            f"row {frame.loc[c, 'row']}: {given[c]:g} given, {formula[c]:.1f} by the formula"
            for c in off[:SHOWN]
        )
        warnings.append(
            f"improvement_rate_percent differs from its scores in {len(off)} cases and is used as given: "
            f"{listed}."
        )
    full = frame.index[known & (pre == scale.full)]
    if len(full):
        warnings.append(
            f"{len(full)} cases had the full score before operation: their improvement rate is not defined, "
            f"and they count "
            "only in the change in points."
        )
    alone = int((given.notna() & ~known).sum())
    if alone:
        warnings.append(
            f"{alone} cases in {file} have an improvement rate without both scores: it is used, unchecked."
        )
    return warnings
