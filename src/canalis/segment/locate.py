"""The coarse pass: what is where in the whole scan, at 2.5 mm."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canalis.segment.engine import Engine
from canalis.segment.grids import AIR_HU, Grid, coarse_grid, resample_hu
from canalis.volume import Volume

STRIDE: Final = 16
BODY_HU: Final = -300
BLOCK_SLICES: Final = 160
"""A longer scan is looked at in blocks, so that a whole body stays within memory."""

OVERLAP_SLICES: Final = 32


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """What the coarse network saw.

    Attributes
    ----------
    grid : Grid
        The scan at 2.5 mm, along the body's axes.
    structure : ndarray of ``grid.shape``
        uint8, :class:`canalis.segment.classes.Coarse`.
    level : ndarray of ``grid.shape``
        uint8, 0 for C1 to 9 for T3 and below: means something on vertebrae and discs only.
    canal : ndarray of ``grid.shape``
        float32 probability of the canal.
    certainty : ndarray of ``grid.shape``
        float32 probability of ``level``.
    """

    grid: Grid
    structure: NDArray[np.uint8]
    level: NDArray[np.uint8]
    canal: NDArray[np.float32]
    certainty: NDArray[np.float32]


def locate(volume: Volume, engine: Engine) -> Located:
    """Run the coarse network over a whole scan.

    Parameters
    ----------
    volume : Volume
        Any CT.
    engine : Engine
        The coarse network.

    Returns
    -------
    Located
        Outside beyond the patient's skin.
    """
    grid = coarse_grid(volume)
    hu = resample_hu(volume, grid)
    kinds = (np.uint8, np.uint8, np.float32, np.float32)
    whole = [np.zeros(grid.shape, dtype=kind) for kind in kinds]
    inside = _box_of_body(hu)
    if inside is not None:
        for keep, found in _blocks(hu[inside], engine):
            for into, part in zip(whole, found, strict=True):
                into[inside][keep] = part
    return Located(grid, *whole)


def _box_of_body(hu: NDArray[np.int16]) -> tuple[slice, ...] | None:
    """Return the box that holds all that is denser than fat, with some air around it."""
    body = hu > BODY_HU
    box = []
    for axis in range(3):
        seen = np.flatnonzero(body.any(axis=tuple(a for a in range(3) if a != axis)))
        if seen.size == 0:
            return None
        box.append(slice(max(int(seen[0]) - 2, 0), int(seen[-1]) + 3))
    return tuple(box)


def _blocks(hu: NDArray[np.int16], engine: Engine) -> list[tuple[slice, list[NDArray[np.generic]]]]:
    """Return, block by block, which slices it answers for and the answers."""
    count = hu.shape[0]
    if count <= BLOCK_SLICES:
        return [(slice(0, count), _run(hu, engine))]
    found = []
    step = BLOCK_SLICES - 2 * OVERLAP_SLICES
    for start in range(0, count, step):
        low, high = max(start - OVERLAP_SLICES, 0), min(start + step + OVERLAP_SLICES, count)
        keep = slice(start, min(start + step, count))
        answer = _run(hu[low:high], engine)
        found.append((keep, [part[keep.start - low : keep.stop - low] for part in answer]))
    return found


def _run(hu: NDArray[np.int16], engine: Engine) -> list[NDArray[np.generic]]:
    """Run the network on a block padded to its stride."""
    more = [(0, -n % STRIDE) for n in hu.shape]
    padded = np.pad(hu, more, constant_values=AIR_HU).astype(np.float32)
    slices, rows, columns = hu.shape
    return [out[0, :slices, :rows, :columns] for out in engine.run(padded[None, None])]
