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

from canalis.phantom import small_bones, vessels
from canalis.phantom.balls import Balls
from canalis.phantom.curve import Lattice, lattice_places
from canalis.phantom.hardware import SCREWED_SHARE, Board, boards, fillings, screws, tubes
from canalis.phantom.neck import C2, C7, T1, Neck
from canalis.phantom.structures import LEVEL_OF_T3, Structure

Floats = NDArray[np.float64]
Array = NDArray[np.float32]

LATTICE_MM = 3.0
FAR_MM = 14.0
PLANE_SLOPE_MM = 24.0  # how far from a sheet of fat a noise of 1 lies
EDGE_MM, REACH_MM = 0.8, 1.0  # partial volume of an edge; beyond it nothing of a field is drawn
MASK_HU = -100.0
AIR_HU, LUNG_HU, FAT_HU, BRAIN_HU = -1000.0, -850.0, -100.0, 35.0
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


EVERYWHERE = ("skin", "fat_depth", "texture", "cells", "planes")
"""Fields that no slab goes without; the others are drawn where they come near."""
BONES = (("skull", Structure.SKULL), ("jaw", Structure.JAW), ("shoulder", Structure.SHOULDER))


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
    head = _head(rng, neck)
    fields = np.full((len(FIELDS), *shape), FAR_MM, dtype=np.float32)

    def put(name: str, values: NDArray[np.floating]) -> None:
        fields[FIELDS.index(name)] = values

    cavity = _cavity(head, grid)
    teeth, slim = _teeth(rng, neck), float(rng.normal(1, 0.12))
    jaw, shoulder = _tubes(grid, _jaw(rng, neck, head, teeth)), _tubes(grid, _shoulders(rng, neck, slim))
    skull = _skull(rng, neck, head, grid, cavity)
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
    put("sinus", _sinuses(rng, head, grid))
    airway = _airway_middle(rng, neck)
    put("airway", _airway(rng, neck, grid, airway))
    put("lung", _lungs(rng, neck, grid))
    arteries, veins = vessels.great_vessels(rng, neck)
    put("artery", _tubes(grid, arteries))
    put("vein", _tubes(grid, veins))
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


def fill(around: Surroundings, places_mm: tuple[Floats, Floats, Floats]) -> tuple[Array, NDArray[np.uint8]]:
    """Return Hounsfield units and structures of a slab of places.

    Parameters
    ----------
    around : Surroundings
        What lies there.
    places_mm : tuple of ndarray
        LPS+ z, y and x of the places.

    Returns
    -------
    hu : ndarray of shape (z, y, x)
        float32.
    structure : ndarray of shape (z, y, x)
        uint8, of the bones here.
    """
    reach = dict(zip(FIELDS, around.lattice.least(places_mm[0]), strict=True))
    here = [k for k, name in enumerate(FIELDS) if name in EVERYWHERE or reach[name] < REACH_MM]
    drawn = around.lattice.draw(*places_mm, which=here)
    f = {FIELDS[k]: field for k, field in zip(here, drawn, strict=True)}
    hu = around.muscle_hu + 10 * f["texture"]
    fatty = np.clip((f["texture"] - 1.35 + 0.9 * around.fat_share) * 2, 0, 1)
    hu += fatty * np.float32(FAT_HU - around.muscle_hu)
    plane = np.clip(around.plane_mm / 2 + 0.5 - np.abs(f["planes"]) * PLANE_SLOPE_MM, 0, 1)
    hu += plane * np.float32(0.8) * (FAT_HU - hu)
    _paint(hu, f.get("thyroid"), around.thyroid_hu)
    _paint(hu, f.get("vein"), around.contrast.vein)
    _paint(hu, f.get("artery"), around.contrast.artery)
    _paint(hu, -f["fat_depth"], FAT_HU, width=1.5)
    _paint(hu, f.get("cavity"), BRAIN_HU)
    _paint(hu, f.get("lung"), LUNG_HU, width=2.0)
    structure = np.zeros(hu.shape, dtype=np.uint8)
    for name, label in BONES:
        if name in f:
            _paint_bone(hu, structure, around, f, name, label)
    for name in ("sinus", "airway"):
        if name in f:
            _paint(hu, f[name], around.air_hu)
            structure[f[name] < 0] = Structure.OUTSIDE
    _paint(hu, -f["skin"], AIR_HU)
    structure[f["skin"] > 0] = Structure.OUTSIDE
    _hold(hu, f["skin"], around, places_mm)
    return hu, structure


