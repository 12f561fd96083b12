"""The bones of one vertebra as distances: below 0 inside, above 0 outside, mm, in spine coordinates.

Every surface that bounds the canal is the canal's own wall, so the canal's sizes stay exact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from canalis.phantom.canal import CanalSection, smooth_max, smooth_min
from canalis.phantom.neck import C1, C2, C7, Neck, Operation, Vertebra

Array = NDArray[np.floating]

GUTTER_MM, INNER_CORTEX_MM = 2.5, 1.0  # width of a laminoplasty's hinge, and what it leaves
BLOCK_OVERLAP_MM = 2.5  # how far a block's upper body reaches into its lower: past the hollow of its endplate
FAR = 50.0  # a distance that is outside of everything
OVAL_DEPTH = 0.62  # half-axis of a body's outline along AP, as a share of its depth: the wall cuts it off
RIM_FROM, RIM_DEEP_MM = 0.55, 3.0  # share of a body's half-width outside which its rim lies; before its wall
PART_REACH_MM = 12.0  # farther from a part of the arch it makes no difference: not even to a spur's root


@dataclass(frozen=True, slots=True, eq=False)
class Bones:
    """Distances to the parts of one vertebra, each array of the places' shape, mm."""

    body: Array
    arch: Array
    dens: Array | None
    disc: Array | None
    around: Array
    """Distance to the outside of the body's waist, carried on past its endplates."""
    rib: Array | None
    """Distance to the ribs of a cervical vertebra; None where it has none."""
    arc: Array
    """Way around that outside from its foremost line, to the left, mm."""
    rim: Array
    """Share, 0 to 1, of the rim about the body's endplates."""


def bones_of(
    neck: Neck, vertebra: Vertebra, *, x: Array, y: Array, s: Array, canal: CanalSection, from_canal: Array
) -> Bones:
    """Return the distances to a vertebra's body, arch, dens and the disc below it.

    Parameters
    ----------
    neck : Neck
        The neck it belongs to.
    vertebra : Vertebra
        Its sizes.
    x, y, s : ndarray
        Spine coordinates of the places, mm; shapes that broadcast.
    canal : CanalSection
        The canal at those places.
    from_canal : ndarray
        Distance of the places to the canal, above 0 outside, mm.

    Returns
    -------
    Bones
        ``disc`` is None for C1; ``dens`` is None but for C2.
    """
    y, canal = y - vertebra.shift, canal.seen_from(vertebra.shift)
    side = np.where(x < 0, 1 + vertebra.sides[0], 1 + vertebra.sides[1]).astype(x.dtype)
    wide = np.abs(x) / side
    w = s - vertebra.s_mm
    outside_canal = -from_canal
    if vertebra.index == C1:
        return _ring(neck, vertebra, x=wide, y=y, w=w, canal=canal, outside_canal=outside_canal)
    body, disc, around, arc = (np.full_like(x, FAR) for _ in range(4))
    rim = np.zeros_like(x)
    ahead = np.flatnonzero(y < -canal.ap / 2 + 2.5)
    body[ahead], disc[ahead], around[ahead], arc[ahead], rim[ahead] = _body_and_disc(
        vertebra, x=x[ahead], y=y[ahead], w=w[ahead], canal=canal.where(ahead)
    )
    if vertebra.block:
        body, disc = smooth_min(body, disc, 1.0), np.full_like(x, FAR)
    rib = _ribs(vertebra, x=x, y=y, w=w, canal=canal) if any(vertebra.rib) else None
    dens = None
    if vertebra.index == C2:
        dens = _dens(neck, x=x, y=y, s=s, canal=canal)
        shoulder = _block(wide - 13, y + canal.ap / 2 + 4, w - 3 - 0.35 * (14 - wide), 9.0, 8.0, 7.5, 3.0)
        body = smooth_min(body, smooth_max(shoulder, outside_canal, 1.0), 3.0)
    opened = neck.operation if neck.operation is not None and neck.operation.opened(vertebra) else None
    split = opened.half_gap_mm if opened is not None and opened.kind == "french door" else 0.0
    arch = _arch(vertebra, split=split, x=wide, y=y, w=w, canal=canal, outside_canal=outside_canal)
    if opened is not None:
        arch = np.maximum(arch, -_taken_away(opened, x=x, y=y, canal=canal, from_canal=from_canal))
    return Bones(body=body, arch=arch, dens=dens, disc=disc, around=around, rib=rib, arc=arc, rim=rim)


