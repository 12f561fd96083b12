"""The whole analysis of a cohort: the paper's questions, then what the paper did not ask."""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from canalis.cohort.adjust import compare_adjusted
from canalis.cohort.balance import Overlap, balance_result, find_poor_overlap
from canalis.cohort.cases import Cohort
from canalis.cohort.chance import SMALL_GROUP, coupling_of_rate, permutation_test
from canalis.cohort.columns import BY_NAME, COLUMNS
from canalis.cohort.compare import Outcome, compare_before_after, compare_several, compare_two, with_holm
from canalis.cohort.describe import Values, spread_within
from canalis.cohort.power import smallest_correlation, smallest_difference
from canalis.cohort.reach import model_reaching, share_reached
from canalis.cohort.relate import correlate, correlate_given, regress
from canalis.cohort.repeated import model_times
from canalis.cohort.result import Result
from canalis.cohort.wording import listed, number

MAIN_GROUPINGS: Final = ("approach", "violence")
"""Groupings of the paper's own questions; the others are marked exploratory."""

SHORT_FOLLOW_UP_MONTHS: Final = 12.0
"""Improvement levels off near 9 months; a rate taken before 12 may not be final."""

FAR_RATE_PERCENT: Final = -100.0
"""A rate below says that a case lost more than it had lacked; the rate has no bound on that side."""

RATE: Final = "improvement_rate_percent"
PRE: Final = "preoperative_joa"
POST: Final = "postoperative_joa"
RATE_OUTCOME: Final = Outcome(RATE, "the improvement rate", "percentage points")
POST_OUTCOME: Final = Outcome(POST, "the postoperative score", "points")
CHANGE_OUTCOME: Final = Outcome("joa_change", "the change in points", "points")
PRE_OUTCOME: Final = Outcome(PRE, "the preoperative score", "points")

UNIT_ENDINGS: Final = ("_rate_percent", "_percent", "_mm", "_years", "_kg_m2", "_months")


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """Everything found in a cohort.

    Attributes
    ----------
    cohort : Cohort
        What was analysed.
    results : tuple of Result
        In the order in which they are told.
    overlaps : dict of str to Overlap
        Poor overlaps of starting scores, by "grouping.a_vs_b".
    multiplicity : tuple of dict
        The main questions' p values corrected together.
    warnings : tuple of str
        About the table and the design.
    """

    cohort: Cohort
    results: tuple[Result, ...]
    overlaps: dict[str, Overlap]
    multiplicity: tuple[dict[str, str | float], ...]
    warnings: tuple[str, ...]

    def get(self, id: str) -> Result | None:
        """Return the result of that id, or None."""
        return next((result for result in self.results if result.id == id), None)

    def main_comparisons(self) -> str:
        """Return in words which comparisons `multiplicity` corrects together."""
        ids = [str(row["id"]) for row in self.multiplicity]
        said = ["the score before and after"] if "joa_change" in ids else []
        grouped = [g for g in MAIN_GROUPINGS if any(i.startswith(f"improvement_by_{g}.") for i in ids)]
        said += [f"the improvement rate by {grouping}" for grouping in grouped]
        if any(i.endswith("_vs_improvement") for i in ids):
            said.append("the correlations of the rate")
        return listed(said)


def analyse(cohort: Cohort) -> Analysis:
    """Return every result that the cohort's columns allow.

    Parameters
    ----------
    cohort : Cohort
        As `read_cases` returns it.
    """
    results = [_before_after(cohort), *_items(cohort)]
    overlaps: dict[str, Overlap] = {}
    for grouping in groupings_of(cohort):
        made, poor = _by_group(cohort, grouping)
        results += made
        overlaps |= poor
    results += _relations(cohort) + _reaching(cohort) + model_times(cohort.frame)
    results.append(smallest_correlation(len(_pairs(cohort, PRE, RATE))))
    return Analysis(cohort, tuple(results), overlaps, _correct_together(results), _design_warnings(cohort))


