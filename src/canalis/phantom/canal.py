"""The anatomical canal of a phantom: its walls as functions, so that its sizes are known exactly."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from canalis.phantom.neck import Neck

Array = NDArray[np.floating]

CANAL_FIELDS = (
    "ap",
    "lr",
    "roof",
    "peak",
    "front",
    "corner",
    "front_shift",
    "back_shift",
    "ridge",
    "ridge_half",
)
PARTS = ("ap", "lr", "roof", "peak", "bow", "corner", "front_shift", "back_shift", "ridge", "ridge_half")


@dataclass(frozen=True, slots=True, eq=False)
class CanalSection:
    """The canal's shape at each of many places along the curve (arrays that broadcast with x and y)."""

    ap: Array
    lr: Array
    roof: Array
    peak: Array
    bow: Array
    corner: Array
    front_shift: Array
    """How far the front wall stands back where a vertebra has slipped, mm."""
    back_shift: Array
    """The same of the back wall, which goes with the laminae."""
    ridge: Array
    """How far the front wall swells on the midline, mm."""
    ridge_half: Array
    """To each side to where that has fallen to 1/e, mm."""
    lift: Array | None = None
    """By how much an operation moved the back wall on the midline, mm; None where none was."""
    door: tuple[float, float] = (0.0, 0.0)
    """How that changes to the sides: per half-width to the left, and per half-width off the midline."""

    @property
    def middle_ap(self) -> Array:
        """AP on the midline, mm."""
        return np.asarray(
            self.ap
            + self.back_shift
            - self.front_shift
            - self.ridge
            + (0 if self.lift is None else self.lift)
        )

    @property
    def middle_y(self) -> Array:
        """The y of the canal's middle, mm."""
        return np.asarray(self.front_shift + self.ridge + (self.middle_ap - self.ap) / 2)

    def seen_from(self, shift_mm: float) -> "CanalSection":
        """Return the canal for a y that is counted from ``shift_mm`` on: the frame of a slipped vertebra."""
        return replace(self, front_shift=self.front_shift - shift_mm, back_shift=self.back_shift - shift_mm)

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> "CanalSection":
        """Return the shape at some of the places."""
        index = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        lift = None if self.lift is None else self.lift.take(index)
        parts: dict[str, Array] = {name: getattr(self, name).take(index) for name in PARTS}
        return replace(self, lift=lift, **parts)  # type: ignore[arg-type]

    def front(self, x: Array) -> Array:
        """Return the y of the posterior vertebral wall, mm."""
        return np.asarray(self.front_shift - self.ap / 2 + self.bow * (x / 10) ** 2 + self._swelling(x))

    def _swelling(self, x: Array) -> Array:
        """Return how far the front wall swells at each place across, mm."""
        return np.asarray(self.ridge * np.exp(-((x / self.ridge_half) ** 2)))

    def back(self, x: Array) -> Array:
        """Return the y of the back wall, mm."""
        before = self.back_before(x)
        return before if self.lift is None else np.asarray(before + self.lift * self._opened(x)[0])

    def back_before(self, x: Array) -> Array:
        """Return the y of the back wall as it was before any operation, mm."""
        ridge = np.sqrt(x * x + self.peak**2) - self.peak
        return np.asarray(self.back_shift + self.ap / 2 - self.roof * ridge)

    def _opened(self, x: Array) -> tuple[Array, Array]:
        """Return the share of the lift at each place across, and its slope a mm."""
        aside, off = (k / (self.lr / 2) for k in self.door)
        share = 1 + aside * x + off * np.abs(x)
        return np.maximum(share, 0), np.where(share > 0, aside + off * np.sign(x), 0)

    def distance(self, x: Array, y: Array) -> Array:
        """Return the distance outside (above 0) or inside (below 0) the canal, mm, true near its walls."""
        slope = self.roof * x / np.sqrt(x * x + self.peak**2)
        if self.lift is not None:
            slope = slope - self.lift * self._opened(x)[1]
        lean = 1 / np.sqrt(1 + slope * slope)
        rise = 2 * x / self.ridge_half**2 * self._swelling(x)
        walls = np.maximum((self.front(x) - y) / np.sqrt(1 + rise * rise), (y - self.back(x)) * lean)
        return smooth_max(walls, np.abs(x) - self.lr / 2, self.corner)


def canal_at(neck: Neck, s_mm: Array) -> CanalSection:
    """Return the canal's shape at places along the curve, in the places' own dtype."""

    def at(name: str) -> Array:
        kept = neck.canal[name].astype(np.asarray(s_mm).dtype)
        below = kept.take(low)
        return np.asarray(below + share * (kept.take(low + 1) - below))

    first, step = float(neck.curve.s_mm[0]), float(neck.curve.s_mm[1] - neck.curve.s_mm[0])
    where = np.clip((s_mm - first) / step, 0, len(neck.curve.s_mm) - 1.01)
    low = where.astype(np.intp)
    share = where - low

    section = CanalSection(**{part: at(name) for part, name in zip(PARTS, CANAL_FIELDS, strict=True)})  # type: ignore[arg-type]
    if neck.operation is None:
        return section
    return replace(section, lift=at("lift"), door=neck.operation.door)


def smooth_max(a: Array, b: Array, radius: Array | float) -> Array:
    """Return the larger of two distances, the edge between rounded; exact where ``radius`` apart."""
    blend = np.maximum(radius - np.abs(a - b), 0)
    return np.asarray(np.maximum(a, b) + blend * blend / (4 * radius))


def smooth_min(a: Array, b: Array, radius: Array | float) -> Array:
    """Return the smaller of two distances with the edge between filled."""
    blend = np.maximum(radius - np.abs(a - b), 0)
    return np.asarray(np.minimum(a, b) - blend * blend / (4 * radius))
