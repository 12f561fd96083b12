"""What goes into an active contour, checked once so that every later step may trust it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from canalis.errors import MeasurementError
from canalis.refine.curves import crossings, is_star_shaped, signed_area, uncrossed_places
from canalis.refine.energies import Energy
from canalis.refine.settings import Guides, SnakeSettings

FEWEST_POINTS = 8
SMALLEST_AREA_MM2 = 1.0  # a canal has 100 to 400; below this there is no inside to speak of


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """Checked input, as the engine wants it.

    Attributes
    ----------
    images : ndarray of shape (K, H, W)
        float32 HU.
    spacing_mm : tuple of float
        Row and column spacing.
    start : ndarray of shape (K, N)
        Complex64 row + i·column mm, without self-crossings.
    limits_mm : ndarray of shape (K, N) or None
        Farthest from the start.
    point_weights : ndarray of shape (K, N) or None
        float32.
    probability : ndarray of shape (K, H, W) or None
        float32.
    tubes : ndarray of shape (K,)
        Number of each plane's tube.
    """

    images: NDArray[np.float32]
    spacing_mm: tuple[float, float]
    start: NDArray[np.complex64]
    limits_mm: NDArray[np.float32] | None
    point_weights: NDArray[np.float32] | None
    probability: NDArray[np.float32] | None
    tubes: NDArray[np.intp]


def checked_input(
    images: ArrayLike,
    spacing_mm: ArrayLike,
    contours_mm: ArrayLike,
    *,
    energy: Energy,
    settings: SnakeSettings,
    guides: Guides,
) -> Checked:
    """Return the input in the engine's own form.

    Raises
    ------
    MeasurementError
        If shapes do not fit, the image or a contour is not finite, a contour has fewer than eight
        points, no area, or leaves its image, or a term's input is missing.
    """
    pictures = _checked_images(images, "images")
    spacing = _checked_spacing(spacing_mm)
    contours = _checked_contours(contours_mm, len(pictures))
    _refuse_outside(contours, pictures.shape[1:], spacing)
    curves = np.asarray(contours[..., 0] + 1j * contours[..., 1])
    _refuse_without_area(curves)
    if energy.prior and guides.probability is None:
        raise MeasurementError("Energy.prior needs the network's probability: give it in Guides.")
    probability = None
    if guides.probability is not None:
        probability = _checked_images(guides.probability, "probability")
        if probability.shape != pictures.shape:
            raise MeasurementError(
                f"Expected a probability on the images' pixels, {pictures.shape}, found {probability.shape}."
            )
    limits = settings.leave_mm if guides.leave_mm is None else guides.leave_mm
    return Checked(
        images=pictures,
        spacing_mm=spacing,
        start=_without_crossings(curves).astype(np.complex64),
        limits_mm=_per_point(limits, curves.shape, "leave_mm"),
        point_weights=_per_point(guides.point_weights, curves.shape, "point_weights"),
        probability=probability,
        tubes=_checked_tubes(guides.tubes, len(pictures)),
    )


def _checked_images(images: ArrayLike, name: str) -> NDArray[np.float32]:
    pictures = np.ascontiguousarray(images, dtype=np.float32)
    if pictures.ndim != 3 or len(pictures) < 1 or min(pictures.shape[1:]) < 2:
        raise MeasurementError(
            f"Expected {name} of shape (planes, rows, columns), at least 2 x 2 pixels, "
            f"found {pictures.shape}. One image alone is images[None]."
        )
    bad = ~np.isfinite(pictures).all(axis=(1, 2))
    if bad.any():
        plane = int(bad.argmax())
        count = int((~np.isfinite(pictures[plane])).sum())
        raise MeasurementError(
            f"Expected finite {name}, found {count} NaN or infinite pixels on plane {plane}. "
            "Fill them, or leave the plane out."
        )
    return pictures


def _checked_spacing(spacing_mm: ArrayLike) -> tuple[float, float]:
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    if spacing.shape != (2,) or not (np.isfinite(spacing) & (spacing > 0)).all():
        raise MeasurementError(f"Expected row and column spacing above 0 mm, found {spacing.tolist()}.")
    return float(spacing[0]), float(spacing[1])


def _checked_contours(contours_mm: ArrayLike, planes: int) -> NDArray[np.float64]:
    contours = np.asarray(contours_mm, dtype=np.float64)
    if contours.ndim != 3 or contours.shape[2] != 2:
        raise MeasurementError(
            f"Expected contours of shape (planes, points, 2) as (row, column) mm, found {contours.shape}."
        )
    if len(contours) != planes:
        raise MeasurementError(f"Expected one contour a plane, found {len(contours)} for {planes} images.")
    if contours.shape[1] < FEWEST_POINTS:
        raise MeasurementError(
            f"Expected contours of at least {FEWEST_POINTS} points, found fewer than {FEWEST_POINTS}: "
            f"{contours.shape[1]}. Resample the outline."
        )
    bad = ~np.isfinite(contours).all(axis=(1, 2))
    if bad.any():
        raise MeasurementError(
            f"Expected finite contours, found NaN or infinite points on plane {int(bad.argmax())}."
        )
    return contours


def _refuse_outside(
    contours: NDArray[np.float64], shape: tuple[int, ...], spacing_mm: tuple[float, float]
) -> None:
    extent = (np.array(shape) - 1) * np.array(spacing_mm)
    beyond = np.maximum(-contours, contours - extent).max(axis=(1, 2))
    if (beyond > 1e-6).any():
        plane = int(beyond.argmax())
        raise MeasurementError(
            f"Expected contours inside their image of {extent[0]:.1f} x {extent[1]:.1f} mm, found a point "
            f"{beyond[plane]:.2f} mm outside the image on plane {plane}. Draw a larger plane, or check that "
            "contours are (row, column) mm from the centre of pixel (0, 0)."
        )


def _refuse_without_area(curves: NDArray[np.complex128]) -> None:
    area = np.abs(signed_area(curves))
    if (area < SMALLEST_AREA_MM2).any():
        plane = int(area.argmin())
        raise MeasurementError(
            f"Expected a contour that encloses at least {SMALLEST_AREA_MM2:g} mm², found an area of "
            f"{area[plane]:.2f} mm² on plane {plane}. Check that its points run round the canal."
        )


def _without_crossings(curves: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Cut the smaller loop off each start contour that crosses itself."""
    curves = curves.copy()
    for plane in np.flatnonzero(~is_star_shaped(curves)):
        if crossings(curves[plane]):
            places = uncrossed_places(curves[plane])
            if places is not None:
                curves[plane] = _read(curves[plane], places)
    return curves


