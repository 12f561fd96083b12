"""One phantom's neck: its vertebrae, its canal and what was done to it, as sizes."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from canalis.phantom.curve import SpineCurve

Floats = NDArray[np.float64]

NAMES = ("C1", "C2", "C3", "C4", "C5", "C6", "C7", "T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8")
C1, C2, C7, T1 = 0, 1, 6, 7


@dataclass(frozen=True, slots=True)
class Vein:
    """The channel of a body's basivertebral vein, a half ellipsoid on the posterior wall.

    Attributes
    ----------
    wide, high : float
        Half its size to the sides, and up and down, mm.
    deep : float
        How far it runs into the body, as a share of the body's depth.
    bridge : float
        Thickness of the bone that closes its mouth, mm; 0 where it is open.
    hu : float
        Density of what it holds.
    apart : float
        How far two equal channels lie to each side of the midline, mm; 0 for one on it.
    """

    wide: float = 3.0
    high: float = 1.5
    deep: float = 0.35
    bridge: float = 0.0
    hu: float = 90.0
    apart: float = 0.0


@dataclass(frozen=True, slots=True)
class Ridge:
    """How the middle of a posterior wall swells into the canal.

    Attributes
    ----------
    high : float
        How far on the midline where it is highest, mm.
    half : float
        To each side to where that has fallen to 1/e, mm.
    sparse : float
        Share of the shell's density that is wanting on the midline.
    at : float
        How far above mid-body it is highest, as a share of half the body's height; below where negative.
    """

    high: float = 0.0
    half: float = 4.0
    sparse: float = 0.0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Rim:
    """How the shell of a body thickens toward its endplates, about the outside: the ring apophysis.

    Attributes
    ----------
    thick : float
        By how much at an endplate, mm.
    high : float
        Away from the endplate to where that has fallen to 1/e, mm.
    dense : float
        Share of what the shell lacks of compact bone that it gains there.
    condensed : float
        The same of the marrow inside, without an edge.
    faded : float
        Share of its density that it lacks at the posterior wall: there the ligament and the disc are rooted.
    faded_mm : float
        Before the wall to where that has fallen to 1/e, mm.
    """

    thick: float = 0.0
    high: float = 3.0
    dense: float = 0.0
    condensed: float = 0.0
    faded: float = 0.0
    faded_mm: float = 1.0


@dataclass(frozen=True, slots=True)
class Uncus:
    """The shape of a body's uncinate processes, beside their height.

    Attributes
    ----------
    start : float
        Where they begin to rise, as a share of the body's half-width.
    over : float
        On how much of the half-width they rise to their height.
    wrap : float
        How far they follow the rim around its posterior corners: 0 not at all.
    """

    start: float = 0.55
    over: float = 0.3
    wrap: float = 0.0


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
    arch_shell: float
    """The same of the arch's."""
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
    vein: Vein = Vein()
    ridge: Ridge = Ridge()
    rim: Rim = Rim()
    uncus: Uncus = Uncus()

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
        ``front_shift`` and ``back_shift`` (how far slipped vertebrae carry the walls back, mm), ``ridge`` and
        ``ridge_half`` (how far the front wall swells on the midline, and how wide that is, mm) along
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
