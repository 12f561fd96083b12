"""Label maps of vertebrae dressed as CT: bone where the map says, and a neck drawn around it.

The canal is what the bone leaves: on each axial slice, the reach of rays from its middle to the
nearest bone; where the ring is open, as at discs and between laminae, the reach of the slices above
and below.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import UnivariateSpline

from canalis.errors import ModelError
from canalis.phantom.structures import LEVEL_OF_T3, Structure
from canalis.segment.grids import Grid, box_of, resample_labels
from canalis.train.cache import LabelledScan
from canalis.volume import Mask, Volume

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

VERTEBRAE: Final = tuple(range(1, 26))
"""1 to 7 are C1 to C7, 8 to 19 T1 to T12, then lumbar: the numbers of VerSe."""

LEAST_HOLE_MM2, MOST_HOLE_MM2 = 100.0, 600.0  # a transverse foramen has under 60
ANGLES: Final = 96
REACH_MM, STEP_MM = 16.0, 0.25
SPLINE_MM2: Final = 0.5  # mean squared distance of the centreline from the middles of closed rings
LEAST_SLICES: Final = 12
SMOOTH_MM: Final = 3.0
DISC_BULGE_MM: Final = 1.5
MOST_DISC_MM: Final = 14.0  # between two bodies, one above the other
WORK_SLICE_MM: Final = 0.8  # a thicker slice is the mean of several
MAGNUM_MM: Final = (17.0, 15.0)  # half of the foramen magnum, front to back and side to side
SKULL_MM, SKULL_ABOVE_MM = 5.0, 4.0  # its thickness, and how far above the atlas it begins
AIR_HU: Final = -1000.0


@dataclass(frozen=True, slots=True)
class Dressing:
    """How one scan of a label map looks; lengths in mm, intensities in HU.

    Attributes
    ----------
    pixel_mm, slice_mm : float
        Of the scan.
    fwhm_mm, noise_hu, grain_mm : float
        Blur and noise within slices; noise is independent between slices.
    front_mm, back_mm, side_mm, head_mm, feet_mm : float
        Of the field, beyond the vertebrae.
    cortex_mm, cortex_hu, marrow_hu, trabeculae_hu : float
        Of bone.
    soft_hu, disc_hu, cord_hu, fluid_hu, fat_hu : float
        Muscle, disc, spinal cord, cerebrospinal fluid, fat.
    fat_share, epidural_mm : float
        Of muscle's surroundings that is fat; fat behind the sac.
    cord_mm : tuple of float
        Half of the cord from front to back, and from side to side.
    skin_mm, airway_mm : float
        Skin behind the spine, and half the airway.
    low_noise : float
        By how much noise grows from C6 to the shoulders.
    """

    pixel_mm: float
    slice_mm: float
    fwhm_mm: float
    noise_hu: float
    grain_mm: float
    front_mm: float
    back_mm: float
    side_mm: float
    head_mm: float
    feet_mm: float
    cortex_mm: float
    cortex_hu: float
    marrow_hu: float
    trabeculae_hu: float
    soft_hu: float
    disc_hu: float
    cord_hu: float
    fluid_hu: float
    fat_hu: float
    fat_share: float
    epidural_mm: float
    cord_mm: tuple[float, float]
    skin_mm: float
    airway_mm: float
    low_noise: float


def draw_dressing(rng: np.random.Generator) -> Dressing:
    """Draw how a scan looks, from thin and sharp to thick and noisy."""

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    pixel = between(0.35, 0.7)
    return Dressing(
        pixel_mm=pixel,
        slice_mm=between(0.6, 2.0),
        fwhm_mm=max(between(0.6, 1.1), 1.2 * pixel),
        noise_hu=float(np.clip(rng.lognormal(np.log(18), 0.5), 5, 60)),
        grain_mm=between(0.3, 0.6),
        front_mm=between(45, 70),
        back_mm=between(30, 60),
        side_mm=between(35, 60),
        head_mm=between(10, 35),
        feet_mm=between(-20, 0),
        cortex_mm=between(0.6, 1.4),
        cortex_hu=between(650, 1300),
        marrow_hu=between(140, 420),
        trabeculae_hu=between(20, 90),
        soft_hu=between(40, 65),
        disc_hu=between(70, 120),
        cord_hu=between(28, 48),
        fluid_hu=between(0, 22),
        fat_hu=between(-115, -75),
        fat_share=between(0.15, 0.45),
        epidural_mm=between(0.0, 2.0),
        cord_mm=(between(2.8, 4.0), between(5.0, 7.0)),
        skin_mm=between(25, 50),
        airway_mm=between(6, 10),
        low_noise=between(1.0, 2.2),
    )


def dress(vertebrae: Mask, rng: np.random.Generator) -> LabelledScan:
    """Return a scan that a label map of vertebrae could have come from, with its truth.

    Parameters
    ----------
    vertebrae : Mask
        0 outside, 1 to 7 C1 to C7, 8 on T1 down. At least the rings of three vertebrae.
    rng : Generator
        Draws how the scan looks.

    Returns
    -------
    LabelledScan
        HU on voxels of its own; structures and levels on the same voxels.

    Raises
    ------
    ModelError
        If no canal is found among the vertebrae.
    """
    look = draw_dressing(rng)
    grid = _grid_around(vertebrae, look)
    labels = _smooth_labels(vertebrae, grid)
    middle = canal_line(labels > 0, grid)
    reach = canal_reach(labels > 0, grid, middle)
    canal, depth = _rasterise(grid, middle, reach)
    canal &= labels == 0
    canal[_foramen_magnum(labels, grid) :] = False
    structure, level = name_structures(labels, canal, grid, middle, reach)
    hu = _tissue(structure, labels, canal, depth, grid, middle, look, rng)
    return LabelledScan(_scanned(hu, labels, grid, look, rng), structure, level, grid.affine)


def _grid_around(vertebrae: Mask, look: Dressing) -> Grid:
    """Return fine slices over the vertebrae C1 to T2; what the map shows beside them is kept."""
    index = np.argwhere((vertebrae.labels > 0) & (vertebrae.labels < LEVEL_OF_T3))
    if not len(index):
        raise ModelError("Expected vertebrae numbered 1 to 9 for C1 to T2, found none. Check the numbers.")
    places = vertebrae.to_lps(index.astype(np.float64))
    low = places.min(axis=0) - np.array([look.side_mm, look.front_mm, look.feet_mm])
    high = places.max(axis=0) + np.array([look.side_mm, look.back_mm, look.head_mm])
    low[2] = max(low[2], box_of(vertebrae)[0][2])
    together = max(round(look.slice_mm / WORK_SLICE_MM), 1)
    return Grid.over_box(low, high, spacing_mm=(look.slice_mm / together, look.pixel_mm, look.pixel_mm))


def _smooth_labels(vertebrae: Mask, grid: Grid) -> NDArray[np.uint8]:
    """Return labels on a grid, the surface of the bone interpolated between the map's slices."""
    nearest = resample_labels(vertebrae.labels, vertebrae.affine, grid)
    box = ndimage.find_objects((nearest > 0).astype(np.uint8))[0]
    matrix = np.linalg.inv(vertebrae.affine) @ grid.affine
    start = np.array([side.start for side in box])
    share = ndimage.affine_transform(
        (vertebrae.labels > 0).astype(np.float32),
        matrix[:3, :3],
        matrix[:3, :3] @ start + matrix[:3, 3],
        tuple(side.stop - side.start for side in box),
        order=1,
        prefilter=False,
    )
    bone = np.zeros(grid.shape, dtype=bool)
    bone[box] = share > 0.5
    filled = nearest.copy()
    into = ndimage.distance_transform_edt(nearest[box] == 0, return_distances=False, return_indices=True)
    filled[box] = nearest[box][tuple(into)]
    return np.where(bone, filled, 0).astype(np.uint8)


