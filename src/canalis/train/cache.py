"""Phantom cases on disk: a folder a case, arrays that are memory-mapped, whole or not there at all."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

import canalis
from canalis.phantom.structures import Structure
from canalis.segment.grids import FINE_SPACING_MM, Grid, box_of, coarse_grid, resample_hu, resample_labels
from canalis.volume import Volume

VALIDATION_SEED: Final = 1_000_000
"""Seeds below train, seeds from here validate."""

TEST_SEED: Final = 2_000_000

MARGIN_LPS_MM: Final = (np.array([32.0, 35.0, 25.0]), np.array([32.0, 30.0, 30.0]))
"""Beyond the canal to the right, front and feet, and to the left, back and head: more than measuring uses."""

PHANTOMS: Final = "phantoms"
"""First word of the source of a case that was drawn, not scanned."""

PACKAGE: Final = Path(canalis.__file__).parent
DRAWS_PHANTOMS: Final = ("phantom/*.py", "train/phantoms.py")
SHARD: Final = 100  # cases a folder


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """A phantom on one grid.

    Attributes
    ----------
    hu : ndarray of shape (slices, rows, columns)
        int16.
    structure : ndarray of the same shape
        uint8, :class:`canalis.phantom.structures.Structure`.
    level : ndarray of the same shape
        uint8: 0 none, 1 to 9 C1 to T2, 10 and on T3 down.
    grid : Grid
        Where the voxels are.
    """

    hu: NDArray[np.int16]
    structure: NDArray[np.uint8]
    level: NDArray[np.uint8]
    grid: Grid


class Rendered(Protocol):
    """What a maker of cases returns: a scan, and the truth on any grid."""

    @property
    def volume(self) -> Volume:
        """The scan."""
        ...

    def labels_on(self, grid: Grid) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return structure and level of every voxel of a grid, each of shape ``grid.shape``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LabelledScan:
    """A scan with label maps on a grid of their own: the plainest :class:`Rendered`.

    Attributes
    ----------
    volume : Volume
        The scan.
    structure, level : ndarray
        uint8 maps of one shape.
    labels_affine : ndarray of shape (4, 4)
        Index of the maps to LPS+ mm.
    """

    volume: Volume
    structure: NDArray[np.uint8]
    level: NDArray[np.uint8]
    labels_affine: NDArray[np.float64]

    def labels_on(self, grid: Grid) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the nearest voxel's structure and level."""
        return (
            resample_labels(self.structure, self.labels_affine, grid),
            resample_labels(self.level, self.labels_affine, grid),
        )


@dataclass(frozen=True, slots=True)
class Case:
    """A case on disk.

    Attributes
    ----------
    seed : int
        What it was made from.
    folder : Path
        Where its arrays are.
    slices_with : dict of str to tuple of int
        Fine slices that show an ossification, or another narrowing.
    source : str
        What it was made of, and by which code; empty where that was not written down.
    """

    seed: int
    folder: Path
    slices_with: dict[str, tuple[int, ...]]
    source: str = ""

    def load(self, grid: str) -> Sampled:
        """Return the arrays of grid ``fine`` or ``coarse``, memory-mapped."""
        arrays = [
            np.load(self.folder / f"{grid}_{name}.npy", mmap_mode="r")
            for name in ("hu", "structure", "level")
        ]
        affine = np.array(json.loads((self.folder / "case.json").read_text())[f"{grid}_affine"])
        return Sampled(arrays[0], arrays[1], arrays[2], Grid.from_affine(affine, arrays[0].shape))


@cache
def phantom_source() -> str:
    """Return ``phantoms`` and a hash of the code that draws them, as it was when first asked."""
    digest = hashlib.sha256()
    for path in sorted(p for pattern in DRAWS_PHANTOMS for p in PACKAGE.glob(pattern)):
        digest.update(path.read_bytes())
    return f"{PHANTOMS} {digest.hexdigest()[:12]}"


def case_folder(folder: Path, seed: int) -> Path:
    """Return where the case of a seed lies."""
    return folder / f"{seed // SHARD:06d}" / f"{seed:08d}"