def groupings_of(cohort: Cohort) -> list[str]:
    """Return the columns whose groups are compared: the paper's first, each with at least two groups."""
    names = [*MAIN_GROUPINGS, *(c.name for c in COLUMNS if c.grouping and c.name not in MAIN_GROUPINGS)]
    return [name for name in names if cohort.has(name) and len(group_names(cohort.frame, name)) > 1]


def group_names(frame: pd.DataFrame, grouping: str) -> list[str]:
    """Return the groups that occur, in the schema's order."""
    column = BY_NAME[grouping]
    order = ["yes", "no"] if column.kind == "yes/no" else list(column.values)
    there = set(frame[grouping].dropna())
    return [name for name in order if name in there]


def short_name(column: str) -> str:
    """Return a column's name without its unit, for ids.

    Examples
    --------
    >>> short_name("stenosis_rate_percent"), short_name("age_years")
    ('stenosis', 'age')
    """
    ending = next((e for e in UNIT_ENDINGS if column.endswith(e)), "")
    return column.removesuffix(ending)


def _pairs(cohort: Cohort, *columns: str) -> pd.DataFrame:
    return cohort.frame[list(columns)].dropna()


def _values(frame: pd.DataFrame, column: str) -> Values:
    return frame[column].to_numpy(dtype=np.float64)


def _before_after(cohort: Cohort) -> Result:
    known = _pairs(cohort, PRE, POST)
    made = compare_before_after(
        _values(known, PRE),
        _values(known, POST),
        id="joa_change",
        question="Is the score higher after the operation than before?",
        unit="points",
    )
    return replace(made, outcome="joa_change").warn(*_follow_up_doubts(cohort))


def _items(cohort: Cohort) -> list[Result]:
    made = []
    for item in cohort.scale.items:
        before, after = f"preoperative_{item}", f"postoperative_{item}"
        if not (cohort.has(before) and cohort.has(after)):
            continue
        known = _pairs(cohort, before, after)
        words = item.removeprefix("mjoa_").replace("_", " ")
        made.append(
            compare_before_after(
                _values(known, before),
                _values(known, after),
                id=f"item_change.{item}",
                question=f"Is the item {words} higher after the operation than before?",
                unit="points",
            )
        )
    return with_holm(made, "items")


def _by_group(cohort: Cohort, grouping: str) -> tuple[list[Result], dict[str, Overlap]]:
    names = group_names(cohort.frame, grouping)
    split = {name: cohort.frame[cohort.frame[grouping] == name] for name in names}
    words = grouping.replace("_", " ")
    rates = {name: _values(part.dropna(subset=[RATE]), RATE) for name, part in split.items()}
    results = compare_several(rates, outcome=RATE_OUTCOME, id=f"improvement_by_{grouping}", factor=words)
    changes = {
        name: _values(part.dropna(subset=["joa_change"]), "joa_change") for name, part in split.items()
    }
    results += compare_several(changes, outcome=CHANGE_OUTCOME, id=f"change_by_{grouping}", factor=words)
    overlaps: dict[str, Overlap] = {}
    for a, b in combinations(names, 2):
        pair = f"{a}_vs_{b}".replace(" ", "_")
        poor = find_poor_overlap(
            _values(split[a].dropna(subset=[PRE]), PRE), _values(split[b].dropna(subset=[PRE]), PRE), (a, b)
        )
        if poor:
            overlaps[f"{grouping}.{pair}"] = poor
        results += _one_pair(split[a], split[b], grouping, pair, (a, b), poor)
        results += _balance(cohort, split[a], split[b], grouping, pair, (a, b))
    if grouping not in MAIN_GROUPINGS:
        results = [r.warn("Exploratory: not a question asked before the data were seen") for r in results]
    return results, overlaps


