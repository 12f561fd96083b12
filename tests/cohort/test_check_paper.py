"""`canalis check-paper` on the paper, and on papers made to be wrong."""

import json
import tomllib
from collections import Counter
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

from canalis.cohort.check_paper import check_paper, run_check
from canalis.cohort.paper import Printed, read_paper
from canalis.cohort.recompute import possible_sums, sd_possible
from canalis.cohort.solve import solve_paper
from canalis.cohort.subsets import choose_all, count_ways, members_of
from canalis.errors import CohortError

EXAMPLE = Path(str(files("canalis.cohort.example") / "liu_kong_2021.toml"))


@pytest.fixture(scope="module")
def checked():
    return check_paper(read_paper(EXAMPLE))


def test_it_flags_what_is_wrong_in_the_paper_and_nothing_else(checked):
    flagged = {(check.where, check.what): check.told for check in checked.flagged}
    assert set(flagged) == {
        ("General information", "ossified segments"),
        ("General information", "operations"),
        ("Table I", "column 3, 'Front approach'"),
        ("Table III", "cases"),
    }
    assert "26 of 27" in flagged["General information", "ossified segments"]  # 8 + 5 + 5 + 3 + 5
    assert "24 of 27" in flagged["General information", "operations"]  # 2 + 6 + 12 + 2 + 2
    assert "holds the 4 combined cases" in flagged["Table I", "column 3, 'Front approach'"]
    assert "missing: 15" in flagged["Table III", "cases"]


def test_every_printed_value_agrees_is_flagged_or_is_named_as_beyond_checking(checked):
    verdicts = Counter(check.verdict for check in checked.checks)
    assert verdicts == {"agrees": 88, "does not agree": 4, "solved": 3, "cannot be told": 5}
    beyond = [check for check in checked.checks if check.verdict == "cannot be told"]
    assert {check.kind for check in beyond} == {"unchecked"}  # what the example itself names so
    told = "\n".join(checked.findings())
    assert all(f"{check.what}: {check.told}" in told for check in beyond)
    assert told.endswith("Of 100 checks 88 agree, 4 do not, 3 were solved, 5 cannot be told.")


def test_no_part_of_the_example_goes_without_a_check(checked):
    content = tomllib.loads(EXAMPLE.read_text())
    named = {check.what for check in checked.checks}
    for summary in content["summary"]:
        groups = summary.keys() - {"variable", "where"}
        assert {f"{summary['variable']}, {group}" for group in groups} <= named
    assert {count["what"] for count in content["count"]} <= named
    assert {f"{table['what']} by {table['factor']}" for table in content["crosstab"]} <= named
    assert {f"patients by {factor}" for factor in content["groups"]} <= named
    ranged = {name for name, known in content["variables"].items() if {"low", "high"} <= known.keys()}
    assert all(any(what.startswith(name) for what in named) for name in ranged)
    assert len([check for check in checked.checks if ", p " in check.what]) == len(content["test"])


def test_it_solves_patient_15(checked):
    (solution,) = checked.solutions
    assert solution.missing == (15,)
    row = {name: float(values[-1]) for name, values in solution.columns.items()}
    assert row == {  # README of the cohort: 11, 33.3 %, 73.7 %; postoperative 13 by the formula
        "preoperative_joa": 11.0,
        "postoperative_joa": 13.0,
        "improvement_rate_percent": 33.3,
        "stenosis_rate_percent": 73.7,
    }


def test_it_finds_the_one_violence_group_among_all(checked, example):
    (solution,) = checked.solutions
    assert solution.tried["violence"] == 4_686_825  # README: all ways to choose nine of 27
    (violence,) = solution.groups["violence"]
    assert {str(case): group for case, group in violence.items()} == example.cohort.frame[
        "violence"
    ].to_dict()


def test_it_finds_the_one_set_of_score_pairs_by_approach(checked, example):
    (solution,) = checked.solutions
    assert solution.patterns["approach"] == 1  # README: one set of (pre, post) pairs
    frame = example.cohort.frame
    expected = sorted(
        zip(frame["approach"], frame["preoperative_joa"], frame["postoperative_joa"], strict=True)
    )
    scores = dict(
        zip(
            solution.number,
            zip(solution.columns["preoperative_joa"], solution.columns["postoperative_joa"], strict=True),
            strict=True,
        )
    )
    for assigned in solution.groups["approach"]:
        assert sorted((group, *map(float, scores[case])) for case, group in assigned.items()) == expected


def test_millions_of_subsets_take_less_than_a_minute():
    paper = read_paper(EXAMPLE)
    begun = perf_counter()
    (solution,), _ = solve_paper(paper)
    assert perf_counter() - begun < 60
    assert sum(solution.tried.values()) > 7_000_000


