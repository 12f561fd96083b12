"""The Cobb angle of endplates is held against the turn of the canal between them."""

import numpy as np
import pytest

from canalis.measurement import measure_segmentation, summary
from canalis.measurement.alignment import canal_turn_deg
from canalis.measurement.geometry import NeckGeometry
from canalis.segment.segmentation import Segmentation
from canalis.volume import Probability

from .conftest import BODY_MM, DISC_MM, NeckPlan

LEVELS = ("C2", "C3", "C4", "C5", "C6", "C7")
TURN_DEG = np.degrees(5 * (BODY_MM + DISC_MM) / 160.0)  # an arc of that radius from endplate to endplate


@pytest.fixture(scope="module")
def bent(make_neck):
    return make_neck(NeckPlan(bodies=LEVELS, turn_deg=14.0, sway_deg=4.0))


@pytest.fixture(scope="module")
def drawn_by_a_network(bent):
    segmentation, volume = bent
    mask = segmentation.mask
    canal = Probability(np.where(mask.labels == 1, np.uint8(255), np.uint8(0)), mask.affine)
    none = Probability(np.zeros(mask.shape, dtype=np.uint8), mask.affine)
    return Segmentation(mask, segmentation.levels, canal, none), volume


@pytest.mark.parametrize("turned_deg", [0.0, 25.0])
def test_lordosis_of_the_canal_is_positive_however_the_head_is_turned(turned_deg: float) -> None:
    upper, lower = (np.array([0.0, -np.sin(a), np.cos(a)]) for a in np.radians([12.0, -9.0]))
    turn = np.radians(turned_deg)
    about_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    left = about_z @ np.array([1.0, 0.0, 0.0])
    assert canal_turn_deg(about_z @ upper, about_z @ lower, left) == pytest.approx(-21.0)
    assert canal_turn_deg(about_z @ lower, about_z @ upper, left) == pytest.approx(21.0)


def test_both_roads_lead_to_the_bend_of_the_neck(drawn_by_a_network) -> None:
    found = measure_segmentation(*drawn_by_a_network).alignment
    assert found.c2_c7_cobb_deg == pytest.approx(TURN_DEG, abs=2.0)
    assert found.uncertainty["c2_c7_cobb_deg"] == summary.COBB_INTERVAL_NETWORK_DEG


@pytest.mark.parametrize(("gap_mm", "half_deg"), [(1.0, 6.0), (2.0, 6.0), (3.0, 12.6)])
def test_an_angle_on_thick_slices_is_less_sure(drawn_by_a_network, monkeypatch, gap_mm, half_deg) -> None:
    monkeypatch.setattr(NeckGeometry, "gap_at", lambda neck, along_mm: gap_mm)
    found = measure_segmentation(*drawn_by_a_network).alignment
    assert found.uncertainty["c2_c7_cobb_deg"] == pytest.approx(half_deg)


@pytest.mark.parametrize(("wrong_deg", "told"), [(12.0, True), (40.0, False)])
def test_endplates_that_contradict_the_canal_are_told_or_withheld(
    drawn_by_a_network, monkeypatch, wrong_deg: float, told: bool
) -> None:
    right = summary.cobb_angle_deg
    monkeypatch.setattr(summary, "cobb_angle_deg", lambda *given: right(*given) - wrong_deg)
    found = measure_segmentation(*drawn_by_a_network).alignment
    if told:
        assert found.uncertainty["c2_c7_cobb_deg"] == pytest.approx(wrong_deg, abs=2.5)
    else:
        assert found.c2_c7_cobb_deg is None
        assert "c2_c7_cobb_deg" not in found.uncertainty
        assert "from the turn of the canal" in found.reasons["c2_c7_cobb_deg"]


def test_a_readers_endplates_keep_their_interval(bent, monkeypatch) -> None:
    right = summary.cobb_angle_deg
    monkeypatch.setattr(summary, "cobb_angle_deg", lambda *given: right(*given) - 12.0)
    found = measure_segmentation(*bent).alignment
    assert found.uncertainty["c2_c7_cobb_deg"] == summary.COBB_INTERVAL_DEG
