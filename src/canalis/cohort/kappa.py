"""Kappa: how far readers agree on words beyond chance."""

from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa, fleiss_kappa

from canalis.cohort.describe import Values
from canalis.cohort.readings import Readings
from canalis.cohort.result import EffectSize, Result, finite, undetermined

FLEISS: Final = "Fleiss's kappa"
RARE: Final = "Kappa of readers who rarely use a word is low by its formula; see the share of equal readings"


def kappas(readings: Readings) -> list[Result]:
    """Return kappa for each pair of readers, weighted where words have an order; Fleiss's for several.

    Parameters
    ----------
    readings : Readings
        Words.
    """
    words = list(readings.order) or sorted({str(cell) for cell in readings.table.to_numpy().ravel()})
    codes = readings.table.apply(lambda column: column.map(words.index))
    made = []
    for one, other in combinations(readings.table.columns, 2):
        counts = pd.crosstab(codes[one], codes[other]).reindex(
            index=range(len(words)), columns=range(len(words)), fill_value=0
        )
        for weight in (None, "linear", "quadratic") if readings.order else (None,):
            made.append(_kappa(counts.to_numpy(), weight, readings, str(one), str(other)))
    if readings.table.shape[1] > 2:
        made.append(_fleiss(codes, readings))
    return made


def _kappa(counts: Values, weight: str | None, readings: Readings, one: str, other: str) -> Result:
    name = f"{weight} weighted kappa" if weight else "Cohen's kappa"
    id = f"{readings.measure}.kappa{f'_{weight}' if weight else ''}.{one}_vs_{other}"
    question = f"Do {one} and {other} agree on {readings.measure.replace('_', ' ')} beyond chance?"
    n, agreed = int(counts.sum()), int(np.trace(counts))
    if np.count_nonzero(counts.sum(axis=0)) < 2 and np.count_nonzero(counts.sum(axis=1)) < 2:
        reason = "both readers used one word only, so chance cannot be told from agreement"
        return undetermined(id=id, question=question, method=name, unit="kappa", n=n, reason=reason)
    with np.errstate(all="ignore"):  # what is not defined is told as such below
        found = cohens_kappa(counts, wt=weight)
        low, high = finite(found.kappa_low), finite(found.kappa_upp)
        z, p = finite(found.z_value), finite(found.pvalue_two_sided)
    exact = agreed == n
    bounds = dict.fromkeys(("ci_low", "ci_high"), "the readers agree exactly") if exact else {}
    return Result(
        id=id,
        question=question,
        method=name,
        estimate=finite(found.kappa),
        unit="kappa",
        n=n,
        effect_size=EffectSize("share of equal readings", agreed / n),
        ci_low=None if exact or low is None else max(-1.0, low),
        ci_high=None if exact or high is None else min(1.0, high),
        statistic=z,
        statistic_name="z",
        p=p,
        reasons={"df": "a z statistic has no degrees of freedom"} | bounds,
        assumptions=("Interval from the normal distribution, cut at 1",),
        warnings=(RARE,) if n < 30 else (),
        outcome=readings.measure,
    )


def _fleiss(codes: pd.DataFrame, readings: Readings) -> Result:
    counts, _ = aggregate_raters(codes.to_numpy(dtype=np.int64))
    id, question = (
        f"{readings.measure}.kappa_fleiss",
        f"Do all readers agree on {readings.measure.replace('_', ' ')} beyond chance?",
    )
    if counts.shape[1] < 2:
        return undetermined(
            id=id,
            question=question,
            method="Fleiss's kappa",
            unit="kappa",
            n=len(codes),
            reason="one word only was used",
        )
    value = finite(fleiss_kappa(counts, method="fleiss"))
    equal = float((counts.max(axis=1) == counts.sum(axis=1)).mean())
    reasons = dict.fromkeys(("ci_low", "ci_high", "statistic", "df", "p"), "see the kappas of pairs")
    return Result(
        id,
        question,
        "Fleiss's kappa",
        value,
        "kappa",
        len(codes),
        EffectSize("share judged alike by all", equal),
        reasons=reasons,
    )
