"""The CT scanner that a phantom is put through: grid, blur, noise, streaks."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from canalis.phantom.plan import C1, C7, T1, Neck

Array = NDArray[np.float32]
Floats = NDArray[np.float64]

LARGEST_RENDER_STEP_MM = 1.05  # thicker slices are averages of steps no larger than this
FWHM_TO_SIGMA = 1 / 2.355
NOISE_SLICES = 12
HU_RANGE = (-1024, 3071)


@dataclass(frozen=True, slots=True)
class Scanner:
    """How a neck is scanned.

    Attributes
    ----------
    pixel_mm, slice_mm : float
        Pixel size, and distance between slices, which is also their thickness.
    rows, columns : int
        Size of a slice.
    low_lps : tuple of float
        LPS+ mm of the first voxel: lowest slice, front row, right column.
    slices : int
        How many, upwards.
    fwhm_mm : float
        Blur in the plane.
    overshoot : float
        Edge enhancement of a sharp kernel, 0 for none.
    noise_hu : float
        Noise SD at C3.
    shoulder_noise : float
        How many times more of it at the shoulders.
    grain_mm : float
        Size of the noise's grain.
    trabecular_hu, texture_hu : float
        Density of marrow bone at C3 and how much it varies from place to place.
    cortex_hu : float
        Density of compact bone.
    sac_hu : float
        Density of the fluid about the cord.
    blank_outside_mm : float or None
        Beyond this distance from the spine voxels are blanked to air.
    """

    pixel_mm: float
    slice_mm: float
    rows: int
    columns: int
    low_lps: tuple[float, float, float]
    slices: int
    fwhm_mm: float = 0.8
    overshoot: float = 0.0
    noise_hu: float = 25.0
    shoulder_noise: float = 2.0
    grain_mm: float = 0.7
    trabecular_hu: float = 330.0
    texture_hu: float = 60.0
    cortex_hu: float = 1350.0
    sac_hu: float = 18.0
    blank_outside_mm: float | None = None

    @property
    def steps(self) -> int:
        """Rendered steps in one slice, odd."""
        n = int(np.ceil(self.slice_mm / LARGEST_RENDER_STEP_MM - 1e-9))
        return n if n % 2 else n + 1

    @property
    def affine(self) -> Floats:
        """Index (slice, row, column) to LPS+ mm."""
        affine = np.zeros((4, 4))
        affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = (
            self.slice_mm,
            self.pixel_mm,
            self.pixel_mm,
            1,
        )
        affine[:3, 3] = self.low_lps
        return affine

    def places(self) -> tuple[Floats, Floats, Floats]:
        """Return z of every slice, y of every row and x of every column, LPS+ mm."""
        x0, y0, z0 = self.low_lps
        return (
            np.asarray(z0 + self.slice_mm * np.arange(self.slices)),
            np.asarray(y0 + self.pixel_mm * np.arange(self.rows)),
            np.asarray(x0 + self.pixel_mm * np.arange(self.columns)),
        )


def frame_scanner(
    neck: Neck,
    *,
    pixel_mm: float,
    slice_mm: float,
    field_mm: tuple[float, float],
    top: float,
    bottom: float,
    center_x_mm: float = 0.0,
) -> Scanner:
    """Return a scanner whose field holds a stretch of the neck.

    Parameters
    ----------
    neck : Neck
        The neck to scan.
    pixel_mm, slice_mm : float
        Voxel size.
    field_mm : tuple of float
        Left-right and front-back size of the field of view.
    top, bottom : float
        The stretch, as LPS z in mm.
    center_x_mm : float
        Where the field's middle lies, left of C7.

    Returns
    -------
    Scanner
        With the spine in the rear half of the field, and middling noise.
    """
    s = neck.curve.s_mm
    spine = neck.curve.point_at(s)[
        (neck.curve.point_at(s)[:, 2] > bottom) & (neck.curve.point_at(s)[:, 2] < top)
    ]
    middle_y = (
        (spine[:, 1].min() + spine[:, 1].max()) / 2
        + min(8.0, 0.02 * field_mm[1])
        - 0.1 * max(field_mm[1] - 120, 0)
    )
    columns, rows = (int(np.ceil(f / pixel_mm)) for f in field_mm)
    low = (center_x_mm - pixel_mm * (columns - 1) / 2, middle_y - pixel_mm * (rows - 1) / 2, bottom)
    return Scanner(
        pixel_mm=pixel_mm, slice_mm=slice_mm, rows=rows, columns=columns, low_lps=low,
        slices=max(int((top - bottom) / slice_mm) + 1, 2),
    )  # fmt: skip


def stretch_of(neck: Neck, *, above_c1_mm: float = 12.0, below: int = T1 + 1) -> tuple[float, float]:
    """Return LPS z of a stretch from above C1's ring to the lower edge of a vertebra, mm (top, bottom)."""
    top = float(neck.curve.point_at(neck.vertebrae[C1].s_mm)[2]) + above_c1_mm
    v = neck.vertebrae[below]
    return top, float(neck.curve.point_at(v.lower_mm)[2]) - 14.0


