"""Checking a paper from what it prints: every check, what does not agree, what was solved; and writing it."""

import hashlib
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import stats

from canalis.cohort.against_cases import check_against_cases
from canalis.cohort.output import check_free, dump, results_folder, run_json
from canalis.cohort.page import write_page
from canalis.cohort.paper import ClaimedTest, Paper, read_paper
from canalis.cohort.recompute import Check, check_counts, check_summaries, check_tests, p_fits
from canalis.cohort.sheet import write_csv
from canalis.cohort.solve import Solution, solve_paper
from canalis.cohort.tables import Table
from canalis.cohort.wording import number, p_value, share

SCHEMA: Final = "canalis.paper_check/1"
HEADERS: Final = ("Check", "Where", "What", "Verdict", "Why")


@dataclass(frozen=True, slots=True, eq=False)
class PaperCheck:
    """A paper after its check."""

    paper: Paper
    checks: tuple[Check, ...]
    solutions: tuple[Solution, ...]

    @property
    def flagged(self) -> list[Check]:
        """What does not agree."""
        return [check for check in self.checks if check.verdict == "does not agree"]

    def findings(self) -> list[str]:
        """Return what does not agree and what was solved, as sentences."""
        solved = [check for check in self.checks if check.verdict == "solved"]
        told = [f"{c.where}, {c.what}: {c.told}." for c in self.flagged]
        told += [f"Solved, {c.what}: {c.told}." for c in solved]
        open_ = [check for check in self.checks if check.verdict == "cannot be told"]
        told += [f"Cannot be told, {c.where}, {c.what}: {c.told}." for c in open_]
        agreed = sum(check.verdict == "agrees" for check in self.checks)
        counts = f"Of {len(self.checks)} checks {agreed} agree, {len(self.flagged)} do not"
        return [*told, f"{counts}, {len(solved)} were solved, {len(open_)} cannot be told."]


def check_paper(paper: Paper) -> PaperCheck:
    """Recompute a paper from what it prints.

    Parameters
    ----------
    paper : Paper
        As `canalis.cohort.paper.read_paper` returns it.
    """
    solutions, solved = solve_paper(paper)
    checks = check_summaries(paper) + check_counts(paper) + check_tests(paper) + solved
    checks += check_against_cases(paper, solutions)
    checks += [_test_from_cases(test, paper, solutions) for test in paper.tests if test.kind != "independent"]
    checks += [Check("unchecked", u.where, u.what, "cannot be told", u.why) for u in paper.unchecked]
    return PaperCheck(paper, tuple(checks), tuple(solutions))


def _test_from_cases(test: ClaimedTest, paper: Paper, solutions: list[Solution]) -> Check:
    what = f"{' and '.join(test.variables)}, {test.kind}, p {test.p}"
    columns = solutions[0].columns if len(solutions) == 1 else {}
    if not set(test.variables) <= columns.keys():
        return Check(test.kind, test.where, what, "cannot be told", "the cases are not all known")
    x, y = (np.asarray(columns[name]) for name in test.variables)
    if test.kind == "paired":
        paired = stats.ttest_rel(y, x)
        p, told = float(paired.pvalue), f"t = {number(float(paired.statistic), 3)}, df {len(x) - 1}"
    else:
        pearson = stats.pearsonr(x, y)
        p, told = float(pearson.pvalue), f"r = {share(float(pearson.statistic), 3)}, n = {len(x)}"
    verdict = p_fits(test.p, p, p)
    return Check(
        test.kind, test.where, what, "agrees" if verdict else "does not agree", f"{told}, {p_value(p)}"
    )


def run_check(summary: Path | None, out: Path, *, overwrite: bool = False) -> list[str]:
    """Check a paper, write the results, and return the findings.

    Parameters
    ----------
    summary : Path or None
        What the paper prints; None for the shipped example.
    out : Path
        Folder for the results.
    overwrite : bool
        Replace earlier results.

    Raises
    ------
    CohortError
        If the file does not hold what a paper prints.
    OutputError
        If the folder cannot be written.
    """
    check_free(out, overwrite=overwrite)
    begun = perf_counter()
    if summary is None:
        with as_file(files("canalis.cohort.example") / "liu_kong_2021.toml") as path:
            return _run(path, out, begun, overwrite=overwrite)
    return _run(summary, out, begun, overwrite=overwrite)


def _run(path: Path, out: Path, begun: float, *, overwrite: bool) -> list[str]:
    checked = check_paper(read_paper(path))
    rows = tuple((c.kind, c.where, c.what, c.verdict, c.told) for c in checked.checks)
    with results_folder(out, overwrite=overwrite) as folder:
        (folder / "paper_check.json").write_text(dump(_as_json(checked)), encoding="utf-8")
        (folder / "paper_check.csv").write_text(write_csv(HEADERS, rows), encoding="utf-8")
        for i, solution in enumerate(checked.solutions, start=1):
            name = "solved_cases.csv" if len(checked.solutions) == 1 else f"solved_cases_{i}.csv"
            (folder / name).write_text(_solved_csv(solution), encoding="utf-8")
        write_page(
            folder / "paper_check.html",
            title=f"Check of {checked.paper.title}",
            findings=checked.findings(),
            warnings=(),
            tables=[Table("checks", "Every check", HEADERS, rows)],
            figures=(),
            methods=METHODS,
        )
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        run = run_json("check-paper", sha256, perf_counter() - begun, [])
        (folder / "run.json").write_text(dump(run), encoding="utf-8")
    return checked.findings()


METHODS: Final = (
    "Printed numbers are taken as rounded either way at a half. Means of whole numbers are tested by GRIM, "
    "their SDs by going "
    "through every set of whole numbers in the range, or GRIMMER where there are too many. A whole's mean "
    "and SD are compared "
    "with the range that its groups' rounded means and SDs leave. t and p between groups are recomputed "
    "from printed means, SDs "
    "and ns over their rounding. Missing cases and group members are every candidate that fits all printed "
    "means and SDs, with "
    "the printed rates; every printed mean, SD and range is then computed once more from the whole table."
)


def _as_json(checked: PaperCheck) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "title": checked.paper.title,
        "n": checked.paper.n,
        "findings": checked.findings(),
        "flagged": [asdict(check) for check in checked.flagged],
        "checks": [asdict(check) for check in checked.checks],
        "solutions": [_solution_json(solution) for solution in checked.solutions],
        "methods": METHODS,
    }


def _solution_json(solution: Solution) -> dict[str, Any]:
    place = {case: i for i, case in enumerate(solution.number)}
    return {
        "missing": [
            {"case": c, **{n: float(v[place[c]]) for n, v in solution.columns.items()}}
            for c in solution.missing
        ],
        "ways_tried": solution.tried,
        "ways_that_fit": {factor: len(found) for factor, found in solution.groups.items()},
        "patterns_that_fit": solution.patterns,
        "groups": {
            f: {str(c): g for c, g in sorted(found[0].items())} for f, found in solution.groups.items()
        },
    }


def _solved_csv(solution: Solution) -> str:
    frame = pd.DataFrame({"case": solution.number, **solution.columns})
    for factor, found in solution.groups.items():
        frame[factor] = [found[0][case] for case in solution.number]
        sure = [len({assigned[case] for assigned in found}) == 1 for case in solution.number]
        if not all(sure):
            frame[f"{factor}_sure"] = ["yes" if s else "no" for s in sure]
    rows = [
        [f"{v:g}" if isinstance(v, float) else str(v) for v in row]
        for row in frame.sort_values("case").itertuples(index=False)
    ]
    return write_csv([str(c) for c in frame.columns], rows)
