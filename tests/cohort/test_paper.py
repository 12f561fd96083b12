"""Every number that the paper prints, or that follows from its cohort, on the shipped example.

README: the cohort's own description, which lists the paper's printed values and those computed from it.
"""

import pytest

from canalis.cohort.wording import number


def printed(value, digits):
    return number(value, digits)


def test_scores_before_and_after_are_those_of_the_results_section(example):
    groups = example.get("joa_change").groups
    assert printed(groups["before"]["mean"], 1) == "8.3"  # paper, Results: 8.3 ± 4.2
    assert printed(groups["before"]["sd"], 1) == "4.2"  # paper, Results
    assert printed(groups["after"]["mean"], 1) == "11.2"  # paper, Results: 11.2 ± 4.2
    assert printed(groups["after"]["sd"], 1) == "4.2"  # paper, Results
    assert printed(groups["before"]["mean"], 2) == "8.26"  # README: from the file
    assert printed(groups["before"]["sd"], 2) == "4.19"  # README: from the file
    assert printed(groups["after"]["mean"], 2) == "11.22"  # README: from the file
    assert printed(groups["after"]["sd"], 2) == "4.19"  # README: from the file


def test_stenosis_is_that_of_the_results_section(example):
    stenosis = example.cohort.frame["stenosis_rate_percent"]
    assert printed(stenosis.mean(), 2) == "53.24"  # paper, Results: 53.24 ± 18.09 %
    assert printed(stenosis.std(), 2) == "18.09"  # paper, Results
    assert (stenosis.min(), stenosis.max()) == (22.8, 87.5)  # paper, Results: 22.8-87.5 %


@pytest.mark.parametrize(
    ("grouping", "group", "n", "mean", "sd"),
    [
        ("approach", "anterior", 8, "53.51", "13.04"),  # paper, Table I
        ("approach", "posterior", 15, "35.01", "18.28"),  # paper, Table I
        ("approach", "combined", 4, "36.60", "26.03"),  # paper, Table I
        ("violence", "slight", 18, "49.22", "15.83"),  # paper, Table II
        ("violence", "severe", 9, "23.73", "14.19"),  # paper, Table II
    ],
)
def test_improvement_by_group_is_that_of_tables_i_and_ii(example, grouping, group, n, mean, sd):
    frame = example.cohort.frame
    rates = frame.loc[frame[grouping] == group, "improvement_rate_percent"]
    assert (len(rates), printed(rates.mean(), 2), printed(rates.std(), 2)) == (n, mean, sd)


@pytest.mark.parametrize(
    ("group", "before", "after"),
    [
        ("anterior", ("11.38", "2.33"), ("14.25", "1.83")),  # paper, Table I
        ("posterior", ("7.07", "4.37"), ("10.00", "4.28")),  # paper, Table I
        ("combined", ("6.50", "3.70"), ("9.75", "4.92")),  # paper, Table I
    ],
)
def test_scores_by_approach_are_those_of_table_i(example, group, before, after):
    part = example.cohort.frame[example.cohort.frame["approach"] == group]
    for column, expected in (("preoperative_joa", before), ("postoperative_joa", after)):
        assert (printed(part[column].mean(), 2), printed(part[column].std(), 2)) == expected


@pytest.mark.parametrize(
    ("group", "mean", "sd"), [("slight", "52.29", "17.57"), ("severe", "55.13", "20.04")]
)
def test_stenosis_by_violence_is_that_of_table_ii(example, group, mean, sd):
    frame = example.cohort.frame
    stenosis = frame.loc[frame["violence"] == group, "stenosis_rate_percent"]
    assert (printed(stenosis.mean(), 2), printed(stenosis.std(), 2)) == (mean, sd)  # paper, Table II


def test_paired_t_is_the_readmes(example):
    change = example.get("joa_change")
    assert change.statistic == pytest.approx(12.577, abs=5e-4)  # README prints 3 decimals
    assert change.df == 26  # README
    assert change.p == pytest.approx(1.5e-12, abs=5e-14)  # README prints 2 digits; paper: P<0.01
    assert change.p < 0.01  # paper, Results


def test_anterior_against_posterior_is_the_readmes(example):
    student = example.get("improvement_by_approach.anterior_vs_posterior")
    welch = example.get("improvement_by_approach.anterior_vs_posterior.welch")
    assert student.statistic == pytest.approx(2.529, abs=5e-4)  # README prints 3 decimals
    assert student.p == pytest.approx(0.0195, abs=5e-5)  # README prints 4 decimals
    assert welch.p == pytest.approx(0.0113, abs=5e-5)  # README prints 4 decimals
    assert student.p < 0.05  # paper, Discussion


def test_slight_against_severe_is_the_readmes(example):
    student = example.get("improvement_by_violence.slight_vs_severe")
    assert student.statistic == pytest.approx(4.075, abs=5e-4)  # README prints 3 decimals
    assert student.df == 25  # README
    assert student.p == pytest.approx(0.00041, abs=5e-6)  # README prints 5 decimals


def test_relations_are_the_readmes(example):
    start = example.get("preoperative_joa_vs_improvement")
    stenosis = example.get("stenosis_vs_improvement")
    assert start.estimate == pytest.approx(0.762, abs=5e-4)  # README prints 3 decimals
    assert start.p == pytest.approx(3.9e-6, abs=5e-8)  # README prints 2 digits; paper: P<0.01
    assert stenosis.estimate == pytest.approx(-0.340, abs=5e-4)  # README prints 3 decimals
    assert stenosis.p == pytest.approx(0.082, abs=5e-4)  # README prints 3 decimals


def test_regression_line_is_the_readmes(example):
    assert printed(example.get("improvement_on_preoperative_joa.intercept").estimate, 2) == "11.64"  # README
    assert printed(example.get("improvement_on_preoperative_joa.slope").estimate, 2) == "3.52"  # README


def test_adjusted_differences_are_the_readmes(example):
    approach = example.get("improvement_by_approach.anterior_vs_posterior")
    adjusted = example.get("improvement_by_approach.anterior_vs_posterior.adjusted")
    assert printed(approach.estimate, 1) == "18.5"  # README: falls from 18.5
    assert adjusted.estimate == pytest.approx(5.5, abs=0.05)  # README: to about 5.5
    assert adjusted.p == pytest.approx(0.39, abs=0.005)  # README: p about .39
    violence = example.get("improvement_by_violence.slight_vs_severe.adjusted")
    assert printed(example.get("improvement_by_violence.slight_vs_severe").estimate, 1) == "25.5"  # README
    assert violence.estimate == pytest.approx(11, abs=0.5)  # README: about 11
    assert violence.p == pytest.approx(0.09, abs=0.005)  # README: p about .09
    start = example.get("preoperative_joa_by_approach.anterior_vs_posterior")
    assert printed(start.estimate, 1) == "4.3"  # README: began 4.3 JOA points higher


def test_printed_rates_fit_the_formula_to_their_digit(example):
    frame = example.cohort.frame
    formula = (
        100 * (frame["postoperative_joa"] - frame["preoperative_joa"]) / (17 - frame["preoperative_joa"])
    )
    assert (formula - frame["improvement_rate_percent"]).abs().max() <= 0.05  # README: to the printed digit
    assert not any("differs from its scores" in w for w in example.cohort.warnings)