def with_look(scanner: Scanner, rng: np.random.Generator) -> Scanner:
    """Return the same grid with blur, dose and densities drawn at random."""
    bone_kernel = rng.random() < 0.45
    dose = float(rng.lognormal(0, 0.45)) / np.sqrt(max(scanner.slice_mm, 0.5))
    fwhm = rng.uniform(0.5, 0.75) if bone_kernel else rng.uniform(0.8, 1.35)
    return replace(
        scanner,
        fwhm_mm=float(max(fwhm, 1.1 * scanner.pixel_mm)),
        overshoot=float(rng.uniform(0.1, 0.5)) if bone_kernel else float(rng.uniform(0, 0.1)),
        noise_hu=float(np.clip((42 if bone_kernel else 13) * dose, 4, 110)),
        shoulder_noise=float(rng.uniform(1, 3.2)),
        grain_mm=float(rng.uniform(0.3, 0.6) if bone_kernel else rng.uniform(0.7, 1.4)),
        trabecular_hu=float(np.clip(rng.normal(320, 90), 110, 620)),
        texture_hu=float(rng.uniform(25, 95)),
        cortex_hu=float(rng.uniform(950, 1800)),
        sac_hu=float(rng.uniform(5, 32)) if rng.random() < 0.92 else float(rng.uniform(250, 900)),
    )


def scan(
    hu: Array, scanner: Scanner, neck: Neck, rng: np.random.Generator, *, metal_lps: Floats
) -> NDArray[np.int16]:
    """Return what the scanner makes of rendered densities.

    Parameters
    ----------
    hu : ndarray of shape (slices * steps, rows, columns)
        Densities without blur or noise, float32; overwritten.
    scanner : Scanner
        Its grid and look.
    neck : Neck
        Where the shoulders are.
    rng : numpy.random.Generator
        The only source of chance.
    metal_lps : ndarray of shape (n, 3)
        Metal that throws streaks, LPS+ mm.

    Returns
    -------
    ndarray of shape (slices, rows, columns)
        int16 Hounsfield units.
    """
    if scanner.steps > 1:
        hu = hu.reshape(scanner.slices, scanner.steps, *hu.shape[1:]).mean(axis=1)
    elif scanner.slice_mm > 0.55:
        hu = gaussian_filter1d(hu, 0.33, axis=0, truncate=2.5)
    z, y, x = scanner.places()
    noise = _noise_tiles(scanner, rng)
    out = np.empty(hu.shape, dtype=np.int16)
    louder = _louder(scanner, neck, z)
    for k in range(scanner.slices):
        image = _blur(hu[k], scanner)
        tile = noise[rng.integers(NOISE_SLICES)]
        tile = np.roll(tile, tuple(rng.integers(0, n) for n in tile.shape), axis=(0, 1))
        image += (tile if rng.random() < 0.5 else tile[:, ::-1]) * (scanner.noise_hu * louder[k])
        if louder[k] > 1.15:
            image += _horizontal_streaks(rng, image.shape, scanner.noise_hu * (louder[k] - 1) * 0.6)
        for metal in metal_lps:
            if abs(metal[2] - z[k]) < 4.5:
                image += _metal_streaks(rng, metal, y, x)
        out[k] = np.clip(np.rint(image), *HU_RANGE)
    return out


def _blur(image: Array, scanner: Scanner) -> Array:
    sigma = scanner.fwhm_mm * FWHM_TO_SIGMA / scanner.pixel_mm
    soft = gaussian_filter1d(gaussian_filter1d(image, sigma, axis=0, truncate=3), sigma, axis=1, truncate=3)
    if scanner.overshoot < 0.02:
        return np.asarray(soft)
    wide = gaussian_filter1d(
        gaussian_filter1d(soft, 1.6 * sigma, axis=0, truncate=2.5), 1.6 * sigma, axis=1, truncate=2.5
    )
    return np.asarray(soft + scanner.overshoot * (soft - wide))


def _noise_tiles(scanner: Scanner, rng: np.random.Generator) -> Array:
    white = rng.standard_normal((NOISE_SLICES, scanner.rows, scanner.columns), dtype=np.float32)
    sigma = scanner.grain_mm / scanner.pixel_mm * 0.5
    grain = gaussian_filter1d(
        gaussian_filter1d(white, sigma, axis=1, mode="wrap"), sigma, axis=2, mode="wrap"
    )
    if scanner.overshoot > 0.08:  # a sharp kernel's noise has little at low frequencies
        grain = grain - 0.85 * gaussian_filter1d(
            gaussian_filter1d(grain, 2.5 * sigma, axis=1, mode="wrap"), 2.5 * sigma, axis=2, mode="wrap"
        )
    return np.asarray(grain / grain.std(), dtype=np.float32)


def _louder(scanner: Scanner, neck: Neck, z: Floats) -> Floats:
    c5, t2 = (float(neck.curve.point_at(neck.vertebrae[i].s_mm)[2]) for i in (C7 - 2, T1 + 1))
    return np.asarray(1 + (scanner.shoulder_noise - 1) * np.clip((c5 - z) / (c5 - t2), 0, 1))


def _horizontal_streaks(rng: np.random.Generator, shape: tuple[int, int], sd: float) -> Array:
    lines = gaussian_filter1d(rng.standard_normal((shape[0], 24), dtype=np.float32), 0.8, axis=0)
    lines = lines / lines.std() * sd
    at = np.linspace(0, 23, shape[1])
    low = np.minimum(at.astype(int), 22)
    return np.asarray(lines[:, low] * (1 - at + low) + lines[:, low + 1] * (at - low), dtype=np.float32)


def _metal_streaks(rng: np.random.Generator, metal: Floats, y: Floats, x: Floats) -> Array:
    dy, dx = (y - metal[1])[:, None], (x - metal[0])[None, :]
    r, angle = np.hypot(dy, dx), np.arctan2(dy, dx)
    rays = sum(rng.normal() * np.cos(int(k) * angle + rng.uniform(0, 6.28)) for k in rng.integers(3, 22, 6))
    streaks = rays * rng.uniform(40, 220) / (1 + r / rng.uniform(12, 35))
    return np.asarray(streaks + 3000 * (r < rng.uniform(2, 4.5)), dtype=np.float32)
