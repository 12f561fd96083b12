"""How a real scan looks: its blur, noise and densities, estimated from the scan itself."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.measurement.geometry import NeckGeometry
from canalis.phantom.front_wall import sample_rays
from canalis.volume import Volume

Floats = NDArray[np.float64]

BACK_STEP_MM, RAY_MM = 0.1, 11.0
LEAST_LAMINA_HU = 450.0  # above the canal: cortical bone, not its worn edge
QUARTERS_TO_FWHM = 2.355 / 1.349  # from a Gaussian edge's 25 to 75 % width to its FWHM
SHARP_SHARE = 25.0  # percentile of edge widths that is taken: rays that meet the lamina squarely
FWHM_RANGE_MM = (0.4, 2.5)
GRAIN_MM = 2.5  # structure coarser than this is anatomy, not noise
INSIDE_MM = 2.0  # from the canal's edge, where noise is read


@dataclass(frozen=True, slots=True)
class ScanLook:
    """What a mass must look like to belong to a scan.

    Attributes
    ----------
    fwhm_mm : float
        Blur in the plane, at the ventral edges of the laminae.
    noise_hu : float
        SD in the canal, finer than 2.5 mm.
    soft_hu : float
        Median density inside the canal.
    texture_hu : float
        SD of the marrow bone of the bodies beyond the noise.
    """

    fwhm_mm: float
    noise_hu: float
    soft_hu: float
    texture_hu: float


def look_of(volume: Volume, neck: NeckGeometry) -> ScanLook:
    """Return how a scan looks about its canal.

    Parameters
    ----------
    volume : Volume
        The CT.
    neck : NeckGeometry
        Where its canal and bodies are.

    Returns
    -------
    ScanLook
        Estimated from the scan alone.
    """
    ticks = neck.sections.back_mm
    frame = neck.frame.at(neck.frame.along_mm[::2])
    hu = sample_rays(volume, frame, ticks, ticks)
    deep = neck.sections.canal[::2] > min(INSIDE_MM, 0.9 * float(neck.sections.canal.max()))
    fine = hu - ndimage.gaussian_filter(hu, (0, *(GRAIN_MM / 2.355 / (ticks[1] - ticks[0]),) * 2))
    noise = _spread(fine[deep])
    marrow = _marrow(neck, ticks)[::2]
    texture = _spread(fine[marrow]) if marrow.any() else noise
    return ScanLook(
        fwhm_mm=_fwhm_mm(volume, neck),
        noise_hu=noise,
        soft_hu=float(np.median(hu[deep])),
        texture_hu=float(np.sqrt(max(texture**2 - noise**2, 0.0))),
    )


def _spread(values: Floats) -> float:
    """Return the SD of values, outliers aside."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _marrow(neck: NeckGeometry, ticks: Floats) -> NDArray[np.bool_]:
    """Return the middle of the bodies on the grid of the sections: 5 to 12 mm before the wall."""
    front = neck.canal.front_mm[:, neck.canal.midline]
    away = ticks[None, :] - np.nan_to_num(front, nan=0.0)[:, None]
    chosen = np.zeros((len(front), len(ticks), len(ticks)), dtype=bool)
    near = (away < -5) & (away > -12)
    for zone in neck.zones:
        if zone.part == "body" and zone.whole:
            quarter = (zone.lower_mm - zone.upper_mm) / 4
            rows = np.abs(neck.frame.along_mm - zone.middle_mm) < quarter
            chosen |= np.asarray(rows[:, None] & near)[:, :, None] & (np.abs(ticks) < 5)
    return chosen


def _fwhm_mm(volume: Volume, neck: NeckGeometry) -> float:
    """Return the blur at the edges from the canal to the laminae, in the squarest quarter of the rays."""
    left = np.arange(-8.0, 8.1, 0.8)
    rear = np.nanmedian(neck.canal.rear_mm[:, neck.canal.midline])
    back = np.arange(rear - RAY_MM, rear + RAY_MM, BACK_STEP_MM)
    hu = sample_rays(volume, neck.frame, back, left)
    drawn = np.stack([np.interp(left, neck.canal.left_mm, row) for row in neck.canal.rear_mm])
    away = back[None, :, None] - drawn[:, None, :]
    inside = np.where((away > -6) & (away < -2.5), hu, np.nan)
    peak_zone = np.where((away > -2) & (away < 4), hu, -np.inf)
    with np.errstate(invalid="ignore"):
        known = np.isfinite(inside).any(axis=1, keepdims=True)
        soft = np.nanmedian(np.where(known, inside, 0.0), axis=1)
    top, peak = np.argmax(peak_zone, axis=1), peak_zone.max(axis=1)
    widths = []
    for i, j in np.argwhere(np.isfinite(drawn) & (peak - soft > LEAST_LAMINA_HU)):
        rise = hu[i, : top[i, j] + 1, j]
        at = [_last_below(rise, soft[i, j] + share * (peak[i, j] - soft[i, j])) for share in (0.25, 0.75)]
        if None not in at:
            widths.append((at[1] - at[0]) * BACK_STEP_MM)  # type: ignore[operator]
    if not widths:
        return float(np.clip(1.5 * np.sort(volume.spacing_mm)[0], *FWHM_RANGE_MM))
    width = float(np.percentile(widths, SHARP_SHARE))
    return float(np.clip(QUARTERS_TO_FWHM * width, *FWHM_RANGE_MM))


def _last_below(rise: Floats, level: float) -> float | None:
    """Return where a profile last rises through a level, in samples; None where it never lies below."""
    below = np.flatnonzero(rise < level)
    if not len(below) or below[-1] + 1 >= len(rise):
        return None
    k = int(below[-1])
    return k + float((level - rise[k]) / (rise[k + 1] - rise[k]))
