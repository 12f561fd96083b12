"""A label map to ``segmentation.nii.gz``: on the input's own grid, RAS affine.

Inside Canalis everything is LPS+ mm (docs/coordinates.md); a NIfTI affine is RAS+ mm, so x and y change
their sign here.
"""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canalis.errors import GeometryError
from canalis.volume import Acquisition, Mask, NiftiGrid, reorder_axes

LABEL_MAP_NAME: Final = "segmentation.nii.gz"
SAME_GRID_TOLERANCE_MM: Final = 0.01  # a NIfTI header's float32 affine over 1000 slices stays below


def swap_lps_ras(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an affine to LPS+ mm as one to RAS+ mm, or the other way round: it undoes itself."""
    return np.asarray(np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)


def write_label_map(path: Path, mask: Mask, *, acquisition: Acquisition | None) -> None:
    """Write a label map as NIfTI.

    Parameters
    ----------
    path : Path
        Where to: ends in ``.nii.gz``.
    mask : Mask
        On the grid of the volume that was measured.
    acquisition : Acquisition or None
        How the volume was acquired. From NIfTI, the label map gets that file's shape, axis order and
        affine, in mm; otherwise its axes are column, row, slice with the slice index growing to the head.

    Raises
    ------
    GeometryError
        If the mask does not lie on the grid of the NIfTI file that it came from.
    """
    import nibabel

    labels, affine_ras, codes = _as_stored(mask, acquisition)
    image = nibabel.Nifti1Image(labels, affine_ras)
    image.header.set_xyzt_units("mm")
    image.header.set_intent("label")
    sform, qform = codes
    image.set_sform(affine_ras, code=sform)
    image.set_qform(affine_ras, code=qform, strip_shears=True)
    nibabel.save(image, str(path))


def _as_stored(
    mask: Mask, acquisition: Acquisition | None
) -> tuple[NDArray[np.uint8], NDArray[np.float64], tuple[int, int]]:
    if acquisition is not None and acquisition.nifti_grid is not None:
        grid = acquisition.nifti_grid
        labels = _on_grid(
            mask, shape=grid.shape[:3], affine_ras=grid.affine_ras, resampled=acquisition.resampled
        )
        return labels.reshape(grid.shape), grid.affine_ras, _codes(grid)
    flip_slices = bool(mask.affine[2, 0] < 0)
    labels, affine = reorder_axes(mask.labels, mask.affine, order=(2, 1, 0), flip=(False, False, flip_slices))
    return labels, swap_lps_ras(affine), (1, 1)


def _codes(grid: NiftiGrid) -> tuple[int, int]:
    """Return what the input's header says its sform and qform lead to; at least one must hold."""
    return (grid.sform_code or (0 if grid.qform_code else 1)), grid.qform_code


def _on_grid(
    mask: Mask, *, shape: tuple[int, ...], affine_ras: NDArray[np.float64], resampled: bool
) -> NDArray[np.uint8]:
    """Return the labels on a file's grid: the same voxels in its axis order, or resampled back onto it."""
    affine = swap_lps_ras(affine_ras)
    if resampled:
        return resample_labels(mask, shape=shape, affine=affine)
    turned = np.rint((np.linalg.inv(affine) @ mask.affine)[:3, :3])
    order = tuple(int(axis) for axis in np.abs(turned).argmax(axis=1))
    if sorted(order) != [0, 1, 2]:
        raise _not_on_grid(mask, shape)
    flips = [bool(turned[row, axis] < 0) for row, axis in enumerate(order)]
    labels, found = reorder_axes(
        mask.labels, mask.affine, order=(order[0], order[1], order[2]), flip=(flips[0], flips[1], flips[2])
    )
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in labels.shape])).reshape(3, -1)
    apart_mm = (found - affine)[:3] @ np.vstack([corners, np.ones(corners.shape[1])])
    if labels.shape != tuple(shape) or np.abs(apart_mm).max() > SAME_GRID_TOLERANCE_MM:
        raise _not_on_grid(mask, shape)
    return labels


def resample_labels(mask: Mask, *, shape: tuple[int, ...], affine: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return the label at each voxel of another grid: that of the nearest voxel, 0 outside the mask.

    Parameters
    ----------
    mask : Mask
        On any grid.
    shape : tuple of int
        Of the wanted grid, three axes.
    affine : ndarray of shape (4, 4)
        Index of the wanted grid to LPS+ mm. Its axes need not be at right angles (gantry tilt).

    Returns
    -------
    ndarray of shape ``shape``
        uint8.
    """
    from scipy.ndimage import affine_transform

    to_mask = np.linalg.inv(mask.affine) @ affine
    offset, size = to_mask[:3, 3], tuple(shape)
    # plain "constant" would call a voxel a rounding error outside the first one empty
    return np.asarray(
        affine_transform(mask.labels, to_mask[:3, :3], offset, size, order=0, mode="grid-constant")
    )


def _not_on_grid(mask: Mask, shape: tuple[int, ...]) -> GeometryError:
    return GeometryError(
        f"Expected the label map on the grid of the NIfTI file, {tuple(shape)} voxels, found {mask.shape} "
        "voxels elsewhere. Measure the file again."
    )
