"""What grows into a phantom's canal: OPLL of a wanted type, and what else grows in a neck."""

from dataclasses import dataclass, replace
from typing import Literal, TypedDict

import numpy as np

from canalis.phantom.canal import canal_at
from canalis.phantom.degeneration import plan_anterior, plan_degeneration
from canalis.phantom.growth import EVERY_BONE, Growth
from canalis.phantom.neck import C2, C7, NAMES, Neck, OperationKind, Vertebra
from canalis.phantom.operations import operated
from canalis.phantom.vertebra import wall_ends

Type = Literal["continuous", "segmental", "mixed", "localized"]
TYPES: tuple[Type, ...] = ("continuous", "segmental", "mixed", "localized")

TYPE_SHARES = (0.32, 0.31, 0.22, 0.15)
THICKNESS_LOG_MEAN, THICKNESS_LOG_SD = np.log(4.6), 0.42  # mm, between incidental and surgical cases
LARGEST_SHARE_OF_CANAL = 0.85
LEAST_LATER_MM = 3.0  # a later mass is no thinner, so that its type is what was asked for


class Look(TypedDict):
    """The density of a mass, HU, and its rim and fading edge, mm."""

    rim_hu: float
    core_hu: float
    rim_mm: float
    soft_mm: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """What ossification a phantom must have; None leaves it to chance.

    Attributes
    ----------
    present : bool or None
        Whether there is any OPLL.
    type : str or None
        Its type.
    levels : tuple of tuple of str
        The bodies each mass covers, such as ``(("C3", "C4", "C5"), ("C6",))``; of a localized mass
        the body above its disc.
    thickness_mm : float or None
        Its greatest thickness.
    near_boundary : bool
        Ends placed close to where the type would change.
    lateral : bool or None
        Whether its masses lie to one side of the canal.
    faint : bool or None
        Whether it must be immature: little denser than soft tissue, with an edge that fades.
    operation : {"laminectomy", "open door", "french door"} or None
        How its canal was opened; None for not at all.
    """

    present: bool | None = None
    type: Type | None = None
    levels: tuple[tuple[str, ...], ...] = ()
    thickness_mm: float | None = None
    near_boundary: bool = False
    lateral: bool | None = None
    faint: bool | None = None
    operation: OperationKind | None = None


PRESENT_SHARE = 0.62
THIN_SHARE, LATERAL_SHARE, FUSED_SHARE = 0.28, 0.35, 0.25  # of necks with OPLL


def plan_growths(rng: np.random.Generator, neck: Neck, wanted: Wanted) -> tuple[Growth, ...]:
    """Draw everything that grows into the canal.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    neck : Neck
        Where.
    wanted : Wanted
        What is asked for.

    Returns
    -------
    tuple of Growth
        OPLL first.
    """
    neck = operated(neck, None)  # the same masses before and after
    present = rng.random() < PRESENT_SHARE if wanted.present is None else wanted.present
    masses = _plan_opll(rng, neck, wanted) if present or wanted.type or wanted.levels else ()
    return masses + plan_degeneration(rng, neck) + plan_anterior(rng, neck, beside_opll=bool(masses))


def _plan_opll(rng: np.random.Generator, neck: Neck, wanted: Wanted) -> tuple[Growth, ...]:
    kind = wanted.type or TYPES[rng.choice(len(TYPES), p=TYPE_SHARES)]
    localized = kind == "localized" and (wanted.type is not None or not wanted.levels)
    spans = wanted.levels or _spans(rng, kind)
    look = _draw_faint(rng) if wanted.faint else draw_density(rng)
    thickest = wanted.thickness_mm or _thickness(rng)
    by_chance = rng.random() < LATERAL_SHARE
    lateral = by_chance if wanted.lateral is None else wanted.lateral
    side = float(rng.choice([-1, 1]) * rng.uniform(3, 8) if lateral else rng.normal(0, 1.2))
    fused = rng.random() < FUSED_SHARE
    masses = []
    for number, span in enumerate(spans):
        low, high = _ends(rng, neck, span, localized=localized, near=wanted.near_boundary)
        share = 1.0 if number == 0 else float(rng.uniform(0.45, 1.0))
        masses.append(
            _one_mass(
                rng,
                neck,
                low,
                high,
                max(thickest * share, min(thickest, LEAST_LATER_MM)),
                side,
                look,
                exact=bool(wanted.thickness_mm),
            )
        )
    if fused and not localized:
        masses = [_fused(rng, mass) for mass in masses]
    return tuple(masses)


