import itertools

import numpy as np
import pytest

from canalis.labels import LEVELS
from canalis.measurement import measure_segmentation, plane_measures
from canalis.segment.segmentation import LevelNaming, Segmentation
from canalis.volume import Mask, Volume

POSES = [
    {},
    {"turn_deg": 18.0},
    {"tilt_deg": 20.0},
    {"sway_deg": 8.0, "turn_deg": -12.0, "tilt_deg": -10.0},
    {"spacing_mm": (2.0, 0.5, 0.4), "tilt_deg": 12.0},
]


@pytest.fixture(scope="module", params=POSES, ids=str)
def posed(request, make_neck, plans):
    plan, growth, top = plans
    mass = growth(top(1) - 9, top(2) + 11, 4.0)  # its ends at least 4 mm from any plane
    return measure_segmentation(*make_neck(plan(growths=(mass,), **request.param)))


def by_name(measured):
    return {(plane.level, plane.part): plane for plane in measured.planes if plane.part != "worst"}


def test_planes_run_head_to_foot_with_the_worst_place_last(posed):
    names = [plane.level for plane in posed.planes]
    assert names[:-1] == ["C3", "C3/4", "C4", "C4/5", "C5", "C5/6", "C6"]
    assert posed.planes[-1].part == "worst"
    assert (np.diff([plane.center_lps_mm[2] for plane in posed.planes[:-1]]) < 0).all()


def test_a_tube_of_known_size_is_measured_without_bias(posed):
    planes = posed.planes[:-1]
    assert abs(np.mean([plane.canal_ap_mm for plane in planes]) - 13.0) < 0.1
    assert abs(np.mean([plane.canal_lr_mm for plane in planes]) - 24.0) < 0.15
    assert abs(np.mean([plane.canal_area_mm2 for plane in planes]) / (np.pi * 13 * 24 / 4) - 1) < 0.01
    assert max(abs(plane.canal_ap_mm - 13.0) for plane in planes) < 0.35  # a stair of 0.5 mm at each edge


def test_the_neck_is_measured_in_its_own_direction(posed, request):
    turn = request.node.callspec.params["posed"].get("turn_deg", 0.0)
    middle = by_name(posed)["C4", "body"].anteroposterior_lps
    assert abs(np.degrees(np.arctan2(-middle[0], middle[1])) - turn) < 2.5


def test_a_plate_of_known_size_is_measured(posed):
    for name in (("C3/4", "disc"), ("C4", "body"), ("C4/5", "disc"), ("C5", "body")):
        plane = by_name(posed)[name]
        assert abs(plane.ossification_thickness_mm - 4.0) < 0.3
        assert abs(plane.occupying_ratio_percent - 100 * 4 / 13) < 3.0
        assert abs(plane.residual_ap_mm - 9.0) < 0.35
        assert abs(plane.ossification_width_mm - 10.0) < 0.5
    assert by_name(posed)["C6", "body"].ossification_thickness_mm == 0.0
    assert by_name(posed)["C6", "body"].occupying_ratio_percent == 0.0


def test_a_plate_behind_two_bodies_is_continuous(posed):
    found = posed.ossification
    assert found.present
    assert found.type == "continuous"
    assert {"C4", "C5"} <= set(found.levels)
    assert found.bridging == ("C3/4", "C4/5")
    assert found.upper_end == "C3"
    assert found.side == "central"
    assert abs(found.length_mm - 39.0) < 1.6
    assert posed.narrowest.residual_ap_mm < 9.2


def test_ratio_times_canal_is_thickness_on_every_plane(posed):
    for plane in posed.planes:
        assert plane.occupying_ratio_percent * plane.thickness_canal_ap_mm / 100 == pytest.approx(
            plane.ossification_thickness_mm
        )


def test_every_number_that_is_missing_says_why(posed):
    for plane in posed.planes:
        for name in ("canal_ap_mm", "thickness_offset_mm", "torg_pavlov_ratio", "occupying_ratio_percent"):
            assert (getattr(plane, name) is None) == (name in plane.reasons)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_another_axis_order_changes_nothing(make_neck, plain_neck, order):
    segmentation, volume = plain_neck
    flip = (order[0] == 1, order[1] == 2, order[2] == 0)
    turned = Segmentation(segmentation.mask.with_axes(order, flip), segmentation.levels)
    one, other = measure_segmentation(segmentation, volume), measure_segmentation(turned, None)
    for before, after in zip(one.planes, other.planes, strict=True):
        assert before.canal_ap_mm == pytest.approx(after.canal_ap_mm, abs=1e-3)
        assert before.level == after.level


