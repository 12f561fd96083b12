"""Masses as low as a disc or as thin as a rim: what is a calcified disc, what is told of the others."""

from typing import Final

from canalis.measurement.geometry import NeckGeometry
from canalis.measurement.masses import MassProfile
from canalis.measurement.types import Span
from canalis.measurement.vertebrae import Zone
from canalis.volume import ScanWarning

INSIDE_DISC_MM: Final = 0.75
"""From both endplates, that a mass keeps inside them to be the disc's own; an endplate is found 0.4 mm off.
Of nine that keep 0.4 mm, four calcified discs keep 1 mm or more on both sides; of five that keep 0.5 mm on
one, three are the middle of a longer ossification whose thin ends are not seen."""

TOLD_MM: Final = 6.0
"""Height up to which ossification that counts is told to be as low as a rim. Chosen: what is found on real
necks and validation phantoms where none was planted is 3 to 7 mm high, most of it under 5."""

SEEN_FROM_MM: Final = 2.0
"""Greatest thickness from which a network's ossification is told from the rims and the wall of a body: what a
report means by "no OPLL of 2 mm or more seen". The thinnest mass that two networks found on 69 and on 54
validation necks, whose own are 2.5 mm or thicker, was 2.2 mm."""

IN_DISC: Final = (
    "Ossification at {where} lies wholly between the endplates. It is listed apart as a calcified disc "
    "and counts for no extent, type or ratio: look at the pictures."
)
THIN: Final = (
    f"Ossification at {{where}} is under {SEEN_FROM_MM:g} mm thick, and none is thicker: "
    "the rim or the wall of a body can look the same. It is listed apart, with any rim beside it, and counts "
    "for no extent, type or ratio: look at the pictures."
)
COUNTED: Final = (
    f"Ossification at {{where}} is counted as OPLL but no more than {TOLD_MM:g} mm high: "
    "the rim of a body or a calcified disc can look the same. Look at the pictures."
)


def lies_in_disc(zones: tuple[Zone, ...], extent: Span) -> bool:
    """Return whether a mass lies wholly between the endplates of one disc, as a calcified disc does.

    Parameters
    ----------
    zones : tuple of Zone
        Bodies and discs.
    extent : Span
        From where to where the mass reaches along the centreline, mm.
    """
    return any(
        zone.part == "disc"
        and extent.upper_mm >= zone.upper_mm + INSIDE_DISC_MM
        and extent.lower_mm <= zone.lower_mm - INSIDE_DISC_MM
        for zone in zones
    )


def too_thin(neck: NeckGeometry, counted: list[MassProfile]) -> list[MassProfile]:
    """Return a network's masses where all are too thin to be told from the bodies' own bone; none otherwise.

    Parameters
    ----------
    neck : NeckGeometry
        The neck laid out; what a reader marked is never too thin.
    counted : list of MassProfile
        Those that would count as OPLL. Beside a thicker one thin ones count too.
    """
    thickest = max((float(mass.thickness_mm.max()) for mass in counted), default=SEEN_FROM_MM)
    return counted if neck.edges.soft and thickest < SEEN_FROM_MM else []


def tell_of_thin_masses(neck: NeckGeometry, thin: list[MassProfile]) -> tuple[ScanWarning, ...]:
    """Return a warning that names where masses are too thin to count, none without any.

    Parameters
    ----------
    neck : NeckGeometry
        The neck laid out.
    thin : list of MassProfile
        From :func:`too_thin`.
    """
    return _told(neck, "ossification-thin", THIN, thin)


def tell_of_discs(neck: NeckGeometry, others: list[MassProfile]) -> tuple[ScanWarning, ...]:
    """Return a warning that names the discs of masses that were marked as ossification, none without any.

    Parameters
    ----------
    neck : NeckGeometry
        The neck laid out.
    others : list of MassProfile
        What is marked as ossification and is no OPLL by its place.
    """
    return _told(
        neck, "ossification-in-disc", IN_DISC, [m for m in others if lies_in_disc(neck.zones, m.extent)]
    )


def tell_of_low_masses(neck: NeckGeometry, counted: list[MassProfile]) -> tuple[ScanWarning, ...]:
    """Return a warning of masses that count and are as low as a rim; none where a reader marked them.

    Parameters
    ----------
    neck : NeckGeometry
        The neck laid out.
    counted : list of MassProfile
        The masses that count as OPLL.
    """
    low = [mass for mass in counted if neck.edges.soft and mass.extent.length_mm <= TOLD_MM]
    return _told(neck, "ossification-low", COUNTED, low)


def _told(neck: NeckGeometry, code: str, words: str, masses: list[MassProfile]) -> tuple[ScanWarning, ...]:
    """Return a warning with the bodies and discs at masses' middles, each once, or none without masses."""
    if not masses:
        return ()
    middles = [(mass.extent.upper_mm + mass.extent.lower_mm) / 2 for mass in masses]
    names = [_place_name(neck, along_mm) for along_mm in middles]
    where = dict.fromkeys(name or _height(neck, mm) for name, mm in zip(names, middles, strict=True))
    places = tuple(dict.fromkeys(name for name in names if name))
    return (ScanWarning(code, words.format(where=", ".join(where)), places=places),)


def _place_name(neck: NeckGeometry, along_mm: float) -> str | None:
    return next((z.name for z in neck.zones if z.name and z.upper_mm <= along_mm <= z.lower_mm), None)


def _height(neck: NeckGeometry, along_mm: float) -> str:
    return f"z = {neck.frame.plane_at(along_mm).center_lps[2]:.0f} mm"