def _thickness(rng: np.random.Generator) -> float:
    if rng.random() < THIN_SHARE:
        return float(rng.uniform(1.6, 3.2))
    return float(np.clip(rng.lognormal(THICKNESS_LOG_MEAN, THICKNESS_LOG_SD), 1.5, 12))


def _fused(rng: np.random.Generator, mass: Growth) -> Growth:
    """Return a mass whose cortex and marrow are those of the bodies it lies on."""
    cortex = float(rng.uniform(0.4, 1.3))
    return replace(mass, joined=EVERY_BONE, gap_mm=0.0, soft_mm=0.0, layer=(0.0, 0.0), rim_mm=cortex)


def _spans(rng: np.random.Generator, kind: str) -> tuple[tuple[str, ...], ...]:
    """Which bodies each mass covers."""
    bodies = NAMES[C2 : C7 + 1]
    if kind == "continuous":
        n = int(rng.choice([2, 3, 4, 5], p=[0.35, 0.3, 0.22, 0.13]))
        first = int(rng.integers(0, len(bodies) - n + 1))
        return (bodies[first : first + n],)
    if kind == "segmental":
        chosen = sorted(
            rng.choice(
                np.arange(1, len(bodies)), size=int(rng.choice([1, 2, 3], p=[0.45, 0.35, 0.2])), replace=False
            )
        )
        return tuple((bodies[i],) for i in chosen)
    if kind == "localized":
        return ((bodies[int(rng.integers(0, len(bodies) - 1))],),)
    n = int(rng.choice([2, 3]))
    first = int(rng.integers(0, len(bodies) - n - 1))
    return (bodies[first : first + n], (bodies[int(rng.integers(first + n, len(bodies)))],))


def _ends(
    rng: np.random.Generator, neck: Neck, span: tuple[str, ...], *, localized: bool, near: bool
) -> tuple[float, float]:
    vertebrae = [neck.vertebrae[NAMES.index(name)] for name in span]
    if localized:
        above = vertebrae[0]
        below = neck.vertebrae[above.index + 1]
        reach = (1.6, 3.6) if near else (1.2, 2.7)
        low, high = wall_ends(below)[1], wall_ends(above)[0]
        return low - rng.uniform(*reach), high + rng.uniform(*reach)
    top, bottom = vertebrae[0], vertebrae[-1]
    single = len(span) == 1
    return _lower_end(rng, bottom, near, single=single), _upper_end(rng, top, near, single=single)


def _upper_end(rng: np.random.Generator, v: Vertebra, near: bool, *, single: bool) -> float:
    if near and not single:
        return v.lower_mm + float(rng.uniform(2.0, 5.0))
    return v.lower_mm + v.height * float(rng.uniform(0.75, 0.98) if single else rng.uniform(0.62, 1.1))


def _lower_end(rng: np.random.Generator, v: Vertebra, near: bool, *, single: bool) -> float:
    if near:
        return v.upper_mm - float(rng.uniform(5.0, 8.0))
    return v.upper_mm - v.height * float(rng.uniform(0.75 if single else 0.62, 0.98))


