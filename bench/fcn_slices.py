"""Slices, windows and pixels for ``fcn_against_patches.py``, from the cases of the training cache.

Not a benchmark itself. Axial slices of 0.5 mm pixels with four classes; what is drawn is a function of
the seed and of the cases alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from canalis.phantom.structures import Structure
from canalis.segment.grids import AIR_HU
from canalis.train.cache import Case
from canalis.train.truth import IGNORED
from fcn_nets import BEFORE, WINDOW

OUTSIDE, CANAL, OSSIFICATION, BONE = range(4)
CLASS_OF: Final = np.full(256, BONE, dtype=np.uint8)
CLASS_OF[[Structure.OUTSIDE, Structure.DISC]] = OUTSIDE
CLASS_OF[Structure.RESIDUAL_CANAL] = CANAL
CLASS_OF[Structure.OSSIFICATION] = OSSIFICATION
CLASS_OF[[Structure.METAL, IGNORED]] = IGNORED

CROP: Final = 160
"""Pixels of 0.5 mm along each side of what an FCN trains on; windows are drawn from such crops too."""

JITTER: Final = 24  # pixels between a crop's centre and the canal's, at most
NEAR: Final = 128
"""Side of the square around the canal that is scored: the 64 mm that the fine pass looks at."""

CROPS: Final = 4  # a step of an FCN
WINDOWS: Final = 32  # a step of the patch CNN, drawn from
WINDOW_CROPS: Final = 16  # so many crops


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """One axial slice.

    Attributes
    ----------
    seed, number : int
        The case, and which of its slices.
    hu : ndarray of shape (rows, columns)
        int16.
    target : ndarray of the same shape
        uint8: outside, canal, ossification, bone, or 255 where ignored.
    centre : tuple of int
        Row and column of the canal's middle, ossification and other narrowing included.
    """

    seed: int
    number: int
    hu: NDArray[np.int16]
    target: NDArray[np.uint8]
    centre: tuple[int, int]


def training_slices(cases: Sequence[Case], count: int, rng: np.random.Generator) -> list[Slice]:
    """Return slices with a canal, every other one with an ossification where its case has any."""
    slices = []
    for i in range(count):
        case = cases[int(rng.integers(len(cases)))]
        ossified = case.slices_with["ossification"]
        numbers = ossified if ossified and i % 2 else case.slices_with["canal"]
        slices.append(read_slice(case, int(rng.choice(numbers))))
    return slices


def validation_slices(cases: Sequence[Case], each: int, rng: np.random.Generator) -> list[Slice]:
    """Return so many slices of each case, one of them with an ossification where it has any."""
    slices = []
    for case in cases:
        ossified, canal = case.slices_with["ossification"], case.slices_with["canal"]
        first = [int(rng.choice(ossified))] if ossified else []
        others = [k for k in canal if k not in first]
        numbers = first + [int(k) for k in rng.choice(others, each - len(first), replace=False)]
        slices += [read_slice(case, k) for k in sorted(numbers)]
    return slices


def read_slice(case: Case, number: int) -> Slice:
    """Return one slice of a case."""
    sampled = case.load("fine")
    structure = np.array(sampled.structure[number])
    inside = (structure > 0) & (structure <= Structure.OTHER_NARROWING)
    row, column = np.argwhere(inside).mean(axis=0)
    return Slice(
        case.seed, number, np.array(sampled.hu[number]), CLASS_OF[structure], (round(row), round(column))
    )


def cut(image: NDArray[np.generic], top: int, left: int, side: int, *, fill: int) -> NDArray[np.generic]:
    """Return a square of an image, filled where it reaches beyond."""
    out = np.full((side, side), fill, dtype=image.dtype)
    rows, columns = image.shape
    a, b = max(top, 0), min(top + side, rows)
    c, d = max(left, 0), min(left + side, columns)
    if a < b and c < d:
        out[a - top : b - top, c - left : d - left] = image[a:b, c:d]
    return out


def crop_corner(one: Slice, rng: np.random.Generator) -> tuple[int, int]:
    """Return the top and left of a crop near the canal."""
    row, column = (int(c + rng.integers(-JITTER, JITTER + 1)) - CROP // 2 for c in one.centre)
    return row, column


def draw_crops(slices: Sequence[Slice], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return HU (4, 1, 160, 160) and classes (4, 160, 160) for one step of an FCN."""
    images, targets = [], []
    for k in rng.integers(len(slices), size=CROPS):
        top, left = crop_corner(slices[k], rng)
        images.append(cut(slices[k].hu, top, left, CROP, fill=AIR_HU))
        targets.append(cut(slices[k].target, top, left, CROP, fill=IGNORED))
    return _hu(np.stack(images)), torch.from_numpy(np.stack(targets)).long()


