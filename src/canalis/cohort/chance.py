"""What chance alone would give: exact and permutation p for small groups, and the rate's own coupling."""

from typing import Final

import numpy as np
from scipy import stats

from canalis.cohort.compare import Outcome
from canalis.cohort.describe import Values, is_constant
from canalis.cohort.result import EffectSize, Result, undetermined
from canalis.cohort.subsets import choose_all, count_ways

EXACT_MOST: Final = 5_000_000
"""Ways to deal the cases out up to which every one is tried."""

SMALL_GROUP: Final = 30
"""A group below this size gets a permutation p; chosen."""

RESAMPLES: Final = 9_999
DEALS: Final = 1_999
SEED: Final = 20210706
"""Fixed, so that the same table gives the same p."""


def permutation_test(
    one: Values, other: Values, *, names: tuple[str, str], outcome: Outcome, id: str
) -> Result:
    """Return the difference of means with p from dealing the cases out to the groups anew.

    Every way is tried up to `EXACT_MOST` ways, else `RESAMPLES` random ones. p is the share of ways
    whose difference is at least as large, either way.

    Parameters
    ----------
    one, other : ndarray of shape (n,)
        The groups' values, without NaN.
    names : tuple of str
        The groups' names.
    outcome : Outcome
        What is compared.
    id : str
        Of the result.
    """
    ways = count_ways(len(one) + len(other), min(len(one), len(other)))
    exact = ways <= EXACT_MOST
    question = (
        f"Would dealing the cases out by chance make {names[0]} and {names[1]} differ so in {outcome.words}?"
    )
    method = f"permutation test, {f'all {ways:,} ways' if exact else f'{RESAMPLES:,} random ways'}"
    n = len(one) + len(other)
    if min(len(one), len(other)) < 2 or is_constant(np.concatenate([one, other])):
        reason = "a group has fewer than 2 cases" if min(len(one), len(other)) < 2 else "no value differs"
        return undetermined(id=id, question=question, method=method, unit=outcome.unit, n=n, reason=reason)
    p = _exact_p(one, other) if exact else _random_p(one, other)
    difference = float(np.mean(one) - np.mean(other))
    return Result(
        id=id,
        question=question,
        method=method,
        estimate=difference,
        unit=outcome.unit,
        n=n,
        effect_size=EffectSize("difference of means", difference),
        statistic=difference,
        statistic_name="difference",
        p=p,
        reasons=dict.fromkeys(("ci_low", "ci_high"), "see the t tests"),
        outcome=outcome.name,
    )


def _exact_p(one: Values, other: Values) -> float:
    pooled = np.concatenate([one, other])
    small, rest = (one, other) if len(one) <= len(other) else (other, one)
    centred = pooled - np.mean(pooled)
    observed = abs(np.sum(small - np.mean(pooled)))
    tolerance = 1e-9 * (1 + float(np.max(np.abs(pooled))))
    extreme = sum(
        int(np.count_nonzero(np.abs(block.sums[0]) >= observed - tolerance))
        for block in choose_all(centred[None, :], len(small))
    )
    return extreme / count_ways(len(small) + len(rest), len(small))


def _random_p(one: Values, other: Values) -> float:
    test = stats.permutation_test(
        (one, other),
        lambda a, b, axis: np.abs(np.mean(a, axis=axis) - np.mean(b, axis=axis)),
        permutation_type="independent",
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=500,
        alternative="greater",
        rng=np.random.default_rng(SEED),
    )
    return float(test.pvalue)


def coupling_of_rate(before: Values, gained: Values, *, full: float, id: str) -> Result:
    """Return the correlation of rate with starting score when the points gained have nothing to do with it.

    The points gained stay as they are and are dealt out anew over the patients, never past the full
    score. What correlation remains comes from the rate's denominator alone.

    Parameters
    ----------
    before, gained : ndarray of shape (n,)
        Preoperative score, below the full one, and points gained.
    full : float
        Full score.
    id : str
        Of the result.
    """
    question = "How much of the correlation of rate with preoperative score does the rate's own formula make?"
    method = f"mean r of {DEALS:,} random deals of the points gained; p: share with at least the observed r"
    if len(before) < 4 or is_constant(before) or is_constant(gained):
        reason = "fewer than 4 cases, or no variance in the starting score or the points gained"
        return undetermined(id=id, question=question, method=method, unit="r", n=len(before), reason=reason)
    observed = float(np.corrcoef(before, gained / (full - before))[0, 1])
    rng = np.random.default_rng(SEED)
    room = full - before
    dealt = np.array([_correlation_dealt(before, gained, room, rng) for _ in range(DEALS)])
    low, high = np.quantile(dealt, [0.025, 0.975])
    return Result(
        id=id,
        question=question,
        method=method,
        estimate=float(np.mean(dealt)),
        unit="r",
        n=len(before),
        effect_size=EffectSize("observed r", observed),
        ci_low=float(low),
        ci_high=float(high),
        statistic=observed,
        statistic_name="observed r",
        p=float((1 + np.count_nonzero(dealt >= observed)) / (1 + DEALS)),
        assumptions=(
            "The interval holds the middle 95 % of the deals",
            "A deal past the full score is cut at it",
        ),
        outcome="improvement_rate_percent",
    )


def _correlation_dealt(before: Values, gained: Values, room: Values, rng: np.random.Generator) -> float:
    return float(np.corrcoef(before, np.minimum(rng.permutation(gained), room) / room)[0, 1])