def draw_density(rng: np.random.Generator) -> Look:
    """Return how dense an OPLL is at its rim and inside, and how its edge fades, drawn at random."""
    kind = rng.choice(4, p=[0.35, 0.28, 0.22, 0.15])
    if kind == 0:  # mature: a cortical rim about marrow
        return {
            "rim_hu": rng.uniform(750, 1400),
            "core_hu": rng.uniform(90, 550),
            "rim_mm": rng.uniform(0.5, 1.3),
            "soft_mm": 0.0,
        }
    if kind == 1:  # dense throughout
        hu = rng.uniform(600, 1150)
        return {"rim_hu": hu, "core_hu": hu * rng.uniform(0.9, 1.0), "rim_mm": 0.8, "soft_mm": 0.0}
    if kind == 2:
        hu = rng.uniform(450, 800)
        return {
            "rim_hu": hu,
            "core_hu": hu * rng.uniform(0.7, 1.1),
            "rim_mm": 0.8,
            "soft_mm": rng.uniform(0, 0.8),
        }
    return _draw_faint(rng)


def _draw_faint(rng: np.random.Generator) -> Look:
    """Return the look of an immature mass: little denser than soft tissue, with an edge that fades."""
    hu = rng.uniform(250, 420)
    return {"rim_hu": hu, "core_hu": hu, "rim_mm": 0.8, "soft_mm": rng.uniform(0.6, 1.6)}


def _one_mass(
    rng: np.random.Generator,
    neck: Neck,
    low: float,
    high: float,
    thickness: float,
    side: float,
    look: Look,
    *,
    exact: bool,
) -> Growth:
    length = high - low
    places = np.linspace(low, high, 20)
    canal = canal_at(neck, places)
    width = (
        float(np.clip(rng.normal(12.5, 3.0), 6, 20))
        if length > 10
        else float(np.clip(rng.normal(10, 2), 5, 14))
    )
    if abs(side) > 2.5:
        width = min(width, float(rng.uniform(5, 11)))
    width = min(width, float(canal.lr.min()) - 4.0)
    center = float(
        np.clip(
            side + rng.normal(0, 0.8), -(canal.lr.min() - width) / 2 + 1, (canal.lr.min() - width) / 2 - 1
        )
    )
    room = float((canal.back(np.full(20, center)) - canal.front(np.full(20, center))).min())
    taper = min(rng.uniform(2.5, 8.0), length * 0.4)
    height = thickness if exact else min(thickness, LARGEST_SHARE_OF_CANAL * room)
    double = bool(height > 3.5 and rng.random() < 0.18)
    mass = Growth(
        kind="opll",
        wall="front",
        low_mm=low,
        high_mm=high,
        taper_low_mm=float(taper * rng.uniform(0.7, 1.3)),
        taper_high_mm=float(taper * rng.uniform(0.7, 1.3)),
        height_mm=float(min(height, 0.92 * room)),
        center_x_mm=center,
        width_mm=width,
        hill=float(rng.uniform(0.5, 1)) if rng.random() < 0.22 else 0.0,
        square=float(rng.beta(1.2, 1.2)),
        wave_mm=float(rng.uniform(15, 45)),
        wave_phase=float(rng.uniform(0, 6.28)),
        wave_share=0.0 if length < 25 else float(rng.uniform(0, 0.45)),
        gap_mm=float(rng.uniform(0.5, 1.8)) if rng.random() < 0.45 and height > 2.5 else 0.0,
        layer=(float(rng.uniform(0.9, 1.6)), float(rng.uniform(0.6, 1.8))) if double else (0.0, 0.0),
        **look,
    )
    return _made_as_thick_as(mass, min(thickness, 0.92 * room)) if exact else mass


def _made_as_thick_as(mass: Growth, thickness_mm: float) -> Growth:
    """Return a mass scaled so that its thickest place is as thick as told."""
    x = mass.center_x_mm + np.linspace(-mass.width_mm / 2, mass.width_mm / 2, 41)
    s = np.linspace(mass.low_mm, mass.high_mm, 201)
    most = float(mass.height(x[None, :], s[:, None]).max())
    return replace(mass, height_mm=mass.height_mm * thickness_mm / most)
