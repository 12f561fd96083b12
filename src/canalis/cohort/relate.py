"""Relations between two columns: correlation, correlation given a third, regression."""

from typing import Any

import numpy as np
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.diagnostic import het_breuschpagan
from statsmodels.tools.tools import add_constant

from canalis.cohort.describe import Values, is_constant, normality
from canalis.cohort.result import CI_LEVEL, Companion, EffectSize, Result, finite, undetermined
from canalis.cohort.wording import p_value


def correlate(
    x: Values, y: Values, *, id: str, question: str, outcome: str, names: tuple[str, str]
) -> Result:
    """Return Pearson's r with Fisher's interval, Spearman's rho beside it.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
        Pairs, without NaN.
    id, question, outcome : str
        As in `Result`.
    names : tuple of str
        What x and y are.
    """
    method = "Pearson correlation"
    reason = _in_the_way(x, y, names, least=4)
    if reason:
        return undetermined(
            id=id, question=question, method=method, unit="r", n=len(x), reason=reason, outcome=outcome
        )
    test = stats.pearsonr(x, y)
    low, high = test.confidence_interval(CI_LEVEL)
    rank = stats.spearmanr(x, y)
    r = float(test.statistic)
    return Result(
        id=id,
        question=question,
        method=method,
        estimate=r,
        unit="r",
        n=len(x),
        effect_size=EffectSize("r", r),
        ci_low=finite(low),
        ci_high=finite(high),
        statistic=finite(r * np.sqrt((len(x) - 2) / (1 - r * r))) if abs(r) < 1 else None,
        statistic_name="t",
        df=float(len(x) - 2),
        p=finite(test.pvalue),
        companion=Companion("Spearman correlation", finite(rank.statistic), finite(rank.pvalue)),
        assumptions=(normality(x, names[0]), normality(y, names[1])),
        reasons={"statistic": "r is exactly 1 or −1"} if abs(r) >= 1 else {},
        outcome=outcome,
    )


def correlate_given(
    x: Values, y: Values, given: Values, *, id: str, question: str, outcome: str, names: tuple[str, str, str]
) -> Result:
    """Return the partial correlation of x and y given a third, from the regression of y on both.

    Parameters
    ----------
    x, y, given : ndarray of shape (n,)
        Triples, without NaN.
    id, question, outcome : str
        As in `Result`.
    names : tuple of str
        What they are.
    """
    method = f"partial correlation given {names[2]}"
    reason = _in_the_way(x, y, names[:2], least=5) or _in_the_way(given, y, (names[2], names[1]), least=5)
    reason = reason or ("one of them is fully told by another" if _collinear(x, given) else "")
    if reason:
        return undetermined(
            id=id, question=question, method=method, unit="r", n=len(x), reason=reason, outcome=outcome
        )
    r, t, df, p = _partial(x, y, given)
    ranked = [stats.rankdata(v) for v in (x, y, given)]
    rank = _partial(*ranked) if not _collinear(ranked[0], ranked[2]) else None
    half = stats.norm.ppf((1 + CI_LEVEL) / 2) / np.sqrt(df - 1) if df > 1 else np.nan
    return Result(
        id=id,
        question=question,
        method=method,
        estimate=r,
        unit="r",
        n=len(x),
        effect_size=EffectSize("partial r", r),
        ci_low=finite(np.tanh(np.arctanh(r) - half)) if abs(r) < 1 else None,
        ci_high=finite(np.tanh(np.arctanh(r) + half)) if abs(r) < 1 else None,
        statistic=t,
        statistic_name="t",
        df=df,
        p=p,
        companion=Companion("partial Spearman correlation", rank[0], rank[3]) if rank else None,
        assumptions=("Straight relations with the third column are taken out of both",),
        outcome=outcome,
    )


def regress(
    x: Values, y: Values, *, id: str, question: str, outcome: str, units: tuple[str, str]
) -> list[Result]:
    """Return slope and intercept of the least-squares line of y on x.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
        Pairs, without NaN.
    id : str
        Stem; ``.slope`` and ``.intercept`` are added.
    question, outcome : str
        As in `Result`.
    units : tuple of str
        Of slope and intercept.
    """
    method = "linear regression, least squares"
    reason = _in_the_way(x, y, ("the predictor", "the outcome"), least=4)
    if reason:
        return [
            undetermined(
                id=f"{id}.{part}",
                question=question,
                method=method,
                unit=unit,
                n=len(x),
                reason=reason,
                outcome=outcome,
            )
            for part, unit in zip(("slope", "intercept"), units, strict=True)
        ]
    fit = OLS(y, add_constant(x, has_constant="add")).fit()
    bounds = fit.conf_int(1 - CI_LEVEL)
    tau = stats.kendalltau(x, y)
    companions = {1: Companion("Kendall's tau", finite(tau.statistic), finite(tau.pvalue)), 0: None}
    return [
        Result(
            id=f"{id}.{part}",
            question=question,
            method=method,
            estimate=finite(fit.params[i]),
            unit=unit,
            n=len(x),
            effect_size=EffectSize("R squared", finite(fit.rsquared)),
            ci_low=finite(bounds[i][0]),
            ci_high=finite(bounds[i][1]),
            statistic=finite(fit.tvalues[i]),
            statistic_name="t",
            df=float(fit.df_resid),
            p=finite(fit.pvalues[i]),
            companion=companions[i],
            assumptions=_residual_checks(fit),
            outcome=outcome,
        )
        for part, i, unit in (("slope", 1, units[0]), ("intercept", 0, units[1]))
    ]


def _residual_checks(fit: Any) -> tuple[str, ...]:
    residuals = np.asarray(fit.resid, dtype=np.float64)
    checks = [normality(residuals, "the residuals")]
    if not is_constant(residuals):
        p = float(het_breuschpagan(residuals, fit.model.exog)[1])
        checks.append(
            f"Even scatter: {'doubtful' if p < 0.05 else 'not contradicted'} (Breusch-Pagan {p_value(p)})"
        )
    if len(residuals) <= 2000 and not is_constant(residuals):
        checks.append(f"Greatest Cook's distance: {float(np.max(fit.get_influence().cooks_distance[0])):.2f}")
    return tuple(checks)


def _partial(x: Values, y: Values, given: Values) -> tuple[float, float, float, float]:
    fit = OLS(y, np.column_stack([np.ones_like(x), x, given])).fit()
    t, df = float(fit.tvalues[1]), float(fit.df_resid)
    return t / float(np.sqrt(t * t + df)), t, df, float(fit.pvalues[1])


def _collinear(x: Values, y: Values) -> bool:
    return abs(float(np.corrcoef(x, y)[0, 1])) > 1 - 1e-12


def _in_the_way(x: Values, y: Values, names: tuple[str, ...], *, least: int) -> str:
    if len(x) < least:
        return f"{len(x)} cases have both {names[0]} and {names[1]}, at least {least} are needed"
    for values, name in ((x, names[0]), (y, names[1])):
        if is_constant(values):
            return f"{name} is the same in every case, so there is no variance"
    return ""
