"""Where a canal stands among people measured on CT, by the study that measured them.

Studies differ in people, planes and edges, so a percentile comes with its study's name and a level or
measure without a CT study has none. Films do not count: 17 mm is normal on a film, 12.8 mm on CT.
"""

from dataclasses import dataclass
from typing import Literal

from scipy.special import ndtr

from canalis.measurement.measurements import Part, Percentile

Measure = Literal["canal_ap_mm", "canal_area_mm2"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A study's mean and standard deviation of one measure at mid-body of one level."""

    level: str
    measure: Measure
    group: Literal["adults", "men", "women"]
    mean: float
    sd: float
    study: str


PARIHAR = "Parihar, 100 adults, India, CT"
HONG_KONG = "522 adults, Hong Kong, CT"
REFERENCES = (
    Reference("C2", "canal_ap_mm", "adults", 14.4, 1.6, PARIHAR),
    Reference("C4", "canal_ap_mm", "adults", 12.8, 1.5, PARIHAR),
    Reference("C5", "canal_area_mm2", "men", 276.0, 42.0, HONG_KONG),
    Reference("C5", "canal_area_mm2", "women", 253.0, 38.0, HONG_KONG),
)
"""Parihar: ruralneuropractice; Hong Kong: discovery.researcher.life 8c894bb0 (abstracts)."""


def percentiles_of(
    *, level: str | None, part: Part, canal_ap_mm: float, canal_area_mm2: float
) -> tuple[Percentile, ...] | None:
    """Return where a canal stands among people measured on CT.

    Parameters
    ----------
    level : str or None
        Of the plane.
    part : {"arch", "body", "disc", "worst"}
        The studies measured at bodies.
    canal_ap_mm, canal_area_mm2 : float
        Of the anatomical canal, mm and mm².

    Returns
    -------
    tuple of Percentile or None
        One for each study and group that measured this level, from its mean and standard deviation as of
        a normal distribution; None where no study did. The patient's sex is not read: where a study
        parts men and women, both are given.

    Examples
    --------
    >>> found = percentiles_of(level="C4", part="body", canal_ap_mm=12.8, canal_area_mm2=250.0)
    >>> [(p.measure, p.group, p.percentile) for p in found]
    [('canal_ap_mm', 'adults', 50.0)]
    """
    values = {"canal_ap_mm": canal_ap_mm, "canal_area_mm2": canal_area_mm2}
    found = tuple(
        Percentile(
            measure=reference.measure,
            group=reference.group,
            percentile=float(100 * ndtr((values[reference.measure] - reference.mean) / reference.sd)),
            study=reference.study,
        )
        for reference in REFERENCES
        if part == "body" and reference.level == level
    )
    return found or None


def why_no_percentile(level: str | None) -> str:
    """Return the reason why a plane has no percentile."""
    if level is None:
        return "The level has no name to compare by."
    known = ", ".join(dict.fromkeys(reference.level for reference in REFERENCES))
    return f"No CT reference is known here; there is one at mid-body of {known}."
