"""Which neck to draw: every size of one phantom, drawn at random from its seed.

Means and spreads come from the osteometric and CT literature that docs/phantom.md lists, widened
where a source is thin. Nothing is taken from a scan.
"""

from dataclasses import dataclass, replace
from typing import Literal, TypedDict, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from canalis.phantom.curve import TABLE_STEP_MM, SpineCurve, bend

Floats = NDArray[np.float64]

NAMES = ("C1", "C2", "C3", "C4", "C5", "C6", "C7", "T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8")
C1, C2, C7, T1 = 0, 1, 6, 7

# Means by level, C1 to T8, of a man of middle size, mm.
BODY_HEIGHT = (0, 20.5, 14.6, 14.2, 13.8, 14.0, 15.4, 17.0, 18.2, 18.6, 19.2, 19.8, 20.4, 21.0, 21.6)
BODY_DEPTH = (0, 16.5, 17.2, 16.8, 16.8, 17.3, 17.5, 17.5, 18.0, 19.0, 20.5, 22.0, 24.0, 26.0, 27.0)
BODY_WIDTH = (0, 18.0, 18.5, 19.5, 20.8, 22.5, 25.0, 27.0, 26.5, 25.5, 25.0, 25.5, 26.5, 27.5, 28.5)
DISC_HEIGHT = (0, 4.4, 4.8, 5.1, 5.4, 5.6, 5.2, 4.2, 3.6, 3.4, 3.4, 3.6, 3.9, 4.2, 4.5)
CANAL_AP = (19.0, 15.6, 13.6, 13.0, 13.1, 13.4, 13.9, 14.6, 15.1, 15.4, 15.5, 15.5, 15.5, 15.5, 15.5)
CANAL_LR = (27.5, 24.5, 24.2, 24.9, 25.5, 25.8, 25.3, 22.2, 19.5, 18.0, 17.5, 17.2, 17.0, 17.0, 17.0)
LAMINA_HEIGHT = (8.7, 13.5, 12.5, 12.5, 13.0, 13.5, 15.5, 17.5, 19.0, 20.0, 20.5, 21.0, 21.5, 22.0, 22.0)
LAMINA_THICKNESS = (6.0, 5.8, 4.2, 3.8, 3.9, 4.5, 5.8, 6.8, 6.8, 6.6, 6.4, 6.4, 6.4, 6.5, 6.5)
PEDICLE_WIDTH = (0, 7.5, 5.3, 5.4, 5.7, 6.0, 6.6, 8.6, 7.0, 5.6, 5.0, 5.0, 5.2, 5.4, 5.8)
SPINOUS_LENGTH = (3.0, 22.0, 18.0, 20.0, 22.0, 26.0, 34.0, 36.0, 36.0, 36.0, 37.0, 38.0, 38.0, 38.0, 38.0)
SPINOUS_SLOPE_DEG = (0, 20, 25, 28, 28, 25, 22, 30, 40, 48, 54, 58, 60, 60, 60)
TRANSVERSE_TIP = (40.0, 29.0, 27.5, 28.5, 29.5, 31.0, 36.0, 39.0, 36.0, 34.0, 33.0, 32.0, 31.0, 30.0, 30.0)

CANAL_AP_SD, CANAL_LR_SD = 1.4, 1.6  # between people, one draw a neck
COBB_MEAN_DEG, COBB_SD_DEG, COBB_RANGE_DEG = 11.0, 11.0, (-20.0, 40.0)  # supine CT
T1_TILT_MEAN_DEG, T1_TILT_SD_DEG = 25.0, 6.0
DENS_LENGTH_MEAN, DENS_LENGTH_SD = 16.5, 1.8  # above the body's upper edge
SLIPPED_SHARE, RETRO_SHARE, STEP_SD_MM = 0.15, 0.7, 0.3  # of necks; the last between any two bodies
VACUUM_SHARE, CALCIFIED_SHARE, WORN_DISC_MM = 0.05, 0.05, 3.0  # of discs; three times that of worn ones
OPERATED_SHARE = 0.04
BLOCK_SHARE, BLOCK_C2_SHARE, FUSED_FACETS_SHARE = 0.05, 0.55, 0.06  # of necks; the second of blocks
CERVICAL_RIB_SHARE, OPEN_RING_SHARE = 0.07, 0.05  # 1 and 4 % of people; more, to learn them
THIN_BONE_SHARE, DENSE_BONE_SHARE = 0.1, 0.08
HOLLOW_SD_MM, HOLLOW_MOST_MM = 0.6, 1.6
SHELL_MM, THICKEST_SHELL_MM, AXIS_SHELL_MM = (0.3, 0.75), 2.0, (0.6, 2.0)  # of bodies
THICK_SHELL_SHARE = 0.4
SHELL_COMPACTNESS = (0.1, 0.9)  # condensed trabeculae with many openings
KYPHOTIC_SHARE, SCOLIOTIC_SHARE = 0.06, 0.08
THORACIC_TILT_STEP_DEG = -4.5  # a level, below T2