def canal_line(bone: Bools, grid: Grid) -> Floats:
    """Return the canal's middle on every slice, as (row, column) indices, shape (slices, 2).

    Raises
    ------
    ModelError
        If fewer than twelve slices show a closed ring.
    """
    found = []
    pixel = grid.spacing_mm[1] * grid.spacing_mm[2]
    for k, plane in enumerate(bone):
        parts, count = ndimage.label(ndimage.binary_fill_holes(plane) & ~plane)
        sizes = np.bincount(parts.ravel())[1:] * pixel if count else np.zeros(0)
        if count and LEAST_HOLE_MM2 < sizes.max() < MOST_HOLE_MM2:
            found.append((k, *ndimage.center_of_mass(parts == sizes.argmax() + 1)))
    if len(found) < LEAST_SLICES:
        raise ModelError(
            f"Expected closed rings of bone on at least {LEAST_SLICES} slices, found {len(found)}. "
            "Give label maps of whole vertebrae, arches included."
        )
    known = np.array(found)
    slack = len(known) * SPLINE_MM2 / pixel
    at = np.clip(np.arange(len(bone)), known[0, 0], known[-1, 0])
    return np.stack([UnivariateSpline(known[:, 0], known[:, a], k=3, s=slack)(at) for a in (1, 2)], axis=1)


