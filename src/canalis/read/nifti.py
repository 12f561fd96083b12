"""NIfTI files to a Volume or a Mask, on the file's own voxel grid.

NIfTI counts x to the right and y to the front; here x grows to the left and y to the back. The array is
the file's, transposed: slice is the file's third axis, column its first, so that a label map can be
written back with the file's own shape, axis order and affine.
"""

import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from canalis.errors import GeometryError, ReadError
from canalis.read.geometry import SliceGeometry, geometry_warnings
from canalis.read.pixels import HU_LIMITS
from canalis.read.resample import AIR_HU, resample, right_grid
from canalis.read.sources import ImageFile
from canalis.volume import (
    RIGHT_ANGLE_TOLERANCE,
    Acquisition,
    HounsfieldArray,
    Mask,
    NiftiGrid,
    Progress,
    ScanWarning,
    Volume,
    slices_first,
)

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # its own inverse
MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # by code: unknown, metre, millimetre, micrometre
DAMAGED = (
    EOFError,
    OSError,
    HeaderDataError,
    WrapStructError,
    ValueError,
    OverflowError,
    KeyError,
    zlib.error,
)  # what a truncated or damaged file raises
CHUNK = 1 << 24  # bytes read between two calls of the progress callback


@dataclass(frozen=True, slots=True, eq=False)
class _Image:
    """What a file's header and data say, before they are judged."""

    stored: NDArray[Any]
    affine: NDArray[np.float64]
    slope: float
    intercept: float
    grid: NiftiGrid


def read_nifti(file: ImageFile, progress: Progress | None = None) -> Volume:
    """Return the CT in a NIfTI file.

    Parameters
    ----------
    file : ImageFile
        ``.nii`` or ``.nii.gz``, NIfTI 1 or 2; three axes, or more of length 1.
    progress : callable, optional
        Called as bytes are read.

    Returns
    -------
    Volume
        ``hu`` is the file's array transposed. int16 where the file holds whole numbers, else float32.

    Raises
    ------
    ReadError
        If it is truncated, has no numbers, or is not one three-dimensional image.
    GeometryError
        If its affine is not finite, or sheared other than by a gantry tilt.
    """
    image = _load(file, progress)
    hu, said = _hounsfield(image)
    if not (image.grid.sform_code or image.grid.qform_code):
        said.append(
            ScanWarning(
                "orientation-unknown", "The file states no orientation; head, front and left are guessed."
            )
        )
    if _right_angled(image.affine):
        slices, *inside = slices_first(image.affine)
        spacing = [float(mm) for mm in np.linalg.norm(image.affine[:3, :3], axis=0)]
        acquisition = Acquisition(
            kind="nifti",
            slices=hu.shape[slices],
            spacing_mm=(spacing[slices], spacing[inside[0]], spacing[inside[1]]),
            warnings=tuple(said),
            files=(file.path,),
            nifti_grid=image.grid,
        )
        return Volume(hu, image.affine, acquisition)
    return _straightened(hu, image, said, file.path, progress)


def read_label_map(path: Path) -> Mask:
    """Return a label map from a NIfTI file.

    Parameters
    ----------
    path : Path
        ``.nii`` or ``.nii.gz`` of whole numbers, as in :mod:`canalis.labels`.

    Raises
    ------
    ReadError
        If it is not there, is not NIfTI, or holds other numbers than 0 to 255.
    """
    if not path.is_file():
        raise ReadError(f"Expected a label map at {path}, found no file there. Check the path.")
    image = _load(ImageFile(str(path), 1, 1), None)
    values = image.stored if (image.slope, image.intercept) == (1, 0) else _scaled(image)
    whole = np.isfinite(values).all() and values.min() >= 0 and values.max() <= 255
    labels = values.astype(np.uint8) if whole else None
    if labels is None or not np.array_equal(labels, values):
        raise ReadError(f"Expected whole numbers from 0 to 255 in {path}, found others. Give a label map.")
    return Mask(labels, image.affine)


def _load(file: ImageFile, progress: Progress | None) -> _Image:
    try:
        with file.stream() as stream:
            header = _header(stream)
            stored = _stored(stream, header, progress)
    except DAMAGED as error:
        raise ReadError("The NIfTI file is truncated or damaged. Copy it again.") from error
    slope, intercept = _slope_and_intercept(header)
    affine_ras = _affine_ras(header)
    return _Image(
        stored=stored,
        affine=(RAS_TO_LPS @ affine_ras)[:, [2, 1, 0, 3]],
        slope=slope,
        intercept=intercept,
        grid=NiftiGrid(
            shape=tuple(int(n) for n in header.get_data_shape()),
            affine_ras=affine_ras,
            sform_code=max(int(header["sform_code"]), 0),
            qform_code=max(int(header["qform_code"]), 0),
        ),
    )


def _header(stream: Any) -> Nifti1Header:
    first = stream.read(348)
    if first[4:7] in (b"n+2", b"ni2"):
        header = Nifti2Header(first + stream.read(540 - 348), check=False)
    else:
        header = Nifti1Header(first, check=False)
    if bytes(header["magic"].item())[:2] == b"ni":
        raise ReadError(
            "The NIfTI file holds only a header; its voxels lie in another file. Convert it to .nii."
        )
    if header["pixdim"][0] == 0:
        header["pixdim"][0] = 1  # as the standard takes it (nifti1.h, method 2)
    return header


