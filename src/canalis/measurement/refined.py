"""The network's canal outline, moved onto the bone's edge by the active contour.

Outlines are taken from the network's soft edge on planes along the centreline, refined plane by plane, and
the soft edge around each point is moved as far: every plane that is measured afterwards sees the refined
canal. Points along ossification, at discs those along rims too, follow no edge: there it is the back of the
mass, not the canal's wall. In front they move as the free wall of the same scan did on the median, and
between two bodies the wall comes to the line between their own walls where it lay before it. The label map
follows where the edge has moved.

Pixels over 1.5 mm show no contour its edge. There the front wall moves as a whole, by as much as the
half-maximum of its profiles lies off on the median.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.labels import (
    ANATOMICAL_CANAL,
    FIRST_VERTEBRA,
    VERTEBRA_WITHOUT_LEVEL,
)
from canalis.measurement.centerline import trace_centerline
from canalis.measurement.edges import EdgeField, Edges, find_edges
from canalis.measurement.frame import MovingFrame
from canalis.measurement.front_profiles import SHELL_WITHIN_MM, behind_shell_mm, half_maximum_mm
from canalis.measurement.measurements import PlaneMeasurement
from canalis.measurement.moved_edge import BAND_MM, EVERY_MM, FURTHEST_MM, Shift, moved_along
from canalis.measurement.plane_measures import outlines_on
from canalis.measurement.planes import AIR_HU
from canalis.measurement.relabelled import relabelled
from canalis.measurement.sections import Extent, Sections, cut_sections, extent_of
from canalis.refine import Guides, refine_outlines
from canalis.segment.segmentation import Segmentation
from canalis.segment.walls import BEFORE_LINE_MM
from canalis.volume import (
    LARGEST_GAP_MM,
    LARGEST_PIXEL_MM,
    Mask,
    Probability,
    Progress,
    ScanWarning,
    Volume,
)

Floats = NDArray[np.float64]

PIXEL_MM = 0.4  # of the planes' pictures
POINTS = 72  # on an outline: 0.7 mm apart
RAY_STEP_MM, LONGEST_RAY_MM = 0.2, 18.0
BESIDE_MASS_MM = 1.2  # points with a mass this near on the inside follow no edge
AHEAD_MM = np.arange(3.0, 9.1, 1.0)  # of the wall, where a body is looked for
ASIDE_MM = np.arange(-4.0, 4.1, 1.0)  # of those places
BODY_SHARE = 0.5  # of those places that is bone
BESIDE_ATLAS_MM = 1.5  # outside the outline: within the ring's bone
ATLAS_SHARE = 0.25  # of an outline beside C1: its masses at both sides are a third
LEAST_MM2 = 20.0  # a smaller section is a canal that ends here, not an outline to be refined
MOST_LOST = 0.3
"""Of the planes, without a word. At discs little bone is around a canal: of 48 validation necks all but one
lose 8 to 28 %, and that one all. A warning on every page is read by nobody."""
AT_DISCS = 0.2  # share of the edge's pull felt there: what looks like bone may be a rim
FRONT = slice(POINTS * 3 // 8, POINTS * 5 // 8 + 1)  # within 45 degrees of the way to the bodies
LEAST_SEEN = 60  # free points there, to say how far off the network's front wall lies in a scan
LEAST_FACING = 0.5  # cosine of the front wall's lean to the side, for a point to tell how far off it lies


@dataclass(frozen=True, slots=True, eq=False)
class Refinement:
    """What the active contour did.

    Attributes
    ----------
    centers_lps : ndarray of shape (K, 3)
        Where the planes cross the centreline, LPS+ mm.
    settled : ndarray of shape (K,)
        True where the contour settled; elsewhere the network's outline stays.
    moved_mm : ndarray of shape (K, POINTS)
        How far each point moved, outwards positive.
    network : EdgeField
        The canal's edge before.
    """

    centers_lps: Floats
    settled: NDArray[np.bool_]
    moved_mm: Floats
    network: EdgeField

    def refined_at(self, point_lps: tuple[float, float, float]) -> bool:
        """Return whether the outline around a place of the centreline is the active contour's."""
        apart = np.linalg.norm(self.centers_lps - np.array(point_lps), axis=1)
        return bool(len(apart) and apart.min() <= EVERY_MM and self.settled[int(apart.argmin())])

    def with_network(self, plane: PlaneMeasurement) -> PlaneMeasurement:
        """Return a plane told whether its outline is refined, the network's beside it where it is."""
        if not self.refined_at(plane.center_lps_mm) or "canal" not in plane.outlines_lps_mm:
            return plane
        drawn = outlines_on(self.network, plane)
        return replace(plane, refined=True, outlines_lps_mm={**plane.outlines_lps_mm, "network": drawn})

    @property
    def warnings(self) -> tuple[ScanWarning, ...]:
        """What the reader of a result must know of it: that more than the usual planes were lost."""
        lost, planes = int((~self.settled).sum()), len(self.settled)
        if lost <= MOST_LOST * planes:
            return ()
        message = (
            f"The contour saw too little edge of bone on {lost} of {planes} planes along the canal: there "
            "canal lengths rest on the network's outline alone."
        )
        return (ScanWarning("contour-not-settled", message),)


