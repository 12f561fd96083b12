"""What grows in a worn neck and is not OPLL: rims and spurs, calcified discs, ossified ligaments."""

from dataclasses import replace
from typing import TypedDict

import numpy as np

from canalis.phantom.canal import canal_at
from canalis.phantom.growth import EVERY_BONE, Growth
from canalis.phantom.neck import C2, C7, Neck, Vertebra

LIPPED_SHARE = 0.88  # of discs: the rims of healthy endplates stand a little behind the wall too
BROAD_SHARE = 0.6  # of rims and spurs, those as broad as the body
DENSE_SHARE = 0.25  # of spurs, those without marrow
RETRO_ODONTOID_SHARE = 0.08
ANTERIOR_LIGAMENT_SHARES = (0.1, 0.35)  # of necks without and with OPLL
LIP_MM, OSTEOPHYTE_MM = 0.9, 2.4  # middling heights of a healthy rim and of an osteophyte


class Ends(TypedDict):
    """Where a growth ends along the curve, and over how much it rises there, mm."""

    low_mm: float
    high_mm: float
    taper_low_mm: float
    taper_high_mm: float


def plan_degeneration(rng: np.random.Generator, neck: Neck) -> tuple[Growth, ...]:
    """Draw what grows into the canal and is not OPLL.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    neck : Neck
        Where.

    Returns
    -------
    tuple of Growth
        Level by level from C2/3 down; a retro-odontoid mass last.
    """
    wear = float(rng.beta(1.2, 1.6))
    others: list[Growth] = []
    for i in range(C2, C7 + 1):
        upper, lower = neck.vertebrae[i], neck.vertebrae[i + 1]
        if upper.block:
            continue
        if rng.random() < LIPPED_SHARE:
            worn = rng.random() < 0.12 + 0.75 * wear
            others += _rims(rng, upper, lower, middling_mm=OSTEOPHYTE_MM if worn else LIP_MM)
        others += [
            _uncovertebral(rng, neck, upper, lower, side)
            for side in (-1, 1)
            if lower.uncinate and rng.random() < 0.08 + 0.55 * wear
        ]
        others += [
            _facet_spur(rng, neck, upper, lower, side) for side in (-1, 1) if rng.random() < 0.22 * wear
        ]
        if rng.random() < 0.06 * wear:
            others.append(_calcified_disc(rng, upper, lower))
        if rng.random() < 0.14 * wear:
            others += _flavum(rng, neck, upper, lower)
    if rng.random() < RETRO_ODONTOID_SHARE:
        others.append(_retro_odontoid(rng, neck))
    return tuple(others)


def plan_anterior(rng: np.random.Generator, neck: Neck, *, beside_opll: bool) -> tuple[Growth, ...]:
    """Draw what grows before the bodies: spurs at their edges, and an ossified anterior ligament.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    neck : Neck
        Where.
    beside_opll : bool
        Whether the neck has OPLL: the anterior ligament then ossifies more often.

    Returns
    -------
    tuple of Growth
        From the head down; an ossified ligament last.
    """
    wear = float(rng.beta(1.2, 1.6))
    spurs = []
    for v in neck.vertebrae[C2 : C7 + 2]:
        for endplate, out in ((v.upper_mm, 1), (v.lower_mm, -1)):
            if v.index == C2 and out > 0:
                continue
            spurs += [_anterior_spur(rng, v, endplate, out)] if rng.random() < 0.15 + 0.6 * wear else []
    if rng.random() < ANTERIOR_LIGAMENT_SHARES[beside_opll]:
        spurs.append(_anterior_ligament(rng, neck))
    return tuple(spurs)


def _about_endplate(endplate: float, out: int, *, reach: float, over: float) -> Ends:
    """Return the ends of a spur that reaches along its body and over the disc; ``out`` as in `_rim`."""
    if out > 0:
        return Ends(low_mm=endplate - reach, high_mm=endplate + over, taper_low_mm=reach, taper_high_mm=over)
    return Ends(low_mm=endplate - over, high_mm=endplate + reach, taper_low_mm=over, taper_high_mm=reach)