def _paint_bone(
    hu: Array,
    structure: NDArray[np.uint8],
    around: Surroundings,
    f: dict[str, Array],
    name: str,
    label: Structure,
) -> None:
    at = np.nonzero(f[name] < EDGE_MM / 2)
    d, cells = f[name][at], f["cells"][at]
    marrow = around.marrow_hu + 60 * cells
    if name == "skull":
        marrow = np.where(cells > 1.1, -500.0, marrow)  # mastoid and sinus cells
    inner = np.clip(0.5 - (d + around.skull_cortex_mm) / EDGE_MM, 0, 1)
    value = around.bone_hu + (marrow - around.bone_hu) * inner
    now = hu[at]
    hu[at] = now + np.clip(0.5 - d / EDGE_MM, 0, 1) * (value - now)
    structure[at] = np.where(d < 0, label, structure[at])


def _hold(hu: Array, skin: Array, around: Surroundings, places_mm: tuple[Floats, Floats, Floats]) -> None:
    """Draw what the patient lies on and is held by, outside the skin."""
    z, y, x = places_mm
    if around.mask_mm > 0 and z[-1] > around.mask_low_z_mm:
        held = z > around.mask_low_z_mm
        off = np.abs(skin[held] - 2.0) - around.mask_mm / 2
        hu[held] += np.clip(0.5 - off, 0, 1) * (MASK_HU - hu[held])
    for board in around.boards:
        here = (z >= board.low_z_mm) & (z <= board.high_z_mm)
        share, density = board.draw(y, x)
        rows = np.flatnonzero(share.any(axis=1))
        if not here.any() or not len(rows):
            continue
        near = slice(int(rows[0]), int(rows[-1]) + 1)
        free = np.clip(skin[here, near] - 0.5, 0, 1) * share[near]
        hu[here, near] += free * (density[near] - hu[here, near])


def _paint(hu: Array, distance: Array | None, value: float, width: float = EDGE_MM) -> None:
    """Blend one density in where a distance is below 0; nothing without a distance."""
    if distance is None:
        return
    share = np.clip(np.float32(0.5) - distance * np.float32(1 / width), 0, 1)
    hu += share * (np.float32(value) - hu)


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
    thick = np.where(
        (at[..., 2] < 60) & (at[..., 1] < -42), rng.uniform(2, 4), thick
    )  # roof of nose and orbits
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


def _sinuses(rng: np.random.Generator, head: _Head, grid: Array) -> Array:
    """Return the distance to the air in maxillary, nasal and sphenoid sinuses."""
    at = _in_head(head, grid)
    x = np.abs(at[..., 0])
    wide = rng.uniform(0.8, 1.1)
    rooms = (
        (x - 22, at[..., 1] + 78, at[..., 2] - 14, (10.5, 15, 16)),
        (x - 5, at[..., 1] + 70, at[..., 2] - 8, (2.6, 30, 15)),
        (x - 8, at[..., 1] + 34, at[..., 2] - 20, (6.5, 9, 8)),
        (x - 7, at[..., 1] + 66, at[..., 2] - 30, (5.5, 20, 7)),
    )
    out = np.full(grid.shape[:3], FAR_MM, dtype=np.float32)
    for dx, dy, dz, axes in rooms:
        a, b, c = (wide * k for k in axes)
        q = np.sqrt((dx / a) ** 2 + (dy / b) ** 2 + (dz / c) ** 2)
        out = np.minimum(out, (q - 1) * min(a, b, c))
    return np.asarray(out, dtype=np.float32)


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


def _jaw(rng: np.random.Generator, neck: Neck, head: _Head, teeth: Floats) -> Floats:
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
    rows.append(np.column_stack([teeth, np.full(28, 4.0)]))
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
