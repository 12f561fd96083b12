"""What lies around a phantom's spine: skin, fat, muscle, airway, skull, jaw, ribs, shoulders, lungs.

Drawn as smooth distances on a coarse lattice. It need not be beautiful; it must keep a network from
learning that bright and round means spine.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter, zoom
from scipy.spatial import cKDTree

from canalis.phantom.curve import Lattice, lattice_places
from canalis.phantom.plan import C2, C7, T1, Neck
from canalis.phantom.structures import LEVEL_OF_T3, Structure

Floats = NDArray[np.float64]
Array = NDArray[np.float32]

LATTICE_MM = 3.0
FAR_MM = 14.0
AIR_HU, LUNG_HU, FAT_HU, BRAIN_HU = -1000.0, -850.0, -100.0, 35.0
FIELDS = (
    "skin",
    "fat_depth",
    "airway",
    "texture",
    "cavity",
    "skull",
    "first rib",
    "other rib",
    "jaw",
    "shoulder",
    "lung",
    "cells",
    "vessel",
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Smooth distances around the spine and what they are filled with.

    Attributes
    ----------
    lattice : Lattice
        One field for each name of ``FIELDS``, distances in mm, below 0 inside.
    muscle_hu, fat_share, bone_hu, marrow_hu, vessel_hu, air_hu : float
        What fills them.
    metal_mm : ndarray of shape (n, 4)
        Balls of metal that throw streaks: LPS+ x, y, z and radius, mm.
    """

    lattice: Lattice
    muscle_hu: float
    fat_share: float
    bone_hu: float
    marrow_hu: float
    vessel_hu: float
    air_hu: float
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
    head = _head(rng, neck)
    fields = np.full((len(FIELDS), *shape), FAR_MM, dtype=np.float32)

    def put(name: str, values: NDArray[np.floating]) -> None:
        fields[FIELDS.index(name)] = values

    skin = _skin(rng, neck, grid)
    put("skin", skin)
    put("fat_depth", skin + _smooth_noise(rng, shape, 10) * 4 + rng.uniform(2, 16))
    put("texture", _smooth_noise(rng, shape, 2.2))
    put("cells", _smooth_noise(rng, shape, 0.9))
    cavity = _cavity(head, grid)
    put("cavity", cavity)
    put("skull", _skull(rng, neck, head, grid, cavity))
    put("airway", _airway(rng, neck, grid))
    put("lung", _lungs(rng, neck, grid))
    put("vessel", _vessels(rng, neck, grid))
    put("first rib", _tubes(grid, _ribs(rng, neck, first=True)))
    put("other rib", _tubes(grid, _ribs(rng, neck, first=False)))
    teeth = _teeth(rng, neck)
    put("jaw", _tubes(grid, _jaw(rng, neck, head)))
    put("shoulder", _tubes(grid, _shoulders(rng, neck)))
    return Surroundings(
        lattice=Lattice(z, y, x, fields),
        muscle_hu=float(rng.normal(56, 8)),
        fat_share=float(rng.uniform(-0.2, 1.2)),
        bone_hu=float(rng.uniform(700, 1500)),
        marrow_hu=float(rng.uniform(50, 400)),
        vessel_hu=float(rng.choice([45.0, rng.uniform(120, 220), rng.uniform(280, 450)], p=[0.5, 0.3, 0.2])),
        air_hu=float(rng.uniform(-1000, -930)),
        skull_cortex_mm=float(rng.uniform(1.2, 2.5)),
        metal_mm=_fillings(rng, teeth) if rng.random() < 0.45 else np.zeros((0, 4)),
    )


