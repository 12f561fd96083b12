"""What a paper's totals leave for the cases and groups that it does not print.

Every candidate for a missing case, and every way to choose a group's members, is tried against all
printed means and SDs; what is left is reported with how many were tried.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canalis.cohort.joa import improvement_rate_percent
from canalis.cohort.paper import CaseRows, Paper, Printed
from canalis.cohort.recompute import Check, pooled_range
from canalis.cohort.subsets import MOST_CASES, choose_all, count_ways, members_of
from canalis.cohort.wording import listed
from canalis.errors import CohortError

MOST_WAYS: Final = 300_000_000
"""More ways to choose a group are not tried; at 30 million a second that is ten seconds."""

MOST_KEPT: Final = 100_000
"""More ways that fit than this tell nothing."""

MOST_CANDIDATES: Final = 50
"""More candidates for a missing case than this are not tried against the groups."""

Values = NDArray[np.float64]
Target = dict[str, tuple[Printed, Printed]]


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """One complete table of cases.

    Attributes
    ----------
    number : tuple of int
        Cases.
    columns : dict of str to ndarray
        Their values; the postoperative score is solved from the rate.
    missing : tuple of int
        Cases that the paper does not print.
    groups : dict of str to list of dict of int to str
        Factor to each possible assignment of cases to groups.
    tried : dict of str to int
        Factor to the ways tried.
    patterns : dict of str to int
        Factor to the number of different assignments when cases alike in the columns used are
        interchangeable.
    """

    number: tuple[int, ...]
    columns: dict[str, Values]
    missing: tuple[int, ...]
    groups: dict[str, list[dict[int, str]]]
    tried: dict[str, int]
    patterns: dict[str, int]


def postoperative_scores(cases: CaseRows, paper: Paper) -> tuple[Values, list[Check]]:
    """Return the postoperative score that each printed rate stands for, and the checks of it.

    Parameters
    ----------
    cases : CaseRows
        Printed cases.
    paper : Paper
        For the scale.

    Returns
    -------
    ndarray, list of Check
        NaN where no score, or more than one, gives the printed rate.
    """
    made, bad = [], []
    for place, number in enumerate(cases.number):
        before, rate = cases.columns[cases.before][place], cases.columns[cases.rate][place]
        fitting = [post for post in _scores(paper) if _rate_fits(before.value, post, rate, paper)]
        made.append(fitting[0] if len(fitting) == 1 else np.nan)
        if len(fitting) != 1:
            bad.append(f"case {number}: score {before.text}, rate {rate.text}")
    told = (
        f"every rate is one whole postoperative score on {paper.scale.name}"
        if not bad
        else f"no single score gives: {'; '.join(bad)}"
    )
    verdict = "does not agree" if bad else "agrees"
    return np.array(made), [
        Check(
            "rate",
            cases.where,
            "improvement rates",
            "agrees" if verdict == "agrees" else "does not agree",
            told,
        )
    ]


def _scores(paper: Paper) -> list[float]:
    return [float(v) for v in range(int(paper.scale.least), int(paper.scale.full) + 1)]


def _rate_fits(before: float, after: float, rate: Printed, paper: Paper) -> bool:
    exact = improvement_rate_percent(preoperative=before, postoperative=after, full=paper.scale.full)
    return exact is not None and rate.fits(exact)


def solve_paper(paper: Paper) -> tuple[list[Solution], list[Check]]:
    """Return every complete table that fits what the paper prints, and the checks that tell of it.

    Parameters
    ----------
    paper : Paper
        With a table of cases; without one there is nothing to solve.

    Raises
    ------
    CohortError
        If there are more cases than can be tried.
    """
    cases = paper.cases
    if cases is None:
        return [], []
    if paper.n > MOST_CASES:
        raise CohortError(
            f"Expected at most {MOST_CASES} cases to solve for groups, found {paper.n}. Leave out [cases]."
        )
    after, checks = postoperative_scores(cases, paper)
    missing = tuple(i for i in range(1, paper.n + 1) if i not in cases.number)
    if not missing:
        checks.append(Check("cases", cases.where, "cases", "agrees", f"all {paper.n} cases are printed"))
    else:
        told = f"{len(cases.number)} of {paper.n} cases are printed; missing: {', '.join(map(str, missing))}"
        checks.append(Check("cases", cases.where, "cases", "does not agree", told))
    if np.isnan(after).any() or len(missing) > 1 or len(cases.number) + len(missing) != paper.n:
        told = (
            "a postoperative score is not known"
            if np.isnan(after).any()
            else f"{len(missing)} cases are missing, one can be solved"
        )
        return [], [*checks, Check("solve", cases.where, "missing cases and groups", "cannot be told", told)]
    known = {name: np.array([p.value for p in column]) for name, column in cases.columns.items()} | {
        cases.after: after
    }
    solutions = []
    for row in _candidates(paper, cases, known) if missing else [{}]:
        columns = {name: np.append(values, row[name]) if row else values for name, values in known.items()}
        found = _solve_groups(paper, cases, columns, missing)
        if found is not None:
            solutions.append(found)
    return solutions, checks + _tell(paper, cases, solutions, missing)


def _candidates(paper: Paper, cases: CaseRows, known: dict[str, Values]) -> list[dict[str, float]]:
    """Rows that the missing case can have by the totals of the whole paper."""
    digits = {name: max(p.digits for p in column) for name, column in cases.columns.items()}
    pairs = []
    for before, after in product(_scores(paper), _scores(paper)):
        exact = improvement_rate_percent(preoperative=before, postoperative=after, full=paper.scale.full)
        if exact is not None:
            pairs.append(
                {cases.before: before, cases.after: after, cases.rate: _rounded(exact, digits[cases.rate])}
            )
    rows = [
        pair
        for pair in pairs
        if all(_total_fits(paper, name, known[name], value) for name, value in pair.items())
    ]
    for name in cases.columns:
        if name not in (cases.before, cases.rate):
            values = [v for v in _grid(paper, name, digits[name]) if _total_fits(paper, name, known[name], v)]
            rows = [row | {name: value} for row in rows for value in values]
    if len(rows) > MOST_CANDIDATES:
        raise CohortError(
            f"Expected the paper's totals to leave at most {MOST_CANDIDATES} rows for the missing case, "
            f"found {len(rows)}. Give "
            "more printed means and SDs, or each variable's range."
        )
    return rows


def _rounded(value: float, digits: int) -> float:
    return float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP))


def _grid(paper: Paper, name: str, digits: int) -> Values:
    variable = next((s.variable for s in paper.summaries if s.variable.name == name), None)
    low = 0.0 if variable is None or variable.low is None else variable.low
    high = 100.0 if variable is None or variable.high is None else variable.high
    steps = np.arange(round(low * 10**digits), round(high * 10**digits) + 1, dtype=np.float64)
    return np.asarray(np.round(steps / 10**digits, digits), dtype=np.float64)


def _total_fits(paper: Paper, name: str, known: Values, value: float) -> bool:
    """Tell whether a value for the missing case fits the whole's mean and SD, printed or made of groups."""
    column = np.append(known, value)
    mean, sd = float(np.mean(column)), float(np.std(column, ddof=1))
    for summary in (s for s in paper.summaries if s.variable.name == name):
        if "all" in summary.values and not (
            summary.values["all"][0].fits(mean) and summary.values["all"][1].fits(sd)
        ):
            return False
        for sizes in paper.groups.values():
            if sizes.keys() <= summary.values.keys():
                means, sds = pooled_range([(sizes[g], *summary.values[g]) for g in sizes])
                if not (means[0] - 1e-9 <= mean <= means[1] + 1e-9 and sds[0] - 1e-9 <= sd <= sds[1] + 1e-9):
                    return False
    return True


