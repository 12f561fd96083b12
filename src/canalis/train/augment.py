"""Batches varied on the fly: turned, scaled, mirrored, re-windowed, noisy, blurred, cut and blanked."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from canalis.phantom.structures import Structure
from canalis.segment.grids import AIR_HU
from canalis.train.truth import IGNORED

BLANK_HU: Final = (-1024.0, -1000.0, 0.0)
"""What programs write into regions that they blank."""

BAND_LOST: Final = (0.2, 0.75)  # share of its density that marrow loses behind the posterior wall
BAND_AHEAD_MM: Final = (1.2, 3.5)  # of that wall, where most is lost
BAND_DEEP_MM: Final = (0.7, 2.0)  # to where the loss has fallen to 1/e
CORE_GAIN: Final = (1.0, 2.2)  # of the marrow before the band
CORE_EDGE_MM: Final = 0.6
BODY_EDGE_PIXELS: Final = 1.5
MARROW_HU: Final = 700.0  # what is denser is cortex, and gains no more
SOFT_HU: Final = 80.0  # what is denser is bone, calcified, or holds contrast
IN_CANAL: Final = (Structure.RESIDUAL_CANAL, Structure.OSSIFICATION, Structure.OTHER_NARROWING)


@dataclass(frozen=True, slots=True)
class Strength:
    """How much a batch is varied; each figure is the most.

    Attributes
    ----------
    turn_deg : float
        Rotation about each axis.
    scale : float
        Share by which lengths grow or shrink.
    gain : float
        Share by which intensities grow or shrink.
    shift_hu : float
        Added to every intensity.
    noise_hu : float
        Standard deviation of the noise added.
    sharpness : float
        Share of the difference from a blurred copy that is added or taken.
    blank : float
        Chance that a region is blanked, and likewise that a neighbouring slice is.
    bone : float
        Share by which all that is denser than soft tissue gets less dense, at most; by half as much it may
        get denser.
    """

    turn_deg: float = 12.0
    scale: float = 0.15
    gain: float = 0.1
    shift_hu: float = 30.0
    noise_hu: float = 35.0
    sharpness: float = 0.9
    blank: float = 0.06
    bone: float = 0.4


def vary_slices(
    hu: Tensor, target: Tensor, crop: int, strength: Strength, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Return stacks (n, slices, crop, crop) and targets (n, crop, crop) from larger patches."""
    matrix = np.stack([_plane_motion(strength, rng) for _ in range(len(hu))])
    hu, labels = _warp(hu, target[:, None], matrix, (crop, crop))
    target = labels[:, 0]
    hu = _vary_intensity(hu, strength, rng)
    for i in range(len(hu)):
        _blank_slices(hu[i], strength, rng)
        _blank_region(hu[i], target[i : i + 1], strength, rng, outside=(0,))
    return hu, target