def _anterior_spur(rng: np.random.Generator, v: Vertebra, endplate: float, out: int) -> Growth:
    size = float(np.clip(rng.lognormal(np.log(2.0), 0.6), 0.4, 8))
    reach, over = float(rng.uniform(2, 5)), float(rng.uniform(0.3, 0.8) + rng.uniform(0, 0.4) * size)
    return Growth(
        kind="anterior",
        wall="ahead",
        **_about_endplate(endplate, out, reach=reach, over=over),
        height_mm=size,
        center_x_mm=float(rng.normal(0, 5)),
        width_mm=float(rng.uniform(8, 30)),
        square=float(rng.uniform(0, 0.5)),
        sharp=float(rng.uniform(0, 1)),
        joined=v.index,
        rim_mm=_cortex_of_spur(rng),
    )


def _anterior_ligament(rng: np.random.Generator, neck: Neck) -> Growth:
    n = int(rng.integers(2, 6))
    first = int(rng.integers(C2, C7 + 2 - n))
    top, bottom = neck.vertebrae[first], neck.vertebrae[first + n - 1]
    return Growth(
        kind="anterior",
        wall="ahead",
        low_mm=bottom.s_mm - float(rng.uniform(-3, 5)),
        high_mm=top.s_mm + float(rng.uniform(-3, 5)),
        taper_low_mm=float(rng.uniform(3, 9)),
        taper_high_mm=float(rng.uniform(3, 9)),
        height_mm=float(rng.uniform(2, 7)),
        center_x_mm=float(rng.normal(0, 3)),
        width_mm=float(rng.uniform(10, 22)),
        square=float(rng.uniform(0, 0.6)),
        wave_mm=float(rng.uniform(14, 22)),
        wave_phase=float(rng.uniform(0, 6.28)),
        wave_share=float(rng.uniform(0, 0.6)),
        joined=EVERY_BONE,
        rim_mm=_cortex_of_spur(rng),
    )


def _retro_odontoid(rng: np.random.Generator, neck: Neck) -> Growth:
    """Return a calcified mass or transverse ligament behind the dens."""
    axis = neck.vertebrae[C2]
    middle = axis.upper_mm + neck.dens_length * float(rng.uniform(0.35, 0.85))
    half = float(rng.uniform(1.5, 6))
    return Growth(
        kind="retro-odontoid",
        wall="front",
        low_mm=middle - half,
        high_mm=middle + half,
        taper_low_mm=half,
        taper_high_mm=half,
        height_mm=float(np.clip(rng.lognormal(np.log(2.0), 0.5), 0.7, 6)),
        center_x_mm=float(rng.normal(0, 2)),
        width_mm=float(rng.uniform(4, 15)),
        square=float(rng.uniform(0, 0.5)),
        rim_hu=float(rng.uniform(180, 900)),
        core_hu=float(rng.uniform(100, 600)),
        soft_mm=float(rng.uniform(0, 1)),
    )


def _cortex_of_spur(rng: np.random.Generator) -> float:
    """Return how thick a spur's cortex is, mm: thin about marrow, or bone nearly throughout."""
    return float(rng.uniform(1.2, 3) if rng.random() < DENSE_SHARE else rng.uniform(0.35, 0.9))


def _rims(rng: np.random.Generator, upper: Vertebra, lower: Vertebra, *, middling_mm: float) -> list[Growth]:
    """Return the rims of the endplates about a disc, as one bar or as spurs to one side."""
    size = float(np.clip(rng.lognormal(np.log(middling_mm), 0.5), 0.4, 5.5))
    broad = rng.random() < BROAD_SHARE
    side = float(rng.normal(0, 1.0 if broad else 3.5))
    width = upper.width * float(rng.uniform(0.85, 1.25)) if broad else float(rng.uniform(6, 18))
    disc = upper.lower_mm - lower.upper_mm
    lips = [
        _rim(rng, v, endplate, out, size=size * float(rng.uniform(0.5, 1.0)), disc_mm=disc)
        for v, endplate, out in ((upper, upper.lower_mm, -1), (lower, lower.upper_mm, 1))
    ]
    lips = [replace(lip, center_x_mm=side + float(rng.normal(0, 0.6)), width_mm=width) for lip in lips]
    return lips if rng.random() < 0.75 else [lips[int(rng.random() < 0.5)]]


