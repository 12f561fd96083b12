import pytest

from canalis.measurement import plane_measures, shape, summary, types
from canalis.report import methods
from canalis.report.methods import chosen_rules


@pytest.mark.parametrize(
    ("module", "constant", "changed", "printed"),
    [
        (types, "INVOLVED_THICKNESS_MM", 1.25, "1.25 mm thick"),
        (types, "INVOLVED_HEIGHT_MM", 3.75, "3.75 mm of height"),
        (types, "COVER_REACH_MM", 4.5, "more than 4.5 mm from the endplate"),
        (types, "NEAR_TYPE_MM", 2.5, "moving an end by 2.5 mm"),
        (summary, "CENTRAL_SHARE", 0.25, "within 1/4 of the canal's half-width"),
        (shape, "SURFACE_MM", 11.5, "followed for 11.5 mm"),
        (shape, "PLATEAU_SHARE", 0.7, "keeps 70% of"),
        (plane_measures, "LARGEST_GAP_MM", 3.5, "more than 3.5 mm apart"),
        (plane_measures, "LARGEST_PIXEL_MM", 1.25, "pixels over 1.25 mm"),
        (plane_measures, "LEAST_RATIO_PIXELS", 2.5, "below 2.5 pixels"),
        (methods, "NARROW_CANAL_MM", 9.5, "below 9.5 mm is narrow"),
    ],
)
def test_a_rule_prints_the_value_that_the_code_uses(monkeypatch, module, constant, changed, printed):
    assert not any(printed in rule.text for rule in chosen_rules())
    monkeypatch.setattr(module, constant, changed)
    assert any(printed in rule.text for rule in chosen_rules())
