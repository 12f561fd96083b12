"""Bland and Altman's limits of agreement between two readers."""

from typing import Final

import numpy as np
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.tools.tools import add_constant

from canalis.cohort.describe import Values, is_constant, normality, spread
from canalis.cohort.readings import Readings
from canalis.cohort.result import CI_LEVEL, EffectSize, Result, finite, undetermined
from canalis.cohort.wording import p_value

BIAS: Final = "mean difference, one-sample t"


def limits_of_agreement(readings: Readings, one: str, other: str) -> list[Result]:
    """Return bias, limits of agreement and the trend of the difference, one reader minus the other.

    Parameters
    ----------
    readings : Readings
        Numbers.
    one, other : str
        Readers.

    References
    ----------
    .. [1] Bland JM, Altman DG. Measuring agreement in method comparison studies. Stat Methods Med Res
       1999;8:135-160.
    """
    a, b = (readings.table[r].to_numpy(dtype=np.float64) for r in (one, other))
    difference, middle, n = a - b, (a + b) / 2, len(a)
    stem = f"{readings.measure}.bland_altman.{one}_vs_{other}"
    words = f"{one} minus {other}, {readings.measure.replace('_', ' ')}"
    if n < 3:
        question = f"By how much do they differ: {words}?"
        reason = "fewer than 3 cases"
        blank = undetermined(
            id=f"{stem}.bias", question=question, method=BIAS, unit=readings.unit, n=n, reason=reason
        )
        return [blank]
    bias, sd = float(np.mean(difference)), spread(difference)
    t = float(stats.t.ppf((1 + CI_LEVEL) / 2, n - 1))
    z = float(stats.norm.ppf(0.975))
    test = stats.ttest_1samp(difference, 0.0) if sd > 0 else None
    made = [
        Result(
            id=f"{stem}.bias",
            question=f"By how much do they differ: {words}?",
            method=BIAS,
            estimate=bias,
            unit=readings.unit,
            n=n,
            effect_size=EffectSize("Cohen's d", bias / sd if sd > 0 else None),
            ci_low=bias - t * sd / np.sqrt(n),
            ci_high=bias + t * sd / np.sqrt(n),
            statistic=finite(test.statistic) if test else None,
            statistic_name="t",
            df=n - 1.0,
            p=finite(test.pvalue) if test else None,
            assumptions=(normality(difference, "the differences"),),
            reasons={} if test else dict.fromkeys(("statistic", "p"), "every difference is the same"),
            outcome=readings.measure,
        )
    ]
    half = t * sd * float(np.sqrt(1 / n + z * z / (2 * (n - 1))))
    for name, limit in (("lower_limit", bias - z * sd), ("upper_limit", bias + z * sd)):
        made.append(
            Result(
                id=f"{stem}.{name}",
                question=f"Where do 95 % of differences end: {words}?",
                method="limit of agreement, Bland and Altman",
                estimate=limit,
                unit=readings.unit,
                n=n,
                effect_size=EffectSize("SD of the differences", sd),
                ci_low=limit - half,
                ci_high=limit + half,
                outcome=readings.measure,
                reasons=dict.fromkeys(("statistic", "df", "p"), "a limit is not tested"),
            )
        )
    return made + _trend(difference, middle, stem, words)


def _trend(difference: Values, middle: Values, stem: str, words: str) -> list[Result]:
    if len(difference) < 4 or is_constant(middle) or is_constant(difference):
        return []
    fit = OLS(difference, add_constant(middle)).fit()
    low, high = fit.conf_int(1 - CI_LEVEL)[1]
    doubt = fit.pvalues[1] < 0.05
    warning = (
        f"The difference changes with size ({p_value(float(fit.pvalues[1]))}): one pair of limits does not "
        f"fit all",
    )
    return [
        Result(
            id=f"{stem}.trend",
            question=f"Does the difference change with size: {words}?",
            method="regression of difference on mean",
            estimate=finite(fit.params[1]),
            unit="per unit",
            n=len(difference),
            effect_size=EffectSize("R squared", finite(fit.rsquared)),
            ci_low=finite(low),
            ci_high=finite(high),
            statistic=finite(fit.tvalues[1]),
            statistic_name="t",
            df=float(fit.df_resid),
            p=finite(fit.pvalues[1]),
            warnings=warning if doubt else (),
        )
    ]