def _rim(
    rng: np.random.Generator, v: Vertebra, endplate: float, out: int, *, size: float, disc_mm: float
) -> Growth:
    """Return the rim of one endplate; ``out`` is 1 for an upper one, -1 for a lower."""
    reach = float(rng.uniform(1.0, 3.0) + rng.uniform(0.1, 0.5) * size)
    over = float(min(rng.uniform(0.3, 0.8) + rng.uniform(0, 0.6) * size, max(0.42 * disc_mm, 0.4)))
    return Growth(
        kind="osteophyte",
        wall="front",
        **_about_endplate(endplate, out, reach=reach, over=over),
        height_mm=size,
        center_x_mm=0.0,
        width_mm=10.0,
        square=float(rng.uniform(0, 0.8)),
        sharp=float(rng.beta(0.8, 0.8)),
        joined=v.index,
        rim_mm=_cortex_of_spur(rng),
    )


def _uncovertebral(
    rng: np.random.Generator, neck: Neck, upper: Vertebra, lower: Vertebra, side: int
) -> Growth:
    """Return a spur of an uncinate process, into the canal's corner and the foramen."""
    middle = (upper.lower_mm + lower.upper_mm) / 2
    half = float(canal_at(neck, np.array([middle])).lr[0]) / 2
    size = float(np.clip(rng.lognormal(np.log(2.0), 0.5), 0.6, 5.5))
    below, above = float(rng.uniform(1.5, 4)), float(rng.uniform(1.5, 5))
    return Growth(
        kind="uncovertebral",
        wall="front",
        low_mm=lower.upper_mm - below,
        high_mm=lower.upper_mm + above,
        taper_low_mm=below,
        taper_high_mm=above * float(rng.uniform(0.4, 1.0)),
        height_mm=size,
        center_x_mm=side * half * float(rng.uniform(0.55, 0.95)),
        width_mm=float(rng.uniform(5, 11)),
        square=float(rng.uniform(0, 0.5)),
        sharp=float(rng.uniform(0, 0.6)),
        joined=lower.index,
        rim_mm=_cortex_of_spur(rng),
    )


def _facet_spur(rng: np.random.Generator, neck: Neck, upper: Vertebra, lower: Vertebra, side: int) -> Growth:
    """Return a spur of a facet joint, into the canal from behind and aside."""
    middle = (upper.s_mm + lower.s_mm) / 2 + float(rng.uniform(-2, 2))
    half = float(canal_at(neck, np.array([middle])).lr[0]) / 2
    reach = float(rng.uniform(2.5, 6))
    return Growth(
        kind="facet spur",
        wall="back",
        low_mm=middle - reach,
        high_mm=middle + reach,
        taper_low_mm=reach,
        taper_high_mm=reach,
        height_mm=float(np.clip(rng.lognormal(np.log(1.8), 0.45), 0.6, 4.5)),
        center_x_mm=side * half * float(rng.uniform(0.55, 0.85)),
        width_mm=float(rng.uniform(5, 10)),
        square=float(rng.uniform(0, 0.4)),
        joined=(upper if rng.random() < 0.5 else lower).index,
        rim_mm=_cortex_of_spur(rng),
    )


def _calcified_disc(rng: np.random.Generator, upper: Vertebra, lower: Vertebra) -> Growth:
    return Growth(
        kind="calcified disc",
        wall="front",
        low_mm=lower.upper_mm + 0.3,
        high_mm=upper.lower_mm - 0.3,
        taper_low_mm=1.0,
        taper_high_mm=1.0,
        height_mm=float(rng.uniform(1, 3)),
        center_x_mm=float(rng.normal(0, 2)),
        width_mm=float(rng.uniform(5, 12)),
        rim_hu=float(rng.uniform(200, 600)),
        core_hu=float(rng.uniform(200, 500)),
        soft_mm=0.5,
    )


def _flavum(rng: np.random.Generator, neck: Neck, upper: Vertebra, lower: Vertebra) -> list[Growth]:
    middle = (upper.s_mm - upper.lamina_drop + lower.s_mm - lower.lamina_drop) / 2
    half = float(rng.uniform(3, 7))
    sides = (-1, 1) if rng.random() < 0.5 else (int(rng.choice([-1, 1])),)
    return [
        Growth(
            kind="flavum",
            wall="back",
            low_mm=middle - half,
            high_mm=middle + half,
            taper_low_mm=half * 0.8,
            taper_high_mm=half * 0.8,
            height_mm=float(rng.uniform(1, 4)),
            center_x_mm=float(k * rng.uniform(3, 6.5)),
            width_mm=float(rng.uniform(4, 8)),
            square=0.1,
            rim_hu=float(rng.uniform(350, 900)),
            core_hu=float(rng.uniform(300, 800)),
        )
        for k in sides
    ]
