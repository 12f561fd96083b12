"""Everything that pulls on the contours of one call, set up once and read in each step."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from canalis.refine.curves import outward_normals, perimeter, signed_area
from canalis.refine.energies import Energy, edge_map, gaussian_edge_force, gradient_vector_flow_force
from canalis.refine.normals import (
    LEAST_NEARNESS_MM,
    bone_edge,
    filled_between,
    lumen_level,
    points_apart,
    prior_speed,
    region_means,
    region_speed,
)
from canalis.refine.tables import Place, Scratch, Tables, Windows, resample, tabulated

REGION_RANGE_HU = (-50.0, 450.0)  # fat and cortex count as soft tissue and bone, no more
REGION_SPREAD_HU = REGION_RANGE_HU[1] - REGION_RANGE_HU[0]
LOOK_EVERY = 5  # steps; between looks the contour is drawn to the edge points last found
PLANES_AT_ONCE = 4  # whose fields are worked out together: they stay in the cache
SUPPORT_MM = 0.75  # a point this close to a bone edge is supported by it
SUPPORT_SURENESS = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """The tables that an energy needs; None for terms that weigh nothing.

    Attributes
    ----------
    pull : Tables or None
        Sum of gaussian_edge and gradient_vector_flow, times their weights: complex64.
    edges : Tables or None
        The edge map, for the energy history.
    hu : Tables or None
        Hounsfield units, for bone_edge.
    tissue, sums : Tables or None
        Hounsfield units cut to REGION_RANGE_HU, and their running sums down the rows.
    totals : ndarray of shape (K, 2) or None
        See :func:`canalis.refine.normals.region_speed`.
    probability : Tables or None
        The network's, 0 to 1.
    lumen_hu : ndarray of shape (K,) or None
        Level of the lumen on each plane.
    """

    pull: Tables | None = None
    edges: Tables | None = None
    hu: Tables | None = None
    tissue: Tables | None = None
    sums: Tables | None = None
    totals: NDArray[np.float64] | None = None
    probability: Tables | None = None
    lumen_hu: NDArray[np.float32] | None = None
    extent_mm: complex = 0j
    """Last row and column of the images, row + i·column mm."""
    scratch: Scratch = field(default_factory=Scratch)
    """Memory for readings in each step."""


def prepared_fields(
    images: NDArray[np.float32],
    spacing_mm: tuple[float, float],
    curves: NDArray[np.complex64],
    *,
    energy: Energy,
    windows: Windows,
    probability: NDArray[np.float32] | None,
) -> Fields:
    """Return the tables that the terms of an energy read.

    Parameters
    ----------
    images : ndarray of shape (K, H, W)
        HU.
    spacing_mm : tuple of float
        Row and column spacing of images and probability.
    curves : ndarray of shape (K, N)
        Start contours, complex64 mm.
    energy : Energy
        Which terms are wanted.
    windows : Windows
        Round the start contours.
    probability : ndarray of shape (K, H, W) or None
        0 to 1; needed by ``energy.prior``.
    """
    rows, columns = images.shape[1:]
    made = Fields(extent_mm=complex((rows - 1) * spacing_mm[0], (columns - 1) * spacing_mm[1]))
    hu = resample(images, spacing_mm, windows) if energy.reads_image else np.empty(0, np.float32)
    if energy.gaussian_edge or energy.gradient_vector_flow:
        made = _with_edges(made, hu, energy, windows)
    if energy.bone_edge:
        table = tabulated(hu, windows)
        place = table.place(np.arange(len(curves)), curves.shape[1])
        made = replace(made, hu=table, lumen_hu=lumen_level(table, curves, place))
    if energy.region:
        made = _with_region(made, hu, windows)
    if energy.prior and probability is not None:
        made = replace(made, probability=tabulated(resample(probability, spacing_mm, windows), windows))
    return made


def _with_edges(made: Fields, hu: NDArray[np.float32], energy: Energy, windows: Windows) -> Fields:
    pull, edges = np.empty(hu.shape, np.complex64), np.empty(hu.shape, np.float32)
    for first in range(0, len(hu), PLANES_AT_ONCE):
        some = slice(first, first + PLANES_AT_ONCE)
        edges[some], pull[some] = _edges_and_pull(hu[some], energy, windows.pitch_mm)
    return replace(made, pull=tabulated(pull, windows), edges=tabulated(edges, windows))


def _edges_and_pull(
    hu: NDArray[np.float32], energy: Energy, pitch_mm: float
) -> tuple[NDArray[np.float32], NDArray[np.complex64]]:
    sigma = energy.sigma_mm
    edges = edge_map(hu, pitch_mm=pitch_mm, sigma_mm=sigma, edge_hu_per_mm=energy.edge_hu_per_mm)
    pull = np.zeros(hu.shape, np.complex64)
    if energy.gaussian_edge:
        force = gaussian_edge_force(edges, pitch_mm=pitch_mm, sigma_mm=sigma)
        pull += np.float32(energy.gaussian_edge) * force
    if energy.gradient_vector_flow:
        flow = gradient_vector_flow_force(edges, pitch_mm=pitch_mm, smoothness=energy.smoothness)
        pull += np.float32(energy.gradient_vector_flow) * flow
    return edges, pull


def _with_region(made: Fields, hu: NDArray[np.float32], windows: Windows) -> Fields:
    tissue = np.clip(hu, *REGION_RANGE_HU)
    sums = np.cumsum(tissue, axis=1, dtype=np.float64)
    sums = (sums - 0.5 * tissue - 0.5 * tissue[:, :1]) * windows.pitch_mm  # trapezoids from the first row
    across = (sums[:, -1, 1:] + sums[:, -1, :-1]).sum(axis=-1) / 2 * windows.pitch_mm
    area = ((windows.side - 1) * windows.pitch_mm) ** 2
    totals = np.stack([across, np.full(len(hu), area)], axis=-1)
    return replace(
        made,
        tissue=tabulated(tissue, windows),
        sums=tabulated(sums.astype(np.float32), windows),
        totals=totals,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What one look along the normals found; it serves for LOOK_EVERY steps.

    Attributes
    ----------
    normals : ndarray of shape (A, N)
        Outward unit normals where the contours were.
    edges_mm : ndarray of shape (A, N)
        Where the edges lie along the normals, counted from the plane's first pixel.
    sureness : ndarray of shape (A, N)
        See :func:`canalis.refine.normals.bone_edge`.
    """

    normals: NDArray[np.complex64]
    edges_mm: NDArray[np.float32]
    sureness: NDArray[np.float32]

    def left_mm(self, curves: NDArray[np.complex64]) -> NDArray[np.float32]:
        """Return how far each point (A, N) still is from its edge, along the normal."""
        return np.asarray(self.edges_mm - (np.conj(self.normals) * curves).real, dtype=np.float32)


