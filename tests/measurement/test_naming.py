"""Names are sure only when every level between the first and the last was placed."""

from canalis.measurement.measure import _naming
from canalis.measurement.measurements import PlaneMeasurement
from canalis.segment.segmentation import LevelNaming

BOTH = LevelNaming(True, "both", "Counted from both ends.")


def bodies(*levels):
    up = (0.0, 0.0, 1.0)
    return tuple(
        PlaneMeasurement(level, "arch" if level == "C1" else "body", (0.0, 0.0, 0.0), up, (0.0, 1.0, 0.0))
        for level in levels
    )


def test_a_level_without_a_plane_between_two_that_have_one_makes_names_unsure():
    naming = _naming(BOTH, bodies("C1", "C3", "C4"))
    assert not naming.sure
    assert naming.source == "both"
    assert "C2 could not be placed" in naming.reason


def test_an_unbroken_row_of_levels_stays_sure():
    assert _naming(BOTH, bodies("C2", "C3", "C4", "C5")) is BOTH
    assert _naming(BOTH, ()) is BOTH
