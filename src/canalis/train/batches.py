"""Batches drawn from the cache: which places, a function of seed, step and rank alone.

Nothing here remembers anything between steps, so that a run taken up again draws what it would
have drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from canalis.phantom.structures import Structure
from canalis.segment.grids import AIR_HU
from canalis.train.augment import Strength, thin_marrow, vary_slices, vary_volumes
from canalis.train.cache import Case, Sampled
from canalis.train.nets import COARSE_SHAPE, SLICE_OFFSETS
from canalis.train.truth import IGNORED, coarse_classes, fine_classes, level_classes

PATCH_MARGIN: Final = 1.4
"""A patch is this much larger than the crop, so that a turned and shrunk crop stays inside it."""

OSSIFIED_SHARE: Final = 0.4
"""Of crops, those centred on a slice with ossification; the rest are any slice."""

NARROWED_SHARE: Final = 0.25
"""Of crops, those centred on a slice with a rim, spur or ossified flavum: what must not be called OPLL."""

SPINE_SHARE: Final = 0.85  # of coarse crops, those near the canal
CANAL: Final = (Structure.RESIDUAL_CANAL, Structure.OSSIFICATION, Structure.OTHER_NARROWING)
COARSE_STRIDE: Final = COARSE_SHAPE.stride
COARSE_ASPECT: Final = (1.0, 0.67, 0.5)
"""Rows and columns of a coarse block a slice: a spine is long, and both ends are wanted in view."""

THICKENED_SHARE: Final = 0.25
THINNED_SHARE: Final = 0.3  # of stacks: bodies sparse behind their posterior wall
THICK_REACH: Final = 15  # slices on each side that a thickened stack is averaged from


class Batches(Protocol):
    """A source of batches."""

    def draw(self, cases: Sequence[Case], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return HU and target of one batch."""
        ...