def refine_segmentation(
    segmentation: Segmentation, volume: Volume, *, progress: Progress | None = None
) -> tuple[Segmentation, Refinement | None]:
    """Return a segmentation whose canal lies on the bone's edge where there is one.

    Parameters
    ----------
    segmentation : Segmentation
        A network's: one without soft edges, drawn by hand, is given back as it is.
    volume : Volume
        The CT.
    progress : callable, optional
        Told when it starts and ends.

    Returns
    -------
    segmentation : Segmentation
        With the canal's soft edge moved, and the label map where that edge went across a voxel's middle.
    refinement : Refinement or None
        Plane by plane. None where no contour was: no soft edges, no canal, or voxels too coarse for any
        length. Of pixels over 1.5 mm the front wall alone is moved.
    """
    tell = progress or (lambda what, done, of: None)
    _, pixel, gap = sorted(volume.spacing_mm)
    edges = find_edges(segmentation) if segmentation.canal is not None else None
    coarse = pixel > LARGEST_PIXEL_MM
    if edges is None or segmentation.canal is None or (gap > LARGEST_GAP_MM and not coarse):
        return segmentation, None
    extent = extent_of(segmentation.mask, ANATOMICAL_CANAL)
    frame = trace_centerline(edges.canal, extent)
    if frame is None:
        return segmentation, None
    tell("Refining", 0, 1)
    shift, refinement = find_shift(edges, frame, extent, segmentation.mask, volume, coarse=coarse)
    tell("Refining", 1, 1)
    canal = moved_along(segmentation.canal, shift)
    mask = relabelled(segmentation.mask, segmentation.canal, canal, margin_mm=FURTHEST_MM + BAND_MM)
    ossification = _within(segmentation.ossification, canal)
    moved = replace(segmentation, mask=mask, canal=canal, ossification=ossification)
    return moved, None if coarse else refinement


def _within(ossification: Probability | None, canal: Probability) -> Probability | None:
    """Return ossification's probability, nowhere above that of the canal, on the same grid, that holds it."""
    if ossification is None:
        return None
    return Probability(np.minimum(ossification.values, canal.values), canal.affine)


def find_shift(
    edges: Edges, frame: MovingFrame, extent: Extent, mask: Mask, volume: Volume, *, coarse: bool
) -> tuple[Shift, Refinement]:
    """Return how far the canal's edge is to be moved around it, and what the contours did.

    Parameters
    ----------
    edges : Edges
        A network's.
    frame : MovingFrame
        The centreline.
    extent : Extent
        Where in the scan the canal was found.
    mask : Mask
        Where bodies are.
    volume : Volume
        The CT.
    coarse : bool
        True where pixels are too large for contours: the front wall moves as a whole.
    """
    places = np.arange(frame.along_mm[0], frame.along_mm[-1] + 1e-6, EVERY_MM)
    sections = cut_sections(edges, extent, frame.at(places), pixel_mm=PIXEL_MM)
    radii, middles = _radii(sections)
    enclosed = 0.5 * np.sin(2 * np.pi / POINTS) * (radii * np.roll(radii, 1, axis=1)).sum(axis=1)
    edge_mm = min(-sections.back_mm[0], sections.back_mm[-1], -sections.left_mm[0], sections.left_mm[-1])
    reach = np.abs(_rays(middles, radii)).max(axis=(1, 2))  # a canal open to the side may reach farther
    usable = sections.whole & (enclosed >= LEAST_MM2) & (reach <= edge_mm)  # a NaN is not
    places, radii, middles = places[usable], radii[usable], middles[usable]
    if not len(places):
        nothing = np.zeros((0, POINTS))
        return Shift(frame, places, middles, nothing), Refinement(
            np.zeros((0, 3)), np.zeros(0, bool), nothing, edges.canal
        )
    ticks = sections.back_mm
    there = frame.at(places)
    rings = _look_about(edges, there, ticks, _rays(middles, radii), middles, mask, volume)
    moved, settled = _by_half_maximum(rings) if coarse else _by_contour(rings)
    return Shift(frame, places, middles, moved), Refinement(there.centers_lps, settled, moved, edges.canal)