def rib_level(neck: Neck, s_mm: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return the level map's number of the rib nearest to each place along the curve."""
    heads = np.array([v.s_mm for v in neck.vertebrae[T1 + 1 :]])
    nearest = np.abs(np.asarray(s_mm)[..., None] - (heads - 12.0)).argmin(axis=-1)
    return np.asarray(np.minimum(nearest + LEVEL_OF_T3 - 1, LEVEL_OF_T3 + 3), dtype=np.uint8)


def fill(around: Surroundings, fields: Array) -> tuple[Array, NDArray[np.uint8]]:
    """Return Hounsfield units and structures of places from their fields.

    Parameters
    ----------
    around : Surroundings
        What fills them.
    fields : ndarray of shape (fields, ...)
        Distances as the lattice draws them, float32.

    Returns
    -------
    hu : ndarray of shape (...)
        float32.
    structure : ndarray of shape (...)
        uint8, of the bones here.
    """
    f = dict(zip(FIELDS, fields, strict=True))
    hu = around.muscle_hu + 10 * f["texture"]
    fatty = np.clip((f["texture"] - 1.35 + 0.9 * around.fat_share) * 2, 0, 1)
    hu += fatty * (FAT_HU - around.muscle_hu)
    _paint(hu, f["vessel"], around.vessel_hu)
    _paint(hu, -f["fat_depth"], FAT_HU, width=1.5)
    _paint(hu, f["cavity"], BRAIN_HU)
    _paint(hu, f["lung"], LUNG_HU, width=2.0)
    structure = np.zeros(hu.shape, dtype=np.uint8)
    for name, label in (
        ("skull", Structure.SKULL),
        ("jaw", Structure.JAW),
        ("shoulder", Structure.SHOULDER),
        ("other rib", Structure.OTHER_RIB),
        ("first rib", Structure.FIRST_RIB),
    ):
        d = f[name]
        marrow = around.marrow_hu + 60 * f["cells"]
        if name == "skull":
            marrow = np.where(f["cells"] > 1.1, -500.0, marrow)  # mastoid and sinus cells
        inner = np.clip(0.5 - (d + around.skull_cortex_mm) / 0.8, 0, 1)
        _paint(hu, d, around.bone_hu + (marrow - around.bone_hu) * inner)
        structure[d < 0] = label
    _paint(hu, f["airway"], around.air_hu)
    structure[f["airway"] < 0] = Structure.OUTSIDE
    _paint(hu, -f["skin"], AIR_HU)
    structure[f["skin"] > 0] = Structure.OUTSIDE
    return hu, structure


def _paint(hu: Array, distance: Array, value: Array | float, width: float = 0.8) -> None:
    share = np.clip(0.5 - distance / width, 0, 1)
    hu += share * (value - hu)


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> Array:
    small = tuple(max(int(n / scale) + 2, 3) for n in shape)
    noise = gaussian_filter(rng.standard_normal(small).astype(np.float32), 0.7)
    out = zoom(noise, [n / m for n, m in zip(shape, small, strict=True)], order=1)[
        : shape[0], : shape[1], : shape[2]
    ]
    return np.asarray(out / (out.std() + 1e-6), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Head:
    center: Floats
    axes: Floats
    pitch: float
    magnum: Floats


def _head(rng: np.random.Generator, neck: Neck) -> _Head:
    magnum = neck.curve.point_at(neck.foramen_magnum_s_mm)
    axes = np.array([66, 84, 66]) * neck.size**0.5 * rng.normal(1, 0.05, 3)
    return _Head(
        magnum + np.array([0, -axes[1] * 0.12, axes[2] - rng.uniform(1, 8)]),
        axes,
        float(rng.normal(0, 6)),
        magnum,
    )


def _in_head(head: _Head, grid: Array) -> Array:
    away = grid - head.magnum.astype(np.float32)
    c, s = np.cos(np.radians(head.pitch)), np.sin(np.radians(head.pitch))
    return np.stack(
        [away[..., 0], c * away[..., 1] - s * away[..., 2], s * away[..., 1] + c * away[..., 2]], axis=-1
    ).astype(np.float32)


def _cavity(head: _Head, grid: Array) -> Array:
    at = _in_head(head, grid)
    offset = (head.center - head.magnum).astype(np.float32)
    q = np.sqrt((((at - offset) / head.axes.astype(np.float32)) ** 2).sum(axis=-1))
    ellipsoid = (q - 1) * float(head.axes.min())
    base = np.interp(at[..., 1], [-52, -14, 0], [42, -2, -30]).astype(np.float32)
    return np.asarray(np.maximum(ellipsoid, (base - at[..., 2]) * 0.72))


def _skull(rng: np.random.Generator, neck: Neck, head: _Head, grid: Array, cavity: Array) -> Array:
    at = _in_head(head, grid)
    low = at[..., 2] < 30
    thick = np.where(low & (np.abs(at[..., 0]) > 28), rng.uniform(9, 18), rng.uniform(4.5, 8)).astype(
        np.float32
    )
    thick = np.where(low & (at[..., 1] < -10) & (np.abs(at[..., 0]) < 22), rng.uniform(8, 14), thick)
    shell = np.maximum(-cavity, cavity - thick)
    hole = np.sqrt((at[..., 0] / rng.uniform(14.5, 17)) ** 2 + (at[..., 1] / rng.uniform(16.5, 19)) ** 2)
    hole = np.where(np.abs(at[..., 2]) < 22, (hole - 1) * 15, FAR_MM)
    condyles = _condyles(rng, at)
    face = _face(rng, at)
    return np.asarray(np.maximum(np.minimum(np.minimum(shell, condyles), face), -hole), dtype=np.float32)


def _condyles(rng: np.random.Generator, at: Array) -> Array:
    x = np.abs(at[..., 0])
    q = np.sqrt(
        ((x - 18.5) / 7) ** 2 + ((at[..., 1] + 7) / 11) ** 2 + ((at[..., 2] + rng.uniform(-1, 2)) / 7) ** 2
    )
    mastoid = np.sqrt(((x - 52) / 12) ** 2 + ((at[..., 1] + 2) / 13) ** 2 + ((at[..., 2] - 4) / 22) ** 2)
    return np.asarray(np.minimum((q - 1) * 7, (mastoid - 1) * 12))


def _face(rng: np.random.Generator, at: Array) -> Array:
    q = np.sqrt((at[..., 0] / 34) ** 2 + ((at[..., 1] + 78) / 28) ** 2 + ((at[..., 2] - 12) / 34) ** 2)
    hollow = np.sqrt(
        ((np.abs(at[..., 0]) - 22) / 12) ** 2 + ((at[..., 1] + 78) / 17) ** 2 + ((at[..., 2] - 14) / 18) ** 2
    )
    nose = np.sqrt((at[..., 0] / 12) ** 2 + ((at[..., 1] + 72) / 34) ** 2 + ((at[..., 2] - 8) / 17) ** 2)
    blob = np.maximum(np.maximum((q - 1) * 25, (1 - hollow) * 12), (1 - nose) * 12)
    return np.asarray(np.maximum(blob, -(at[..., 2] + rng.uniform(8, 22))), dtype=np.float32)


def _skin(rng: np.random.Generator, neck: Neck, grid: Array) -> Array:
    top = float(neck.curve.point_at(neck.foramen_magnum_s_mm)[2])
    slim = rng.normal(1, 0.12)
    z = np.array([-320, -90, -40, -12, 25, top - 25, top, top + 45, top + 110, top + 150])
    wide = np.array([190, 200, 170, 95, 62, 64, 72, 78, 66, 5]) * slim
    deep = np.array([115, 108, 90, 72, 62, 78, 92, 99, 86, 5]) * slim
    ahead = np.array([-35, -30, -20, -16, -14, -28, -38, -34, -30, -30]) + rng.normal(0, 4)
    ahead = ahead + np.interp(z, neck.curve.points_lps[:, 2], neck.curve.points_lps[:, 1])
    at = grid[:, 0, 0, 2]
    a, b, c = (PchipInterpolator(z, v)(np.clip(at, z[0], z[-1]))[:, None, None] for v in (wide, deep, ahead))
    q = (np.abs(grid[..., 0] / a) ** 2.3 + np.abs((grid[..., 1] - c) / b) ** 2.3) ** (1 / 2.3)
    return np.asarray((q - 1) * np.minimum(a, b), dtype=np.float32)


def _at_spine(neck: Neck, grid: Array, s_low: float, s_high: float) -> tuple[Floats, Floats, Floats]:
    """For each slice of the lattice, where the spine is (x, y) and which s."""
    z = grid[:, 0, 0, 2].astype(float)
    s = np.interp(z, neck.curve.points_lps[:, 2], neck.curve.s_mm)
    return neck.curve.point_at(s)[:, 0], neck.curve.point_at(s)[:, 1], s


def _airway(rng: np.random.Generator, neck: Neck, grid: Array) -> Array:
    x0, y0, s = _at_spine(neck, grid, 0, 0)
    up = s - neck.vertebrae[C7].s_mm
    ahead = np.interp(up, [-120, -20, 20, 60, 95, 120], [34, 44, 42, 36, 38, 42]) + rng.normal(0, 3)
    wide = np.interp(up, [-100, 0, 25, 45, 70, 110], [9, 9, 7, 14, 13, 15]) * rng.uniform(0.7, 1.3)
    deep = np.interp(up, [-100, 0, 25, 45, 70, 110], [8, 9, 8, 6, 6, 11]) * rng.uniform(0.5, 1.4)
    cx, cy = (x0 + rng.normal(0, 2))[:, None, None], (y0 - ahead)[:, None, None]
    q = np.sqrt(
        ((grid[..., 0] - cx) / wide[:, None, None]) ** 2 + ((grid[..., 1] - cy) / deep[:, None, None]) ** 2
    )
    roof = float(neck.curve.point_at(neck.foramen_magnum_s_mm)[2]) + rng.uniform(2, 16)  # of the nasopharynx
    tube = (q - 1) * np.minimum(wide, deep)[:, None, None]
    return np.asarray(np.maximum(tube, grid[..., 2] - roof), dtype=np.float32)


def _lungs(rng: np.random.Generator, neck: Neck, grid: Array) -> Array:
    apex = neck.curve.point_at(neck.vertebrae[T1 + 1].s_mm)
    center = np.array([rng.uniform(58, 68), apex[1] - rng.uniform(25, 45), apex[2] - rng.uniform(125, 150)])
    away = np.stack(
        [np.abs(grid[..., 0]) - center[0], grid[..., 1] - center[1], grid[..., 2] - center[2]], axis=-1
    )
    q = np.sqrt(((away / [48, 62, 140]) ** 2).sum(axis=-1))
    return np.asarray((q - 1) * 50, dtype=np.float32)


def _vessels(rng: np.random.Generator, neck: Neck, grid: Array) -> Array:
    x0, y0, _ = _at_spine(neck, grid, 0, 0)
    out = np.full(grid.shape[:3], FAR_MM, dtype=np.float32)
    for side in (-1, 1):
        for aside, ahead, radius in ((25, 28, 3.4), (33, 26, rng.uniform(3.5, 8))):
            cx = (x0 + side * (aside + rng.normal(0, 2)))[:, None, None]
            cy = (y0 - ahead + rng.normal(0, 3))[:, None, None]
            out = np.minimum(out, np.sqrt((grid[..., 0] - cx) ** 2 + (grid[..., 1] - cy) ** 2) - radius)
    return out.astype(np.float32)


def _tubes(grid: Array, points: Floats) -> Array:
    """Return the distance to spheres given as rows (x, y, z, radius)."""
    out = np.full(grid.shape[:3], FAR_MM, dtype=np.float32)
    low, high = points[:, :3].min(axis=0) - FAR_MM, points[:, :3].max(axis=0) + FAR_MM
    near = ((grid >= low) & (grid <= high)).all(axis=-1)
    if not near.any():
        return out
    tree = cKDTree(points[:, :3])
    distance, which = tree.query(grid[near], distance_upper_bound=FAR_MM + 30)
    radius = np.append(points[:, 3], 0.0)[which]
    out[near] = np.minimum(distance - radius, FAR_MM)
    return out


def _ribs(rng: np.random.Generator, neck: Neck, *, first: bool) -> Floats:
    rows = []
    levels = [T1] if first else range(T1 + 1, len(neck.vertebrae))
    for i in levels:
        v, number = neck.vertebrae[i], i - T1
        start = neck.curve.place(np.array([0.0, 2.0, v.s_mm + 5.0]))
        wide, deep = min(48 + 14 * number, 110) * neck.size, min(36 + 11 * number, 80) * neck.size
        t = np.linspace(0.10, 0.86 if first else 0.75, 70)
        drop = (26 + 9 * min(number, 4)) * rng.normal(1, 0.12)
        for side in (-1, 1):
            x = side * wide * np.sin(np.pi * t) ** 0.8
            y = start[1] + 2 - deep * (1 - np.cos(np.pi * t)) + 6 * np.sin(np.pi * np.clip(t * 3, 0, 1))
            z = start[2] - drop * t + 3 * np.sin(np.pi * t)
            radius = np.full(len(t), (4.6 if first else 5.0) * neck.size * rng.normal(1, 0.08))
            rows.append(np.stack([start[0] + x, y, z, radius], axis=1))
    return np.concatenate(rows)


def _jaw(rng: np.random.Generator, neck: Neck, head: _Head) -> Floats:
    m, c3 = head.magnum, neck.curve.point_at(neck.vertebrae[C2].s_mm)
    drop = c3[2] - rng.uniform(-8, 22)
    chin = np.array([0, m[1] - rng.uniform(92, 110), drop - rng.uniform(0, 16)])
    rows = []
    for side in (-1, 1):
        corners = np.array(
            [
                [side * 50, m[1] - 18, m[2] + 2],
                [side * 47, m[1] - rng.uniform(14, 28), drop + 6],
                [side * 33, m[1] - 65, drop - 4],
                chin,
            ]
        )
        at = np.linspace(0, 3, 90)
        path = np.stack([np.interp(at, np.arange(4), corners[:, k]) for k in range(3)], axis=1)
        rows.append(np.column_stack([path, np.interp(at, [0, 1, 3], [4, 5, 7.5])]))
    hyoid = np.linspace(-np.pi / 2, np.pi / 2, 30)
    level = neck.curve.point_at(neck.vertebrae[C2 + 2].s_mm)
    bow = np.stack(
        [17 * np.sin(hyoid), level[1] - 42 - 20 * np.cos(hyoid), np.full(30, level[2] - 4), np.full(30, 2.4)],
        axis=1,
    )
    rows.append(bow)
    if rng.random() < 0.5:  # calcified thyroid cartilage
        plate = np.linspace(0, 1, 24)
        below = neck.curve.point_at(neck.vertebrae[C2 + 3].s_mm)
        for side in (-1, 1):
            keep = rng.random(24) < 0.75
            x, y = side * 17 * plate, below[1] - 58 + 26 * plate
            for lower in np.arange(0, 18, 2.5):
                rows.append(np.stack([x, y, np.full(24, below[2] - lower), np.full(24, 1.3)], axis=1)[keep])
    rows.append(np.column_stack([_teeth(rng, neck), np.full(28, 4.0)]))
    return np.concatenate(rows)


def _teeth(rng: np.random.Generator, neck: Neck) -> Floats:
    axis = neck.curve.point_at(neck.vertebrae[C2].upper_mm)
    t = np.linspace(-1.25, 1.25, 14)
    rows = []
    for up in (0.0, 10.0):
        rows.append(
            np.stack(
                [30 * np.sin(t), axis[1] - 55 - 48 * np.cos(t) + 14, np.full(14, axis[2] - 8 + up)], axis=1
            )
        )
    return np.asarray(np.concatenate(rows)[rng.permutation(28)])


def _fillings(rng: np.random.Generator, teeth: Floats) -> Floats:
    """Return the metal of some teeth: fillings and crowns, balls as rows (x, y, z, radius)."""
    some = teeth[: int(rng.integers(1, 8))]
    rows = []
    for tooth in some:
        radius, high = rng.uniform(1.2, 4.0), rng.uniform(0, 4)
        for up in np.arange(-high, high + 0.1, 2.0):
            rows.append([*(tooth + np.array([0, 0, up])), radius])
    return np.array(rows)


def _shoulders(rng: np.random.Generator, neck: Neck) -> Floats:
    t1, t3 = (neck.curve.point_at(neck.vertebrae[i].s_mm) for i in (T1, T1 + 2))
    lift = rng.normal(0, 12)
    rows = []
    for side in (-1, 1):
        inner = np.array([side * 15, t3[1] - 75, t3[2] - 12])
        outer = np.array([side * 150, t1[1] - 8, t1[2] + 4 + lift])
        at = np.linspace(0, 1, 60)[:, None]
        path = inner * (1 - at) + outer * at + np.array([0, -14, 8]) * np.sin(np.pi * at)
        rows.append(np.column_stack([path, np.full(60, 6.5)]))
        u, w = np.meshgrid(np.linspace(0, 1, 26), np.linspace(0, 1, 26))
        keep = (u + w < 1.25).ravel()
        blade = np.stack(
            [side * (75 + 62 * u), t3[1] + 32 - 20 * u, t1[2] + lift - 6 - 100 * w - 20 * u], axis=-1
        ).reshape(-1, 3)[keep]
        rows.append(np.column_stack([blade, np.full(len(blade), 2.6)]))
        rows.append(np.array([[side * 168, t1[1] + 4, t1[2] - 22 + lift, 24.0]]))
    down = np.linspace(0, 110, 40)[:, None]
    breast = np.array([0, t3[1] - 78, t3[2] - 14]) + down * np.array([0, -0.35, -1])
    rows += [np.column_stack([breast + np.array([k, 0, 0]), np.full(40, 6.0)]) for k in (-9, 0, 9)]
    return np.concatenate(rows)
