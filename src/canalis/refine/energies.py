"""The energies of an active contour: their weights, and the fields that pull on its points.

All of them are forces in mm per unit of time with a size of at most about 1 for a weight of 1, so
that weights can be compared. Fields are worked out on square windows (see :mod:`canalis.refine.tables`).
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.errors import MeasurementError

FLOW_LEVELS = 4  # the coarsest grid is 8 times as wide: the flow then reaches across a canal
FLOW_SWEEPS = (200, 100, 60, 24)  # Jacobi, coarse to fine: within 2.5 % and 1° of the direct solution (tests)
FLOW_UNIT = 0.02  # 1/mm: flow weaker than this pulls with less than full strength


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """How much each term of the energy weighs, and what each looks for.

    Attributes
    ----------
    tension : float
        α of Eq. 4 and 5, mm² per unit of time: against stretching.
    rigidity : float
        β of Eq. 4 and 5, mm⁴ per unit of time: against bending.
    attachment : float
        Spring from each point to its start, 1 per unit of time.
    tie : float
        Spring between the same point on neighbouring planes of a tube, 1 per unit of time
        (see ``Guides.tubes``).
    gaussian_edge : float
        Edges of the smoothed image [1]_.
    gradient_vector_flow : float
        The same edges, felt from far [2]_.
    region : float
        Two regions of even intensity [3]_.
    bone_edge : float
        Inner cortex along the normal: dark inside, bright outside, at half maximum. A spring: the
        force is the distance to the edge.
    prior : float
        The network's probability: outwards where it is above one half, else inwards.
    balloon : float
        Constant force outwards, mm per unit of time; negative inwards [4]_.
    sigma_mm : float
        Smoothing before edges are looked for (gaussian_edge, gradient_vector_flow).
    edge_hu_per_mm : float
        Gradient at which an edge counts half.
    smoothness : float
        μ of the gradient vector flow, without unit.
    reach_mm : float
        How far bone_edge looks along the normal, each way.
    least_rise_hu, sure_rise_hu : float
        Rise from lumen to bone below which bone_edge sees nothing, and above which it is sure.
        The ligamentum flavum (60 to 80 HU) hardly counts, a blurred cortex (500 HU and more) does.

    References
    ----------
    .. [1] Kass M, Witkin A, Terzopoulos D. Snakes: active contour models. IJCV 1988;1:321-331.
       doi:10.1007/BF00133570
    .. [2] Xu C, Prince JL. Snakes, shapes, and gradient vector flow. IEEE Trans Image Process
       1998;7:359-369. doi:10.1109/83.661186
    .. [3] Chan TF, Vese LA. Active contours without edges. IEEE Trans Image Process
       2001;10:266-277. doi:10.1109/83.902291
    .. [4] Cohen LD. On active contour models and balloons. CVGIP: Image Understanding
       1991;53:211-218. doi:10.1016/1049-9660(91)90028-N
    """

    tension: float = 0.0
    rigidity: float = 0.0
    attachment: float = 0.0
    tie: float = 0.0
    gaussian_edge: float = 0.0
    gradient_vector_flow: float = 0.0
    region: float = 0.0
    bone_edge: float = 0.0
    prior: float = 0.0
    balloon: float = 0.0
    sigma_mm: float = 1.0
    edge_hu_per_mm: float = 150.0
    smoothness: float = 0.05
    reach_mm: float = 5.0
    least_rise_hu: float = 30.0
    sure_rise_hu: float = 800.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not np.isfinite(value) or (value < 0 and item.name != "balloon"):
                raise MeasurementError(
                    f"Expected a finite weight of at least 0 for {item.name}, found {value}. "
                    "Only balloon may be negative."
                )
        for name in ("sigma_mm", "edge_hu_per_mm", "smoothness", "reach_mm"):
            if getattr(self, name) <= 0:
                raise MeasurementError(f"Expected {name} above 0, found {getattr(self, name)}.")
        if self.sure_rise_hu <= self.least_rise_hu:
            raise MeasurementError(
                f"Expected sure_rise_hu above least_rise_hu, found {self.sure_rise_hu} and "
                f"{self.least_rise_hu} HU."
            )

    @property
    def reads_image(self) -> bool:
        """True when any term depends on the image."""
        return any((self.gaussian_edge, self.gradient_vector_flow, self.region, self.bone_edge))


def edge_map(
    hu: NDArray[np.float32], *, pitch_mm: float, sigma_mm: float, edge_hu_per_mm: float
) -> NDArray[np.float32]:
    """Return how much of an edge each pixel is, from 0 to 1.

    Kass's squared gradient of the smoothed image [1]_, g²; here g²/(g² + g₀²), so that cortex of
    900 HU does not outweigh cortex of 500 HU.

    Parameters
    ----------
    hu : ndarray of shape (K, S, S)
        Windows with square pixels.
    pitch_mm : float
        Side of a pixel.
    sigma_mm : float
        Width of the Gaussian.
    edge_hu_per_mm : float
        g₀, the gradient that counts one half.

    Returns
    -------
    ndarray of shape (K, S, S)
        float32.

    References
    ----------
    .. [1] Kass, Witkin, Terzopoulos 1988, doi:10.1007/BF00133570
    """
    sigma = (0.0, sigma_mm / pitch_mm, sigma_mm / pitch_mm)
    smooth = ndimage.gaussian_filter(hu, sigma, mode="nearest", truncate=3.0)
    down, right = _slopes(smooth, pitch_mm)
    down *= down
    right *= right
    down += right
    return np.asarray(down / (down + np.float32(edge_hu_per_mm**2)), dtype=np.float32)


def gaussian_edge_force(
    edges: NDArray[np.float32], *, pitch_mm: float, sigma_mm: float
) -> NDArray[np.complex64]:
    """Return the pull up an edge map, −∇E with E = −edges (Kass 1988), at most 1.

    Parameters
    ----------
    edges : ndarray of shape (K, S, S)
        From :func:`edge_map`.
    pitch_mm, sigma_mm : float
        As there. The gradient of a ridge of width σ is about 1/σ, so σ brings it to 1.

    Returns
    -------
    ndarray of shape (K, S, S)
        Complex64, row + i·column.
    """
    down, right = _slopes(edges, pitch_mm)
    force = np.empty(edges.shape, dtype=np.complex64)
    force.real, force.imag = down, right
    force *= np.float32(2.0 * sigma_mm)
    return _at_most_one(force, 1.0)


def gradient_vector_flow_force(
    edges: NDArray[np.float32], *, pitch_mm: float, smoothness: float
) -> NDArray[np.complex64]:
    """Return the gradient vector flow of an edge map, scaled to a size of about 1.

    Solves μ∇²v − |∇f|²(v − ∇f) = 0 (Xu and Prince 1998, Eq. 12) from coarse to fine grids, so that
    edges are felt across the whole canal after some hundred sweeps of the coarse ones.

    Parameters
    ----------
    edges : ndarray of shape (K, S, S)
        f, from :func:`edge_map`.
    pitch_mm : float
        Side of a pixel.
    smoothness : float
        μ, without unit.

    Returns
    -------
    ndarray of shape (K, S, S)
        Complex64, row + i·column.

    References
    ----------
    .. [1] Xu, Prince 1998, doi:10.1109/83.661186
    """
    return _at_most_one(vector_flow(edges, pitch_mm=pitch_mm, smoothness=smoothness), FLOW_UNIT)


def vector_flow(edges: NDArray[np.float32], *, pitch_mm: float, smoothness: float) -> NDArray[np.complex64]:
    """Return the gradient vector flow before scaling, 1/mm (see :func:`gradient_vector_flow_force`)."""
    down, right = _slopes(edges, pitch_mm)
    source = np.empty(edges.shape, dtype=np.complex64)
    source.real, source.imag = down, right
    down *= down
    right *= right
    weight = down + right
    levels = [(source * weight, weight)]
    while len(levels) < FLOW_LEVELS and levels[-1][1].shape[-1] >= 8:
        levels.append((_halved(levels[-1][0]), _halved(levels[-1][1])))
    flow: NDArray[np.complex64] | None = None
    for depth in reversed(range(len(levels))):
        pulled, weight = levels[depth]
        flow = pulled / (weight + np.float32(1e-6)) if flow is None else _widened(flow, weight.shape)
        sweeps = FLOW_SWEEPS[len(FLOW_SWEEPS) - 1 - depth]
        flow = _relaxed(flow, pulled, weight, smoothness / (pitch_mm * 2**depth) ** 2, sweeps)
    assert flow is not None
    return flow


def _relaxed(
    flow: NDArray[np.complex64],
    pulled: NDArray[np.complex64],
    weight: NDArray[np.float32],
    stiffness: float,
    sweeps: int,
) -> NDArray[np.complex64]:
    """Jacobi sweeps of stiffness·(neighbours − 4v) − weight·v + pulled = 0, mirrored at the edges."""
    stiff = np.float32(stiffness)
    inverse = 1 / (4 * stiff + weight)
    share, constant = stiff * inverse, pulled * inverse
    padded = np.pad(flow, ((0, 0), (1, 1), (1, 1)), mode="edge")
    inner = padded[:, 1:-1, 1:-1]
    for _ in range(sweeps):
        around = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1]
        around += padded[:, 1:-1, :-2]
        around += padded[:, 1:-1, 2:]
        around *= share
        around += constant
        inner[...] = around
        padded[:, 0], padded[:, -1] = padded[:, 1], padded[:, -2]
        padded[:, :, 0], padded[:, :, -1] = padded[:, :, 1], padded[:, :, -2]
    return np.ascontiguousarray(inner)


def _slopes(values: NDArray[np.float32], pitch_mm: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Central differences down and right, per mm; one-sided at the edges."""
    down: NDArray[np.float32] = np.gradient(values, pitch_mm, axis=1)
    right: NDArray[np.float32] = np.gradient(values, pitch_mm, axis=2)
    return down, right


def _at_most_one(force: NDArray[np.complex64], unit: float) -> NDArray[np.complex64]:
    """Vectors shortened to |v|/√(|v|² + unit²): unchanged in direction, never over 1."""
    size = force.real**2 + force.imag**2
    size += np.float32(unit**2)
    np.sqrt(size, out=size)
    return np.asarray(force / size, dtype=np.complex64)


def _halved(values: NDArray[Any]) -> NDArray[Any]:
    """Means of 2 x 2 pixels; an odd last row or column is averaged with itself."""
    rows, columns = values.shape[1:]
    if rows % 2 or columns % 2:
        values = np.pad(values, ((0, 0), (0, rows % 2), (0, columns % 2)), mode="edge")
    total = values[:, ::2, ::2] + values[:, 1::2, ::2]
    total += values[:, ::2, 1::2]
    total += values[:, 1::2, 1::2]
    return np.asarray(total * np.float32(0.25))


def _widened(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Repeat each pixel 2 x 2: the reverse of halving."""
    wide = np.repeat(np.repeat(values, 2, axis=1), 2, axis=2)
    return np.asarray(wide[:, : shape[1], : shape[2]])