def _angles() -> Floats:
    """Return the directions of the rays: the first to the back, then round by the patient's left."""
    return np.arange(POINTS) * 2 * np.pi / POINTS


def _rays(middles: Floats, radii: Floats) -> Floats:
    """Return (back, left) mm, shape (K, POINTS, 2), of places on the rays."""
    way = np.stack([np.cos(_angles()), np.sin(_angles())], axis=-1)
    return np.asarray(middles[:, None, :] + radii[..., None] * way)


def _radii(sections: Sections) -> tuple[Floats, Floats]:
    """Return where rays from the middle of each section leave the canal, else NaN; and those middles."""
    ticks, step = sections.back_mm, sections.back_mm[1] - sections.back_mm[0]
    inside = sections.canal > 0
    count = np.maximum(inside.sum(axis=(1, 2)), 1)
    back = (inside.sum(axis=2) * ticks).sum(axis=1) / count
    left = (inside.sum(axis=1) * sections.left_mm).sum(axis=1) / count
    middles = np.stack([back, left], axis=1)
    out = np.arange(0.0, LONGEST_RAY_MM, RAY_STEP_MM)
    radii = np.full((len(middles), POINTS), np.nan)
    for k, section in enumerate(sections.canal):
        at = _rays(np.repeat(middles[k : k + 1], len(out), axis=0), np.repeat(out[:, None], POINTS, axis=1))
        field = ndimage.map_coordinates(
            section, ((at - ticks[0]) / step).transpose(2, 0, 1), order=1, cval=-1.0
        )
        gone = field <= 0
        first = gone.argmax(axis=0)
        found = gone.any(axis=0) & (first > 0)
        high, low = field[first - 1, range(POINTS)], field[first, range(POINTS)]
        with np.errstate(divide="ignore", invalid="ignore"):
            radius = out[first - 1] + RAY_STEP_MM * high / (high - low)
        radii[k] = np.where(found, radius, np.nan)
    return radii, middles


@dataclass(frozen=True, slots=True, eq=False)
class Rings:
    """The canal's outline on K planes, with what lies about it.

    Attributes
    ----------
    images : ndarray of shape (K, rows, columns)
        The CT in the planes, HU.
    corner_mm : float
        Of an image's first pixel, back and left of the centreline.
    points_mm : ndarray of shape (K, POINTS, 2)
        Back and left of the centreline.
    outwards : ndarray of shape (K, POINTS, 2)
        Unit normals.
    along_mm : ndarray of shape (K,)
        Places of the planes.
    at_bodies : ndarray of bool, shape (K,)
        Where a body lies in front, not a disc.
    ligament : ndarray of bool, shape (K, POINTS)
        The front within the ring of C1, which stays.
    free, bare : ndarray of bool, shape (K, POINTS)
        Beside no mass: within 1.2 mm, and no ligament; within 3 mm.
    """

    images: NDArray[np.float32]
    corner_mm: float
    points_mm: Floats
    outwards: Floats
    along_mm: Floats
    at_bodies: NDArray[np.bool_]
    ligament: NDArray[np.bool_]
    free: NDArray[np.bool_]
    bare: NDArray[np.bool_]


