from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from canalis.measurement import measure_segmentation
from canalis.segment.segmentation import Segmentation
from canalis.volume import Mask, Volume

FIVE = ("C3", "C4", "C5", "C6", "C7")


def codes(measured):
    return {warning.code: warning.level for warning in measured.warnings}


def test_a_whole_ring_is_not_called_opened(make_neck):
    assert "opened-ring" not in codes(measure_segmentation(*make_neck()))


def test_a_ring_without_laminae_is_post_operative(make_neck, plans):
    measured = measure_segmentation(*make_neck(plans[0](opened=("C4", "C5"))))
    assert codes(measured)["opened-ring"] == "C4"
    assert "C4, C5" in measured.warnings[-1].message
    for plane in measured.planes:
        if plane.level in ("C4", "C5") and plane.part == "body":
            assert plane.percentiles is None
            assert plane.torg_pavlov_ratio is None
            assert "opened" in plane.reasons["percentiles"]
        elif plane.part == "body":
            assert plane.torg_pavlov_ratio is not None


@pytest.mark.parametrize("together", [2, 3])
def test_ossification_grown_onto_several_bodies_is_a_possible_fusion_of_each(make_neck, plans, together):
    plan, growth, top = plans
    seven = ("C2", "C3", "C4", "C5", "C6", "C7", "T1")
    mass = growth(top(2), top(1 + together) + 14, 4.0, width_mm=20)
    segmentation, _ = make_neck(plan(bodies=seven, growths=(mass,)))
    labels = segmentation.mask.labels.copy()
    labels[labels == 2] = 15  # called bone
    fused = replace(segmentation, mask=Mask(labels, segmentation.mask.affine))
    warned = [w.level for w in measure_segmentation(fused, None).warnings if w.code == "possible-fused-opll"]
    assert warned == list(seven[2 : 2 + together])


def test_a_body_whose_wall_stands_back_is_a_possible_fusion(make_neck, plans):
    """OPLL that was labelled as bone: the canal's front stands 3 mm back behind C5."""
    plan, growth, top = plans
    segmentation, volume = make_neck(
        plan(bodies=FIVE, growths=(growth(top(2), top(2) + 14, 3.0, width_mm=20),))
    )
    labels = segmentation.mask.labels.copy()
    labels[labels == 2] = 15
    fused = replace(segmentation, mask=Mask(labels, segmentation.mask.affine))
    measured = measure_segmentation(fused, volume)
    assert codes(measured)["possible-fused-opll"] == "C5"
    assert measured.ossification.present is False


def test_bodies_in_line_are_no_fusion(make_neck, plans):
    measured = measure_segmentation(*make_neck(plans[0](bodies=FIVE, tilt_deg=10)))
    assert "possible-fused-opll" not in codes(measured)
    assert len(measured.posterior_wall_lps_mm) == len(measured.centerline_lps_mm)


