"""The network's canal outlines, moved onto the inner cortex where there is one."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from canalis.refine.energies import Energy
from canalis.refine.settings import Guides, PlaneFrames, Snakes, SnakeSettings
from canalis.refine.snakes import snake

LEAVE_MM: Final = 2.0
"""Farthest that a refined outline goes from the network's, mm (chosen: four times its mean error)."""

CANAL_ENERGY: Final = Energy(bone_edge=1.0, tension=0.2, rigidity=4.0, attachment=0.1, reach_mm=2.5)
"""The inner cortex at half maximum; where there is none, the network's own shape."""

CANAL_SETTINGS: Final = SnakeSettings(rest="start", leave_mm=LEAVE_MM, settled_mm=0.02, max_iterations=200)
"""From the network's outline, which keeps its shape where the image is silent."""


def refine_outlines(
    images: ArrayLike,
    spacing_mm: ArrayLike,
    contours_mm: ArrayLike,
    *,
    energy: Energy = CANAL_ENERGY,
    settings: SnakeSettings = CANAL_SETTINGS,
    leave_mm: float | NDArray[np.float64] | None = None,
    point_weights: NDArray[np.float64] | None = None,
    probability: NDArray[np.float32] | None = None,
    frames: PlaneFrames | None = None,
) -> Snakes:
    """Return canal outlines on the inner cortex, each started from the network's.

    Along ossification the bone edge is the back of the mass, not the canal's wall. For the
    *residual* canal that is the edge wanted: start from the residual outline. For the *anatomical*
    canal, hold the points along the mass to the network's outline with ``point_weights`` 0 and
    ``leave_mm`` 0 there. Where laminae leave a gap to ligament no edge is seen, and the outline
    keeps the network's shape, moved along with its neighbours.

    Parameters
    ----------
    images : array of shape (K, H, W)
        HU on planes perpendicular to the canal.
    spacing_mm : array of shape (2,)
        Distance between rows and between columns.
    contours_mm : array of shape (K, N, 2)
        The network's outlines, N ≥ 8 points each, (row, column) mm from the centre of pixel (0, 0).
    energy, settings : optional
        Others than CANAL_ENERGY and CANAL_SETTINGS.
    leave_mm : float or ndarray of shape (K,) or (K, N), optional
        Farthest that each point may leave the network's outline, mm; LEAVE_MM where not given.
    point_weights : ndarray of shape (K, N), optional
        Share, 0 to 1, of the image's force that each point feels; 1 where not given.
    probability : ndarray of shape (K, H, W), optional
        The network's, on the images' pixels; pulls only when ``energy.prior`` is above 0.
    frames : PlaneFrames, optional
        For ``points_lps_mm``.

    Returns
    -------
    Snakes
        ``contours_mm`` holds the refined outline where it settled, else the network's; ``used``,
        ``reasons`` and ``warnings`` say which and why.

    Raises
    ------
    MeasurementError
        As :func:`canalis.refine.snake`.
    """
    guides = Guides(
        point_weights=point_weights,
        leave_mm=settings.leave_mm if leave_mm is None else leave_mm,
        probability=probability,
        frames=frames,
    )
    if not energy.prior:
        guides = replace(guides, probability=None)
    return snake(images, spacing_mm, contours_mm, energy, settings, guides=guides)