def _slope_and_intercept(header: Nifti1Header) -> tuple[float, float]:
    try:
        slope, intercept = header.get_slope_inter()
    except HeaderDataError as error:
        raise ReadError(
            "Expected a finite intercept (scl_inter) in the NIfTI header, found "
            f"{float(header['scl_inter'])}. Export it again."
        ) from error
    return 1.0 if slope is None else float(slope), 0.0 if intercept is None else float(intercept)


def _affine_ras(header: Nifti1Header) -> NDArray[np.float64]:
    """Return the file's affine, mm."""
    code = int(header["xyzt_units"]) % 8  # above these bits, the unit of time
    if code not in MM_PER_UNIT:
        raise ReadError(
            "Expected metres, millimetres or micrometres (code 1, 2 or 3) in the NIfTI header, found "
            f"unit code {code}. Export it again."
        )
    try:
        affine = header.get_best_affine()
    except (HeaderDataError, ValueError) as error:
        raise GeometryError(
            "Expected a rotation in the NIfTI header, found a quaternion or qfac that is none. "
            "Export it again."
        ) from error
    unit = MM_PER_UNIT[code]
    return np.asarray(np.diag([unit, unit, unit, 1.0]) @ affine)


def _stored(stream: Any, header: Nifti1Header, progress: Progress | None) -> NDArray[Any]:
    """Return the voxels as stored, slice by row by column, read straight into place."""
    shape = tuple(int(n) for n in header.get_data_shape())
    if len(shape) < 3 or any(n != 1 for n in shape[3:]) or min(shape[:3]) < 1:
        raise ReadError(f"Expected one three-dimensional CT, found a NIfTI image of shape {shape}.")
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf":
        raise ReadError(f"Expected one number a voxel, found {dtype} in the NIfTI file. Give a CT.")
    try:
        voxels = np.empty(shape[2::-1], dtype)
    except (MemoryError, OverflowError, ValueError) as error:
        raise ReadError(
            f"Expected a CT that fits into memory, found a NIfTI image of shape {shape}. "
            "If it is not that large, its header is damaged: copy it again."
        ) from error
    stream.seek(max(int(header["vox_offset"]), int(header["sizeof_hdr"])))
    view = memoryview(voxels.reshape(-1).view(np.uint8).data)
    done = 0
    while done < len(view):
        got = stream.readinto(view[done : done + CHUNK])
        if not got:
            raise EOFError
        done += got
        if progress is not None:
            progress("Reading", done, len(view))
    while stream.read(CHUNK):  # to the end, where gzip checks its sum
        pass
    return voxels


def _scaled(image: _Image) -> NDArray[np.float32]:
    scaled = image.stored.astype(np.float32)
    if image.slope != 1:
        scaled *= np.float32(image.slope)
    if image.intercept != 0:
        scaled += np.float32(image.intercept)
    return scaled


def _hounsfield(image: _Image) -> tuple[HounsfieldArray, list[ScanWarning]]:
    stored = image.stored
    if stored.dtype.kind in "iu" and image.slope == 1 and image.intercept.is_integer():
        low, high = int(stored.min()) + int(image.intercept), int(stored.max()) + int(image.intercept)
        if HU_LIMITS[0] <= low and high <= HU_LIMITS[1]:
            if image.intercept == 0:
                return stored.astype(np.int16, copy=False), []
            return (stored.astype(np.int32) + int(image.intercept)).astype(np.int16), []
    hu = _scaled(image)
    finite = np.isfinite(hu)
    if finite.all():
        return hu, []
    if not finite.any():
        raise ReadError(
            "Expected Hounsfield units, found no number in any voxel (all NaN). Export the CT again."
        )
    hu[~finite] = AIR_HU
    share = 100 * (1 - float(finite.mean()))
    return hu, [
        ScanWarning("not-a-number", f"{share:.2g} % of the voxels hold no number; they were read as air.")
    ]


def _right_angled(affine: NDArray[np.float64]) -> bool:
    if not np.isfinite(affine).all() or (np.linalg.norm(affine[:3, :3], axis=0) <= 0).any():
        raise GeometryError(
            "Expected a finite affine with spacings above 0 mm in the NIfTI file. Export it again."
        )
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(columns.T @ columns - np.eye(3)).max() <= RIGHT_ANGLE_TOLERANCE)


def _straightened(
    hu: HounsfieldArray,
    image: _Image,
    said: list[ScanWarning],
    path: str,
    progress: Progress | None,
) -> Volume:
    """Resample an image whose slices are stacked aslant, as a converter leaves a gantry tilt."""
    affine = image.affine
    row, column = affine[:3, 1], affine[:3, 2]
    row_spacing, column_spacing = math.hypot(*row), math.hypot(*column)
    geometry = SliceGeometry(
        origins_lps=affine[:3, 3] + np.arange(hu.shape[0])[:, np.newaxis] * affine[:3, 0],
        row_direction=row / row_spacing,
        column_direction=column / column_spacing,
        row_spacing_mm=row_spacing,
        column_spacing_mm=column_spacing,
        shape=(hu.shape[1], hu.shape[2]),
    )
    geometry, order = geometry.sorted_to_head()
    grid = right_grid(geometry)
    acquisition = Acquisition(
        kind="nifti",
        slices=hu.shape[0],
        spacing_mm=(geometry.usual_gap_mm, row_spacing, column_spacing),
        resampled=True,
        warnings=(*said, *geometry_warnings(geometry)),
        files=(path,),
        nifti_grid=image.grid,
    )
    return Volume(resample(hu[order], geometry, grid, progress), grid.affine, acquisition)
