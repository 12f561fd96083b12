"""Who reached the least change that patients notice: shares, and a logistic model with its doubts."""

import warnings
from typing import Any, Final

import numpy as np
from statsmodels.discrete.discrete_model import Logit
from statsmodels.stats.proportion import proportion_confint
from statsmodels.tools.sm_exceptions import (
    ConvergenceWarning,
    PerfectSeparationError,
    PerfectSeparationWarning,
)
from statsmodels.tools.tools import add_constant

from canalis.cohort.describe import Values, is_constant
from canalis.cohort.result import CI_LEVEL, EffectSize, Result, finite, undetermined
from canalis.cohort.wording import column_words, listed

EVENTS_PER_PREDICTOR: Final = 10
"""Fewer events than this a predictor, and a logistic model's odds ratios are not to be trusted:
Peduzzi et al., J Clin Epidemiol 1996;49:1373-1379."""


def share_reached(reached: Values, *, id: str, question: str) -> Result:
    """Return the share of cases that reached a mark, with Wilson's interval.

    Parameters
    ----------
    reached : ndarray of shape (n,)
        1 where reached, 0 where not.
    id, question : str
        Of the result.
    """
    method = "share, Wilson's interval"
    n, count = len(reached), int(np.sum(reached))
    if not n:
        return undetermined(
            id=id, question=question, method=method, unit="%", n=0, reason="no case has the scores"
        )
    low, high = proportion_confint(count, n, alpha=1 - CI_LEVEL, method="wilson")
    return Result(
        id=id,
        question=question,
        method=method,
        estimate=100 * count / n,
        unit="%",
        n=n,
        effect_size=EffectSize("share", count / n),
        ci_low=100 * float(low),
        ci_high=100 * float(high),
        reasons=dict.fromkeys(("statistic", "df", "p"), "a share has no test"),
        groups={"reached": {"n": count, "mean": None, "sd": None}},
        outcome="mcid_reached",
    )


def model_reaching(reached: Values, predictors: dict[str, Values], *, id: str) -> list[Result]:
    """Return the odds ratio of reaching the mark for one unit more of each predictor.

    Parameters
    ----------
    reached : ndarray of shape (n,)
        1 where reached, 0 where not.
    predictors : dict of str to ndarray of shape (n,)
        In the model together.
    id : str
        Stem; the predictor's name is added.
    """
    method = f"logistic regression on {listed([column_words(name) for name in predictors])}"
    n, events = len(reached), int(min(np.sum(reached), len(reached) - np.sum(reached)))
    reason = _in_the_way(reached, predictors)
    fit = None
    if not reason:
        design = add_constant(np.column_stack(list(predictors.values())), has_constant="add")
        fit, reason = _fit(reached, design)
    few = events < EVENTS_PER_PREDICTOR * len(predictors)
    rarer = "did not reach it" if np.sum(reached) > n / 2 else "reached it"
    doubts = (
        f"Few events: {events} {rarer}, for {len(predictors)} predictor{'s' if len(predictors) > 1 else ''}; "
        f"{EVENTS_PER_PREDICTOR} a predictor are wanted, so read the odds ratio as a hint",
    )
    made = []
    for place, name in enumerate(predictors, start=1):
        question = (
            f"Does {column_words(name)} change the odds of reaching the least change that patients notice?"
        )
        if fit is None:
            result = undetermined(
                id=f"{id}.{name}",
                question=question,
                method=method,
                unit="odds ratio",
                n=n,
                reason=reason,
                outcome="mcid_reached",
            )
        else:
            result = _odds_ratio(fit, place, id=f"{id}.{name}", question=question, method=method, n=n)
        made.append(result.warn(*doubts) if few else result)
    return made


def _in_the_way(reached: Values, predictors: dict[str, Values]) -> str:
    if len(reached) < len(predictors) + 3:
        return f"{len(reached)} cases are too few for {len(predictors)} predictors"
    if is_constant(reached):
        return f"every case {'reached' if reached[0] else 'missed'} the mark"
    still = [name for name, values in predictors.items() if is_constant(values)]
    return f"{column_words(still[0])} is the same in every case" if still else ""


def _fit(reached: Values, design: Values) -> tuple[Any, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        warnings.simplefilter("error", PerfectSeparationWarning)
        warnings.simplefilter("ignore", RuntimeWarning)  # overflow on the way to a separation found below
        try:
            fit = Logit(reached, design).fit(disp=0, maxiter=100)
        except (PerfectSeparationError, PerfectSeparationWarning):
            return None, "a predictor tells perfectly who reached the mark, so the odds ratio has no bound"
        except (ConvergenceWarning, np.linalg.LinAlgError):
            return (
                None,
                "the model did not settle: predictors tell the same thing, or nearly separate the cases",
            )
    if not np.all(np.isfinite(fit.bse)) or np.max(np.abs(fit.params)) > 500:
        return None, "the model did not settle: predictors nearly separate the cases"
    return fit, ""


def _odds_ratio(
    fit: Any,
    place: int,
    *,
    id: str,
    question: str,
    method: str,
    n: int,
) -> Result:
    low, high = np.exp(fit.conf_int(1 - CI_LEVEL)[place])
    return Result(
        id=id,
        question=question,
        method=method,
        estimate=finite(np.exp(fit.params[place])),
        unit="odds ratio",
        n=n,
        effect_size=EffectSize("McFadden's pseudo R squared", finite(fit.prsquared)),
        ci_low=finite(low),
        ci_high=finite(high),
        statistic=finite(fit.tvalues[place]),
        statistic_name="z",
        p=finite(fit.pvalues[place]),
        reasons={"df": "a z statistic has no degrees of freedom"},
        assumptions=("The log odds change evenly with each unit of a predictor",),
        outcome="mcid_reached",
    )
