"""The CT and the label map cut along the spine, for pictures.

The midsagittal surface goes through the centreline and along each vertebra's own AP direction. It is laid
flat by looking at it from the patient's left: only the sideways course of the neck is lost, its curve
stays, and what is straight in the body, such as the K-line, is straight in the picture
(docs/decisions/0052).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.measurement.measurements import Measurements
from canalis.measurement.planes import PlaneImage, sample_hu, unit
from canalis.volume import Mask, Volume

SAGITTAL_PIXEL_MM: Final = 0.4
ABOVE_MM, BELOW_MM = 30.0, 16.0  # past the first and last plane: the dens above C1's arch, half a body below
IN_FRONT_MM = 36.0  # of the centreline: a body and what lies before it
BEHIND_MM = 38.0  # of it: the spinous processes
BODY_AHEAD_MM = 20.0  # in front of the centreline, where a row must still be inside the scan
DEPTH_PER_HEIGHT = 0.56  # at least, so that a long neck's picture is no narrow strip
OUTLINE_BLUR_MM = 0.5  # takes the stairs of the label map's voxels from a drawn outline
HEAD: Final = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, slots=True, eq=False)
class SagittalImage:
    """A CT on the midsagittal surface, seen from the patient's left.

    Attributes
    ----------
    hu : ndarray of shape (rows, columns)
        float32; rows head to foot, columns front to back.
    pixel_mm : float
        Of both axes.
    surface_lps : ndarray of shape (rows, columns, 3)
        Where each pixel lies, LPS+ mm.
    origin_lps, down_lps, back_lps : ndarray of shape (3,)
        The place of the first pixel and the directions of rows and columns, as they are seen.
    """

    hu: NDArray[np.float32]
    pixel_mm: float
    surface_lps: NDArray[np.float64]
    origin_lps: NDArray[np.float64]
    down_lps: NDArray[np.float64]
    back_lps: NDArray[np.float64]

    def to_picture(self, points_lps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (x, y) mm in the picture, shape (..., 2), of LPS+ mm points: seen from the side."""
        offset = np.asarray(points_lps, dtype=np.float64) - self.origin_lps
        return np.stack([offset @ self.back_lps, offset @ self.down_lps], axis=-1) + self.pixel_mm / 2


def sample_sagittal(
    volume: Volume,
    measurements: Measurements,
    *,
    pixel_mm: float = SAGITTAL_PIXEL_MM,
) -> SagittalImage:
    """Return the CT on the midsagittal surface, from above the centreline to below it.

    Parameters
    ----------
    volume : Volume
        The CT.
    measurements : Measurements
        Whose centreline the surface follows; it needs two points or more.
    pixel_mm : float
        Of both axes.

    Returns
    -------
    SagittalImage
        Trilinear between voxels, air outside the scan; no higher or lower than the scan.
    """
    line = np.array(measurements.centerline_lps_mm, dtype=np.float64)
    directions = _directions(measurements, line)
    back, down = _view(directions)
    height, depth = line @ down, line @ back
    rows = _rows_inside(volume, measurements, line, back, pixel_mm)
    front, rear = depth.min() - IN_FRONT_MM, depth.max() + BEHIND_MM
    wider = max(0.0, DEPTH_PER_HEIGHT * float(rows[-1] - rows[0]) - float(rear - front)) / 2
    columns = np.arange(front - wider, rear + wider, pixel_mm)
    centers = _along(rows, height, line, down)
    own = _interpolated(rows, height, directions)
    own = own / (own @ back)[:, None]  # a step of one column is one pixel as seen
    surface = centers[:, None] + (columns[None, :] - (centers @ back)[:, None])[..., None] * own[:, None]
    surface += (rows[:, None] - surface @ down)[..., None] * down
    origin = rows[0] * down + columns[0] * back
    return SagittalImage(sample_hu(volume, surface), pixel_mm, surface, origin, down, back)


def _directions(measurements: Measurements, line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the level direction to the back at each point of the centreline."""
    given = np.array(measurements.centerline_posterior_lps, dtype=np.float64)
    back = given if given.shape == line.shape else np.tile([0.0, 1.0, 0.0], (len(line), 1))
    return unit(back - (back @ HEAD)[:, None] * HEAD)


def _view(directions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return unit vectors to the back and down, as seen from the side: down is the scanner's."""
    return unit(directions.mean(axis=0)), -HEAD


def _rows_inside(
    volume: Volume,
    measurements: Measurements,
    line: NDArray[np.float64],
    back: NDArray[np.float64],
    pixel_mm: float,
) -> NDArray[np.float64]:
    """Return the heights of the rows: from above the first plane to below the last, within the scan."""
    centers = [plane.center_lps_mm for plane in measurements.planes] or list(measurements.centerline_lps_mm)
    heights = np.array(centers) @ -HEAD
    rows = np.arange(heights.min() - ABOVE_MM, heights.max() + BELOW_MM, pixel_mm)
    places = _along(rows, line @ -HEAD, line, -HEAD)
    ahead = np.array([-BODY_AHEAD_MM, 0.0])[:, None] * back
    index = volume.to_index(places[:, None] + ahead)
    held = np.all((index >= -0.5) & (index <= np.array(volume.shape) - 0.5), axis=(1, 2))
    inside = rows[held]
    return inside if len(inside) > 1 else rows


def _along(
    rows: NDArray[np.float64],
    height: NDArray[np.float64],
    line: NDArray[np.float64],
    down: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the centreline at each row, past its ends straight up and down."""
    inside = _interpolated(rows, height, line)
    return np.asarray(inside + (rows - inside @ down)[:, None] * down)


def _interpolated(
    rows: NDArray[np.float64], height: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    order = np.argsort(height)
    columns = [np.interp(rows, height[order], values[order, axis]) for axis in range(3)]
    return np.stack(columns, axis=1)


def outlines_on(
    mask: Mask, labels: tuple[int, ...], points_lps: NDArray[np.float64], *, pixel_mm: float
) -> list[NDArray[np.float64]]:
    """Return where structures of a label map are cut by a surface, as smooth outlines.

    Parameters
    ----------
    mask : Mask
        The label map.
    labels : tuple of int
        What belongs to the structure.
    points_lps : ndarray of shape (rows, columns, 3)
        The surface, LPS+ mm.
    pixel_mm : float
        Between its points.

    Returns
    -------
    list of ndarray of shape (n, 2)
        Fractional (row, column) on the surface, each closed or ending at its border.
    """
    from skimage.measure import find_contours

    inside = _sample_structure(mask, labels, points_lps)
    if inside is None:
        return []
    framed = np.pad(ndimage.gaussian_filter(inside, OUTLINE_BLUR_MM / pixel_mm), 1)
    return [contour - 1 for contour in find_contours(framed, 0.5) if len(contour) > 12]


def _sample_structure(
    mask: Mask, labels: tuple[int, ...], points_lps: NDArray[np.float64]
) -> NDArray[np.float32] | None:
    """Return how much of each point is inside a structure, 0 to 1; None where nothing is near."""
    index = mask.to_index(points_lps)
    low = np.maximum(np.floor(index.min(axis=(0, 1))).astype(int), 0)
    high = np.minimum(np.ceil(index.max(axis=(0, 1))).astype(int) + 1, mask.shape)
    if (high <= low).any():
        return None
    part = np.isin(mask.labels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))], labels)
    if not part.any():
        return None
    return np.asarray(
        ndimage.map_coordinates(part, np.moveaxis(index - low, -1, 0), order=1, output=np.float32)
    )


def plane_surface(picture: PlaneImage) -> NDArray[np.float64]:
    """Return where each pixel of a picture on a plane lies, shape (rows, columns, 3), LPS+ mm."""
    return picture.plane.to_lps(picture.left_mm[None, :], picture.posterior_mm[:, None])