def _solve_groups(
    paper: Paper, cases: CaseRows, columns: dict[str, Values], missing: tuple[int, ...]
) -> Solution | None:
    number = (*cases.number, *missing)
    groups, tried, patterns = {}, {}, {}
    for factor, sizes in paper.groups.items():
        targets = _targets(paper, sizes, columns)
        if not targets:
            continue
        used = sorted({name for target in targets.values() for name in target})
        found, ways = _assign(columns, used, sizes, targets)
        if not found:
            return None
        groups[factor] = [dict(zip(number, assigned, strict=True)) for assigned in found]
        tried[factor] = ways
        kinds = list(zip(*(columns[name].tolist() for name in used), strict=True))
        patterns[factor] = len({tuple(sorted(zip(kinds, assigned, strict=True))) for assigned in found})
    return Solution(number, columns, missing, groups, tried, patterns)


def _targets(paper: Paper, sizes: dict[str, int], columns: dict[str, Values]) -> dict[str, Target]:
    """Each group's printed means and SDs of the columns that the cases have."""
    summaries = [s for s in paper.summaries if s.variable.name in columns and sizes.keys() <= s.values.keys()]
    return (
        {group: {s.variable.name: s.values[group] for s in summaries} for group in sizes} if summaries else {}
    )


def _assign(
    columns: dict[str, Values], used: list[str], sizes: dict[str, int], targets: dict[str, Target]
) -> tuple[list[tuple[str, ...]], int]:
    """Every assignment of cases to groups, and the ways tried: smallest group first, the last is the rest."""
    n = len(columns[used[0]])
    order = sorted(sizes, key=lambda group: sizes[group])
    partial: list[tuple[str, ...]] = [("",) * n]
    tried = 0
    for group in order[:-1]:
        further: list[tuple[str, ...]] = []
        for assigned in partial:
            free = [i for i in range(n) if not assigned[i]]
            tried += count_ways(len(free), sizes[group])
            if tried > MOST_WAYS:
                raise CohortError(
                    f"Expected at most {MOST_WAYS:,} ways to choose a group, found more. Give a smaller "
                    f"table."
                )
            for members in _choose(columns, used, free, sizes[group], targets[group]):
                made = tuple(group if i in members else name for i, name in enumerate(assigned))
                further.append(made)
        partial = _at_most(further)
    rest = order[-1]
    complete = [tuple(name or rest for name in assigned) for assigned in partial]
    return [a for a in complete if _group_fits(columns, a, rest, targets[rest])], tried


