"""What is true of a phantom follows the definitions, worked out here by hand from where a mass is put."""

from dataclasses import replace

import numpy as np
import pytest

from canalis.phantom.growth import Growth
from canalis.phantom.plan import plan_neck
from canalis.phantom.truth import truth_of
from canalis.phantom.vertebra import wall_ends

from .drawing import C4, C5, SEED


@pytest.fixture(scope="module")
def neck():
    return replace(plan_neck(np.random.default_rng(SEED)), density=1.0)


def mass_behind_c5(neck, *, above_c4s_endplate_mm, center_x_mm=0.0):
    """A mass with steep ends from the middle of C5 upwards, 4 mm thick."""
    (lower, upper), (c4, _) = wall_ends(neck.vertebrae[C5]), wall_ends(neck.vertebrae[C4])
    return Growth(
        kind="opll", wall="front", low_mm=(lower + upper) / 2, high_mm=c4 + above_c4s_endplate_mm,
        taper_low_mm=0.2, taper_high_mm=0.2, height_mm=4.0, center_x_mm=center_x_mm, width_mm=5.0,
    )  # fmt: skip


def ossification(neck, mass):
    return truth_of(neck, (mass,), low_z_mm=-80, high_z_mm=150).ossification


@pytest.mark.parametrize(("above_mm", "near"), [(-1.2, None), (0.5, "continuous"), (1.5, "continuous")])
def test_a_segmental_mass_that_reaches_over_its_disc_is_near_continuous(neck, above_mm, near):
    truth = ossification(neck, mass_behind_c5(neck, above_c4s_endplate_mm=above_mm))
    assert truth.type == "segmental"
    assert truth.levels == ("C5",)
    assert truth.near_type == near


@pytest.mark.parametrize(("center_x_mm", "index"), [(0.0, 2), (6.0, 0)])
def test_the_op_index_counts_what_the_midsagittal_image_shows(neck, center_x_mm, index):
    truth = ossification(neck, mass_behind_c5(neck, above_c4s_endplate_mm=0.5, center_x_mm=center_x_mm))
    assert (truth.levels, truth.discs) == (("C5",), ("C4/5",))
    assert truth.op_index == index
    assert truth.op_grade == 1


def tent(neck, height_mm):
    """A mass that rises evenly over 10 mm to C5's middle and falls as evenly."""
    middle = sum(wall_ends(neck.vertebrae[C5])) / 2
    return Growth(
        kind="opll", wall="front", low_mm=middle - 10, high_mm=middle + 10, taper_low_mm=10.0,
        taper_high_mm=10.0, sharp=0.5, height_mm=height_mm, center_x_mm=0.0, width_mm=8.0,
    )  # fmt: skip


@pytest.mark.parametrize("height_mm", [3.0, 5.0])
def test_the_compression_angle_is_that_of_the_slopes(neck, height_mm):
    low, high = (ossification(neck, tent(neck, mm)).compression_angle_deg for mm in (2.0, height_mm))
    steeper = 2 * np.degrees(np.arctan(height_mm / 10) - np.arctan(2.0 / 10))
    assert low - high == pytest.approx(steeper, abs=1.5)
    assert 140 < low < 175


def test_a_plane_without_ossification_has_no_line_of_greatest_thickness(neck):
    truth = truth_of(neck, (tent(neck, 3.0),), low_z_mm=-80, high_z_mm=150)
    offsets = {plane.level: plane.thickness_offset_mm for plane in truth.planes}
    assert offsets["C3"] is None
    assert offsets["C5"] == pytest.approx(0.0, abs=0.06)
