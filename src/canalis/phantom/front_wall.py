"""The posterior vertebral wall of a real neck, read from its CT alone.

Bone edges are half-maximum crossings along AP rays from the canal to the front. Only mid-bodies count,
so that lips, discs and the ends of spurs stay out; a smooth surface through them is the wall on which a
mass is planted. No network has a say in it: a label map only tells where to look.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import BSpline

from canalis.errors import MeasurementError
from canalis.measurement.frame import MovingFrame
from canalis.measurement.geometry import NeckGeometry
from canalis.volume import Volume

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

RAY_STEP_MM = 0.1
SIDE_MM, SIDE_STEP_MM = 9.0, 0.6  # how far off the midline rays run: between the uncinate processes
REACH_FRONT_MM, REACH_BACK_MM = 4.0, 3.5  # about the label map's front, within which the edge must lie
LEAST_EDGE_HU = 150.0  # from canal to bone
MID_BODY_SHARE = 0.5  # of a body's height, about its middle, in which edges count
KNOT_MM = 8.0
SMOOTHNESS = 0.02  # price of a second difference, in rays a knot: halves waves shorter than about 20 mm
OUTLIER_MM = 0.8  # Tukey's cut: the mouth of the basivertebral vein, a spur
ROUNDS = 8
LEAST_RAYS, LEAST_SEEN_SHARE = 200, 0.5  # of the rays at mid-body, those that must meet an edge of bone


@dataclass(frozen=True, slots=True, eq=False)
class FrontWall:
    """The posterior vertebral wall as a surface over the centreline.

    Attributes
    ----------
    knots_mm : ndarray
        Of the cubic spline along the centreline.
    coefficients : ndarray of shape (splines, 3)
        Of 1, x and x² on each spline, x in cm.
    seat_mm : ndarray of shape (n, columns)
        How far in front of the surface the bone's own edge lies, 0 or below; 0 where it is not seen.
    along_mm, left_mm : ndarray
        Places of ``seat_mm``.
    residual_mm : float
        Median absolute distance of the edges from the surface.
    """

    knots_mm: Floats
    coefficients: Floats
    seat_mm: Floats
    along_mm: Floats
    left_mm: Floats
    residual_mm: float

    def at(self, left_mm: Floats, along_mm: Floats) -> Floats:
        """Return the wall, mm behind the centreline, at places that broadcast."""
        x, s = np.broadcast_arrays(np.asarray(left_mm, float) / 10, np.asarray(along_mm, float))
        inside = np.clip(s, self.knots_mm[3], self.knots_mm[-4] - 1e-6)
        terms = [BSpline(self.knots_mm, self.coefficients[:, k], 3)(inside) for k in range(3)]
        x = np.clip(x, -SIDE_MM / 10, SIDE_MM / 10)
        return np.asarray(terms[0] + terms[1] * x + terms[2] * x * x)

    def seat_at(self, left_mm: Floats, along_mm: Floats) -> Floats:
        """Return how far a mass reaches in front of the surface to sit on bone, mm, 0 or below."""
        step = self.along_mm[1] - self.along_mm[0], self.left_mm[1] - self.left_mm[0]
        index = np.stack([(along_mm - self.along_mm[0]) / step[0], (left_mm - self.left_mm[0]) / step[1]])
        return np.asarray(ndimage.map_coordinates(self.seat_mm, index, order=1, mode="nearest"))


def sample_rays(volume: Volume, frame: MovingFrame, back_mm: Floats, left_mm: Floats) -> Floats:
    """Return the CT on a grid in every plane, HU, shape (n, rows, columns): cubic between voxels."""
    index = frame.grid_index(volume.affine, back_mm, left_mm)
    low = np.maximum(np.floor(index.min(axis=(1, 2, 3))).astype(int) - 6, 0)
    high = np.minimum(np.ceil(index.max(axis=(1, 2, 3))).astype(int) + 7, volume.shape)
    part = volume.hu[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].astype(np.float32)
    found = ndimage.map_coordinates(part, index - low[:, None, None, None], order=3, mode="nearest")
    return np.asarray(found, dtype=np.float64)


def find_front_wall(volume: Volume, neck: NeckGeometry) -> FrontWall:
    """Return the posterior vertebral wall of a CT.

    Parameters
    ----------
    volume : Volume
        The CT.
    neck : NeckGeometry
        Laid out from any label map: where the canal and the bodies are.

    Returns
    -------
    FrontWall
        Of bone edges at half maximum, smoothed along and across.

    Raises
    ------
    MeasurementError
        If too few edges of bone are seen: bodies hardly denser than the canal (contrast in the sac, thin
        bone) do not tell where their wall is.
    """
    left = np.arange(-SIDE_MM, SIDE_MM + SIDE_STEP_MM / 2, SIDE_STEP_MM)
    edges = _bone_edges(volume, neck, left)
    used = np.isfinite(edges[_mid_bodies(neck)])
    if used.sum() < max(LEAST_RAYS, LEAST_SEEN_SHARE * used.size):
        raise MeasurementError(
            f"Expected an edge of bone on {LEAST_SEEN_SHARE:.0%} of the rays to the posterior walls and on "
            f"{LEAST_RAYS}, found {used.sum()} of {used.size}. Check that the label map fits the CT and that "
            "its cervical bodies stand out from the canal: with contrast in the sac they may not."
        )
    along = neck.frame.along_mm
    places = np.broadcast_to(along[:, None], edges.shape)
    sides = np.broadcast_to(left[None, :], edges.shape)
    held = np.isfinite(edges) & _mid_bodies(neck)[:, None]
    knots, coefficients = _fit(places[held], sides[held], edges[held], float(along[0]), float(along[-1]))
    bare = FrontWall(knots, coefficients, np.zeros_like(edges), along, left, 0.0)
    off = edges - bare.at(left[None, :], along[:, None])
    residual = float(np.median(np.abs(off[held])))
    return FrontWall(knots, coefficients, _seats(off, held), along, left, residual)


def _bone_edges(volume: Volume, neck: NeckGeometry, left: Floats) -> Floats:
    """Return the half-maximum edge on each ray, mm behind the centreline, NaN where there is none."""
    drawn = np.stack(
        [np.interp(left, neck.canal.left_mm, _filled(row)) for row in neck.canal.front_mm]
    )  # (n, columns)
    middle = np.nanmedian(drawn)
    back = np.arange(middle - 9.0, middle + 8.0, RAY_STEP_MM)
    hu = sample_rays(volume, neck.frame, back, left)
    soft = ndimage.median_filter(_canal_hu(hu, back, drawn), size=41, mode="nearest")[:, None]
    away = back[None, :, None] - drawn[:, None, :]
    near = (away > -REACH_FRONT_MM) & (away < REACH_BACK_MM)
    bone = np.where(near & (away < 1.5), hu, -np.inf).max(axis=1)
    half = (soft + bone) / 2
    dense = near & (hu > half[:, None, :])
    last = dense.shape[1] - 1 - np.argmax(dense[:, ::-1], axis=1)
    after = np.minimum(last + 1, dense.shape[1] - 1)
    high, low = (np.take_along_axis(hu, k[:, None], axis=1)[:, 0] for k in (last, after))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.clip((high - half) / (high - low), 0, 1)
    edge = back[last] + share * RAY_STEP_MM
    at_window = np.take_along_axis(away, last[:, None], axis=1)[:, 0] > REACH_BACK_MM - 0.3
    good = dense.any(axis=1) & (bone - soft > LEAST_EDGE_HU) & ~at_window & np.isfinite(drawn)
    return np.where(good, edge, np.nan)


def _filled(row: Floats) -> Floats:
    held = np.isfinite(row)
    return np.interp(np.arange(len(row)), np.flatnonzero(held), row[held]) if held.any() else row


def _canal_hu(hu: Floats, back: Floats, drawn: Floats) -> Floats:
    """Return the median density 3 to 6 mm behind the drawn front in each plane, shape (n,)."""
    away = back[None, :, None] - drawn[:, None, :]
    inside = np.where((away > 3.0) & (away < 6.0), hu, np.nan)
    known = np.isfinite(inside).any(axis=(1, 2))
    medians = np.full(len(hu), np.nan)
    medians[known] = np.nanmedian(inside[known], axis=(1, 2))
    return np.where(known, medians, np.nanmedian(medians))


def _mid_bodies(neck: NeckGeometry) -> Bools:
    """Return which places of the centreline lie at mid-body."""
    along = neck.frame.along_mm
    chosen = np.zeros(len(along), dtype=bool)
    for zone in neck.zones:
        if zone.part == "body" and zone.whole:
            half = MID_BODY_SHARE * (zone.lower_mm - zone.upper_mm) / 2
            chosen |= np.abs(along - zone.middle_mm) <= half
    return chosen & neck.sections.whole


def _fit(s: Floats, x: Floats, y: Floats, low: float, high: float) -> tuple[Floats, Floats]:
    """Return knots and coefficients of a smooth surface through edges, outliers weighed down."""
    inner = np.linspace(low, high, max(int((high - low) / KNOT_MM), 2) + 1)
    knots = np.concatenate([np.repeat(inner[0], 3), inner, np.repeat(inner[-1], 3)])
    along = BSpline.design_matrix(np.clip(s, low, high - 1e-6), knots, 3).toarray()
    n = along.shape[1]
    across = np.stack([np.ones_like(x), x / 10, (x / 10) ** 2], axis=1)
    design = (along[:, :, None] * across[:, None, :]).reshape(len(s), n * 3)
    second = np.diff(np.eye(n), 2, axis=0)
    price = np.kron(second.T @ second, np.eye(3)) * (SMOOTHNESS * len(s) / max(n, 1))
    price += 1e-9 * len(s) * np.eye(n * 3)
    weights = np.ones(len(s))
    for _ in range(ROUNDS):
        found = np.linalg.solve(design.T @ (design * weights[:, None]) + price, design.T @ (weights * y))
        off = (y - design @ found) / OUTLIER_MM
        weights = np.where(np.abs(off) < 1, (1 - off**2) ** 2, 0.0)
    return knots, found.reshape(n, 3)


def _seats(off: Floats, held: Bools) -> Floats:
    """Return the distance of bone in front of the surface, smoothed, none where bone was not looked for."""
    ahead = np.where(held & (np.abs(off) < 2 * OUTLIER_MM), np.minimum(off, 0.0), 0.0)
    calm = ndimage.median_filter(ahead, size=(5, 3))
    return np.asarray(ndimage.gaussian_filter(calm, (2.0, 1.0)))
