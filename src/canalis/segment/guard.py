"""What the networks were never meant to see: told before they look, or beside what they found.

A CT that is none (noise, another modality's intensities, slices in no order) is refused before a
network looks. Metal across the canal, and slices that do not continue each other, leave a result that
is partial, with the places named.
"""

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.labels import ANATOMICAL_CANAL, RESIDUAL_CANAL
from canalis.volume import Mask, ScanWarning, Volume, slice_gap_mm, slices_first

Blocks = NDArray[np.float32]

BLOCK_MM: Final = 4.0  # noise is averaged away in blocks of this side, anatomy is not
LEAST_HU, MOST_HU = -1000.0, 1500.0
FAT_BELOW_HU: Final = -30
LEAST_FAT_OR_AIR: Final = 1e-3  # share of voxels; a necks' fat and airway alone are ten times that
LEAST_LIKENESS: Final = 0.4  # correlation of neighbouring blocks: 0 for noise, above 0.7 for any body
FAR_MM: Final = 20.0
LEAST_CHANGE_HU: Final = 25.0  # over 20 mm, or the order of slices cannot be told
SHUFFLED_SHARE: Final = 0.85  # of the change over 20 mm that neighbouring slices of a body never reach
BODY_HU: Final = -500.0
JUMP_RATIO, JUMP_HU = 3.0, 40.0  # to the changes around it: of 11 real scans at most 2.1, a shift of 6 mm 3.7
JUMP_OVER_MOST: Final = 2.0  # to what nine in ten of the changes stay below
JUMP_WINDOW: Final = 15
METAL_AT_CANAL_HU: Final = 2600
"""Of what hides the canal: dense bone stays below, streaks beside metal reach it. Less than the 2900 HU of
what is listed within 25 mm (`measurement/apart.py`), where teeth lie."""
METAL_AT_CANAL_MM: Final = 1.0  # from the canal
LEAST_METAL_AT_CANAL_MM3: Final = 4.0
CONTRAST_IN_CANAL: Final = "contrast-in-canal"
CONTRAST_HU: Final = 200.0
"""Of 23 phantoms and 15 real or dressed scans without contrast none has more than 139 in the canal; three
phantoms with it have 430 to 820."""
CONTRAST_PERCENTILE: Final = 85.0  # the cord, which stays dark, fills up to four fifths of the sac
WALL_MM: Final = 1.2  # beside the canal's walls bone shines in
SAMPLED_MM: Final = 0.7  # between voxels that tell the density of what fills the canal, where they lie closer
LEAST_INNER_VOXELS: Final = 200
LEAST_SLICE_VOXELS: Final = 30  # of a slice, to tell its spread
STREAK_HU: Final = 250.0
"""Deviation (half of the middle 68 %) of what fills the canal in a slice: faint ossification stands 300 HU
over it. On the Visible Human it is 31 at most, on validation necks without metal or contrast 190, beside
screws 190 to 600."""


