"""What so few patients can show at all."""

from typing import Final

import numpy as np
from scipy import stats
from statsmodels.stats.power import TTestIndPower

from canalis.cohort.result import ALPHA, EffectSize, Result, undetermined

POWER: Final = 0.8


def smallest_correlation(n: int, *, id: str = "power.smallest_correlation") -> Result:
    """Return the smallest correlation that n cases show as significant four times in five.

    Fisher's transformation: tanh((z(1 − α/2) + z(power)) / √(n − 3)).

    Parameters
    ----------
    n : int
        Cases.
    id : str
        Of the result.

    Examples
    --------
    >>> round(smallest_correlation(27).estimate, 3)
    0.517
    """
    question = "Which is the smallest correlation that this many cases can show?"
    method = f"Fisher's z, power {POWER:.0%}, two-sided α {ALPHA}"
    if n < 5:
        return undetermined(
            id=id, question=question, method=method, unit="r", n=n, reason="fewer than 5 cases"
        )
    r = float(np.tanh((stats.norm.ppf(1 - ALPHA / 2) + stats.norm.ppf(POWER)) / np.sqrt(n - 3)))
    reasons = dict.fromkeys(("ci_low", "ci_high", "statistic", "df", "p"), "a property of n, not of the data")
    return Result(id, question, method, r, "r", n, EffectSize("r", r), reasons=reasons)


def smallest_difference(
    one_n: int, other_n: int, sd: float, *, unit: str, id: str, names: tuple[str, str]
) -> Result:
    """Return the smallest difference of two means that groups of these sizes show four times in five.

    Parameters
    ----------
    one_n, other_n : int
        Cases of each group.
    sd : float
        Standard deviation within groups, in `unit`.
    unit, id, names : str
        Of the difference, the result and the groups.
    """
    question = (
        f"Which is the smallest difference between {names[0]} and {names[1]} that these groups can show?"
    )
    method = f"Student's t, power {POWER:.0%}, two-sided α {ALPHA}"
    n = one_n + other_n
    if min(one_n, other_n) < 2 or not sd > 0:
        reason = "a group has fewer than 2 cases, or none varies"
        return undetermined(id=id, question=question, method=method, unit=unit, n=n, reason=reason)
    d = float(TTestIndPower().solve_power(nobs1=one_n, ratio=other_n / one_n, alpha=ALPHA, power=POWER))
    reasons = dict.fromkeys(
        ("ci_low", "ci_high", "statistic", "df", "p"), "a property of the sizes, not of the data"
    )
    return Result(id, question, method, d * sd, unit, n, EffectSize("Cohen's d", d), reasons=reasons)
