"""Where ossification changes along the neck, a plane's own place makes its numbers less certain."""

import numpy as np
import pytest

from canalis.measurement import measure_segmentation
from canalis.measurement.uncertainty import INTERVAL, Resolution, change_a_mm, place_error_mm, with_place

from .conftest import BODY_MM, Growth, NeckPlan, body_top


def test_the_change_of_a_ramp_is_its_slope_and_of_a_peak_the_mean_of_both_sides() -> None:
    along = np.arange(0.0, 20.0, 0.25)
    ramp = np.clip(along - 5.0, 0, None) * 1.5
    assert change_a_mm(ramp, along, np.array([2.0, 10.0])) == pytest.approx([0.0, 1.5])
    peak = 6.0 - np.abs(along - 10.0) * 2.0
    assert change_a_mm(peak, along, np.array([10.0])) == pytest.approx([2.0])


def test_a_networks_planes_are_less_sure_of_their_place_than_a_label_maps() -> None:
    thin, thick = (Resolution(0.4, gap, 0.0) for gap in (0.5, 2.0))
    body, disc = (place_error_mm(thin, soft=True, disc=disc) for disc in (False, True))
    assert 0.36 < body < disc < place_error_mm(thick, soft=True, disc=True)
    assert place_error_mm(thick, soft=True, disc=False) == pytest.approx(0.6)  # 0.36 and 0.24 * 2, squared
    assert place_error_mm(thick, soft=False, disc=True) == 0.1


def test_what_a_place_adds_is_what_changes_over_its_error() -> None:
    assert with_place(1.0, 0.0, 0.4) == 1.0
    assert with_place(0.0, 2.0, 0.4) == pytest.approx(INTERVAL * 2 * 0.4)
    assert with_place(3.0, 2.0, 2.0 / INTERVAL) == pytest.approx(5.0)


def test_a_mass_that_ends_at_a_plane_has_a_wider_interval_there_but_not_at_its_peak(make_neck) -> None:
    middle = body_top(1) + BODY_MM / 2
    through, ending = (
        measure_segmentation(*make_neck(NeckPlan(growths=(Growth(2.0, lower, 4.0),))))
        for lower in (middle + 12, middle + 0.4)
    )
    names = (
        "ossification_thickness_mm",
        "ossification_area_mm2",
        "occupying_ratio_percent",
        "residual_ap_mm",
    )
    for name in names:
        sure, unsure = (_at(m, "C4", "body").uncertainty[name] for m in (through, ending))
        assert unsure > 1.15 * sure, name
    worst = [_at(m, None, "worst").uncertainty["ossification_thickness_mm"] for m in (through, ending)]
    assert worst[0] == pytest.approx(worst[1], rel=0.1)


def _at(measured, level, part):
    return next(p for p in measured.planes if p.part == part and level in (None, p.level))
