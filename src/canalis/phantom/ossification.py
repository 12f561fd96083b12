"""What grows into a phantom's canal: OPLL of a wanted type, and what is not OPLL.

Each growth is a height above one of the canal's walls, known exactly at every place.
"""

from dataclasses import dataclass, replace
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from canalis.phantom.canal import canal_at
from canalis.phantom.plan import C2, C7, NAMES, Neck, OperationKind, Vertebra, operated

Array = NDArray[np.floating]
Type = Literal["continuous", "segmental", "mixed", "localized"]
TYPES: tuple[Type, ...] = ("continuous", "segmental", "mixed", "localized")

TYPE_SHARES = (0.32, 0.31, 0.22, 0.15)
THICKNESS_LOG_MEAN, THICKNESS_LOG_SD = np.log(4.6), 0.42  # mm, between incidental and surgical cases
LARGEST_SHARE_OF_CANAL = 0.85
LEAST_LATER_MM = 3.0  # a later mass is no thinner, so that its type is what was asked for
EVERY_BONE = -1  # of a growth that continues whatever bone it lies on
ROOT_MM = (0.5, 1.2, 3.5)  # how deep a growth is rooted in its bone: least, a mm of height, most
GONE = -0.6  # height of a growth where there is none, mm: below 0, so that it leaves no film


class Look(TypedDict):
    """The density of a mass, HU, and its rim and fading edge, mm."""

    rim_hu: float
    core_hu: float
    rim_mm: float
    soft_mm: float


