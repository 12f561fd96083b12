"""Masses no higher than a disc: a calcified disc is no OPLL, and what counts is told."""

from dataclasses import replace

import numpy as np
import pytest

from canalis.labels import ANATOMICAL_CANAL, OSSIFICATION, OTHER_NARROWING
from canalis.measurement import measure_segmentation
from canalis.measurement.apart import other_masses, without_masses
from canalis.measurement.geometry import lay_out
from canalis.segment.segmentation import Probability

from .conftest import BODY_MM, DISC_MM, Growth, NeckPlan

DISC_TOP = BODY_MM  # of C3/4, mm down from C3's upper endplate
IN_DISC = Growth(DISC_TOP + 1.25, DISC_TOP + DISC_MM - 1.25, 4.0)
AS_HIGH = Growth(DISC_TOP + 0.5, DISC_TOP + DISC_MM - 0.5, 4.0)
BEYOND = Growth(DISC_TOP - 1.5, DISC_TOP + DISC_MM + 1.5, 4.0)
ON_BODIES = Growth(24.0, 48.0, 3.0)


@pytest.fixture(scope="module")
def in_disc(make_neck):
    return make_neck(NeckPlan(spacing_mm=(0.5, 0.45, 0.4), growths=(IN_DISC,)))


def soft(segmentation):
    """The same outlines as a network would give them."""
    mask = segmentation.mask
    shares = [np.isin(mask.labels, labels) for labels in (ANATOMICAL_CANAL, (OSSIFICATION,))]
    canal, mass = (Probability(np.where(share, 250, 5).astype(np.uint8), mask.affine) for share in shares)
    return replace(segmentation, canal=canal, ossification=mass)


def codes(measured):
    return [warning.code for warning in measured.warnings]


@pytest.mark.parametrize("as_drawn", [soft, lambda segmentation: segmentation])
def test_what_lies_between_endplates_is_a_calcified_disc_and_no_opll(in_disc, as_drawn):
    measured = measure_segmentation(as_drawn(in_disc[0]), in_disc[1])
    assert measured.ossification.present is False
    assert [(thing.kind, thing.level) for thing in measured.apart] == [("calcified disc", "C3/4")]
    assert measured.apart[0].thickness_mm == pytest.approx(4.0, abs=0.6)
    assert codes(measured) == ["ossification-in-disc"]
    assert "Ossification at C3/4 lies" in measured.warnings[0].message


def test_it_has_no_ratio_but_narrows_the_canal(in_disc):
    measured = measure_segmentation(*in_disc)
    disc = next(p for p in measured.planes if p.level == "C3/4" and p.part == "disc")
    assert disc.ossification_thickness_mm == 0
    assert disc.occupying_ratio_percent == 0
    assert disc.residual_ap_mm < disc.canal_ap_mm - 3
    assert measured.narrowest.level == "C3/4"


@pytest.mark.parametrize("growth", [BEYOND, AS_HIGH])
def test_a_mass_as_high_as_its_disc_or_higher_is_opll(make_neck, growth):
    measured = measure_segmentation(*make_neck(NeckPlan(growths=(growth,))))
    assert measured.ossification.type == "localized"
    assert codes(measured) == []


def test_only_what_a_network_drew_is_told_to_be_as_low_as_a_rim(make_neck):
    segmentation, volume = make_neck(NeckPlan(growths=(Growth(4.0, 9.0, 4.0),)))
    drawn = measure_segmentation(soft(segmentation), volume)
    assert codes(drawn) == ["ossification-low"]
    assert "at C3 is counted" in drawn.warnings[0].message
    assert codes(measure_segmentation(segmentation, volume)) == []


THIN, THICKER = Growth(24.0, 34.0, 1.6), Growth(2.0, 12.0, 3.0)


def test_a_networks_ossification_under_two_millimetres_is_told_and_counts_for_nothing(make_neck):
    segmentation, volume = make_neck(NeckPlan(spacing_mm=(0.5, 0.4, 0.4), growths=(THIN,)))
    drawn = measure_segmentation(soft(segmentation), volume)
    assert drawn.ossification.present is False
    assert codes(drawn) == ["ossification-thin"]
    assert "Ossification at C4 is under 2 mm thick" in drawn.warnings[0].message
    assert drawn.warnings[0].places == ("C4",)
    assert [(thing.kind, thing.level) for thing in drawn.apart] == [("osteophyte", "C4")]
    assert drawn.apart[0].thickness_mm == pytest.approx(1.6, abs=0.4)


def test_thin_ossification_counts_where_a_reader_marked_it_and_beside_a_thicker_mass(make_neck):
    segmentation, volume = make_neck(NeckPlan(spacing_mm=(0.5, 0.4, 0.4), growths=(THIN,)))
    assert measure_segmentation(segmentation, volume).ossification.present is True
    both = make_neck(NeckPlan(spacing_mm=(0.5, 0.4, 0.4), growths=(THIN, THICKER)))
    measured = measure_segmentation(soft(both[0]), both[1])
    assert measured.ossification.levels == ("C3", "C4")
    assert "ossification-thin" not in codes(measured)


def test_other_masses_stay_as_they_are(make_neck):
    segmentation, volume = make_neck(NeckPlan(spacing_mm=(0.5, 0.45, 0.4), growths=(IN_DISC, ON_BODIES)))
    neck = lay_out(segmentation, volume)
    others = other_masses(neck)
    assert len(others) == 1
    assert len(neck.masses) == 2
    before, after = (s.mask.labels for s in (segmentation, without_masses(segmentation, neck, others)))
    moved = before != after
    assert (before[moved] == OSSIFICATION).all()
    assert (after[moved] == OTHER_NARROWING).all()
    (left,) = lay_out(without_masses(segmentation, neck, others), volume).masses
    kept = next(mass for mass in neck.masses if mass is not others[0])
    assert left.volume_mm3 == pytest.approx(kept.volume_mm3)
    assert moved.sum() * 0.5 * 0.45 * 0.4 == pytest.approx(others[0].volume_mm3, rel=0.1)
