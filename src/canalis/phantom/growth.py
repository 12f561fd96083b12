"""One growth above a wall of a phantom's canal: a height known exactly at every place."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

EVERY_BONE = -1  # of a growth that continues whatever bone it lies on
ROOT_MM = (0.5, 1.2, 3.5)  # how deep a growth is rooted in its bone: least, a mm of height, most
GONE = -0.6  # height of a growth where there is none, mm: below 0, so that it leaves no film


@dataclass(frozen=True, slots=True)
class Growth:
    """One growth from a wall of the canal, or from the front of a body, mm.

    Attributes
    ----------
    kind : str
        ``opll``, ``osteophyte``, ``uncovertebral``, ``calcified disc``, ``retro-odontoid``,
        ``flavum``, ``facet spur``; ``anterior`` for what lies before the bodies.
    wall : {"front", "back", "ahead"}
        Where it grows from: a wall of the canal, or the outside of a body, x then being the way around it.
    low_mm, high_mm : float
        Its ends along the curve.
    taper_low_mm, taper_high_mm : float
        Over how much it rises at each end.
    height_mm : float
        Its greatest height above the wall.
    center_x_mm, width_mm : float
        Where it sits across the canal.
    hill : float
        0 for a plateau along the neck, 1 for a hill.
    square : float
        1 for a square cross-section, 0 for a rounded one.
    wave_mm, wave_phase : float
        Length of its undulation along the neck, and where that starts.
    gap_mm : float
        The lucent line before it at mid-body.
    rim_hu, core_hu, rim_mm : float
        Its density at the edge and inside.
    soft_mm : float
        Over how much its edge fades.
    layer : tuple of float
        Of a double layer: depth of the strip under the back, its thickness, both mm; (0, 0) for none.
    sharp : float
        1 for a crest that rises ever more steeply, 0 for a rounded one.
    joined : int or None
        Index of the vertebra whose bone it continues, without a cortex between, or ``EVERY_BONE``; None
        for a growth that lies on the wall.
    """

    kind: str
    wall: Literal["front", "back", "ahead"]
    low_mm: float
    high_mm: float
    taper_low_mm: float
    taper_high_mm: float
    height_mm: float
    center_x_mm: float
    width_mm: float
    hill: float = 0.0
    square: float = 0.5
    wave_mm: float = 30.0
    wave_phase: float = 0.0
    wave_share: float = 0.0
    gap_mm: float = 0.0
    rim_hu: float = 900.0
    core_hu: float = 700.0
    rim_mm: float = 0.8
    soft_mm: float = 0.0
    layer: tuple[float, float] = (0.0, 0.0)
    sharp: float = 0.0
    joined: int | None = None

    @property
    def is_opll(self) -> bool:
        """Whether it is ossified posterior longitudinal ligament."""
        return self.kind == "opll"

    def reaches(self, s_mm: float) -> bool:
        """Whether it is there at a place along the curve."""
        return self.low_mm <= s_mm <= self.high_mm

    def height(self, x: Array, s: Array) -> Array:
        """Return the height above its wall at places (x, s), mm; below 0 where there is none."""
        rise = np.minimum((s - self.low_mm) / self.taper_low_mm, (self.high_mm - s) / self.taper_high_mm)
        along = np.clip(rise, -1, 1)
        along = np.where(along > 0, along * (2 - along + 2 * self.sharp * (along - 1)), along)
        if self.hill:
            middle, half = (self.low_mm + self.high_mm) / 2, (self.high_mm - self.low_mm) / 2
            bump = 1 - np.minimum(np.abs(s - middle) / half, 1) ** 1.5
            along = np.where(along > 0, along * (1 - self.hill + self.hill * bump), along)
        wave = 1 + self.wave_share * (np.cos(2 * np.pi * s / self.wave_mm + self.wave_phase) - 1) / 2
        u = np.abs(x - self.center_x_mm) / (self.width_mm / 2)
        power = 2.0 + 6.0 * self.square
        across = np.where(u < 1, 1 - np.minimum(u, 1) ** power, np.maximum(1 - u, -1) * 2)
        held = np.minimum(along, 0) + np.minimum(across, 0)
        return np.asarray(
            np.where(held < 0, np.maximum(held * 3, GONE), self.height_mm * along * across * wave)
        )

    def bone_distance(self, x: Array, up: Array, s: Array) -> Array:
        """Return the distance to it and to its root in the bone it continues, mm, below 0 inside.

        Parameters
        ----------
        x, s : ndarray
            Places across and along.
        up : ndarray
            Their height above the wall.

        Returns
        -------
        ndarray
            True near its surface.
        """
        height = self.height(x, s)
        root = np.minimum(ROOT_MM[0] + ROOT_MM[1] * np.maximum(height, 0), ROOT_MM[2])
        d = np.maximum(up - height, -root - up)
        return np.asarray(np.where(height <= 0, np.maximum(d, 0.2 - height), d))
