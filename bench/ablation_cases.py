"""Planes for the ablation of the active contour: of phantoms, and of real vertebrae dressed as CT.

Not a benchmark itself: ``bench/ablation.py`` runs it. A scan is one neck: what a network reads, planes
4 mm apart along its canal, and their true outlines. A case adds the network's outlines (or what stands
in for them), and which points lie along ossification. Scans are kept in ``runs/ablation/scans``: delete
that folder when the phantom has changed. Networks' outlines are kept in ``runs/ablation/outlines`` by the
networks' hash: delete that one when the way from network to outline has changed.
"""

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import find_contours

from canalis.errors import RefusedError
from canalis.phantom import draw_phantom
from canalis.phantom.neck import C2, T1
from canalis.phantom.plan import plan_neck
from canalis.phantom.scanner import frame_scanner, stretch_of, with_look
from canalis.phantom.structures import Structure
from canalis.segment.models import NAMES, model_hashes
from canalis.volume import Volume
from phantom_planes import PER_PHANTOM, SIDE_MM, displaced, outline_at

POINTS, PIXEL_MM = 128, 0.4
HALF = SIDE_MM / 2
STAND_IN_MM, STAND_IN_WAVES = 1.0, 8
ALONG_MASS_MM = 2.0  # a point with ossification this near, inwards, is held
LEAST_SHARE = 0.5  # of 1: a probability's edge
FIELD_MM = (84.0, 90.0)  # of scan, left-right and front-back; outlines are as good as on 110 mm
HALF_STRETCH_MM = 48.0  # of scan above and below the middle plane; as good as 64 mm
KEPT = Path(__file__).resolve().parents[1] / "runs" / "ablation"

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """One neck as it was drawn.

    hu (slices, rows, columns) and affine as :class:`canalis.volume.Volume` takes them; K planes: where
    (K, 3, 3) holds centre and unit vectors to the back and the left, LPS mm; images (K, H, W) HU; mass
    (K, H, W) True in ossification; truth (K, 256, 2) as (row, column) mm, point 0 at the back; known (K,)
    False where the truth only holds the place; seconds of processor time that drawing took.
    """

    hu: NDArray[np.int16]
    affine: NDArray[np.float64]
    where: NDArray[np.float64]
    images: NDArray[np.int16]
    mass: NDArray[np.bool_]
    truth: NDArray[np.float64]
    known: NDArray[np.bool_]
    drawing_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """What a network made of a scan.

    outlines (K, 128, 2) as (row, column) mm, point 0 at the back; held (K, 128) True along
    ossification; seen (K,) False where it saw no canal; seconds of processor time.
    """

    outlines: NDArray[np.float64]
    held: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    network_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A scan's planes and the outlines to start from.

    images (K, H, W) HU; truth (K, 256, 2) and network (K, 128, 2) as (row, column) mm, point 0 at the
    back; held (K, 128) True along ossification; scored (K,) True where the truth is known and the
    network saw a canal; missed: planes with truth on which it saw none; seconds of processor time to
    make the scan, and for the network.
    """

    images: NDArray[np.float32]
    truth: NDArray[np.float64]
    network: NDArray[np.float64]
    held: NDArray[np.bool_]
    scored: NDArray[np.bool_]
    missed: int
    drawing_s: float
    network_s: float


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """Where one plane lies: its centre, and unit vectors to the back and the left."""

    center: NDArray[np.float64]
    back: NDArray[np.float64]
    left: NDArray[np.float64]

    def points(self) -> NDArray[np.float64]:
        across = np.arange(-HALF, HALF - 1e-9, PIXEL_MM)
        return self.center + across[:, None, None] * self.back + across[None, :, None] * self.left


def _sample(grid, voxels: NDArray, cuts: list[_Cut], *, order: int) -> NDArray[np.float32]:
    index = [np.moveaxis(grid.to_index(cut.points()), -1, 0) for cut in cuts]
    mode = "nearest" if order == 1 else "constant"
    return np.stack(
        [ndimage.map_coordinates(voxels, i, order=order, mode=mode, output=np.float32) for i in index]
    )


def networks_hash() -> str | None:
    """Return a short hash of the networks in use (CANALIS_MODELS, or the packaged); None without any."""
    hashes = model_hashes()
    if set(hashes) != set(NAMES):
        return None
    return hashlib.sha256("".join(hashes[name] for name in NAMES).encode()).hexdigest()[:10]


def kept_scan(name: str, draw: Callable[[], Scan]) -> Scan:
    """Return a scan from its file, or draw it and keep it."""
    return _kept(KEPT / "scans" / f"{name}.npz", Scan, draw)


def case_of(name: str, scan: Scan, *, networks: str | None, seed: int) -> Case:
    """Return a case of a scan: outlines of the networks with that hash, or of what stands in for them."""
    if networks is None:
        made = _stand_in(scan, seed)
    else:
        path = KEPT / "outlines" / networks / f"{name}.npz"
        made = _kept(path, Outlines, lambda: _by_network(scan))
    return Case(
        images=scan.images.astype(np.float32),
        truth=scan.truth,
        network=made.outlines,
        held=made.held,
        scored=scan.known & made.seen,
        missed=int((scan.known & ~made.seen).sum()),
        drawing_s=scan.drawing_s,
        network_s=made.network_s,
    )


def _kept(path: Path, kind: type[Kind], make: Callable[[], Kind]) -> Kind:
    if not path.exists():
        made = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.part.npz")
        np.savez_compressed(unfinished, **{item.name: getattr(made, item.name) for item in fields(kind)})
        unfinished.replace(path)
    with np.load(path) as kept:
        values = {item.name: kept[item.name] for item in fields(kind)}
    return kind(**{key: value.item() if value.ndim == 0 else value for key, value in values.items()})


def phantom_scan(seed: int, *, slice_mm: float, noise_hu: float) -> Scan:
    """Return a phantom, ossification as it comes, with 13 planes."""
    began = time.process_time()
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(5)]
    neck = plan_neck(streams[0])
    low, high = neck.vertebrae[T1].s_mm, neck.vertebrae[C2].s_mm
    middle = streams[1].uniform(low + 26, high - 26)
    at = float(neck.curve.point_at(middle)[2])
    highest, lowest = stretch_of(neck)
    scanner = frame_scanner(
        neck, pixel_mm=PIXEL_MM, slice_mm=slice_mm, field_mm=FIELD_MM,
        top=min(at + HALF_STRETCH_MM, highest), bottom=max(at - HALF_STRETCH_MM, lowest),
        center_x_mm=float(neck.curve.point_at(middle)[0]),
    )  # fmt: skip
    scanner = replace(with_look(scanner, streams[1]), noise_hu=noise_hu)
    phantom = draw_phantom(seed, neck=neck, scanner=scanner)
    places = middle + np.linspace(-24, 24, PER_PHANTOM)
    frames = [neck.curve.frame_at(s) for s in places]
    cuts = [_Cut(neck.curve.point_at(s), f[1], f[0]) for s, f in zip(places, frames, strict=True)]
    truth = np.stack([outline_at(neck, float(s)) for s in places])
    mass = (phantom.structure == Structure.OSSIFICATION).astype(np.uint8)
    return _scan(phantom.volume, cuts, mass, truth, np.ones(len(truth), bool), began)


def verse_folder() -> Path | None:
    """Return the folder of the real label maps, or None where it is absent."""
    root = Path(os.environ.get("CANALIS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    return root / "verse" if (root / "verse").is_dir() else None


def verse_scan(path: Path, *, slice_mm: float, noise_hu: float, seed: int) -> Scan:
    """Return real vertebrae dressed as CT; truth where the vertebra's ring is closed.

    Labels become cortex, marrow, disc and muscle; the volume is blurred to 0.8 mm FWHM in the plane and
    averaged over slices of ``slice_mm``; noise is smooth grain. Between rings the true outline is not
    known: those planes take part in the tube and are not scored.
    """
    from verse_dress import closed_rings, dressed

    began = time.process_time()
    bone, volume = dressed(path, slice_mm=slice_mm, noise_hu=noise_hu, seed=seed)
    places, truth, known = closed_rings(bone)
    mass = np.zeros(volume.shape, np.uint8)
    return _scan(volume, [_Cut(*place) for place in places], mass, truth, known, began)


def _scan(volume: Volume, cuts: list[_Cut], mass: NDArray[np.uint8], truth, known, began: float) -> Scan:
    return Scan(
        hu=np.round(volume.hu).astype(np.int16),
        affine=volume.affine,
        where=np.stack([np.stack([cut.center, cut.back, cut.left]) for cut in cuts]),
        images=np.round(_sample(volume, volume.hu, cuts, order=1)).astype(np.int16),
        mass=_sample(volume, mass, cuts, order=0) > 0,
        truth=truth,
        known=known,
        drawing_s=time.process_time() - began,
    )


def _stand_in(scan: Scan, seed: int) -> Outlines:
    """Take the true outlines displaced smoothly, and true ossification: what stands in for a network."""
    rng = np.random.default_rng(seed)
    outlines = np.stack(
        [displaced(t, rng, most_mm=STAND_IN_MM, points=POINTS, waves=STAND_IN_WAVES) for t in scan.truth]
    )
    return Outlines(outlines, _along(scan.mass, outlines), np.ones(len(outlines), bool))


def _by_network(scan: Scan) -> Outlines:
    """Take the network's own outlines; planes on which it sees no canal keep the true one, unseen."""
    from canalis.labels import OSSIFICATION
    from canalis.segment import segment

    began = time.process_time()
    cuts = [_Cut(*where) for where in scan.where]
    outlines = np.stack([from_the_back(t, POINTS) for t in scan.truth])
    held, seen = np.zeros(outlines.shape[:2], bool), np.zeros(len(cuts), bool)
    try:
        found = segment(Volume(scan.hu, scan.affine))
    except RefusedError:
        found = None
    if found is not None and found.canal is not None:
        share = _sample(found.canal, found.canal.values, cuts, order=1) / 255
        for k, plane in enumerate(share):
            lines = [line for line in find_contours(plane, LEAST_SHARE) if len(line) > 40]
            if lines:
                seen[k] = True
                outlines[k] = from_the_back(max(lines, key=len) * PIXEL_MM, POINTS)
        mass = (found.mask.labels == OSSIFICATION).astype(np.uint8)
        held = _along(_sample(found.mask, mass, cuts, order=0) > 0, outlines)
    return Outlines(outlines, held, seen, network_s=time.process_time() - began)


