"""The type of an ossification by the table of Tsuyama, as this project words it.

A mass is told by where its ends lie among the bodies. Places are mm along the centreline, growing to
the foot, so that an upper end is the smaller number.

References
----------
.. [1] Tsuyama N. Ossification of the posterior longitudinal ligament of the spine. Clin Orthop Relat
   Res 1984;184:71-84. The table was made for films; docs/measurements.md says what is chosen here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from canalis.measurement.measurements import OssificationType

INVOLVED_THICKNESS_MM = 1.0  # a body or disc is involved at this thickness ... (chosen)
INVOLVED_HEIGHT_MM = 3.0  # ... over this height (chosen)
COVER_REACH_MM = 3.0  # a body is covered beyond this from the endplate the mass comes from (chosen)
NEAR_TYPE_MM = 2.0  # a type is near another when moving an end by as much changes it (chosen)
NEAR_TYPE_STEPS_MM = (0.5, 1.0, 1.5, 2.0)  # the nearest change is the one named


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the centreline, mm: a mass from end to end, or a body between its endplates."""

    upper_mm: float
    lower_mm: float

    @property
    def length_mm(self) -> float:
        """From end to end."""
        return self.lower_mm - self.upper_mm

    def overlap_mm(self, other: "Span") -> float:
        """Return how much of another span lies in this one."""
        return max(0.0, min(self.lower_mm, other.lower_mm) - max(self.upper_mm, other.upper_mm))


def covers(mass: Span, body: Span) -> bool:
    """Return whether a mass covers a body.

    Parameters
    ----------
    mass, body : Span
        The mass where it is at least 1 mm thick; the body between its endplates.

    Returns
    -------
    bool
        True when it runs along 3 mm of the body or more, and either crosses it, lies wholly behind
        it, or reaches more than 3 mm from the endplate that it comes from.

    Examples
    --------
    >>> covers(Span(8.0, 30.0), Span(0.0, 15.0))
    True
    >>> covers(Span(13.0, 30.0), Span(0.0, 15.0))
    False
    """
    shared = mass.overlap_mm(body)
    wholly_behind = mass.upper_mm >= body.upper_mm and mass.lower_mm <= body.lower_mm
    return shared >= INVOLVED_HEIGHT_MM and (wholly_behind or shared > COVER_REACH_MM)


def type_of_mass(mass: Span, bodies: Sequence[Span]) -> OssificationType:
    """Return the type of one mass: continuous, segmental or localized.

    Examples
    --------
    >>> bodies = (Span(0, 15), Span(20, 35))
    >>> type_of_mass(Span(8, 30), bodies), type_of_mass(Span(2, 14), bodies)
    ('continuous', 'segmental')
    >>> type_of_mass(Span(13, 22), bodies)
    'localized'
    """
    covered = sum(covers(mass, body) for body in bodies)
    if covered >= 2:
        return "continuous"
    return "segmental" if covered == 1 else "localized"


def type_of_patient(masses: Sequence[OssificationType]) -> OssificationType | None:
    """Return the type of a patient from those of the masses, None without any.

    Examples
    --------
    >>> type_of_patient(["continuous", "localized"]), type_of_patient(["continuous", "segmental"])
    ('continuous', 'mixed')
    """
    kinds = set(masses)
    if {"continuous", "segmental"} <= kinds or "mixed" in kinds:
        return "mixed"
    for kind in ("continuous", "segmental", "localized"):
        if kind in kinds:
            return kind
    return None


def near_type_of_patient(masses: Sequence[Span], bodies: Sequence[Span]) -> OssificationType | None:
    """Return the type that moving one end of one mass by up to 2 mm would make, None if none would.

    Parameters
    ----------
    masses : sequence of Span
        Where each is at least 1 mm thick.
    bodies : sequence of Span
        Between their endplates.

    Returns
    -------
    {"continuous", "segmental", "mixed", "localized"} or None
        The one that the smallest move makes. A segmental mass that also reaches over a whole disc is
        near continuous at any rate.
    """
    own = type_of_patient([type_of_mass(mass, bodies) for mass in masses])
    for step in NEAR_TYPE_STEPS_MM:
        for number, mass in enumerate(masses):
            for moved in _moved(mass, step):
                others = [moved if i == number else other for i, other in enumerate(masses)]
                kind = type_of_patient([type_of_mass(other, bodies) for other in others])
                if kind != own:
                    return kind
    if own == "segmental" and any(_reaches_over_a_disc(mass, bodies) for mass in masses):
        return "continuous"
    return None


def _moved(mass: Span, step_mm: float) -> list[Span]:
    return [
        Span(mass.upper_mm + up * step_mm, mass.lower_mm + down * step_mm)
        for up, down in ((-1, 0), (1, 0), (0, -1), (0, 1))
    ]


def _reaches_over_a_disc(mass: Span, bodies: Sequence[Span]) -> bool:
    touched = [body for body in bodies if mass.overlap_mm(body) > 0]
    return len(touched) >= 2 and type_of_mass(mass, bodies) == "segmental"