@dataclass(frozen=True, slots=True)
class Vertebra:
    """The sizes of one vertebra, mm and degrees."""

    index: int
    s_mm: float
    """Mid-body along the curve; of C1 its ring."""
    height: float
    depth: float
    width: float
    flare: float
    concavity: float
    uncinate: float
    lip: float
    lamina_height: float
    lamina_thickness: float
    lamina_drop: float
    """How far the lamina's middle lies below mid-body."""
    shingle: float
    """How much farther back the lamina's lower edge lies than its upper."""
    pedicle_width: float
    pedicle_height: float
    pillar_width: float
    pillar_depth: float
    facet_slope: float
    joint_gap: float
    spinous_length: float
    spinous_slope: float
    spinous_width: float
    spinous_height: float
    bifid: float
    transverse_tip: float
    foramen: tuple[float, float]
    cortex_body: float
    cortex_arch: float
    shell: float
    """How compact the body's shell is: 1 as compact bone, 0 as marrow."""
    above_mm: float
    """Distance to the centre of the vertebra above, along the curve."""
    below_mm: float
    sides: tuple[float, float]
    """How much wider than the mean its right and left are."""
    shift: float = 0.0
    """How far it stands behind the curve, slipped on the one below."""
    disc_hu: float = 85.0
    core_hu: float = 85.0
    """Of the middle of the disc below: gas, or calcified."""
    core: tuple[float, float, float] = (0.0, 8.0, 5.0)
    """Where that lies: off the midline, half-width, and half-depth, mm."""
    block: bool = False
    """Whether it is one bone with the vertebra below."""
    block_above: bool = False
    rib: tuple[float, float] = (0.0, 0.0)
    """Length of a cervical rib on its right and left, mm."""
    cleft: float = 0.0
    """Width of a gap in the posterior arch of C1, mm."""
    hollow: tuple[float, float] = (0.0, 2.0)
    """How far the middle of its posterior wall lies before the corners, mm, and the power of that curve."""

    @property
    def name(self) -> str:
        """C1 to T8."""
        return NAMES[self.index]

    @property
    def upper_mm(self) -> float:
        """Where its upper endplate lies along the curve."""
        return self.s_mm + self.height / 2

    @property
    def lower_mm(self) -> float:
        """Where its lower endplate lies along the curve."""
        return self.s_mm - self.height / 2


OperationKind = Literal["laminectomy", "open door", "french door"]


OPERATIONS: tuple[OperationKind, ...] = get_args(OperationKind)


@dataclass(frozen=True, slots=True)
class Operation:
    """How the canal was opened from behind.

    Attributes
    ----------
    kind : {"laminectomy", "open door", "french door"}
        Laminae taken away; raised about a hinge on one side; split and raised on both.
    first, last : int
        Indices of the highest and lowest opened vertebra.
    gain_mm : float
        By how much AP grew on the midline of opened levels.
    open_side : {-1, 1}
        Side of an open door's opening: 1 for left.
    half_gap_mm : float
        Half the width of what was taken away on the midline.
    """

    kind: OperationKind
    first: int
    last: int
    gain_mm: float
    open_side: int
    half_gap_mm: float

    @property
    def door(self) -> tuple[float, float]:
        """How the gain changes to the sides: a half-width to the left, and a half-width off the midline."""
        if self.kind == "open door":
            return float(self.open_side), 0.0
        return (0.0, -1.0) if self.kind == "french door" else (0.0, -0.3)

    def opened(self, v: Vertebra) -> bool:
        """Whether a vertebra's arch was opened."""
        return self.first <= v.index <= self.last