def _taken_away(done: Operation, *, x: Array, y: Array, canal: CanalSection, from_canal: Array) -> Array:
    """Return the distance to what an operation took of an arch: below 0 inside it."""
    half = canal.lr / 2
    if done.kind == "laminectomy":
        return np.asarray(np.maximum(np.abs(x) - done.half_gap_mm, canal.back_before(x) - 3.0 - y))
    gutter = np.abs(np.abs(x) - half + GUTTER_MM) - GUTTER_MM / 2
    gutter = np.maximum(gutter, INNER_CORTEX_MM - from_canal)
    gutter = np.maximum(gutter, canal.back_before(x) - 2.0 - y)
    if done.kind == "french door":
        return np.asarray(np.minimum(gutter, np.maximum(np.abs(x) - done.half_gap_mm, -y)))
    cut = np.abs(x * done.open_side - half + 1.0) - 2.5
    return np.asarray(np.minimum(gutter, np.maximum(cut, canal.back_before(x) - 1.5 - y)))


def _ribs(v: Vertebra, *, x: Array, y: Array, w: Array, canal: CanalSection) -> Array:
    """Return the distance to ribs from the transverse processes, outwards, forwards and down."""
    out = np.full_like(x, FAR)
    for sign, length in zip((-1, 1), v.rib, strict=True):
        if not length:
            continue
        start = np.array([v.transverse_tip - 6.0, 2.0, 1.0])
        along = np.array([0.45, -0.72, -0.53])
        at = [k - k0 for k, k0 in zip((x * sign, y, w), start, strict=True)]
        share = np.clip(sum(k * d for k, d in zip(at, along, strict=True)), 0, length)
        away = np.sqrt(sum((k - share * d) ** 2 for k, d in zip(at, along, strict=True)))
        out = np.minimum(out, away - 3.6)
    return np.asarray(out)


def _block(x: Array, y: Array, w: Array, hx: float, hy: float, hw: float, radius: float) -> Array:
    """Return the distance to a rounded block of half-sizes hx, hy, hw about 0."""
    qx, qy, qw = np.abs(x) - (hx - radius), np.abs(y) - (hy - radius), np.abs(w) - (hw - radius)
    out = np.sqrt(np.maximum(qx, 0) ** 2 + np.maximum(qy, 0) ** 2 + np.maximum(qw, 0) ** 2)
    return np.asarray(out + np.minimum(np.maximum(np.maximum(qx, qy), qw), 0) - radius)


def _ellipse(x: Array, y: Array, rx: Array | float, ry: Array | float) -> Array:
    """Return about the distance to an ellipse, true along its axes."""
    q = np.sqrt((x / rx) ** 2 + (y / ry) ** 2) + 1e-6
    return np.asarray(np.sqrt(x * x + y * y) * (1 - 1 / q) + np.where(q < 0.3, -1.0, 0.0))


