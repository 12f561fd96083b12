"""The difference between two groups when both had started from the same score: analysis of covariance."""

import numpy as np
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.tools.tools import add_constant

from canalis.cohort.compare import Outcome
from canalis.cohort.describe import Values, is_constant, normality, summary
from canalis.cohort.result import CI_LEVEL, Companion, EffectSize, Result, finite, undetermined
from canalis.cohort.wording import p_value


def compare_adjusted(
    one: tuple[Values, Values],
    other: tuple[Values, Values],
    *,
    names: tuple[str, str],
    outcome: Outcome,
    id: str,
) -> Result:
    """Return the difference of two groups' means with the preoperative score in the model.

    Least squares on the patients of the two groups only, with equal slopes; Quade's rank analysis of
    covariance beside it.

    Parameters
    ----------
    one, other : tuple of ndarray
        Each group's outcome and preoperative score, without NaN.
    names : tuple of str
        The groups' names.
    outcome : Outcome
        What is compared.
    id : str
        Of the result.

    References
    ----------
    .. [1] Quade D. Rank analysis of covariance. J Am Stat Assoc 1967;62:1187-1200.
    """
    y, before = np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1]])
    in_one = np.repeat([1.0, 0.0], [len(one[0]), len(other[0])])
    question = (
        f"Does {outcome.words} differ between {names[0]} and {names[1]} at the same preoperative score?"
    )
    method = "analysis of covariance, preoperative score as covariate, least squares, equal slopes"
    reason = _in_the_way(y, before, in_one, names)
    if reason:
        return undetermined(
            id=id,
            question=question,
            method=method,
            unit=outcome.unit,
            n=len(y),
            reason=reason,
            outcome=outcome.name,
        )
    fit = OLS(y, np.column_stack([np.ones_like(y), in_one, before])).fit()
    low, high = fit.conf_int(1 - CI_LEVEL)[1]
    t, df = float(fit.tvalues[1]), float(fit.df_resid)
    return Result(
        id=id,
        question=question,
        method=method,
        estimate=finite(fit.params[1]),
        unit=outcome.unit,
        n=len(y),
        effect_size=EffectSize("partial eta squared", t * t / (t * t + df)),
        ci_low=finite(low),
        ci_high=finite(high),
        statistic=finite(t),
        statistic_name="t",
        df=df,
        p=finite(fit.pvalues[1]),
        companion=_quade(y, before, in_one),
        assumptions=(
            normality(np.asarray(fit.resid, dtype=np.float64), "the residuals"),
            _slopes(y, before, in_one),
        ),
        groups={names[0]: summary(one[1]), names[1]: summary(other[1])},
        outcome=outcome.name,
    )


def _in_the_way(y: Values, before: Values, in_one: Values, names: tuple[str, str]) -> str:
    for name, count in ((names[0], int(in_one.sum())), (names[1], int((1 - in_one).sum()))):
        if count < 2:
            return f"{name} has {count} case{'' if count == 1 else 's'}, a comparison needs at least 2"
    if len(y) < 5:
        return f"{len(y)} cases, at least 5 are needed with a covariate"
    if is_constant(before):
        return "the preoperative score is the same in every case, so nothing can be adjusted for"
    if is_constant(y):
        return "the outcome is the same in every case, so there is no variance"
    if np.linalg.matrix_rank(np.column_stack([np.ones_like(y), in_one, before])) < 3:
        return "the preoperative score tells the group fully, so the two cannot be told apart"
    return ""


def _quade(y: Values, before: Values, in_one: Values) -> Companion | None:
    ranks = OLS(stats.rankdata(y), add_constant(stats.rankdata(before))).fit().resid
    groups = [ranks[in_one == 1], ranks[in_one == 0]]
    if all(is_constant(np.asarray(g)) for g in groups):
        return None
    test = stats.f_oneway(*groups)
    return Companion("Quade's rank analysis of covariance", finite(test.statistic), finite(test.pvalue))


def _slopes(y: Values, before: Values, in_one: Values) -> str:
    design = np.column_stack([np.ones_like(y), in_one, before, in_one * before])
    if np.linalg.matrix_rank(design) < 4 or len(y) < 6:
        return "Equal slopes: not tested, too few different preoperative scores in a group"
    p = float(OLS(y, design).fit().pvalues[3])
    return f"Equal slopes: {'doubtful' if p < 0.05 else 'not contradicted'} (interaction {p_value(p)})"