def write_case(folder: Path, seed: int, *, fine: Sampled | None, coarse: Sampled, source: str = "") -> Path:
    """Write one case so that a reader sees all of it or nothing.

    Parameters
    ----------
    folder : Path
        The cache.
    seed : int
        Names the case; one that is there already is replaced.
    fine : Sampled or None
        The spine at 0.5 x 0.5 x 1 mm. None for a scan without a cervical canal.
    coarse : Sampled
        The whole scan at 2.5 mm.
    source : str
        What the case was made of, and by which code, for the model's card. Never a file's name.

    Returns
    -------
    Path
        The case's folder.
    """
    target = case_folder(folder, seed)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    record: dict[str, object] = {"seed": seed, "slices_with": {}, "source": source}
    for name, sampled in (("fine", fine), ("coarse", coarse)):
        if sampled is None:
            continue
        for array in ("hu", "structure", "level"):
            np.save(temporary / f"{name}_{array}.npy", getattr(sampled, array))
        record[f"{name}_affine"] = sampled.grid.affine.tolist()
    if fine is not None:
        record["slices_with"] = _slices_with(fine.structure)
    (temporary / "case.json").write_text(json.dumps(record))
    shutil.rmtree(target, ignore_errors=True)
    temporary.rename(target)
    return target


def _slices_with(structure: NDArray[np.uint8]) -> dict[str, list[int]]:
    wanted = {
        "ossification": Structure.OSSIFICATION,
        "narrowing": Structure.OTHER_NARROWING,
        "canal": Structure.RESIDUAL_CANAL,
    }
    return {
        name: np.flatnonzero((structure == number).any(axis=(1, 2))).tolist()
        for name, number in wanted.items()
    }


def list_cases(folder: Path, *, least_seed: int = 0, below_seed: int = VALIDATION_SEED) -> list[Case]:
    """Return the whole cases in a cache, by seed."""
    found = []
    for record in sorted(folder.glob("[0-9]*/[0-9]*/case.json")):
        seed = int(record.parent.name)
        if least_seed <= seed < below_seed:
            found.append(read_case(record.parent))
    return found


def read_case(folder: Path) -> Case:
    """Return the case in a folder."""
    record = json.loads((folder / "case.json").read_text())
    slices_with = {k: tuple(v) for k, v in record["slices_with"].items()}
    return Case(record["seed"], folder, slices_with, record.get("source", ""))


def sample_case(rendered: Rendered) -> tuple[Sampled | None, Sampled]:
    """Return a rendered case on the fine and the coarse grid, through the functions that measuring uses."""
    coarse = _sample(rendered, coarse_grid(rendered.volume))
    canal = np.argwhere(np.isin(coarse.structure, (1, 2, 3)) & ~_far_below(coarse.structure, coarse.level))
    if len(canal) == 0:
        return None, coarse
    points = canal @ coarse.grid.affine[:3, :3].T + coarse.grid.affine[:3, 3]
    scan_low, scan_high = box_of(rendered.volume)
    low = np.maximum(points.min(axis=0) - MARGIN_LPS_MM[0], scan_low)
    high = np.minimum(points.max(axis=0) + MARGIN_LPS_MM[1], scan_high)
    return _sample(rendered, Grid.over_box(low, high, spacing_mm=FINE_SPACING_MM)), coarse


def _far_below(structure: NDArray[np.uint8], level: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the slices, as (slices, 1, 1), that lie below T3's body: the fine pass does not go there."""
    body = structure == Structure.BODY
    kept = (body & (level > 0) & (level <= 10)).any(axis=(1, 2))
    below = np.zeros(len(level), dtype=bool)
    if kept.any():
        below[: int(np.flatnonzero(kept)[0])] = True
    return below[:, None, None]


def _sample(rendered: Rendered, grid: Grid) -> Sampled:
    structure, level = rendered.labels_on(grid)
    return Sampled(resample_hu(rendered.volume, grid), structure, level, grid)


def make_case(maker: Callable[[int], Rendered], seed: int, folder: Path, *, source: str = "") -> None:
    """Render, sample and write the case of one seed."""
    fine, coarse = sample_case(maker(seed))
    write_case(folder, seed, fine=fine, coarse=coarse, source=source)


def produce_cases(
    make: Callable[[int, Path], None],
    seeds: Iterable[int],
    folder: Path,
    *,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Fill a cache, leaving alone what is there already.

    Parameters
    ----------
    make : callable
        Writes the case of a seed into a cache; a function of a module, so that other processes can
        import it.
    seeds : iterable of int
        Which cases.
    folder : Path
        The cache.
    workers : int
        Processes; 1 works in this one.
    progress : callable, optional
        Called with each seed as it is done.

    Returns
    -------
    int
        How many cases were made.
    """
    missing = [seed for seed in seeds if not (case_folder(folder, seed) / "case.json").exists()]
    tell = progress or (lambda seed: None)
    if workers <= 1:
        for seed in missing:
            make(seed, folder)
            tell(seed)
        return len(missing)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), max_tasks_per_child=50) as pool:
        seed_of = {pool.submit(make, seed, folder): seed for seed in missing}
        for future in as_completed(seed_of):
            future.result()
            tell(seed_of[future])
    return len(missing)
