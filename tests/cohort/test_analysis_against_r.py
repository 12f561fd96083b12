"""Results on the example against R 4.2.2 (r/analysis.R, its output r/expected.csv, r/session.txt)."""

import pytest
import statsmodels.formula.api as smf

FIELDS = ("estimate", "statistic", "df", "p", "ci_low", "ci_high")
PAIRS = [
    "improvement_by_approach.anterior_vs_posterior",
    "improvement_by_approach.anterior_vs_combined",
    "improvement_by_approach.posterior_vs_combined",
    "improvement_by_violence.slight_vs_severe",
]
IDS = [
    "joa_change",
    *(pair + ending for pair in PAIRS for ending in ("", ".welch", ".adjusted", ".adjusted_postoperative")),
    "improvement_by_approach.anova",
    "improvement_by_approach.anova.welch",
    "preoperative_joa_vs_improvement",
    "stenosis_vs_improvement",
    "preoperative_joa_vs_change",
    "stenosis_vs_improvement.adjusted",
    "improvement_on_preoperative_joa.slope",
    "improvement_on_preoperative_joa.intercept",
]


@pytest.mark.parametrize("result_id", IDS)
def test_result_is_what_r_gives(example, from_r, result_id):
    result = example.get(result_id)
    checked = [field for field in FIELDS if f"{result_id}.{field}" in from_r]
    assert len(checked) >= 2
    for field in checked:  # R prints 15 digits; both solve the same normal equations
        assert getattr(result, field) == pytest.approx(from_r[f"{result_id}.{field}"], rel=1e-9, abs=1e-12), (
            field
        )


@pytest.mark.parametrize(
    "result_id", [i for i in IDS if not i.endswith((".welch", "intercept", "change.adjusted"))]
)
def test_companion_is_what_r_gives(example, from_r, result_id):
    names = [name for name in from_r if name.startswith(f"{result_id}.companion.")]
    companion = example.get(result_id).companion
    for name in names:
        assert getattr(companion, name.rsplit(".", 1)[1]) == pytest.approx(from_r[name], rel=1e-9), name
    assert names or result_id == "stenosis_vs_improvement.adjusted"  # base R has no partial Spearman


def test_holm_is_what_r_gives(example, from_r):
    for pair in ("anterior_vs_posterior", "anterior_vs_combined", "posterior_vs_combined"):
        found = example.get(f"improvement_by_approach.{pair}").p_adjusted
        assert found == pytest.approx(from_r[f"holm.{pair}"], rel=1e-9)


def test_logistic_model_is_what_r_gives(example, from_r):
    result = example.get("mcid_reached.preoperative_joa")
    for field in ("estimate", "p", "ci_low", "ci_high"):  # both iterate to their own tolerance
        assert getattr(result, field) == pytest.approx(
            from_r[f"mcid_reached.preoperative_joa.{field}"], rel=1e-5
        )


def test_shapiro_is_what_r_gives(example, from_r):
    told = next(a for a in example.get("joa_change").assumptions if "Shapiro" in a)
    assert f"W = {from_r['shapiro.differences.W']:.3f}".replace("0.", ".") in told


def test_smallest_difference_is_what_r_gives(from_r):
    from canalis.cohort.power import smallest_difference

    found = smallest_difference(20, 20, 1.0, unit="SD", id="x", names=("a", "b"))
    assert found.estimate == pytest.approx(
        from_r["power.smallest_difference.d"], rel=1e-4
    )  # R: uniroot's tolerance


def test_mixed_model_is_what_nlme_gives(from_r):
    from pathlib import Path

    from canalis.cohort.cases import read_cases
    from canalis.cohort.repeated import model_times

    results = model_times(read_cases(Path(__file__).parent / "r" / "followups.csv").frame)
    assert [r.id for r in results] == [f"joa_over_time.month_{m}" for m in (3, 6, 12)]
    for result in results:  # REML likelihoods are flat near their top: the two optimisers stop a little apart
        assert result.estimate == pytest.approx(from_r[f"{result.id}.estimate"], rel=1e-4)
        standard_error = (result.ci_high - result.ci_low) / (2 * 1.959963984540054)  # normal quantile of .975
        assert standard_error == pytest.approx(from_r[f"{result.id}.standard_error"], rel=1e-3)


@pytest.mark.parametrize(
    ("grouping", "one", "other"), [("approach", "anterior", "posterior"), ("violence", "slight", "severe")]
)
@pytest.mark.parametrize(
    ("outcome", "ending"),
    [("improvement_rate_percent", "adjusted"), ("postoperative_joa", "adjusted_postoperative")],
)
def test_adjusted_difference_is_what_statsmodels_gives_when_called_directly(
    example, grouping, one, other, outcome, ending
):
    frame = example.cohort.frame
    both = frame[frame[grouping].isin([one, other])]
    formula = f"{outcome} ~ C({grouping}, Treatment('{other}')) + preoperative_joa"
    fit = smf.ols(formula, both).fit()
    term = f"C({grouping}, Treatment('{other}'))[T.{one}]"
    result = example.get(f"improvement_by_{grouping}.{one}_vs_{other}.{ending}")
    assert result.estimate == pytest.approx(fit.params[term], rel=1e-10)
    assert (result.ci_low, result.ci_high) == pytest.approx(tuple(fit.conf_int().loc[term]), rel=1e-10)
    assert result.p == pytest.approx(fit.pvalues[term], rel=1e-10)
    assert (result.df, result.n) == (fit.df_resid, len(both))


def test_the_quick_road_to_the_mixed_model_is_statsmodels_and_nlmes(from_r, monkeypatch):
    from pathlib import Path

    from canalis.cohort import repeated
    from canalis.cohort.cases import read_cases

    frame = read_cases(Path(__file__).parent / "r" / "followups.csv").frame
    slow = repeated.model_times(frame)
    monkeypatch.setattr(repeated, "MOST_ONE_BY_ONE", 0)
    for quick, one_by_one in zip(repeated.model_times(frame), slow, strict=True):
        assert quick.estimate == pytest.approx(from_r[f"{quick.id}.estimate"], rel=1e-6)  # R prints 15 digits
        standard_error = (quick.ci_high - quick.ci_low) / (2 * 1.959963984540054)  # normal quantile of .975
        assert standard_error == pytest.approx(from_r[f"{quick.id}.standard_error"], rel=1e-5)
        assert quick.estimate == pytest.approx(
            one_by_one.estimate, rel=1e-4
        )  # statsmodels stops a little earlier