def _one_pair(
    one: pd.DataFrame,
    other: pd.DataFrame,
    grouping: str,
    pair: str,
    names: tuple[str, str],
    poor: Overlap | None,
) -> list[Result]:
    made = []
    for outcome, ending in ((RATE_OUTCOME, "adjusted"), (POST_OUTCOME, "adjusted_postoperative")):
        known = [part.dropna(subset=[outcome.name, PRE]) for part in (one, other)]
        sides = [(_values(part, outcome.name), _values(part, PRE)) for part in known]
        result_id = f"improvement_by_{grouping}.{pair}.{ending}"
        adjusted = compare_adjusted(sides[0], sides[1], names=names, outcome=outcome, id=result_id)
        made.append(adjusted.warn(overlap_words(poor)) if poor else adjusted)
    rates = [_values(part.dropna(subset=[RATE]), RATE) for part in (one, other)]
    if min(map(len, rates)) < SMALL_GROUP:
        result_id = f"improvement_by_{grouping}.{pair}.permutation"
        made.append(permutation_test(rates[0], rates[1], names=names, outcome=RATE_OUTCOME, id=result_id))
    starts = [_values(part.dropna(subset=[PRE]), PRE) for part in (one, other)]
    result_id = f"preoperative_joa_by_{grouping}.{pair}"
    made += compare_two(starts[0], starts[1], names=names, outcome=PRE_OUTCOME, id=result_id)
    sd = spread_within(rates)
    result_id = f"power.smallest_difference.{grouping}.{pair}"
    made.append(
        smallest_difference(
            len(rates[0]), len(rates[1]), sd, unit=RATE_OUTCOME.unit, id=result_id, names=names
        )
    )
    return made


def overlap_words(poor: Overlap) -> str:
    """Return a poor overlap as a sentence."""
    return (
        f"Poor overlap: {poor.low_below} of {poor.low_n} {poor.low_group} cases start at {poor.cut:g} or "
        f"less, "
        f"{poor.high_below} of {poor.high_n} {poor.high_group}; an adjusted difference leans on few "
        f"comparable cases"
    )


def _balance(
    cohort: Cohort, one: pd.DataFrame, other: pd.DataFrame, grouping: str, pair: str, names: tuple[str, str]
) -> list[Result]:
    columns = [c for c in COLUMNS if c.baseline and c.name != grouping and cohort.has(c.name)]
    columns = [c for c in columns if cohort.related(grouping, c.name)]
    made = []
    for name, numeric in [(PRE, True), *((c.name, c.kind in ("number", "integer")) for c in columns)]:
        result_id = f"balance_by_{grouping}.{pair}.{name}"
        what = (
            BY_NAME[name].about[0].lower() + BY_NAME[name].about[1:]
            if BY_NAME[name].unit
            else BY_NAME[name].about
        )
        made.append(
            balance_result(one[name], other[name], numeric=numeric, id=result_id, names=names, what=what)
        )
    return made


def _relations(cohort: Cohort) -> list[Result]:
    numeric = [
        c.name for c in COLUMNS if c.baseline and c.kind in ("number", "integer") and cohort.has(c.name)
    ]
    made = []
    for column in [PRE, *numeric]:
        known = _pairs(cohort, column, RATE)
        question = f"Does the improvement rate go with {column.replace('_', ' ')}?"
        names = (column.replace("_", " "), "the improvement rate")
        stem = f"{short_name(column)}_vs_improvement"
        made.append(
            correlate(
                _values(known, column),
                _values(known, RATE),
                id=stem,
                question=question,
                outcome=RATE,
                names=names,
            )
        )
        if column != PRE:
            made.append(_given_start(cohort, column, stem))
    gained = _pairs(cohort, PRE, "joa_change")
    question = "Do the points gained go with the preoperative score?"
    names = ("preoperative joa", "the points gained")
    made.append(
        correlate(
            _values(gained, PRE),
            _values(gained, "joa_change"),
            id="preoperative_joa_vs_change",
            question=question,
            outcome="joa_change",
            names=names,
        )
    )
    return made + _rate_on_start(cohort)


def _given_start(cohort: Cohort, column: str, stem: str) -> Result:
    known = _pairs(cohort, column, RATE, PRE)
    return correlate_given(
        _values(known, column),
        _values(known, RATE),
        _values(known, PRE),
        id=f"{stem}.adjusted",
        question=f"Does the improvement rate go with {column.replace('_', ' ')} at the same preoperative "
        f"score?",
        outcome=RATE,
        names=(column.replace("_", " "), "the improvement rate", "the preoperative score"),
    )