def _at_most(ways: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    if len(ways) > MOST_KEPT:
        raise CohortError(
            f"Expected the printed means and SDs to leave at most {MOST_KEPT:,} ways to choose a group, "
            f"found "
            f"{len(ways):,}. Give more printed columns."
        )
    return ways


def _choose(
    columns: dict[str, Values], used: list[str], free: list[int], size: int, target: Target
) -> Iterator[frozenset[int]]:
    """Yield every choice of members whose means and SDs are printed so."""
    centres = {name: float(np.mean(columns[name])) for name in used}
    centred = [columns[name][free] - centres[name] for name in used]
    for block in choose_all(np.vstack([*centred, *(c * c for c in centred)]), size):
        keep = np.ones(len(block.members), dtype=bool)
        for i, name in enumerate(used):
            mean, sd = target[name]
            sums, squares = block.sums[i], block.sums[i + len(used)]
            means = sums / size + centres[name]
            keep &= (means >= mean.low - 1e-9) & (means <= mean.high + 1e-9)
            variances = (squares - sums * sums / size) / max(1, size - 1)
            keep &= (variances >= max(0.0, sd.low) ** 2 - 1e-7) & (variances <= sd.high**2 + 1e-7)
        for bits in block.members[keep]:
            yield frozenset(free[i] for i in members_of(int(bits)))


def _group_fits(columns: dict[str, Values], assigned: tuple[str, ...], group: str, target: Target) -> bool:
    chosen = np.array([name == group for name in assigned])
    for name, (mean, sd) in target.items():
        values = columns[name][chosen]
        if not (
            mean.fits(float(np.mean(values))) and (len(values) < 2 or sd.fits(float(np.std(values, ddof=1))))
        ):
            return False
    return True


def _tell(paper: Paper, cases: CaseRows, solutions: list[Solution], missing: tuple[int, ...]) -> list[Check]:
    if not solutions:
        row = "no row for the missing case and " if missing else ""
        told = f"{row}no groups fit every printed mean and SD"
        return [Check("solve", cases.where, "missing cases and groups", "does not agree", told)]
    made = []
    if missing:
        rows = ["; ".join(f"{name} {values[-1]:g}" for name, values in s.columns.items()) for s in solutions]
        told = rows[0] if len(rows) == 1 else f"{len(rows)} rows fit: " + " | ".join(rows)
        made.append(
            Check(
                "solve",
                cases.where,
                f"case {missing[0]}",
                "solved" if len(rows) == 1 else "cannot be told",
                told,
            )
        )
    for factor in solutions[0].groups:
        made.append(_tell_factor(paper, factor, solutions))
    return made


def _tell_factor(paper: Paper, factor: str, solutions: list[Solution]) -> Check:
    used = solutions[0].columns
    fitting = [s for s in paper.summaries if paper.groups[factor].keys() <= s.values.keys()]
    where = listed(list(dict.fromkeys(s.where for s in fitting if s.variable.name in used)))
    assigned = [a for solution in solutions for a in solution.groups[factor]]
    tried = sum(solution.tried[factor] for solution in solutions)
    smallest = min(paper.groups[factor], key=lambda group: paper.groups[factor][group])
    one = sorted(case for case, group in assigned[0].items() if group == smallest)
    if len(assigned) == 1:
        return Check(
            "solve",
            where,
            factor,
            "solved",
            f"one way of {tried:,} fits: {smallest} is {', '.join(map(str, one))}",
        )
    if sum(solution.patterns[factor] for solution in solutions) == 1:
        told = (
            f"one set of scores by {factor} fits ({tried:,} ways tried); which of the cases alike stands "
            f"where "
            "cannot be told"
        )
        return Check("solve", where, factor, "solved", told)
    return Check("solve", where, factor, "cannot be told", f"{len(assigned)} ways of {tried:,} fit")