def _body_and_disc(
    v: Vertebra, *, x: Array, y: Array, w: Array, canal: CanalSection
) -> tuple[Array, Array, Array, Array, Array]:
    swell = 1 + v.flare * np.minimum((2 * w / v.height) ** 2, 1.4)
    rx, ry = v.width / 2 * 1.06 * swell, OVAL_DEPTH * v.depth * swell
    ahead = y + canal.ap / 2 + v.depth - OVAL_DEPTH * v.depth
    u = np.abs(x) / rx
    power = (u**2.6 + (np.abs(ahead) / ry) ** 2.6) ** (1 / 2.6) + 1e-6
    around = np.sqrt(x * x + ahead * ahead) * (1 - 1 / power)
    around = np.where(power < 0.3, -5.0, around)
    beside = np.sqrt(u * u + v.uncus.wrap * np.maximum(ahead / ry, 0) ** 2)
    rise = np.clip((beside - v.uncus.start) / v.uncus.over, 0, 1)
    rise = v.uncinate * rise * rise * (3 - 2 * rise)
    dome = _dome(u, ahead / ry)
    front = np.clip(-(ahead / ry) - 0.55, 0, 1)
    top = v.height / 2 + rise - v.concavity * dome
    bottom = -v.height / 2 + (rise * 0.85 if v.uncinate else 0) + v.concavity * dome - v.lip * front
    ends = np.maximum(w - top, bottom - w)
    wall = y - canal.front(x)
    body = smooth_max(smooth_max(around, ends, 1.5), wall, 0.8)
    disc_top = bottom
    disc_bottom = (
        -v.below_mm + v.height / 2 - (BLOCK_OVERLAP_MM if v.block else 0.0)
    )  # the next upper endplate, near enough for soft tissue
    inside = smooth_max(around + 0.5, wall - 0.3, 1.0)
    disc = np.maximum(inside, np.maximum(w - disc_top, disc_bottom - w))
    arc = np.arctan2(x, -ahead) * (rx + ry) / 2
    return body, disc, around, arc, _rim(v, power, wall=wall, above=w - top, below=bottom - w)


def _rim(v: Vertebra, power: Array, *, wall: Array, above: Array, below: Array) -> Array:
    """Return the share of a body's rims: 1 at an endplate's edge, none at mid-body or amid the endplate."""
    edge = np.full_like(wall, -FAR)
    if not v.block:
        edge = np.maximum(edge, below)
    if not v.block_above and v.index != C2:  # the axis has no upper endplate
        edge = np.maximum(edge, above)
    outer = np.clip((power - RIM_FROM) / (1 - RIM_FROM), 0, 1)
    outer = np.maximum(outer, np.exp(-((np.minimum(wall, 0) / RIM_DEEP_MM) ** 2)))
    return np.asarray(outer * np.exp(-((np.minimum(edge, 0) / v.rim.high) ** 2)))


def _dome(across: Array, ahead: Array) -> Array:
    """Return how much of its hollow an endplate has at shares of its half-width and half-depth."""
    return np.asarray(np.clip(1 - across * across - 0.6 * ahead**2, 0, 1))


def wall_ends(v: Vertebra) -> tuple[float, float]:
    """Return where a body's endplates meet its posterior wall on the midline, mm along the curve.

    An endplate is hollow, so that there a body is lower than at its outer rims. To what is one bone with
    its neighbour it has no endplate, and C2 has none to its dens.

    Parameters
    ----------
    v : Vertebra
        C2 or below.

    Returns
    -------
    tuple of float
        Lower and upper end.
    """
    wall = (1 - OVAL_DEPTH) / (OVAL_DEPTH * (1 + v.flare))
    hollow = v.concavity * float(_dome(np.zeros(1), np.array([wall]))[0])
    lower = 0.0 if v.block else hollow
    upper = 0.0 if v.block_above or v.index == C2 else hollow
    return v.lower_mm + lower, v.upper_mm - upper


def _dens(neck: Neck, *, x: Array, y: Array, s: Array, canal: CanalSection) -> Array:
    axis = neck.vertebrae[C2]
    up = s - axis.upper_mm
    gap = neck.dens_gap * np.clip(up / neck.dens_length, 0, 1)
    neck_in = 1 - 0.14 * np.exp(-(((up - 3.0) / 3.5) ** 2))
    rx, ry = neck.dens_lr / 2 * neck_in, neck.dens_ap / 2 * neck_in
    ahead = y + canal.ap / 2 + gap + neck.dens_ap / 2
    around = _ellipse(x, ahead, rx, ry)
    cap = 4.0
    tip = np.sqrt(np.maximum(up - (neck.dens_length - cap), 0) ** 2 * 1.1)
    closed = np.maximum(around + 0.35 * tip * tip / cap, up - neck.dens_length)
    closed = np.maximum(closed, -up - 7.0)
    return smooth_max(closed, y - canal.front(x), 0.5)


