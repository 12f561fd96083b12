"""Real label maps of vertebrae dressed as CT, and their canal where the ring of bone is closed.

Not a benchmark itself: ``bench/ablation_cases.py`` uses it. Nothing of the label maps is kept.
"""

from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import UnivariateSpline
from skimage.measure import find_contours

from canalis.volume import Mask, Volume

FIRST_LABEL, LAST_LABEL = 2, 8  # C2 to T1
MARGIN_MM = 26.0
SOFT_HU, MARROW_HU, CORTEX_HU, CORTEX_MM = 45.0, 320.0, 1150.0, 1.0
FWHM_MM, GRAIN_MM = 0.8, 0.35
LEAST_HOLE_MM2, MOST_HOLE_MM2 = 100.0, 600.0  # a transverse foramen has under 60
STEP_MM, FINE_MM, HALF_MM = 4.0, 0.25, 24.0
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

Cut = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def dressed(path: Path, *, slice_mm: float, noise_hu: float, seed: int) -> tuple[Mask, Volume]:
    """Return the labels' bone (0 or 1), and the CT a scanner would have made of it."""
    bone = bone_of(path)
    spacing = bone.spacing_mm
    deep = ndimage.distance_transform_edt(bone.labels, sampling=spacing)
    hu = np.where(deep > CORTEX_MM, MARROW_HU, np.where(deep > 0, CORTEX_HU, SOFT_HU)).astype(np.float32)
    sigma = FWHM_MM / 2.355
    hu = ndimage.gaussian_filter(hu, (0, sigma / spacing[1], sigma / spacing[2]))
    together = max(round(slice_mm / spacing[0]), 1)
    kept = len(hu) // together * together
    hu = hu[:kept].reshape(-1, together, *hu.shape[1:]).mean(axis=1)
    grain = np.random.default_rng(seed).normal(size=hu.shape).astype(np.float32)
    grain = ndimage.gaussian_filter(grain, (0, GRAIN_MM / spacing[1], GRAIN_MM / spacing[2]))
    hu += grain * np.float32(noise_hu / grain.std())
    affine = bone.affine.copy()
    affine[:3, 3] += affine[:3, 0] * (together - 1) / 2
    affine[:3, 0] *= together
    return bone, Volume(hu.astype(np.float32), affine)


def bone_of(path: Path) -> Mask:
    image = nib.load(path)
    labels = np.asarray(image.dataobj).astype(np.uint8).transpose(2, 1, 0)
    affine = (RAS_TO_LPS @ image.affine)[:, [2, 1, 0, 3]]
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    wanted = np.argwhere((labels >= FIRST_LABEL) & (labels <= LAST_LABEL))
    margin = np.array([0, *(MARGIN_MM / spacing[1:])])
    low = np.maximum(wanted.min(axis=0) - margin, 0).astype(int)
    high = np.minimum(wanted.max(axis=0) + margin + 1, labels.shape).astype(int)
    cut = labels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    affine = affine.copy()
    affine[:3, 3] += affine[:3, :3] @ low
    return Mask((cut > 0).astype(np.uint8), affine)


def closed_rings(bone: Mask) -> tuple[list[Cut], NDArray[np.float64], NDArray[np.bool_]]:
    """Return planes down the canal, the true outlines (K, 256, 2), and where the ring is closed (K,).

    A plane is its centre and unit vectors to the back and to the left. Where the ring is open the
    outline is that of the nearest closed one, and only holds the place.
    """
    from ablation_cases import from_the_back

    centers, tangents = _canal_line(bone)
    cuts, outlines = [], []
    for center, up in zip(centers, tangents, strict=True):
        back = np.array([0.0, 1.0, 0.0]) - up[1] * up
        back /= np.linalg.norm(back)
        cut = (center, back, np.cross(back, up))
        cuts.append(cut)
        line = _hole_outline(bone, cut)
        outlines.append(None if line is None else from_the_back(line, 256))
    closed = np.array([line is not None for line in outlines])
    known = np.flatnonzero(closed)
    nearest = [known[np.argmin(np.abs(known - k))] for k in range(len(cuts))]
    return cuts, np.stack([outlines[k] for k in nearest]), closed


def _canal_line(bone: Mask) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points every STEP_MM along the canal and unit tangents to the head, from the holes of axial slices."""
    _, row_mm, column_mm = bone.spacing_mm
    found = []
    for k, plane in enumerate(bone.labels.astype(bool)):
        parts, count = ndimage.label(ndimage.binary_fill_holes(plane) & ~plane)
        sizes = np.bincount(parts.ravel())[1:] * row_mm * column_mm if count else np.zeros(0)
        if count and LEAST_HOLE_MM2 < sizes.max() < MOST_HOLE_MM2:
            middle = ndimage.center_of_mass(parts == sizes.argmax() + 1)
            found.append(bone.to_lps(np.array([k, *middle])))
    points = np.array(found)
    points = points[np.argsort(points[:, 2])]
    z = np.arange(points[0, 2] + 1, points[-1, 2] - 1, STEP_MM)
    splines = [UnivariateSpline(points[:, 2], points[:, a], k=3, s=len(points) * 0.5) for a in (0, 1)]
    centers = np.stack([splines[0](z), splines[1](z), z], axis=-1)
    tangents = np.stack([splines[0](z, 1), splines[1](z, 1), np.ones_like(z)], axis=-1)
    return centers, tangents / np.linalg.norm(tangents, axis=-1, keepdims=True)


def places_on(cut: Cut) -> NDArray[np.float64]:
    """Return the LPS+ mm of a plane's fine pixels, to the back along rows and to the left along columns."""
    center, back, left = cut
    across = np.arange(-HALF_MM, HALF_MM, FINE_MM)
    return center + across[:, None, None] * back + across[None, :, None] * left


def hole_at(bone: Mask, cut: Cut) -> tuple[NDArray[np.bool_] | None, NDArray[np.float32]]:
    """Return the hole in a plane's bone that holds its centre, None if it is open, and the share of bone."""
    index = np.moveaxis(bone.to_index(places_on(cut)), -1, 0)
    share = ndimage.map_coordinates(bone.labels.astype(np.float32), index, order=1, mode="nearest")
    plane = share > 0.5
    parts, _ = ndimage.label(ndimage.binary_fill_holes(plane) & ~plane)
    middle = parts[parts.shape[0] // 2, parts.shape[1] // 2]
    hole = parts == middle
    if middle == 0 or not LEAST_HOLE_MM2 < hole.sum() * FINE_MM**2 < MOST_HOLE_MM2:
        return None, share
    return hole, share


def _hole_outline(bone: Mask, cut: Cut) -> NDArray[np.float64] | None:
    """Return the outline, mm, of the hole in a plane's bone that holds its centre; None if it is open."""
    hole, share = hole_at(bone, cut)
    if hole is None:
        return None
    near = ndimage.binary_dilation(hole, iterations=2)
    lines = find_contours(np.where(near, share, 1.0), 0.5)
    return max(lines, key=len) * FINE_MM
