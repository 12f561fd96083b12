"""What lies around a phantom's spine: skin, fat, muscle, airway, skull, jaw, ribs, shoulders, lungs.

Drawn as smooth distances on a coarse lattice. It need not be beautiful; it must keep a network from
learning that bright and round means spine.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter, zoom

from canalis.phantom import small_bones, vessels
from canalis.phantom.balls import FAR_MM, Balls, distance_to_balls
from canalis.phantom.curve import Lattice, lattice_places
from canalis.phantom.hardware import SCREWED_SHARE, Board, boards, fillings, screws, tubes
from canalis.phantom.head import (
    cavity_distance,
    plan_head,
    plan_jaw,
    plan_teeth,
    sinus_distance,
    skull_distance,
)
from canalis.phantom.neck import C7, T1, Neck
from canalis.phantom.structures import LEVEL_OF_T3

Floats = NDArray[np.float64]
Array = NDArray[np.float32]

LATTICE_MM = 3.0
FIELDS = (
    "skin",
    "fat_depth",
    "airway",
    "texture",
    "cavity",
    "skull",
    "jaw",
    "shoulder",
    "lung",
    "cells",
    "artery",
    "vein",
    "thyroid",
    "planes",
    "sinus",
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Smooth distances around the spine and what they are filled with.

    Attributes
    ----------
    lattice : Lattice
        One field for each name of ``FIELDS``, distances in mm, below 0 inside.
    muscle_hu, fat_share, plane_mm, bone_hu, marrow_hu, thyroid_hu, air_hu : float
        What fills them; ``plane_mm`` is how thick the fat between muscles is.
    contrast : Contrast
        Density of blood.
    mask_mm, mask_low_z_mm : float
        Thickness of a shell that holds the head, 0 for none, and where it ends.
    balls : Balls
        What a lattice would lose: ribs, hyoid, vertebral arteries, plaques, tubes.
    boards : tuple of Board
        Table and headrest.
    metal_mm : ndarray of shape (n, 4)
        Balls of metal that throw streaks: LPS+ x, y, z and radius, mm.
    """

    lattice: Lattice
    muscle_hu: float
    fat_share: float
    plane_mm: float
    bone_hu: float
    marrow_hu: float
    thyroid_hu: float
    air_hu: float
    contrast: vessels.Contrast
    mask_mm: float
    mask_low_z_mm: float
    balls: Balls
    boards: tuple[Board, ...]
    skull_cortex_mm: float
    metal_mm: Floats


def plan_surroundings(
    rng: np.random.Generator, neck: Neck, low_lps: Floats, high_lps: Floats
) -> Surroundings:
    """Draw what lies around a neck inside a box.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    neck : Neck
        The spine.
    low_lps, high_lps : ndarray of shape (3,)
        The box, LPS+ mm.

    Returns
    -------
    Surroundings
        Over the box.
    """
    z, y, x = lattice_places(low_lps, high_lps, LATTICE_MM)
    grid = np.stack(np.meshgrid(z, y, x, indexing="ij"), axis=-1)[..., ::-1].astype(np.float32)
    shape = (len(z), len(y), len(x))
    head = plan_head(rng, neck)
    fields = np.full((len(FIELDS), *shape), FAR_MM, dtype=np.float32)

    def put(name: str, values: NDArray[np.floating]) -> None:
        fields[FIELDS.index(name)] = values

    cavity = cavity_distance(head, grid)
    teeth, slim = plan_teeth(rng, neck), float(rng.normal(1, 0.12))
    jaw = distance_to_balls(grid, plan_jaw(rng, neck, head, teeth))
    shoulder = distance_to_balls(grid, _shoulders(rng, neck, slim))
    skull = skull_distance(rng, head, grid, cavity)
    skin = _skin(rng, neck, grid, slim)
    for bone, cover in (
        (cavity, 8.0),
        (skull, rng.uniform(4, 9)),
        (jaw, rng.uniform(5, 10)),
        (shoulder, 8.0),
    ):
        skin = np.minimum(skin, bone - np.float32(cover))  # no bone lies bare
    put("skin", skin)
    put("jaw", jaw)
    put("shoulder", shoulder)
    put("fat_depth", skin + _smooth_noise(rng, shape, 10) * 4 + rng.uniform(2, 16))
    put("texture", _smooth_noise(rng, shape, 2.2))
    put("cells", _smooth_noise(rng, shape, 0.9))
    put("cavity", cavity)
    put("planes", _smooth_noise(rng, shape, 7))
    put("skull", skull)
    put("sinus", sinus_distance(rng, head, grid))
    airway = _airway_middle(rng, neck)
    put("airway", _airway(rng, neck, grid, airway))
    put("lung", _lungs(rng, neck, grid))
    arteries, veins = vessels.great_vessels(rng, neck)
    put("artery", distance_to_balls(grid, arteries))
    put("vein", distance_to_balls(grid, veins))
    put("thyroid", _thyroid(rng, neck, grid, airway))
    contrast = vessels.plan_contrast(rng)
    bone_hu, marrow_hu = float(rng.uniform(700, 1500)), float(rng.uniform(50, 400))
    air_hu = float(rng.uniform(-1000, -930))
    metal = [np.zeros((0, 4))]
    if rng.random() < 0.45:
        metal.append(fillings(rng, teeth))
    if rng.random() < SCREWED_SHARE:
        metal.append(screws(rng, neck))
    hyoid = small_bones.hyoid(rng, neck, bone_hu)
    small = (
        vessels.vertebral_arteries(rng, neck, contrast.artery)
        + vessels.plaques(rng, arteries)
        + small_bones.ribs(rng, neck, cortex_hu=bone_hu, marrow_hu=marrow_hu)
        + hyoid
        + small_bones.larynx(rng, neck)
        + small_bones.styloids(rng, head.magnum, hyoid.at_mm[0, :3], bone_hu)
        + tubes(rng, airway, airway + np.array([0, 17.0, 0]), air_hu)
    )
    return Surroundings(
        lattice=Lattice(z, y, x, fields),
        muscle_hu=float(rng.normal(56, 8)),
        fat_share=float(rng.uniform(-0.2, 1.2)),
        plane_mm=float(rng.uniform(0, 4)),
        bone_hu=bone_hu,
        marrow_hu=marrow_hu,
        thyroid_hu=float(rng.uniform(80, 130)) + 0.3 * (contrast.artery - vessels.PLAIN_HU),
        air_hu=air_hu,
        contrast=contrast,
        mask_mm=float(rng.uniform(1.5, 3)) if rng.random() < 0.2 else 0.0,
        mask_low_z_mm=float(rng.uniform(-60, 60)),
        balls=small,
        boards=boards(rng, _back_of(skin, y), neck),
        skull_cortex_mm=float(rng.uniform(1.2, 2.5)),
        metal_mm=np.concatenate(metal),
    )


