"""The real input of the main job: the Visible Human's neck, C1 to about C6."""

import pytest

pytestmark = [pytest.mark.real, pytest.mark.slow]

BODY_Z_MM = {"C2": 1079, "C3": 1058, "C4": 1040, "C5": 1022}  # read by eye, LPS mm


def test_the_neck_is_measured(real_result):
    assert real_result.exit_code == 0
    assert real_result.record["status"] == "measured"


@pytest.mark.parametrize("level", BODY_Z_MM)
def test_the_body_planes_lie_at_their_bodies(real_result, level):
    assert real_result.plane(level)["center_lps_mm"][2] == pytest.approx(BODY_Z_MM[level], abs=8)


def test_c6_is_cut_off_and_said_to_be(real_result):
    bodies = [p["level"] for p in real_result.record["planes"] if p["part"] == "body"]
    if "C6" in bodies:
        plane = real_result.plane("C6")
        assert plane["canal_ap_mm"] is None
        assert "cut off" in plane["reasons"]["canal_ap_mm"]
    assert not {"C7", "T1"} & set(bodies)


def test_no_ossification_is_reported(real_result):
    assert real_result.record["ossification"]["present"] is False
    assert real_result.record["ossification"]["max_thickness_mm"] == 0.0


@pytest.mark.parametrize(("disc", "bodies"), [("C3/4", ("C3", "C4")), ("C4/5", ("C4", "C5"))])
def test_the_canal_is_hardly_deeper_at_discs_than_at_the_bodies_beside_them(real_result, disc, bodies):
    beside = [real_result.plane(level)["canal_ap_mm"] for level in bodies]
    assert min(beside) - 0.5 < real_result.plane(disc)["canal_ap_mm"] < max(beside) + 2.0  # 3 mm with rims


def test_lengths_are_a_necks(real_result):
    for level in ("C3", "C4", "C5"):
        assert 10 < real_result.plane(level)["canal_ap_mm"] < 22
