"""Sizes of ossification are withheld where something else in the canal is as dense."""

from dataclasses import replace

import pytest

from canalis.measurement import measure_segmentation
from canalis.measurement.measurements import Apart
from canalis.measurement.withheld import (
    OF_ALIGNMENT,
    OF_OSSIFICATION,
    OF_PLANES,
    without_absence,
    without_ossification_sizes,
)

from .conftest import Growth, NeckPlan

WHY = "Contrast in the canal may be ossification."


@pytest.fixture(scope="module")
def before_and_after(make_neck):
    segmentation, volume = make_neck(NeckPlan(growths=(Growth(2.0, 30.0, 4.0),)))
    before = measure_segmentation(segmentation, volume)
    before = replace(before, apart=(Apart("osteophyte", "C6", 2.0),))
    return before, without_ossification_sizes(before, WHY)


def test_no_size_of_ossification_is_left(before_and_after):
    before, after = before_and_after
    assert before.ossification.max_thickness_mm == pytest.approx(4.0, abs=0.6)
    for part, names in (
        *((plane, OF_PLANES) for plane in after.planes),
        (after.ossification, OF_OSSIFICATION),
        (after.alignment, OF_ALIGNMENT),
    ):
        for name in names:
            assert getattr(part, name) is None, name
            assert part.reasons[name], name
            assert name not in part.uncertainty, name
    assert not any(name in plane.lines_lps_mm for plane in after.planes for name in OF_PLANES)
    assert len(OF_PLANES) == 10
    for plane in after.planes:  # where none was found too: "there is no ossification" is not known
        if plane.canal_ap_mm is not None:
            assert {plane.reasons[name] for name in OF_PLANES} == {WHY}
    assert after.narrowest.residual_ap_mm is None
    assert not after.profile
    assert not after.ossification.masses
    assert after.apart == (Apart("osteophyte", "C6", None),)


def test_nor_is_it_said_that_there_is_none(make_neck):
    before = measure_segmentation(*make_neck(NeckPlan()))
    after = without_ossification_sizes(before, WHY)
    assert before.ossification.present is False
    assert after.ossification.present is None
    assert after.ossification.reasons["present"] == WHY


def test_the_canal_and_what_is_found_stay(before_and_after):
    before, after = before_and_after
    for old, new in zip(before.planes, after.planes, strict=True):
        assert (new.canal_ap_mm, new.canal_area_mm2) == (old.canal_ap_mm, old.canal_area_mm2)
        assert new.uncertainty.get("canal_ap_mm") == old.uncertainty.get("canal_ap_mm")
    for name in ("present", "type", "levels", "discs", "op_index"):
        assert getattr(after.ossification, name) == getattr(before.ossification, name)
    assert after.alignment.c2_c7_cobb_deg == before.alignment.c2_c7_cobb_deg


def test_beside_hidden_places_absence_is_not_said_and_the_rest_stays(make_neck):
    before = measure_segmentation(*make_neck(NeckPlan()))
    after = without_absence(before, WHY)
    assert (before.ossification.present, before.ossification.max_thickness_mm) == (False, 0.0)
    for name in ("present", *OF_OSSIFICATION):
        assert getattr(after.ossification, name) is None, name
        assert after.ossification.reasons[name], name
    assert (after.planes, after.narrowest, after.profile) == (before.planes, before.narrowest, before.profile)


def test_beside_hidden_places_what_is_seen_is_told(before_and_after):
    before, _ = before_and_after
    assert without_absence(before, WHY) is before
