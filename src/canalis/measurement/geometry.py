"""The neck laid out for measuring: centreline, moving frame, walls, bodies and discs."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from canalis.labels import ANATOMICAL_CANAL
from canalis.measurement.canal import CanalEdges, find_canal_edges
from canalis.measurement.centerline import trace_centerline
from canalis.measurement.direction import turn_to_symmetry
from canalis.measurement.edges import Edges, find_edges
from canalis.measurement.frame import MovingFrame
from canalis.measurement.masses import MassProfile, find_masses
from canalis.measurement.opened import between_side_walls, opened_rings
from canalis.measurement.ossification import MassEdges, find_mass_edges
from canalis.measurement.sections import Extent, Sections, cut_sections, extent_of, ragged_ends
from canalis.measurement.straight import StraightLabels, straighten
from canalis.measurement.uncertainty import Resolution, resolution_at
from canalis.measurement.vertebrae import Vertebra, Zone, find_vertebrae, lay_zones
from canalis.segment.segmentation import Segmentation
from canalis.volume import Volume

Floats = NDArray[np.float64]

PROFILE_PIXEL_MM = 0.5  # edges lie between samples of a field that is linear near them
DIRECTION_STEP_MM = 2.0  # the AP direction is a mean over a level: every fourth place is enough
HIDDEN_REACH_MM = 3.0  # along the neck, from metal or a streak to a plane that it may hide: a slice or two
BETWEEN_HIDDEN_MM = 22.0  # from one vertebra's screws to the next's: streaks of both cross the disc between
WALL_MEDIAN_MM = 6.0  # the wall on the midline as bodies are looked for: single bad sections drop out


@dataclass(frozen=True, slots=True, eq=False)
class NeckGeometry:
    """A neck laid out along its canal.

    Attributes
    ----------
    edges : Edges
        Soft edges of what lies in the canal.
    extent : Extent
        Where in the scan the canal was found.
    frame : MovingFrame
        The centreline every 0.5 mm, head to foot, with the vertebra's own AP direction.
    sections : Sections
        One at every place of the frame.
    canal : CanalEdges
        Of those sections.
    mass_edges : MassEdges
        Of those sections.
    masses : tuple of MassProfile
        Connected ossifications.
    straight : StraightLabels
        The label map laid straight.
    wall_mm : ndarray
        The posterior vertebral wall on the midline at each slice of ``straight``.
    vertebrae : tuple of Vertebra
        Head to foot.
    zones : tuple of Zone
        Bodies, discs, arch, and the gap C1/2, head to foot.
    resolution : tuple of Resolution
        At every place of the frame.
    opened : tuple of str
        Levels whose ring of bone was opened from behind.
    hidden : ndarray of shape (n,)
        Whether metal or streaks hide the canal near each place of the frame; no section is whole there.
    """

    edges: Edges
    extent: Extent
    frame: MovingFrame
    sections: Sections
    canal: CanalEdges
    mass_edges: MassEdges
    masses: tuple[MassProfile, ...]
    straight: StraightLabels
    wall_mm: Floats
    vertebrae: tuple[Vertebra, ...]
    zones: tuple[Zone, ...]
    resolution: tuple[Resolution, ...]
    opened: tuple[str, ...]
    hidden: NDArray[np.bool_]

    def whole_at(self, along_mm: float) -> bool:
        """Return whether the canal is whole at a place of the centreline."""
        return bool(self.sections.whole[self._nearest(along_mm)])

    def hidden_at(self, along_mm: float) -> bool:
        """Return whether metal or streaks hide the canal at a place of the centreline."""
        return bool(self.hidden[self._nearest(along_mm)])

    def gap_at(self, along_mm: float) -> float:
        """Return how far apart slices lie at a place of the centreline, mm."""
        return self.resolution[self._nearest(along_mm)].gap_mm

    def place_on_frame(self, point_lps: tuple[float, float, float]) -> int:
        """Return which place of the centreline is nearest to a point on it."""
        return self._nearest(self.frame.place_of(np.array(point_lps)))

    def _nearest(self, along_mm: float) -> int:
        return int(np.argmin(np.abs(self.frame.along_mm - along_mm)))


def lay_out(
    segmentation: Segmentation, volume: Volume | None, hidden_lps: Floats | None = None
) -> NeckGeometry | None:
    """Return a neck laid out for measuring, or None where it holds too little canal.

    Parameters
    ----------
    segmentation : Segmentation
        Labels, and probabilities where a network made them.
    volume : Volume or None
        The CT, for the gaps between its slices.
    hidden_lps : ndarray of shape (n, 3) or None
        Metal in or at the canal, and the middles of streaks, LPS+ mm.

    Returns
    -------
    NeckGeometry or None
        None without 12 mm of canal.
    """
    edges = find_edges(segmentation)
    if edges is None:
        return None
    extent = extent_of(segmentation.mask, ANATOMICAL_CANAL)
    frame = trace_centerline(edges.canal, extent)
    if frame is None:
        return None
    hidden_lps = np.zeros((0, 3)) if hidden_lps is None else hidden_lps
    neck = _laid_along(frame, segmentation, edges, extent, volume, hidden_lps)
    if not neck.opened:
        return neck
    midway = between_side_walls(neck.sections)
    return neck if midway is None else _laid_along(midway, segmentation, edges, extent, volume, hidden_lps)


def _laid_along(
    frame: MovingFrame,
    segmentation: Segmentation,
    edges: Edges,
    extent: Extent,
    volume: Volume | None,
    hidden_lps: Floats,
) -> NeckGeometry:
    """Return a neck laid out along a centreline."""
    frame = _turned(frame, segmentation, edges, extent)
    sections = cut_sections(edges, extent, frame, pixel_mm=PROFILE_PIXEL_MM)
    canal = find_canal_edges(sections)
    ragged = ragged_ends(canal.area_mm2, float(frame.along_mm[1] - frame.along_mm[0]))
    hidden = _near_hidden(frame, hidden_lps)
    sections = replace(sections, whole=sections.whole & ~ragged & ~hidden)
    mass_edges = find_mass_edges(sections, canal)
    straight = straighten(segmentation.mask, frame, extent)
    wall = _wall_on_midline(canal, frame, straight)
    vertebrae = find_vertebrae(straight, wall)
    resolution = resolution_at(extent, frame, volume)
    return NeckGeometry(
        edges=edges,
        extent=extent,
        frame=frame,
        sections=sections,
        canal=canal,
        mass_edges=mass_edges,
        masses=find_masses(edges.ossification, sections, canal, mass_edges),
        straight=straight,
        wall_mm=wall,
        vertebrae=vertebrae,
        zones=lay_zones(vertebrae),
        resolution=resolution,
        opened=opened_rings(
            sections, canal, straight, vertebrae, pixel_mm=max(r.pixel_mm for r in resolution)
        ),
        hidden=hidden,
    )


def _near_hidden(frame: MovingFrame, hidden_lps: Floats) -> NDArray[np.bool_]:
    """Return at which places of a frame something hides the plane, or what is above it and below."""
    if not len(hidden_lps):
        return np.zeros(len(frame.along_mm), dtype=bool)
    _, nearest = cKDTree(frame.centers_lps).query(hidden_lps)
    height = ((hidden_lps - frame.centers_lps[nearest]) * frame.normals_lps[nearest]).sum(axis=1)
    places = np.unique(np.round(frame.along_mm[nearest] - height, 1))
    near = (np.abs(frame.along_mm[:, None] - places) <= HIDDEN_REACH_MM).any(axis=1)
    for above, below in pairwise(places):
        if below - above <= BETWEEN_HIDDEN_MM:
            near |= (frame.along_mm >= above) & (frame.along_mm <= below)
    return np.asarray(near)


def _turned(frame: MovingFrame, segmentation: Segmentation, edges: Edges, extent: Extent) -> MovingFrame:
    """Return the frame turned to the vertebrae's own AP direction."""
    coarse = frame.at(np.arange(frame.along_mm[0], frame.along_mm[-1], DIRECTION_STEP_MM))
    sections = cut_sections(edges, extent, coarse, pixel_mm=2 * PROFILE_PIXEL_MM)
    return turn_to_symmetry(frame, straighten(segmentation.mask, coarse, extent), sections)


def _wall_on_midline(canal: CanalEdges, frame: MovingFrame, straight: StraightLabels) -> Floats:
    """Return the canal's front edge on the midline at each straightened slice, outliers taken out."""
    front = canal.front_mm[:, canal.midline]
    held = np.isfinite(front)
    if not held.any():
        return np.full(len(straight.frame.along_mm), -WALL_MEDIAN_MM)
    step = frame.along_mm[1] - frame.along_mm[0]
    filled = np.interp(frame.along_mm, frame.along_mm[held], front[held])
    calm = ndimage.median_filter(filled, size=round(WALL_MEDIAN_MM / step), mode="nearest")
    return np.asarray(np.interp(straight.frame.along_mm, frame.along_mm, calm))
