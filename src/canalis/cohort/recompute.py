"""Checks of printed numbers by themselves: rounding, means of whole numbers, SDs, counts, t and p."""

import math
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal

from scipy import stats

from canalis.cohort.paper import ClaimedTest, Columns, Count, Crosstab, Paper, Printed, Summary, Variable
from canalis.cohort.wording import listed, number, p_value

Verdict = Literal["agrees", "does not agree", "cannot be told", "solved"]

EXACT_MOST: Final = 600
"""Cases times range up to which every set of whole numbers is gone through."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes
    ----------
    kind : str
        Which check.
    where : str
        Place in the paper.
    what : str
        What was checked.
    verdict : str
        "agrees", "does not agree", "cannot be told" or "solved".
    told : str
        Why, in a sentence.
    """

    kind: str
    where: str
    what: str
    verdict: Verdict
    told: str


def check_summaries(paper: Paper) -> list[Check]:
    """Return the checks of every printed mean and SD: alone, and the groups against the whole."""
    made = []
    for summary in paper.summaries:
        for group, (mean, sd) in summary.values.items():
            what = f"{summary.variable.name}, {group}"
            made += _check_one(summary.variable, mean, sd, paper.size_of(group), summary.where, what)
        made += _check_parts(summary, paper)
    return made


def _check_one(variable: Variable, mean: Printed, sd: Printed, n: int, where: str, what: str) -> list[Check]:
    made = []
    if variable.low is not None and variable.high is not None:
        most = _greatest_sd(mean, n, variable.low, variable.high)
        inside = mean.high >= variable.low and mean.low <= variable.high and sd.low <= most + 1e-9
        span = f"{variable.low:g} to {variable.high:g}"
        told = f"{mean.text} ± {sd.text} in {span}: the greatest possible SD is {most:.2f}"
        made.append(Check("range", where, what, "agrees" if inside else "does not agree", told))
    if variable.integer:
        sums = possible_sums(mean, n)
        told = (
            f"mean {mean.text} of {n} whole numbers: sum {_some(sums)}"
            if sums
            else f"no {n} whole numbers have a mean that rounds to {mean.text}"
        )
        made.append(Check("GRIM", where, what, "agrees" if sums else "does not agree", told))
        if sums:
            made.append(_check_sd(variable, sums, mean, sd, n, where, what))
    return made


def _some(sums: list[int]) -> str:
    return str(sums[0]) if len(sums) == 1 else f"{sums[0]} to {sums[-1]}"


def _greatest_sd(mean: Printed, n: int, low: float, high: float) -> float:
    m = min(max(mean.value, low), high)
    reach = max(
        (high - v) * (v - low) for v in (m, min(max(mean.low, low), high), min(max(mean.high, low), high))
    )
    return math.sqrt(reach * n / (n - 1)) if n > 1 else 0.0


def possible_sums(mean: Printed, n: int) -> list[int]:
    """Return the sums of n whole numbers whose mean is printed so (the GRIM test).

    Parameters
    ----------
    mean : Printed
        As printed.
    n : int
        How many numbers.

    References
    ----------
    .. [1] Brown NJL, Heathers JAJ. The GRIM test. Soc Psychol Personal Sci 2017;8:363-369.

    Examples
    --------
    >>> possible_sums(Printed("11.38"), 8), possible_sums(Printed("11.40"), 8)
    ([91], [])
    """
    first, last = math.ceil(mean.low * n - 1e-9), math.floor(mean.high * n + 1e-9)
    return list(range(first, last + 1))


def _check_sd(
    variable: Variable, sums: list[int], mean: Printed, sd: Printed, n: int, where: str, what: str
) -> Check:
    if n < 2:
        return Check("SD", where, what, "cannot be told", "one case has no SD")
    fits = any(sd_possible(total, sd, n, low=variable.low, high=variable.high) for total in sums)
    told = f"{n} whole numbers with mean {mean.text} {'can' if fits else 'cannot'} have SD {sd.text}"
    return Check("SD", where, what, "agrees" if fits else "does not agree", told)