def _look_about(
    edges: Edges,
    there: MovingFrame,
    ticks: Floats,
    start: Floats,
    middles: Floats,
    mask: Mask,
    volume: Volume,
) -> Rings:
    """Return outlines with what lies about them."""
    index = there.grid_index(volume.affine, ticks, ticks)
    images = ndimage.map_coordinates(volume.hu, index, order=1, cval=AIR_HU, output=np.float32)
    at_bodies = _at_bodies(mask, there, start)
    along = np.roll(start, -1, axis=1) - np.roll(start, 1, axis=1)
    outwards = np.stack([along[..., 1], -along[..., 0]], axis=-1)
    outwards /= np.maximum(np.linalg.norm(outwards, axis=-1, keepdims=True), 1e-9)
    ligament = _within_atlas(mask, there, start + BESIDE_ATLAS_MM * outwards)
    free, bare = (
        ~_beside_mass(edges, there, start, middles, narrowed=~at_bodies, within_mm=mm)
        for mm in (BESIDE_MASS_MM, SHELL_WITHIN_MM)
    )
    return Rings(
        images, float(ticks[0]), start, outwards, there.along_mm, at_bodies, ligament, free & ~ligament, bare
    )


def _by_half_maximum(rings: Rings) -> tuple[Floats, NDArray[np.bool_]]:
    """Return how far each point of a front wall moves that moves as a whole; no contour settles.

    By how far the half-maximum of density lies off it on the median, at bodies and where no mass is beside.
    """
    moved, settled = np.zeros(rings.free.shape), np.zeros(len(rings.free), dtype=bool)
    front, outwards = (rings.points_mm - rings.corner_mm)[:, FRONT], rings.outwards[:, FRONT]
    facing = np.clip(-outwards[..., 0], 0.0, 1.0)  # nothing where the outline turns to the side
    off = half_maximum_mm(rings.images, front, outwards, pixel_mm=PIXEL_MM) / np.maximum(facing, LEAST_FACING)
    seen = rings.free[:, FRONT] & rings.at_bodies[:, None] & (facing >= LEAST_FACING) & np.isfinite(off)
    if seen.sum() >= LEAST_SEEN:
        forward_mm = np.clip(np.median(off[seen]), -FURTHEST_MM, FURTHEST_MM)
        moved[:, FRONT] = forward_mm * facing
    return np.where(rings.ligament, 0.0, moved), settled


def _by_contour(rings: Rings) -> tuple[Floats, NDArray[np.bool_]]:
    """Return how far each point moves along the outline's normal, and which contours settled."""
    free, at_bodies, start = rings.free, rings.at_bodies, rings.points_mm - rings.corner_mm
    leave = np.where(free, FURTHEST_MM, 0.0)
    felt = np.where(at_bodies, 1.0, AT_DISCS)[:, None] * free
    guides = Guides(point_weights=felt, leave_mm=leave)
    snakes = refine_outlines(rings.images, (PIXEL_MM, PIXEL_MM), start, guides=guides)
    moved = ((snakes.contours_mm - start) * rings.outwards).sum(axis=-1)
    shelled = (at_bodies[:, None] & rings.bare)[:, FRONT]
    settling, outwards = snakes.contours_mm[:, FRONT], rings.outwards[:, FRONT]
    behind = behind_shell_mm(rings.images, settling, outwards, pixel_mm=PIXEL_MM)
    moved[:, FRONT] -= np.where(shelled, behind, 0.0)
    settled = np.asarray(snakes.converged, dtype=bool)
    moved = np.where(settled[:, None] & free, np.clip(moved, -FURTHEST_MM, FURTHEST_MM), 0.0)
    seen = moved[:, FRONT][(settled & at_bodies)[:, None] & free[:, FRONT]]
    if len(seen) >= LEAST_SEEN:
        moved[:, FRONT] = np.where(free[:, FRONT], moved[:, FRONT], np.median(seen))
    moved = _held_between_bodies(moved, rings.points_mm, rings.outwards, at_bodies, rings.along_mm)
    return np.where(rings.ligament, 0.0, moved), settled


