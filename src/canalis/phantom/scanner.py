"""The CT scanner that a phantom is put through: grid, blur, noise, streaks."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from canalis.phantom.neck import C1, C7, T1, Neck
from canalis.phantom.noise import noise_of
from canalis.phantom.streaks import hardening, metal_streaks, spread

Array = NDArray[np.float32]
Floats = NDArray[np.float64]

LARGEST_RENDER_STEP_MM = 1.05  # thicker slices are averages of steps no larger than this
FWHM_TO_SIGMA = 1 / 2.355
HU_RANGE = (-1024, 3071)
PLAIN_SHARE, CONTRAST_HU = 0.92, (120, 900)  # of scans; of the sac of the others (myelography)


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
    starved : float
        SD of the streaks from shoulder to shoulder, as a multiple of ``noise_hu``.
    grain_mm : float
        Size of the noise's grain.
    metal : float
        Strength of metal's streaks, 1 for a dental alloy.
    hardening : float
        Strength of the dark bands between dense bones, 1 for no correction.
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
    starved: float = 0.8
    grain_mm: float = 0.7
    metal: float = 1.0
    hardening: float = 0.2
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


def with_look(scanner: Scanner, rng: np.random.Generator, *, plain_share: float = PLAIN_SHARE) -> Scanner:
    """Return the same grid with blur, dose and densities drawn at random.

    Parameters
    ----------
    scanner : Scanner
        Its grid is kept.
    rng : numpy.random.Generator
        The only source of chance.
    plain_share : float
        Chance that no contrast is in the sac.
    """
    bone_kernel = rng.random() < 0.45
    dose = float(rng.lognormal(0, 0.45)) / np.sqrt(max(scanner.slice_mm, 0.5))
    fwhm = rng.uniform(0.5, 0.75) if bone_kernel else rng.uniform(0.8, 1.8)
    return replace(
        scanner,
        fwhm_mm=float(max(fwhm, 1.1 * scanner.pixel_mm)),
        overshoot=float(rng.uniform(0.1, 0.5)) if bone_kernel else float(rng.uniform(0, 0.1)),
        noise_hu=float(np.clip((42 if bone_kernel else 13) * dose, 4, 110)),
        shoulder_noise=float(rng.uniform(1, 3.2)),
        starved=float(rng.lognormal(np.log(0.7), 0.8)),
        grain_mm=float(rng.uniform(0.3, 0.6) if bone_kernel else rng.uniform(0.7, 1.4)),
        metal=float(np.clip(rng.lognormal(np.log(0.5), 0.7), 0.08, 2.0)),
        hardening=float(rng.uniform(0, 0.5)),
        trabecular_hu=float(np.clip(rng.normal(320, 90), 110, 620)),
        texture_hu=float(rng.uniform(25, 95)),
        cortex_hu=float(rng.uniform(950, 1800)),
        sac_hu=float(rng.uniform(5, 32)) if rng.random() < plain_share else float(rng.uniform(*CONTRAST_HU)),
    )


def scan(
    hu: Array, scanner: Scanner, neck: Neck, rng: np.random.Generator, *, metal_mm: Floats
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
    metal_mm : ndarray of shape (n, 4)
        Balls of metal that throw streaks: LPS+ x, y, z and radius, mm.

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
    noise = noise_of(
        rng, (scanner.rows, scanner.columns), grain_mm=scanner.grain_mm, pixel_mm=scanner.pixel_mm,
        sharp=scanner.overshoot > 0.08,
    )  # fmt: skip
    out = np.empty(hu.shape, dtype=np.int16)
    louder = shoulder_gain(neck, z)
    bands = hardening(hu, scanner.pixel_mm, strength=scanner.hardening)
    for k in range(scanner.slices):
        image = _blur(hu[k], scanner)
        image += spread(bands[k], image.shape, scanner.pixel_mm)
        grain = scanner.noise_hu * (1 + (scanner.shoulder_noise - 1) * louder[k])
        image += noise.slice_of(rng, grain, scanner.noise_hu * scanner.starved * louder[k])
        discs = discs_at(metal_mm, z[k], scanner.slice_mm)
        if len(discs):
            image += metal_streaks(rng, discs, y, x, strength=scanner.metal)
        out[k] = np.clip(np.rint(image), *HU_RANGE)
    return out


def discs_at(metal_mm: Floats, z_mm: float, slice_mm: float) -> Floats:
    """Return the discs (x, y, radius) that balls (x, y, z, radius) leave in a slice, mm."""
    off = np.clip(np.abs(metal_mm[:, 2] - z_mm) - slice_mm / 2, 0, None)
    hit = off < metal_mm[:, 3]
    radius = np.sqrt(metal_mm[hit, 3] ** 2 - off[hit] ** 2)
    return np.column_stack([metal_mm[hit, :2], radius])


def shoulder_gain(neck: Neck, z_mm: Floats) -> Floats:
    """Return how far slices lie in the shoulders: 0 above C5, 1 from T2 down."""
    c5, t2 = (float(neck.curve.point_at(neck.vertebrae[i].s_mm)[2]) for i in (C7 - 2, T1 + 1))
    return np.asarray(np.clip((c5 - z_mm) / (c5 - t2), 0, 1))


def _blur(image: Array, scanner: Scanner) -> Array:
    sigma = scanner.fwhm_mm * FWHM_TO_SIGMA / scanner.pixel_mm
    soft = gaussian_filter1d(gaussian_filter1d(image, sigma, axis=0, truncate=3), sigma, axis=1, truncate=3)
    if scanner.overshoot < 0.02:
        return np.asarray(soft)
    wide = gaussian_filter1d(
        gaussian_filter1d(soft, 1.6 * sigma, axis=0, truncate=2.5), 1.6 * sigma, axis=1, truncate=2.5
    )
    return np.asarray(soft + scanner.overshoot * (soft - wide))
