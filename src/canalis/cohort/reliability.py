"""Intraclass correlation of several readers, in every form, named as by McGraw and Wong."""

from typing import Final

import numpy as np
from scipy import stats

from canalis.cohort.describe import Values, is_constant
from canalis.cohort.readings import Readings
from canalis.cohort.result import CI_LEVEL, EffectSize, Result, finite, undetermined

FORMS: Final = {
    "icc_1": ("ICC(1)", "one-way random, single reading; Shrout and Fleiss ICC(1,1)"),
    "icc_k": ("ICC(k)", "one-way random, mean of the readers; Shrout and Fleiss ICC(1,k)"),
    "icc_c1": ("ICC(C,1)", "two-way, consistency, single reading; Shrout and Fleiss ICC(3,1)"),
    "icc_ck": ("ICC(C,k)", "two-way, consistency, mean of the readers; Shrout and Fleiss ICC(3,k)"),
    "icc_a1": ("ICC(A,1)", "two-way, absolute agreement, single reading; Shrout and Fleiss ICC(2,1)"),
    "icc_ak": ("ICC(A,k)", "two-way, absolute agreement, mean of the readers; Shrout and Fleiss ICC(2,k)"),
}
"""McGraw and Wong's names. Readers drawn at random and fixed readers give the same numbers."""


def intraclass_correlations(readings: Readings) -> list[Result]:
    """Return every form of the intraclass correlation with its interval.

    Parameters
    ----------
    readings : Readings
        Numbers.

    References
    ----------
    .. [1] McGraw KO, Wong SP. Forming inferences about some intraclass correlation coefficients. Psychol
       Methods 1996;1:30-46, corrected 1996;1:390.
    """
    values = readings.table.to_numpy(dtype=np.float64)
    n, k = values.shape
    made = []
    reason = "fewer than 3 cases" if n < 3 else ("every reading is the same" if is_constant(values) else "")
    for form, (name, words) in FORMS.items():
        id, method = f"{readings.measure}.{form}", f"{name}: {words}"
        question = (
            f"How much of the spread of {readings.measure.replace('_', ' ')} lies between cases, not readers?"
        )
        if reason:
            made.append(undetermined(id=id, question=question, method=method, unit=name, n=n, reason=reason))
            continue
        estimate, bounds, (f, df1, df2), p = _form(form, values)
        exact = (
            {}
            if f is not None
            else dict.fromkeys(("ci_low", "ci_high", "statistic", "p"), "the readers agree exactly")
        )
        made.append(
            Result(
                id=id,
                question=question,
                method=method,
                estimate=estimate,
                unit=name,
                n=n,
                effect_size=EffectSize(name, estimate),
                ci_low=bounds[0],
                ci_high=bounds[1],
                statistic=f,
                statistic_name="F",
                df=df2,
                df_numerator=df1,
                p=p,
                reasons=exact,
                assumptions=(f"{k} readers, {len(readings.left_out)} cases left out",),
                outcome=readings.measure,
            )
        )
    return made


Form = tuple[float | None, tuple[float | None, float | None], tuple[float | None, float, float], float | None]


def _form(form: str, values: Values) -> Form:
    n, k = values.shape
    rows, columns, error, within = mean_squares(values)
    one_way = form in ("icc_1", "icc_k")
    noise, df2 = (within, n * (k - 1.0)) if one_way else (error, (n - 1.0) * (k - 1.0))
    df1 = n - 1.0
    extra = k / n * (columns - noise) if form in ("icc_a1", "icc_ak") else 0.0
    single = (rows - noise) / (rows + (k - 1) * noise + extra)
    averaged = form.endswith("k")
    estimate = finite((rows - noise) / (rows + extra / k)) if averaged else finite(single)
    if noise <= 1e-12 * rows and abs(extra) <= 1e-12 * rows:
        return estimate, (None, None), (None, df1, df2), None
    if form in ("icc_a1", "icc_ak"):
        low, high = _absolute_bounds(values, single)
    else:
        ratio = rows / noise
        ends = (
            ratio / stats.f.isf((1 - CI_LEVEL) / 2, df1, df2),
            ratio * stats.f.isf((1 - CI_LEVEL) / 2, df2, df1),
        )
        low, high = ((end - 1) / (end + k - 1) for end in ends)
    if averaged:
        low, high = (k * end / (1 + (k - 1) * end) for end in (low, high))
    f = rows / noise if noise > 1e-12 * rows else None
    p = None if f is None else finite(stats.f.sf(f, df1, df2))
    return estimate, (finite(low), finite(high)), (finite(f), df1, df2), p


def _absolute_bounds(values: Values, single: float) -> tuple[float, float]:
    n, k = values.shape
    rows, columns, error, _ = mean_squares(values)
    a = k * single / (n * (1 - single))
    b = 1 + k * single * (n - 1) / (n * (1 - single))
    v = (a * columns + b * error) ** 2 / (
        (a * columns) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1))
    )
    tail = (1 - CI_LEVEL) / 2
    lower, upper = stats.f.isf(tail, n - 1, v), stats.f.isf(tail, v, n - 1)
    spare = k * columns + (k * n - k - n) * error
    return n * (rows - lower * error) / (lower * spare + n * rows), n * (upper * rows - error) / (
        spare + n * upper * rows
    )


def mean_squares(values: Values) -> tuple[float, float, float, float]:
    """Return the mean squares of rows, columns, error and within rows of a full table.

    Parameters
    ----------
    values : ndarray of shape (cases, readers)
        No NaN.
    """
    n, k = values.shape
    grand = values.mean()
    by_row, by_column = values.mean(axis=1), values.mean(axis=0)
    rows = k * float(np.sum((by_row - grand) ** 2)) / (n - 1)
    columns = n * float(np.sum((by_column - grand) ** 2)) / (k - 1)
    error = float(np.sum((values - by_row[:, None] - by_column[None, :] + grand) ** 2)) / ((n - 1) * (k - 1))
    within = float(np.sum((values - by_row[:, None]) ** 2)) / (n * (k - 1))
    return rows, columns, error, within