def _ring(
    neck: Neck, v: Vertebra, *, x: Array, y: Array, w: Array, canal: CanalSection, outside_canal: Array
) -> Bones:
    """Return C1: anterior and posterior arch, lateral masses, transverse processes."""
    reach = canal.ap / 2 + neck.dens_gap + neck.dens_ap + 1.5
    middle = (canal.ap / 2 - reach) / 2
    w_leaning = w + neck.ring_slope * (y - middle) * 0.6
    inner_y = (canal.ap / 2 + reach) / 2
    radius = _ellipse(x, y - middle, canal.lr / 2 + 1.5, inner_y)
    back = y > middle + 4
    thick = np.where(back, v.lamina_thickness, 6.5)
    shell = np.maximum(-radius, radius - thick)
    tall = np.where(back, v.lamina_height / 2, 5.2)
    band = smooth_max(shell, np.abs(w_leaning) - tall, 1.5)
    band = np.where(back, smooth_max(band, outside_canal, 0.5), band)
    dens_room = _ellipse(x, y + canal.ap / 2 + neck.dens_gap + neck.dens_ap / 2, 7.0, neck.dens_ap / 2 + 1.5)
    mass = _block(x - canal.lr / 2 - 5, y + canal.ap * 0.32, w - 0.18 * (x - 16), 6.8, 9.0, 8.5, 3.0)
    mass = smooth_max(mass, outside_canal, 0.5)
    process = _block(
        x - (v.transverse_tip + 20) / 2, y + canal.ap * 0.22, w, (v.transverse_tip - 18) / 2, 4.5, 4.0, 2.5
    )
    hole = _ellipse(x - canal.lr / 2 - 14.5, y + canal.ap * 0.25, v.foramen[0], v.foramen[1])
    process = np.maximum(process, -hole)
    arch = smooth_min(smooth_min(band, mass, 2.0), process, 1.5)
    arch = np.maximum(arch, -dens_room)
    if v.cleft:
        arch = np.maximum(arch, -np.maximum(x - v.cleft / 2, middle - y))
    far = np.full_like(arch, FAR)
    none = np.zeros_like(arch)
    return Bones(body=far, arch=arch, dens=None, disc=None, around=far, rib=None, arc=far, rim=none)


def _arch(
    v: Vertebra, *, split: float, x: Array, y: Array, w: Array, canal: CanalSection, outside_canal: Array
) -> Array:
    """Return pedicles, pillars, laminae, spinous and transverse processes as one."""
    arch = np.full_like(x, FAR)
    half = canal.lr / 2
    middle = canal.back(np.zeros_like(x))

    def add(here: NDArray[np.bool_], part: Callable[..., Array], blend: float) -> None:
        near = np.flatnonzero(here)
        found = part(
            v, x=x[near], y=y[near], w=w[near], canal=canal.where(near), outside_canal=outside_canal[near]
        )
        arch[near] = smooth_min(arch[near], found, blend)

    add((y > -6.0) & (outside_canal < 1.5) & (x < half + 4), _lamina, 2.0)
    add((x > half - 3) & (y > -8.0) & (y < 14.0), _pillar, 2.0)
    tall = np.abs(w - 0.18 * v.height) < v.pedicle_height / 2 + PART_REACH_MM
    add((x > half - 4) & (y < 9.0) & tall, _pedicle, 2.0)
    add((x < 13.0 + split) & (y > middle - 4), partial(_spinous, split=split), 2.5)
    outer = (x > half - 3) & (y < 10.0) if v.index <= C7 else x > half - 3
    droop = w - 0.15 * v.height + 0.3 * (x - 12) if v.index <= C7 else w - 1.0
    add(outer & (np.abs(droop) < 5.0 + PART_REACH_MM), _transverse, 1.5)
    return smooth_max(arch, outside_canal, 0.4)


