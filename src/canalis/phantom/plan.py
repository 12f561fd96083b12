"""Which neck to draw: every size of one phantom, drawn at random from its seed.

Means and spreads come from the osteometric and CT literature that docs/phantom.md lists, widened
where a source is thin. Nothing is taken from a scan.
"""

from dataclasses import replace
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from canalis.phantom.anomalies import plan_block, slipped, with_anomalies
from canalis.phantom.curve import TABLE_STEP_MM, SpineCurve, bend
from canalis.phantom.neck import C1, C2, C7, NAMES, OPERATIONS, T1, Neck, Ridge, Rim, Uncus, Vein, Vertebra
from canalis.phantom.operations import operated, plan_operation
from canalis.phantom.wall_shifts import wall_shifts

Floats = NDArray[np.float64]

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
UNCINATE_HEIGHT = (0, 0, 5.0, 5.8, 6.0, 6.1, 5.2, *[0] * 8)
TRANSVERSE_TIP = (40.0, 29.0, 27.5, 28.5, 29.5, 31.0, 36.0, 39.0, 36.0, 34.0, 33.0, 32.0, 31.0, 30.0, 30.0)

CANAL_AP_SD, CANAL_LR_SD = 1.4, 1.6  # between people, one draw a neck
COBB_MEAN_DEG, COBB_SD_DEG, COBB_RANGE_DEG = 11.0, 11.0, (-20.0, 40.0)  # supine CT
T1_TILT_MEAN_DEG, T1_TILT_SD_DEG = 25.0, 6.0
DENS_LENGTH_MEAN, DENS_LENGTH_SD = 16.5, 1.8  # above the body's upper edge
VACUUM_SHARE, CALCIFIED_SHARE, WORN_DISC_MM = 0.05, 0.05, 3.0  # of discs; three times that of worn ones
LOW_DISCS_SHARE, LOW_DISCS = 0.15, (0.4, 0.75)  # of necks: all their discs as low as this share of the usual
RIDGED_SHARE = 0.5  # of necks
RIDGE_MOST_MM, RIDGE_HALF_MM, RIDGE_BRIDGE_MM, RIDGE_SPARSE = 2.2, (2.5, 6.0), (0.8, 2.2), (0.0, 0.8)
RIDGE_ASIDE_SHARE, RIDGE_AT, RIDGE_BROADER = 0.6, (-0.8, 0.8), (1.0, 2.5)  # highest toward an endplate
RIDGE_CLOSED_SHARE = 0.7  # of the veins of such necks: those that end at a ridge
PAIRED_SHARE = 0.6  # of such necks: a vein on each side of the midline
PAIRED_APART_MM, PAIRED_WIDE_MM, PAIRED_HIGH_MM = (1.8, 4.5), (0.8, 2.2), (1.0, 3.5)
OPEN_VEIN_SHARE, BRIDGE_MM = 0.4, (0.3, 1.5)  # of bodies; of the bone over the mouths of the others
OPERATED_SHARE = 0.04
THIN_BONE_SHARE, DENSE_BONE_SHARE = 0.1, 0.08
HOLLOW_SD_MM, HOLLOW_MOST_MM = 0.6, 1.6
SHELL_MM, THICKEST_SHELL_MM, AXIS_SHELL_MM = (0.3, 0.75), 2.0, (0.6, 2.0)  # of bodies
THICK_SHELL_SHARE = 0.4
SHELL_COMPACTNESS = (0.1, 0.9)  # condensed trabeculae with many openings
ARCH_SHELL_MM, ARCH_COMPACTNESS = (0.5, 2.2), (0.5, 1.0)
RIM_MM, RIM_HIGH_MM, RIM_DENSE, RIM_CONDENSED = (0.0, 3.0), (1.5, 6.0), (0.0, 1.0), (0.0, 0.5)
RIM_FADED, RIM_FADED_MM = (0.0, 0.8), (0.5, 2.5)  # these and what follows are drawn once a neck
UNCUS_START, UNCUS_START_SD, UNCUS_OVER, UNCUS_WRAP = (0.42, 0.66), 0.03, (0.15, 0.32), (0.0, 0.4)
KYPHOTIC_SHARE, SCOLIOTIC_SHARE = 0.06, 0.08
THORACIC_TILT_STEP_DEG = -4.5  # a level, below T2


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
    apart = rng.spawn(1)[0]  # so that what is drawn after stays as it is
    if apart.random() < LOW_DISCS_SHARE:
        discs = np.maximum(discs * apart.uniform(*LOW_DISCS), 1.0)
    block = plan_block(rng)
    if block is not None:
        discs[block] = min(float(rng.uniform(1.0, 2.5)), discs[block])
    dens_length = float(np.clip(rng.normal(DENS_LENGTH_MEAN, DENS_LENGTH_SD), 12, 21)) * size
    places = _places(heights, discs, dens_length)
    vertebrae = tuple(_plan_vertebra(rng, i, places, heights, size) for i in range(len(NAMES)))
    vertebrae = with_anomalies(rng, slipped(rng, vertebrae), block)
    density = _density(rng)
    compact = float(rng.uniform(*SHELL_COMPACTNESS))
    vertebrae = tuple(
        replace(_with_cortex(v, density), shell=compact, vein=_vein(apart, v)) for v in vertebrae
    )
    vertebrae = _with_ridges(apart.spawn(1)[0], vertebrae)
    vertebrae = _with_rims(apart.spawn(1)[0], vertebrae)
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
        uncinate=about(UNCINATE_HEIGHT[i], 0.2) if cervical else 0.0,
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
        cortex_arch=float(rng.uniform(*ARCH_SHELL_MM)),
        shell=1.0,
        arch_shell=1.0,
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