def canal_reach(bone: Bools, grid: Grid, middle: Floats) -> Floats:
    """Return how far the canal reaches from its middle, mm, shape (slices, angles); angle 0 is to the back.

    Where a ray meets no bone within 16 mm, or far more than above and below, the slices above and
    below tell.
    """
    angle = 2 * np.pi * np.arange(ANGLES) / ANGLES
    steps = np.arange(0.0, REACH_MM, STEP_MM)
    row = np.cos(angle)[:, None] * steps / grid.spacing_mm[1]
    column = np.sin(angle)[:, None] * steps / grid.spacing_mm[2]
    reach = np.full((len(bone), ANGLES), np.nan)
    for k, plane in enumerate(bone):
        at = np.stack([middle[k, 0] + row, middle[k, 1] + column])
        hit = ndimage.map_coordinates(plane.astype(np.float32), at, order=1, mode="constant") > 0.5
        met = hit.any(axis=1) & ~hit[:, 0]
        reach[k, met] = hit[met].argmax(axis=1) * STEP_MM - STEP_MM / 2
    return np.minimum(np.where(np.isnan(reach), np.inf, reach), _filled(reach, grid.spacing_mm[0]))


def _filled(reach: Floats, slice_mm: float) -> Floats:
    """Return the reach that neighbouring slices suggest, a running median along the canal."""
    slices = np.arange(len(reach))
    filled = np.empty_like(reach)
    for a in range(reach.shape[1]):
        known = np.flatnonzero(~np.isnan(reach[:, a]))
        whole = np.nanmedian(reach) if not len(known) else np.interp(slices, known, reach[known, a])
        filled[:, a] = whole
    low = ndimage.percentile_filter(filled, 35, size=(max(round(24 / slice_mm), 3), 1), mode="nearest")
    capped = np.minimum(filled, 1.25 * low + 0.5)
    return np.asarray(ndimage.gaussian_filter(capped, (SMOOTH_MM / slice_mm, 1.0), mode=("nearest", "wrap")))


