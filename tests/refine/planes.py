"""Axial planes of a neck drawn from closed forms, with the canal's outline known.

Tests draw their own planes so that they need nothing but the contour; the benchmark uses the
project's phantom. Any pose can be drawn: the picture is a function of the point.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

LUMEN, MUSCLE, TRABECULAR, FLAVUM, OSSIFICATION = 30.0, 55.0, 300.0, 70.0, 600.0


@dataclass(frozen=True, kw_only=True)
class Neck:
    """One plane through a neck: back is + row, left is + column, mm from the canal's centre."""

    width_mm: float = 24.0
    depth_mm: float = 14.0
    cortex_mm: float = 1.2
    cortex_hu: float = 950.0
    flavum_half_deg: float = 0.0
    foramen_half_deg: float = 0.0
    ossification_mm: float = 0.0
    bump: tuple[float, float] = (0.05, 0.4)
    center_mm: tuple[float, float] = (24.0, 24.0)
    turn_deg: float = 0.0
    mirrored: bool = False

    def radius(self, angle: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance from the centre to the anatomical canal's wall; angle 0 is the back."""
        a, b = self.depth_mm / 2, self.width_mm / 2
        oval = (np.abs(np.cos(angle) / a) ** 2.4 + np.abs(np.sin(angle) / b) ** 2.4) ** (-1 / 2.4)
        return np.asarray(oval * (1 + self.bump[0] * np.cos(3 * angle + self.bump[1])))

    def _own(
        self, rows: NDArray[np.float64], columns: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], ...]:
        down, right = rows - self.center_mm[0], columns - self.center_mm[1]
        turn = np.radians(self.turn_deg)
        down, right = np.cos(turn) * down + np.sin(turn) * right, np.cos(turn) * right - np.sin(turn) * down
        return down, -right if self.mirrored else right

    def _placed(self, down: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
        right = -right if self.mirrored else right
        turn = np.radians(self.turn_deg)
        rows = np.cos(turn) * down - np.sin(turn) * right
        return np.stack(
            [rows + self.center_mm[0], np.sin(turn) * down + np.cos(turn) * right + self.center_mm[1]],
            axis=-1,
        )

    def hu_at(self, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """HU at points of the plane, mm."""
        down, right = self._own(rows, columns)
        angle, away = np.arctan2(right, down), np.hypot(down, right)
        wall = self.radius(angle)
        depth = away - wall
        thickness = np.where(np.abs(angle) > np.radians(110), 18.0, 5.0)
        bone = np.where((depth < self.cortex_mm) | (depth > thickness - 1.0), self.cortex_hu, TRABECULAR)
        outside = np.where(depth < thickness, bone, MUSCLE)
        flavum = np.abs(angle) < np.radians(self.flavum_half_deg)
        outside = np.where(flavum, FLAVUM, outside)
        foramen = np.abs(np.abs(angle) - np.radians(85)) < np.radians(self.foramen_half_deg)
        outside = np.where(foramen, MUSCLE, outside)
        inside = np.full(depth.shape, LUMEN)
        if self.ossification_mm:
            front = -self.radius(np.array(np.pi)) + self.ossification_mm * np.exp(-((right / 5.0) ** 4))
            inside = np.where(down < front, OSSIFICATION, inside)
        return np.where(depth < 0, inside, outside)

    def image(
        self,
        *,
        shape: tuple[int, int] = (120, 120),
        spacing_mm: tuple[float, float] = (0.4, 0.4),
        fwhm_mm: float = 0.8,
        noise_hu: float = 0.0,
        seed: int = 0,
        finer: int = 3,
    ) -> NDArray[np.float32]:
        """The plane as a scanner shows it: blurred, sampled, noisy."""
        rows = (np.arange(shape[0] * finer) - (finer - 1) / 2) * spacing_mm[0] / finer
        columns = (np.arange(shape[1] * finer) - (finer - 1) / 2) * spacing_mm[1] / finer
        fine = self.hu_at(*np.meshgrid(rows, columns, indexing="ij"))
        sigma = [fwhm_mm / 2.3548 / s * finer for s in spacing_mm]
        fine = gaussian_filter(fine, sigma, mode="nearest")
        hu = fine.reshape(shape[0], finer, shape[1], finer).mean(axis=(1, 3))
        if noise_hu:
            grain = gaussian_filter(
                np.random.default_rng(seed).normal(size=shape), [0.35 / s for s in spacing_mm]
            )
            hu = hu + grain * noise_hu / grain.std()
        return hu.astype(np.float32)

    def outline(
        self, points: int = 128, *, grow_mm: float | NDArray[np.float64] = 0.0
    ) -> NDArray[np.float64]:
        """The anatomical canal's outline, (points, 2) mm, equally spaced, moved out by ``grow_mm``."""
        dense = np.linspace(0, 2 * np.pi, 4096, endpoint=False)
        curve = self.radius(dense) * np.exp(1j * dense)
        along = np.concatenate([[0], np.cumsum(np.abs(np.diff(np.append(curve, curve[0]))))])
        angle = np.interp(np.arange(points) / points * along[-1], along, np.append(dense, 2 * np.pi))
        arm = np.maximum(self.radius(angle) + grow_mm, 0.5) * np.exp(1j * angle)
        return self._placed(arm.real, arm.imag)


def displaced(
    neck: Neck, rng: np.random.Generator, *, most_mm: float, points: int = 128, waves: int = 4
) -> NDArray[np.float64]:
    """The outline moved in and out smoothly, by at most ``most_mm`` and by that much somewhere."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    move = np.zeros(points)
    for wave in range(waves + 1):
        a, b = rng.normal(size=2) / (1 + wave)
        move += a * np.cos(wave * angle) + b * np.sin(wave * angle)
    return neck.outline(points, grow_mm=most_mm * move / np.abs(move).max())


def boundary_distances_mm(contour: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of every point of each closed outline to the other outline, mm."""
    return np.concatenate([_to_outline(contour, truth), _to_outline(truth, contour)])


def _to_outline(points: NDArray[np.float64], outline: NDArray[np.float64]) -> NDArray[np.float64]:
    p = points[:, 0] + 1j * points[:, 1]
    a = outline[:, 0] + 1j * outline[:, 1]
    step = np.roll(a, -1) - a
    from_a = p[:, None] - a
    share = np.clip((from_a * np.conj(step)).real / np.maximum(np.abs(step) ** 2, 1e-12), 0, 1)
    return np.abs(from_a - share * step).min(axis=1)


def random_neck(rng: np.random.Generator, **fixed: float) -> Neck:
    """A neck as they come: size, cortex, gaps and pose drawn at random."""
    drawn = {
        "width_mm": rng.uniform(21, 28),
        "depth_mm": rng.uniform(11, 17),
        "cortex_mm": rng.uniform(0.7, 1.8),
        "cortex_hu": rng.uniform(700, 1300),
        "flavum_half_deg": rng.choice([0.0, rng.uniform(5, 25)]),
        "foramen_half_deg": rng.choice([0.0, rng.uniform(5, 15)]),
        "bump": (rng.uniform(0, 0.08), rng.uniform(0, 6.28)),
        "center_mm": (24 + rng.uniform(-2, 2), 24 + rng.uniform(-2, 2)),
        "turn_deg": rng.uniform(-15, 15),
    }
    return Neck(**{**drawn, **fixed})
