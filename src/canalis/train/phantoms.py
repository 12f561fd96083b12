"""Phantoms as training cases: one neck, its spine drawn finely and the whole scan coarsely.

A case is drawn straight onto the networks' grids, so its labels are those of the geometry. The
intensities go through a scanner with voxels of its own and back, as a real scan's do.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from canalis.phantom.growth import Growth
from canalis.phantom.neck import C2, C7, T1, Neck
from canalis.phantom.noise import noise_of
from canalis.phantom.ossification import Wanted, plan_growths
from canalis.phantom.phantom import ANY
from canalis.phantom.plan import plan_neck
from canalis.phantom.render import render
from canalis.phantom.scanner import PLAIN_SHARE, Scanner, discs_at, scan, shoulder_gain, with_look
from canalis.phantom.streaks import hardening, metal_streaks, spread
from canalis.phantom.surroundings import plan_surroundings
from canalis.segment.grids import COARSE_SPACING_MM, FINE_SPACING_MM, Grid, resample_hu
from canalis.train.cache import Sampled, phantom_source, write_case
from canalis.volume import Volume

SIDE_MM, FRONT_MM, BACK_MM = 40.0, 42.0, 44.0  # beyond the canal's middle: more than the fine pass looks at
WINDOW_MM = (70.0, 120.0)  # of the neck's length in one fine case
MARGIN_MM = 5.0
NEAR_BOUNDARY_SHARE = 0.35  # of necks: ends of masses where the type changes, and so the shortest masses
MYELOGRAM_PLAIN_SHARE = 0.1  # of the necks that are to have contrast in the sac, those left without
MIXED_STREAM = 12  # apart from the streams that draw the neck
REDUCED_PIXEL_MM = 2.0  # larger ones were averaged after the scan
TAKEN_OVER = ("overshoot", "shoulder_noise", "starved", "grain_mm", "metal", "hardening")
"""What a scanner with voxels of its own has in common with the one that was planned."""


def make_phantom_case(
    seed: int, folder: Path, *, plain_share: float = PLAIN_SHARE, wanted: Wanted = ANY
) -> None:
    """Make the case of one seed and write it to a cache.

    Parameters
    ----------
    seed : int
        Below 1,000,000 for training, below 2,000,000 for validation.
    folder : Path
        The cache.
    plain_share : float
        Chance that no contrast is in the sac.
    wanted : Wanted
        What ossification it must have; whether ends lie near a boundary of type is left to chance.
    """
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4)]
    neck = plan_neck(streams[0])
    near = bool(streams[1].spawn(1)[0].random() < NEAR_BOUNDARY_SHARE)
    growths = plan_growths(streams[1], neck, replace(wanted, near_boundary=near))
    fine = draw_fine(streams[2], neck, growths, plain_share=plain_share)
    coarse = draw_coarse(streams[3], neck, growths, plain_share=plain_share)
    write_case(folder, seed, fine=fine, coarse=coarse, source=phantom_source())


make_myelogram_case = partial(make_phantom_case, plain_share=MYELOGRAM_PLAIN_SHARE)
"""Makes the case of one seed, nine of ten with contrast in the sac: a ``maker`` for training plans."""

MIXED = (
    (0.55, make_phantom_case),
    (0.15, partial(make_phantom_case, wanted=Wanted(present=True, faint=True))),
    (0.15, partial(make_phantom_case, wanted=Wanted(present=False))),
    (0.08, partial(make_phantom_case, wanted=Wanted(present=True, lateral=True))),
    (0.07, make_myelogram_case),
)
"""Shares of mixed cases, and their makers: by chance, faint OPLL, none, OPLL aside, contrast in the sac."""


def make_mixed_case(seed: int, folder: Path) -> None:
    """Make the case of one seed, oftener than chance with what is hard to tell, and write it.

    OPLL is as common as by chance, so that a network learns what to look for and not to expect it.

    Parameters
    ----------
    seed : int
        Below 1,000,000 for training, below 2,000,000 for validation.
    folder : Path
        The cache.
    """
    shares = [share for share, _ in MIXED]
    kind = np.random.default_rng([seed, MIXED_STREAM]).choice(len(MIXED), p=shares)
    MIXED[kind][1](seed, folder)


def draw_fine(
    rng: np.random.Generator,
    neck: Neck,
    growths: tuple[Growth, ...],
    *,
    plain_share: float,
) -> Sampled:
    """Return a stretch of the spine on the fine grid."""
    over = rng.uniform(8, 30) if rng.random() < 0.6 else rng.uniform(30, 65)  # skull base, jaw and face
    top = float(neck.curve.point_at(neck.top_s_mm)[2]) + over
    bottom = float(neck.curve.point_at(neck.vertebrae[T1 + 2].s_mm)[2])
    window = float(rng.uniform(*WINDOW_MM))
    high = float(rng.uniform(bottom + window, top)) if rng.random() < 0.7 else top
    grid = _fine_grid(neck, high - window, high)
    scanner = with_look(_scanner_on(grid), rng, plain_share=plain_share)
    native = _native(rng, grid)
    around = _around(rng, neck, grid)
    drawn = render(neck, growths, around, scanner, rng)
    if native is None:
        hu = scan(drawn.hu, scanner, neck, rng, metal_mm=around.metal_mm)
    else:
        sampled = resample_hu(Volume(drawn.hu, grid.affine), native)
        taker = replace(
            _scanner_on(native),
            **{k: getattr(scanner, k) for k in TAKEN_OVER},
            noise_hu=scanner.noise_hu / np.sqrt(max(native.spacing_mm[0], 1.0)),
            fwhm_mm=max(scanner.fwhm_mm, _blur_pixels(rng, native) * native.spacing_mm[1]),
        )
        taken = scan(
            sampled.astype(np.float32),
            replace(taker, slice_mm=min(taker.slice_mm, 1.0)),
            neck,
            rng,
            metal_mm=around.metal_mm,
        )
        hu = resample_hu(Volume(taken, native.affine), grid)
    return _cut_short(rng, Sampled(hu, drawn.structure, drawn.level, grid))


def _blur_pixels(rng: np.random.Generator, native: Grid) -> float:
    """Draw the blur of a scan in its own pixels: wide fields are taken with soft kernels."""
    return float(rng.uniform(0.9, 2.2)) if native.spacing_mm[1] < REDUCED_PIXEL_MM else 0.9


def _cut_short(rng: np.random.Generator, drawn: Sampled) -> Sampled:
    """Let some scans end inside the grid, lack slices, or be blanked beyond a box; no label is left there."""
    lost = np.zeros(drawn.hu.shape, dtype=bool)
    slices, rows, columns = drawn.grid.shape
    if rng.random() < 0.15:
        k = int(rng.integers(slices // 8, slices // 3))
        lost[slice(0, k) if rng.random() < 0.5 else slice(slices - k, slices)] = True
    if rng.random() < 0.08:
        k = int(rng.integers(0, slices))
        lost[k : k + int(rng.integers(1, 5))] = True
    if rng.random() < 0.12:
        front, back = int(rng.uniform(0, 0.3) * rows), int(rng.uniform(0, 0.2) * rows)
        side = int(rng.uniform(0, 0.2) * columns)
        lost[:, :front] = lost[:, rows - back :] = lost[:, :, :side] = lost[:, :, columns - side :] = True
    if not lost.any():
        return drawn
    blank = np.int16(rng.choice([-1024, -1000, 0], p=[0.7, 0.2, 0.1]))
    none = np.uint8(0)
    return Sampled(
        np.where(lost, blank, drawn.hu).astype(np.int16),
        np.where(lost, none, drawn.structure),
        np.where(lost, none, drawn.level),
        drawn.grid,
    )


def draw_coarse(
    rng: np.random.Generator,
    neck: Neck,
    growths: tuple[Growth, ...],
    *,
    plain_share: float,
) -> Sampled:
    """Return a whole scan, of the neck and whatever else was in the field, on the coarse grid."""
    low, high = _coverage(rng, neck)
    field_x, field_y = _field(rng)
    spine = _spine_between(neck, low, high)
    y0 = spine[:, 1].mean() + rng.uniform(-0.12, 0.05) * field_y - 0.12 * max(field_y - 150, 0)
    x0 = spine[:, 0].mean() + rng.normal(0, 0.06) * field_x
    box = np.array([[x0 - field_x / 2, y0 - field_y / 2, low], [x0 + field_x / 2, y0 + field_y / 2, high]])
    grid = Grid.over_box(box[0], box[1], spacing_mm=COARSE_SPACING_MM)
    scanner = with_look(_scanner_on(grid), rng, plain_share=plain_share)
    around = _around(rng, neck, grid)
    drawn = render(neck, growths, around, scanner, rng)
    hu = drawn.hu.reshape(scanner.slices, scanner.steps, scanner.rows, scanner.columns).mean(axis=1)
    return Sampled(
        _coarse_look(rng, hu, neck, grid, scanner, around.metal_mm), drawn.structure, drawn.level, grid
    )


def _coverage(rng: np.random.Generator, neck: Neck) -> tuple[float, float]:
    """Draw from where to where the scan runs, LPS z in mm."""

    def z(s: float) -> float:
        return float(neck.curve.point_at(s)[2])

    magnum, v = z(neck.foramen_magnum_s_mm), neck.vertebrae
    kind = rng.choice(7, p=[0.34, 0.26, 0.14, 0.08, 0.08, 0.05, 0.05])
    if kind == 0:  # neck
        return z(v[int(rng.integers(T1, T1 + 4))].s_mm) - 10, magnum + rng.uniform(-5, 40)
    if kind == 1:  # head and neck, as for radiotherapy
        return z(v[int(rng.integers(T1 + 1, len(v)))].s_mm), magnum + rng.uniform(40, 175)
    if kind == 2:  # upper end in view, cut off below
        return z(v[int(rng.integers(C2 + 1, C7 + 1))].s_mm) + rng.uniform(-9, 9), magnum + rng.uniform(0, 120)
    if kind == 3:  # cut off above, first rib in view
        return z(v[int(rng.integers(T1 + 1, T1 + 5))].s_mm), z(
            v[int(rng.integers(C2, C7))].s_mm
        ) + rng.uniform(-9, 9)
    if kind == 4:  # neither end
        top = z(v[int(rng.integers(C2 + 1, C2 + 3))].s_mm) + rng.uniform(-8, 4)
        return top - rng.uniform(45, 75), top
    if kind == 5:  # head alone
        return magnum + rng.uniform(-2, 30), magnum + rng.uniform(70, 175)
    return z(v[-1].s_mm) - 20, z(v[T1 + 1].s_mm) - rng.uniform(0, 12)  # chest alone


def _field(rng: np.random.Generator) -> tuple[float, float]:
    if rng.random() < 0.35:  # a spine's field
        side = float(rng.uniform(110, 180))
        return side, side * float(rng.uniform(0.9, 1.1))
    side = float(rng.uniform(180, 480))
    return side, float(min(side, 280) * rng.uniform(0.8, 1.0))


def _coarse_look(
    rng: np.random.Generator,
    hu: NDArray[np.float32],
    neck: Neck,
    grid: Grid,
    scanner: Scanner,
    metal_mm: NDArray[np.float64],
) -> NDArray[np.int16]:
    bands = hardening(hu, scanner.pixel_mm, strength=scanner.hardening)
    blur = rng.uniform(0, 0.45) if rng.random() < 0.6 else rng.uniform(0.45, 0.85)
    for axis, sigma in enumerate((rng.uniform(0, 0.6), blur, blur)):
        if sigma > 0.15:
            hu = gaussian_filter1d(hu, sigma, axis=axis)
    z, y, x = scanner.places()
    inside = shoulder_gain(neck, z)
    sd, louder = min(rng.lognormal(np.log(9), 0.7), 60), rng.uniform(0, 2)
    shape = (scanner.rows, scanner.columns)
    noise = noise_of(rng, shape, grain_mm=rng.uniform(0.5, 3), pixel_mm=scanner.pixel_mm, sharp=False)
    for k in range(len(hu)):
        hu[k] += noise.slice_of(rng, sd * (1 + louder * inside[k]), 1.5 * sd * scanner.starved * inside[k])
        hu[k] += spread(bands[k], shape, scanner.pixel_mm)
        discs = discs_at(metal_mm, z[k], scanner.slice_mm)
        if len(discs):
            hu[k] += metal_streaks(rng, discs, y, x, strength=scanner.metal)
    hu = _zeroed(rng, hu, neck, grid)
    return np.clip(np.rint(hu), -1024, 3071).astype(np.int16)


def _zeroed(rng: np.random.Generator, hu: NDArray[np.float32], neck: Neck, grid: Grid) -> NDArray[np.float32]:
    """Blank what a treatment plan would: beyond a box, or a few slices."""
    blank = float(rng.choice([-1024, -1000, 0], p=[0.6, 0.3, 0.1]))
    if rng.random() < 0.15:
        rows, columns = hu.shape[1:]
        front, side = int(rng.uniform(0, 0.3) * rows), int(rng.uniform(0, 0.25) * columns)
        hu[:, :front] = blank
        hu[:, :, :side] = blank
        hu[:, :, columns - side :] = blank
    if rng.random() < 0.12:
        k = int(rng.integers(0, hu.shape[0]))
        hu[k : k + int(rng.integers(1, 4))] = blank
    if rng.random() < 0.06:
        k = int(hu.shape[0] * rng.uniform(0.75, 1))
        hu[k:] = blank
    return hu


def _fine_grid(neck: Neck, low: float, high: float) -> Grid:
    spine = _spine_between(neck, low, high)
    least, most = spine.min(axis=0), spine.max(axis=0)
    return Grid.over_box(
        np.array([least[0] - SIDE_MM, least[1] - FRONT_MM, low]),
        np.array([most[0] + SIDE_MM, most[1] + BACK_MM, high]),
        spacing_mm=FINE_SPACING_MM,
    )


def _spine_between(neck: Neck, low: float, high: float) -> NDArray[np.float64]:
    points = neck.curve.points_lps
    inside = (points[:, 2] >= low) & (points[:, 2] <= high)
    return np.asarray(points[inside] if inside.any() else points[-1:])


def _scanner_on(grid: Grid) -> Scanner:
    slices, rows, columns = grid.shape
    return Scanner(
        pixel_mm=grid.spacing_mm[1],
        slice_mm=grid.spacing_mm[0],
        rows=rows,
        columns=columns,
        low_lps=grid.origin_lps,
        slices=slices,
    )


def _around(rng: np.random.Generator, neck: Neck, grid: Grid):  # type: ignore[no-untyped-def]
    low = np.array(grid.origin_lps)
    high = low + (np.array(grid.shape)[::-1] - 1) * np.array(grid.spacing_mm)[::-1]
    return plan_surroundings(rng, neck, low - MARGIN_MM, high + MARGIN_MM)


def _native(rng: np.random.Generator, grid: Grid) -> Grid | None:
    """Draw the scanner's own voxels; None where they are no coarser than the fine grid."""
    kind = rng.choice(5, p=[0.38, 0.2, 0.1, 0.18, 0.14])
    if kind == 0:
        return None
    pixels = ((0.5, 0.8), (0.5, 0.9), (0.9, 1.2), (2.5, 5.2))  # neck, its thick slices, planning, reduced
    slices = ((1.0, 2.5), (2.5, 5.0), (0.8, 5.0), (1.5, 3.0))
    pixel, thick = float(rng.uniform(*pixels[kind - 1])), float(rng.uniform(*slices[kind - 1]))
    step = np.array([pixel, pixel, thick])
    low = np.array(grid.origin_lps) + rng.uniform(0, 1, 3) * step
    high = np.array(grid.origin_lps) + (np.array(grid.shape)[::-1] - 1) * np.array(grid.spacing_mm)[::-1]
    return Grid.over_box(low - step, high + step, spacing_mm=(thick, pixel, pixel))
