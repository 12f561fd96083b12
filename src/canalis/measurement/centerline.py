"""The canal's centreline: through the centres of its sections, smoothed over holes and ends."""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_smoothing_spline

from canalis.measurement.edges import EdgeField
from canalis.measurement.frame import MovingFrame, frame_of_line
from canalis.measurement.sections import NEAR_CUT_MM, Extent, ragged_ends

Floats = NDArray[np.float64]

SLAB_MM = 2.0  # thickness of the slabs that the first line goes through
SECTION_STEP_MM = 2.0  # between the sections that later lines go through
SECTION_PIXEL_MM = 1.0  # a section's centre is a mean over 300 pixels: finer ones add nothing
SECTION_HALF_MM = 22.0  # holds the canal at C1, 30 mm deep
SMOOTHING_WAVELENGTH_MM = 40.0
"""Waves shorter than this are halved or more: a body and its disc, 20 mm, is a wave of the outline and
not of the neck; a neck's bend has a radius of 100 mm and more."""
ROUNDS = 3  # sections perpendicular to the line before; moves below 0.05 mm after the third
LEAST_LENGTH_MM = 12.0  # a shorter piece of canal has no direction of its own
CUT_MM2 = 3.0  # of a section that may lie beyond the canal's ends before its centre is not believed
STATION_STEP_MM = 0.5  # between places of the profile


def trace_centerline(canal: EdgeField, extent: Extent) -> MovingFrame | None:
    """Return the centreline of a canal, head to foot, or None where the canal is too short.

    Parameters
    ----------
    canal : EdgeField
        Of the anatomical canal.
    extent : Extent
        Where the canal was looked for: sections that leave it do not count.

    Returns
    -------
    MovingFrame or None
        At steps of 0.5 mm, with the scanner's back for the direction to the back.
    """
    centers, weights = _slab_centers(canal)
    for _ in range(ROUNDS):
        line = smooth_line(centers, weights)
        if line is None:
            return None
        frame = frame_of_line(line, step_mm=SECTION_STEP_MM)
        centers, weights = _section_centers(canal, extent, frame)
    line = smooth_line(centers, weights)
    return None if line is None else frame_of_line(line, step_mm=STATION_STEP_MM)


def _slab_centers(canal: EdgeField) -> tuple[Floats, Floats]:
    """Return centres of slabs along LPS z, head to foot, and how full each is."""
    index = np.argwhere(canal.values > 0)
    points = index @ canal.affine[:3, :3].T + canal.affine[:3, 3]
    thick = max(SLAB_MM, 1.01 * float(np.abs(canal.affine[2, :3]).max()))
    slab = ((points[:, 2].max() - points[:, 2]) / thick).astype(int)
    count = np.bincount(slab)
    sums = np.stack([np.bincount(slab, points[:, k]) for k in range(3)], axis=1)
    held = count > 0
    return sums[held] / count[held, None], np.minimum(1.0, count[held] / np.median(count[held]))


def _section_centers(canal: EdgeField, extent: Extent, frame: MovingFrame) -> tuple[Floats, Floats]:
    """Return centres of sections across the line and their weights; empty or cut ones weigh nothing."""
    ticks = np.arange(-SECTION_HALF_MM, SECTION_HALF_MM + 0.1, SECTION_PIXEL_MM)
    field = canal.sample(frame, ticks, ticks)
    share = np.clip(field + 0.5, 0.0, 1.0)
    full = share.sum(axis=(1, 2))
    at = np.maximum(full, 1e-6)[:, None]
    back = (share.sum(axis=2) @ ticks)[:, None] / at
    left = (share.sum(axis=1) @ ticks)[:, None] / at
    centers = frame.centers_lps + back * frame.posteriors_lps + left * frame.lefts_lps
    if not (full > 0).any():
        return frame.centers_lps, np.zeros(len(full))
    lost = (field > NEAR_CUT_MM) & ~extent.holds(frame, ticks, ticks)
    whole = (full > 0) & (lost.sum(axis=(1, 2)) * SECTION_PIXEL_MM**2 <= CUT_MM2)
    whole &= ~ragged_ends(full, SECTION_STEP_MM)
    if whole.sum() < 4:
        whole = full > 0
    reached = np.flatnonzero(full > 0)
    kept = slice(reached[0], reached[-1] + 1)
    centers = np.where(whole[:, None], centers, frame.centers_lps)
    weights = whole * np.minimum(1.0, full / np.median(full[whole]))
    return centers[kept], weights[kept]


def smooth_line(centers: Floats, weights: Floats) -> Floats | None:
    """Return a dense smooth line through weighted centres, head to foot, drawn on to the first and last.

    Parameters
    ----------
    centers : ndarray of shape (n, 3)
        LPS+ mm.
    weights : ndarray of shape (n,)
        0 leaves a centre out.

    Returns
    -------
    ndarray of shape (m, 3) or None
        Every 0.5 mm; None with fewer than five centres or less than 12 mm between them.
    """
    steps = np.linalg.norm(np.diff(centers, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(np.maximum(steps, 1e-3))])
    held = weights > 0
    if held.sum() < 5 or along[held][-1] - along[held][0] < LEAST_LENGTH_MM:
        return None
    density = held.sum() / (along[held][-1] - along[held][0])
    stiffness = density * (SMOOTHING_WAVELENGTH_MM / (2 * np.pi)) ** 4
    dense = np.arange(along[0], along[-1] + 0.25, 0.5)
    inner = np.clip(dense, along[held][0], along[held][-1])
    line = np.empty((len(dense), 3))
    for k in range(3):
        spline = make_smoothing_spline(along[held], centers[held, k], w=weights[held], lam=stiffness)
        line[:, k] = spline(inner) + (dense - inner) * spline.derivative()(inner)
    return line
