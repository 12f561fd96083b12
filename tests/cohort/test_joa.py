"""Scales, improvement rate, grades: examples and laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canalis.cohort.cases import read_cases
from canalis.cohort.joa import (
    JOA17,
    JOA17_REVISED,
    MJOA18,
    SCALES,
    find_scale,
    grade_of,
    improvement_rate_percent,
    mcid_reached,
    total_of,
)
from canalis.errors import CohortError

halves = st.integers(0, 33).map(lambda n: n / 2)


@given(before=halves)
def test_reaching_the_full_score_is_100_percent_from_anywhere(before):
    assert improvement_rate_percent(preoperative=before, postoperative=17) == 100


@given(before=halves, after=st.integers(0, 34).map(lambda n: n / 2))
def test_worse_is_negative_and_better_positive(before, after):
    rate = improvement_rate_percent(preoperative=before, postoperative=after)
    assert np.sign(rate) == np.sign(after - before)


@given(before=halves, after=halves)
def test_the_rate_depends_on_the_scale_s_full_score_only_by_the_points_lost(before, after):
    joa = improvement_rate_percent(preoperative=before, postoperative=after, full=17)
    moved = improvement_rate_percent(preoperative=before + 1, postoperative=after + 1, full=18)
    assert moved == pytest.approx(joa)


def test_the_full_score_before_operation_has_no_rate():
    assert improvement_rate_percent(preoperative=17, postoperative=15) is None
    assert improvement_rate_percent(preoperative=18, postoperative=18, full=18) is None


def test_a_score_above_the_scale_is_refused():
    with pytest.raises(CohortError, match="up to 17, found 18"):
        improvement_rate_percent(preoperative=8, postoperative=18)
    with pytest.raises(CohortError, match="found nan"):
        improvement_rate_percent(preoperative=float("nan"), postoperative=12)


@pytest.mark.parametrize(
    ("rate", "grade"),
    [
        (100, "excellent"),
        (75, "excellent"),
        (74.99, "good"),
        (50, "good"),
        (49.99, "fair"),
        (25, "fair"),
        (24.99, "poor"),
    ],
)
def test_grades_begin_at_75_50_and_25_percent(rate, grade):
    assert grade_of(rate) == grade


def test_the_grade_follows_the_scores_not_a_given_rate(write_table):
    # from 5 to 14 is 75 %, from 9 to 12.5 is 43.75 %; the rates given beside them are off
    table = "case,preoperative_joa,postoperative_joa,improvement_rate\nP1,5,14,74.9\nP2,9,12.5,50.0\n"
    frame = read_cases(write_table(table)).frame
    assert frame["improvement_grade"].tolist() == ["excellent", "fair"]


def test_items_of_each_scale_add_up_to_its_full_score():
    for scale in (JOA17, JOA17_REVISED, MJOA18):
        assert total_of({name: most for name, (_, most) in scale.items.items()}, scale) == scale.full
        assert total_of({name: least for name, (least, _) in scale.items.items()}, scale) == scale.least


def test_an_item_outside_its_range_or_missing_is_refused():
    items = {name: most for name, (_, most) in JOA17.items.items()}
    with pytest.raises(CohortError, match="bladder from 0 to 3"):
        total_of(items | {"bladder": 4}, JOA17)
    with pytest.raises(CohortError, match="Give each item"):
        total_of({"bladder": 3}, JOA17)


def test_scales_are_found_by_their_usual_names():
    assert {find_scale(name).name for name in ("JOA", "joa 17", "JOA-17")} == {"JOA17"}
    assert {find_scale(name).name for name in ("mJOA", "mjoa18", "mJOA 18")} == {"mJOA18"}
    assert find_scale("joa17 revised").name == "JOA17 revised"
    with pytest.raises(CohortError, match="Expected a scale of JOA17"):
        find_scale("NDI")


def test_the_noticeable_change_is_oshimas_on_joa_and_unknown_on_mjoa():
    assert mcid_reached(preoperative=8, postoperative=10.5, scale=JOA17)  # Oshima, PMC9344517: 2.5 points
    assert not mcid_reached(preoperative=8, postoperative=10, scale=JOA17)
    assert mcid_reached(preoperative=8, postoperative=14, scale=MJOA18) is None
    assert set(SCALES) == {"JOA17", "JOA17 revised", "mJOA18"}


def test_a_table_of_mjoa_items_is_known_by_its_items(write_table):
    items = ["mjoa_upper_motor", "mjoa_lower_motor", "mjoa_sensory", "mjoa_sphincter"]
    header = ",".join(["case", *(f"{when}_{i}" for when in ("preoperative", "postoperative") for i in items)])
    cohort = read_cases(write_table(f"{header}\nP1,3,4,2,2,5,6,3,3\nP2,4,4,2,2,5,6,2,3\n"))
    assert cohort.scale.name == "mJOA18"
    assert cohort.frame["joa_change"].tolist() == [6.0, 4.0]
    assert cohort.frame["mcid_reached"].isna().all()
    assert not any("No scale is named" in warning for warning in cohort.warnings)
