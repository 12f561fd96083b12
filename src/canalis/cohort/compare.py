"""Differences of means: before and after, between two groups, between several."""

import warnings
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.oneway import anova_oneway

from canalis.cohort.describe import Values, equal_variances, is_constant, normality, spread, summary
from canalis.cohort.result import CI_LEVEL, Companion, EffectSize, Result, finite, undetermined

STUDENT: Final = "Student's t test, independent groups"
WELCH: Final = "Welch's t test, independent groups"
AUTO_WILCOXON_MOST: Final = 13
"""Up to this many pairs scipy finds the exact distribution of the signed ranks, ties included."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What is compared.

    Attributes
    ----------
    name : str
        Column.
    words : str
        Its name in a question.
    unit : str
        Of a difference.
    """

    name: str
    words: str
    unit: str


def compare_before_after(before: Values, after: Values, *, id: str, question: str, unit: str) -> Result:
    """Return the mean change with the paired t test, Wilcoxon's signed ranks beside it.

    Parameters
    ----------
    before, after : ndarray of shape (n,)
        Pairs, without NaN.
    id, question, unit : str
        As in `Result`.
    """
    change = after - before
    method = "paired t test"
    if len(change) < 2 or is_constant(change):
        reason = (
            "fewer than 2 pairs" if len(change) < 2 else "every change is the same, so there is no variance"
        )
        estimate = float(np.mean(change)) if len(change) else None
        return undetermined(
            id=id,
            question=question,
            method=method,
            unit=unit,
            n=len(change),
            reason=reason,
            estimate=estimate,
        )
    test = stats.ttest_rel(after, before)
    low, high = test.confidence_interval(CI_LEVEL)
    return Result(
        id=id,
        question=question,
        method=method,
        estimate=float(np.mean(change)),
        unit=unit,
        n=len(change),
        effect_size=EffectSize("Cohen's d of the differences", float(np.mean(change) / spread(change))),
        ci_low=finite(low),
        ci_high=finite(high),
        statistic=finite(test.statistic),
        statistic_name="t",
        df=float(test.df),
        p=finite(test.pvalue),
        companion=_signed_ranks(change),
        assumptions=(normality(change, "the differences"),),
        groups={"before": summary(before), "after": summary(after)},
    )


def _signed_ranks(change: Values) -> Companion:
    moved = change[change != 0]
    if len(change) <= AUTO_WILCOXON_MOST:
        test = stats.wilcoxon(change, method="auto")
        return Companion("Wilcoxon signed-rank test, exact", finite(test.statistic), finite(test.pvalue))
    test = stats.wilcoxon(moved, method="asymptotic", correction=True)
    return Companion(
        "Wilcoxon signed-rank test, normal approximation, corrected",
        finite(test.statistic),
        finite(test.pvalue),
    )


def compare_two(
    one: Values, other: Values, *, names: tuple[str, str], outcome: Outcome, id: str
) -> list[Result]:
    """Return the difference of two groups' means by Student's t, and by Welch's t under ``.welch``.

    Parameters
    ----------
    one, other : ndarray of shape (n,)
        The groups' values, without NaN.
    names : tuple of str
        The groups' names.
    outcome : Outcome
        What is compared.
    id : str
        Of the Student result.
    """
    question = f"Does {outcome.words} differ between {names[0]} and {names[1]}?"
    blocked = _in_the_way(one, other, names)
    results = []
    for method, suffix in ((STUDENT, ""), (WELCH, ".welch")):
        if blocked:
            estimate = float(np.mean(one) - np.mean(other)) if len(one) and len(other) else None
            made = undetermined(
                id=id + suffix,
                question=question,
                method=method,
                unit=outcome.unit,
                n=len(one) + len(other),
                reason=blocked,
                estimate=estimate,
                outcome=outcome.name,
            )
        else:
            made = _t_test(
                one, other, names=names, outcome=outcome, id=id + suffix, question=question, method=method
            )
        results.append(replace(made, groups={names[0]: summary(one), names[1]: summary(other)}))
    return results


def _in_the_way(one: Values, other: Values, names: tuple[str, str]) -> str:
    for values, name in ((one, names[0]), (other, names[1])):
        if len(values) < 2:
            cases = f"{len(values)} case{'' if len(values) == 1 else 's'}"
            return f"{name} has {cases}, a comparison needs at least 2"
    if is_constant(one) and is_constant(other):
        return "no value differs within either group, so there is no variance"
    return ""