def _rasterise(grid: Grid, middle: Floats, reach: Floats) -> tuple[Bools, NDArray[np.float32]]:
    """Return the canal, and within it the depth below its wall along the ray, mm."""
    canal = np.zeros(grid.shape, dtype=bool)
    depth = np.full(grid.shape, -1.0, dtype=np.float32)
    half = int(np.ceil(REACH_MM / min(grid.spacing_mm[1:]))) + 1
    for k in range(grid.shape[0]):
        rows, columns = (
            np.arange(max(int(m) - half, 0), min(int(m) + half, n))
            for m, n in zip(middle[k], grid.shape[1:], strict=True)
        )
        y = ((rows - middle[k, 0]) * grid.spacing_mm[1])[:, None]
        x = ((columns - middle[k, 1]) * grid.spacing_mm[2])[None, :]
        place = np.mod(np.arctan2(x, y), 2 * np.pi) * ANGLES / (2 * np.pi)
        wall = np.interp(place, np.arange(ANGLES + 1), np.append(reach[k], reach[k, 0]))
        below = wall - np.hypot(x, y)
        window = (k, slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        canal[window] = below >= 0
        depth[window] = below
    return canal, depth


def name_structures(
    labels: NDArray[np.uint8], canal: Bools, grid: Grid, middle: Floats, reach: Floats
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return structure and level of every voxel: bodies, dens, arches, discs and the canal.

    Bone before the canal's front wall and no more than a few millimetres beside the canal is body.
    """
    structure = np.where(labels > 0, np.uint8(Structure.ARCH), np.uint8(0))
    front = middle[:, 0] - reach[:, ANGLES // 2] / grid.spacing_mm[1]
    beside = (reach[:, ANGLES // 4] + reach[:, 3 * ANGLES // 4]) / 2 + 2.0
    rows, columns = np.arange(grid.shape[1]), np.arange(grid.shape[2])
    before = rows[None, :] < front[:, None] + 1
    near = np.abs(columns[None, :] - middle[:, 1:]) * grid.spacing_mm[2] < beside[:, None]
    body = (labels > 1) & before[:, :, None] & near[:, None, :]
    structure[body] = Structure.BODY
    level = np.minimum(labels, LEVEL_OF_T3).astype(np.uint8)
    axis = np.flatnonzero((body & (labels == 2)).any(axis=(1, 2)))
    if axis.size:
        dens_from = int(axis[0] + 0.55 * (axis[-1] - axis[0]))
        upper = structure[dens_from:]
        upper[(labels[dens_from:] == 2) & (upper == Structure.BODY)] = Structure.DENS
    for upper_label in range(2, LEVEL_OF_T3):
        disc = _disc_between(labels, body, upper_label, grid) & ~canal
        structure[disc], level[disc] = Structure.DISC, upper_label
    structure[canal], level[canal] = Structure.RESIDUAL_CANAL, 0
    return structure, level


def _disc_between(labels: NDArray[np.uint8], body: Bools, upper: int, grid: Grid) -> Bools:
    """Return the voxels between two bodies: their distances to both add up to little more than the gap."""
    above, below = body & (labels == upper), body & (labels == upper + 1)
    disc = np.zeros(labels.shape, dtype=bool)
    if not above.any() or not below.any():
        return disc
    floor = np.where(above.any(axis=0), above.argmax(axis=0), -1)
    roof = np.where(below.any(axis=0), labels.shape[0] - 1 - below[::-1].argmax(axis=0), labels.shape[0])
    gap_mm = (floor - roof) * grid.spacing_mm[0]
    facing = (floor > roof) & (gap_mm < MOST_DISC_MM)
    if not facing.any():
        return disc
    thick_mm = float(np.median(gap_mm[facing]))
    box = ndimage.find_objects((above | below).astype(np.uint8))[0]
    apart = [ndimage.distance_transform_edt(~b[box], sampling=grid.spacing_mm) for b in (above, below)]
    disc[box] = (apart[0] + apart[1] < thick_mm + DISC_BULGE_MM) & (labels[box] == 0)
    return disc


def _tissue(
    structure: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    canal: Bools,
    depth: NDArray[np.float32],
    grid: Grid,
    middle: Floats,
    look: Dressing,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return HU before the scanner: muscle and fat, skin, airway, canal, discs and bone."""
    hu = np.full(grid.shape, look.soft_hu, dtype=np.float32)
    hu[_patches(rng, grid, 4.0) < np.float32(look.fat_share)] = look.fat_hu
    y, x = _across(grid, middle)
    _wrap(hu, y, x, grid, middle, look)
    _draw_skull_base(hu, labels, y, x, grid, look)
    hu[structure == Structure.DISC] = look.disc_hu
    hu[canal] = look.fluid_hu
    hu[canal & (depth < look.epidural_mm) & (y > 0)] = look.fat_hu
    cord = (y / look.cord_mm[0]) ** 2 + (x / look.cord_mm[1]) ** 2 < 1
    hu[canal & cord & (depth > 0.8)] = look.cord_hu
    bone = labels > 0
    box = ndimage.find_objects(bone.astype(np.uint8))[0]
    deep = ndimage.distance_transform_edt(bone[box], sampling=grid.spacing_mm).astype(np.float32)
    grain = (_patches(rng, grid, 1.2)[box] - 0.5) * np.float32(3.5 * look.trabeculae_hu)
    inner = np.where(deep > look.cortex_mm, np.float32(look.marrow_hu) + grain, np.float32(look.cortex_hu))
    hu[box] = np.where(deep > 0, inner, hu[box])
    return hu


def _across(grid: Grid, middle: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the distance behind and to the left of the canal's middle, mm, that broadcast to the grid."""
    y = (np.arange(grid.shape[1])[None, :] - middle[:, :1]) * grid.spacing_mm[1]
    x = (np.arange(grid.shape[2])[None, :] - middle[:, 1:]) * grid.spacing_mm[2]
    return y[:, :, None].astype(np.float32), x[:, None, :].astype(np.float32)


def _wrap(
    hu: NDArray[np.float32],
    y: NDArray[np.float32],
    x: NDArray[np.float32],
    grid: Grid,
    middle: Floats,
    look: Dressing,
) -> None:
    """Draw what lies around a spine: the airway before it, fat below the skin, air beyond."""
    airway = ((y + 42) / look.airway_mm) ** 2 + (x / (1.4 * look.airway_mm)) ** 2 < 1
    hu[airway] = AIR_HU
    front, back, side = 85.0, look.skin_mm + 20.0, 75.0
    around = (y / np.where(y > 0, np.float32(back), np.float32(front))) ** 2 + (x / np.float32(side)) ** 2
    hu[around > 0.85] = look.fat_hu
    hu[around > 1.0] = AIR_HU


def _draw_skull_base(
    hu: NDArray[np.float32],
    labels: NDArray[np.uint8],
    y: NDArray[np.float32],
    x: NDArray[np.float32],
    grid: Grid,
    look: Dressing,
) -> None:
    """Draw a funnel of bone with brain in it above the atlas, where the label map shows one."""
    up = ((np.arange(grid.shape[0]) - _foramen_magnum(labels, grid)) * grid.spacing_mm[0])[:, None, None]
    grown = np.maximum(up, 0).astype(np.float32)
    inner = (y / (MAGNUM_MM[0] + grown)) ** 2 + (x / (MAGNUM_MM[1] + grown)) ** 2 < 1
    thick = SKULL_MM + MAGNUM_MM[0] + grown
    outer = (y / thick) ** 2 + (x / (thick - MAGNUM_MM[0] + MAGNUM_MM[1])) ** 2 < 1
    hu[inner & (up >= 0)] = look.cord_hu
    hu[outer & ~inner & (up >= 0)] = look.cortex_hu


def _foramen_magnum(labels: NDArray[np.uint8], grid: Grid) -> int:
    """Return the slice on which the skull begins: above the atlas, or above the grid without one."""
    atlas = np.flatnonzero((labels == 1).any(axis=(1, 2)))
    return int(atlas[-1] + round(SKULL_ABOVE_MM / grid.spacing_mm[0])) if atlas.size else len(labels)


def _patches(rng: np.random.Generator, grid: Grid, scale_mm: float) -> NDArray[np.float32]:
    """Return smooth noise with values spread evenly from 0 to 1."""
    coarse = [max(int(n * s / scale_mm) + 2, 3) for n, s in zip(grid.shape, grid.spacing_mm, strict=True)]
    seed = rng.random(coarse, dtype=np.float32)
    zoom = [n / c for n, c in zip(grid.shape, coarse, strict=True)]
    return np.asarray(ndimage.zoom(seed, zoom, order=1)[tuple(slice(0, n) for n in grid.shape)])


def _scanned(
    hu: NDArray[np.float32], labels: NDArray[np.uint8], grid: Grid, look: Dressing, rng: np.random.Generator
) -> Volume:
    """Return what a scanner makes of it: blurred within slices, averaged across them, noisy."""
    sigma = look.fwhm_mm / 2.355 / look.pixel_mm
    seen = ndimage.gaussian_filter(hu, (0.0, sigma, sigma))
    together = max(round(look.slice_mm / grid.spacing_mm[0]), 1)
    kept = len(seen) // together * together
    seen = seen[:kept].reshape(-1, together, *seen.shape[1:]).mean(axis=1)
    grain = rng.standard_normal(seen.shape, dtype=np.float32)
    grain = ndimage.gaussian_filter(
        grain, (0.0, look.grain_mm / look.pixel_mm, look.grain_mm / look.pixel_mm)
    )
    seen += grain * (look.noise_hu / grain.std()) * _louder(labels, together, len(seen), look.low_noise)
    affine = grid.affine
    affine[:3, 3] += affine[:3, 0] * (together - 1) / 2
    affine[:3, 0] *= together
    return Volume(np.clip(np.rint(seen), -1024, 3071).astype(np.int16), affine)


def _louder(labels: NDArray[np.uint8], together: int, slices: int, most: float) -> NDArray[np.float32]:
    """Return by how much noise grows on each slice: from C6 down to the end of the scan."""
    lower = np.flatnonzero((labels == 6).any(axis=(1, 2)))
    start = (float(lower.mean()) if lower.size else 0.0) / together
    share = np.clip((start - np.arange(slices)) / max(start, 1.0), 0, 1)
    return np.asarray(1 + (most - 1) * share, dtype=np.float32)[:, None, None]