def test_the_wall_goes_on_straight_under_ossification(make_neck, plans):
    plan, growth, top = plans
    neck = plan(bodies=FIVE, growths=(growth(top(2), top(2) + 14, 4.0),))
    measured = measure_segmentation(*make_neck(neck))
    center, wall = np.array(measured.centerline_lps_mm), np.array(measured.posterior_wall_lps_mm)
    distance = np.linalg.norm(wall - center, axis=1)
    middle = slice(len(center) // 4, -len(center) // 4)
    assert np.abs(distance[middle] - 6.5).max() < 0.3


def relabelled_front(make_neck, plans, growth_of):
    """A growth of the front wall with label 4: not OPLL."""
    plan, growth, top = plans
    segmentation, volume = make_neck(plan(growths=(growth_of(growth, top),)))
    labels = np.where(segmentation.mask.labels == 2, 4, segmentation.mask.labels).astype(np.uint8)
    return measure_segmentation(replace(segmentation, mask=Mask(labels, segmentation.mask.affine)), volume)


def test_other_narrowing_lies_apart_and_takes_of_the_residual_canal_only(make_neck, plans):
    measured = relabelled_front(make_neck, plans, lambda growth, top: growth(top(2) - 3, top(2) + 3, 3.0))
    assert [(thing.kind, thing.level) for thing in measured.apart] == [("osteophyte", "C4/5")]
    assert measured.apart[0].thickness_mm == pytest.approx(3.0, abs=0.4)
    assert measured.ossification.present is False
    disc = next(plane for plane in measured.planes if plane.level == "C4/5" and plane.part == "disc")
    assert disc.ossification_thickness_mm == 0.0
    assert disc.canal_ap_mm - disc.residual_ap_mm == pytest.approx(3.0, abs=0.4)


def test_a_growth_between_endplates_is_a_calcified_disc(make_neck, plans):
    measured = relabelled_front(make_neck, plans, lambda growth, top: growth(top(2) - 4, top(2) - 1, 2.5))
    assert [thing.kind for thing in measured.apart] == ["calcified disc"]


def test_metal_beside_the_canal_is_named_with_its_level(make_neck):
    segmentation, volume = make_neck()
    middle = np.round(
        volume.to_index(np.array(measure_segmentation(segmentation, volume).planes[2].center_lps_mm))
    )
    hu = volume.hu.copy()
    z, y, x = middle.astype(int)
    hu[z - 2 : z + 3, y - 34 : y - 24, x - 6 : x + 6] = 3071
    measured = measure_segmentation(segmentation, Volume(hu, volume.affine, volume.acquisition))
    assert ("metal", "C4") in [(thing.kind, thing.level) for thing in measured.apart]
    assert codes(measured)["metal"] == "C4"


def test_planes_near_metal_in_the_canal_are_refused_and_the_rest_measured(make_neck):
    segmentation, volume = make_neck()
    before = measure_segmentation(segmentation, volume)
    center = next(p for p in before.planes if (p.level, p.part) == ("C4", "body")).center_lps_mm
    measured = measure_segmentation(segmentation, volume, hidden_lps=np.add([center], [0.0, 5.0, 0.0]))
    refused = {p.level for p in measured.planes if p.canal_ap_mm is None}
    assert refused == {"C4"}
    plane = next(p for p in measured.planes if p.level == "C4")
    assert plane.reasons["canal_ap_mm"].startswith("Metal in or at the canal, or streaks")
    assert measured.status == "partial"
    assert measured.narrowest.level != "C4"
    for one, other in zip(before.planes, measured.planes, strict=True):
        if "C4" not in (one.level, other.level) and one.part != "worst":
            assert other == one


@pytest.mark.parametrize(
    ("levels", "refused"), [(("C4", "C5"), {"C4", "C4/5", "C5"}), (("C3", "C6"), {"C3", "C6"})]
)
def test_a_disc_between_two_screwed_vertebrae_is_refused_too(make_neck, levels, refused):
    segmentation, volume = make_neck()
    before = measure_segmentation(segmentation, volume)
    centers = [p.center_lps_mm for p in before.planes if p.part == "body" and p.level in levels]
    measured = measure_segmentation(segmentation, volume, hidden_lps=np.add(centers, [0.0, 5.0, 0.0]))
    assert {p.level for p in measured.planes if p.canal_ap_mm is None and p.part != "worst"} == refused


def double_layered(make_neck, plans, strip_hu, strip_mm, *, fwhm_mm=0.0, high_mm=None):
    """A 5 mm plate of 900 HU with a strip inside it, 1 mm from its back, blurred in the plane."""
    plan, growth, top = plans
    low = top(2) + 12 if high_mm is None else top(1) + high_mm

    def plate(thickness_mm):
        return make_neck(plan(growths=(growth(top(1), low, thickness_mm, width_mm=12),)))

    segmentation, volume = plate(5.0)
    thinner, inner = (plate(mm)[0].mask.labels == 2 for mm in (4.0, 4.0 - strip_mm))
    hu = volume.hu.copy()
    hu[segmentation.mask.labels == 2] = 900
    hu[thinner & ~inner] = strip_hu
    blur = fwhm_mm / 2.355 / np.array(volume.spacing_mm)
    hu = ndimage.gaussian_filter(hu.astype(np.float32), (0, blur[1], blur[2]))
    return measure_segmentation(Segmentation(segmentation.mask, segmentation.levels), replace(volume, hu=hu))


def test_plate_strip_and_rim_are_a_double_layer_candidate(make_neck, plans):
    found = double_layered(make_neck, plans, 80, 1.2).ossification.double_layer_sign
    assert found.candidate
    assert {"C4", "C5"} <= set(found.planes)


def test_a_strip_that_a_soft_kernel_fills_is_told(make_neck, plans):
    found = double_layered(make_neck, plans, 80, 1.2, fwhm_mm=1.6).ossification.double_layer_sign
    assert {"C4", "C5"} <= set(found.planes)


def test_of_a_low_mass_half_its_height_is_enough(make_neck, plans):
    assert double_layered(make_neck, plans, 80, 1.2, high_mm=3.0).ossification.double_layer_sign.candidate
    assert not double_layered(
        make_neck, plans, 880, 1.2, high_mm=3.0
    ).ossification.double_layer_sign.candidate


@pytest.mark.parametrize("fwhm_mm", [0.6, 1.6])
def test_a_faint_strip_is_no_double_layer(make_neck, plans, fwhm_mm):
    measured = double_layered(make_neck, plans, 650, 1.2, fwhm_mm=fwhm_mm)
    assert measured.ossification.double_layer_sign.candidate is False


def test_a_dense_mass_is_no_double_layer(make_neck, plans):
    assert double_layered(make_neck, plans, 880, 1.2).ossification.double_layer_sign.candidate is False


def test_a_wide_core_of_marrow_is_no_double_layer(make_neck, plans):
    assert double_layered(make_neck, plans, 300, 3.0).ossification.double_layer_sign.candidate is False


@pytest.mark.parametrize(("core", "candidate"), [(True, False), (False, True)])
def test_a_core_that_widens_with_its_mass_is_no_double_layer(make_neck, plans, core, candidate):
    plan, growth, top = plans

    def steps(*backs_mm):
        ends = (top(1), top(1) + 8, top(1) + 16, top(2) + 6)
        pieces = zip(ends[:-1], ends[1:], backs_mm, strict=True)
        return make_neck(plan(growths=tuple(growth(a, b, mm, width_mm=12) for a, b, mm in pieces)))

    thickness = np.array([3.2, 3.6, 4.2])
    segmentation, volume = steps(*thickness)
    back = steps(*thickness - 1.0)[0].mask.labels == 2
    front = steps(*(np.full(3, 1.0) if core else thickness - 2.2))[0].mask.labels == 2
    hu = np.where(segmentation.mask.labels == 2, np.int16(900), volume.hu)
    hu[back & ~front] = 120
    measured = measure_segmentation(segmentation, replace(volume, hu=hu))
    assert measured.ossification.double_layer_sign.candidate is candidate


def test_without_densities_the_sign_is_not_looked_for(make_neck, plans):
    segmentation, _ = make_neck(plans[0](growths=(plans[1](10, 30, 4.0),)))
    assert measure_segmentation(segmentation, None).ossification.double_layer_sign.candidate is None
