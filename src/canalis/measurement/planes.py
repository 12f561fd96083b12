"""Planes across the canal, and pictures of a CT on them.

In a plane, positions are (left, posterior) mm from its centre: left is the patient's left, posterior
the vertebra's own direction to the back. Rows of a picture run to the back and columns to the
patient's left, so that shown as it is, it is the radiologist's axial view seen from below: front
up, the patient's left on the right.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

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
