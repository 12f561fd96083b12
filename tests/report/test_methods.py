import pytest

from canalis.measurement import (
    apart,
    centerline,
    double_layer,
    masses,
    opened,
    ossification,
    plane_measures,
    shape,
    summary,
    types,
    uncertainty,
    walls,
)
from canalis.report import methods, words
from canalis.report.methods import chosen_rules
from canalis.segment import low_masses


@pytest.mark.parametrize(
    ("module", "constant", "changed", "printed"),
    [
        (centerline, "SMOOTHING_WAVELENGTH_MM", 42.0, "shorter than 42 mm"),
        (walls, "MID_BODY_SHARE", 0.4, "the middle 40% of the bodies"),
        (walls, "FREE_MM", 0.75, "less than 0.75 mm of ossification"),
        (walls, "FUSED_STEP_MM", 1.75, "stands 1.75 mm or more behind"),
        (methods, "BEFORE_LINE_MM", 0.45, "than 0.45 mm before the line"),
        (methods, "LONGEST_OPEN_MM", 13, "no more than 13 mm apart"),
        (low_masses, "LOW_MM", 13.5, "no higher than 13.5 mm"),
        (low_masses, "LEAST_MEAN", 0.97, "mean probability of 0.97"),
        (low_masses, "LEAST_MEAN_TALLER", 0.77, "0.77 over"),
        (low_masses, "TALLER_MM", 7.5, "over 7.5 mm"),
        (low_masses, "THIN_MM", 2.25, "no thicker than 2.25 mm"),
        (methods, "OSSIFICATION_ODDS", 1.85, "count 1.85 times"),
        (methods, "SEEN_FROM_MM", 2.75, "drew is 2.75 mm thick"),
        (opened, "REMOVED_MM", 9.5, "9.5 mm of it"),
        (ossification, "PLATEAU_MM", 0.35, "within 0.35 mm of the greatest"),
        (masses, "BRIDGING_GAP_MM", 1.25, "dips of up to 1.25 mm"),
        (double_layer, "LEAST_MISSING_MM", 0.7, "lacking bone worth 0.7 mm"),
        (double_layer, "WIDEST_BAND_MM", 2.7, "at most 2.7 mm wide"),
        (double_layer, "LEAST_RUN_MM", 3.5, "over 3.5 mm of the neck"),
        (apart, "DISC_SHARE", 0.65, "where 65% of it lies between endplates"),
        (uncertainty, "HALF_MILLIMETRE", 0.75, "errs by less than 0.75 mm"),
        (types, "INVOLVED_THICKNESS_MM", 1.25, "1.25 mm thick"),
        (types, "INVOLVED_HEIGHT_MM", 3.75, "3.75 mm of height"),
        (types, "COVER_REACH_MM", 4.5, "more than 4.5 mm from the endplate"),
        (types, "NEAR_TYPE_MM", 2.5, "moving an end by 2.5 mm"),
        (summary, "CENTRAL_SHARE", 0.25, "within 1/4 of the canal's half-width"),
        (shape, "SURFACE_MM", 11.5, "followed for 11.5 mm"),
        (shape, "PLATEAU_SHARE", 0.7, "keeps 70% of"),
        (methods, "LARGEST_GAP_MM", 3.5, "more than 3.5 mm apart"),
        (methods, "LARGEST_PIXEL_MM", 1.25, "pixels over 1.25 mm"),
        (plane_measures, "LEAST_RATIO_PIXELS", 2.5, "below 2.5 pixels"),
        (methods, "NARROW_CANAL_MM", 9.5, "below 9.5 mm is narrow"),
        (words, "OFF_MIDLINE_MM", 4.5, "more than 4.5 mm from the midline"),
    ],
)
def test_a_rule_prints_the_value_that_the_code_uses(monkeypatch, module, constant, changed, printed):
    assert not any(printed in rule.text for rule in chosen_rules())
    monkeypatch.setattr(module, constant, changed)
    assert any(printed in rule.text for rule in chosen_rules())


def test_no_two_rules_have_one_name():
    names = [rule.name for rule in chosen_rules()]
    assert len(names) == len(set(names))
