"""Agreement against psych 2.2.9 in R, pingouin, statsmodels and closed forms."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.stats.anova import anova_lm

from canalis.cohort.agreement import compare_readings, run_agreement
from canalis.cohort.kappa import kappas
from canalis.cohort.limits import limits_of_agreement
from canalis.cohort.readings import Readings, read_readings
from canalis.cohort.reliability import intraclass_correlations, mean_squares
from canalis.errors import CohortError

READERS = Path(__file__).parent / "r" / "readers.csv"
PSYCH = {
    "icc_1": "ICC1",
    "icc_k": "ICC1k",
    "icc_c1": "ICC3",
    "icc_ck": "ICC3k",
    "icc_a1": "ICC2",
    "icc_ak": "ICC2k",
}


def numbers(table):
    return Readings("thickness_mm", pd.DataFrame(table), True, (), (), "mm")


@pytest.fixture(scope="module")
def shrout():
    """Six targets judged by four judges: Shrout and Fleiss, Psychol Bull 1979;86:420-428, table 2."""
    return {r.id.split(".")[1]: r for r in intraclass_correlations(read_readings(READERS)[0])}


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("icc_1", 0.17),
        ("icc_a1", 0.29),
        ("icc_c1", 0.71),
        ("icc_k", 0.44),
        ("icc_ak", 0.62),
        ("icc_ck", 0.91),
    ],
)
def test_icc_is_what_shrout_and_fleiss_print(shrout, form, value):
    assert shrout[form].estimate == pytest.approx(value, abs=0.005)  # their table 4 prints 2 decimals


@pytest.mark.parametrize("form", PSYCH)
def test_icc_its_interval_and_p_are_what_psych_gives(shrout, from_r, form):
    stem = f"icc.{PSYCH[form]}"
    result = shrout[form]
    assert result.estimate == pytest.approx(from_r[stem], rel=1e-9)
    assert (result.ci_low, result.ci_high) == pytest.approx(
        (from_r[f"{stem}.ci_low"], from_r[f"{stem}.ci_high"]), rel=1e-9
    )
    assert result.p == pytest.approx(from_r[f"{stem}.p"], rel=1e-9)


def test_icc_is_what_pingouin_gives(shrout):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pingouin's own
        import pingouin

        long = pd.read_csv(READERS)
        table = pingouin.intraclass_corr(long, targets="case", raters="reader", ratings="thickness_mm")
    found = dict(zip(table["Type"], table["ICC"], strict=True))
    single = {"ICC(1,1)": "icc_1", "ICC(A,1)": "icc_a1", "ICC(C,1)": "icc_c1"}
    pairs = single | {"ICC(1,k)": "icc_k", "ICC(A,k)": "icc_ak", "ICC(C,k)": "icc_ck"}
    older = dict(zip(("ICC1", "ICC2", "ICC3", "ICC1k", "ICC2k", "ICC3k"), pairs.values(), strict=True))
    names = {name: form for name, form in (pairs | older).items() if name in found}
    assert len(names) == 6
    for name, form in names.items():
        assert shrout[form].estimate == pytest.approx(found[name], rel=1e-6)


def test_mean_squares_are_those_of_statsmodels():
    long = pd.read_csv(READERS)
    table = anova_lm(smf.ols("thickness_mm ~ C(case) + C(reader)", long).fit())
    wide = long.pivot(index="case", columns="reader", values="thickness_mm").to_numpy(dtype=float)
    rows, columns, error, _ = mean_squares(wide)
    assert [rows, columns, error] == pytest.approx(table["mean_sq"].tolist(), rel=1e-10)


def test_readers_who_agree_exactly_have_an_icc_of_one_and_say_why_there_is_no_interval():
    for result in intraclass_correlations(numbers({"A": [1.0, 2, 4, 7], "B": [1.0, 2, 4, 7]})):
        assert result.estimate == 1
        assert result.ci_low is None
        assert result.reasons["ci_low"] == "the readers agree exactly"


def test_a_constant_offset_spoils_absolute_agreement_only():
    found = {
        r.id.split(".")[1]: r.estimate
        for r in intraclass_correlations(numbers({"A": [1.0, 2, 4, 7], "B": [3.0, 4, 6, 9]}))
    }
    assert found["icc_c1"] == pytest.approx(1)
    assert found["icc_a1"] < 0.9


def test_limits_of_agreement_are_their_closed_form():
    a, b = np.array([5.0, 6.5, 7.0, 9.5, 4.0]), np.array([5.5, 6.0, 7.5, 9.0, 5.0])
    results = {r.id.rsplit(".", 1)[1]: r for r in limits_of_agreement(numbers({"A": a, "B": b}), "A", "B")}
    difference = a - b
    half = 1.959963984540054 * difference.std(ddof=1)  # normal quantile of .975
    assert results["bias"].estimate == pytest.approx(difference.mean())
    assert results["lower_limit"].estimate == pytest.approx(difference.mean() - half)
    assert results["upper_limit"].estimate == pytest.approx(difference.mean() + half)
    assert results["lower_limit"].ci_low < results["lower_limit"].estimate < results["lower_limit"].ci_high


def test_turning_the_readers_around_turns_the_limits_around():
    readings = numbers({"A": [5.0, 6.5, 7.0, 9.5], "B": [5.5, 6.0, 7.5, 9.0]})
    one = {r.id.rsplit(".", 1)[1]: r.estimate for r in limits_of_agreement(readings, "A", "B")}
    other = {r.id.rsplit(".", 1)[1]: r.estimate for r in limits_of_agreement(readings, "B", "A")}
    assert one["upper_limit"] == pytest.approx(-other["lower_limit"])
    assert one["bias"] == pytest.approx(-other["bias"])


GRADES = {1: "poor", 2: "fair", 3: "good"}
FIRST = [GRADES[g] for g in (1, 2, 3, 3, 2, 1, 1, 2, 3, 3, 2, 2)]
SECOND = [GRADES[g] for g in (1, 2, 3, 2, 2, 1, 2, 2, 3, 3, 3, 1)]


def test_kappas_are_what_psych_gives(from_r):
    table = pd.DataFrame({"A": FIRST, "B": SECOND})
    results = {
        r.id.split(".")[1]: r
        for r in kappas(Readings("grade", table, False, ("poor", "fair", "good"), (), ""))
    }
    assert results["kappa"].estimate == pytest.approx(from_r["kappa.unweighted"], rel=1e-9)
    assert results["kappa_linear"].estimate == pytest.approx(from_r["kappa.linear"], rel=1e-9)
    assert results["kappa_quadratic"].estimate == pytest.approx(from_r["kappa.quadratic"], rel=1e-9)


def test_kappa_of_one_word_only_is_not_told():
    (result,) = kappas(
        Readings("type", pd.DataFrame({"A": ["mixed"] * 4, "B": ["mixed"] * 4}), False, (), (), "")
    )
    assert result.estimate is None
    assert "one word" in result.reasons["estimate"]


def test_long_and_wide_tables_say_the_same(write_table):
    long = "case,reader,thickness_mm\n1,A,3\n1,B,4\n2,A,5\n2,B,5\n3,A,7\n3,B,6\n"
    wide = "case,thickness_mm.A,thickness_mm.B\n1,3,4\n2,5,5\n3,7,6\n"
    one, other = (
        read_readings(write_table(text, name))[0] for text, name in ((long, "l.csv"), (wide, "w.csv"))
    )
    pd.testing.assert_frame_equal(one.table, other.table)
    assert one.unit == "mm"


def test_a_case_that_a_reader_did_not_judge_is_left_out_and_named(write_table):
    (readings,) = read_readings(write_table("case,A,B\n1,3,4\n2,5,\n3,7,6\n"))
    assert readings.left_out == ("2",)
    assert len(readings.table) == 2


def test_the_program_stands_as_one_more_reader(write_table):
    imaging = pd.DataFrame({"thickness_mm": [3.2, 5.1, 6.4]}, index=["1", "2", "3"])
    (readings,) = read_readings(
        write_table("case,reader,thickness_mm\n1,A,3\n2,A,5\n3,A,7\n"), imaging=imaging
    )
    assert list(readings.table) == ["A", "canalis"]
    assert len(compare_readings(readings)) == 6 + 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "one column 'case'"),
        ("case,reader,x\n1,A,2\n", "at least two readers"),
        ("case,reader,x\n1,A,2\n1,A,3\n", "once a reader"),
        ("case,reader,x\n1,A,2\n2,B,3\n", "every reader judged"),
        ("case,name,x\n1,A,2\n", "names a patient"),
        ("case,reader,k_line\n1,A,positive\n1,B,upward\n", "Expected one of negative"),
    ],
)
def test_a_table_that_is_no_readings_is_refused(write_table, text, message):
    with pytest.raises(CohortError, match=message):
        read_readings(write_table(text))


def test_results_are_written_with_a_figure(tmp_path, write_table):
    text = "case,reader,thickness_mm,type\n" + "".join(
        f"{i},{r},{3 + i + d},{'mixed' if i % 2 else 'segmented'}\n"
        for i in range(6)
        for r, d in (("A", 0), ("B", 0.2 * i))
    )
    run_agreement(write_table(text), tmp_path / "out")
    content = json.loads((tmp_path / "out" / "agreement.json").read_text())
    assert {"thickness_mm.icc_a1", "type.kappa.A_vs_B"} <= {r["id"] for r in content["results"]}
    assert (tmp_path / "out" / "figures" / "bland_altman_thickness_mm_A_B.svg").is_file()
    assert (tmp_path / "out" / "tables.docx").is_file()


@pytest.mark.parametrize(("cell", "told"), [('"3,1"', "'3,1'"), ("abc", "words"), ("inf", "'inf'")])
@pytest.mark.parametrize("measure", ["thickness_mm", "gap"])
def test_a_bad_cell_among_numbers_is_refused_by_row_and_measure(write_table, cell, told, measure):
    text = f"case,reader,{measure}\n1,A,2.9\n1,B,{cell}\n2,A,4.1\n2,B,4.0\n"
    with pytest.raises(CohortError, match=rf"number for {measure}, found {told}.*row 3, column {measure}"):
        read_readings(write_table(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case\n1\n2\n", "at least two readers, found none"),
        ("case,reader\n1,A\n1,B\n", "a measure"),
        ("case,thickness_mm,opll_type\n1,3.1,mixed\n2,3.3,mixed\n", "no column 'reader'"),
        ("case,A\n1,3.1\n2,3.3\n", "at least two readers, found 1"),
    ],
)
def test_a_table_without_readers_is_refused(write_table, text, message):
    with pytest.raises(CohortError, match=message):
        read_readings(write_table(text))


def test_a_reading_off_the_order_is_told_by_its_row_and_without_a_name(write_table):
    text = "case,reader,k_line\n1,A,positive\n1,B,Mustermann Max\n"
    with pytest.raises(CohortError, match=r"row 3, column k_line") as told:
        read_readings(write_table(text))
    assert "Muster" not in str(told.value)


@pytest.mark.parametrize("cells", [("a,b", "b,a"), ("a,b", "c,d"), ("a,b", "a,a"), ("a,c", "b,c")])
def test_kappa_of_few_cases_gives_no_warning_of_a_library(write_table, cells):
    rows = zip(*(c.split(",") for c in cells), strict=True)
    text = "case,A,B\n" + "".join(f"{i},{a},{b}\n" for i, (a, b) in enumerate(rows))
    (readings,) = read_readings(write_table(text))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (result,) = compare_readings(readings)
    assert (result.ci_low is None) == (result.ci_high is None)
