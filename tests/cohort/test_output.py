"""What `canalis cohort` writes, through the command line as a user calls it."""

import json
import math
import re
import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

from canalis.cli import app
from canalis.cohort.analysis import analyse
from canalis.cohort.cases import read_cases
from canalis.cohort.figures import write_figures
from canalis.cohort.findings import write_findings
from canalis.cohort.imaging import join_imaging, read_imaging
from canalis.cohort.run import run_cohort
from canalis.errors import CohortError, OutputError

TABLE_I = {  # paper, Table I
    "Number of patients (cases)": ["8", "15", "4"],
    "JOA improvement rate (%)": ["53.51 ± 13.04", "35.01 ± 18.28", "36.60 ± 26.03"],
    "  Preoperative": ["11.38 ± 2.33", "7.07 ± 4.37", "6.50 ± 3.70"],
    "  Postoperative": ["14.25 ± 1.83", "10.00 ± 4.28", "9.75 ± 4.92"],
}
TABLE_II = {  # paper, Table II
    "Number of patients (cases)": ["18", "9"],
    "Spinal stenosis rate (%)": ["52.29 ± 17.57", "55.13 ± 20.04"],
    "JOA improvement rate (%)": ["49.22 ± 15.83", "23.73 ± 14.19"],
}
FIXED_IDS = [  # contract of statistics.json
    "joa_change",
    "improvement_by_approach.anterior_vs_posterior",
    "improvement_by_approach.anterior_vs_posterior.welch",
    "improvement_by_approach.anterior_vs_posterior.adjusted",
    "improvement_by_violence.slight_vs_severe",
    "improvement_by_violence.slight_vs_severe.welch",
    "improvement_by_violence.slight_vs_severe.adjusted",
    "preoperative_joa_vs_improvement",
    "stenosis_vs_improvement",
    "stenosis_vs_improvement.adjusted",
    "improvement_on_preoperative_joa.slope",
    "improvement_on_preoperative_joa.intercept",
]
FIELDS = {
    "id", "question", "method", "estimate", "unit", "ci_low", "ci_high", "ci_level", "statistic", "df", "p",
    "n",
    "effect_size", "companion", "assumptions", "warnings",
}  # fmt: skip
NUMBERS = ("estimate", "ci_low", "ci_high", "statistic", "df", "p")