def _along(mass: NDArray[np.bool_], outlines: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Points with ossification within ALONG_MASS_MM inwards."""
    held = np.zeros(outlines.shape[:2], bool)
    for k, outline in enumerate(outlines):
        inwards = outline.mean(axis=0) - outline
        inwards /= np.linalg.norm(inwards, axis=-1, keepdims=True)
        for depth in np.arange(0.0, ALONG_MASS_MM + 0.1, PIXEL_MM / 2):
            at = np.round((outline + depth * inwards) / PIXEL_MM).astype(int)
            at = np.clip(at, 0, np.array(mass[k].shape) - 1)
            held[k] |= mass[k][at[:, 0], at[:, 1]]
    return held


def from_the_back(line: NDArray[np.float64], points: int) -> NDArray[np.float64]:
    """Return a closed line as equally spaced points, point 0 at the back, counter-clockwise."""
    line = line[:-1] if np.allclose(line[0], line[-1]) else line
    rows, columns = line.T
    if np.sum(rows * np.roll(columns, -1) - np.roll(rows, -1) * columns) < 0:
        line = line[::-1]
    away = line - line.mean(axis=0)
    line = np.roll(line, -int(np.argmin(np.abs(np.arctan2(away[:, 1], away[:, 0])))), axis=0)
    closed = np.concatenate([line, line[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    at = np.arange(points) / points * along[-1]
    return np.stack([np.interp(at, along, closed[:, k]) for k in (0, 1)], axis=-1)