def _pedicle(
    v: Vertebra, *, x: Array, y: Array, w: Array, canal: CanalSection, outside_canal: Array
) -> Array:
    half, span = canal.lr / 2, v.pedicle_width / 2
    back = y + canal.ap / 2 - 1.5 - 0.45 * (x - half)
    tall = v.pedicle_height / 2
    return _block(x - half - span, back, w - 0.18 * v.height, span + 2.0, v.pedicle_width * 0.75, tall, 2.0)


def _lamina(v: Vertebra, *, x: Array, y: Array, w: Array, canal: CanalSection, outside_canal: Array) -> Array:
    from_canal = -outside_canal
    lower_share = np.clip((-w - v.lamina_drop + v.lamina_height / 2) / v.lamina_height, 0, 1)
    ventral = v.shingle * np.clip(lower_share - 0.4, 0, 1) / 0.6
    bulge = v.lamina_thickness * (1 + 0.15 * np.cos(np.pi * (lower_share - 0.5)))
    slab = np.maximum(ventral - from_canal, from_canal - ventral - bulge)
    tall = np.abs(w + v.lamina_drop - 0.1 * x) - v.lamina_height / 2
    behind = canal.back_before(x) - 4.0 - y
    return smooth_max(smooth_max(slab, tall, 1.2), behind, 1.0)


def _pillar(v: Vertebra, *, x: Array, y: Array, w: Array, canal: CanalSection, outside_canal: Array) -> Array:
    half = canal.lr / 2
    middle = 2.0 if v.index != C2 else 0.0
    leaning = w + 2.0 + v.facet_slope * (y - middle - 2)
    upper = v.above_mm / 2 - v.joint_gap / 2
    lower = v.below_mm / 2 - v.joint_gap / 2
    if v.index == C2:
        upper = min(upper, 8.0)
    tall = np.maximum(leaning - upper, -lower - leaning) / np.sqrt(1 + v.facet_slope**2)
    around = _block(
        x - half - v.pillar_width / 2,
        y - middle,
        np.zeros_like(w),
        v.pillar_width / 2,
        v.pillar_depth / 2,
        40.0,
        3.0,
    )
    return smooth_max(around, tall, 1.5)


def _spinous(
    v: Vertebra, *, split: float, x: Array, y: Array, w: Array, canal: CanalSection, outside_canal: Array
) -> Array:
    along = y - canal.back(np.full_like(x, split))
    beside = np.abs(x - split)
    drop = w + v.lamina_drop + v.spinous_slope * np.maximum(along, 0)
    share = np.clip(along / v.spinous_length, 0, 1)
    fork = v.bifid * np.clip((share - 0.55) / 0.45, 0, 1)
    aside = np.abs(beside - fork)
    wide = v.spinous_width / 2 * (1 + 0.35 * share) - 0.3 * fork
    tall = v.spinous_height / 2 * (1.1 - 0.25 * share)
    q = _ellipse(aside, drop / np.sqrt(1 + v.spinous_slope**2), np.maximum(wide, 1.2), tall)
    return smooth_max(q, np.maximum(along - v.spinous_length, -along), 2.0)


def _transverse(
    v: Vertebra, *, x: Array, y: Array, w: Array, canal: CanalSection, outside_canal: Array
) -> Array:
    half = canal.lr / 2
    if v.index > C7:  # thoracic: behind the pillar, up and back
        back = y - 4 - 0.5 * (x - half)
        length = max(v.transverse_tip - 10, 8.0)
        return _block(x - 10 - length / 2, back, w - 1.0, length / 2, 4.5, 5.0, 3.5)
    reach = v.transverse_tip - 8
    droop = w - 0.15 * v.height + 0.3 * (x - 12)
    block = _block(x - 8 - reach / 2, y + canal.ap / 2 + 1.0, droop, reach / 2, 6.5, 4.2, 2.5)
    hole = _ellipse(x - half - 5.5 - v.foramen[0], y + canal.ap / 2 + 1.5, v.foramen[0], v.foramen[1])
    gutter = _block(x - half - 14, y + canal.ap / 2 + 0.5, droop - 4.5, 10, 2.5, 4.0, 1.5)
    return np.maximum(np.maximum(block, -hole), -gutter)