def _t_test(
    one: Values,
    other: Values,
    *,
    names: tuple[str, str],
    outcome: Outcome,
    id: str,
    question: str,
    method: str,
) -> Result:
    pooled = not id.endswith(".welch")
    with warnings.catch_warnings():
        # scipy doubts any group without spread; here the other group has some, and the result is right
        warnings.filterwarnings("ignore", "Precision loss occurred", RuntimeWarning)
        test = stats.ttest_ind(one, other, equal_var=pooled)
    low, high = test.confidence_interval(CI_LEVEL)
    ranks = stats.mannwhitneyu(one, other, alternative="two-sided", method="auto", use_continuity=True)
    doubts = [
        f"{name} has only {len(v)} cases" for v, name in ((one, names[0]), (other, names[1])) if len(v) < 10
    ]
    return Result(
        id=id,
        question=question,
        method=method,
        estimate=float(np.mean(one) - np.mean(other)),
        unit=outcome.unit,
        n=len(one) + len(other),
        effect_size=_cohen_d(one, other, pooled=pooled),
        ci_low=finite(low),
        ci_high=finite(high),
        statistic=finite(test.statistic),
        statistic_name="t",
        df=finite(test.df),
        p=finite(test.pvalue),
        companion=Companion("Mann-Whitney U test", finite(ranks.statistic), finite(ranks.pvalue)),
        assumptions=(normality(one, names[0]), normality(other, names[1]), equal_variances([one, other])),
        warnings=tuple(doubts),
        outcome=outcome.name,
    )


def _cohen_d(one: Values, other: Values, *, pooled: bool) -> EffectSize:
    m, n = len(one), len(other)
    difference = float(np.mean(one) - np.mean(other))
    if pooled:
        variance = ((m - 1) * np.var(one, ddof=1) + (n - 1) * np.var(other, ddof=1)) / (m + n - 2)
        return EffectSize("Cohen's d, pooled SD", difference / float(np.sqrt(variance)))
    variance = (np.var(one, ddof=1) + np.var(other, ddof=1)) / 2
    return EffectSize("Cohen's d, average variance", difference / float(np.sqrt(variance)))


def compare_several(groups: dict[str, Values], *, outcome: Outcome, id: str, factor: str) -> list[Result]:
    """Return every comparison of an outcome between groups: pairs, with Holm, and the analysis of variance.

    Parameters
    ----------
    groups : dict of str to ndarray
        At least two groups, in order.
    outcome : Outcome
        What is compared.
    id : str
        Stem of the results' ids.
    factor : str
        The grouping in words.
    """
    pairs = []
    for a, b in combinations(groups, 2):
        pair_id = f"{id}.{a}_vs_{b}".replace(" ", "_")
        pairs += compare_two(groups[a], groups[b], names=(a, b), outcome=outcome, id=pair_id)
    if len(groups) == 2:
        return pairs
    return [_anova(groups, outcome, id, factor, welch=welch) for welch in (False, True)] + with_holm(
        pairs, f"pairs of {factor}"
    )


def with_holm(results: list[Result], family: str) -> list[Result]:
    """Return the results of one family with p corrected by Holm, Student's and Welch's apart."""
    made = list(results)
    for welch in (False, True):
        tested = [i for i, r in enumerate(made) if r.p is not None and r.id.endswith(".welch") == welch]
        if tested:
            corrected = multipletests([made[i].p for i in tested], method="holm")[1]
            for i, p in zip(tested, corrected, strict=True):
                made[i] = replace(made[i], p_adjusted=float(p), p_adjustment=f"Holm, {len(tested)} {family}")
    return made


def _anova(groups: dict[str, Values], outcome: Outcome, id: str, factor: str, *, welch: bool) -> Result:
    names, values = list(groups), list(groups.values())
    suffix, method = (
        (".anova.welch", "Welch's analysis of variance")
        if welch
        else (".anova", "one-way analysis of variance")
    )
    question = f"Does {outcome.words} differ between {factor} ({', '.join(names)})?"
    pooled = np.concatenate(values)
    small = [f"{name} has {len(v)} cases" for name, v in groups.items() if len(v) < 2]
    still = [f"{name} has no variance" for name, v in groups.items() if len(v) > 1 and is_constant(v)]
    reason = "; ".join(small or (still if welch or len(still) == len(groups) else []))
    between = sum(len(v) * (np.mean(v) - np.mean(pooled)) ** 2 for v in values if len(v))
    total = float(np.sum((pooled - np.mean(pooled)) ** 2))
    share = finite(float(between) / total) if total > 0 else None
    if reason:
        return undetermined(
            id=id + suffix,
            question=question,
            method=method,
            unit="share of variance",
            n=len(pooled),
            reason=reason,
            estimate=share,
            outcome=outcome.name,
        )
    test = anova_oneway(values, use_var="unequal" if welch else "equal", welch_correction=True)
    ranks = stats.kruskal(*values)
    return Result(
        id=id + suffix,
        question=question,
        method=method,
        estimate=share,
        unit="share of variance",
        n=len(pooled),
        effect_size=EffectSize("eta squared", share),
        statistic=finite(test.statistic),
        statistic_name="F",
        df=finite(test.df_denom),
        df_numerator=finite(test.df_num),
        p=finite(test.pvalue),
        companion=Companion("Kruskal-Wallis test", finite(ranks.statistic), finite(ranks.pvalue)),
        assumptions=(
            normality(np.concatenate([v - np.mean(v) for v in values]), "the residuals"),
            equal_variances(values),
        ),
        reasons=dict.fromkeys(("ci_low", "ci_high"), "no interval is given for the share of variance"),
        groups={name: summary(v) for name, v in groups.items()},
        outcome=outcome.name,
    )
