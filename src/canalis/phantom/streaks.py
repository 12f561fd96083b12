"""What a scanner's reconstruction makes of rays that were measured wrongly: streaks and dark bands.

Rays are parallel. The error of each ray is filtered with a ramp and projected back, as a scanner does
with the rays themselves; so streaks run where real ones run: along lines through much metal or bone.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Array = NDArray[np.float32]
Floats = NDArray[np.float64]

METAL_RAYS = 150  # directions of rays through metal
BONE_RAYS = 36  # directions of rays through bone: its dark bands are broad
OVERSAMPLING = 4  # filtered rays are looked up at the nearest of places this much denser
SATURATION_MM = 5.0  # metal beyond which a ray hardly weakens any more
MISSING_HU = 26000.0  # how much less than it is metal seems, on rays through much of it
STARVED_MM = 6.0  # metal that leaves a ray so few photons that its logarithm is noise
BONE_CELL_MM = 6.0
BONE_HU = 350.0  # compact enough to harden the beam


def metal_streaks(
    rng: np.random.Generator, discs_mm: Floats, y_mm: Floats, x_mm: Floats, *, strength: float
) -> Array:
    """Return the error that metal makes in one slice.

    Parameters
    ----------
    rng : numpy.random.Generator
        Of the starved rays' noise.
    discs_mm : ndarray of shape (n, 3)
        Metal in the slice: x, y and radius, mm; it may lie outside the field.
    y_mm, x_mm : ndarray
        Places of rows and columns.
    strength : float
        1 for dental alloys; titanium throws about a third of it.

    Returns
    -------
    ndarray of shape (rows, columns)
        Hounsfield units to add: dark between pieces of metal, bright beside, noisy along them.
    """
    step = max(min(float(y_mm[1] - y_mm[0]), 2.5), 0.7)
    center = np.array([(x_mm[0] + x_mm[-1]) / 2, (y_mm[0] + y_mm[-1]) / 2])
    reach = np.hypot(x_mm[-1] - x_mm[0], y_mm[-1] - y_mm[0]) / 2
    away = np.hypot(*(discs_mm[:, :2] - center).T) + discs_mm[:, 2]
    t = np.arange(-max(reach, away.max()) - 4 * step, max(reach, away.max()) + 5 * step, step)
    angle = np.pi * (np.arange(METAL_RAYS) + rng.random()) / METAL_RAYS
    through = _chords(discs_mm - np.append(center, 0), angle, t)
    harder = -MISSING_HU * through**2 / (through + SATURATION_MM)
    grain = gaussian_filter(rng.standard_normal(through.shape), 1.0, mode="wrap") * 3.5
    starved = 1100.0 * np.expm1(np.minimum(through, 14) / STARVED_MM)
    rays = strength * (harder + starved * grain)
    filtered = _ramped(rays, step)
    if y_mm[1] - y_mm[0] > 0.6 * step:
        return _project_back(filtered, angle, t, y_mm - center[1], x_mm - center[0])
    half = _project_back(filtered, angle, t, y_mm[::2] - center[1], x_mm[::2] - center[0])
    return _doubled(_doubled(half, len(y_mm)).T, len(x_mm)).T


def _doubled(image: Array, count: int) -> Array:
    """Return ``count`` rows, every other one the mean of its neighbours."""
    out = np.repeat(image, 2, axis=0)[:count]
    between = out[1::2]
    between[: len(image) - 1] += image[1 : len(between) + 1]
    between[: len(image) - 1] *= 0.5
    return out


def _chords(discs_mm: Floats, angle: Floats, t: Floats) -> Floats:
    """Return the length of metal on every ray, (angles, t)."""
    out = np.zeros((len(angle), len(t)))
    for x, y, radius in discs_mm:
        off = t[None, :] - (x * np.cos(angle) + y * np.sin(angle))[:, None]
        out += 2 * np.sqrt(np.clip(radius**2 - off**2, 0, None))
    return out


def _ramped(rays: Floats, step: float) -> Floats:
    """Return rays after the ramp filter of a filtered back-projection (Ram-Lak, softened)."""
    n = 2 ** int(np.ceil(np.log2(2 * rays.shape[1])))
    frequency = np.fft.rfftfreq(n, step)
    ramp = frequency * np.cos(np.pi * frequency * step / 2) ** 2
    return np.fft.irfft(np.fft.rfft(rays, n, axis=1) * ramp, n, axis=1)[:, : rays.shape[1]]


def _project_back(rays: Floats, angle: Floats, t: Floats, y_mm: Floats, x_mm: Floats) -> Array:
    fine = np.linspace(t[0], t[-1], (len(t) - 1) * OVERSAMPLING + 1)
    scale = OVERSAMPLING * (len(t) - 1) / (t[-1] - t[0])
    out = np.zeros((len(y_mm), len(x_mm)), dtype=np.float32)
    for a, ray in zip(angle, rays, strict=True):
        dense = np.interp(fine, t, ray).astype(np.float32)
        rows = ((y_mm * np.sin(a) - t[0]) * scale).astype(np.float32)
        columns = (x_mm * np.cos(a) * scale + 0.5).astype(np.float32)
        out += dense[(rows[:, None] + columns[None, :]).astype(np.int32)]
    return np.asarray(out * np.float32(np.pi / len(angle)))


def hardening(hu: Array, pixel_mm: float, *, strength: float) -> Array:
    """Return the broad dark bands that a hardened beam leaves between dense bones.

    Parameters
    ----------
    hu : ndarray of shape (slices, rows, columns)
        Densities.
    pixel_mm : float
        Pixel size.
    strength : float
        1 for a scanner that corrects nothing.

    Returns
    -------
    ndarray of shape (slices, cells, cells)
        Hounsfield units to add, on cells of about 6 mm; see :func:`spread`.
    """
    n = max(round(BONE_CELL_MM / pixel_mm), 1)
    slices, rows, columns = hu.shape
    high, wide = -(-rows // n), -(-columns // n)
    bone = np.zeros((slices, high * n, wide * n), dtype=np.float32)
    np.clip((hu - BONE_HU) / 1000, 0, 1.5, out=bone[:, :rows, :columns])
    cells = bone.reshape(slices, high, n, wide, n).mean(axis=(2, 4)).reshape(slices, -1)
    through, back = _bone_rays(high, wide)
    length = cells @ through.T * np.float32(n * pixel_mm)  # mm of compact bone on each ray
    error = (-strength * 20.0) * length**2 / (1 + length / 40)
    return np.asarray((error @ back.T) / np.float32(n * pixel_mm)).reshape(slices, high, wide)


@lru_cache(maxsize=4)
def _bone_rays(high: int, wide: int) -> tuple[Array, Array]:
    """Return (rays, cells), the length of each ray in each cell, and (cells, rays) that projects it back."""
    y, x = np.meshgrid(np.arange(high) - (high - 1) / 2, np.arange(wide) - (wide - 1) / 2, indexing="ij")
    reach = int(np.ceil(np.hypot(high, wide) / 2)) + 1
    t = np.arange(-reach, reach + 1)
    angle = np.pi * np.arange(BONE_RAYS) / BONE_RAYS
    at = x.ravel()[None] * np.cos(angle)[:, None] + y.ravel()[None] * np.sin(angle)[:, None]
    through = np.clip(1 - np.abs(at[:, None, :] - t[None, :, None]), 0, None)
    ramp = _ramped(np.eye(len(t)), 1.0)
    back = np.einsum("ats,tu->sau", through, ramp.T, optimize=True) * np.pi / BONE_RAYS
    shape = (BONE_RAYS * len(t), high * wide)
    return through.reshape(shape).astype(np.float32), back.reshape(high * wide, -1).astype(np.float32)


def spread(cells: Array, shape: tuple[int, int], pixel_mm: float) -> Array:
    """Return one slice of :func:`hardening` on pixels, by linear interpolation.

    Parameters
    ----------
    cells : ndarray of shape (cells, cells)
        One slice of it.
    shape : tuple of int
        Rows and columns.
    pixel_mm : float
        Pixel size.

    Returns
    -------
    ndarray of shape ``shape``
        float32.
    """
    n = max(round(BONE_CELL_MM / pixel_mm), 1)
    rows, columns = (_linear(count, size, n) for count, size in zip(shape, cells.shape, strict=True))
    return np.asarray(rows @ cells @ columns.T, dtype=np.float32)


@lru_cache(maxsize=8)
def _linear(count: int, size: int, n: int) -> Array:
    at = np.clip((np.arange(count) + 0.5) / n - 0.5, 0, size - 1)
    low = np.minimum(at.astype(int), max(size - 2, 0))
    out = np.zeros((count, size), dtype=np.float32)
    out[np.arange(count), low] = 1 - (at - low)
    if size > 1:
        out[np.arange(count), low + 1] += at - low
    return out