@pytest.mark.parametrize("stenosis", ["73.6", "73.8"])
def test_a_stenosis_of_a_tenth_more_or_less_fits_no_printed_mean_or_sd(stenosis):
    content = EXAMPLE.read_text()
    paper = read_paper(EXAMPLE)
    cases = paper.cases
    columns = {name: [*values] for name, values in cases.columns.items()}
    for name, text in (
        ("preoperative_joa", "11"),
        ("improvement_rate_percent", "33.3"),
        ("stenosis_rate_percent", stenosis),
    ):
        columns[name].append(Printed(text))
    full = replace(paper, cases=replace(cases, number=[*cases.number, 15], columns=columns))
    solutions, checks = solve_paper(full)
    assert solutions == []
    assert checks[-1].verdict == "does not agree"
    assert "73.7" not in content  # the example does not tell the answer


def test_what_is_recomputed_from_the_solved_cases_agrees_with_the_paper(checked):
    told = {check.kind: check.told for check in checked.checks if check.kind in ("paired", "correlation")}
    assert "t = 12.577" in told["paired"]  # README
    t_tests = [check.told for check in checked.checks if check.kind == "t test"]
    assert any(
        "t = 2.528" in text for text in t_tests
    )  # from the printed means and SDs; 2.529 from the cases
    assert all(
        check.verdict == "agrees"
        for check in checked.checks
        if check.kind in ("paired", "correlation", "t test")
    )


def wrong(tmp_path, old, new):
    text = EXAMPLE.read_text()
    assert text.count(old) == 1
    path = tmp_path / "paper.toml"
    path.write_text(text.replace(old, new))
    return check_paper(read_paper(path))


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ('anterior = ["11.38", "2.33"]', 'anterior = ["11.40", "2.33"]', "GRIM"),
        ('anterior = ["11.38", "2.33"]', 'anterior = ["11.38", "2.35"]', "SD"),
        ('all = ["53.24", "18.09"]', 'all = ["53.94", "18.09"]', "groups and whole"),
        ('p = ">0.05"', 'p = "<0.05"', "correlation"),
        ('slight = ["49.22", "15.83"]', 'slight = ["29.22", "15.83"]', "t test"),
        ("segmented = [4, 3, 1]", "segmented = [4, 3, 2]", "count"),
        ('severe = ["23.73", "14.19"]', 'severe = ["23.74", "14.19"]', "solve"),
        ("high = 87.5", "high = 86.5", "from cases"),
        ("severe = 9", "severe = 8", "count"),
    ],
)
def test_a_number_changed_in_the_paper_is_flagged(tmp_path, old, new, kind):
    flagged = wrong(tmp_path, old, new).flagged
    assert kind in {check.kind for check in flagged}


def test_what_hangs_on_an_unsolved_table_is_said_to_be_open(tmp_path):
    checked = wrong(tmp_path, 'severe = ["23.73", "14.19"]', 'severe = ["23.74", "14.19"]')
    open_ = {check.what: check.told for check in checked.checks if check.kind == "from cases"}
    assert open_["improvement_rate_percent, anterior"] == "the cases are not all known"
    assert "the cases are not all known" in " ".join(checked.findings())


def test_a_variable_that_nothing_is_printed_of_is_said_to_be_open(tmp_path):
    path = tmp_path / "paper.toml"
    path.write_text(
        HEAD
        + "[variables.age]\nlow = 1\nhigh = 9\n"
        + '[[summary]]\nvariable = "size"\nwhere = "T"\nall = ["1.0", "2.0"]'
    )
    checks = {check.what: check for check in check_paper(read_paper(path)).checks}
    assert {check.verdict for check in checks.values()} == {"cannot be told"}
    assert "no mean with its SD" in checks["age"].told
    assert "neither a range nor a table of cases" in checks["size, all"].told


def test_whole_numbers_and_their_means():
    assert possible_sums(Printed("5.19"), 28) == []  # Brown and Heathers 2017, their example: 5.19 of 28
    assert possible_sums(Printed("5.18"), 28) == [145]  # 145 / 28 = 5.179
    assert possible_sums(Printed("51.3"), 4) == [205]  # 51.25 is printed so when halves go up


def test_sd_of_whole_numbers_is_found_by_going_through_all_of_them():
    rng = np.random.default_rng(3)
    for _ in range(50):
        values = rng.integers(0, 18, size=int(rng.integers(2, 12)))
        sd = Printed(f"{values.std(ddof=1):.2f}")
        assert sd_possible(int(values.sum()), sd, len(values), low=0, high=17)
        assert sd_possible(int(values.sum()), sd, len(values))
    assert not sd_possible(3, Printed("2.50"), 3, low=0, high=3)  # of 0 + 0 + 3 the SD is 1.73, the greatest


def test_every_way_to_choose_comes_once():
    columns = np.array([[1.0, 2, 4, 8, 16, 32, 64]])
    for k in range(8):
        blocks = list(choose_all(columns, k))
        members = [int(m) for block in blocks for m in block.members]
        assert len(members) == len(set(members)) == count_ways(7, k)
        assert [
            int(s) for block in blocks for s in block.sums[0]
        ] == members  # powers of two: sum is the bits
        assert all(len(members_of(m)) == k for m in members)


