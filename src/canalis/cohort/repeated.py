"""Scores at several times: a mixed model with one random intercept a case."""

import warnings
from typing import Any, Final

import numpy as np
import pandas as pd
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.tools.sm_exceptions import ConvergenceWarning

from canalis.cohort.columns import months_of
from canalis.cohort.describe import is_constant, summary
from canalis.cohort.result import CI_LEVEL, EffectSize, Result, finite, undetermined

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


def _at_time(fit: Any, reason: str, frame: pd.DataFrame, place: int, time: str, *, id: str) -> Result:
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
    low, high = fit.conf_int(1 - CI_LEVEL)[place]
    spread = float(known["preoperative_joa"].std())
    return Result(
        id=result_id,
        question=question,
        method=METHOD,
        estimate=finite(fit.params[place]),
        unit="points",
        n=len(known),
        effect_size=EffectSize(
            "change in SD of the preoperative score",
            finite(fit.params[place] / spread) if spread > 0 else None,
        ),
        ci_low=finite(low),
        ci_high=finite(high),
        statistic=finite(fit.tvalues[place]),
        statistic_name="z",
        p=finite(fit.pvalues[place]),
        assumptions=("Missing times are taken to be missing at random", "p from the normal distribution"),
        reasons={"df": "a z statistic has no degrees of freedom"},
        groups={
            "before": summary(known["preoperative_joa"].to_numpy(dtype=np.float64)),
            time: summary(known[time].to_numpy(dtype=np.float64)),
        },
        outcome=time,
    )


def _fit(long: pd.DataFrame, times: list[str]) -> tuple[Any, str]:
    points = long["points"].to_numpy(dtype=np.float64)
    if is_constant(points):
        return None, "every score is the same, so there is no variance"
    if long["case"].nunique() < 3:
        return None, "fewer than 3 cases"
    design = np.column_stack(
        [np.ones(len(long)), *((long["time"] == t).to_numpy(dtype=np.float64) for t in times)]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            fit = MixedLM(points, design, groups=long["case"].to_numpy()).fit(
                reml=True, method=["bfgs", "lbfgs", "powell"]
            )
        except (ConvergenceWarning, np.linalg.LinAlgError, ValueError):
            return (
                None,
                "the model did not settle; too few cases with several times, or no difference between cases",
            )
    if not np.all(np.isfinite(fit.bse_fe)):
        return None, "the model did not settle: a time has too few scores"
    return fit, ""
