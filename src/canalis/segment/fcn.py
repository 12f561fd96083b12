"""The fine pass: canal, ossification and bone around the spine, at 0.5 mm."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canalis.segment.classes import Fine
from canalis.segment.engine import Engine
from canalis.segment.grids import AIR_HU, FINE_SPACING_MM, Grid, box_of, resample_hu
from canalis.segment.tube import Tube
from canalis.volume import Volume

SLICES_AT_ONCE: Final = 8
MARGIN_LPS_MM: Final = (np.array([33.0, 33.0, 12.0]), np.array([33.0, 34.0, 15.0]))
"""Beyond the canal's centreline to the right, front and feet, and to the left, back and head."""

WINDOW: Final = (128, 128)
"""Rows and columns that the network looks at, 64 mm as in training: they follow the canal."""

LONGEST_MM: Final = 260.0
"""Of canal, from its upper end: more than a neck to T3."""

OSSIFICATION_ODDS: Final = 1.6
"""By which the odds of ossification, as the network gives them, count more: without, masses
come out too thin on average. Chosen on 48 validation necks, not finely (docs/decisions/0084)."""

CANAL_CLASSES: Final = (Fine.RESIDUAL_CANAL, Fine.OSSIFICATION, Fine.OTHER_NARROWING)


@dataclass(frozen=True, slots=True, eq=False)
class FineMap:
    """What the fine network saw.

    Attributes
    ----------
    grid : Grid
        Around the canal, 0.5 x 0.5 x 1 mm.
    classes : ndarray of ``grid.shape``
        uint8, :class:`canalis.segment.classes.Fine`.
    canal, ossification : ndarray of ``grid.shape``
        uint8 probabilities, 0 to 255, of the anatomical canal and of the ossification.
    """

    grid: Grid
    classes: NDArray[np.uint8]
    canal: NDArray[np.uint8]
    ossification: NDArray[np.uint8]


def grid_around(volume: Volume, tube: Tube) -> Grid:
    """Return the fine grid around a canal, within the scan."""
    points = tube.points_lps[: int(LONGEST_MM)]
    scan_low, scan_high = box_of(volume)
    low = np.maximum(points.min(axis=0) - MARGIN_LPS_MM[0], scan_low)
    high = np.minimum(points.max(axis=0) + MARGIN_LPS_MM[1], scan_high)
    return Grid.over_box(low, high, spacing_mm=FINE_SPACING_MM)


def segment_finely(
    volume: Volume, tube: Tube, engine: Engine, *, progress: Callable[[int, int], None] | None = None
) -> FineMap:
    """Run the fine network along a canal.

    Parameters
    ----------
    volume : Volume
        The CT.
    tube : Tube
        Where the coarse pass saw the canal.
    engine : Engine
        The fine network.
    progress : callable, optional
        Called with slices done and slices in all.

    Returns
    -------
    FineMap
        On a grid of its own.
    """
    grid = grid_around(volume, tube)
    hu = resample_hu(volume, grid)
    out = [np.zeros(grid.shape, dtype=np.uint8) for _ in range(3)]
    slices = grid.shape[0]
    for start in range(0, slices, SLICES_AT_ONCE):
        # The last batch is filled up, for a network is prepared once for each size.
        middles = np.minimum(start + np.arange(SLICES_AT_ONCE), slices - 1)
        keep = min(SLICES_AT_ONCE, slices - start)
        window = _window_at(grid, tube, start + keep / 2)
        (probability,) = engine.run(_stacks(hu, middles, engine.slice_offsets, window))
        rows, columns = (axis.stop - axis.start for axis in window)
        seen = weigh_ossification(probability[:, :, :rows, :columns])
        for into, part in zip(out, _answers(seen), strict=True):
            into[(slice(start, start + keep), *window)] = part[:keep]
        if progress is not None:
            progress(start + keep, slices)
    return FineMap(grid, *out)


def _window_at(grid: Grid, tube: Tube, k: float) -> tuple[slice, slice]:
    """Return the rows and columns to look at near slice ``k``: centred on the canal, within the grid."""
    z = grid.origin_lps[2] + k * grid.spacing_mm[0]
    points = tube.points_lps
    window = []
    for axis, size in ((1, WINDOW[0]), (0, WINDOW[1])):
        step, count = grid.spacing_mm[2 - axis], grid.shape[2 - axis]
        place = float(np.interp(-z, -points[:, 2], points[:, axis]))
        start = round((place - grid.origin_lps[axis]) / step) - size // 2
        start = max(min(start, count - size), 0)
        window.append(slice(start, min(start + size, count)))
    return window[0], window[1]


def _stacks(
    hu: NDArray[np.int16],
    middles: NDArray[np.intp],
    offsets: tuple[int, ...],
    window: tuple[slice, slice],
) -> NDArray[np.float32]:
    """Return the slices that the network sees with each of some, filled up with air to a whole window."""
    index = np.clip(middles[:, None] + np.array(offsets), 0, hu.shape[0] - 1)
    seen = hu[(slice(None), *window)][index]
    out = np.full((*index.shape, *WINDOW), AIR_HU, dtype=np.float32)
    out[:, :, : seen.shape[2], : seen.shape[3]] = seen
    return out


def weigh_ossification(
    probability: NDArray[np.float32], odds: float = OSSIFICATION_ODDS
) -> NDArray[np.float32]:
    """Return probabilities with those of ossification raised, the others lowered in proportion.

    Parameters
    ----------
    probability : ndarray of shape (n, classes, rows, columns)
        The network's; over the classes they sum to 1.
    odds : float
        By which the odds of ossification are multiplied.

    Returns
    -------
    ndarray of the same shape
        They sum to 1 again.
    """
    weights = np.ones(probability.shape[1], dtype=np.float32)
    weights[Fine.OSSIFICATION] = odds
    weighed = probability * weights[:, None, None]
    return np.asarray(weighed / weighed.sum(axis=1, keepdims=True))


def _answers(
    probability: NDArray[np.float32],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return classes, canal and ossification; canal means the anatomical one, wherever it wins as a whole."""
    parts = probability[:, list(CANAL_CLASSES)]
    canal = parts.sum(axis=1)
    classes = probability.argmax(axis=1).astype(np.uint8)
    inner = np.array(CANAL_CLASSES, dtype=np.uint8)[parts.argmax(axis=1)]
    classes = np.where(canal >= 0.5, inner, classes)
    return classes, _as_byte(canal), _as_byte(probability[:, Fine.OSSIFICATION])


def _as_byte(share: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)