def _back_of(skin: Array, y: Floats) -> float:
    """Return the y of the farthest skin to the back, mm."""
    rows = np.flatnonzero((skin < 0).any(axis=(0, 2)))
    return float(y[rows[-1]]) if len(rows) else 100.0


def rib_level(neck: Neck, s_mm: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return the level map's number of the rib nearest to each place along the curve."""
    heads = np.array([v.s_mm for v in neck.vertebrae[T1 + 1 :]])
    nearest = np.abs(np.asarray(s_mm)[..., None] - (heads - 12.0)).argmin(axis=-1)
    return np.asarray(np.minimum(nearest + LEVEL_OF_T3 - 1, LEVEL_OF_T3 + 3), dtype=np.uint8)


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> Array:
    small = tuple(max(int(n / scale) + 2, 3) for n in shape)
    noise = gaussian_filter(rng.standard_normal(small).astype(np.float32), 0.7)
    out = zoom(noise, [n / m for n, m in zip(shape, small, strict=True)], order=1)[
        : shape[0], : shape[1], : shape[2]
    ]
    return np.asarray(out / (out.std() + 1e-6), dtype=np.float32)


def _skin(rng: np.random.Generator, neck: Neck, grid: Array, slim: float) -> Array:
    top = float(neck.curve.point_at(neck.foramen_magnum_s_mm)[2])
    z = np.array([-320, -90, -40, -12, 25, top - 25, top, top + 45, top + 110, top + 150])
    wide = np.array([190, 200, 170, 95, 62, 64, 72, 78, 66, 5]) * slim
    deep = np.array([115, 108, 90, 72, 62, 78, 92, 99, 86, 5]) * slim
    ahead = np.array([-35, -30, -20, -16, -14, -28, -38, -34, -30, -30]) + rng.normal(0, 4)
    ahead = ahead + np.interp(z, neck.curve.points_lps[:, 2], neck.curve.points_lps[:, 1])
    at = grid[:, 0, 0, 2]
    a, b, c = (PchipInterpolator(z, v)(np.clip(at, z[0], z[-1]))[:, None, None] for v in (wide, deep, ahead))
    q = (np.abs(grid[..., 0] / a) ** 2.3 + np.abs((grid[..., 1] - c) / b) ** 2.3) ** (1 / 2.3)
    return np.asarray((q - 1) * np.minimum(a, b), dtype=np.float32)


def _at_spine(neck: Neck, grid: Array) -> tuple[Floats, Floats, Floats]:
    """For each slice of the lattice, where the spine is (x, y) and which s."""
    z = grid[:, 0, 0, 2].astype(float)
    s = np.interp(z, neck.curve.points_lps[:, 2], neck.curve.s_mm)
    return neck.curve.point_at(s)[:, 0], neck.curve.point_at(s)[:, 1], s


def _airway_middle(rng: np.random.Generator, neck: Neck) -> Floats:
    """Return the middle of pharynx and windpipe, (n, 3) LPS+ mm, rising."""
    s = np.arange(neck.vertebrae[T1 + 3].s_mm, neck.foramen_magnum_s_mm, 8.0)
    up = s - neck.vertebrae[C7].s_mm
    ahead = np.interp(up, [-120, -20, 20, 60, 95, 120], [34, 44, 42, 36, 38, 42]) + rng.normal(0, 3)
    return np.asarray(
        neck.curve.point_at(s) - np.column_stack([np.full(len(s), rng.normal(0, 2)), ahead, 0 * s])
    )


def _airway(rng: np.random.Generator, neck: Neck, grid: Array, middle_lps: Floats) -> Array:
    _, _, s = _at_spine(neck, grid)
    up = s - neck.vertebrae[C7].s_mm
    wide = np.interp(up, [-100, 0, 25, 45, 70, 110], [9, 9, 7, 14, 13, 15]) * rng.uniform(0.7, 1.3)
    deep = np.interp(up, [-100, 0, 25, 45, 70, 110], [8, 9, 8, 6, 6, 11]) * rng.uniform(0.5, 1.4)
    z = grid[:, 0, 0, 2]
    cx, cy = (np.interp(z, middle_lps[:, 2], middle_lps[:, k])[:, None, None] for k in (0, 1))
    q = np.sqrt(
        ((grid[..., 0] - cx) / wide[:, None, None]) ** 2 + ((grid[..., 1] - cy) / deep[:, None, None]) ** 2
    )
    roof = float(neck.curve.point_at(neck.foramen_magnum_s_mm)[2]) + rng.uniform(2, 16)  # of the nasopharynx
    tube = (q - 1) * np.minimum(wide, deep)[:, None, None]
    return np.asarray(np.maximum(tube, grid[..., 2] - roof), dtype=np.float32)


def _lungs(rng: np.random.Generator, neck: Neck, grid: Array) -> Array:
    apex = neck.curve.point_at(neck.vertebrae[T1 + 1].s_mm)
    center = np.array([rng.uniform(52, 58), apex[1] - rng.uniform(20, 35), apex[2] - rng.uniform(125, 150)])
    away = np.stack(
        [np.abs(grid[..., 0]) - center[0], grid[..., 1] - center[1], grid[..., 2] - center[2]], axis=-1
    )
    q = np.sqrt(((away / [42, 50, 140]) ** 2).sum(axis=-1))
    return np.asarray((q - 1) * 50, dtype=np.float32)


def _thyroid(rng: np.random.Generator, neck: Neck, grid: Array, airway_lps: Floats) -> Array:
    z = neck.curve.point_at(neck.vertebrae[C7].s_mm)[2] + rng.uniform(-12, 12)
    y = np.interp(z, airway_lps[:, 2], airway_lps[:, 1]) + 2
    out = np.full(grid.shape[:3], FAR_MM, dtype=np.float32)
    for side in (-1, 1):
        axes = np.array([8, 9, 22]) * rng.uniform(0.7, 1.5, 3)
        away = (grid - np.array([side * 17.0, y, z], dtype=np.float32)) / axes.astype(np.float32)
        out = np.minimum(out, (np.sqrt((away**2).sum(axis=-1)) - 1) * np.float32(axes.min()))
    return np.asarray(out)


def _shoulders(rng: np.random.Generator, neck: Neck, slim: float) -> Floats:
    t1, t3 = (neck.curve.point_at(neck.vertebrae[i].s_mm) for i in (T1, T1 + 2))
    raised = rng.random() < 0.1  # arms up: the humeral heads come near the neck
    lift, apart = (
        (rng.uniform(25, 55), rng.uniform(105, 135))
        if raised
        else (rng.normal(2, 16), 168.0 * min(slim, 1.1))
    )
    rows = []
    for side in (-1, 1):
        inner = np.array([side * 15, t3[1] - 75, t3[2] - 12])
        outer = np.array([side * (apart - 18), t1[1] - 8, t1[2] + 4 + lift])
        at = np.linspace(0, 1, 60)[:, None]
        path = inner * (1 - at) + outer * at + np.array([0, -14, 8]) * np.sin(np.pi * at)
        rows.append(np.column_stack([path, np.full(60, 6.5)]))
        u, w = np.meshgrid(np.linspace(0, 1, 26), np.linspace(0, 1, 26))
        keep = (u + w < 1.25).ravel()
        blade = np.stack(
            [side * (75 + 62 * u), t3[1] + 32 - 20 * u, t1[2] + lift - 6 - 100 * w - 20 * u], axis=-1
        ).reshape(-1, 3)[keep]
        rows.append(np.column_stack([blade, np.full(len(blade), 2.6)]))
        head = np.array([side * apart, t1[1] + 4, t1[2] - 22 + lift])
        rows.append(np.array([[*head, 24.0]]))
        shaft = np.linspace(0, 1, 30)[:, None] * np.array([side * 18, -10, 110 if raised else -110])
        rows.append(np.column_stack([head + shaft, np.full(30, 11.5)]))
    down = np.linspace(0, 110, 40)[:, None]
    breast = np.array([0, t3[1] - 78, t3[2] - 14]) + down * np.array([0, -0.35, -1])
    rows += [np.column_stack([breast + np.array([k, 0, 0]), np.full(40, 6.0)]) for k in (-9, 0, 9)]
    return np.concatenate(rows)
