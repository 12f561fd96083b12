import numpy as np
import pytest

from canalis.measurement.masses import crosses, involved_runs, involves
from canalis.measurement.shape import hill_or_plateau
from canalis.measurement.vertebrae import Zone

ALONG = np.arange(0.0, 40.0, 0.5)


def zone(upper, lower, part="body"):
    return Zone("C4", part, upper, (upper + lower) / 2, lower, whole=True)


def plate(upper, lower, thickness=2.0):
    return np.where((upper <= ALONG) & (lower >= ALONG), thickness, 0.0)


def test_ends_of_a_run_lie_where_it_is_one_millimetre_thick():
    ramp = np.clip((ALONG - 10) * 0.25, 0, 2)
    (run,) = involved_runs(ramp, ALONG)
    assert run.upper_mm == pytest.approx(14.0)
    assert run.lower_mm == ALONG[-1]


def test_a_dip_of_a_millimetre_does_not_break_a_run():
    thickness = plate(5, 12) + plate(13, 20)
    assert len(involved_runs(thickness, ALONG)) == 1
    assert len(involved_runs(plate(5, 12) + plate(15, 20), ALONG)) == 2


def test_a_body_is_involved_from_three_millimetres_of_height():
    assert involves(plate(5, 9), ALONG, zone(0, 15))
    assert not involves(plate(5, 6.5), ALONG, zone(0, 15))
    assert not involves(plate(5, 12, thickness=0.9), ALONG, zone(0, 15))
    assert not involves(plate(13, 20), ALONG, zone(0, 15))


def test_a_low_disc_is_involved_where_it_is_crossed():
    disc = zone(15, 17, "disc")
    assert involves(plate(10, 20), ALONG, disc)
    assert crosses(plate(10, 20), ALONG, disc)
    assert not involves(plate(10, 16), ALONG, disc)


def test_a_high_disc_may_be_involved_without_being_crossed():
    disc = zone(15, 21, "disc")
    assert involves(plate(10, 19), ALONG, disc)
    assert not crosses(plate(10, 19), ALONG, disc)


def test_a_plate_is_a_plateau_and_a_peak_a_hill():
    assert hill_or_plateau(plate(5, 30, 4.0), ALONG) == "plateau"
    assert hill_or_plateau(np.clip(5 - np.abs(ALONG - 18) * 0.5, 0, None), ALONG) == "hill"
    assert hill_or_plateau(plate(5, 6), ALONG) is None