@dataclass(frozen=True, slots=True, eq=False)
class Neck:
    """Everything about a neck's spine but its ossification.

    Attributes
    ----------
    curve : SpineCurve
        Of the anatomical canal.
    vertebrae : tuple of Vertebra
        C1 to T8.
    canal : dict of str to ndarray
        ``ap``, ``lr``, ``roof`` (slope of the laminae), ``peak`` (mm, radius of the roof's ridge),
        ``front`` (how far the front wall's sides stand back 10 mm off the midline, mm), ``corner``,
        ``front_shift`` and ``back_shift`` (how far slipped vertebrae carry the walls back, mm) along
        ``curve.s_mm``.
    dens_length, dens_ap, dens_lr, dens_gap : float
        mm.
    size : float
        1 for a man of middle size.
    density : float
        Of its bone, 1 for the usual: thin bone below, dense above.
    operation : Operation or None
        What was done to it; ``canal`` then has ``lift``, mm.
    """

    curve: SpineCurve
    vertebrae: tuple[Vertebra, ...]
    canal: dict[str, Floats]
    dens_length: float
    dens_ap: float
    dens_lr: float
    dens_gap: float
    ring_slope: float
    size: float
    female: bool
    density: float = 1.0
    """Of the marrow bone, beside what is usual."""
    operation: Operation | None = None

    @property
    def dens_tip_s_mm(self) -> float:
        """Where the dens ends along the curve."""
        return self.vertebrae[C2].upper_mm + self.dens_length

    @property
    def top_s_mm(self) -> float:
        """Where the canal gives way to the skull's cavity: the upper edge of C1 at the foramen magnum."""
        return self.vertebrae[C1].s_mm + 0.5 * self.vertebrae[C1].lamina_height + 1.0

    @property
    def foramen_magnum_s_mm(self) -> float:
        """Where the skull begins along the curve."""
        return self.dens_tip_s_mm + 4.0


def plan_neck(rng: np.random.Generator) -> Neck:
    """Draw the sizes of one neck.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.

    Returns
    -------
    Neck
        With C7's mid-body at LPS (0, 0, 0) mm.
    """
    female = bool(rng.random() < 0.45)
    size = float(np.clip(rng.normal(0.92 if female else 1.0, 0.06), 0.78, 1.18))
    heights, discs = _heights(rng, size)
    block = _block(rng)
    if block is not None:
        discs[block] = min(float(rng.uniform(1.0, 2.5)), discs[block])
    dens_length = float(np.clip(rng.normal(DENS_LENGTH_MEAN, DENS_LENGTH_SD), 12, 21)) * size
    places = _places(heights, discs, dens_length)
    vertebrae = tuple(_plan_vertebra(rng, i, places, heights, size) for i in range(len(NAMES)))
    vertebrae = _with_anomalies(rng, _slipped(rng, vertebrae), block)
    density = _density(rng)
    compact = float(rng.uniform(*SHELL_COMPACTNESS))
    vertebrae = tuple(replace(_with_cortex(v, density), shell=compact) for v in vertebrae)
    s_mm = np.arange(places[-1] - 60.0, places[0] + 140.0, TABLE_STEP_MM)
    neck = Neck(
        curve=_curve(rng, places, s_mm),
        vertebrae=vertebrae,
        canal=_canal(rng, places, s_mm, female) | wall_shifts(vertebrae, s_mm),
        dens_length=dens_length,
        dens_ap=float(np.clip(rng.normal(11.0, 0.9), 8.5, 13)) * size,
        dens_lr=float(np.clip(rng.normal(9.8, 0.8), 7.5, 12)) * size,
        dens_gap=float(rng.uniform(0.0, 2.0)),
        ring_slope=float(np.tan(np.radians(np.clip(rng.normal(18, 7), 0, 32)))),
        size=size,
        female=female,
        density=density,
    )
    kind = OPERATIONS[int(rng.integers(len(OPERATIONS)))] if rng.random() < OPERATED_SHARE else None
    return operated(neck, plan_operation(rng, kind) if kind else None)


