"""What is said of the whole neck comes from masses that count, on planes that are measured."""

from dataclasses import replace

import numpy as np
import pytest

from canalis.measurement import measure_segmentation
from canalis.measurement.chosen_places import with_greatest
from canalis.measurement.geometry import lay_out
from canalis.measurement.sizes import OVERLOOKED_MM3, size_intervals
from canalis.measurement.uncertainty import FITTED, narrowest_interval_mm

from .conftest import BODY_MM, Growth, NeckPlan, body_top


def at(measured, level, part):
    return next(p for p in measured.planes if (p.level, p.part) == (level, part))


PLATE = Growth(body_top(2) - 6, body_top(3) + 10, 3.2)  # C4/5 to C6
LOW = Growth(body_top(1) + 5, body_top(1) + 7.2, 6.0, width_mm=14.0)  # too low to involve C4, and wider


def test_a_mass_too_low_to_count_makes_neither_the_worst_place_nor_the_greatest_sizes(make_neck):
    both = measure_segmentation(*make_neck(NeckPlan(growths=(PLATE, LOW), spacing_mm=(0.5, 0.45, 0.4))))
    alone = measure_segmentation(*make_neck(NeckPlan(growths=(PLATE,), spacing_mm=(0.5, 0.45, 0.4))))
    assert [thing.kind for thing in both.apart] == ["osteophyte"]
    for name in ("max_thickness_mm", "max_occupying_ratio_percent", "width_mm", "volume_mm3", "length_mm"):
        assert getattr(both.ossification, name) == pytest.approx(getattr(alone.ossification, name), rel=0.02)
    assert both.planes[-1].level == alone.planes[-1].level


def test_a_neck_with_nothing_that_counts_has_its_worst_place_where_the_canal_is_narrowest(make_neck):
    measured = measure_segmentation(*make_neck(NeckPlan(growths=(LOW,), spacing_mm=(0.5, 0.45, 0.4))))
    assert measured.ossification.present is False
    least = min(plane.canal_ap_mm for plane in measured.planes)
    assert measured.planes[-1].canal_ap_mm == pytest.approx(least, abs=0.1)


def test_slices_too_far_apart_for_a_plane_give_no_size_of_the_whole(make_neck):
    measured = measure_segmentation(*make_neck(NeckPlan(growths=(PLATE,), spacing_mm=(4.0, 0.45, 0.4))))
    whole = measured.ossification
    assert whole.present is True
    for name in ("max_thickness_mm", "max_occupying_ratio_percent", "width_mm", "volume_mm3", "length_mm"):
        assert getattr(whole, name) is None
        assert "4.0 mm apart" in whole.reasons[name]
        assert name not in whole.uncertainty


def test_a_mass_that_metal_hides_in_part_has_no_size_and_no_k_line(make_neck):
    bodies = ("C2", "C3", "C4", "C5", "C6", "C7")
    plan = NeckPlan(bodies=bodies, growths=(Growth(body_top(2) - 8, body_top(3) + 8, 3.0),))
    segmentation, volume = make_neck(plan)
    clear = measure_segmentation(segmentation, volume)
    assert clear.alignment.k_line == "positive"
    assert clear.ossification.max_thickness_mm is not None
    center = np.array(at(clear, "C4", "body").center_lps_mm)
    hidden = measure_segmentation(segmentation, volume, hidden_lps=center[None])
    assert hidden.ossification.present is True
    assert hidden.ossification.max_thickness_mm is None
    assert "hide" in hidden.ossification.reasons["max_thickness_mm"]
    assert hidden.alignment.k_line is None
    assert "hide" in hidden.alignment.reasons["k_line"]


def test_the_narrowest_place_is_less_sure_than_another_plane_and_its_plane_says_the_same(make_neck):
    growth = Growth(body_top(1) - 4, body_top(1) + BODY_MM, 4.0)
    measured = measure_segmentation(*make_neck(NeckPlan(growths=(growth,))))
    least = min(measured.planes, key=lambda p: p.residual_ap_mm)
    assert measured.narrowest.residual_ap_mm == least.residual_ap_mm
    assert measured.narrowest.uncertainty == least.uncertainty["residual_ap_mm"]
    wider = FITTED["narrowest_residual_ap_mm"] / FITTED["residual_ap_mm"]
    assert wider > 2
    assert narrowest_interval_mm(0.5, soft=False) == pytest.approx(0.5 * wider)
    others = [
        p.uncertainty["residual_ap_mm"] for p in measured.planes if p is not least and p.part != "worst"
    ]
    assert measured.narrowest.uncertainty > 1.5 * np.median(others)