@dataclass(frozen=True, slots=True)
class FineBatches:
    """Stacks of nine slices with the classes of the middle one.

    Attributes
    ----------
    size : int
        Crops a batch.
    crop : int
        Pixels of 0.5 mm along each side.
    strength : Strength
        How much a crop is varied.
    """

    size: int
    crop: int
    strength: Strength

    def draw(self, cases: Sequence[Case], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return HU (n, 9, crop, crop) and target (n, crop, crop), uint8."""
        patch = int(self.crop * PATCH_MARGIN)
        stacks = np.full((self.size, len(SLICE_OFFSETS), patch, patch), AIR_HU, dtype=np.float32)
        targets = np.zeros((self.size, patch, patch), dtype=np.uint8)
        usable = [case for case in cases if case.slices_with.get("canal")]
        for i in range(self.size):
            case = usable[int(rng.integers(len(usable)))]
            sampled = case.load("fine")
            middle = _pick_slice(case, sampled.hu.shape[0], rng)
            structure = np.asarray(sampled.structure[middle])
            centre = _centre_of(structure, rng, jitter=0.16 * self.crop)
            into, out = _window(structure.shape, centre, (patch, patch))
            stacks[i][(slice(None), *into)] = _stack(sampled, middle, out, rng)
            targets[i][into] = fine_classes(structure[out])
        return vary_slices(torch.from_numpy(stacks), torch.from_numpy(targets), self.crop, self.strength, rng)


@dataclass(frozen=True, slots=True)
class CoarseBatches:
    """Blocks at 2.5 mm with structure and level of every voxel.

    Attributes
    ----------
    size : int
        Blocks a batch.
    crop : int
        Slices of 2.5 mm; rows and columns are fewer, by ``COARSE_ASPECT``.
    strength : Strength
        How much a block is varied.
    """

    size: int
    crop: int
    strength: Strength

    def draw(self, cases: Sequence[Case], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return HU (n, 1, *block) and target (n, 2, *block), uint8."""
        block = coarse_block(self.crop)
        patch = (int(block[0] * PATCH_MARGIN), int(block[1] * PATCH_MARGIN), int(block[2] * PATCH_MARGIN))
        blocks = np.full((self.size, 1, *patch), AIR_HU, dtype=np.float32)
        targets = np.full((self.size, 2, *patch), IGNORED, dtype=np.uint8)
        targets[:, 0] = 0
        for i in range(self.size):
            sampled = cases[int(rng.integers(len(cases)))].load("coarse")
            centre = _block_centre(sampled, rng, jitter=0.35 * np.array(block))
            into, out = _window(sampled.hu.shape, centre, patch)
            structure = np.asarray(sampled.structure[out])
            blocks[i, 0][into] = sampled.hu[out]
            targets[i, 0][into] = coarse_classes(structure)
            targets[i, 1][into] = level_classes(np.asarray(sampled.level[out]), structure)
        return vary_volumes(torch.from_numpy(blocks), torch.from_numpy(targets), block, self.strength, rng)


def coarse_block(slices: int) -> tuple[int, int, int]:
    """Return slices, rows and columns of a coarse block, rows and columns in multiples of the stride."""
    a, b, c = (
        max(round(slices * share / COARSE_STRIDE) * COARSE_STRIDE, COARSE_STRIDE) for share in COARSE_ASPECT
    )
    return a, b, c


def _pick_slice(case: Case, slices: int, rng: np.random.Generator) -> int:
    chance = rng.random()
    ossified = case.slices_with.get("ossification", ())
    narrowed = case.slices_with.get("narrowing", ())
    if ossified and chance < OSSIFIED_SHARE:
        return int(rng.choice(ossified))
    if narrowed and chance > 1 - NARROWED_SHARE:
        return int(rng.choice(narrowed))
    return int(rng.integers(slices))


def _centre_of(
    structure: NDArray[np.uint8], rng: np.random.Generator, *, jitter: float
) -> NDArray[np.float64]:
    """Return a place near the canal, or anywhere on a slice without one."""
    canal = np.argwhere((structure > 0) & (structure <= Structure.OTHER_NARROWING))
    if len(canal) == 0:
        return rng.uniform(0.25, 0.75, 2) * structure.shape
    return np.asarray(canal.mean(axis=0) + rng.uniform(-jitter, jitter, 2))


def _block_centre(
    sampled: Sampled, rng: np.random.Generator, *, jitter: NDArray[np.float64]
) -> NDArray[np.float64]:
    shape = np.array(sampled.hu.shape)
    if rng.random() < SPINE_SHARE:
        slices = np.flatnonzero(np.isin(sampled.structure, CANAL).any(axis=(1, 2)))
        if slices.size:
            k = int(rng.choice(slices))
            row, column = np.argwhere(np.isin(sampled.structure[k], CANAL)).mean(axis=0)
            return np.array([k, row, column]) + rng.uniform(-jitter, jitter, 3)
    return np.asarray(rng.uniform(0, 1, 3) * shape)


def _window(
    shape: tuple[int, ...], centre: NDArray[np.float64], size: tuple[int, ...]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return where in the patch and where in the array a window around a centre lies."""
    into, out = [], []
    for n, c, s in zip(shape, centre, size, strict=True):
        start = round(float(c)) - s // 2
        low, high = max(start, 0), min(start + s, n)
        high = max(high, low)
        out.append(slice(low, high))
        into.append(slice(low - start, low - start + high - low) if high > low else slice(0, 0))
    return tuple(into), tuple(out)


def _stack(
    sampled: Sampled, middle: int, out: tuple[slice, ...], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the network's nine slices around one, at times of thick slices, at times with sparse marrow."""
    last = sampled.hu.shape[0] - 1
    index = [min(max(middle + o, 0), last) for o in SLICE_OFFSETS]
    stack = _looked_at(sampled, middle, index, out, rng)
    if rng.random() >= THINNED_SHARE:
        return stack
    structure = np.stack([sampled.structure[k][out] for k in index])
    return thin_marrow(stack, structure, sampled.grid.spacing_mm[1], rng)


def _looked_at(
    sampled: Sampled, middle: int, index: list[int], out: tuple[slice, ...], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return slices as they are, or averaged as a scanner with thick slices does."""
    if rng.random() >= THICKENED_SHARE:
        return np.stack([sampled.hu[k][out] for k in index]).astype(np.float32)
    last = sampled.hu.shape[0] - 1
    around = range(middle - THICK_REACH, middle + THICK_REACH + 1)
    plain = np.stack([sampled.hu[min(max(k, 0), last)][out] for k in around]).astype(np.float32)
    weights = thick_slice_weights(float(rng.uniform(1.5, 3.0)), float(rng.random()))
    return np.asarray(np.tensordot(weights, plain, axes=1), dtype=np.float32)


def thick_slice_weights(thickness: float, phase: float) -> NDArray[np.float32]:
    """Return (9, 31) weights: slices averaged over a thickness, then interpolated back to 1 mm.

    Parameters
    ----------
    thickness : float
        Slices of 1 mm averaged into one, at most 3.
    phase : float
        Where the thick slices begin, between 0 and 1 of a thickness.
    """
    places = np.arange(-THICK_REACH, THICK_REACH + 1)
    weights = np.zeros((len(SLICE_OFFSETS), len(places)), dtype=np.float32)
    for i, offset in enumerate(SLICE_OFFSETS):
        position = offset / thickness + phase
        below = np.floor(position)
        for which, share in ((below, below + 1 - position), (below + 1, position - below)):
            centre = (which - phase) * thickness
            box = np.clip(thickness / 2 + 0.5 - np.abs(places - centre), 0, 1)
            weights[i] += share * box / box.sum()
    return weights