def sd_possible(
    total: int, sd: Printed, n: int, *, low: float | None = None, high: float | None = None
) -> bool:
    """Tell whether n whole numbers of a sum can have an SD that is printed so.

    With a known range and few cases every set is gone through; else the sum of squares must be a whole
    number of the sum's parity within its bounds (GRIMMER).

    Parameters
    ----------
    total : int
        Sum of the numbers.
    sd : Printed
        As printed.
    n : int
        How many numbers.
    low, high : float, optional
        Their range.

    References
    ----------
    .. [1] Anaya J. The GRIMMER test. PeerJ Preprints 2016;4:e2400v1.

    Examples
    --------
    >>> sd_possible(91, Printed("2.33"), 8, low=0, high=17)
    True
    """
    least = math.ceil(total**2 / n + (n - 1) * max(sd.low, 0.0) ** 2 - 1e-9)
    most = math.floor(total**2 / n + (n - 1) * sd.high**2 + 1e-9)
    squares = [q for q in range(max(least, -(-(total**2) // n)), most + 1) if (q - total) % 2 == 0]
    if low is None or high is None or not squares:
        return bool(squares)
    a, b = math.ceil(low), math.floor(high)
    if n * (b - a) > EXACT_MOST:
        return any(q <= _greatest_squares(total, n, a, b) for q in squares)
    shifted = total - n * a
    reachable = _reachable_squares(n, b - a, shifted) if 0 <= shifted <= n * (b - a) else 0
    return any(
        reachable >> (q - 2 * a * total + n * a * a) & 1
        for q in squares
        if q - 2 * a * total + n * a * a >= 0
    )


def _greatest_squares(total: int, n: int, a: int, b: int) -> float:
    at_top = (total - n * a) / (b - a)
    whole = math.floor(at_top)
    rest = total - whole * b - (n - whole - 1) * a
    return whole * b * b + (n - whole - 1) * a * a + rest * rest


def _reachable_squares(n: int, top: int, total: int) -> int:
    """Bits of every sum of squares of n numbers from 0 to top with that sum."""
    reach = {0: 1}
    for left in range(n - 1, -1, -1):
        further: dict[int, int] = {}
        for so_far, squares in reach.items():
            for value in range(max(0, total - so_far - left * top), min(top, total - so_far) + 1):
                further[so_far + value] = further.get(so_far + value, 0) | (squares << value * value)
        reach = further
    return reach.get(total, 0)


def _check_parts(summary: Summary, paper: Paper) -> list[Check]:
    made = []
    for factor, sizes in paper.groups.items():
        if (
            "all" not in summary.values
            or not sizes.keys() <= summary.values.keys()
            or sum(sizes.values()) < 2
        ):
            continue
        parts = [(sizes[g], *summary.values[g]) for g in sizes]
        (mean_low, mean_high), (sd_low, sd_high) = pooled_range(parts)
        mean, sd = summary.values["all"]
        fits = mean.fits(mean_low, mean_high) and sd.fits(sd_low, sd_high)
        told = (
            f"the groups of {factor} make {mean_low:.3f} to {mean_high:.3f} ± {sd_low:.3f} to "
            f"{sd_high:.3f}, printed "
            f"{mean.text} ± {sd.text}"
        )
        made.append(
            Check(
                "groups and whole",
                summary.where,
                f"{summary.variable.name} by {factor}",
                "agrees" if fits else "does not agree",
                told,
            )
        )
    return made


def pooled_range(
    parts: list[tuple[int, Printed, Printed]],
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the least and greatest mean and SD of a whole, from its groups' rounded means and SDs.

    Parameters
    ----------
    parts : list of (n, mean, SD)
        Every group.
    """
    n = sum(size for size, *_ in parts)
    means = [sum(size * getattr(mean, end) for size, mean, _ in parts) / n for end in ("low", "high")]
    within = [
        sum((size - 1) * max(0.0, getattr(sd, end)) ** 2 for size, _, sd in parts) for end in ("low", "high")
    ]
    between = []
    for corner in product(("low", "high"), repeat=len(parts)):
        ends = [getattr(mean, end) for end, (_, mean, _) in zip(corner, parts, strict=True)]
        whole = sum(size * m for m, (size, *_) in zip(ends, parts, strict=True)) / n
        between.append(sum(size * (m - whole) ** 2 for m, (size, *_) in zip(ends, parts, strict=True)))
    slack = sum(size * (mean.high - mean.value) ** 2 for size, mean, _ in parts)
    low = math.sqrt((within[0] + max(0.0, min(between) - slack)) / (n - 1))
    return (means[0], means[1]), (low, math.sqrt((within[1] + max(between)) / (n - 1)))


def check_counts(paper: Paper) -> list[Check]:
    """Return the checks of counts: sums against the number of patients, and rows and columns of crosstabs."""
    made = [
        _check_count(Count(f"patients by {factor}", "its groups", sizes, paper.n))
        for factor, sizes in paper.groups.items()
    ]
    made += [_check_count(count) for count in paper.counts]
    for crosstab in paper.crosstabs:
        made += _check_crosstab(crosstab, paper)
    return made + [check for columns in paper.columns for check in _check_columns(columns, paper)]


def _check_count(count: Count) -> Check:
    total = sum(count.parts.values())
    parts = ", ".join(f"{name} {size}" for name, size in count.parts.items())
    if total == count.total:
        return Check("count", count.where, count.what, "agrees", f"{parts}: {total}")
    gap = f"{abs(count.total - total)} {'missing' if total < count.total else 'too many'}"
    return Check(
        "count", count.where, count.what, "does not agree", f"{parts}: {total} of {count.total}, {gap}"
    )


def _check_crosstab(crosstab: Crosstab, paper: Paper) -> list[Check]:
    sizes = paper.groups[crosstab.factor]
    sums = [sum(row[i] for row in crosstab.rows.values()) for i in range(len(sizes))]
    wrong = [
        f"{group} {found} of {size}"
        for (group, size), found in zip(sizes.items(), sums, strict=True)
        if found != size
    ]
    told = (
        f"columns do not add up: {listed(wrong)}"
        if wrong
        else f"columns add up to {', '.join(map(str, sums))}"
    )
    made = [
        Check(
            "count",
            crosstab.where,
            f"{crosstab.what} by {crosstab.factor}",
            "does not agree" if wrong else "agrees",
            told,
        )
    ]
    for count in paper.counts:
        if count.what == crosstab.what:
            off = [
                f"{n} {sum(crosstab.rows[n])} in the table, {c} in the text"
                for n, c in count.parts.items()
                if sum(crosstab.rows[n]) != c
            ]
            told = listed(off) if off else "the table's rows add up to the text's counts"
            where = f"{crosstab.where} and {count.where}"
            made.append(
                Check(
                    "count",
                    where,
                    f"{crosstab.what}, table and text",
                    "does not agree" if off else "agrees",
                    told,
                )
            )
    return made


def _check_columns(columns: Columns, paper: Paper) -> list[Check]:
    sizes = paper.groups[columns.factor]
    made = []
    headed = [g for g, n in zip(columns.mean, columns.n, strict=True) if sizes.get(g) == n]
    for place, (header, group, n) in enumerate(
        zip(columns.headers, columns.mean, columns.n, strict=True), start=1
    ):
        what = f"column {place}, '{header}'"
        if sizes.get(group) == n:
            made.append(Check("heading", columns.where, what, "agrees", f"n = {n}, as {group}"))
            continue
        left = [g for g, size in sizes.items() if size == n and g not in headed]
        holds = f"it holds the {n} {left[0]} cases" if len(left) == 1 else "no group has that size"
        told = f"headed '{header}' ({group}, n = {sizes.get(group, 0)}), but its n is {n}: {holds}"
        made.append(Check("heading", columns.where, what, "does not agree", told))
    return made


def check_tests(paper: Paper) -> list[Check]:
    """Return the checks of t tests between groups, from printed means, SDs and ns alone."""
    return [_check_test(test, paper) for test in paper.tests if test.kind == "independent"]


def _check_test(test: ClaimedTest, paper: Paper) -> Check:
    what = f"{test.variables[0]}, {test.groups[0]} against {test.groups[1]}, p {test.p}"
    found = [
        s.values
        for s in paper.summaries
        if s.variable.name == test.variables[0] and set(test.groups) <= s.values.keys()
    ]
    if not found:
        return Check("t test", test.where, what, "cannot be told", "means and SDs are not given")
    sides = [(*found[0][group], paper.size_of(group)) for group in test.groups]
    small = [f"{group} has {side[2]}" for group, side in zip(test.groups, sides, strict=True) if side[2] < 2]
    if small:
        told_small = f"a t test needs two cases in each group; {listed(small)}"
        return Check("t test", test.where, what, "cannot be told", told_small)
    if all(sd.value == 0 for _, sd, _ in sides):
        return Check("t test", test.where, what, "cannot be told", "no group varies")
    told, ps = [], []
    for equal, name in ((True, "Student"), (False, "Welch")):
        t, p = stats.ttest_ind_from_stats(
            sides[0][0].value,
            sides[0][1].value,
            sides[0][2],
            sides[1][0].value,
            sides[1][1].value,
            sides[1][2],
            equal_var=equal,
        )
        told.append(f"{name} t = {number(float(t), 3)}, {p_value(float(p))}")
        ps += _p_range(sides, equal=equal)
    verdict: Verdict = "agrees" if p_fits(test.p, min(ps), max(ps)) else "does not agree"
    return Check("t test", test.where, what, verdict, "; ".join(told))


def _p_range(sides: list[tuple[Printed, Printed, int]], *, equal: bool) -> list[float]:
    (m1, s1, n1), (m2, s2, n2) = sides
    ps = []
    for a, b, c, d in product(("low", "high"), repeat=4):
        test = stats.ttest_ind_from_stats(
            getattr(m1, a), getattr(s1, b), n1, getattr(m2, c), getattr(s2, d), n2, equal_var=equal
        )
        ps.append(float(test.pvalue))
    return ps


def p_fits(claim: str, low: float, high: float) -> bool:
    """Tell whether a p between low and high can be printed as claimed.

    Parameters
    ----------
    claim : str
        "<0.05", ">0.05" or "0.03".
    low, high : float
        The p recomputed.

    Examples
    --------
    >>> p_fits("<0.05", 0.0194, 0.0196), p_fits("0.03", 0.0194, 0.0196), p_fits(">0.05", 0.08, 0.09)
    (True, False, True)
    """
    text = claim.replace(" ", "").lstrip("=")
    if text.startswith("<"):
        return low < float(text.lstrip("<="))
    if text.startswith(">"):
        return high > float(text.lstrip(">="))
    return Printed(text).fits(low, high)