def draw_windows(
    slices: Sequence[Slice], weights: NDArray[np.float64], rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Return HU (32, 1, 126, 126) and classes (32,) for one step of the patch CNN.

    Pixels are drawn from crops as an FCN's are, each with its class's weight as odds, so that the mean
    loss over windows expects what the FCN's weighted mean over pixels is.
    """
    chosen = [slices[k] for k in rng.integers(len(slices), size=WINDOW_CROPS)]
    corners = [crop_corner(one, rng) for one in chosen]
    targets = np.stack([cut(o.target, *c, CROP, fill=IGNORED) for o, c in zip(chosen, corners, strict=True)])
    odds = np.append(weights, np.zeros(256 - len(weights)))[targets].ravel().cumsum()
    picked = np.searchsorted(odds, rng.uniform(0, odds[-1], WINDOWS), side="right")
    crop, row, column = np.unravel_index(picked, targets.shape)
    windows = [
        window(chosen[k], corners[k][0] + int(r), corners[k][1] + int(c))
        for k, r, c in zip(crop, row, column, strict=True)
    ]
    return _hu(np.stack(windows)), torch.from_numpy(targets[crop, row, column]).long()


def window(one: Slice, row: int, column: int) -> NDArray[np.generic]:
    """Return the patch CNN's window for one pixel."""
    return cut(one.hu, row - BEFORE, column - BEFORE, WINDOW, fill=AIR_HU)


def windows_at(one: Slice, places: NDArray[np.intp]) -> Tensor:
    """Return HU (n, 1, 126, 126) of the windows for pixels (n, 2) of a slice."""
    return _hu(np.stack([window(one, int(r), int(c)) for r, c in places]))


def whole(one: Slice, multiple: int) -> Tensor:
    """Return HU (1, 1, rows, columns) of a slice, filled with air below and to the side to a multiple."""
    below, beside = (-n % multiple for n in one.hu.shape)
    return _hu(np.pad(one.hu, ((0, below), (0, beside)), constant_values=AIR_HU)[None])


def scored_places(one: Slice, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return pixels (n, 2) of the 64 mm around the canal, drawn evenly from those that have a class."""
    rows, columns = near(one)
    known = np.argwhere(one.target[rows, columns] != IGNORED)
    picked = known[rng.choice(len(known), min(count, len(known)), replace=False)]
    return np.asarray(picked + np.array([rows.start, columns.start]), dtype=np.intp)


def middle_column(one: Slice) -> NDArray[np.intp]:
    """Return pixels (n, 2) of the column through the canal's middle, within 32 mm of it."""
    rows, _ = near(one)
    numbers = np.arange(rows.start, rows.stop)
    return np.stack([numbers, np.full_like(numbers, one.centre[1])], axis=1)


def near(one: Slice) -> tuple[slice, slice]:
    """Return rows and columns of the 64 mm around the canal that are on the slice."""
    rows, columns = (
        slice(max(c - NEAR // 2, 0), min(c + NEAR // 2, n))
        for c, n in zip(one.centre, one.hu.shape, strict=True)
    )
    return rows, columns


def class_weights(slices: Sequence[Slice]) -> NDArray[np.float64]:
    """Return one weight a class: one over the root of its share of the pixels near the canal."""
    counts = sum(np.bincount(one.target[near(one)].ravel(), minlength=256)[:4] for one in slices)
    weights = 1 / np.sqrt(np.maximum(counts, 1))
    return np.asarray(weights / weights[OUTSIDE])


def _hu(images: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(images[:, None].astype(np.float32))
