"""Planes across the canal, and pictures of a CT on them and along the midsagittal surface.

In a plane, positions are (left, posterior) mm from its centre: left is the patient's left, posterior
the vertebra's own direction to the back. Rows of a picture run to the back and columns to the
patient's left, so that shown as it is, it is the radiologist's axial view seen from below: front
up, the patient's left on the right.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.errors import MeasurementError
from canalis.measurement.measurements import PlaneMeasurement
from canalis.volume import Volume

AIR_HU = -1024.0  # what lies outside the scan
PICTURE_PIXEL_MM = 0.25  # below the finest pixel in use (0.29 mm), so that no detail is lost


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return vectors of shape (..., 3) at length one."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A measuring plane.

    Attributes
    ----------
    center_lps : ndarray of shape (3,)
        Its origin, LPS+ mm.
    normal_lps : ndarray of shape (3,)
        Unit vector along the canal, to the head.
    posterior_lps : ndarray of shape (3,)
        Unit vector in the plane, to the back, in the vertebra's own direction.
    """

    center_lps: NDArray[np.float64]
    normal_lps: NDArray[np.float64]
    posterior_lps: NDArray[np.float64]

    @property
    def left_lps(self) -> NDArray[np.float64]:
        """Unit vector in the plane, to the patient's left."""
        return np.cross(self.posterior_lps, self.normal_lps)

    def to_lps(self, left_mm: NDArray[np.float64], posterior_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return LPS+ mm points, shape (..., 3), of positions in the plane, both of shape (...)."""
        left, posterior = np.asarray(left_mm)[..., None], np.asarray(posterior_mm)[..., None]
        return np.asarray(self.center_lps + left * self.left_lps + posterior * self.posterior_lps)

    def to_plane(self, points_lps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (left, posterior) mm, shape (..., 2), of LPS+ mm points; their height is dropped."""
        offset = np.asarray(points_lps) - self.center_lps
        return np.stack([offset @ self.left_lps, offset @ self.posterior_lps], axis=-1)


def plane_of(measured: PlaneMeasurement) -> Plane:
    """Return the plane that a measurement was taken in.

    Parameters
    ----------
    measured : PlaneMeasurement
        Of any part.

    Returns
    -------
    Plane
        With its AP direction made exactly perpendicular to the normal.
    """
    normal = unit(np.array(measured.normal_lps, dtype=np.float64))
    posterior = np.array(measured.anteroposterior_lps, dtype=np.float64)
    posterior = unit(posterior - (posterior @ normal) * normal)
    return Plane(np.array(measured.center_lps_mm, dtype=np.float64), normal, posterior)


@dataclass(frozen=True, slots=True, eq=False)
class PlaneImage:
    """A CT on one plane.

    Attributes
    ----------
    hu : ndarray of shape (rows, columns)
        float32; rows to the back, columns to the patient's left.
    pixel_mm : float
        Of both axes.
    left_mm, posterior_mm : ndarray
        Positions of the columns and of the rows in the plane.
    plane : Plane
        Where it lies.
    """

    hu: NDArray[np.float32]
    pixel_mm: float
    left_mm: NDArray[np.float64]
    posterior_mm: NDArray[np.float64]
    plane: Plane

    def to_lps(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return LPS+ mm, shape (..., 3), of fractional (row, column), shape (..., 2)."""
        pixels = np.asarray(pixels, dtype=np.float64)
        left = self.left_mm[0] + pixels[..., 1] * self.pixel_mm
        return self.plane.to_lps(left, self.posterior_mm[0] + pixels[..., 0] * self.pixel_mm)

    def to_pixel(self, points_lps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return fractional (row, column), shape (..., 2), of LPS+ mm points, shape (..., 3)."""
        place = self.plane.to_plane(points_lps)
        first = np.array([self.posterior_mm[0], self.left_mm[0]])
        return np.asarray((place[..., ::-1] - first) / self.pixel_mm)


def sample_plane(
    volume: Volume,
    plane: Plane,
    *,
    half_width_mm: float = 30.0,
    anterior_mm: float = 35.0,
    posterior_mm: float = 45.0,
    pixel_mm: float = PICTURE_PIXEL_MM,
) -> PlaneImage:
    """Return the CT on a plane.

    Parameters
    ----------
    volume : Volume
        The CT.
    plane : Plane
        Where to sample.
    half_width_mm : float
        How far the picture reaches to either side of the plane's centre.
    anterior_mm, posterior_mm : float
        How far it reaches to the front and to the back.
    pixel_mm : float
        Of both axes.

    Returns
    -------
    PlaneImage
        Trilinear between voxels, air outside the scan.
    """
    left = np.arange(-half_width_mm, half_width_mm + pixel_mm / 2, pixel_mm)
    back = np.arange(-anterior_mm, posterior_mm + pixel_mm / 2, pixel_mm)
    hu = sample_hu(volume, plane.to_lps(left[None, :], back[:, None]))
    return PlaneImage(hu, pixel_mm, left, back, plane)


def sample_hu(volume: Volume, points_lps: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return Hounsfield units, shape (...), at LPS+ mm points, shape (..., 3): trilinear, air outside."""
    index = np.moveaxis(volume.to_index(points_lps), -1, 0)
    hu: NDArray[np.float32] = ndimage.map_coordinates(
        volume.hu, index, order=1, mode="constant", cval=AIR_HU, output=np.float32
    )
    return hu


@dataclass(frozen=True, slots=True, eq=False)
class MidsagittalImage:
    """A CT on the surface through the centreline along the AP direction, laid flat.

    Attributes
    ----------
    hu : ndarray of shape (rows, columns)
        float32; rows head to foot along the centreline, columns front to back.
    pixel_mm : float
        Of both axes; exact on the centreline, where the surface is curved only near elsewhere.
    posterior_mm : ndarray of shape (columns,)
        Distance of the columns behind the centreline.
    center_lps, posterior_lps, normal_lps : ndarray of shape (rows, 3)
        The centreline, and the directions to the back and to the head, at each row.
    """

    hu: NDArray[np.float32]
    pixel_mm: float
    posterior_mm: NDArray[np.float64]
    center_lps: NDArray[np.float64]
    posterior_lps: NDArray[np.float64]
    normal_lps: NDArray[np.float64]

    def to_lps(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return LPS+ mm, shape (..., 3), of fractional (row, column), shape (..., 2)."""
        pixels = np.asarray(pixels, dtype=np.float64)
        rows = np.arange(len(self.center_lps))
        behind = self.posterior_mm[0] + pixels[..., 1:] * self.pixel_mm
        backs = _between(pixels[..., 0], rows, self.posterior_lps)
        return np.asarray(_between(pixels[..., 0], rows, self.center_lps) + behind * backs)

    def to_pixel(self, points_lps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return fractional (row, column), shape (..., 2), of LPS+ mm points: laid onto the surface.

        Each point goes to the row whose plane it lies in; where planes cross, far from the
        centreline, to the row whose centre is nearest.
        """
        points = np.asarray(points_lps, dtype=np.float64)
        offset = points[..., None, :] - self.center_lps
        height = np.einsum("...rk,rk->...r", offset, self.normal_lps)
        behind = np.einsum("...rk,rk->...r", offset, self.posterior_lps)
        row = np.argmin(np.abs(height) + 1e-3 * np.linalg.norm(offset, axis=-1), axis=-1)[..., None]
        fraction = row[..., 0] - np.take_along_axis(height, row, -1)[..., 0] / self.pixel_mm
        column = (np.take_along_axis(behind, row, -1)[..., 0] - self.posterior_mm[0]) / self.pixel_mm
        return np.stack([fraction, column], axis=-1)


def _between(
    at: NDArray[np.float64], known: NDArray[np.int_], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.stack([np.interp(at, known, values[:, axis]) for axis in range(3)], axis=-1)


def sample_midsagittal(
    volume: Volume,
    centerline_lps: NDArray[np.float64],
    posterior_lps: NDArray[np.float64],
    *,
    anterior_mm: float = 45.0,
    posterior_mm: float = 55.0,
    beyond_mm: float = 10.0,
    pixel_mm: float = 0.4,
) -> MidsagittalImage:
    """Return the CT on the curved midsagittal surface, the canal's centreline made straight.

    Parameters
    ----------
    volume : Volume
        The CT.
    centerline_lps : ndarray of shape (n, 3)
        Head to foot, LPS+ mm: ``Measurements.centerline_lps_mm``.
    posterior_lps : ndarray of shape (n, 3)
        Direction to the back at each of its points: ``Measurements.centerline_posterior_lps``.
    anterior_mm, posterior_mm : float
        How far the picture reaches to the front and to the back of the centreline.
    beyond_mm : float
        How far it goes on, straight, past both ends of the centreline.
    pixel_mm : float
        Of both axes.

    Returns
    -------
    MidsagittalImage
        Trilinear between voxels, air outside the scan.

    Raises
    ------
    MeasurementError
        If the centreline has fewer than two points, or not as many directions as points.
    """
    line, back = np.asarray(centerline_lps, dtype=np.float64), np.asarray(posterior_lps, dtype=np.float64)
    if len(line) < 2 or line.shape != back.shape:
        raise MeasurementError(
            f"Expected two or more points, each with a direction, found {line.shape} and {back.shape}."
        )
    centers, tangents, backs = _resample_line(line, back, beyond_mm=beyond_mm, step_mm=pixel_mm)
    columns = np.arange(-anterior_mm, posterior_mm + pixel_mm / 2, pixel_mm)
    hu = sample_hu(volume, centers[:, None] + columns[None, :, None] * backs[:, None])
    return MidsagittalImage(hu, pixel_mm, columns, centers, backs, -tangents)


def _resample_line(
    line: NDArray[np.float64], back: NDArray[np.float64], *, beyond_mm: float, step_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return points, tangents and directions to the back at equal steps, the ends drawn on straight."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.arange(-beyond_mm, along[-1] + beyond_mm, step_mm)
    inside = np.clip(at, 0.0, along[-1])
    tangent = unit(np.gradient(line, along, axis=0))
    tangents = unit(np.stack([np.interp(inside, along, tangent[:, axis]) for axis in range(3)], axis=1))
    points = np.stack([np.interp(inside, along, line[:, axis]) for axis in range(3)], axis=1)
    backs = np.stack([np.interp(inside, along, back[:, axis]) for axis in range(3)], axis=1)
    backs = unit(backs - np.sum(backs * tangents, axis=1, keepdims=True) * tangents)
    return points + (at - inside)[:, None] * tangents, tangents, backs
