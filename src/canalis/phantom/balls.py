"""Small things about a neck as chains of balls, at full resolution: a coarse lattice would lose them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

Array = NDArray[np.float32]
Floats = NDArray[np.float64]

FAR_MM = 14.0  # beyond it the distance to a thing on a lattice is not kept


@dataclass(frozen=True, slots=True, eq=False)
class Balls:
    """Balls to draw, in this order.

    Attributes
    ----------
    at_mm : ndarray of shape (n, 4)
        LPS+ x, y, z and radius, mm.
    hu : ndarray of shape (n,)
        Density.
    structure : ndarray of shape (n,)
        uint8, :class:`canalis.phantom.structures.Structure`.
    """

    at_mm: Floats
    hu: Floats
    structure: NDArray[np.uint8]

    def __add__(self, other: "Balls") -> "Balls":
        """Return these, then the others."""
        return Balls(
            np.concatenate([self.at_mm, other.at_mm]),
            np.concatenate([self.hu, other.hu]),
            np.concatenate([self.structure, other.structure]),
        )


NONE = Balls(np.zeros((0, 4)), np.zeros(0), np.zeros(0, dtype=np.uint8))


def balls(at_mm: Floats, hu: float, structure: int = 0) -> Balls:
    """Return balls (n, 4) of one density and structure."""
    n = len(at_mm)
    return Balls(np.asarray(at_mm, dtype=float), np.full(n, hu), np.full(n, structure, dtype=np.uint8))


def hollow(at_mm: Floats, *, shell_mm: float, shell_hu: float, core_hu: float, structure: int = 0) -> Balls:
    """Return balls of bone: a shell around a core."""
    core = at_mm[at_mm[:, 3] > shell_mm + 0.3] - np.array([0, 0, 0, shell_mm])
    return balls(at_mm, shell_hu, structure) + balls(core, core_hu, structure)


def along(corners_mm: Floats, radius_mm: Floats | float, step_mm: float) -> Floats:
    """Return balls (n, 4) along a smooth path through corners.

    Parameters
    ----------
    corners_mm : ndarray of shape (m, 3)
        LPS+ mm.
    radius_mm : float or ndarray of shape (m,)
        At the corners.
    step_mm : float
        Between balls.

    Returns
    -------
    ndarray of shape (n, 4)
        Rows (x, y, z, radius), mm.
    """
    corners = np.asarray(corners_mm, dtype=float)
    far = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))])
    at = np.linspace(0, far[-1], max(int(far[-1] / step_mm) + 1, 2))
    radius = np.interp(at, far, np.broadcast_to(radius_mm, len(far)))
    return np.column_stack([CubicSpline(far, corners)(at), radius])


def paint(
    found: Balls,
    hu: Array,
    structure: NDArray[np.uint8],
    places_mm: tuple[Floats, Floats, Floats],
    *,
    steps: int,
    pixel_mm: float,
) -> None:
    """Draw balls into densities and labels.

    Parameters
    ----------
    found : Balls
        What to draw.
    hu : ndarray of shape (slices * steps, rows, columns)
        float32; drawn into.
    structure : ndarray of shape (slices, rows, columns)
        uint8; drawn into where a ball covers a slice's middle.
    places_mm : tuple of ndarray
        LPS+ z of every step, y of every row, x of every column.
    steps : int
        Steps in a slice.
    pixel_mm : float
        Width of an edge's partial volume.
    """
    z, y, x = places_mm
    soft = max(pixel_mm, 0.4)
    reach = found.at_mm[:, 3] + soft
    spans = [
        (np.searchsorted(m, found.at_mm[:, k] - reach), np.searchsorted(m, found.at_mm[:, k] + reach))
        for k, m in ((2, z), (1, y), (0, x))
    ]
    for i in np.flatnonzero(np.logical_and.reduce([a < b for a, b in spans])):
        (z0, z1), (y0, y1), (x0, x1) = ((int(a[i]), int(b[i])) for a, b in spans)
        cx, cy, cz, radius = found.at_mm[i]
        away = np.sqrt(
            ((z[z0:z1] - cz) ** 2).astype(np.float32)[:, None, None]
            + ((y[y0:y1] - cy) ** 2).astype(np.float32)[None, :, None]
            + ((x[x0:x1] - cx) ** 2).astype(np.float32)[None, None, :]
        )
        away -= np.float32(radius)
        near = hu[z0:z1, y0:y1, x0:x1]
        near += np.clip(0.5 - away / soft, 0, 1) * (np.float32(found.hu[i]) - near)
        first = z0 + (steps // 2 - z0) % steps  # the first middle of a slice from here
        labels = structure[first // steps : (z1 - 1 - steps // 2) // steps + 1, y0:y1, x0:x1]
        labels[away[first - z0 :: steps] < 0] = found.structure[i]


def distance_to_balls(grid: Array, points: Floats) -> Array:
    """Return the distance to the nearest of many balls.

    Parameters
    ----------
    grid : ndarray of shape (z, y, x, 3)
        float32 places, LPS+ mm.
    points : ndarray of shape (n, 4)
        LPS+ x, y, z and radius, mm.

    Returns
    -------
    ndarray of shape (z, y, x)
        float32 mm, below 0 inside, ``FAR_MM`` where that far or farther.
    """
    out = np.full(grid.shape[:3], FAR_MM, dtype=np.float32)
    low, high = points[:, :3].min(axis=0) - FAR_MM, points[:, :3].max(axis=0) + FAR_MM
    near = ((grid >= low) & (grid <= high)).all(axis=-1)
    if not near.any():
        return out
    tree = cKDTree(points[:, :3])
    distance, which = tree.query(grid[near], distance_upper_bound=FAR_MM + 30)
    radius = np.append(points[:, 3], 0.0)[which]
    out[near] = np.minimum(distance - radius, FAR_MM)
    return out
