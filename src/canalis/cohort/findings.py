"""What the results say, in plain sentences that a reader can check against the numbers beside them."""

from typing import Final

from canalis.cohort.analysis import PRE, RATE, Analysis, group_names, groupings_of, overlap_words
from canalis.cohort.balance import IMBALANCE_SMD
from canalis.cohort.columns import BY_NAME
from canalis.cohort.result import ALPHA, Result
from canalis.cohort.wording import column_words, interval, listed, number, p_value, share

CONFOUNDING: Final = 0.1
"""Share of a difference that must go with the starting score for it to count as its explanation: the usual
change of an estimate by 10 %, Maldonado and Greenland, Am J Epidemiol 1993;138:923-936."""


def write_findings(analysis: Analysis) -> tuple[str, ...]:
    """Return the findings of an analysis, most important first.

    Parameters
    ----------
    analysis : Analysis
        As `analyse` returns it.
    """
    found = [*_change(analysis), *_groups(analysis), *_starting_score(analysis), *_relations(analysis)]
    found += [*_reached(analysis), *_power(analysis), *_doubts(analysis)]
    return tuple(found)


def _change(analysis: Analysis) -> list[str]:
    change = analysis.get("joa_change")
    if change is None:
        return []
    if change.estimate is None or change.p is None:
        return [f"The scores before and after could not be compared: {change.warnings[0]}"]
    before, after = change.groups["before"]["mean"], change.groups["after"]["mean"]
    tell = f"The score {'rose' if change.estimate > 0 else 'fell'} by"
    if change.p >= ALPHA:
        tell = "No change of the score is shown: it differs by"
    return [
        f"{tell} {number(abs(change.estimate), 1)} points, from {number(before, 1)} to "
        f"{number(after, 1)} of "
        f"{analysis.cohort.scale.full:g} (95 % CI {interval(change.ci_low, change.ci_high, 1)}, "
        f"{p_value(change.p)}, "
        f"n = {change.n})."
    ]


def _groups(analysis: Analysis) -> list[str]:
    found = []
    for grouping in groupings_of(analysis.cohort):
        names = group_names(analysis.cohort.frame, grouping)
        for i, one in enumerate(names):
            for other in names[i + 1 :]:
                pair = f"{one}_vs_{other}".replace(" ", "_")
                found += _pair(analysis, grouping, pair, (_label(grouping, one), _label(grouping, other)))
    return found


def _label(grouping: str, name: str) -> str:
    kind = BY_NAME[grouping].kind
    if kind == "yes/no":
        return f"{'with' if name == 'yes' else 'without'} {grouping.replace('_', ' ')}"
    return {"violence": f"{name}-violence", "k_line": f"K-line-{name}"}.get(grouping, name)


def _pair(analysis: Analysis, grouping: str, pair: str, names: tuple[str, str]) -> list[str]:
    crude = analysis.get(f"improvement_by_{grouping}.{pair}")
    adjusted = analysis.get(f"improvement_by_{grouping}.{pair}.adjusted")
    start = analysis.get(f"preoperative_joa_by_{grouping}.{pair}")
    balance = analysis.get(f"balance_by_{grouping}.{pair}.{PRE}")
    if crude is None or crude.p is None or adjusted is None or start is None or start.estimate is None:
        return (
            [f"{_patients(names[0])} and {names[1]} could not be compared: {crude.warnings[0]}"]
            if crude
            else []
        )
    unlike = balance is not None and abs(balance.estimate or 0.0) >= IMBALANCE_SMD
    if not unlike and crude.p >= ALPHA:
        return []
    higher = "higher" if start.estimate >= 0 else "lower"
    began = (
        f"{_patients(names[0])} began {number(abs(start.estimate), 1)} points {higher} than {names[1]} ones"
    )
    if not unlike:
        apart = f"({number(start.estimate, 1)} points apart)"
        began = f"{_patients(names[0])} and {names[1]} ones began alike {apart}"
    tell = (
        f"{began}; adjusted for that the difference in improvement is {_points(adjusted)}, "
        f"against {_points(crude)} unadjusted."
    )
    return [
        tell,
        *_fallen(crude, adjusted, names),
        *_postoperative(analysis, grouping, pair, adjusted, names),
    ]


def _patients(name: str) -> str:
    named = f"patients {name}" if name.startswith("with") else f"{name} patients"
    return named[0].upper() + named[1:]


def _points(result: Result) -> str:
    if result.estimate is None or result.p is None:
        return f"not known ({result.reasons.get('p', 'not tested')})"
    bounds = interval(result.ci_low, result.ci_high, 1)
    return f"{number(result.estimate, 1)} percentage points (95 % CI {bounds}, {p_value(result.p)})"


def _fallen(crude: Result, adjusted: Result, names: tuple[str, str]) -> list[str]:
    if crude.p is None or adjusted.p is None or crude.p >= ALPHA or adjusted.p < ALPHA:
        return []
    gone = 1 - (adjusted.estimate or 0.0) / (crude.estimate or 1.0)
    if gone < CONFOUNDING:
        return [
            f"The starting score does not explain the difference between {names[0]} and {names[1]} patients: "
            "adjusting leaves its size and widens its interval, so that chance is no longer ruled out."
        ]
    tell = (
        f"Between {names[0]} and {names[1]} patients no difference is shown that is not a difference in "
        f"where "
        "they started"
    )
    if gone < 1:
        tell += f": {number(100 * gone, 0)} % of it goes with the starting score, the rest is within chance"
    return [tell + "."]