HEAD = 'schema = "canalis.paper/1"\ntitle = "x"\nn = 3\nscale = "JOA17"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n = ", "Expected TOML"),
        ('title = "x"', "schema"),
        (HEAD + "sumary = 1", "sumary"),
        (HEAD.replace("JOA17", "XJOA"), "Expected a scale"),
        (HEAD + '[[summary]]\nvariable = "a"\nwhere = "T"\nall = [1.0, 2.0]', "stand in quotes"),
    ],
)
def test_a_file_that_is_no_summary_is_refused(tmp_path, text, message):
    path = tmp_path / "paper.toml"
    path.write_text(text)
    with pytest.raises(CohortError, match=message):
        read_paper(path)


def test_results_are_written_with_a_run(tmp_path):
    run_check(None, tmp_path / "out")
    content = json.loads((tmp_path / "out" / "paper_check.json").read_text())
    assert content["schema"] == "canalis.paper_check/1"
    assert len(content["flagged"]) == 4
    assert (tmp_path / "out" / "run.json").is_file()
    solved = (tmp_path / "out" / "solved_cases.csv").read_text().splitlines()
    assert len(solved) == 28
    tomllib.loads(EXAMPLE.read_text())


SUMMARY = '[[summary]]\nvariable = "a"\nwhere = "T"\n'
GROUPS = "[groups.g]\na = 1\nb = 2\n"
TEST = '[[test]]\nwhere = "R"\nvariables = ["x"]\ngroups = ["a", "b"]\n'
CASES = '[cases]\nwhere = "T"\nafter = "post"\nrate = "rate"\nnumber = [1]\n'
CELLS = '[cases.columns]\npre = ["8"]\nrate = ["50"]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + SUMMARY + 'all = ["1.0", "-2.0"]', r"summary of a, all: expected an SD of 0 or more.*-2\.0"),
        (HEAD + SUMMARY + 'all = ["inf", "2.0"]', r"expected a printed number, found 'inf'"),
        (HEAD.replace("n = 3", "n = 0"), r"n: expected a whole number from 1, found 0"),
        (HEAD.replace("n = 3", "n = 2.5"), r"n: expected a whole number from 1, found 2\.5"),
        (HEAD + "[groups.g]\na = 0\n", r"groups\.g\.a: expected a whole number from 1, found 0"),
        (HEAD + '[variables.a]\nlow = "x"\n', r"variables\.a: expected numbers for low and high, found 'x'"),
        (HEAD + "[variables.a]\nlow = 3\nhigh = 2\n", r"variables\.a: expected low below high"),
        (HEAD + GROUPS + TEST + 'kind = "anova"\np = "0.1"', r"kind: expected one of .*found 'anova'"),
        (HEAD + GROUPS + TEST + 'kind = "independent"\np = "small"', r"p: expected a p such as.*'small'"),
        (HEAD + TEST + 'kind = "independent"\np = "0.1"', r"groups: expected one of all, found 'a'"),
        (HEAD + GROUPS + TEST + 'kind = "paired"\np = "0.1"', r"variables: expected 2 names"),
        (HEAD + '[[count]]\nwhat = "s"\nwhere = "T"\nparts = { m = "two" }', r"count of s, m: .*'two'"),
        (
            HEAD + GROUPS + '[[crosstab]]\nwhat = "s"\nwhere = "T"\nfactor = "zz"\nrows = { m = [1, 2] }',
            r"crosstab of s, factor: expected one of g, found 'zz'",
        ),
        (
            HEAD + GROUPS + '[[crosstab]]\nwhat = "s"\nwhere = "T"\nfactor = "g"\nrows = { m = [1] }',
            r"row m: expected 2 counts",
        ),
        (
            HEAD + '[[columns]]\nwhere = "T"\nfactor = "zz"\nheaders = ["A"]\nmean = ["a"]\nn = [1]',
            r"columns\.factor: expected .*'zz'",
        ),
        (HEAD + CASES + 'before = "zz"\n' + CELLS, r"cases\.before: expected one of .*found 'zz'"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_place(tmp_path, text, message):
    path = tmp_path / "paper.toml"
    path.write_text(text)
    with pytest.raises(CohortError, match=message):
        check_paper(read_paper(path))


def test_a_t_test_with_a_group_of_one_cannot_be_told(tmp_path):
    path = tmp_path / "paper.toml"
    summary = SUMMARY.replace('"a"', '"x"') + 'a = ["1.0", "0.0"]\nb = ["2.0", "1.0"]\n'
    path.write_text(HEAD + GROUPS + summary + TEST + 'kind = "independent"\np = "0.1"')
    (check,) = [c for c in check_paper(read_paper(path)).checks if c.kind == "t test"]
    assert (check.verdict, "a has 1" in check.told) == ("cannot be told", True)
