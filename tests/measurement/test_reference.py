"""Percentiles of the canal among people measured on CT."""

import pytest

from canalis.measurement import measure_segmentation
from canalis.measurement.reference import percentiles_of
from canalis.report.facts import neck_facts


@pytest.mark.parametrize(
    ("level", "ap", "area", "expected"),
    [
        ("C4", 12.8, 250.0, {"adults": 50.0}),  # Parihar's own mean
        ("C4", 12.8 - 1.96 * 1.5, 250.0, {"adults": 2.5}),
        ("C2", 14.4 + 1.6, 250.0, {"adults": 84.13}),  # one SD above
        ("C5", 13.0, 253.0, {"men": 29.2, "women": 50.0}),  # 23 / 42 SD below the men's mean
    ],
)
def test_a_percentile_follows_from_the_studys_mean_and_sd(level, ap, area, expected):
    found = percentiles_of(level=level, part="body", canal_ap_mm=ap, canal_area_mm2=area)
    assert {one.group: one.percentile for one in found} == pytest.approx(expected, abs=0.05)
    assert all("CT" in one.study for one in found)


@pytest.mark.parametrize(
    ("level", "part"), [("C3", "body"), ("C4/5", "disc"), (None, "body"), ("C4", "worst")]
)
def test_where_no_study_measured_there_is_none(level, part):
    assert percentiles_of(level=level, part=part, canal_ap_mm=13.0, canal_area_mm2=250.0) is None


def test_a_measured_neck_says_which_study_or_why_not(make_neck):
    measured = measure_segmentation(*make_neck())
    planes = {plane.level: plane for plane in measured.planes if plane.part == "body"}
    assert planes["C4"].percentiles[0].percentile == pytest.approx(55, abs=8)  # 13.0 mm against 12.8 +- 1.5
    assert "Parihar" in planes["C4"].percentiles[0].study
    assert planes["C3"].percentiles is None
    assert "No CT reference" in planes["C3"].reasons["percentiles"]
    for plane in measured.planes:
        assert (plane.percentiles is None) == ("percentiles" in plane.reasons)


def test_the_page_names_the_study_beside_the_percentile(make_neck):
    facts = {fact.name: fact for fact in neck_facts(measure_segmentation(*make_neck()))}
    fact = facts["Canal AP at C4, percentile"]
    assert fact.value.endswith("of adults")
    assert "Parihar" in fact.note
    assert "men" in facts["Canal area at C5, percentile"].value