def _postoperative(
    analysis: Analysis, grouping: str, pair: str, adjusted: Result, names: tuple[str, str]
) -> list[str]:
    other = analysis.get(f"improvement_by_{grouping}.{pair}.adjusted_postoperative")
    if other is None or other.p is None or adjusted.p is None or (other.p < ALPHA) == (adjusted.p < ALPHA):
        return []
    bounds = interval(other.ci_low, other.ci_high, 1)
    return [
        f"The postoperative score itself, adjusted in the same way, differs by {number(other.estimate, 1)} "
        f"points between "
        f"{names[0]} and {names[1]} (95 % CI {bounds}, {p_value(other.p)}): rate and score disagree, so the "
        f"answer is not firm."
    ]


def _starting_score(analysis: Analysis) -> list[str]:
    rate, gain = analysis.get("preoperative_joa_vs_improvement"), analysis.get("preoperative_joa_vs_change")
    if (
        rate is None
        or gain is None
        or rate.estimate is None
        or gain.estimate is None
        or rate.p is None
        or gain.p is None
    ):
        return []
    r, g = share(rate.estimate), share(gain.estimate)
    if rate.p < ALPHA <= gain.p and rate.estimate > 0:
        tell = (
            "No dependence of the points gained on the starting score is shown "
            f"(r = {g}, 95 % CI {interval(gain.ci_low, gain.ci_high, as_share=True)}, {p_value(gain.p)}); "
            f"the rate does go with it (r = {r}, {p_value(rate.p)}), because its denominator shrinks."
        )
    else:
        tell = (
            f"With the starting score go the points gained by r = {g} ({p_value(gain.p)}), the rate by r = "
            f"{r} "
            f"({p_value(rate.p)})."
        )
    coupled = analysis.get("preoperative_joa_vs_improvement.coupling")
    if coupled is None or coupled.estimate is None:
        return [tell]
    bounds = interval(coupled.ci_low, coupled.ci_high, 2, as_share=True)
    arithmetic = coupled.estimate >= rate.estimate / 2 > 0
    return [
        tell,
        "With the points gained dealt out to the patients at random the rate would still go with the "
        "starting score by "
        f"r = {share(coupled.estimate)} on average ({bounds})"
        + (": the rate's correlation with its own baseline is mostly arithmetic." if arithmetic else "."),
    ]


def _relations(analysis: Analysis) -> list[str]:
    found = []
    for result in analysis.results:
        stem = result.id.removesuffix("_vs_improvement")
        if stem == result.id or stem == PRE or result.estimate is None or result.p is None:
            continue
        given = analysis.get(f"{result.id}.adjusted")
        tell = f"{stem.replace('_', ' ').capitalize()} and improvement rate: r = {share(result.estimate)}"
        tell += f" ({p_value(result.p)})"
        if given is not None and given.estimate is not None:
            tell += f"; at the same preoperative score r = {share(given.estimate)} ({p_value(given.p)})"
        found.append(tell + f", n = {result.n}.")
    return found


def _reached(analysis: Analysis) -> list[str]:
    reached = analysis.get("mcid_reached.share")
    points = analysis.cohort.scale.mcid_points
    if reached is None or reached.estimate is None or points is None:
        return []
    count = reached.groups["reached"]["n"]
    tell = (
        f"{count} of {reached.n} patients ({number(reached.estimate, 0)} %, 95 % CI "
        f"{interval(reached.ci_low, reached.ci_high, 0)}) "
        f"gained {points:g} points or more, the least change that patients noticed in 75 degenerative cases "
        f"operated from behind."
    )
    model = analysis.get(f"mcid_reached.{PRE}")
    if model is None or (model.estimate is not None and "Few events" not in " ".join(model.warnings)):
        return [tell]
    if model.estimate is None:
        return [tell, f"The logistic model of reaching it could not be made: {model.reasons['estimate']}."]
    return [
        tell,
        f"The logistic model of reaching it: {model.warnings[-1][0].lower()}{model.warnings[-1][1:]}.",
    ]


def _power(analysis: Analysis) -> list[str]:
    smallest = analysis.get("power.smallest_correlation")
    if smallest is None or smallest.estimate is None:
        return []
    return [
        f"{smallest.n} patients show a correlation four times in five only from r = "
        f"{share(smallest.estimate)} on: a weaker one "
        "that is not significant is not one that is absent."
    ]


def _doubts(analysis: Analysis) -> list[str]:
    found = [f"{overlap_words(poor)}." for poor in analysis.overlaps.values()]
    lost = [row for row in analysis.multiplicity if float(row["p"]) < ALPHA <= float(row["p_holm"])]
    if lost:
        words = listed([column_words(str(row["id"])).replace(".", ": ") for row in lost])
        found.append(
            f"Corrected for the {len(analysis.multiplicity)} main comparisons (Holm; "
            f"{analysis.main_comparisons()}), no longer significant: {words}."
        )
    without = int(analysis.cohort.frame[RATE].isna().sum())
    if without:
        found.append(
            f"{without} of {len(analysis.cohort.frame)} cases have no improvement rate and are in none of "
            f"its results."
        )
    return found + list(analysis.warnings)