def _density(rng: np.random.Generator) -> float:
    kind = rng.random()
    if kind < THIN_BONE_SHARE:
        return float(rng.uniform(0.3, 0.6))
    return float(rng.uniform(1.3, 1.8)) if kind > 1 - DENSE_BONE_SHARE else 1.0


def _with_cortex(v: Vertebra, density: float) -> Vertebra:
    """Return a vertebra whose cortex is as thin as its bone is weak."""
    share = float(np.sqrt(density))
    return replace(v, cortex_body=v.cortex_body * share, cortex_arch=v.cortex_arch * share)


def _vein(rng: np.random.Generator, v: Vertebra) -> Vein:
    open_mouth = rng.random() < OPEN_VEIN_SHARE
    return Vein(
        wide=float(rng.uniform(1.5, 5.0)),
        high=float(rng.uniform(0.6, 1.2)) * (1.0 + 0.5 * v.concavity),
        deep=float(rng.uniform(0.2, 0.5)),
        bridge=0.0 if open_mouth else float(rng.uniform(*BRIDGE_MM)),
        hu=float(rng.uniform(40, 130)),
    )


def _with_ridges(rng: np.random.Generator, vertebrae: tuple[Vertebra, ...]) -> tuple[Vertebra, ...]:
    """Return bodies whose posterior walls swell on the midline, behind the veins, in a share of necks."""
    if rng.random() >= RIDGED_SHARE:
        return vertebrae
    most, half = float(rng.uniform(0.5, RIDGE_MOST_MM)), float(rng.uniform(*RIDGE_HALF_MM))
    sparse, paired = float(rng.uniform(*RIDGE_SPARSE)), rng.random() < PAIRED_SHARE
    ridged = []
    for v in vertebrae:
        ridge = Ridge(float(rng.uniform(0.2, 1.0)) * most, float(rng.uniform(0.8, 1.25)) * half, sparse)
        vein = _paired(rng, v.vein) if paired else v.vein
        if rng.random() < RIDGE_CLOSED_SHARE:
            vein = replace(vein, bridge=float(rng.uniform(*RIDGE_BRIDGE_MM)))
        ridged.append(replace(v, ridge=ridge, vein=vein) if v.index >= C2 else v)
    return tuple(ridged)


def _paired(rng: np.random.Generator, vein: Vein) -> Vein:
    return replace(
        vein,
        apart=float(rng.uniform(*PAIRED_APART_MM)),
        wide=float(rng.uniform(*PAIRED_WIDE_MM)),
        high=float(rng.uniform(*PAIRED_HIGH_MM)),
    )


def _moved(rng: np.random.Generator, ridge: Ridge) -> Ridge:
    """Return a ridge that may be highest toward one endplate, and is then broader."""
    at, broader = float(rng.uniform(*RIDGE_AT)), float(rng.uniform(*RIDGE_BROADER))
    if rng.random() >= RIDGE_ASIDE_SHARE or not ridge.high:
        return ridge
    return replace(ridge, at=at, half=ridge.half * broader)


def _with_rims(rng: np.random.Generator, vertebrae: tuple[Vertebra, ...]) -> tuple[Vertebra, ...]:
    """Return vertebrae with rims, uncinate processes of one shape, ridges off mid-body, and porous arches.

    Rim and uncinate process are the body's own and flush with its wall: no growth into the canal.
    """
    thick, high = (float(rng.uniform(*span)) for span in (RIM_MM, RIM_HIGH_MM))
    dense, condensed = (float(rng.uniform(*span)) for span in (RIM_DENSE, RIM_CONDENSED))
    faded, faded_mm = (float(rng.uniform(*span)) for span in (RIM_FADED, RIM_FADED_MM))
    start, over, wrap = (float(rng.uniform(*span)) for span in (UNCUS_START, UNCUS_OVER, UNCUS_WRAP))
    compact = float(rng.uniform(*ARCH_COMPACTNESS))
    return tuple(
        replace(
            v,
            rim=Rim(
                thick=thick * float(rng.uniform(0.6, 1.4)),
                high=high * float(rng.uniform(0.7, 1.3)),
                dense=dense,
                condensed=condensed,
                faded=faded * float(rng.uniform(0.2, 1.0)),
                faded_mm=faded_mm * float(rng.uniform(0.7, 1.3)),
            ),
            ridge=_moved(rng, v.ridge),
            uncus=Uncus(max(start + float(rng.normal(0, UNCUS_START_SD)), UNCUS_START[0]), over, wrap),
            arch_shell=compact,
        )
        for v in vertebrae
    )


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