def test_the_mirrored_neck_has_its_mass_on_the_other_side(make_neck, plans):
    plan, growth, top = plans
    sides = {}
    for left in (-6.0, 6.0):
        neck = plan(growths=(growth(top(1), top(1) + 14, 4.0, left_mm=left, width_mm=6.0),), turn_deg=10)
        sides[left] = measure_segmentation(*make_neck(neck))
    assert sides[6.0].ossification.side == "left"
    assert sides[-6.0].ossification.side == "right"
    assert sides[6.0].planes[-1].thickness_offset_mm > 2
    assert sides[6.0].ossification.type == "segmental"


def test_a_neck_without_ossification_has_none_and_says_so(make_neck):
    measured = measure_segmentation(*make_neck())
    found = measured.ossification
    assert found.present is False
    assert found.type is None
    assert found.max_thickness_mm == 0.0
    assert found.masses == ()
    assert "seen" in found.reasons["type"]


def test_a_label_map_without_canal_is_refused():
    levels = LevelNaming(sure=False, source=None, reason="Nothing was seen.")
    mask = Mask(np.zeros((5, 6, 7), np.uint8), np.eye(4))
    measured = measure_segmentation(Segmentation(mask, levels), None)
    assert measured.status == "refused"
    assert "12 mm of spinal canal" in measured.warnings[0].message


def test_vertebrae_without_level_are_measured_without_names(make_neck, plain_neck):
    segmentation, volume = plain_neck
    labels = segmentation.mask.labels.copy()
    labels[labels >= 11] = 3
    levels = LevelNaming(sure=False, source=None, reason="Neither dens nor first rib was seen.")
    measured = measure_segmentation(Segmentation(Mask(labels, segmentation.mask.affine), levels), volume)
    assert measured.status == "partial"
    assert [plane.part for plane in measured.planes] == ["body", "disc"] * 3 + ["body", "worst"]
    assert all(plane.level is None for plane in measured.planes)
    assert abs(measured.planes[2].canal_ap_mm - 13) < 0.35
    assert set(LEVELS).isdisjoint(measured.ossification.levels)


def without_lower_slices(segmentation, volume, slices):
    """Return a neck whose scan ends higher up."""
    affine = segmentation.mask.affine.copy()
    affine[:3, 3] += slices * affine[:3, 0]
    mask = Mask(segmentation.mask.labels[slices:], affine)
    return Segmentation(mask, segmentation.levels), Volume(volume.hu[slices:], affine)


def test_a_body_that_the_scan_cuts_is_no_length_that_lacks(plain_neck):
    labels = plain_neck[0].mask.labels
    c6 = np.flatnonzero((labels == 16).any(axis=(1, 2)))
    cut = measure_segmentation(*without_lower_slices(*plain_neck, int(c6[len(c6) // 4])))
    assert [p.level for p in cut.planes if p.canal_ap_mm is None] == ["C6"]
    assert [p.level for p in cut.planes if p.cut_by_scan] == ["C6"]
    assert cut.status == "measured"


def test_a_length_that_lacks_inside_the_scan_leaves_the_result_partial_whatever_the_reason_says(
    plain_neck, monkeypatch
):
    lost = plane_measures.Refusal("The scan is too noisy here.")
    monkeypatch.setattr(plane_measures, "refusal_of", lambda neck, zone, cut, i: lost if i == 2 else None)
    measured = measure_segmentation(*plain_neck)
    assert [p.level for p in measured.planes if p.canal_ap_mm is None] == ["C4"]
    assert measured.status == "partial"


def test_slices_five_millimetres_apart_give_no_lengths(make_neck, plans):
    plan, growth, top = plans
    neck = plan(growths=(growth(top(1), top(2), 5.0),), spacing_mm=(5.0, 0.5, 0.4))
    measured = measure_segmentation(*make_neck(neck))
    assert all(plane.canal_ap_mm is None for plane in measured.planes)
    assert "apart" in measured.planes[0].reasons["canal_ap_mm"]
    assert measured.status == "partial"


def test_coarse_pixels_give_no_lengths_but_a_presence(make_neck, plans):
    plan, growth, top = plans
    neck = plan(growths=(growth(top(1) - 6, top(2) + 10, 6.0, width_mm=14),), spacing_mm=(2.0, 2.0, 2.0))
    measured = measure_segmentation(*make_neck(neck))
    assert measured.ossification.present
    assert measured.ossification.volume_mm3 is None
    assert measured.narrowest.residual_ap_mm is None
    assert "1.5 mm" in measured.planes[0].reasons["canal_ap_mm"]
