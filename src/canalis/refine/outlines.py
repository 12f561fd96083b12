"""The network's canal outlines, moved onto the inner cortex where there is one."""

from typing import Final

from numpy.typing import ArrayLike

from canalis.refine.energies import Energy
from canalis.refine.settings import Guides, Snakes, SnakeSettings
from canalis.refine.snakes import snake

LEAVE_MM: Final = 2.0
"""Farthest that a refined outline goes from the network's, mm (chosen: four times its mean error)."""

CANAL_ENERGY: Final = Energy(
    bone_edge=1.0, tension=0.2, rigidity=4.0, attachment=0.03, reach_mm=2.5, sure_rise_hu=400.0
)
"""For planes each on its own: the inner cortex at half maximum, else the network's own shape.

A body's posterior wall may rise by no more than 350 to 450 HU: from 400 on an edge pulls fully."""

CANAL_SETTINGS: Final = SnakeSettings(
    rest="start", leave_mm=LEAVE_MM, settled_mm=0.04, max_iterations=200, longest_bare=1.0
)
"""From the network's outline, which keeps its shape where the image is silent."""

TUBE_ENERGY: Final = Energy(bone_edge=1.0, rigidity=2.0, tie=1.0, reach_mm=2.5)
"""For planes 3 to 5 mm apart along one canal: where bone is missing, the neighbouring planes' wall."""

TUBE_SETTINGS: Final = SnakeSettings(
    leave_mm=LEAVE_MM, settled_mm=0.04, max_iterations=200, least_support=0.3
)
"""The same limit; contours have no shape of their own to keep, and their neighbours bear them."""


def refine_outlines(
    images: ArrayLike,
    spacing_mm: ArrayLike,
    contours_mm: ArrayLike,
    *,
    energy: Energy | None = None,
    settings: SnakeSettings | None = None,
    guides: Guides | None = None,
) -> Snakes:
    """Return canal outlines on the inner cortex, each started from the network's.

    With ``guides.tubes`` the planes of each canal, in order along its centreline and 3 to 5 mm
    apart, are tied: where laminae or pedicles leave a gap, or at a disc, the outline goes on as it
    does above and below, where planes each on their own keep the network's shape. Of outlines that
    start millimetres off the tied ones are by far the better; of a network's own, on real bone, they are
    the worse, since points held beside rims hand a wall that is too deep to their neighbours. The
    chain refines plane by plane (``docs/contours.md``, decision 16).

    Along ossification the bone edge is the back of the mass, not the canal's wall. For the
    *residual* canal that is the edge wanted: start from the residual outline. For the *anatomical*
    canal, hold the points along the mass to the network's outline with ``point_weights`` 0 and
    ``leave_mm`` 0 there.

    Parameters
    ----------
    images : array of shape (K, H, W)
        HU on planes perpendicular to the canal.
    spacing_mm : array of shape (2,)
        Distance between rows and between columns.
    contours_mm : array of shape (K, N, 2)
        The network's outlines, N ≥ 8 points each, (row, column) mm from the centre of pixel (0, 0).
        In a tube, points of one number must look the same way: point 0 of all at the back, say, and
        all the same way round.
    energy, settings : optional
        TUBE_ENERGY and TUBE_SETTINGS with tubes, else CANAL_ENERGY and CANAL_SETTINGS.
    guides : Guides, optional
        Limits and weights by point, tubes, the planes' frames.

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
    guides = guides or Guides()
    tied = guides.tubes is not None
    return snake(
        images,
        spacing_mm,
        contours_mm,
        energy or (TUBE_ENERGY if tied else CANAL_ENERGY),
        settings or (TUBE_SETTINGS if tied else CANAL_SETTINGS),
        guides=guides,
    )
