"""How an active contour is stepped, what holds it, and what comes out."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from canalis.errors import MeasurementError
from canalis.volume import ScanWarning

Used = Literal["snake", "start"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnakeSettings:
    """How contours are stepped and when they are done.

    Attributes
    ----------
    step : float
        Time step τ. The internal force is implicit, so only the image force limits it: the product of
        τ and the weights should stay below 1.
    max_iterations : int
        Steps a contour may take.
    check_every : int
        Steps between checks: settled, crossed, limit, spacing, energy.
    settled_mm : float
        A contour has settled when no point moved faster than this along its normal, mm per unit of
        time, between two checks.
    rest : {"none", "start"}
        What the internal force pulls towards: nothing ("none", Eq. 5 as it stands: contours shrink
        and straighten), or the start contour's own shape ("start": only the *change* is stretched and
        bent, so where the image is silent a point goes along with its neighbours).
    leave_mm : float or None
        Farthest that a point may go from its start. None: as far as it likes.
    spacing_ratio : float
        Points are spread to equal arcs when the longest step is this many times the shortest.
    least_support : float
        Share of the contour that must lie on a bone edge, where bone_edge weighs anything; of a tube
        taken together. The default is for planes that stand alone: below it, one in two was over a
        millimetre off (``docs/contours.md``).
    longest_bare : float
        Longest run of the contour, as a share of it, that may lie on no bone edge, where bone_edge
        weighs anything. There nothing but rigidity says where the contour goes. Planes of a tube are not
        asked: their neighbours say. Set 1 where the start's own shape does.
    most_at_limit : float
        Share of the points that may end at the limit.
    fall_back : bool
        Give the start contour back for a contour that did not settle.
    """

    step: float = 1.0
    max_iterations: int = 400
    check_every: int = 5
    settled_mm: float = 0.01
    rest: Literal["none", "start"] = "none"
    leave_mm: float | None = None
    spacing_ratio: float = 3.0
    least_support: float = 0.55
    longest_bare: float = 0.2
    most_at_limit: float = 0.5
    fall_back: bool = True

    def __post_init__(self) -> None:
        for name in ("step", "settled_mm", "max_iterations", "check_every"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise MeasurementError(f"Expected {name} above 0, found {value}.")
        if self.leave_mm is not None and not self.leave_mm >= 0:
            raise MeasurementError(
                f"Expected leave_mm of at least 0 mm, found {self.leave_mm}. Use None for no limit."
            )
        if self.spacing_ratio <= 1:
            raise MeasurementError(f"Expected spacing_ratio above 1, found {self.spacing_ratio}.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlaneFrames:
    """Where planes lie in the patient.

    Attributes
    ----------
    origin_lps : ndarray of shape (K, 3)
        Centre of each plane's pixel (0, 0), LPS+ mm.
    down_lps, right_lps : ndarray of shape (K, 3)
        Unit vectors along growing row and growing column.
    """

    origin_lps: NDArray[np.float64]
    down_lps: NDArray[np.float64]
    right_lps: NDArray[np.float64]

    def to_lps(self, contours_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return contours (K, N, 2), (row, column) mm, as (K, N, 3) LPS+ mm."""
        down = contours_mm[..., :1] * self.down_lps[:, None]
        right = contours_mm[..., 1:] * self.right_lps[:, None]
        return np.asarray(self.origin_lps[:, None] + down + right)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Guides:
    """What is known about the contours beside the image.

    Attributes
    ----------
    point_weights : ndarray of shape (K, N) or None
        Share, 0 to 1, of the image's force that each point feels. 0 along ossification holds the
        outline of the anatomical canal off the mass inside it.
    leave_mm : float or ndarray of shape (K,), (K, 1) or (K, N), or None
        Farthest that each point may go from its start, mm; goes before the settings' limit.
    probability : ndarray of shape (K, H, W) or None
        The network's probability of the inside, 0 to 1, on the images' pixels; for ``Energy.prior``.
    frames : PlaneFrames or None
        For points in LPS mm.
    tubes : ndarray of shape (K,) or None
        For ``Energy.tie``: planes with the same number, next to one another, are one tube in order
        along the centreline, and their points of one number are tied (point 0 of all at the back,
        say). None: all planes are one tube.
    """

    point_weights: NDArray[np.float64] | None = None
    leave_mm: float | NDArray[np.float64] | None = None
    probability: NDArray[np.float32] | None = None
    frames: PlaneFrames | None = None
    tubes: NDArray[np.intp] | None = None

    def alone(self, which: NDArray[np.intp]) -> "Guides":
        """Return what is known about some of the contours, each on its own."""

        def some(values: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if values is None else values[which]

        limits = some(self.leave_mm) if isinstance(self.leave_mm, np.ndarray) else self.leave_mm
        return Guides(
            point_weights=some(self.point_weights), leave_mm=limits, probability=some(self.probability)
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snakes:
    """What became of each contour.

    Attributes
    ----------
    contours_mm : ndarray of shape (K, N, 2)
        (row, column) mm: the snake's where it settled, else the start's (see ``used``).
    used : tuple of {"snake", "start"}
        Which of the two each contour is.
    converged : ndarray of shape (K,)
        True where the contour settled and passed its checks.
    iterations : ndarray of shape (K,)
        Steps taken.
    reasons : tuple of str
        "settled", or why it did not converge, in one plain sentence.
    snakes_mm : ndarray of shape (K, N, 2)
        Where every snake ended, settled or not.
    energy_history : ndarray of shape (checks, K)
        Total energy at each check; a contour that has ended keeps its last.
    support : ndarray of shape (K,) or None
        Share of the contour on a bone edge; None without bone_edge.
    points_lps_mm : ndarray of shape (K, N, 3) or None
        ``contours_mm`` in LPS+ mm, when frames were given.
    warnings : tuple of ScanWarning
        One for each contour that fell back.
    """

    contours_mm: NDArray[np.float64]
    used: tuple[Used, ...]
    converged: NDArray[np.bool_]
    iterations: NDArray[np.intp]
    reasons: tuple[str, ...]
    snakes_mm: NDArray[np.float64]
    energy_history: NDArray[np.float64]
    support: NDArray[np.float64] | None = None
    points_lps_mm: NDArray[np.float64] | None = None
    warnings: tuple[ScanWarning, ...] = ()
