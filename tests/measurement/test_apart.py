"""Things that are not OPLL, told apart by where they lie; a ring that was opened."""

from dataclasses import replace

import numpy as np
import pytest

from canalis.labels import FIRST_VERTEBRA, OSSIFICATION, OTHER_NARROWING
from canalis.measurement import measure_segmentation
from canalis.measurement.anterior import find_anterior_ligament
from canalis.measurement.geometry import lay_out
from canalis.volume import Mask, Volume


@pytest.fixture(scope="module")
def with_axis(make_neck, plans):
    """A function to a neck from C2 with one growth, mm below the axis's upper edge, of a label."""
    plan, growth, _ = plans

    def make(upper, lower, label=OSSIFICATION):
        neck = plan(bodies=("C2", "C3", "C4", "C5"), growths=(growth(upper, lower, 4.0),))
        segmentation, _ = make_neck(neck)
        labels = segmentation.mask.labels.copy()
        labels[labels == OSSIFICATION] = label
        return measure_segmentation(replace(segmentation, mask=Mask(labels, segmentation.mask.affine)), None)

    return make


@pytest.mark.parametrize("label", [OSSIFICATION, OTHER_NARROWING])
def test_a_mass_wholly_behind_the_dens_is_retro_odontoid_and_no_opll(with_axis, label):
    measured = with_axis(-6.5, -1.0, label)
    assert [thing.kind for thing in measured.apart] == ["retro-odontoid"]
    assert measured.apart[0].thickness_mm == pytest.approx(4.0, abs=0.5)
    assert measured.ossification.present is False


def test_a_mass_that_comes_down_behind_the_axis_is_opll(with_axis):
    measured = with_axis(-6.0, 12.0)
    assert measured.ossification.present
    assert "C2" in measured.ossification.levels
    assert measured.apart == ()


@pytest.fixture(scope="module")
def bridged(make_neck):
    """A neck with bone of 3 mm before C4/5, from body to body."""
    segmentation, volume = make_neck()
    laid = lay_out(segmentation, volume)
    disc = next(zone for zone in laid.zones if zone.name == "C4/5")
    hu = volume.hu.copy()
    hu[segmentation.mask.labels >= FIRST_VERTEBRA] = 400
    along = np.arange(disc.upper_mm - 3, disc.lower_mm + 3, 0.2)
    back, left = np.arange(-26.5, -23.0, 0.2), np.arange(-5, 5, 0.2)
    index = np.rint(laid.frame.at(along).grid_index(volume.affine, back, left)).astype(int)
    hu[tuple(index)] = 800
    return segmentation, Volume(hu, volume.affine, volume.acquisition)


def test_bone_that_bridges_a_disc_in_front_is_anterior_ligament(bridged):
    segmentation, volume = bridged
    found = [thing for thing in measure_segmentation(segmentation, volume).apart]
    assert [(thing.kind, thing.level) for thing in found] == [("anterior ligament", "C4/5")]
    assert found[0].thickness_mm == pytest.approx(3.5, abs=1.0)


def test_a_spur_that_does_not_reach_the_next_body_is_none(bridged):
    segmentation, volume = bridged
    laid = lay_out(segmentation, volume)
    disc = next(zone for zone in laid.zones if zone.name == "C4/5")
    gap = np.arange(disc.middle_mm - 1.5, disc.middle_mm + 1.5, 0.2)
    back, left = np.arange(-28.0, -22.0, 0.2), np.arange(-8, 8, 0.2)
    hu = volume.hu.copy()
    hu[tuple(np.rint(laid.frame.at(gap).grid_index(volume.affine, back, left)).astype(int))] = 40
    assert find_anterior_ligament(laid, Volume(hu, volume.affine, None)) == []


def test_without_a_ct_nothing_is_said_of_the_anterior_ligament(bridged):
    assert measure_segmentation(bridged[0], None).apart == ()


def test_an_opened_ring_sets_the_mode_and_names_the_levels(make_neck, plans):
    measured = measure_segmentation(*make_neck(plans[0](opened=("C4", "C5"))))
    assert measured.mode == "post-operative"
    assert measured.opened_levels == ("C4", "C5")


def test_a_whole_ring_is_unoperated(make_neck):
    measured = measure_segmentation(*make_neck())
    assert measured.mode == "unoperated"
    assert measured.opened_levels == ()