def plan_operation(rng: np.random.Generator, kind: OperationKind) -> Operation:
    """Draw an operation of a kind: C3, sometimes C4, to C6 or C7.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    kind : {"laminectomy", "open door", "french door"}
        Which.

    Returns
    -------
    Operation
        Its gain from 3 to 6 mm.
    """
    return Operation(
        kind=kind,
        first=C2 + 1 + int(rng.random() < 0.15),
        last=C7 - int(rng.random() < 0.6),
        gain_mm=float(rng.uniform(3.0, 6.0)),
        open_side=int(rng.choice([-1, 1])),
        half_gap_mm=float(rng.uniform(8, 11) if kind == "laminectomy" else rng.uniform(1.5, 3)),
    )


def operated(neck: Neck, operation: Operation | None) -> Neck:
    """Return the same neck after an operation, or before any.

    Parameters
    ----------
    neck : Neck
        Operated on or not.
    operation : Operation or None
        None for the neck as it was before.

    Returns
    -------
    Neck
        All else is the same.
    """
    canal = {name: values for name, values in neck.canal.items() if name != "lift"}
    if operation is not None:
        gains = [operation.gain_mm if operation.opened(v) else 0.0 for v in neck.vertebrae]
        canal["lift"] = _along_arches(neck.vertebrae, gains, neck.curve.s_mm)
    return replace(neck, canal=canal, operation=operation)


def _heights(rng: np.random.Generator, size: float) -> tuple[Floats, Floats]:
    n = len(NAMES)
    heights = np.array(BODY_HEIGHT) * size * rng.normal(1.0, 0.06) * rng.normal(1.0, 0.025, n)
    worn = np.where(rng.random(n) < 0.25 * rng.random(), rng.uniform(0.3, 0.7, n), 1.0)
    discs = np.array(DISC_HEIGHT) * size * np.clip(rng.normal(1.0, 0.15), 0.6, 1.4)
    discs = np.clip(discs * worn * rng.normal(1.0, 0.1, n), 1.0, 9.0)
    return heights, discs


def _places(heights: Floats, discs: Floats, dens_length: float) -> Floats:
    """Mid-body places along the curve, C1 first, C7 at 0."""
    places = np.zeros(len(heights))
    for i in range(C7 - 1, C1, -1):
        places[i] = places[i + 1] + heights[i + 1] / 2 + discs[i] + heights[i] / 2
    for i in range(C7 + 1, len(heights)):
        places[i] = places[i - 1] - heights[i - 1] / 2 - discs[i - 1] - heights[i] / 2
    places[C1] = places[C2] + heights[C2] / 2 + 0.62 * dens_length
    return places