def vary_volumes(
    hu: Tensor, target: Tensor, crop: tuple[int, int, int], strength: Strength, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Return blocks (n, 1, *crop) and targets (n, 2, *crop) from larger patches."""
    matrix = np.stack([_space_motion(strength, rng) for _ in range(len(hu))])
    hu, target = _warp(hu, target, matrix, crop)
    hu = _vary_intensity(hu, strength, rng)
    for i in range(len(hu)):
        if rng.random() < 4 * strength.blank:
            hu[i] = _thicken(hu[i])
        _blank_region(hu[i], target[i], strength, rng, outside=(0, IGNORED))
    return hu, target


def thin_marrow(
    hu: NDArray[np.float32], structure: NDArray[np.uint8], pixel_mm: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return slices whose bodies are sparse in a band behind the posterior wall, and dense before it.

    There the basivertebral veins gather, and on a real body the wall itself then looks like a plate that
    lies free in the canal.

    Parameters
    ----------
    hu : ndarray of shape (n, rows, columns)
        Slices of one neck.
    structure : ndarray of the same shape
        :class:`canalis.phantom.structures.Structure`.
    pixel_mm : float
        Side of a pixel.
    rng : numpy.random.Generator
        Where the band lies, and how sparse it is.
    """
    lost, ahead_mm, deep_mm = (float(rng.uniform(*most)) for most in (BAND_LOST, BAND_AHEAD_MM, BAND_DEEP_MM))
    core = float(rng.uniform(*CORE_GAIN))
    into = hu.copy()
    for one, part in zip(into, structure, strict=True):
        body, canal = part == Structure.BODY, np.isin(part, IN_CANAL)
        if not (body.any() and canal.any()):
            continue
        far = ndimage.distance_transform_edt(~canal) * pixel_mm
        band = 1 - lost * np.exp(-(((far - ahead_mm) / deep_mm) ** 2))
        dense = 1 + (core - 1) / (1 + np.exp(-(far - ahead_mm - deep_mm) / CORE_EDGE_MM))
        share = ndimage.gaussian_filter(body.astype(np.float32), BODY_EDGE_PIXELS)
        one += share * (band * dense - 1) * np.clip(one, 0, MARROW_HU)
    return into


def _plane_motion(strength: Strength, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the (2, 2) matrix from a crop's (row, column) to its patch's."""
    angle = np.radians(rng.uniform(-strength.turn_deg, strength.turn_deg))
    scale = 1 + rng.uniform(-strength.scale, strength.scale, 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    mirror = np.diag([1.0, rng.choice([-1.0, 1.0])])
    return np.asarray(turn @ np.diag(scale) @ mirror, dtype=np.float32)


def _space_motion(strength: Strength, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the (3, 3) matrix from a crop's (slice, row, column) to its patch's."""
    turn = np.eye(3)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        angle = np.radians(rng.uniform(-strength.turn_deg, strength.turn_deg))
        step = np.eye(3)
        step[[a, b], [a, b]] = np.cos(angle)
        step[a, b], step[b, a] = -np.sin(angle), np.sin(angle)
        turn = turn @ step
    whole = 1 + rng.uniform(-strength.scale, strength.scale)
    each = 1 + rng.uniform(-strength.scale, strength.scale, 3) / 3
    mirror = np.diag([1.0, 1.0, rng.choice([-1.0, 1.0])])
    return np.asarray(turn @ np.diag(whole * each) @ mirror, dtype=np.float32)


def _warp(
    hu: Tensor, labels: Tensor, matrix: NDArray[np.float32], crop: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Sample patches through a matrix about their centre, linearly, and their labels by the nearest."""
    dims = len(crop)
    patch = np.array(hu.shape[2:])
    theta = np.zeros((len(hu), dims, dims + 1), dtype=np.float32)
    in_patches = matrix * (np.array(crop)[None, None, :] / patch[None, :, None])
    theta[:, :, :dims] = in_patches[:, ::-1, ::-1]  # torch orders coordinates column first
    places = functional.affine_grid(torch.from_numpy(theta), [len(hu), 1, *crop], align_corners=False)
    moved = functional.grid_sample(hu - AIR_HU, places, mode="bilinear", align_corners=False) + AIR_HU
    known = functional.grid_sample(labels.float() + 1, places, mode="nearest", align_corners=False)
    return moved, (known.to(torch.int16) - 1).to(torch.uint8)  # beyond the patch: -1, which is IGNORED


def _vary_intensity(hu: Tensor, strength: Strength, rng: np.random.Generator) -> Tensor:
    """Change bone's density, gain, offset, sharpness and noise of each sample of a batch."""
    each = (len(hu),) + (1,) * (hu.dim() - 1)
    hu = hu + _density(rng, each, strength.bone) * torch.clamp(hu - SOFT_HU, min=0)
    gain = _uniform(rng, each, strength.gain)
    shift = _uniform(rng, each, strength.shift_hu)
    sharp = _uniform(rng, each, strength.sharpness)
    noise = torch.from_numpy(
        rng.uniform(0, strength.noise_hu, each).astype(np.float32) ** 2 / strength.noise_hu
    )
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    grain = torch.randn(hu.shape, generator=generator)
    pool = functional.avg_pool2d if hu.dim() == 4 else functional.avg_pool3d
    blurred = pool(hu, 3, 1, 1, count_include_pad=False)
    if rng.random() < 0.5:
        grain = pool(grain, 3, 1, 1) * 2.0
    return torch.as_tensor((hu + sharp * (hu - blurred)) * (1 + gain) + shift + noise * grain)


def _density(rng: np.random.Generator, shape: tuple[int, ...], most: float) -> Tensor:
    """Return by what share bone gets denser: people's bone differs by a factor of two, phantoms' by less."""
    return torch.from_numpy(rng.uniform(-most, most / 2, shape).astype(np.float32))


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], most: float) -> Tensor:
    return torch.from_numpy(rng.uniform(-most, most, shape).astype(np.float32))


def _blank_slices(stack: Tensor, strength: Strength, rng: np.random.Generator) -> None:
    """Blank neighbours of the middle slice, as missing slices are."""
    middle = len(stack) // 2
    for i in range(len(stack)):
        if i != middle and rng.random() < strength.blank / 2:
            stack[i] = float(rng.choice(BLANK_HU))


def _blank_region(
    hu: Tensor, target: Tensor, strength: Strength, rng: np.random.Generator, *, outside: tuple[int, ...]
) -> None:
    """Blank all beyond a plane across one axis, in image and truth alike."""
    if rng.random() >= strength.blank:
        return
    axis = int(rng.integers(1, hu.dim()))
    size = hu.shape[axis]
    edge = int(rng.integers(0, size // 3))
    where = [slice(None)] * hu.dim()
    where[axis] = slice(0, edge) if rng.random() < 0.5 else slice(size - edge, size)
    hu[tuple(where)] = float(rng.choice(BLANK_HU))
    for i, number in enumerate(outside):
        target[i][tuple(where[1:])] = number


def _thicken(block: Tensor) -> Tensor:
    """Return a block (1, slices, rows, columns) as a scan of slices of 5 mm gives it."""
    return functional.avg_pool3d(block[None], (3, 1, 1), 1, (1, 0, 0), count_include_pad=False)[0]