def _rate_on_start(cohort: Cohort) -> list[Result]:
    known = _pairs(cohort, PRE, RATE)
    lines = regress(
        _values(known, PRE),
        _values(known, RATE),
        id="improvement_on_preoperative_joa",
        question="How does the improvement rate rise with the preoperative score?",
        outcome=RATE,
        units=("percentage points per point", "%"),
    )
    changed = _pairs(cohort, PRE, "joa_change")
    changed = changed[changed[PRE] < cohort.scale.full]
    coupled = coupling_of_rate(
        _values(changed, PRE),
        _values(changed, "joa_change"),
        full=cohort.scale.full,
        id="preoperative_joa_vs_improvement.coupling",
    )
    return [*lines, coupled]


def _reaching(cohort: Cohort) -> list[Result]:
    made = []
    marks = (
        ("mcid_reached", f"at least {cohort.scale.mcid_points} points"),
        ("mcid_rate_reached", "a rate of at least 42 %"),
    )
    for column, words in marks:
        if cohort.has(column):
            reached = np.asarray(cohort.frame[column].dropna() == "yes", dtype=np.float64)
            made.append(share_reached(reached, id=f"{column}.share", question=f"How many gained {words}?"))
    if not cohort.has("mcid_reached"):
        return made
    stenosis = ["stenosis_rate_percent"] if cohort.has("stenosis_rate_percent") else []
    known = _pairs(cohort, "mcid_reached", PRE, *stenosis)
    reached = np.asarray(known["mcid_reached"] == "yes", dtype=np.float64)
    return made + model_reaching(reached, {c: _values(known, c) for c in (PRE, *stenosis)}, id="mcid_reached")


def _correct_together(results: list[Result]) -> tuple[dict[str, str | float], ...]:
    stems = ("joa_change", *(f"improvement_by_{g}." for g in MAIN_GROUPINGS))
    endings = (".welch", ".adjusted", ".adjusted_postoperative", ".permutation", ".coupling")
    family = [r for r in results if r.p is not None and not r.id.endswith(endings) and ".anova" not in r.id]
    family = [r for r in family if r.id.startswith(stems) or r.id.endswith("_vs_improvement")]
    if not family:
        return ()
    p = [float(r.p or 0.0) for r in family]
    holm, fdr = multipletests(p, method="holm")[1], multipletests(p, method="fdr_bh")[1]
    return tuple(
        {"id": r.id, "p": q, "p_holm": float(h), "p_fdr": float(f)}
        for r, q, h, f in zip(family, p, holm, fdr, strict=True)
    )


def _follow_up_doubts(cohort: Cohort) -> list[str]:
    if not cohort.has("follow_up_months"):
        return ["Follow-up is not in the table: a score taken before 12 months may not be final"]
    months = cohort.frame["follow_up_months"]
    short = int((months < SHORT_FOLLOW_UP_MONTHS).sum())
    unknown = int(months.isna().sum())
    doubts = [f"{short} of {len(months)} cases were followed for less than 12 months"] if short else []
    return doubts + ([f"{unknown} of {len(months)} cases have no follow-up time"] if unknown else [])


def _design_warnings(cohort: Cohort) -> tuple[str, ...]:
    found = [f"{doubt}." for doubt in _follow_up_doubts(cohort)]
    at_full = int((cohort.frame[POST] == cohort.scale.full).sum())
    known = int(cohort.frame[POST].notna().sum())
    if known and at_full / known >= 0.15:  # a share of 15 % at the top is the usual mark of a ceiling effect
        found.append(
            f"Ceiling: {at_full} of {known} cases reached the full score, where no more can be gained."
        )
    rates = cohort.frame[RATE].dropna()
    far = rates[rates < FAR_RATE_PERCENT].to_numpy(dtype=np.float64)
    if len(far):
        found.append(
            f"Below {number(FAR_RATE_PERCENT, 0)} %: {len(far)} of {len(rates)} improvement rates, down to "
            f"{number(far.min(), 0)} %; near the full score the rate's denominator is small. Means and "
            "differences of the rate lean on such cases: look at the change in points and at the "
            "postoperative score, adjusted."
        )
    return tuple(found)