def _plan_vertebra(
    rng: np.random.Generator, i: int, places: Floats, heights: Floats, size: float
) -> Vertebra:
    def about(mean: float, spread: float) -> float:
        return float(mean * size * np.clip(rng.normal(1.0, spread), 0.6, 1.5))

    cervical = C2 < i <= C7
    disc_mm = places[i] - heights[i] / 2 - (places[i + 1] + heights[i + 1] / 2) if i < C7 + 2 else 9.0
    return Vertebra(
        index=i,
        s_mm=float(places[i]),
        height=float(heights[i]),
        depth=about(BODY_DEPTH[i], 0.08),
        width=about(BODY_WIDTH[i], 0.08),
        flare=float(rng.uniform(0.06, 0.2)),
        concavity=float(rng.uniform(0.3, 1.8)),
        uncinate=about(5.0, 0.2) if cervical else 0.0,
        lip=float(rng.uniform(0.0, 2.2)) if i >= C2 else 0.0,
        lamina_height=about(LAMINA_HEIGHT[i], 0.1),
        lamina_thickness=about(LAMINA_THICKNESS[i], 0.17),
        lamina_drop=float(rng.uniform(1.0, 5.0)) if i > C2 else float(rng.uniform(1.0, 4.0)),
        shingle=float(rng.uniform(0.0, 1.6)),
        pedicle_width=about(PEDICLE_WIDTH[i], 0.12),
        pedicle_height=about(7.2 if i <= C7 else 11.0, 0.1),
        pillar_width=about(11.5 if i <= C7 else 9.0, 0.12),
        pillar_depth=about(11.0 if i <= C7 else 8.0, 0.12),
        facet_slope=float(np.tan(np.radians(rng.normal(45 if i <= C7 else 60, 5)))),
        joint_gap=float(rng.uniform(0.6, 2.0)),
        spinous_length=about(SPINOUS_LENGTH[i], 0.15),
        spinous_slope=float(np.tan(np.radians(rng.normal(SPINOUS_SLOPE_DEG[i], 6)))),
        spinous_width=about(5.0 if i < C7 else 6.5, 0.2),
        spinous_height=about(8.5 if i != C2 else 12.0, 0.2),
        bifid=float(rng.uniform(2, 6))
        if rng.random() < (0, 0.85, 0.75, 0.8, 0.75, 0.4, *[0.02] * 9)[i]
        else 0.0,
        transverse_tip=about(TRANSVERSE_TIP[i], 0.08),
        foramen=(about(3.1, 0.15), about(2.8, 0.15)) if i <= C7 else (0.0, 0.0),
        cortex_body=_shell_mm(float(rng.random()), axis=i == C2),
        cortex_arch=float(rng.uniform(0.9, 2.2)),
        shell=1.0,
        above_mm=float(places[i - 1] - places[i]) if i > 0 else 20.0,
        below_mm=float(places[i] - places[i + 1]) if i + 1 < len(places) else 22.0,
        sides=(float(rng.normal(0, 0.03)), float(rng.normal(0, 0.03))),
        hollow=(float(min(abs(rng.normal(0, HOLLOW_SD_MM)), HOLLOW_MOST_MM)), float(rng.uniform(1.5, 4)))
        if i >= C2
        else (0.0, 2.0),
        **_disc_look(rng, worn=disc_mm < WORN_DISC_MM),
    )


def _shell_mm(share: float, *, axis: bool) -> float:
    """Return the thickness of a body's shell at a share, 0 to 1, of all bodies: few are thick."""
    if axis:
        return float(np.interp(share, (0, 1), AXIS_SHELL_MM))
    return float(np.interp(share, (0, 1 - THICK_SHELL_SHARE, 1), (*SHELL_MM, THICKEST_SHELL_MM)))


class DiscLook(TypedDict):
    """Density of a disc and of its core, HU, and where the core lies, mm."""

    disc_hu: float
    core_hu: float
    core: tuple[float, float, float]


def _disc_look(rng: np.random.Generator, *, worn: bool) -> DiscLook:
    hu = float(rng.uniform(60, 120))
    kind = rng.random() / (3 if worn else 1)
    core = hu
    if kind < VACUUM_SHARE:
        core = float(rng.uniform(-900, -150))
    elif kind < VACUUM_SHARE + CALCIFIED_SHARE:
        core = float(rng.uniform(150, 800))
    where = (float(rng.normal(0, 2.5)), float(rng.uniform(2.5, 9)), float(rng.uniform(1.5, 6)))
    return DiscLook(disc_hu=hu, core_hu=core, core=where)


def _block(rng: np.random.Generator) -> int | None:
    """Return the upper vertebra of a block, C2 most often; None where there is none."""
    if rng.random() >= BLOCK_SHARE:
        return None
    return C2 if rng.random() < BLOCK_C2_SHARE else int(rng.integers(C2 + 1, C7))


def _density(rng: np.random.Generator) -> float:
    kind = rng.random()
    if kind < THIN_BONE_SHARE:
        return float(rng.uniform(0.3, 0.6))
    return float(rng.uniform(1.3, 1.8)) if kind > 1 - DENSE_BONE_SHARE else 1.0


def _with_cortex(v: Vertebra, density: float) -> Vertebra:
    """Return a vertebra whose cortex is as thin as its bone is weak."""
    share = float(np.sqrt(density))
    return replace(v, cortex_body=v.cortex_body * share, cortex_arch=v.cortex_arch * share)


