"""Whether groups were alike before the operation: standardised differences, and overlap of their scores."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from canalis.cohort.describe import Values, is_constant, summary
from canalis.cohort.result import CI_LEVEL, EffectSize, Result, finite, undetermined

IMBALANCE_SMD: Final = 0.25
"""Standardised difference from which groups are called unlike: Stuart, Stat Sci 2010;25:1-21."""

POOR_OVERLAP: Final = 0.5
"""Greatest gap between two groups' cumulative shares from which their overlap is called poor; chosen."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """The starting score at which two groups lie furthest apart."""

    low_group: str
    high_group: str
    cut: float
    low_below: int
    low_n: int
    high_below: int
    high_n: int

    @property
    def gap(self) -> float:
        """Difference of the shares that start at the cut or below."""
        return self.low_below / self.low_n - self.high_below / self.high_n


def standardised_difference(one: pd.Series, other: pd.Series, *, numeric: bool) -> float | None:
    """Return the standardised mean difference of two groups, positive where the first is higher.

    Numbers: difference of means over the root of the average variance. Words: the distance of the two
    groups' shares over all the words but one, after Yang and Dalton, without sign; for yes and no it is
    the signed difference of shares of "yes".

    Parameters
    ----------
    one, other : Series
        The groups' values; missing ones are left out.
    numeric : bool
        Whether they are numbers.

    Returns
    -------
    float or None
        None where it is not defined.

    References
    ----------
    .. [1] Austin PC. Balance diagnostics for comparing the distribution of baseline covariates between
       treatment groups. Stat Med 2009;28:3083-3107.
    .. [2] Yang D, Dalton JE. A unified approach to measuring the effect size between two groups using
       SAS. SAS Global Forum 2012, paper 335.
    """
    a, b = one.dropna(), other.dropna()
    if len(a) < 2 or len(b) < 2:
        return None
    if numeric:
        variance = (a.var(ddof=1) + b.var(ddof=1)) / 2
        return finite((a.mean() - b.mean()) / np.sqrt(variance)) if variance > 0 else None
    words = sorted(set(a) | set(b))
    if words in (["no", "yes"], ["yes"], ["no"]):
        p, q = float((a == "yes").mean()), float((b == "yes").mean())
        variance = (p * (1 - p) + q * (1 - q)) / 2
        return (p - q) / float(np.sqrt(variance)) if variance > 0 else (0.0 if p == q else None)
    return _distance_of_shares(a, b, words[1:])


def _distance_of_shares(a: pd.Series, b: pd.Series, words: list[str]) -> float | None:
    if not words:
        return 0.0
    p, q = (np.array([float((s == w).mean()) for w in words]) for s in (a, b))
    scatter = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q)) / 2
    if np.linalg.matrix_rank(scatter) < len(words):
        return None
    return float(np.sqrt((p - q) @ np.linalg.solve(scatter, p - q)))


def balance_result(
    one: pd.Series, other: pd.Series, *, numeric: bool, id: str, names: tuple[str, str], what: str
) -> Result:
    """Return the standardised difference of a baseline column as a result, with its interval.

    Parameters
    ----------
    one, other : Series
        The groups' values.
    numeric : bool
        Whether they are numbers.
    id, names, what : str
        Of the result, the groups, and the column.
    """
    value = standardised_difference(one, other, numeric=numeric)
    a, b = int(one.notna().sum()), int(other.notna().sum())
    question = f"Were {names[0]} and {names[1]} alike in {what} before the operation?"
    method = "standardised mean difference"
    if value is None:
        reason = (
            "a group has fewer than 2 values"
            if min(a, b) < 2
            else "neither group varies, or a word is in one only"
        )
        return undetermined(id=id, question=question, method=method, unit="SD", n=a + b, reason=reason)
    half = stats.norm.ppf((1 + CI_LEVEL) / 2) * np.sqrt((a + b) / (a * b) + value**2 / (2 * (a + b)))
    signed = numeric or set(one.dropna()) | set(other.dropna()) <= {"yes", "no"}
    unlike = abs(value) >= IMBALANCE_SMD
    return Result(
        id=id,
        question=question,
        method=method,
        estimate=value,
        unit="SD",
        n=a + b,
        effect_size=EffectSize("standardised mean difference", value),
        ci_low=float(value - half) if signed else None,
        ci_high=float(value + half) if signed else None,
        warnings=(f"{names[0]} and {names[1]} were unlike in {what}",) if unlike else (),
        groups={names[0]: summary(_numbers(one)), names[1]: summary(_numbers(other))} if numeric else {},
        reasons=dict.fromkeys(("statistic", "df", "p"), "balance is judged by size, not by a test"),
    )


def _numbers(values: pd.Series) -> Values:
    return np.asarray(values.dropna(), dtype=np.float64)


def find_poor_overlap(one: Values, other: Values, names: tuple[str, str]) -> Overlap | None:
    """Return where two groups' starting scores lie furthest apart, if that is far.

    The cut is the score with the greatest difference between the shares of the groups at or below it
    (Kolmogorov's distance); of equal differences the highest score.

    Parameters
    ----------
    one, other : ndarray of shape (n,)
        Starting scores.
    names : tuple of str
        The groups' names.
    """
    if len(one) < 2 or len(other) < 2 or is_constant(np.concatenate([one, other])):
        return None
    cuts = np.unique(np.concatenate([one, other]))
    below = [np.searchsorted(np.sort(v), cuts, side="right") for v in (one, other)]
    gaps = below[0] / len(one) - below[1] / len(other)
    at = int(np.flatnonzero(np.abs(gaps) >= np.max(np.abs(gaps)) - 1e-12)[-1])
    first, second = (0, 1) if gaps[at] > 0 else (1, 0)
    sizes = (len(one), len(other))
    found = Overlap(
        low_group=names[first],
        high_group=names[second],
        cut=float(cuts[at]),
        low_below=int(below[first][at]),
        low_n=sizes[first],
        high_below=int(below[second][at]),
        high_n=sizes[second],
    )
    return found if found.gap >= POOR_OVERLAP else None
