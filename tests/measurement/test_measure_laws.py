"""Laws that no pose, scale or mass may break; each example is a whole neck measured twice."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from canalis.measurement import measure_segmentation
from canalis.segment.segmentation import Segmentation
from canalis.volume import Mask

VOXEL = (1.0, 0.6, 0.6)
THREE = ("C4", "C5", "C6")
FEW = settings(max_examples=4, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate))
angles = st.floats(-18, 18)
moves = st.tuples(*[st.floats(-8, 8)] * 3)


@pytest.fixture(scope="module")
def measure(make_neck, plans):
    plan, growth, top = plans

    def measured(*, thickness=4.0, left=1.5, width=10.0, **pose):
        masses = (
            (growth(top(1) - 9, top(2) + 4, thickness, left_mm=left, width_mm=width),) if thickness else ()
        )
        return measure_segmentation(*make_neck(plan(bodies=THREE, spacing_mm=VOXEL, growths=masses, **pose)))

    return measured


@pytest.fixture(scope="module")
def flipped_sides(make_neck, plans):
    plan, growth, top = plans

    def make(left):
        mass = growth(top(1) - 9, top(2) + 4, 4.0, left_mm=left, width_mm=7.0)
        return make_neck(plan(bodies=THREE, spacing_mm=VOXEL, growths=(mass,)))

    return make


def numbers(measured, name):
    return np.array([getattr(plane, name) for plane in measured.planes[:-1]])


@FEW
@given(turn=angles, tilt=angles, sway=st.floats(-6, 6), move=moves)
def test_however_the_head_lies_it_measures_what_it_is_to_half_a_voxel(measure, turn, tilt, sway, move):
    moved = measure(turn_deg=turn, tilt_deg=tilt, sway_deg=sway, move_mm=move)
    assert np.abs(numbers(moved, "canal_ap_mm") - 13.0).max() <= max(VOXEL) / 2
    assert np.abs(numbers(moved, "ossification_thickness_mm")[1:4] - 4.0).max() <= max(VOXEL) / 2
    assert moved.ossification.type == "continuous"
    assert moved.ossification.levels == THREE


@FEW
@given(left=st.floats(3.0, 7.0))
def test_mirroring_swaps_sides_and_nothing_else(flipped_sides, left):
    segmentation, _ = flipped_sides(left)
    mirror = np.diag([-1.0, 1.0, 1.0, 1.0])
    flipped = Segmentation(
        Mask(segmentation.mask.labels, mirror @ segmentation.mask.affine), segmentation.levels
    )
    one, other = measure_segmentation(segmentation, None), measure_segmentation(flipped, None)
    swapped = {"left": "right", "right": "left", "central": "central"}
    assert other.ossification.side == swapped[one.ossification.side]
    assert numbers(other, "canal_ap_mm") == pytest.approx(numbers(one, "canal_ap_mm"), abs=0.02)
    for here, there in zip(one.planes, other.planes, strict=True):
        if here.thickness_offset_mm is not None:
            assert there.thickness_offset_mm == pytest.approx(-here.thickness_offset_mm, abs=0.6)


@FEW
@given(scale=st.floats(0.9, 1.2))
def test_scaling_the_spacing_scales_lengths_and_leaves_ratios(flipped_sides, scale):
    segmentation, _ = flipped_sides(0.0)
    larger = np.diag([scale, scale, scale, 1.0]) @ segmentation.mask.affine
    one = measure_segmentation(segmentation, None)
    other = measure_segmentation(
        Segmentation(Mask(segmentation.mask.labels, larger), segmentation.levels), None
    )
    assert numbers(other, "canal_ap_mm") == pytest.approx(scale * numbers(one, "canal_ap_mm"), abs=0.15)
    assert numbers(other, "occupying_ratio_percent") == pytest.approx(
        numbers(one, "occupying_ratio_percent"), abs=2.0
    )


@FEW
@given(thin=st.floats(2.0, 6.0), more=st.floats(0.6, 4.0))
def test_a_thicker_mass_never_lowers_the_ratio(measure, thin, more):
    one, other = measure(thickness=thin), measure(thickness=thin + more)
    ratios = numbers(one, "occupying_ratio_percent"), numbers(other, "occupying_ratio_percent")
    assert (ratios[1] >= ratios[0] - 1e-9).all()
    assert other.narrowest.residual_ap_mm < one.narrowest.residual_ap_mm


@FEW
@given(thickness=st.floats(2.0, 9.0))
def test_ossification_leaves_the_anatomical_canal_alone(measure, thickness):
    without, with_mass = measure(thickness=0.0), measure(thickness=thickness)
    for name in ("canal_ap_mm", "canal_lr_mm", "canal_area_mm2"):
        assert numbers(with_mass, name) == pytest.approx(numbers(without, name), abs=1e-6)


def test_the_same_input_gives_the_same_output(measure):
    assert measure(thickness=3.0) == measure(thickness=3.0)