def _with_anomalies(
    rng: np.random.Generator, vertebrae: tuple[Vertebra, ...], block: int | None
) -> tuple[Vertebra, ...]:
    """Return vertebrae with a block, thin or thick laminae, fused facets, cervical ribs, an open ring."""
    out = list(vertebrae)
    thick = float(rng.uniform(0.6, 1.6)) if rng.random() < 0.15 else 1.0
    out = [replace(v, lamina_thickness=v.lamina_thickness * thick) for v in out]
    if rng.random() < OPEN_RING_SHARE:
        out[C1] = replace(out[C1], cleft=float(rng.uniform(1.5, 9)))
    if rng.random() < CERVICAL_RIB_SHARE:
        lengths = rng.uniform(8, 30, 2)
        sides = ((1, 1), (1, 0), (0, 1))[int(rng.integers(3))]
        out[C7] = replace(out[C7], rib=(float(lengths[0] * sides[0]), float(lengths[1] * sides[1])))
    if rng.random() < FUSED_FACETS_SHARE:
        i = int(rng.integers(C2 + 1, C7))
        out[i], out[i + 1] = (replace(v, joint_gap=-1.0) for v in out[i : i + 2])
    if block is not None:
        upper, lower = out[block], out[block + 1]
        out[block], out[block + 1] = (
            replace(upper, block=True),
            replace(lower, block_above=True, shift=upper.shift),
        )
        if rng.random() < 0.5:  # arches joined too
            longer = float(rng.uniform(4, 8))
            out[block] = replace(
                out[block],
                joint_gap=-1.0,
                lamina_height=upper.lamina_height + longer,
                lamina_drop=upper.lamina_drop + longer / 2,
            )
            out[block + 1] = replace(out[block + 1], joint_gap=-1.0)
    return tuple(out)


def _slipped(rng: np.random.Generator, vertebrae: tuple[Vertebra, ...]) -> tuple[Vertebra, ...]:
    """Return vertebrae that stand a little before or behind each other; sometimes one has slipped."""
    shifts = np.zeros(len(vertebrae))
    shifts[C2 + 1 : T1] = rng.normal(0, STEP_SD_MM, T1 - C2 - 1)
    if rng.random() < SLIPPED_SHARE:
        i = int(rng.integers(C2 + 1, C7))
        slip = float(rng.uniform(1.0, 3.2)) * (1 if rng.random() < RETRO_SHARE else -1)
        shifts[C2 + 1 : i + 1] += slip * 0.5 ** np.arange(i - C2)[::-1]
    return tuple(replace(v, shift=float(d)) for v, d in zip(vertebrae, shifts, strict=True))


def wall_shifts(vertebrae: tuple[Vertebra, ...], s_mm: Floats) -> dict[str, Floats]:
    """Return how far the canal's walls follow slipped vertebrae and the hollows of their bodies.

    Parameters
    ----------
    vertebrae : tuple of Vertebra
        Head first.
    s_mm : ndarray
        Places along the curve.

    Returns
    -------
    dict of str to ndarray
        ``front_shift`` and ``back_shift`` at the places, mm, backwards: all of a vertebra's own shift along
        its body or its lamina, eased between, less the hollow of its posterior wall.
    """
    shifts = [v.shift for v in vertebrae]
    bodies = [(v.lower_mm, v.upper_mm) for v in vertebrae]
    return {
        "front_shift": _eased(bodies, shifts, s_mm) - _hollows(vertebrae, s_mm),
        "back_shift": _along_arches(vertebrae, shifts, s_mm),
    }


def _hollows(vertebrae: tuple[Vertebra, ...], s_mm: Floats) -> Floats:
    """Return how far posterior walls lie before the line between their corners, mm, 0 at discs."""
    deep = np.zeros_like(s_mm)
    for v in vertebrae:
        share = np.minimum(np.abs(s_mm - v.s_mm) / (v.height / 2), 1) if v.hollow[0] else 1.0
        deep += v.hollow[0] * (1 - share ** v.hollow[1])
    return deep


def _along_arches(vertebrae: tuple[Vertebra, ...], values: list[float], s_mm: Floats) -> Floats:
    """Return each vertebra's value along its lamina, eased between, at places along the curve."""
    middles = [v.s_mm - v.lamina_drop for v in vertebrae]
    halves = [0.45 * v.lamina_height for v in vertebrae]
    return _eased([(m - h, m + h) for m, h in zip(middles, halves, strict=True)], values, s_mm)


