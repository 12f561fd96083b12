"""Laws of the statistics, and independent roads to the same numbers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from canalis.cohort.balance import find_poor_overlap, standardised_difference
from canalis.cohort.chance import coupling_of_rate, permutation_test
from canalis.cohort.compare import Outcome, compare_before_after, compare_two
from canalis.cohort.power import smallest_correlation
from canalis.cohort.reach import model_reaching
from canalis.cohort.relate import correlate, correlate_given
from canalis.cohort.result import EffectSize, Result

RATE = Outcome("improvement_rate_percent", "the rate", "percentage points")
scores = st.lists(st.integers(0, 34), min_size=4, max_size=15)


def two(one, other, names=("a", "b")):
    return compare_two(np.array(one, float), np.array(other, float), names=names, outcome=RATE, id="x")


@settings(max_examples=40, deadline=None)
@given(one=scores, other=scores)
def test_turning_groups_around_turns_the_difference_around(one, other):
    for result, turned in zip(two(one, other), two(other, one), strict=True):
        assert turned.p == pytest.approx(result.p) if result.p is not None else turned.p is None
        assert turned.estimate == pytest.approx(-result.estimate)
        assert (turned.ci_low is None) == (result.ci_high is None)


@settings(max_examples=40, deadline=None)
@given(one=scores, other=scores, shift=st.integers(-5, 5))
def test_adding_the_same_to_every_value_changes_no_difference(one, other, shift):
    for result, moved in zip(
        two(one, other), two([v + shift for v in one], [v + shift for v in other]), strict=True
    ):
        assert moved.estimate == pytest.approx(result.estimate)
        assert moved.p == pytest.approx(result.p, rel=1e-6) if result.p is not None else moved.p is None


@settings(max_examples=25, deadline=None)
@given(
    one=st.lists(st.integers(0, 9), min_size=3, max_size=6),
    other=st.lists(st.integers(0, 9), min_size=3, max_size=6),
)
def test_the_exact_permutation_p_is_scipys(one, other):
    if len({*one, *other}) < 2:
        return
    a, b = np.array(one, float), np.array(other, float)
    ours = permutation_test(a, b, names=("a", "b"), outcome=RATE, id="x")
    theirs = stats.permutation_test(
        (a, b),
        lambda x, y: abs(x.mean() - y.mean()),
        n_resamples=np.inf,
        alternative="greater",
        vectorized=False,
    )
    assert "all" in ours.method
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-9)


def test_the_exact_p_of_the_violence_groups_goes_through_every_way(example):
    result = example.get("improvement_by_violence.slight_vs_severe.permutation")
    assert "all 4,686,825 ways" in result.method  # 27 choose 9
    frame = example.cohort.frame
    sides = [
        frame.loc[frame["violence"] == g, "improvement_rate_percent"].to_numpy() for g in ("slight", "severe")
    ]
    random = stats.permutation_test(
        sides, lambda x, y, axis: np.abs(x.mean(axis=axis) - y.mean(axis=axis)), n_resamples=20_000,
        alternative="greater", vectorized=True, batch=2000, rng=np.random.default_rng(1),
    )  # fmt: skip
    assert result.p == pytest.approx(
        random.pvalue, abs=6e-4
    )  # 3.5 standard errors of 20,000 draws at p = .0005


def test_a_cohort_whose_gain_has_nothing_to_do_with_the_start_still_couples(example):
    result = example.get("preoperative_joa_vs_improvement.coupling")
    assert 0.6 < result.estimate < 0.8
    assert result.p > 0.05
    again = coupling_of_rate(
        example.cohort.frame["preoperative_joa"].to_numpy(),
        example.cohort.frame["joa_change"].to_numpy(),
        full=17,
        id="preoperative_joa_vs_improvement.coupling",
    )
    assert again == result  # the same deals each time


def test_partial_correlation_is_that_of_the_residuals_and_pingouins(example):
    frame = example.cohort.frame
    x, y, z = (
        frame[c].to_numpy() for c in ("stenosis_rate_percent", "improvement_rate_percent", "preoperative_joa")
    )
    result = correlate_given(x, y, z, id="x", question="?", outcome="", names=("x", "y", "z"))
    residuals = [v - np.polyval(np.polyfit(z, v, 1), z) for v in (x, y)]
    assert result.estimate == pytest.approx(np.corrcoef(*residuals)[0, 1], rel=1e-9)
    pingouin = pytest.importorskip("pingouin")
    found = pingouin.partial_corr(
        frame.reset_index(drop=True),
        x="stenosis_rate_percent",
        y="improvement_rate_percent",
        covar="preoperative_joa",
    )
    assert result.estimate == pytest.approx(float(found["r"].iloc[0]), rel=1e-6)


def test_cohens_d_is_pingouins(example):
    pingouin = pytest.importorskip("pingouin")
    frame = example.cohort.frame
    sides = [frame.loc[frame["approach"] == g, "improvement_rate_percent"] for g in ("anterior", "posterior")]
    found = example.get("improvement_by_approach.anterior_vs_posterior").effect_size.value
    assert found == pytest.approx(pingouin.compute_effsize(*sides, eftype="cohen"), rel=1e-9)


def test_the_smallest_correlation_is_found_four_times_in_five():
    r = smallest_correlation(27).estimate
    assert r == pytest.approx(0.517, abs=5e-4)  # tanh((1.95996 + 0.84162) / sqrt(24))
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4000, 27))
    y = r * x + np.sqrt(1 - r * r) * rng.standard_normal((4000, 27))
    found = np.array([stats.pearsonr(a, b).pvalue < 0.05 for a, b in zip(x, y, strict=True)])
    assert found.mean() == pytest.approx(0.8, abs=0.02)  # 3 standard errors of 4,000 draws


def test_standardised_differences_are_their_closed_forms():
    one, other = pd.Series([1.0, 2, 3, 6]), pd.Series([2.0, 4, 9])
    expected = (3 - 5) / np.sqrt((one.var() + other.var()) / 2)  # Austin 2009
    assert standardised_difference(one, other, numeric=True) == pytest.approx(expected)
    yes, no = pd.Series(["yes"] * 3 + ["no"]), pd.Series(["yes"] + ["no"] * 3)
    assert standardised_difference(yes, no, numeric=False) == pytest.approx(
        0.5 / np.sqrt(0.1875)
    )  # .75 against .25
    words, others = pd.Series(list("aabc")), pd.Series(list("abbc"))
    assert standardised_difference(words, others, numeric=False) == pytest.approx(
        standardised_difference(others, words, numeric=False)
    )
    assert standardised_difference(words, words, numeric=False) == 0


def test_the_overlap_of_the_violence_groups_is_told(example):
    overlap = example.overlaps["violence.slight_vs_severe"]
    assert (overlap.low_group, overlap.low_below, overlap.low_n) == (
        "severe",
        7,
        9,
    )  # the issue: 7 of 9 severe
    assert (overlap.high_group, overlap.high_below, overlap.high_n) == ("slight", 2, 18)  # 2 of 18 slight
    assert overlap.cut == 4  # start at 4 or less
    assert find_poor_overlap(np.array([1.0, 5, 9]), np.array([1.0, 5, 9]), ("a", "b")) is None


def test_a_predictor_that_tells_everything_gives_no_odds_ratio():
    reached = np.array([0.0, 0, 0, 0, 1, 1, 1, 1])
    (result,) = model_reaching(reached, {"score": np.arange(8.0)}, id="m")
    assert result.estimate is None
    assert "perfectly" in result.reasons["p"] or "separate" in result.reasons["p"]
    assert any("Few events" in warning for warning in result.warnings)


def test_a_correlation_of_one_has_no_statistic_but_a_reason():
    x = np.array([1.0, 2, 3, 4])
    result = correlate(x, 2 * x, id="x", question="?", outcome="", names=("x", "y"))
    assert result.estimate == pytest.approx(1)
    assert result.to_json()["reasons"].get("statistic") or result.statistic is not None


def test_small_samples_of_pairs_use_the_exact_signed_ranks():
    before, after = np.array([3.0, 4, 5, 6, 7]), np.array([5.0, 7, 9, 11, 13])
    result = compare_before_after(before, after, id="x", question="?", unit="points")
    assert result.companion.p == 0.0625  # all five up: 2 / 2**5


def test_nan_never_becomes_a_result():
    with pytest.raises(ValueError, match="estimate is nan"):
        Result(
            id="x",
            question="",
            method="",
            estimate=float("nan"),
            unit="",
            n=1,
            effect_size=EffectSize("", None),
        )