def test_the_worst_place_is_chosen_too_and_no_surer_of_its_residual_ap(make_neck):
    growth = Growth(body_top(1) - 4, body_top(1) + BODY_MM, 4.0)
    measured = measure_segmentation(*make_neck(NeckPlan(growths=(growth,))))
    worst = measured.planes[-1]
    assert worst.part == "worst"
    others = [p.uncertainty["residual_ap_mm"] for p in measured.planes[:-1]]
    assert worst.uncertainty["residual_ap_mm"] > 1.5 * np.median(others)


def test_the_greatest_thickness_and_the_worst_places_stand_with_one_error(make_neck):
    growth = Growth(body_top(1) - 4, body_top(1) + BODY_MM, 4.0)
    measured = measure_segmentation(*make_neck(NeckPlan(growths=(growth,))))
    worst, whole = measured.planes[-1], measured.ossification
    assert worst.ossification_thickness_mm == pytest.approx(whole.max_thickness_mm, abs=0.05)
    half = worst.uncertainty["ossification_thickness_mm"]
    assert half == whole.uncertainty["max_thickness_mm"]
    for greatest, wanted in ((half + 1.0, half + 1.0), (half / 2, half)):
        less_sure = replace(whole, uncertainty=whole.uncertainty | {"max_thickness_mm": greatest})
        *others, again = with_greatest(measured.planes, less_sure)
        assert again.uncertainty["ossification_thickness_mm"] == wanted
        assert tuple(others) == measured.planes[:-1]


def test_the_greatest_thickness_is_that_of_a_plane_for_the_neck_and_for_each_mass(make_neck):
    masses = (
        Growth(body_top(0) + 4, body_top(1) + 4, 2.5),
        Growth(body_top(2) - 3, body_top(3) + BODY_MM - 1, 4.0),
    )
    measured = measure_segmentation(*make_neck(NeckPlan(growths=masses)))
    by_level = {p.level: p.ossification_thickness_mm for p in measured.planes if p.part != "worst"}
    whole, worst = measured.ossification, measured.planes[-1]
    assert whole.max_thickness_mm == max(p.ossification_thickness_mm for p in measured.planes)
    assert whole.width_mm == max(p.ossification_width_mm for p in measured.planes)
    assert whole.width_mm == pytest.approx(10.0, abs=0.5)
    upper, lower = whole.masses
    assert upper.max_thickness_mm == max(by_level["C3"], by_level["C3/4"])
    assert lower.max_thickness_mm == max(
        worst.ossification_thickness_mm, *(by_level[n] for n in ("C5", "C5/6", "C6"))
    )
    assert upper.max_thickness_mm == pytest.approx(2.5, abs=0.3)
    assert lower.max_thickness_mm == pytest.approx(4.0, abs=0.3)


def test_of_two_masses_side_by_side_each_keeps_its_own_thickness(make_neck):
    span = body_top(1) - 4, body_top(2) + 4
    thick = Growth(*span, 4.5, left_mm=5.5, width_mm=6.0)
    thin = Growth(*span, 2.0, left_mm=-5.5, width_mm=6.0)
    measured = measure_segmentation(*make_neck(NeckPlan(growths=(thick, thin))))
    found = sorted(mass.max_thickness_mm for mass in measured.ossification.masses)
    assert len(found) == 2
    assert found[1] == measured.ossification.max_thickness_mm
    assert found[1] - found[0] > 1.5


@pytest.mark.parametrize("soft", [False, True])
def test_a_volume_is_surer_the_thicker_its_mass(make_neck, soft):
    segmentation, volume = make_neck(NeckPlan(growths=(Growth(body_top(1) - 4, body_top(2), 4.0),)))
    neck = lay_out(segmentation, volume)
    neck = replace(neck, edges=replace(neck.edges, soft=soft))
    halves = [
        size_intervals(neck, volume_mm3=150.0 * thick, edge_mm=0.3, thickness_mm=thick)["volume_mm3"]
        for thick in (2.0, 6.0)
    ]
    footprint = 1.96 * 0.3 * 150.0  # the same for both, so that the thicker one is three times as sure
    assert halves == pytest.approx([footprint + (OVERLOOKED_MM3 if soft else 0.0)] * 2)