def _eased(spans: list[tuple[float, float]], values: list[float], s_mm: Floats) -> Floats:
    """Return the value of each span, head first, at places along the curve; eased between the spans."""
    knots: list[float] = []
    kept: list[float] = []
    for (low, high), value in zip(spans, values, strict=True):
        for s in (high, low):
            if not knots or s < knots[-1] - 0.2:
                knots.append(s)
                kept.append(value)
    inside = np.clip(s_mm, knots[-1], knots[0])
    return np.asarray(PchipInterpolator(knots[::-1], kept[::-1])(inside))


def _curve(rng: np.random.Generator, places: Floats, s_mm: Floats) -> SpineCurve:
    t1 = rng.normal(T1_TILT_MEAN_DEG, T1_TILT_SD_DEG)
    cobb = np.clip(rng.normal(COBB_MEAN_DEG, COBB_SD_DEG), *COBB_RANGE_DEG)
    if rng.random() < KYPHOTIC_SHARE:
        cobb = rng.uniform(-35, -10)
    tilts = np.zeros(len(places))
    tilts[C7] = t1 - rng.uniform(0, 4)
    share = np.cumsum(np.clip(rng.normal(1, 0.45, C7 - C2), 0, None))
    tilts[C2 + 1 : C7 + 1] = tilts[C7] - cobb * (1 - share / max(share[-1], 1e-6))
    tilts[C2] = tilts[C7] - cobb
    tilts[C1] = tilts[C2] + rng.normal(-4, 4)
    tilts[T1] = t1
    tilts[T1 + 1 :] = t1 + THORACIC_TILT_STEP_DEG * rng.uniform(0.5, 1.3) * np.arange(len(places) - T1 - 1)
    ends = [places[-1] - 70, *places[::-1], places[0] + 150]
    tilt = PchipInterpolator(ends, [tilts[-1], *tilts[::-1], tilts[C1]])(s_mm)
    along = (s_mm - places[-1]) / (places[0] - places[-1])
    swing = 10.0 if rng.random() < SCOLIOTIC_SHARE else 3.0
    sway = rng.normal(0, 2.5) + rng.normal(0, swing) * np.sin(
        np.pi * (along * rng.uniform(0.6, 2) + rng.random())
    )
    head_turn = rng.normal(0, 6) + (rng.normal(0, 12) if rng.random() < 0.25 else 0.0)
    turn = rng.normal(0, 2.5) + head_turn * np.clip((s_mm - places[C7]) / (places[C1] - places[C7]), 0, 1.2)
    return bend(
        s_mm=s_mm, tilt_deg=tilt, sway_deg=sway, turn_deg=turn, anchor_s_mm=0.0, anchor_lps=np.zeros(3)
    )


def _canal(rng: np.random.Generator, places: Floats, s_mm: Floats, female: bool) -> dict[str, Floats]:
    n = len(places)
    wide = rng.random()
    ap = np.array(CANAL_AP) + rng.normal(-0.8 if female else 0, CANAL_AP_SD) + rng.normal(0, 0.4, n)
    ap += rng.uniform(-3, 4) if wide < 0.12 else 0.0
    lr = np.array(CANAL_LR) + rng.normal(-1.0 if female else 0, CANAL_LR_SD) + rng.normal(0, 0.5, n)
    lr += rng.uniform(0, 4.5) if rng.random() < 0.3 else 0.0
    ap, lr = np.clip(ap, 8.5, 25), np.clip(lr, 15, 35)
    knots = places[::-1]

    def along(values: Floats) -> Floats:
        return np.asarray(PchipInterpolator(knots, values[::-1])(np.clip(s_mm, knots[0], knots[-1])))

    return {
        "ap": along(ap),
        "lr": along(lr),
        "roof": along(np.clip(rng.normal(0.62, 0.1) + rng.normal(0, 0.05, n), 0.3, 0.9)),
        "peak": along(np.clip(rng.normal(4.0, 1.2) + rng.normal(0, 0.5, n), 1.5, 8)),
        "front": along(rng.normal(0.3, 0.3) + rng.normal(0, 0.2, n)),
        "corner": along(np.clip(rng.normal(2.8, 0.7) + rng.normal(0, 0.3, n), 1.0, 4.5)),
    }