@dataclass(frozen=True, slots=True)
class Growth:
    """One growth from a wall of the canal, or from the front of a body, mm.

    Attributes
    ----------
    kind : str
        ``opll``, ``osteophyte``, ``uncovertebral``, ``calcified disc``, ``retro-odontoid``,
        ``flavum``, ``facet spur``; ``anterior`` for what lies before the bodies.
    wall : {"front", "back", "ahead"}
        Where it grows from: a wall of the canal, or the outside of a body, x then being the way around it.
    low_mm, high_mm : float
        Its ends along the curve.
    taper_low_mm, taper_high_mm : float
        Over how much it rises at each end.
    height_mm : float
        Its greatest height above the wall.
    center_x_mm, width_mm : float
        Where it sits across the canal.
    hill : float
        0 for a plateau along the neck, 1 for a hill.
    square : float
        1 for a square cross-section, 0 for a rounded one.
    wave_mm, wave_phase : float
        Length of its undulation along the neck, and where that starts.
    gap_mm : float
        The lucent line before it at mid-body.
    rim_hu, core_hu, rim_mm : float
        Its density at the edge and inside.
    soft_mm : float
        Over how much its edge fades.
    layer : tuple of float
        Of a double layer: depth of the strip under the back, its thickness, both mm; (0, 0) for none.
    sharp : float
        1 for a crest that rises ever more steeply, 0 for a rounded one.
    joined : int or None
        Index of the vertebra whose bone it continues, without a cortex between, or ``EVERY_BONE``; None
        for a growth that lies on the wall.
    """

    kind: str
    wall: Literal["front", "back", "ahead"]
    low_mm: float
    high_mm: float
    taper_low_mm: float
    taper_high_mm: float
    height_mm: float
    center_x_mm: float
    width_mm: float
    hill: float = 0.0
    square: float = 0.5
    wave_mm: float = 30.0
    wave_phase: float = 0.0
    wave_share: float = 0.0
    gap_mm: float = 0.0
    rim_hu: float = 900.0
    core_hu: float = 700.0
    rim_mm: float = 0.8
    soft_mm: float = 0.0
    layer: tuple[float, float] = (0.0, 0.0)
    sharp: float = 0.0
    joined: int | None = None

    @property
    def is_opll(self) -> bool:
        """Whether it is ossified posterior longitudinal ligament."""
        return self.kind == "opll"

    def reaches(self, s_mm: float) -> bool:
        """Whether it is there at a place along the curve."""
        return self.low_mm <= s_mm <= self.high_mm

    def height(self, x: Array, s: Array) -> Array:
        """Return the height above its wall at places (x, s), mm; below 0 where there is none."""
        rise = np.minimum((s - self.low_mm) / self.taper_low_mm, (self.high_mm - s) / self.taper_high_mm)
        along = np.clip(rise, -1, 1)
        along = np.where(along > 0, along * (2 - along + 2 * self.sharp * (along - 1)), along)
        if self.hill:
            middle, half = (self.low_mm + self.high_mm) / 2, (self.high_mm - self.low_mm) / 2
            bump = 1 - np.minimum(np.abs(s - middle) / half, 1) ** 1.5
            along = np.where(along > 0, along * (1 - self.hill + self.hill * bump), along)
        wave = 1 + self.wave_share * (np.cos(2 * np.pi * s / self.wave_mm + self.wave_phase) - 1) / 2
        u = np.abs(x - self.center_x_mm) / (self.width_mm / 2)
        power = 2.0 + 6.0 * self.square
        across = np.where(u < 1, 1 - np.minimum(u, 1) ** power, np.maximum(1 - u, -1) * 2)
        held = np.minimum(along, 0) + np.minimum(across, 0)
        return np.asarray(
            np.where(held < 0, np.maximum(held * 3, GONE), self.height_mm * along * across * wave)
        )

    def bone_distance(self, x: Array, up: Array, s: Array) -> Array:
        """Return the distance to it and to its root in the bone it continues, mm, below 0 inside.

        Parameters
        ----------
        x, s : ndarray
            Places across and along.
        up : ndarray
            Their height above the wall.

        Returns
        -------
        ndarray
            True near its surface.
        """
        height = self.height(x, s)
        root = np.minimum(ROOT_MM[0] + ROOT_MM[1] * np.maximum(height, 0), ROOT_MM[2])
        d = np.maximum(up - height, -root - up)
        return np.asarray(np.where(height <= 0, np.maximum(d, 0.2 - height), d))


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
    operation : {"laminectomy", "open door", "french door"} or None
        How its canal was opened; None for not at all.
    """

    present: bool | None = None
    type: Type | None = None
    levels: tuple[tuple[str, ...], ...] = ()
    thickness_mm: float | None = None
    near_boundary: bool = False
    operation: OperationKind | None = None


PRESENT_SHARE = 0.62
THIN_SHARE, LATERAL_SHARE, FUSED_SHARE = 0.28, 0.35, 0.25  # of necks with OPLL
LIPPED_SHARE = 0.88  # of discs: the rims of healthy endplates stand a little behind the wall too
BROAD_SHARE = 0.6  # of rims and spurs, those as broad as the body
DENSE_SHARE = 0.25  # of spurs, those without marrow
RETRO_ODONTOID_SHARE = 0.08
ANTERIOR_LIGAMENT_SHARES = (0.1, 0.35)  # of necks without and with OPLL
LIP_MM, OSTEOPHYTE_MM = 0.9, 2.4  # middling heights of a healthy rim and of an osteophyte


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
    return masses + _plan_others(rng, neck) + _plan_outside(rng, neck, beside_opll=bool(masses))


def _plan_opll(rng: np.random.Generator, neck: Neck, wanted: Wanted) -> tuple[Growth, ...]:
    kind = wanted.type or TYPES[rng.choice(len(TYPES), p=TYPE_SHARES)]
    spans = wanted.levels or _spans(rng, kind)
    look = draw_density(rng)
    thickest = wanted.thickness_mm or _thickness(rng)
    lateral = rng.random() < LATERAL_SHARE
    side = float(rng.choice([-1, 1]) * rng.uniform(3, 8) if lateral else rng.normal(0, 1.2))
    fused = rng.random() < FUSED_SHARE
    masses = []
    for number, span in enumerate(spans):
        low, high = _ends(
            rng, neck, span, localized=kind == "localized" or len(span) == 0, near=wanted.near_boundary
        )
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
    if fused and kind != "localized":
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
        return below.upper_mm - rng.uniform(*reach), above.lower_mm + rng.uniform(*reach)
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
    hu = rng.uniform(250, 420)  # immature: faint, with an edge that fades
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


def _plan_others(rng: np.random.Generator, neck: Neck) -> tuple[Growth, ...]:
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


def _plan_outside(rng: np.random.Generator, neck: Neck, *, beside_opll: bool) -> tuple[Growth, ...]:
    """Draw what grows before the bodies: spurs at their edges, and an ossified anterior ligament."""
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


def _anterior_spur(rng: np.random.Generator, v: Vertebra, endplate: float, out: int) -> Growth:
    size = float(np.clip(rng.lognormal(np.log(2.0), 0.6), 0.4, 8))
    reach, over = float(rng.uniform(2, 5)), float(rng.uniform(0.3, 0.8) + rng.uniform(0, 0.4) * size)
    low, high = sorted((endplate - out * reach, endplate + out * over))
    return Growth(
        kind="anterior",
        wall="ahead",
        low_mm=low,
        high_mm=high,
        taper_low_mm=reach if out > 0 else over,
        taper_high_mm=over if out > 0 else reach,
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
    low, high = sorted((endplate - out * reach, endplate + out * over))
    return Growth(
        kind="osteophyte",
        wall="front",
        low_mm=low,
        high_mm=high,
        taper_low_mm=reach if out > 0 else over,
        taper_high_mm=over if out > 0 else reach,
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