def why_no_ct(volume: Volume) -> ScanWarning | None:
    """Return why a volume cannot be a CT of a body, or None.

    Parameters
    ----------
    volume : Volume
        Any volume with tissue in it.

    Returns
    -------
    ScanWarning or None
        ``not-hounsfield`` where nothing is as dark as fat or air, ``pixel-noise`` where neighbours have
        nothing in common, ``slices-unordered`` where neighbouring slices are no more alike than far ones.
    """
    thin = tuple(slice(None, None, max(1, n // 128)) for n in volume.shape)
    if float(np.mean(volume.hu[thin] < FAT_BELOW_HU)) < LEAST_FAT_OR_AIR:
        message = (
            f"Expected Hounsfield units, found no fat and no air (nothing below {FAT_BELOW_HU}). "
            "Check that this is a CT and that its rescale intercept was kept."
        )
        return ScanWarning("not-hounsfield", message)
    blocks = slices_in_blocks(volume)
    if likeness(blocks) < LEAST_LIKENESS:
        return ScanWarning("pixel-noise", "Expected a CT of a body, found noise in every slice.")
    near, far = changes(blocks, gap_mm=slice_gap_mm(volume))
    if far > LEAST_CHANGE_HU and near > SHUFFLED_SHARE * far:
        message = (
            "Neighbouring slices are no more alike than slices 20 mm apart: they are not in order. "
            "Export the series again."
        )
        return ScanWarning("slices-unordered", message)
    return None


def slices_in_blocks(volume: Volume) -> Blocks:
    """Return every slice across the body as means of blocks of 4 mm, slices first, HU clipped."""
    axis = slices_first(volume.affine)[0]
    hu = np.moveaxis(volume.hu, axis, 0)
    sides = [
        max(round(BLOCK_MM / s), 1) if a != axis else 1
        for a, s in enumerate(volume.spacing_mm)
    ]  # fmt: skip
    rows, columns = (side for a, side in enumerate(sides) if a != axis)
    count = (hu.shape[1] // rows, hu.shape[2] // columns)
    cut = hu[:, : count[0] * rows, : count[1] * columns]
    blocks = np.empty((len(hu), *count), dtype=np.float32)
    for k, plane in enumerate(cut):
        kept = np.clip(np.nan_to_num(plane.astype(np.float32), nan=LEAST_HU), LEAST_HU, MOST_HU)
        blocks[k] = kept.reshape(count[0], rows, count[1], columns).mean(axis=(1, 3))
    return blocks


def likeness(blocks: Blocks) -> float:
    """Return the correlation of blocks with their neighbours in the slice; 1 where all are the same."""
    near, own = blocks[:, :, 1:].ravel(), blocks[:, :, :-1].ravel()
    if own.size < 2 or own.std() == 0 or near.std() == 0:
        return 1.0
    return float(np.corrcoef(own, near)[0, 1])


def changes(blocks: Blocks, *, gap_mm: float) -> tuple[float, float]:
    """Return the mean change, HU, from slice to slice and over 20 mm."""
    step = max(round(FAR_MM / gap_mm), 2)
    if len(blocks) <= step:
        return 0.0, 0.0
    return tuple(float(np.abs(blocks[k:] - blocks[:-k]).mean()) for k in (1, step))  # type: ignore[return-value]


def slice_jumps(volume: Volume) -> list[ScanWarning]:
    """Return a warning where neighbouring slices do not continue each other.

    Parameters
    ----------
    volume : Volume
        A CT. Blank slices, and what is blanked in one of two slices, are not looked at.

    Returns
    -------
    list of ScanWarning
        ``slice-jump`` with the heights, LPS mm; empty where there is none.
    """
    change = changes_between(slices_in_blocks(volume))
    known = np.flatnonzero(np.isfinite(change))
    if len(known) < JUMP_WINDOW:
        return []
    usual = ndimage.median_filter(change[known], JUMP_WINDOW, mode="nearest")
    great = JUMP_OVER_MOST * np.percentile(change[known], 90)  # vertebrae of even height change together
    jumps = known[change[known] > np.maximum(np.maximum(JUMP_RATIO * usual, great), JUMP_HU)]
    if not len(jumps):
        return []
    axis = slices_first(volume.affine)[0]
    heights = volume.affine[2, 3] + volume.affine[2, axis] * (jumps + 0.5)
    named = ", ".join(f"{z:.0f}" for z in heights[:4])
    message = (
        f"Slices do not continue each other at z {named} mm{' and on' if len(heights) > 4 else ''}: "
        "the patient moved, or slices of two scans are mixed. Lengths near there may be wrong."
    )
    return [ScanWarning("slice-jump", message)]


def changes_between(blocks: Blocks) -> NDArray[np.float64]:
    """Return the mean change, HU, between each two slices where both show tissue; NaN where few do."""
    change = np.full(len(blocks) - 1, np.nan)
    for k, (one, other) in enumerate(pairwise(blocks)):
        body = (one > BODY_HU) & (other > BODY_HU)
        if body.sum() > 0.02 * body.size and one[body].std() > 1 and other[body].std() > 1:
            change[k] = float(np.abs(one[body] - other[body]).mean())
    return change


def metal_at_canal(mask: Mask, volume: Volume) -> NDArray[np.float64]:
    """Return where metal lies in the canal or touches it.

    Parameters
    ----------
    mask : Mask
        Labels of :mod:`canalis.labels` on the CT's voxels.
    volume : Volume
        The CT.

    Returns
    -------
    ndarray of shape (n, 3)
        Voxels of metal, LPS+ mm; none where they fill less than 4 mm³.
    """
    metal = volume.hu > METAL_AT_CANAL_HU
    canal = np.isin(mask.labels, ANATOMICAL_CANAL) if metal.any() else np.zeros(1, dtype=bool)
    if not canal.any():
        return np.zeros((0, 3))
    box = ndimage.find_objects(canal.astype(np.uint8))[0]
    reach = [max(round(METAL_AT_CANAL_MM / s), 1) for s in volume.spacing_mm]
    wide = tuple(
        slice(max(side.start - r, 0), side.stop + r) for side, r in zip(box, reach, strict=True)
    )  # fmt: skip
    near = ndimage.distance_transform_edt(~canal[wide], sampling=volume.spacing_mm) <= METAL_AT_CANAL_MM
    there = np.argwhere(near & metal[wide]) + [side.start for side in wide]
    if len(there) * float(np.prod(volume.spacing_mm)) < LEAST_METAL_AT_CANAL_MM3:
        return np.zeros((0, 3))
    return np.asarray(volume.to_lps(there.astype(np.float64)))


def metal_in_canal(metal_lps: NDArray[np.float64]) -> list[ScanWarning]:
    """Return a warning with the heights of metal in or at the canal; ``metal_lps`` of `metal_at_canal`."""
    if not len(metal_lps):
        return []
    message = (
        f"Metal in or at the canal {_heights(metal_lps)}: its streaks hide the canal's edges, and nothing "
        "was measured on the planes there."
    )
    return [ScanWarning("metal-in-canal", message)]


def inner_canal(mask: Mask, volume: Volume) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return what fills the residual canal away from its walls, in voxels about 0.7 mm apart.

    Parameters
    ----------
    mask : Mask
        Labels of :mod:`canalis.labels` on the CT's voxels.
    volume : Volume
        The CT.

    Returns
    -------
    index : ndarray of shape (n, 3)
        Of the voxels; none without a canal.
    hu : ndarray of shape (n,)
        Their density.
    """
    canal = mask.labels == RESIDUAL_CANAL
    if not canal.any():
        return np.zeros((0, 3), dtype=np.intp), np.zeros(0)
    box = ndimage.find_objects(canal.astype(np.uint8))[0]
    thinned = tuple(slice(None, None, max(1, int(SAMPLED_MM / mm))) for mm in volume.spacing_mm)
    sampled = np.pad(canal[box][thinned], 1)
    spacing = [mm * part.step for mm, part in zip(volume.spacing_mm, thinned, strict=True)]
    deep = ndimage.distance_transform_edt(sampled, sampling=spacing)[1:-1, 1:-1, 1:-1] >= WALL_MM
    steps, starts = [part.step for part in thinned], [side.start for side in box]
    return np.argwhere(deep) * steps + starts, volume.hu[box][thinned][deep].astype(np.float64)


def contrast_in_canal(inner_hu: NDArray[np.float64]) -> list[ScanWarning]:
    """Return a warning where contrast fills the canal around the cord, as in a CT myelogram; one at most.

    Parameters
    ----------
    inner_hu : ndarray of shape (n,)
        Density of what fills the canal, of :func:`inner_canal`.
    """
    about = np.percentile(inner_hu, CONTRAST_PERCENTILE) if len(inner_hu) >= LEAST_INNER_VOXELS else 0.0
    if about < CONTRAST_HU:
        return []
    message = (
        f"The canal holds contrast around the cord (about {about:.0f} HU), as after myelography. What "
        "is called ossification may be contrast, and ossification as dense as the contrast is not seen: its "
        "thickness, ratios and what it leaves free are not given, nor that there is none."
    )
    return [ScanWarning(CONTRAST_IN_CANAL, message)]


def streaks_at_canal(index: NDArray[np.intp], hu: NDArray[np.float64], volume: Volume) -> NDArray[np.float64]:
    """Return where streaks cross the canal, or noise fills it, so strongly that a mass in it would not show.

    Parameters
    ----------
    index, hu : ndarray of shape (n, 3) and (n,)
        What fills the canal, of :func:`inner_canal`; without contrast.
    volume : Volume
        The CT.

    Returns
    -------
    ndarray of shape (k, 3)
        The middle of each such slice of the canal, LPS+ mm.
    """
    slices = index[:, slices_first(volume.affine)[0]]
    middles = []
    for number in np.unique(slices):
        own = slices == number
        if own.sum() >= LEAST_SLICE_VOXELS:
            low, high = np.percentile(hu[own], [16, 84])
            if high - low >= 2 * STREAK_HU:
                middles.append(index[own].mean(axis=0))
    return np.asarray(volume.to_lps(np.array(middles).reshape(-1, 3)))


def streaks_in_canal(streaks_lps: NDArray[np.float64]) -> list[ScanWarning]:
    """Return a warning with the heights of streaks; ``streaks_lps`` of `streaks_at_canal`."""
    if not len(streaks_lps):
        return []
    message = (
        f"Streaks or noise fill the canal {_heights(streaks_lps)}, as beside metal, or the image ends inside "
        "it: an ossification would not show, and nothing was measured on the planes there."
    )
    return [ScanWarning("streaks-in-canal", message)]


def _heights(points_lps: NDArray[np.float64]) -> str:
    """Return from where to where points reach, in words."""
    low, high = round(points_lps[:, 2].min()), round(points_lps[:, 2].max())
    return f"at z {low} mm" if low == high else f"between z {low} and {high} mm"