@dataclass(slots=True, eq=False)
class Pull:
    """The external force on the contours still on their way.

    Attributes
    ----------
    fields : Fields
        Of all planes.
    energy : Energy
        Weights.
    planes : ndarray of shape (A,)
        Which planes the contours at hand belong to.
    points : int
        N, along each contour.
    point_weights : ndarray of shape (A, N) or None
        Share of the external force that each point feels.
    """

    fields: Fields
    energy: Energy
    planes: NDArray[np.intp]
    points: int
    point_weights: NDArray[np.float32] | None
    nearness_mm: float = LEAST_NEARNESS_MM
    linear: bool = False
    place: Place | None = field(init=False)
    look: Look | None = field(init=False, default=None)
    steps_since_look: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        made = self.fields
        tables = [t for t in (made.pull, made.hu, made.tissue, made.probability) if t is not None]
        self.place = tables[0].place(self.planes, self.points) if tables else None

    def force(self, curves: NDArray[np.complex64]) -> NDArray[np.complex64] | None:
        """Return the force at each point (A, N), mm per unit of time; None where nothing pulls.

        The array is the caller's until the next call.
        """
        made, place = self.fields, self.place
        total: NDArray[np.complex64] | None = None
        if made.pull is not None and place is not None:
            total = made.pull.read(curves, place, linear=self.linear, scratch=made.scratch)
        if made.hu is not None:
            look = self._recent_look(curves)
            edges = look.normals * (np.float32(self.energy.bone_edge) * look.sureness * look.left_mm(curves))
            total = edges if total is None else total + edges
        if self._along_normals:
            outwards = outward_normals(curves) * self.speed(curves)
            total = outwards if total is None else total + outwards
        if total is not None and self.point_weights is not None:
            total *= self.point_weights
        return total

    @property
    def _along_normals(self) -> bool:
        energy, made = self.energy, self.fields
        return bool(energy.region or energy.balloon or made.probability is not None)

    def _recent_look(self, curves: NDArray[np.complex64]) -> Look:
        """Return the last look along the normals, or a new one when that is old."""
        if self.look is None or self.steps_since_look >= LOOK_EVERY:
            self.look = self._new_look(curves)
            self.steps_since_look = 0
        self.steps_since_look += 1
        return self.look

    def look_again(self, curves: NDArray[np.complex64]) -> None:
        """Look along the normals of curves whose points were moved along them."""
        if self.look is not None:
            self.look = self._new_look(curves)

    def _new_look(self, curves: NDArray[np.complex64]) -> Look:
        normals = outward_normals(curves)
        distance, sureness = self.edges_at(curves, normals)
        return Look(normals, distance + (np.conj(normals) * curves).real, sureness)

    def speed(self, curves: NDArray[np.complex64]) -> NDArray[np.float32]:
        """Return the sum of region, prior and balloon along the outward normal, (A, N)."""
        energy, made, place = self.energy, self.fields, self.place
        total = np.full(curves.shape, energy.balloon, np.float32)
        if place is None:
            return total
        if made.tissue is not None and made.sums is not None and made.totals is not None:
            totals = made.totals[self.planes]
            total += np.float32(energy.region) * region_speed(
                made.tissue, made.sums, curves, place, totals=totals, linear=self.linear
            )
        if made.probability is not None:
            total += np.float32(energy.prior) * prior_speed(
                made.probability, curves, place, linear=self.linear
            )
        return total

    def edges_at(
        self, curves: NDArray[np.complex64], normals: NDArray[np.complex64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return bone_edge's distance, mm, and sureness at each point, both (A, N)."""
        made, place = self.fields, self.place
        assert made.hu is not None
        assert made.lumen_hu is not None
        assert place is not None
        apart = points_apart(curves.shape[1], at_rest=self.linear)
        distance, sureness = bone_edge(
            made.hu,
            np.ascontiguousarray(curves[:, ::apart]),
            np.ascontiguousarray(normals[:, ::apart]),
            Place(place.begin, place.shift[:, : 2 * curves.shape[1] // apart]),
            lumen_hu=made.lumen_hu[self.planes],
            energy=self.energy,
            nearness_mm=self.nearness_mm,
            linear=self.linear,
            scratch=made.scratch,
        )
        return filled_between(distance, sureness, apart) if apart > 1 else (distance, sureness)

    def external_energy(self, curves: NDArray[np.complex64]) -> NDArray[np.float64]:
        """Return Eq. 4's external part of each contour (A,), mean over its points.

        The gradient vector flow has no potential: its edge map stands for it. Balloon counts by area
        over length, bone_edge as half its squared distance, prior as (2p − 1)² along the contour, and
        region as Chan and Vese's energy less its constant part, −∑ area · mean².
        """
        energy, made, place = self.energy, self.fields, self.place
        total = np.zeros(len(curves))
        if energy.balloon:
            total -= energy.balloon * np.abs(signed_area(curves)) / perimeter(curves)
        if place is None:
            return total
        if made.edges is not None:
            edges = made.edges.read(curves, place, linear=True).mean(axis=-1)
            total -= (energy.gaussian_edge + energy.gradient_vector_flow) * edges
        if self.look is not None:
            left = self.look.left_mm(curves)
            total += 0.5 * energy.bone_edge * (self.look.sureness * left**2).mean(axis=-1)
        if made.sums is not None and made.totals is not None:
            totals = made.totals[self.planes]
            inside, outside = region_means(made.sums, curves, place, totals=totals)
            share = np.abs(signed_area(curves)) / totals[:, 1]
            total -= energy.region * (share * inside**2 + (1 - share) * outside**2) / REGION_SPREAD_HU**2
        if made.probability is not None:
            value = prior_speed(made.probability, curves, place, linear=True)
            total += energy.prior * (value**2).mean(axis=-1)
        return total

    def beyond_image_mm(self, curves: NDArray[np.complex64]) -> NDArray[np.float64]:
        """Return how far each contour (A,) reaches beyond its image; 0 or less when inside."""
        last = self.fields.extent_mm
        down, right = curves.real, curves.imag
        beyond = [-down.min(axis=-1), down.max(axis=-1) - last.real, -right.min(axis=-1)]
        return np.asarray(np.max([*beyond, right.max(axis=-1) - last.imag], axis=0), dtype=np.float64)

    def bare(self, curves: NDArray[np.complex64]) -> NDArray[np.bool_] | None:
        """Return which points (A, N) lie on no bone edge, by the last look; None without bone_edge.

        Points whose weight is 0 are held by the caller, and not bare.
        """
        if self.fields.hu is None:
            return None
        look = self.look or self._new_look(curves)
        bare = (np.abs(look.left_mm(curves)) > SUPPORT_MM) | (look.sureness < SUPPORT_SURENESS)
        return bare if self.point_weights is None else bare & (self.point_weights > 0)

    def felt(self) -> NDArray[np.intp]:
        """Return how many points of each contour (A,) feel the image."""
        if self.point_weights is None:
            return np.full(len(self.planes), self.points)
        return np.asarray((self.point_weights > 0).sum(axis=-1))
