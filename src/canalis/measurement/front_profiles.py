"""What profiles across the front wall tell of where it lies: half-maximum, and bone behind a contour."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]

SHELL_WITHIN_MM, LUMEN_MM = 3.0, 2.0  # from the contour inwards: where bone may be; then canal
LEAST_STEP_HU, SHELL_LEVEL = 150.0, 0.6  # of bone over the canal; of that, where bone ends
LEAST_DEEP_MM = 1.2  # behind the contour: a soft edge falls as far within 0.5 mm
SHELL_BLUR = 1.0  # pixels
HALF_WITHIN_MM = 6.0  # to each side of the outline, where canal and bone are at pixels over 1.5 mm
HALF_STEP_MM = 0.2


def half_maximum_mm(
    images: NDArray[np.float32], front_mm: Floats, outwards: Floats, *, pixel_mm: float
) -> Floats:
    """Return how far outside points of the front wall density is half-way from canal to bone.

    Parameters
    ----------
    images : ndarray of shape (K, rows, columns)
        HU.
    front_mm : ndarray of shape (K, n, 2)
        The points, mm from the first pixel.
    outwards : ndarray of shape (K, n, 2)
        Unit normals of the outlines there.
    pixel_mm : float
        Of the images.

    Returns
    -------
    ndarray of shape (K, n)
        mm, below 0 inside; NaN where density rises by less than 150 HU.
    """
    out = np.arange(-HALF_WITHIN_MM, HALF_WITHIN_MM + 0.01, HALF_STEP_MM)
    found = np.full(front_mm.shape[:2], np.nan)
    for k, image in enumerate(images):
        hu = _along(image, front_mm[k], outwards[k], out, pixel_mm)
        least = np.where(out < 0, hu, np.inf).argmin(axis=1)
        low, high = hu[range(len(hu)), least], np.where(out >= 0, hu, -np.inf).max(axis=1)
        half = (low + high)[:, None] / 2
        above = (hu >= half) & (np.arange(len(out)) > least[:, None])
        first = above.argmax(axis=1)
        inner, outer = hu[range(len(hu)), first - 1], hu[range(len(hu)), first]
        with np.errstate(divide="ignore", invalid="ignore"):
            edge = out[first - 1] + HALF_STEP_MM * (half[:, 0] - inner) / (outer - inner)
        found[k] = np.where(above.any(axis=1) & (high - low >= LEAST_STEP_HU), edge, np.nan)
    return found


def behind_shell_mm(
    images: NDArray[np.float32], front_mm: Floats, outwards: Floats, *, pixel_mm: float
) -> Floats:
    """Return how far points of the front wall lie before the back of bone that is still behind them.

    A contour that starts in the basivertebral vein stops at the near side of the shell that closes its mouth.

    Parameters
    ----------
    images : ndarray of shape (K, rows, columns)
        HU.
    front_mm : ndarray of shape (K, n, 2)
        Where the contours settled, mm from the first pixel.
    outwards : ndarray of shape (K, n, 2)
        Unit normals of the outlines there.
    pixel_mm : float
        Of the images.

    Returns
    -------
    ndarray of shape (K, n)
        mm; 0 where density falls from the point on.
    """
    depth = np.arange(0.0, SHELL_WITHIN_MM + LUMEN_MM, pixel_mm / 2)
    soft = ndimage.gaussian_filter(images, (0, SHELL_BLUR, SHELL_BLUR))
    back = np.zeros(front_mm.shape[:2])
    inner = depth > SHELL_WITHIN_MM
    for k, image in enumerate(soft):
        hu = _along(image, front_mm[k], outwards[k], -depth, pixel_mm)
        canal = float(np.median(hu[:, inner]))
        shell = np.where(inner, -np.inf, hu)
        top = shell.argmax(axis=1)
        high = shell.max(axis=1)
        beyond = (np.arange(len(depth)) > top[:, None]) & (
            hu <= (canal + SHELL_LEVEL * (high - canal))[:, None]
        )
        edge = np.where(beyond.any(axis=1), depth[beyond.argmax(axis=1)], 0.0)
        back[k] = np.where((high - canal >= LEAST_STEP_HU) & (edge >= LEAST_DEEP_MM), edge, 0.0)
    return back


def _along(
    image: NDArray[np.float32], front_mm: Floats, outwards: Floats, out_mm: Floats, pixel_mm: float
) -> NDArray[np.float32]:
    """Return HU on the normals of points of one image, shape (n, places)."""
    at = front_mm[:, None] + out_mm[:, None] * outwards[:, None]
    hu: NDArray[np.float32] = ndimage.map_coordinates(
        image, at.transpose(2, 0, 1) / pixel_mm, order=1, mode="nearest"
    )
    return hu
