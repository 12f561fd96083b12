"""The values that every stage shares: a CT, a label map, and where each sits in the patient."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from canalis.errors import GeometryError

ScalarT = TypeVar("ScalarT", bound=np.generic)

RIGHT_ANGLE_TOLERANCE = 1e-3  # cosine between two axes: 0.06 degrees, far below half a voxel over a neck
GEOMETRY_TOLERANCE_MM = 1e-3  # two grids this close at every corner are one grid
SAME_VOXELS_MM = 0.02  # what float32 headers and other programs' rounding make of one grid

HounsfieldArray = NDArray[np.int16] | NDArray[np.float32]

Progress = Callable[[str, int, int], None]
"""Called as work goes on: what is being done ("Reading"), steps done, steps in all."""

LARGEST_PIXEL_MM: Final = 1.5  # over which no length, area or volume is given
LARGEST_GAP_MM: Final = 3.0  # between acquired slices, over which no length on them is given

INCOMPLETE_SCAN_CODES: Final = ("missing-slices", "unreadable-slices")
"""Codes of the warnings after which a result is partial at best."""


@dataclass(frozen=True, slots=True)
class ScanWarning:
    """Something the reader of a result must know.

    Attributes
    ----------
    code : str
        Short and stable, words joined by hyphens, such as ``gantry-tilt``.
    message : str
        One plain sentence with figures and units, never with a patient's name.
    level : str or None
        The level it concerns, or None for the whole scan.
    places : tuple of str
        Bodies and discs that the message names: the page tells it there too.
    """

    code: str
    message: str
    level: str | None = None
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class NiftiGrid:
    """How a NIfTI file keeps its voxels, for a label map that is to lie on the same ones.

    Attributes
    ----------
    shape : tuple of int
        Of the file's array: three axes, and any of length 1 after them.
    affine_ras : ndarray of shape (4, 4)
        Index in the file's own axis order to RAS+ mm, whatever unit the file counts in.
    sform_code, qform_code : int
        What the file's header says its affines lead to.
    """

    shape: tuple[int, ...]
    affine_ras: NDArray[np.float64]
    sform_code: int
    qform_code: int


@dataclass(frozen=True, slots=True, eq=False)
class Acquisition:
    """What is known of how a volume came to be, beside its voxels.

    Attributes
    ----------
    kind : str
        ``dicom``, ``nifti`` or ``array``.
    slices : int
        Slices as acquired, before any resampling.
    spacing_mm : tuple of float
        Slice, row and column spacing as acquired, mm.
    series_hash : str or None
        Hash of the series instance UID, or None where there is none.
    source_gap_mm : ndarray of shape (slices,) or None
        For each slice of the volume, the distance between the two acquired slices around it, mm.
        None where every gap is the slice spacing.
    resampled : bool
        True when the voxels are not those of the files (gantry tilt, uneven gaps).
    warnings : tuple of ScanWarning
        What the reader noticed.
    files : tuple of str
        Paths of the source files in slice order, or their names in a zip; kept out of every output.
    nifti_grid : NiftiGrid or None
        Of the NIfTI file it was read from.
    """

    kind: Literal["dicom", "nifti", "array"]
    slices: int
    spacing_mm: tuple[float, float, float]
    series_hash: str | None = None
    source_gap_mm: NDArray[np.float64] | None = None
    resampled: bool = False
    warnings: tuple[ScanWarning, ...] = ()
    files: tuple[str, ...] = field(default=(), repr=False)
    nifti_grid: NiftiGrid | None = None


def slices_first(affine: NDArray[np.float64]) -> tuple[int, int, int]:
    """Return an array's axes, the one along the body first and the others as they are.

    Parameters
    ----------
    affine : ndarray of shape (4, 4)
        Index to LPS+ mm.

    Returns
    -------
    tuple of int
        The axis that runs most from foot to head, whatever place a file keeps it in and however far apart
        its voxels are; then the other two.
    """
    along = int(np.abs(affine[2, :3] / np.linalg.norm(affine[:3, :3], axis=0)).argmax())
    row, column = (axis for axis in range(3) if axis != along)
    return along, row, column


def _checked_affine(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    affine = np.array(affine, dtype=np.float64)
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise GeometryError(
            f"Expected a finite 4 x 4 affine, found shape {affine.shape}. Give index to LPS mm."
        )
    columns = affine[:3, :3]
    lengths = np.linalg.norm(columns, axis=0)
    if (lengths <= 0).any():
        raise GeometryError(
            f"Expected three spacings above 0 mm, found {lengths.tolist()}. Check the affine."
        )
    cosines = (columns / lengths).T @ (columns / lengths) - np.eye(3)
    if np.abs(cosines).max() > RIGHT_ANGLE_TOLERANCE:
        worst = float(np.degrees(np.arcsin(np.abs(cosines).max())))
        raise GeometryError(
            f"Expected axes at right angles, found them {worst:.2f} degrees off. "
            "Read tilted slices with canalis.read_volume, which resamples them."
        )
    affine.flags.writeable = False
    return affine


def _frozen(array: NDArray[np.generic]) -> NDArray[np.generic]:
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


class _Grid:
    """What a CT and a label map have in common: voxels with a place."""

    __slots__ = ()
    affine: NDArray[np.float64]

    @property
    def _voxels(self) -> NDArray[np.generic]:
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows and columns."""
        a, b, c = self._voxels.shape
        return a, b, c

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along each array axis, mm."""
        a, b, c = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(a), float(b), float(c)

    def to_lps(self, index: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the LPS+ mm of voxel indices, both of shape (..., 3), index as (slice, row, column)."""
        return np.asarray(np.asarray(index) @ self.affine[:3, :3].T + self.affine[:3, 3])

    def to_index(self, points_lps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return fractional (slice, row, column) of LPS+ mm points, both of shape (..., 3)."""
        inverse = np.linalg.inv(self.affine[:3, :3])
        return np.asarray((np.asarray(points_lps) - self.affine[:3, 3]) @ inverse.T)

    def geometry_equal(self, other: "_Grid") -> bool:
        """Return True when both have the same shape and every corner lies within a micrometre."""
        if self.shape != other.shape:
            return False
        return self._farthest_mm(other) < GEOMETRY_TOLERANCE_MM

    def _farthest_mm(self, other: "_Grid") -> float:
        """Return how far the corners of this grid lie from the same indices of another."""
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape])).reshape(3, -1).T.astype(float)
        return float(np.abs(self.to_lps(corners) - other.to_lps(corners)).max())


def _described(grid: _Grid) -> str:
    return f"{grid.shape} of " + " x ".join(f"{spacing:.3g}" for spacing in grid.spacing_mm) + " mm"


@dataclass(frozen=True, slots=True, eq=False)
class Volume(_Grid):
    """CT intensities and where they sit in the patient.

    Attributes
    ----------
    hu : ndarray of shape (slices, rows, columns)
        Hounsfield units, float32 or int16. Read-only.
    affine : ndarray of shape (4, 4)
        Voxel-centre index (slice, row, column, 1) to LPS+ millimetres.
    acquisition : Acquisition or None
        How it was acquired. None for an array made in memory.

    Raises
    ------
    GeometryError
        If the array is not three-dimensional, the affine is not finite, or its axes are not at right
        angles.
    """

    hu: NDArray[np.float32] | NDArray[np.int16]
    affine: NDArray[np.float64]
    acquisition: Acquisition | None = None

    def __post_init__(self) -> None:
        if self.hu.ndim != 3 or min(self.hu.shape) < 1:
            raise GeometryError(f"Expected slices x rows x columns, found shape {self.hu.shape}.")
        if self.hu.dtype not in (np.float32, np.int16):
            raise GeometryError(f"Expected float32 or int16 Hounsfield units, found {self.hu.dtype}.")
        object.__setattr__(self, "hu", _frozen(self.hu))
        object.__setattr__(self, "affine", _checked_affine(self.affine))

    @property
    def _voxels(self) -> NDArray[np.generic]:
        return self.hu

    def with_axes(self, order: tuple[int, int, int], flip: tuple[bool, bool, bool]) -> Self:
        """Return the same voxels at the same places, stored in another axis order.

        Parameters
        ----------
        order : tuple of int
            Which present axis becomes the first, second and third.
        flip : tuple of bool
            Which of the new axes then run backwards.

        Returns
        -------
        Volume
            A value with the same voxel at every LPS point.
        """
        hu, affine = reorder_axes(self.hu, self.affine, order=order, flip=flip)
        return replace(self, hu=cast(HounsfieldArray, hu), affine=affine)


def slice_gap_mm(volume: Volume) -> float:
    """Return how far apart a scan's voxels are along the body, mm."""
    return volume.spacing_mm[slices_first(volume.affine)[0]]


@dataclass(frozen=True, slots=True, eq=False)
class Mask(_Grid):
    """A label map and where it sits in the patient.

    Attributes
    ----------
    labels : ndarray of shape (slices, rows, columns)
        uint8, as in :mod:`canalis.labels`. Read-only.
    affine : ndarray of shape (4, 4)
        Voxel-centre index (slice, row, column, 1) to LPS+ millimetres.
    """

    labels: NDArray[np.uint8]
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.labels.ndim != 3 or self.labels.dtype != np.uint8:
            raise GeometryError(
                "Expected a three-dimensional uint8 label map, "
                f"found {self.labels.dtype} {self.labels.shape}."
            )
        object.__setattr__(self, "labels", _frozen(self.labels))
        object.__setattr__(self, "affine", _checked_affine(self.affine))

    @property
    def _voxels(self) -> NDArray[np.generic]:
        return self.labels

    def with_axes(self, order: tuple[int, int, int], flip: tuple[bool, bool, bool]) -> Self:
        """Return the same labels at the same places, stored in another axis order (see Volume)."""
        labels, affine = reorder_axes(self.labels, self.affine, order=order, flip=flip)
        return replace(self, labels=labels, affine=affine)

    def on_grid_of(self, grid: _Grid) -> Self:
        """Return the same labels in the axis order of another grid, whose voxels must be these.

        Raises
        ------
        GeometryError
            If the voxels of the two are not at the same places.
        """
        turned = np.rint(np.linalg.inv(self.affine[:3, :3]) @ grid.affine[:3, :3] * 2) / 2
        a, b, c = (int(i) for i in np.abs(turned).argmax(axis=0))
        found = self
        if sorted((a, b, c)) == [0, 1, 2]:
            backwards = [bool(turned[axis, i] < 0) for i, axis in enumerate((a, b, c))]
            found = self.with_axes((a, b, c), (backwards[0], backwards[1], backwards[2]))
        if found.shape != grid.shape or found._farthest_mm(grid) > SAME_VOXELS_MM:
            raise GeometryError(
                f"Expected a label map on the voxels of the CT, {_described(grid)}, "
                f"found {_described(self)} elsewhere. Save it with the CT as its reference."
            )
        return replace(found, affine=grid.affine)


def reorder_axes(
    voxels: NDArray[ScalarT],
    affine: NDArray[np.float64],
    *,
    order: tuple[int, int, int],
    flip: tuple[bool, bool, bool],
) -> tuple[NDArray[ScalarT], NDArray[np.float64]]:
    """Return voxels in another axis order, with the affine that leaves each where it was.

    Parameters
    ----------
    voxels : ndarray of shape (a, b, c)
        Any type.
    affine : ndarray of shape (4, 4)
        Index of ``voxels`` to LPS+ mm.
    order : tuple of int
        Which present axis becomes the first, second and third.
    flip : tuple of bool
        Which of the new axes then run backwards.

    Returns
    -------
    voxels : ndarray
        A view.
    affine : ndarray of shape (4, 4)
        Index of the view to LPS+ mm.
    """
    if sorted(order) != [0, 1, 2]:
        raise GeometryError(f"Expected an order of the axes 0, 1 and 2, found {order}.")
    columns = affine[:3, :3][:, list(order)].copy()
    origin = affine[:3, 3].copy()
    turned = voxels.transpose(order)
    for axis, backwards in enumerate(flip):
        if backwards:
            origin += columns[:, axis] * (turned.shape[axis] - 1)
            columns[:, axis] *= -1
    after = np.eye(4)
    after[:3, :3], after[:3, 3] = columns, origin
    return turned[tuple(slice(None, None, -1 if backwards else 1) for backwards in flip)], after


@dataclass(frozen=True, slots=True, eq=False)
class Probability(_Grid):
    """How surely each voxel belongs to one structure, and where it sits in the patient.

    Attributes
    ----------
    values : ndarray of shape (slices, rows, columns)
        uint8, 0 to 255 for 0 to 1; the structure's edge is where it crosses 127.5. Read-only.
    affine : ndarray of shape (4, 4)
        Voxel-centre index (slice, row, column, 1) to LPS+ millimetres.
    """

    values: NDArray[np.uint8]
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.dtype != np.uint8:
            raise GeometryError(
                "Expected a three-dimensional uint8 probability, "
                f"found {self.values.dtype} {self.values.shape}."
            )
        object.__setattr__(self, "values", _frozen(self.values))
        object.__setattr__(self, "affine", _checked_affine(self.affine))

    @property
    def _voxels(self) -> NDArray[np.generic]:
        return self.values