def _read(curve: NDArray[np.complex128], places: NDArray[np.float64]) -> NDArray[np.complex128]:
    lower = np.floor(places).astype(np.intp) % len(curve)
    share = places - np.floor(places)
    return np.asarray((1 - share) * curve[lower] + share * curve[(lower + 1) % len(curve)])


def _checked_tubes(tubes: NDArray[np.intp] | None, planes: int) -> NDArray[np.intp]:
    given = np.zeros(planes, np.intp) if tubes is None else np.asarray(tubes)
    if given.shape != (planes,) or not np.issubdtype(given.dtype, np.integer):
        raise MeasurementError(f"Expected a tube number for each of {planes} planes, found {given.shape}.")
    return given


def _per_point(
    values: float | NDArray[np.float64] | None, shape: tuple[int, ...], name: str
) -> NDArray[np.float32] | None:
    if values is None:
        return None
    given = np.asarray(values, dtype=np.float32)
    if given.ndim == 1 and given.shape == shape[:1]:
        given = given[:, None]
    if np.isnan(given).any() or (given < 0).any():
        raise MeasurementError(f"Expected {name} of at least 0, found NaN or negative values.")
    try:
        return np.ascontiguousarray(np.broadcast_to(given, shape))
    except ValueError:
        raise MeasurementError(
            f"Expected {name} for {shape[0]} contours of {shape[1]} points, found shape {given.shape}."
        ) from None