def canalis(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example") / "out"
    result = canalis("cohort", "--example", "--out", folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def statistics(out):
    return json.loads((out / "statistics.json").read_text(), parse_constant=lambda text: pytest.fail(text))


def test_statistics_hold_the_fields_and_ids_that_other_programs_read(statistics):
    assert {"schema", "n", "missing", "scale", "results", "findings"} <= statistics.keys()
    assert (statistics["schema"], statistics["n"], statistics["scale"]) == (
        "canalis.statistics/1",
        27,
        "JOA17",
    )
    ids = [result["id"] for result in statistics["results"]]
    assert len(ids) == len(set(ids))
    assert set(FIXED_IDS) <= set(ids)
    for result in statistics["results"]:
        assert result.keys() >= FIELDS, result["id"]
        assert result["effect_size"].keys() == {"name", "value"}
        assert result["companion"] is None or result["companion"].keys() == {"method", "statistic", "p"}


def test_a_missing_number_has_a_reason_and_a_p_has_an_effect_size(statistics):
    for result in statistics["results"]:
        for field in NUMBERS:
            assert result[field] is not None or result["reasons"][field], (result["id"], field)
            assert result[field] is None or math.isfinite(result[field])
        assert result["p"] is None or result["effect_size"]["value"] is not None


def test_the_findings_say_what_the_paper_missed(statistics):
    told = "\n".join(statistics["findings"])
    assert "Anterior patients began 4.3 points higher" in told
    assert (
        "adjusted for that the difference in improvement is 5.5 percentage points (95 % CI −7.5 to 18.4, p "
        "= .39)" in told
    )
    assert (
        "No dependence of the points gained on the starting score is shown (r = −.15, 95 % CI −.50 to .25, "
        "p = .46); the rate does go with it (r = .76" in told
    )
    assert "because its denominator shrinks" in told
    assert "7 of 9 severe cases start at 4 or less, 2 of 18 slight" in told
    assert "few events: 11 did not reach it, for 2 predictors;" in told
    assert "from r = .52 on" in told


HEAD = "case,scale,approach,preoperative_joa,postoperative_joa\n"


def findings_of(write_table, *rows):
    """Return the findings on cases given as (approach, before, after)."""
    lines = [f"{number},JOA17,{a},{before},{after}\n" for number, (a, before, after) in enumerate(rows, 1)]
    return "\n".join(write_findings(analyse(read_cases(write_table(HEAD + "".join(lines))))))


def test_a_change_within_chance_is_not_told_as_a_fall(write_table):
    rows = [("anterior", 8, 6), ("anterior", 9, 12), ("anterior", 12, 11), ("anterior", 13, 12.5)]
    told = findings_of(write_table, *rows)
    assert "No change of the score is shown: it differs by 0.1 points, from 10.5 to 10.4 of 17" in told
    assert "fell" not in told


def test_scores_that_cannot_be_tested_are_told(write_table):
    assert "could not be compared: Not tested: fewer than 2 pairs." in findings_of(
        write_table, ("anterior", 8, 12)
    )


def test_a_difference_that_adjusting_leaves_is_not_laid_to_the_start(write_table):
    rows = [("anterior", 8.5, 12), ("anterior", 9, 13.5), ("anterior", 11, 14)]
    rows += [("posterior", 10, 12), ("posterior", 7, 11), ("posterior", 6.5, 9)]
    told = findings_of(write_table, *rows)
    assert "improvement is 18.0 percentage points" in told
    assert "against 18.3 percentage points (95 % CI 0.3 to 36.4, p = .048) unadjusted" in told
    assert "The starting score does not explain the difference between anterior and posterior" in told
    assert "no difference is shown that is not" not in told


def test_a_model_that_could_not_be_made_has_no_odds_ratio_to_read(write_table):
    told = findings_of(write_table, *[("anterior", 8 + n / 2, 12 + n / 2) for n in range(6)])
    assert "The logistic model of reaching it could not be made: every case reached the mark." in told
    assert "odds ratio" not in told


def test_rates_without_a_bound_are_warned_about(write_table):
    rows = [("anterior", 16.5, 10), ("anterior", 9, 12), ("posterior", 8, 11), ("posterior", 10, 13)]
    told = findings_of(write_table, *rows)
    assert "Below −100 %: 1 of 4 improvement rates, down to −1300 %" in told


def test_a_figures_groups_count_the_patients_that_are_drawn(write_table, tmp_path):
    rows = "1,JOA17,anterior,8,12\n2,JOA17,anterior,9,\n3,JOA17,posterior,8,11\n4,JOA17,posterior,10,13\n"
    write_figures(analyse(read_cases(write_table(HEAD + rows))), tmp_path)
    drawn = (tmp_path / "figure_3_improvement_by_approach.svg").read_text()
    assert "<!-- (n = 1) -->" in drawn
    assert "<!-- (n = 2) -->" in drawn


def test_each_correction_for_many_comparisons_says_what_it_covers(out, statistics):
    told = "\n".join(statistics["findings"])
    assert len(statistics["multiplicity"]) == 7
    assert (
        "Corrected for the 7 main comparisons (Holm; the score before and after, the improvement rate by "
        "approach, the improvement rate by violence and the correlations of the rate), no longer "
        "significant: improvement by approach: anterior vs posterior." in told
    )
    page = (out / "tables.html").read_text()
    assert (
        page.count("p (Holm) is corrected within one outcome and one kind of test, over 3 pairs of approach.")
        == 1
    )
    adjustments = {r["p_adjustment"] for r in statistics["results"]}
    assert adjustments == {None, "Holm, 3 pairs of approach"}


def test_tables_name_measures_in_words_and_odds_ratios_as_such(out):
    text = (out / "table_7_relations.csv").read_text()
    assert "MCID reached: stenosis rate," in text
    assert "logistic regression on preoperative JOA and stenosis rate," in text
    assert text.count(",odds ratio 1.0") == 2
    for raw in ("Mcid", "_joa", "_percent", "rate percent"):
        assert raw not in text, raw


def test_the_numbers_in_the_findings_are_those_of_the_results(statistics):
    by_id = {result["id"]: result for result in statistics["results"]}
    adjusted = by_id["improvement_by_approach.anterior_vs_posterior.adjusted"]
    sentence = next(s for s in statistics["findings"] if s.startswith("Anterior patients began 4.3"))
    numbers = [float(n.replace("−", "-")) for n in re.findall(r"−?\d+\.\d", sentence)]
    for field in ("estimate", "ci_low", "ci_high"):
        assert any(abs(adjusted[field] - number) <= 0.05 for number in numbers), field


def test_approach_is_not_related_to_stenosis_case_by_case(statistics):
    related = [r["id"] for r in statistics["results"] if "by_approach" in r["id"] and "stenosis" in r["id"]]
    assert related == []  # the approach of cases alike is not known


def test_tables_i_ii_and_iii_are_the_papers(out):
    for name, expected in (("table_1_approach", TABLE_I), ("table_2_violence", TABLE_II)):
        table = pd.read_csv(out / f"{name}.csv", index_col=0, dtype=str)
        for row, cells in expected.items():
            assert table.loc[row].tolist()[: len(cells)] == cells
    assert list(pd.read_csv(out / "table_1_approach.csv").columns[1:4]) == [
        "Anterior",
        "Posterior",
        "Combined",
    ]
    three = pd.read_csv(out / "table_3_cases.csv")
    assert three.iloc[14].tolist() == [15, 11, 33.3, 73.7]  # README of the cohort: patient 15


def test_the_same_table_gives_the_same_bytes(out, tmp_path):
    run_cohort(None, tmp_path / "again")
    for path in sorted(out.rglob("*")):
        if path.is_file() and path.name != "run.json":  # run.json holds seconds
            assert path.read_bytes() == (tmp_path / "again" / path.relative_to(out)).read_bytes(), path.name


def test_figures_are_there_as_svg_and_png(out):
    names = {path.name for path in (out / "figures").iterdir()}
    stems = (
        "figure_1_regression",
        "figure_2_before_after",
        "figure_3_improvement_by_approach",
        "figure_4_forest",
    )
    assert {f"{stem}{ending}" for stem in stems for ending in (".svg", ".png")} <= names


def test_the_page_needs_nothing_from_outside(out):
    page = (out / "tables.html").read_text()
    assert not re.search(r'(src|href)="https?:', page)
    assert "<script" not in page
    assert "Table III" in page


def test_results_that_are_there_are_only_replaced_when_asked(out, tmp_path):
    assert canalis("cohort", "--example", "--out", out).exit_code == 1
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="other files"):
        run_cohort(None, other, overwrite=True)
    assert (other / "thesis.txt").read_text() == "mine"


def test_a_refused_table_leaves_no_folder_and_one_line(write_table, tmp_path):
    result = canalis(
        "cohort", write_table("case,preoperative_joa,postoperative_joa\nP1,x,12\n"), "--out", tmp_path / "out"
    )
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "row 2, column preoperative_joa" in result.stderr
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize(
    "arguments", [["cohort"], ["cohort", "--example"], ["cohort", "x.csv", "--example", "--out", "o"]]
)
def test_wrong_usage_ends_with_2(arguments):
    assert canalis(*arguments).exit_code == 2


FORMULAS = "case,operation,approach,preoperative_joa,postoperative_joa\n" + "".join(
    f"{case},{operation},{approach},{before},{before + 2 + before % 3}\n"
    for case, operation, approach, before in [
        ("=cmd1", "=cmd|' /C calc'!A0", "anterior", 8),
        ("@SUM", "+1+1", "posterior", 9),
        ("P3", "<script>alert(1)</script>", "anterior", 10),
        ("P4", "-2+3", "posterior", 6),
        ("P5", "laminoplasty", "anterior", 7),
    ]
)


def test_formulas_are_never_written_back_as_formulas(write_table, tmp_path):
    run_cohort(write_table(FORMULAS), tmp_path / "out")
    import csv

    for path in (tmp_path / "out").glob("*.csv"):
        with path.open() as file:
            for row in csv.reader(file):
                for cell in row:
                    assert not cell.startswith(("=", "+", "@", "\t")), (path.name, cell)
    analysed = (tmp_path / "out" / "cases_analysed.csv").read_text()
    assert "'=cmd1" in analysed
    assert "'-2+3" in analysed
    assert "<script>" not in (tmp_path / "out" / "tables.html").read_text()


def test_a_template_is_read_back_once_filled_in(tmp_path):
    import openpyxl

    for name in ("template.xlsx", "template.csv"):
        assert canalis("cohort", "--template", tmp_path / name).exit_code == 0
    assert canalis("cohort", "--template", tmp_path / "template.csv").exit_code == 1
    book = openpyxl.load_workbook(tmp_path / "template.xlsx")
    headers = [cell.value for cell in book["cases"][1]]
    row = {
        "case": "P1",
        "opll_type": "hybrid",
        "preoperative_joa": 8,
        "postoperative_joa": 12,
        "k_line": "(-)",
    }
    book["cases"].append([row.get(h) for h in headers])
    book["cases"].append(
        [
            {"case": "P2", "preoperative_joa": 9, "postoperative_joa": 12, "k_line": "-"}.get(h)
            for h in headers
        ]
    )
    book.save(tmp_path / "filled.xlsx")
    from canalis.cohort.cases import read_cases

    frame = read_cases(tmp_path / "filled.xlsx").frame
    assert frame.loc["P1", "opll_type"] == "mixed"
    assert frame.loc["P2", "k_line"] == "negative"


BATCH = "case,status,residual_ap_mm,max_occupying_ratio_percent,max_thickness_mm,type,k_line,reaches_c2\n"


def test_measurements_are_joined_by_case_and_both_sides_unmatched_named(write_table, tmp_path):
    text = "case,thickness_mm,preoperative_joa,postoperative_joa\n"
    text += "P1,5.0,8,12\nP2,,9,12\nP3,,7,9\nP4,,5,9\nP5,,11,12\n"
    (tmp_path / "batch").mkdir()
    rows = "P1,measured,4.1,60.5,6.0,continuous,negative,true\nP2,partial,5.0,,4.4,mixed,,false\n"
    rows += "P9,measured,7,20,2,localized,positive,false\n"
    (tmp_path / "batch" / "cases.csv").write_text(BATCH + rows)
    from canalis.cohort.cases import read_cases

    cohort = join_imaging(read_cases(write_table(text)), read_imaging(tmp_path / "batch"))
    assert cohort.frame.loc["P1", "thickness_mm"] == 5.0  # the table's own value stays
    assert cohort.frame.loc["P2", "thickness_mm"] == 4.4
    assert cohort.frame.loc["P1", "reaches_c2"] == "yes"
    assert cohort.frame.loc["P1", "stenosis_rate_percent"] == 60.5
    told = "\n".join(cohort.warnings)
    assert "3 of 5 cases have no measured study: P3, P4, P5" in told
    assert "1 of 3 measured studies are no case of the table: P9" in told
    assert "thickness_mm in the table differs from the measurement in 1 of 1 cases, by up to 1.0" in told
    assert cohort.missing["residual_ap_mm"] == 3


def test_a_folder_without_measurements_or_with_none_alike_is_refused(write_table, tmp_path):
    with pytest.raises(CohortError, match=r"Expected cases\.csv"):
        read_imaging(tmp_path)
    (tmp_path / "cases.csv").write_text(BATCH + "S1,measured,4,60,6,continuous,negative,true\n")
    from canalis.cohort.cases import read_cases

    with pytest.raises(CohortError, match="none alike: P1, P2 in the table, S1 measured"):
        join_imaging(
            read_cases(write_table("case,preoperative_joa,postoperative_joa\nP1,8,12\nP2,8,13\n", "t.csv")),
            read_imaging(tmp_path),
        )


def test_a_redcap_export_with_events_and_check_boxes_is_one_row_a_case(write_table):
    text = (
        "record_id,redcap_event_name,age,complications___c5_palsy,complications___csf_leak,joa,baseline_complete\n"
        "R1,baseline_arm_1,60,1,0,8,2\nR1,month_3_arm_1,,,,10,\nR1,month_12_arm_1,,,,13,\n"
        "R2,baseline_arm_1,55,0,0,9,2\nR2,month_3_arm_1,,,,12,\nR2,month_12_arm_1,,,,12,\n"
    )
    from canalis.cohort.cases import read_cases

    cohort = read_cases(write_table(text))
    frame = cohort.frame
    assert frame["preoperative_joa"].tolist() == [8, 9]
    assert frame["joa_at_3_months"].tolist() == [10, 12]
    assert frame["postoperative_joa"].tolist() == [13, 12]
    assert frame["complications"].tolist() == ["c5 palsy", "none"]
    assert frame["follow_up_months"].tolist() == [12, 12]
    assert any("REDCap" in warning for warning in cohort.warnings)
    with pytest.raises(CohortError, match="says its time"):
        read_cases(write_table(text.replace("month_3_arm_1", "visit_b_arm_1")))


def test_short_follow_up_is_warned_about(write_table):
    from canalis.cohort.analysis import analyse
    from canalis.cohort.cases import read_cases

    rows = "".join(f"P{i},{5 + i},{9 + i},{months}\n" for i, months in enumerate([3, 6, 12, 24]))
    analysis = analyse(
        read_cases(write_table("case,preoperative_joa,postoperative_joa,follow_up_months\n" + rows))
    )
    assert any("2 of 4 cases were followed for less than 12 months" in w for w in analysis.warnings)


def test_help_loads_no_statistics():
    code = (
        "import sys\nfrom canalis.cli import app\nfrom typer.testing import CliRunner\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print([m for m in ('pandas', 'statsmodels', 'scipy', 'matplotlib', 'sqlalchemy', 'docx') if m in "
        "sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )
