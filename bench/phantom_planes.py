"""Planes across the canal of phantoms, each with the canal's true outline, for the contour's benchmarks.

Not a benchmark itself. Phantoms are made from C2 to T1 in a narrow field, without ossification, and
cut perpendicular to the canal's centreline; the outline is the zero line of the phantom's own
distance function, no voxel is looked at. Planes are kept in ``runs/planes``:
delete that folder when the phantom has changed.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from skimage.measure import find_contours

from canalis.phantom import draw_phantom
from canalis.phantom.canal import canal_at
from canalis.phantom.neck import C2, T1
from canalis.phantom.ossification import Wanted
from canalis.phantom.plan import plan_neck
from canalis.phantom.scanner import frame_scanner, with_look
from canalis.phantom.structures import Structure
from canalis.phantom.truth import section_at

SIDE_MM = 48.0
PER_PHANTOM = 13
FIELD_MM = (60.0, 66.0)
FIRST_TEST_SEED, FIRST_VALIDATION_SEED = 2_000_000, 1_000_000
PLAIN_SAC_HU = 60.0  # more is contrast round the cord
GROWTH_MM = 0.05  # planes with more of any growth in the canal are left out
CACHE = Path(__file__).resolve().parents[1] / "runs" / "planes"


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """K planes of phantoms.

    Images (K, H, W) HU; true outlines (K, 256, 2) as (row, column) mm, point 0 at the back; the
    phantom's seed (K,), planes of one in order along its canal; share (K,) of the outline with bone
    behind it.
    """

    images: NDArray[np.float32]
    truth_mm: NDArray[np.float64]
    seed: NDArray[np.intp]
    bony: NDArray[np.float64]
    pixel_mm: float


def phantom_planes(
    first_seed: int, count: int, *, pixel_mm: float = 0.4, slice_mm: float = 1.0, contrast: bool = False
) -> Planes:
    """Return planes of as many phantoms as give ``count`` of them, seeds from ``first_seed`` on.

    Plain CT, unless ``contrast``: then only those with contrast round the cord.
    """
    kept: list[dict[str, NDArray]] = []
    seed = first_seed
    while sum(len(some["truth"]) for some in kept) < count:
        some = _kept(seed, pixel_mm, slice_mm)
        if (some["sac_hu"] > PLAIN_SAC_HU) == contrast:
            kept.append({**some, "seed": np.full(len(some["truth"]), seed)})
        seed += 1
    joined = {
        name: np.concatenate([some[name] for some in kept])[:count]
        for name in ("images", "truth", "seed", "bony")
    }
    return Planes(joined["images"], joined["truth"], joined["seed"], joined["bony"], pixel_mm)


def _kept(seed: int, pixel_mm: float, slice_mm: float) -> dict[str, NDArray]:
    path = CACHE / f"{seed}-{pixel_mm:g}-{slice_mm:g}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **_drawn(seed, pixel_mm, slice_mm))
    with np.load(path) as kept:
        return dict(kept)


def _drawn(seed: int, pixel_mm: float, slice_mm: float) -> dict[str, NDArray]:
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(5)]
    neck = plan_neck(streams[0])
    low, high = neck.vertebrae[T1].s_mm, neck.vertebrae[C2].s_mm
    middle = streams[1].uniform(low + 26, high - 26)
    top, bottom = (float(neck.curve.point_at(middle + d)[2]) for d in (30.0, -30.0))
    scanner = frame_scanner(
        neck, pixel_mm=pixel_mm, slice_mm=slice_mm, field_mm=FIELD_MM, top=top, bottom=bottom,
        center_x_mm=float(neck.curve.point_at(middle)[0]),
    )  # fmt: skip
    scanner = with_look(scanner, streams[1])
    phantom = draw_phantom(seed, neck=neck, scanner=scanner, wanted=Wanted(present=False))
    images, outlines, bony = [], [], []
    for s in middle + np.linspace(-24, 24, PER_PHANTOM):
        section = section_at(neck, phantom.growths, float(s))
        if (section.back - section.front - section.free).max() > GROWTH_MM:
            continue
        outline = outline_at(neck, float(s))
        images.append(_cut(phantom.volume, phantom.volume.hu, neck, float(s), pixel_mm, order=1))
        outlines.append(outline)
        bone = np.isin(phantom.structure, (Structure.BODY, Structure.ARCH, Structure.DENS)).astype(np.uint8)
        bony.append(
            _share_beside(_cut(phantom.volume, bone, neck, float(s), pixel_mm, order=0), outline, pixel_mm)
        )
    return {
        "images": np.array(images, np.float32).reshape(-1, *([round(SIDE_MM / pixel_mm)] * 2)),
        "truth": np.array(outlines).reshape(-1, 256, 2),
        "bony": np.array(bony),
        "sac_hu": np.array(scanner.sac_hu),
    }


def _cut(volume, voxels, neck, s: float, pixel_mm: float, *, order: int) -> NDArray[np.float32]:
    """Voxels on the plane at ``s``: rows to the back, columns to the left."""
    across = np.arange(-SIDE_MM / 2, SIDE_MM / 2 - 1e-9, pixel_mm)
    frame, center = neck.curve.frame_at(s), neck.curve.point_at(s)
    points = center + across[:, None, None] * frame[1] + across[None, :, None] * frame[0]
    index = np.moveaxis(volume.to_index(points), -1, 0)
    return map_coordinates(voxels, index, order=order, mode="nearest", output=np.float32)


def _share_beside(bone: NDArray[np.float32], outline: NDArray[np.float64], pixel_mm: float) -> float:
    """Share of an outline that has bone within a millimetre outside it."""
    away = outline - outline.mean(axis=0)
    outside = outline + away / np.linalg.norm(away, axis=-1, keepdims=True)
    return float((map_coordinates(bone, outside.T / pixel_mm, order=0) > 0).mean())


def outline_at(neck, s: float) -> NDArray[np.float64]:
    """Return the canal's true outline, 256 equally spaced points, from its distance function."""
    fine = np.arange(-20, 20, 0.05)
    x, y = np.meshgrid(fine, fine)
    distance = canal_at(neck, np.full(x.shape, s)).distance(x, y)
    line = max(find_contours(distance, 0.0), key=len)
    line = line * 0.05 - 20 + SIDE_MM / 2
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    back = along[np.argmin(np.arctan2(line[:-1, 1] - SIDE_MM / 2, line[:-1, 0] - SIDE_MM / 2) ** 2)]
    at = (back + np.arange(256) / 256 * along[-1]) % along[-1]
    return np.stack([np.interp(at, along, line[:, k]) for k in (0, 1)], axis=-1)


def displaced(
    truth_mm: NDArray[np.float64], rng: np.random.Generator, *, most_mm: float, points: int, waves: int = 4
) -> NDArray[np.float64]:
    """Return the true outline moved in and out along its normals, smoothly, by ``most_mm`` at the most.

    A random sum of a growth, a shift and ``waves`` waves round the outline, each further wave
    smaller, scaled to reach ``most_mm`` somewhere; the point itself is moved towards or away from the
    centroid, so that the outline cannot cross itself.
    """
    pick = np.arange(points) * len(truth_mm) / points
    outline = truth_mm[pick.astype(int)]
    turn = 2 * np.pi * np.arange(points) / points
    move = np.zeros(points)
    for wave in range(waves + 1):
        a, b = rng.normal(size=2) / (1 + wave)
        move += a * np.cos(wave * turn) + b * np.sin(wave * turn)
    move *= most_mm / np.abs(move).max()
    center = truth_mm.mean(axis=0)
    arm = outline - center
    size = np.linalg.norm(arm, axis=-1)
    return center + arm * (np.maximum(size + move, 1.0) / size)[:, None]


def boundary_distances_mm(contour: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances of each outline's points to the other closed outline, both ways, mm."""
    return np.concatenate([_to_outline(contour, truth), _to_outline(truth, contour)])


def _to_outline(points: NDArray[np.float64], outline: NDArray[np.float64]) -> NDArray[np.float64]:
    p, a = points[:, 0] + 1j * points[:, 1], outline[:, 0] + 1j * outline[:, 1]
    step = np.roll(a, -1) - a
    away = p[:, None] - a
    share = np.clip((away * np.conj(step)).real / np.maximum(np.abs(step) ** 2, 1e-12), 0, 1)
    return np.abs(away - share * step).min(axis=1)
