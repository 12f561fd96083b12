"""The peers of the active contour, each wrapped to take and give what ours does.

Not a benchmark itself: ``bench/snakes.py`` runs them. Each takes one plane, as its users call it, and a
start contour; each gives one closed outline or None. Preparation (smoothing, edge images, masks,
distance maps) is inside, since no user gets round it. TUNED holds each one's best parameters on
validation planes, found by ``bench/snakes.py --tune``; CHOICES what was tried.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon2mask
from skimage.filters import gaussian
from skimage.measure import find_contours
from skimage.segmentation import (
    active_contour,
    inverse_gaussian_gradient,
    morphological_geodesic_active_contour,
)

Image = NDArray[np.float32]
Outline = NDArray[np.float64]
LEAST_POINTS = 8  # of an outline that counts as one

CHOICES: dict[str, dict[str, tuple[Any, ...]]] = {
    "active_contour": {
        "sigma_px": (1.0, 2.0, 3.0),
        "upper_hu": (300.0, 600.0, 1000.0),
        "alpha": (0.001, 0.01, 0.05, 0.2),
        "beta": (0.01, 0.1, 1.0, 10.0),
        "w_line": (-1.0, 0.0, 0.5),
        "w_edge": (1.0, 5.0, 20.0),
        "gamma": (0.005, 0.01, 0.05),
    },
    "morphological_geodesic": {
        "sigma_px": (1.0, 1.5, 2.0, 3.0),
        "upper_hu": (300.0, 600.0, 1000.0),
        "alpha": (50.0, 200.0, 800.0),
        "smoothing": (1, 2, 3),
        "balloon": (-1, 0, 1),
        "threshold": (0.3, 0.5, 0.7, 0.85),
        "num_iter": (20, 40, 80),
    },
    "geodesic_level_set": {
        "sigma_mm": (0.5, 0.8, 1.2),
        "edge_hu_per_mm": (60.0, 120.0, 250.0),
        "propagation": (-0.5, 0.0, 0.5, 1.0),
        "curvature": (0.5, 1.0, 3.0),
        "advection": (1.0, 3.0, 6.0),
        "iterations": (200, 400, 800),
    },
}

TUNED: dict[str, dict[str, Any]] = {
    "active_contour": {
        "sigma_px": 3.0, "upper_hu": 300.0, "alpha": 0.2, "beta": 0.01, "w_line": 0.0, "w_edge": 20.0,
        "gamma": 0.005,
    },
    "morphological_geodesic": {
        "sigma_px": 3.0, "upper_hu": 300.0, "alpha": 200.0, "smoothing": 3, "balloon": 0, "threshold": 0.85,
        "num_iter": 80,
    },
    "geodesic_level_set": {
        "sigma_mm": 0.8, "edge_hu_per_mm": 120.0, "propagation": 0.0, "curvature": 1.0, "advection": 3.0,
        "iterations": 800,
    },
}  # fmt: skip


def by_active_contour(
    image: Image, pixel_mm: float, start_mm: Outline, *, max_num_iter: int = 2500, convergence: float = 0.1,
    sigma_px: float, upper_hu: float, **parameters: float,
) -> Outline | None:  # fmt: skip
    """scikit-image's snake on the clipped, smoothed image, with its own number of steps and stopping."""
    smooth = gaussian((np.clip(image, -100, upper_hu) + 100) / (upper_hu + 100), sigma_px)
    found = active_contour(
        smooth, start_mm / pixel_mm, max_num_iter=max_num_iter, convergence=convergence, **parameters
    )
    return found * pixel_mm if np.isfinite(found).all() else None


def by_morphological_geodesic(
    image: Image, pixel_mm: float, start_mm: Outline, *, sigma_px: float, upper_hu: float, alpha: float,
    num_iter: int, **parameters: float,
) -> Outline | None:  # fmt: skip
    """scikit-image's morphological geodesic contour from the start's mask."""
    scaled = (np.clip(image, -100, upper_hu) + 100) / (upper_hu + 100)
    edges = inverse_gaussian_gradient(scaled, alpha=alpha, sigma=sigma_px)
    mask = polygon2mask(image.shape, start_mm / pixel_mm)
    levels = morphological_geodesic_active_contour(edges, num_iter, init_level_set=mask, **parameters)
    return _largest_outline(levels.astype(float), 0.5, pixel_mm)


def by_geodesic_level_set(
    image: Image, pixel_mm: float, start_mm: Outline, *, sigma_mm: float, edge_hu_per_mm: float,
    propagation: float, curvature: float, advection: float, iterations: int,
) -> Outline | None:  # fmt: skip
    """ITK's geodesic active contour level set from the start's signed distance, stopped by its RMS change."""
    import SimpleITK as sitk  # noqa: N813 - its users' name; slow to import, and only needed here

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    hu = sitk.GetImageFromArray(image)
    hu.SetSpacing((pixel_mm, pixel_mm))
    gradient = sitk.GradientMagnitudeRecursiveGaussian(hu, sigma=sigma_mm)
    feature = sitk.Sigmoid(gradient, -edge_hu_per_mm / 4, edge_hu_per_mm, 1.0, 0.0)
    mask = sitk.GetImageFromArray(polygon2mask(image.shape, start_mm / pixel_mm).astype(np.uint8))
    mask.SetSpacing((pixel_mm, pixel_mm))
    level = sitk.SignedMaurerDistanceMap(
        mask, insideIsPositive=False, squaredDistance=False, useImageSpacing=True
    )
    mover = sitk.GeodesicActiveContourLevelSetImageFilter()
    mover.SetPropagationScaling(propagation)
    mover.SetCurvatureScaling(curvature)
    mover.SetAdvectionScaling(advection)
    mover.SetMaximumRMSError(0.01)
    mover.SetNumberOfIterations(iterations)
    moved = mover.Execute(sitk.Cast(level, sitk.sitkFloat32), sitk.Cast(feature, sitk.sitkFloat32))
    return _largest_outline(-sitk.GetArrayFromImage(moved), 0.0, pixel_mm)


def _largest_outline(levels: NDArray[np.float64], level: float, pixel_mm: float) -> Outline | None:
    """Return the longest line at a level, mm; None where there is none."""
    lines = [line for line in find_contours(levels, level) if len(line) >= LEAST_POINTS]
    return max(lines, key=len) * pixel_mm if lines else None


PEERS: dict[str, Callable[..., Outline | None]] = {
    "active_contour": by_active_contour,
    "morphological_geodesic": by_morphological_geodesic,
    "geodesic_level_set": by_geodesic_level_set,
}
