"""A scanner's noise: grain of a kernel's size, and the streaks of rays that hardly got through."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Array = NDArray[np.float32]

TILES = 12
STREAK_SPREAD_DEG = 9.0  # of the rays that run from shoulder to shoulder


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """Tiles of noise of SD 1 that wrap around, so that each slice takes one from another place.

    Attributes
    ----------
    grain, streaks : ndarray of shape (tiles, rows, columns)
        float32; ``streaks`` run from side to side.
    shape : tuple of int
        Rows and columns of a slice; tiles may be a little larger.
    """

    grain: Array
    streaks: Array
    shape: tuple[int, int]

    def slice_of(self, rng: np.random.Generator, grain_hu: float, streaks_hu: float) -> Array:
        """Return the noise of one slice, of the SDs asked for."""
        out = _rolled(rng, self.grain) * np.float32(grain_hu)
        if streaks_hu > 0.5:
            out += _rolled(rng, self.streaks) * np.float32(streaks_hu)
        return np.asarray(out[: self.shape[0], : self.shape[1]])


def noise_of(
    rng: np.random.Generator, shape: tuple[int, int], *, grain_mm: float, pixel_mm: float, sharp: bool
) -> Noise:
    """Return the noise of a kernel.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    shape : tuple of int
        Rows and columns.
    grain_mm : float
        Size of the grain.
    pixel_mm : float
        Pixel size.
    sharp : bool
        Whether little of it is left at low frequencies, as with bone kernels.

    Returns
    -------
    Noise
        Tiles of SD 1.
    """
    size = tuple(fft.next_fast_len(n, real=True) for n in shape)
    fy, fx = fft.fftfreq(size[0])[:, None], fft.rfftfreq(size[1])[None, :]
    f2 = fy**2 + fx**2
    sigma = grain_mm / pixel_mm * 0.5
    gain = np.exp(-2 * np.pi**2 * sigma**2 * f2)
    if sharp:
        gain = gain * (1 - 0.85 * np.exp(-2 * np.pi**2 * (2.5 * sigma) ** 2 * f2))
    off_axis = np.degrees(np.arctan2(np.abs(fx), np.abs(fy) + 1e-9))
    along = np.sqrt(np.sqrt(f2)) * np.exp(-0.5 * (off_axis / STREAK_SPREAD_DEG) ** 2)
    along = along * np.exp(-2 * np.pi**2 * max(sigma, 0.5) ** 2 * f2)
    return Noise(_tiles(rng, size, gain), _tiles(rng, size, along), shape)


def _tiles(rng: np.random.Generator, size: tuple[int, ...], gain: NDArray[np.float64]) -> Array:
    white = rng.standard_normal((TILES, *size), dtype=np.float32)
    shaped = fft.irfft2(fft.rfft2(white) * gain.astype(np.float32), size)
    return np.asarray(shaped / shaped.std(), dtype=np.float32)


def _rolled(rng: np.random.Generator, tiles: Array) -> Array:
    tile = tiles[rng.integers(len(tiles))]
    if rng.random() < 0.5:
        tile = tile[:, ::-1]
    return np.asarray(np.roll(tile, tuple(rng.integers(0, n) for n in tile.shape), axis=(0, 1)))
