"""Scores of the cervical cord and what becomes of them: total, improvement rate, grade, MCID.

Two scales share a name and nothing else: JOA (Japanese Orthopaedic Association, 17 points) and mJOA
(Benzel, 18 points). A score is never moved from one to the other.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

from canalis.errors import CohortError

Grade = Literal["excellent", "good", "fair", "poor"]

GRADES: Final[tuple[tuple[Grade, float], ...]] = (("excellent", 75.0), ("good", 50.0), ("fair", 25.0))
"""Least improvement rate, %, of each grade; below is poor. The first source of these limits was not found."""

MCID_RATE_PERCENT: Final = 42.0
"""Least improvement rate that patients notice: Oshima, PMC9344517, 75 degenerative cases, posterior."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """A score of the cervical cord.

    Attributes
    ----------
    name : str
        Its name in files.
    full : float
        The score of a healthy person.
    least : float
        The lowest total.
    step : float
        The smallest step between two scores, 0.5 where half points are given.
    items : dict of str to tuple of float
        Least and greatest points of each item.
    mcid_points : float or None
        Least change in points that patients notice, None where the program knows none.
    source : str
        Where the items come from.
    """

    name: str
    full: float
    least: float
    step: float
    items: dict[str, tuple[float, float]] = field(repr=False)
    mcid_points: float | None
    source: str = field(repr=False)


JOA_ITEMS: Final = {
    "upper_motor": (0.0, 4.0),
    "lower_motor": (0.0, 4.0),
    "upper_sensory": (0.0, 2.0),
    "lower_sensory": (0.0, 2.0),
    "trunk_sensory": (0.0, 2.0),
    "bladder": (0.0, 3.0),
}
JOA17: Final = Scale(
    name="JOA17",
    full=17.0,
    least=0.0,
    step=0.5,
    items=JOA_ITEMS,
    mcid_points=2.5,  # Oshima, PMC9344517
    source="J Orthop Surg Res 2009;4:24, table 2",
)
JOA17_REVISED: Final = Scale(
    name="JOA17 revised",
    full=17.0,
    least=-2.0,
    step=0.5,
    items=JOA_ITEMS | {"shoulder_elbow": (-2.0, 0.0)},
    mcid_points=2.5,  # Oshima, PMC9344517
    source="revision with half points and a negative shoulder-elbow item; its table was not checked",
)
MJOA18: Final = Scale(
    name="mJOA18",
    full=18.0,
    least=0.0,
    step=1.0,
    items={
        "mjoa_upper_motor": (0.0, 5.0),
        "mjoa_lower_motor": (0.0, 7.0),
        "mjoa_sensory": (0.0, 3.0),
        "mjoa_sphincter": (0.0, 3.0),
    },
    mcid_points=None,
    source="Benzel's modification, PMC4383381, table 1",
)
SCALES: Final = {scale.name: scale for scale in (JOA17, JOA17_REVISED, MJOA18)}


def find_scale(name: str) -> Scale:
    """Return the scale of that name.

    Parameters
    ----------
    name : str
        "JOA17", "JOA17 revised" or "mJOA18"; capitals and spaces do not matter.

    Raises
    ------
    CohortError
        If there is no such scale.

    Examples
    --------
    >>> find_scale("joa 17").full
    17.0
    """
    wanted = name.lower().replace(" ", "").replace("-", "").replace("_", "")
    for scale in SCALES.values():
        if wanted in (
            scale.name.lower().replace(" ", ""),
            scale.name.lower().replace(" ", "").rstrip("0123456789"),
        ):
            return scale
    raise CohortError(
        f"Expected a scale of {', '.join(SCALES)}, found '{name}'. Choose one of these with --scale."
    )


def fits_scale(points: float, scale: Scale) -> bool:
    """Tell whether a total is possible on a scale: within its range, on its steps.

    Examples
    --------
    >>> fits_scale(18, JOA17), fits_scale(10.5, JOA17), fits_scale(10.5, MJOA18)
    (False, True, False)
    """
    return scale.least <= points <= scale.full and (points / scale.step) == round(points / scale.step)


def improvement_rate_percent(
    *, preoperative: float, postoperative: float, full: float = 17.0
) -> float | None:
    """Return the share of the lost points that came back, Hirabayashi's rate.

    Parameters
    ----------
    preoperative, postoperative : float
        Totals, points.
    full : float
        The scale's full score, points.

    Returns
    -------
    float or None
        Percent; negative when the patient is worse. None at the full score before operation, where
        there is nothing to gain and the rate is not defined.

    Raises
    ------
    CohortError
        If a score is above the full score or not a number.

    Examples
    --------
    >>> improvement_rate_percent(preoperative=11, postoperative=14)
    50.0
    >>> improvement_rate_percent(preoperative=16, postoperative=15)
    -100.0
    >>> improvement_rate_percent(preoperative=17, postoperative=17) is None
    True
    """
    for points in (preoperative, postoperative):
        if not points <= full:
            raise CohortError(f"Expected a score up to {full:g}, found {points:g}. Check the scale's name.")
    if preoperative == full:
        return None
    return 100.0 * (postoperative - preoperative) / (full - preoperative)


def grade_of(rate_percent: float) -> Grade:
    """Return the grade of an improvement rate.

    Examples
    --------
    >>> grade_of(75.0), grade_of(50.0), grade_of(49.9), grade_of(-10.0)
    ('excellent', 'good', 'fair', 'poor')
    """
    return next((grade for grade, least in GRADES if rate_percent >= least), "poor")


def mcid_reached(*, preoperative: float, postoperative: float, scale: Scale) -> bool | None:
    """Tell whether the change in points is at least the least that patients notice.

    Returns
    -------
    bool or None
        None where the program knows no such change for the scale.

    Examples
    --------
    >>> mcid_reached(preoperative=8, postoperative=10.5, scale=JOA17)
    True
    >>> mcid_reached(preoperative=8, postoperative=12, scale=MJOA18) is None
    True
    """
    return None if scale.mcid_points is None else postoperative - preoperative >= scale.mcid_points


def total_of(items: dict[str, float], scale: Scale) -> float:
    """Return the total of a score given item by item.

    Parameters
    ----------
    items : dict of str to float
        Every item of the scale, points.
    scale : Scale
        The scale they belong to.

    Raises
    ------
    CohortError
        If an item is missing, unknown, or outside its range.

    Examples
    --------
    >>> items = {"mjoa_upper_motor": 3, "mjoa_lower_motor": 5, "mjoa_sensory": 2, "mjoa_sphincter": 3}
    >>> total_of(items, MJOA18)
    13.0
    """
    missing = [name for name in scale.items if name not in items]
    unknown = [name for name in items if name not in scale.items]
    if missing or unknown:
        raise CohortError(
            f"Expected the items {', '.join(scale.items)} of {scale.name}, found "
            f"{', '.join(items) or 'none'}. "
            "Give each item, or the total alone."
        )
    for name, points in items.items():
        least, most = scale.items[name]
        if not least <= points <= most:
            raise CohortError(
                f"Expected {name} from {least:g} to {most:g} on {scale.name}, found {points:g}."
            )
    return float(sum(items.values()))
