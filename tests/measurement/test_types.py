import pytest

from canalis.measurement.types import (
    Span,
    covers,
    near_type_of_patient,
    type_of_mass,
    type_of_patient,
)

BODIES = (Span(0, 15), Span(20, 35), Span(40, 55))


@pytest.mark.parametrize(
    ("mass", "kind"),
    [
        (Span(5, 30), "continuous"),
        (Span(22, 33), "segmental"),
        (Span(13, 32), "segmental"),  # reaches 2 mm into the body above: not covered
        (Span(11, 32), "continuous"),  # reaches 4 mm into it
        (Span(12, 22), "localized"),  # 3 mm and 2 mm from the endplates: at a disc and its edges
        (Span(33.5, 41.5), "localized"),
        (Span(-5, 60), "continuous"),
    ],
)
def test_a_mass_is_typed_by_the_bodies_it_covers(mass, kind):
    assert type_of_mass(mass, BODIES) == kind


def test_a_mass_wholly_behind_a_body_covers_it_from_three_millimetres():
    assert covers(Span(24, 27), Span(20, 35))
    assert not covers(Span(24, 26.9), Span(20, 35))


def test_a_mass_from_the_disc_must_reach_more_than_three_millimetres():
    assert not covers(Span(16, 23), Span(20, 35))
    assert covers(Span(16, 23.1), Span(20, 35))


@pytest.mark.parametrize(
    ("kinds", "patient"),
    [
        (["continuous"], "continuous"),
        (["continuous", "localized"], "continuous"),
        (["segmental", "segmental"], "segmental"),
        (["localized", "segmental"], "segmental"),
        (["segmental", "continuous", "localized"], "mixed"),
        (["localized", "localized"], "localized"),
        ([], None),
    ],
)
def test_a_patient_is_typed_by_the_table(kinds, patient):
    assert type_of_patient(kinds) == patient


def test_a_type_near_another_names_it():
    assert near_type_of_patient([Span(11.5, 32)], BODIES) == "segmental"
    assert near_type_of_patient([Span(14, 32)], BODIES) == "continuous"
    assert near_type_of_patient([Span(14, 24)], BODIES) == "localized"


def test_a_type_far_from_any_other_names_none():
    assert near_type_of_patient([Span(5, 30)], BODIES) is None
    assert near_type_of_patient([Span(23, 33)], BODIES) is None


def test_the_nearest_change_of_type_is_the_one_named():
    masses = [Span(11.8, 32), Span(41, 46)]  # 0.2 mm from uncovering a body; 2 mm from less
    assert type_of_patient([type_of_mass(mass, BODIES) for mass in masses]) == "mixed"
    assert near_type_of_patient(masses, BODIES) == "segmental"
