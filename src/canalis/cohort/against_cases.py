"""Printed means, SDs and ranges against the whole table of cases."""

from typing import Final

import numpy as np

from canalis.cohort.describe import Values, spread
from canalis.cohort.paper import Paper, Printed, Summary, Variable
from canalis.cohort.recompute import Check
from canalis.cohort.solve import Solution
from canalis.cohort.wording import number

KIND: Final = "from cases"
NOT_ALL_KNOWN: Final = "the cases are not all known"


def check_against_cases(paper: Paper, solutions: list[Solution]) -> list[Check]:
    """Return the checks of every printed mean, SD and range from the cases.

    What the table of cases does not hold gets no check here when it is checked by itself, and "cannot be
    told" when it is not, so that no printed value goes unmentioned.

    Parameters
    ----------
    paper : Paper
        What is printed.
    solutions : list of Solution
        The tables of cases that fit; one, or the cases are not known.
    """
    made = [
        check
        for summary in paper.summaries
        for group in summary.values
        for check in _check_group(summary, group, paper, solutions)
    ]
    return made + [
        check for variable in paper.variables for check in _check_range(variable, paper, solutions)
    ]


def _check_group(summary: Summary, group: str, paper: Paper, solutions: list[Solution]) -> list[Check]:
    variable, what = summary.variable, f"{summary.variable.name}, {group}"
    if variable.name not in _in_cases(paper):
        if variable.integer or (variable.low is not None and variable.high is not None):
            return []
        told = "neither a range nor a table of cases is given, and it need not be whole numbers"
        return [Check(KIND, summary.where, what, "cannot be told", told)]
    values = _values_of(variable.name, group, paper, solutions)
    if values is None:
        return [Check(KIND, summary.where, what, "cannot be told", NOT_ALL_KNOWN)]
    mean, sd = summary.values[group]
    if len(values) < 2:
        return [Check(KIND, summary.where, what, "cannot be told", "one case has no SD")]
    fits = mean.fits(float(np.mean(values))) and sd.fits(spread(values))
    told = f"{len(values)} cases have {_printed_as(values, mean, sd)}, printed {mean.text} ± {sd.text}"
    return [Check(KIND, summary.where, what, "agrees" if fits else "does not agree", told)]


def _printed_as(values: Values, mean: Printed, sd: Printed) -> str:
    return f"{number(float(np.mean(values)), mean.digits)} ± {number(spread(values), sd.digits)}"


def _check_range(variable: Variable, paper: Paper, solutions: list[Solution]) -> list[Check]:
    if variable.low is None or variable.high is None:
        return []
    span, where = f"{variable.low:g} to {variable.high:g}", "its range"
    if variable.name not in _in_cases(paper):
        if any(summary.variable.name == variable.name for summary in paper.summaries):
            return []
        told = f"{span}: no mean with its SD and no case is printed"
        return [Check(KIND, where, variable.name, "cannot be told", told)]
    values = _values_of(variable.name, "all", paper, solutions)
    if values is None:
        return [Check(KIND, where, variable.name, "cannot be told", NOT_ALL_KNOWN)]
    inside = variable.low <= values.min() and values.max() <= variable.high
    told = f"cases lie from {values.min():g} to {values.max():g}, given is {span}"
    return [Check(KIND, where, variable.name, "agrees" if inside else "does not agree", told)]


def _in_cases(paper: Paper) -> set[str]:
    return set() if paper.cases is None else {*paper.cases.columns, paper.cases.after}


def _values_of(name: str, group: str, paper: Paper, solutions: list[Solution]) -> Values | None:
    """Values of a group's cases; all ways to choose its members have the same printed mean and SD."""
    if len(solutions) != 1:
        return None
    (solution,) = solutions
    values = solution.columns[name]
    if group == "all":
        return values
    factor = next(factor for factor, sizes in paper.groups.items() if group in sizes)
    if factor not in solution.groups:
        return None
    assigned = solution.groups[factor][0]
    return values[[assigned[case] == group for case in solution.number]]
