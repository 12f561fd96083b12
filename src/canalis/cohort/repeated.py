"""Scores at several times: a mixed model with one random intercept a case.

statsmodels fits it; it goes through the cases one by one in each step, so above `MOST_ONE_BY_ONE` cases the
same likelihood is found by taking a share of each case's mean out of its scores and doing least squares.
"""

import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats
from statsmodels.regression.linear_model import OLS
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.tools.sm_exceptions import ConvergenceWarning

from canalis.cohort.columns import months_of
from canalis.cohort.describe import is_constant, summary
from canalis.cohort.result import CI_LEVEL, EffectSize, Result, finite, undetermined

Values = NDArray[np.float64]

MOST_ONE_BY_ONE: Final = 500
"""Cases up to which statsmodels' MixedLM is quick: 10,000 cases take it 15 s, and the other way 0.5 s."""


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    """Fixed effects of a mixed model and their standard errors."""

    estimates: Values
    errors: Values


METHOD: Final = "linear mixed model, REML, random intercept a case, times as categories"


def model_times(frame: pd.DataFrame, *, id: str = "joa_over_time") -> list[Result]:
    """Return the change from before the operation at each follow-up time.

    Parameters
    ----------
    frame : DataFrame
        With `preoperative_joa` and two or more columns ``joa_at_N_months``; fewer give no result.
    id : str
        Stem; ``.month_N`` is added.
    """
    times = sorted(
        (str(c) for c in frame if str(c).startswith("joa_at_") and frame[c].notna().any()), key=months_of
    )
    if len(times) < 2:
        return []
    long = frame.melt(
        id_vars="case", value_vars=["preoperative_joa", *times], var_name="time", value_name="points"
    )
    long = long.dropna(subset=["points"]).sort_values(["case", "time"], kind="stable")
    fit, reason = _fit(long, times)
    return [_at_time(fit, reason, frame, place, time, id=id) for place, time in enumerate(times, start=1)]


def _at_time(
    fit: Fixed | None, reason: str, frame: pd.DataFrame, place: int, time: str, *, id: str
) -> Result:
    known = frame[["preoperative_joa", time]].dropna()
    months = f"{months_of(time):g}"
    result_id = f"{id}.month_{months.replace('.', '_')}"
    question = f"How far is the score at {months} months from the one before the operation?"
    if fit is None:
        return undetermined(
            id=result_id,
            question=question,
            method=METHOD,
            unit="points",
            n=len(known),
            reason=reason,
            outcome=time,
        )
    change, error = float(fit.estimates[place]), float(fit.errors[place])
    spread = float(known["preoperative_joa"].std())
    half = float(stats.norm.ppf((1 + CI_LEVEL) / 2)) * error
    size = finite(change / spread) if spread > 0 else None
    return Result(
        id=result_id,
        question=question,
        method=METHOD,
        estimate=change,
        unit="points",
        n=len(known),
        effect_size=EffectSize("change in SD of the preoperative score", size),
        ci_low=change - half,
        ci_high=change + half,
        statistic=change / error,
        statistic_name="z",
        p=float(2 * stats.norm.sf(abs(change / error))),
        assumptions=("Missing times are taken to be missing at random", "p from the normal distribution"),
        reasons={"df": "a z statistic has no degrees of freedom"},
        groups={
            "before": summary(known["preoperative_joa"].to_numpy(dtype=np.float64)),
            time: summary(known[time].to_numpy(dtype=np.float64)),
        },
        outcome=time,
    )


def _fit(long: pd.DataFrame, times: list[str]) -> tuple[Fixed | None, str]:
    points = long["points"].to_numpy(dtype=np.float64)
    cases = pd.factorize(long["case"])[0]
    if is_constant(points):
        return None, "every score is the same, so there is no variance"
    if cases.max() < 2:
        return None, "fewer than 3 cases"
    columns = [(long["time"] == t).to_numpy(dtype=np.float64) for t in times]
    design: Values = np.column_stack([np.ones(len(long)), *columns]).astype(np.float64)
    try:
        found = fit_random_intercept(points, design, cases)
    except (ConvergenceWarning, np.linalg.LinAlgError, ValueError):
        return (
            None,
            "the model did not settle; too few cases with several times, or no difference between cases",
        )
    if not np.all(np.isfinite(found.errors)) or np.any(found.errors <= 0):
        return None, "the model did not settle: a time has too few scores"
    return found, ""


def fit_random_intercept(points: Values, design: Values, cases: NDArray[np.int64]) -> Fixed:
    """Return the fixed effects of a random-intercept model and their standard errors, by REML.

    Parameters
    ----------
    points : ndarray of shape (scores,)
        The outcome.
    design : ndarray of shape (scores, effects)
        Fixed effects.
    cases : ndarray of shape (scores,)
        Number of each score's case, from 0 without gaps.
    """
    if cases.max() >= MOST_ONE_BY_ONE:
        return _fit_many(points, design, cases)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        fit = MixedLM(points, design, groups=cases).fit(reml=True, method=["bfgs", "lbfgs", "powell"])
    return Fixed(np.asarray(fit.fe_params), np.asarray(fit.bse_fe))


def _fit_many(points: Values, design: Values, cases: NDArray[np.int64]) -> Fixed:
    counts = np.bincount(cases)
    means = [np.bincount(cases, column) / counts for column in (points, *design.T)]

    def least_squares(ratio: float) -> Any:
        shares = (1 - 1 / np.sqrt(1 + counts * ratio))[cases]
        y, *x = (
            column - shares * mean[cases] for column, mean in zip((points, *design.T), means, strict=True)
        )
        return OLS(y, np.column_stack(x)).fit()

    def deviance(log_ratio: float) -> float:
        ratio = float(np.exp(log_ratio))
        fit = least_squares(ratio)
        spread = np.linalg.slogdet(fit.model.exog.T @ fit.model.exog)[1]
        return float(fit.df_resid * np.log(fit.ssr) + np.sum(np.log1p(counts * ratio)) + spread)

    best = optimize.minimize_scalar(deviance, bounds=(-12.0, 12.0), method="bounded", options={"xatol": 1e-8})
    fit = least_squares(float(np.exp(best.x)))
    return Fixed(np.asarray(fit.params), np.asarray(fit.bse))
