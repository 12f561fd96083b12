"""Looking at values before testing them: normality, equal variances, what stands in the way."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from canalis.cohort.wording import p_value, share

Values = NDArray[np.float64]

SHAPIRO_MOST: Final = 5000
"""Above this many values scipy's p of Shapiro-Wilk is not accurate."""


def spread(values: Values) -> float:
    """Return the standard deviation (n − 1), 0 for values that are all equal and NaN for fewer than two."""
    if len(values) < 2:
        return math.nan
    return 0.0 if is_constant(values) else float(np.std(values, ddof=1))


def spread_within(groups: list[Values]) -> float:
    """Return the standard deviation within groups, pooled over them; NaN for too few values."""
    freedom = sum(len(g) for g in groups) - len(groups)
    if freedom < 1 or any(len(g) == 0 for g in groups):
        return math.nan
    return math.sqrt(sum(float(np.sum((g - np.mean(g)) ** 2)) for g in groups) / freedom)


def is_constant(values: Values) -> bool:
    """Tell whether values differ by no more than the noise of their own last digits."""
    return bool(np.ptp(values) <= 1e-12 * max(1.0, float(np.max(np.abs(values)))))


def normality(values: Values, what: str) -> str:
    """Return what Shapiro-Wilk says of values, as a sentence.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Without NaN.
    what : str
        Their name in the sentence.
    """
    if len(values) < 3:
        return f"Normality of {what}: not tested, fewer than 3 values"
    if is_constant(values):
        return f"Normality of {what}: not tested, all values are equal"
    if len(values) > SHAPIRO_MOST:
        return f"Normality of {what}: n over {SHAPIRO_MOST}, skewness {share(float(stats.skew(values)))}"
    test = stats.shapiro(values)
    verdict = "doubtful" if test.pvalue < 0.05 else "not contradicted"
    found = f"Shapiro-Wilk W = {share(test.statistic, 3)}, {p_value(test.pvalue)}"
    return f"Normality of {what}: {verdict} ({found})"


def equal_variances(groups: list[Values]) -> str:
    """Return what Brown-Forsythe says of the groups' variances, as a sentence."""
    if any(len(g) < 2 for g in groups) or all(is_constant(g) for g in groups):
        return "Equal variances: not tested, a group has fewer than 2 values or none varies"
    deviations = [np.abs(g - np.median(g)) for g in groups]
    if all(is_constant(d) for d in deviations):
        return "Equal variances: not tested, every value lies equally far from its median"
    test = stats.levene(*groups, center="median")
    verdict = "doubtful" if test.pvalue < 0.05 else "not contradicted"
    return f"Equal variances: {verdict} (Brown-Forsythe F = {test.statistic:.2f}, {p_value(test.pvalue)})"


def summary(values: Values) -> dict[str, float | int | None]:
    """Return n, mean and SD of a group; SD None for fewer than two values."""
    if not len(values):
        return {"n": 0, "mean": None, "sd": None}
    sd = spread(values)
    return {"n": len(values), "mean": float(np.mean(values)), "sd": None if math.isnan(sd) else sd}