def _held_between_bodies(
    moved: Floats, start: Floats, outwards: Floats, at_bodies: NDArray[np.bool_], along_mm: Floats
) -> Floats:
    """Return movements after which the front wall lies no farther forward than the line between mid-bodies.

    By definition the posterior wall is fitted through mid-bodies and lies between them at discs. The contour
    moves it at bodies; what the network drew too deep at a disc, where rims hide the edge, must follow.
    """
    runs, count = ndimage.label(at_bodies)
    middles = [float(np.mean(np.flatnonzero(runs == run))) for run in range(1, count + 1)]
    if count < 2:
        return moved
    rows = np.arange(len(moved))
    there = np.interp(middles, rows, along_mm)
    back = (start + moved[..., None] * outwards)[:, FRONT, 0]
    line = np.column_stack([np.interp(along_mm, there, np.interp(middles, rows, side)) for side in back.T])
    between = (along_mm > there[0]) & (along_mm < there[-1])
    short = np.where(between[:, None], np.maximum(line - BEFORE_LINE_MM - back, 0.0), 0.0)
    held = moved.copy()
    held[:, FRONT] = np.maximum(
        held[:, FRONT] + short / np.minimum(outwards[:, FRONT, 0], -0.5), -FURTHEST_MM
    )
    return held


def _beside_mass(
    edges: Edges,
    there: MovingFrame,
    start: Floats,
    middles: Floats,
    *,
    narrowed: NDArray[np.bool_],
    within_mm: float = BESIDE_MASS_MM,
) -> NDArray[np.bool_]:
    """Return which points of the outlines have a mass on them or so far inside.

    Ossification counts on every plane, other narrowing on those that ``narrowed`` says, shape (K,).
    """
    inwards = middles[:, None, :] - start
    inwards /= np.maximum(np.linalg.norm(inwards, axis=-1, keepdims=True), 1e-9)
    near = np.zeros(start.shape[:2], dtype=bool)
    for depth in np.arange(0.0, within_mm + 0.1, PIXEL_MM):
        points = _in_space(there, start + depth * inwards)
        if edges.ossification is not None:
            near |= _values_at(edges.ossification, points) > 0
        if edges.narrowing is not None:
            near |= (_values_at(edges.narrowing, points) > 0) & narrowed[:, None]
    return near


def _at_bodies(mask: Mask, there: MovingFrame, start: Floats) -> NDArray[np.bool_]:
    """Return which planes have a body in front of the canal, not a disc, shape (K,).

    A rim stands at a disc. What looks like one behind the middle of a body is its own cortex.
    """
    front = start[:, POINTS // 2]
    ahead, left = np.meshgrid(AHEAD_MM, ASIDE_MM)
    at = front[:, None] + np.stack([-ahead.ravel(), left.ravel()], axis=-1)
    index = np.moveaxis(mask.to_index(_in_space(there, at)), -1, 0)
    labels = ndimage.map_coordinates(mask.labels, index, order=0, mode="constant")
    bone = (labels >= FIRST_VERTEBRA) | (labels == VERTEBRA_WITHOUT_LEVEL)
    return np.asarray(bone.mean(axis=1) >= BODY_SHARE)


def _within_atlas(mask: Mask, there: MovingFrame, beside: Floats) -> NDArray[np.bool_]:
    """Return which points of the front lie within the ring of C1, where ligament is the wall, not the dens.

    Parameters
    ----------
    mask : Mask
        Where bones are.
    there : MovingFrame
        K planes.
    beside : ndarray of shape (K, POINTS, 2)
        Places a little outside the outlines.
    """
    index = np.moveaxis(mask.to_index(_in_space(there, beside)), -1, 0)
    labels = ndimage.map_coordinates(mask.labels, index, order=0, mode="constant")
    share = (labels == FIRST_VERTEBRA).mean(axis=1)
    points = np.zeros(POINTS, dtype=bool)
    points[FRONT] = True
    return np.asarray((share >= ATLAS_SHARE)[:, None] & points)


def _in_space(there: MovingFrame, places: Floats) -> Floats:
    """Return LPS+ mm points of (back, left) places in K planes, both of shape (K, n, ...)."""
    points = there.centers_lps[:, None] + places[..., :1] * there.posteriors_lps[:, None]
    return np.asarray(points + places[..., 1:] * there.lefts_lps[:, None])


def _values_at(field: EdgeField, points_lps: Floats) -> NDArray[np.float32]:
    inverse = np.linalg.inv(field.affine)
    index = np.moveaxis(points_lps @ inverse[:3, :3].T + inverse[:3, 3], -1, 0)
    values: NDArray[np.float32] = ndimage.map_coordinates(field.values, index, order=1, cval=-9.0)
    return values
