"""A neck, what grows in it and what lies around it, turned into densities and labels on a grid."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from canalis.phantom.balls import balls, paint
from canalis.phantom.canal import CanalSection, canal_at, smooth_max, smooth_min
from canalis.phantom.contents import Contents, draw_contents
from canalis.phantom.curve import Lattice, spine_lattice
from canalis.phantom.growth import EVERY_BONE, Growth
from canalis.phantom.hardware import METAL_HU
from canalis.phantom.marrow import ROOTED_HU, Marrow, draw_marrow, left_of_ridge, rooted_share, vein_share
from canalis.phantom.neck import C1, C2, C7, Neck, Vertebra
from canalis.phantom.scanner import Scanner
from canalis.phantom.structures import Structure
from canalis.phantom.surroundings import Surroundings, rib_level
from canalis.phantom.tissues import fill
from canalis.phantom.vertebra import BLOCK_OVERLAP_MM, Bones, bones_of

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Index = NDArray[np.intp]
Spans = tuple[slice, slice, slice]

SLAB = 12  # slices filled at a time: keeps memory low
SIDE_MM, FRONT_MM, BACK_MM, ABOVE_MM, BELOW_MM = 46.0, 36.0, 62.0, 30.0, 52.0
CANAL_SIDE_MM = 27.0  # no canal with what bounds it reaches farther from its middle
CELL_MM, CELL_MARGIN_MM = 2.4, 2.0  # bone is looked for in cells first, and drawn in those near it
LEAST_CELL = 8  # voxels in a cell: on coarser grids the search costs what it saves
CANAL_EDGE_MM = 1.2  # outside the canal its contents are drawn no farther
GROWTH_EDGE_MM = 2.5  # outside the canal nothing of a growth is drawn farther from it
SPUR_EDGE_MM, SPUR_ROOT_MM, SPUR_BLEND_MM = 1.5, 4.5, 0.8
BLOCK_REACH_MM = 4.5
CORE_MM = 1.4  # half the height of a disc's core
OVERLAP_MM = 0.3  # growths reach this far into their wall, so that no dark film is left between


@dataclass(frozen=True, slots=True, eq=False)
class Rendering:
    """Densities and labels on a grid.

    Attributes
    ----------
    hu : ndarray of shape (slices * steps, rows, columns)
        float32, without blur or noise.
    structure, level : ndarray of shape (slices, rows, columns)
        uint8, at the middle of each slice.
    """

    hu: Array
    structure: Bytes
    level: Bytes


def render(
    neck: Neck, growths: tuple[Growth, ...], around: Surroundings, scanner: Scanner, rng: np.random.Generator
) -> Rendering:
    """Return the densities of a neck on a scanner's grid.

    Parameters
    ----------
    neck, growths, around : Neck, tuple of Growth, Surroundings
        What to draw.
    scanner : Scanner
        On which grid, and how dense things are.
    rng : numpy.random.Generator
        Of what is in the canal, and of marrow.

    Returns
    -------
    Rendering
        Labels are those of the geometry at voxel centres.
    """
    z_all, y, x = scanner.places()
    fine_z = _fine_places(scanner, z_all)
    hu, structure, level = _soft_tissue(neck, around, scanner, fine_z, y, x)
    marrow = draw_marrow(
        rng, mean_hu=neck.density * scanner.trabecular_hu, grain_hu=scanner.texture_hu,
        step_mm=scanner.slice_mm / scanner.steps, pixel_mm=scanner.pixel_mm,
    )  # fmt: skip
    low, high = np.array([x[0], y[0], fine_z[0]]), np.array([x[-1], y[-1], fine_z[-1]])
    spine = spine_lattice(neck.curve, np.maximum(low, _reach(neck)[0]), np.minimum(high, _reach(neck)[1]))
    painter = _Painter(
        neck,
        growths,
        scanner,
        spine,
        marrow,
        hu,
        structure,
        level,
        fine_z,
        y,
        x,
        draw_contents(rng, scanner.sac_hu),
    )
    canals = [b for v in neck.vertebrae if (b := painter.canal_box(v)) is not None]
    for box in canals:
        painter.paint_canal(box)
    for v in neck.vertebrae:  # head first, so that uncinate processes lie over the disc above
        if (bones := painter.bone_box(v)) is not None:
            painter.paint_bones(bones)
    for box in canals:
        painter.paint_growths(box)
    metal = balls(around.metal_mm, METAL_HU, Structure.METAL)
    paint(metal, hu, structure, (fine_z, y, x), steps=scanner.steps, pixel_mm=scanner.pixel_mm)
    return Rendering(hu, structure, level)


def _fine_places(scanner: Scanner, z: NDArray[np.float64]) -> NDArray[np.float64]:
    n = scanner.steps
    offsets = (np.arange(n) - (n - 1) / 2) * scanner.slice_mm / n
    return np.asarray((z[:, None] + offsets).ravel())


def _reach(neck: Neck) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points = neck.curve.points_lps
    return points.min(axis=0) - 75, points.max(axis=0) + 75


def _soft_tissue(
    neck: Neck,
    around: Surroundings,
    scanner: Scanner,
    fine_z: NDArray[np.float64],
    y: NDArray[np.float64],
    x: NDArray[np.float64],
) -> tuple[Array, Bytes, Bytes]:
    n, middle = scanner.steps, scanner.steps // 2
    hu = np.empty((len(fine_z), len(y), len(x)), dtype=np.float32)
    structure = np.zeros((scanner.slices, len(y), len(x)), dtype=np.uint8)
    level = np.zeros_like(structure)
    step = max(SLAB // n, 1) * n
    for start in range(0, len(fine_z), step):
        here = slice(start, start + step)
        hu[here], found = fill(around, (fine_z[here], y, x))
        structure[start // n : start // n + (len(found) // n)] = found[middle::n]
    paint(around.balls, hu, structure, (fine_z, y, x), steps=n, pixel_mm=scanner.pixel_mm)
    ribs = np.argwhere((structure == Structure.FIRST_RIB) | (structure == Structure.OTHER_RIB))
    if len(ribs):
        z = scanner.places()[0][ribs[:, 0]]
        s = np.interp(z, neck.curve.points_lps[:, 2], neck.curve.s_mm)
        other = structure[tuple(ribs.T)] == Structure.OTHER_RIB
        level[tuple(ribs.T)] = np.where(other, rib_level(neck, s), C7 + 2)
    return hu, structure, level


@dataclass(frozen=True, slots=True, eq=False)
class _Box:
    """Voxels about one vertebra, their spine coordinates and the canal there."""

    vertebra: Vertebra
    at: Index
    """Places in the flat array of densities."""
    label_at: Index
    """Places in the flat label maps; -1 where a step is not the middle of its slice."""
    x: Array
    y: Array
    s: Array
    canal: CanalSection
    from_canal: Array

    def where(self, chosen: Index) -> "_Box":
        """Return some of the voxels."""
        return replace(
            self,
            at=self.at.take(chosen),
            label_at=self.label_at.take(chosen),
            x=self.x.take(chosen),
            y=self.y.take(chosen),
            s=self.s.take(chosen),
            canal=self.canal.where(chosen),
            from_canal=self.from_canal.take(chosen),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Distances:
    """Distances to the bones of one vertebra, mm, and what their cortex is."""

    bones: Bones
    bare: Array
    """To the nearest of its bones, without spurs."""
    whole: Array
    cortex: Array
    compact: Array
    rim: Array  # share of the body's rims, as in Bones


@dataclass(frozen=True, slots=True, eq=False)
class _Painter:
    """Draws the spine into the arrays it holds."""

    neck: Neck
    growths: tuple[Growth, ...]
    scanner: Scanner
    spine: Lattice
    marrow: Marrow
    hu: Array
    structure: Bytes
    level: Bytes
    z_mm: NDArray[np.float64]
    y_mm: NDArray[np.float64]
    x_mm: NDArray[np.float64]
    contents: Contents

    def bone_box(self, v: Vertebra) -> _Box | None:
        """Return the voxels near a vertebra's bones, or None where it lies outside the scan."""
        below = BELOW_MM if v.index > C2 else 34.0
        spans = self._spans((-SIDE_MM, SIDE_MM), (-FRONT_MM, BACK_MM), (v.s_mm - below, v.s_mm + ABOVE_MM))
        if spans is None:
            return None
        steps = [max(int(CELL_MM / (m[1] - m[0]) + 1e-6), 1) for m in (self.z_mm, self.y_mm, self.x_mm)]
        if np.prod(steps) < LEAST_CELL:
            return self._box(v, spans, near=None)
        found = self._cells_near_bone(v, spans, steps)
        if not found.any():
            return None
        held = [np.flatnonzero(found.any(axis=tuple(k for k in range(3) if k != axis))) for axis in range(3)]
        part = tuple(slice(int(h[0]), int(h[-1]) + 1) for h in held)
        inner = [
            slice(span.start + cells.start * n, min(span.start + cells.stop * n, span.stop))
            for span, cells, n in zip(spans, part, steps, strict=True)
        ]
        near = found[part]
        for axis, (n, span) in enumerate(zip(steps, inner, strict=True)):
            near = near.repeat(n, axis=axis)[(slice(None),) * axis + (slice(span.stop - span.start),)]
        return self._box(v, (inner[0], inner[1], inner[2]), near=near)

    def _cells_near_bone(self, v: Vertebra, spans: Spans, steps: list[int]) -> NDArray[np.bool_]:
        """Return which cells of ``steps`` voxels may hold bone or disc of a vertebra."""
        places = [
            m[np.minimum(np.arange(span.start, span.stop, n) + n // 2, span.stop - 1)]
            for m, span, n in zip((self.z_mm, self.y_mm, self.x_mm), spans, steps, strict=True)
        ]
        x, y, s = self.spine.draw(*places)
        none = np.zeros(0, dtype=np.intp)
        box = self._with_canal(v, none, none, x.ravel(), y.ravel(), s.ravel())
        found = self._distances(box)
        distance = found.whole
        for other in (found.bones.disc, found.bones.rib):
            distance = distance if other is None else np.minimum(distance, other)
        close = distance < CELL_MARGIN_MM + self._softness / 2
        return np.asarray(binary_dilation(close.reshape(x.shape), np.ones((3, 3, 3))))

    def canal_box(self, v: Vertebra) -> _Box | None:
        """Return the voxels in and at the canal beside a vertebra, or None where it lies outside the scan."""
        low, high = self._stretch(v)
        aside = (-CANAL_SIDE_MM, CANAL_SIDE_MM)
        spans = self._spans(aside, aside, (low - 2.0, high + 2.0))
        if spans is None:
            return None
        box = self._box(v, spans, near=None, stretch=(low, high))
        return box.where(np.flatnonzero(box.from_canal < GROWTH_EDGE_MM))

    def _spans(self, x: tuple[float, float], y: tuple[float, float], s: tuple[float, float]) -> Spans | None:
        """Return where a box in spine coordinates lies in z, y and x; None where outside the scan."""
        points = self.neck.curve.place(np.array([[a, b, c] for a in x for b in y for c in s]))
        low, high = points.min(axis=0), points.max(axis=0)
        spans = [_span(m, low[k], high[k]) for k, m in ((2, self.z_mm), (1, self.y_mm), (0, self.x_mm))]
        return None if any(k.start >= k.stop for k in spans) else (spans[0], spans[1], spans[2])

    def _box(
        self,
        v: Vertebra,
        spans: Spans,
        *,
        near: NDArray[np.bool_] | None,
        stretch: tuple[float, float] | None = None,
    ) -> _Box:
        """Return those voxels of a span where a vertebra may lie, of ``near`` and ``stretch`` if given."""
        x, y, s = self.spine.draw(self.z_mm[spans[0]], self.y_mm[spans[1]], self.x_mm[spans[2]])
        w = s - v.s_mm
        drop = np.maximum(y - 8, 0)
        slope = min(v.spinous_slope, 1.2)
        held = (y > -FRONT_MM) & (y < BACK_MM)
        held &= np.abs(x) < _half_widths(v)[np.clip(y + FRONT_MM, 0, FRONT_MM + BACK_MM).astype(np.int16)]
        held &= (w < ABOVE_MM - slope * drop * 0.8) & (w > -19.0 - slope * drop)
        if near is not None:
            held &= near
        if stretch is not None:
            held &= (s > stretch[0]) & (s <= stretch[1]) & (np.abs(x) < CANAL_SIDE_MM)
        kz, ky, kx = (k + span.start for k, span in zip(np.nonzero(held), spans, strict=True))
        rows, columns, n = len(self.y_mm), len(self.x_mm), self.scanner.steps
        in_plane = ky * columns + kx
        label_at = kz // n * (rows * columns) + in_plane
        label_at[kz % n != n // 2] = -1
        return self._with_canal(v, kz * (rows * columns) + in_plane, label_at, x[held], y[held], s[held])

    def _with_canal(self, v: Vertebra, at: Index, label_at: Index, x: Array, y: Array, s: Array) -> _Box:
        canal = canal_at(self.neck, s)
        return _Box(v, at, label_at, x, y, s, canal, np.asarray(canal.distance(x, y)))

    @property
    def _softness(self) -> float:
        return max(self.scanner.pixel_mm, 0.35)

    def _label(self, box: _Box, chosen: NDArray[np.bool_], structure: Structure, level: int) -> None:
        at = box.label_at[chosen]
        at = at[at >= 0]
        self.structure.reshape(-1)[at] = structure
        self.level.reshape(-1)[at] = level

    def _stretch(self, v: Vertebra) -> tuple[float, float]:
        """Return which stretch of the canal lies nearer to a vertebra than to its neighbours."""
        top = self.neck.top_s_mm if v.index == C1 else v.s_mm + v.above_mm / 2
        return v.s_mm - v.below_mm / 2, top

    def paint_canal(self, box: _Box) -> None:
        """Draw cord, fluid and fat, and label the anatomical canal as residual."""
        inside = np.flatnonzero(box.from_canal < CANAL_EDGE_MM)
        part = box.where(inside)
        hu = self.contents.density(part.vertebra, part.canal, part.x, part.y, part.s, part.from_canal)
        self.hu.reshape(-1)[part.at] = hu
        self._label(box, box.from_canal < 0, Structure.RESIDUAL_CANAL, box.vertebra.index + 1)

    def paint_bones(self, box: _Box) -> None:
        """Draw disc, arch, body and dens of one vertebra."""
        v, level = box.vertebra, box.vertebra.index + 1
        found = self._distances(box)
        bones, whole = found.bones, found.whole
        if bones.disc is not None:
            near = np.flatnonzero(bones.disc < self._softness)
            part = box.where(near)
            self._blend(part, bones.disc[near], self._disc_density(part))
            free = self.structure.reshape(-1)[part.label_at] != Structure.RESIDUAL_CANAL
            self._label(part, (bones.disc[near] < 0) & free, Structure.DISC, level)
        near = np.flatnonzero(whole < self._softness)
        part = box.where(near)
        inner = np.clip(0.5 - (whole[near] + found.cortex[near]) / self._softness, 0, 1)
        compact = found.compact[near] * (1 - inner) + v.rim.condensed * found.rim[near] * inner
        value = self._bone_density(part, 1 - compact)
        value = value + rooted_share(v, part.canal, part.x, part.y, found.rim[near]) * (
            np.float32(ROOTED_HU) - value
        )
        value = value + vein_share(v, part.canal, part.x, part.y, part.s) * (np.float32(v.vein.hu) - value)
        self._blend(part, whole[near], value)
        outside = box.from_canal >= 0
        self._label(box, (whole < 0) & (found.bare >= 0) & outside, Structure.OSTEOPHYTE, level)
        if bones.rib is not None:
            near = np.flatnonzero(bones.rib < self._softness)
            part = box.where(near)
            inner = np.clip(0.5 - (bones.rib[near] + v.cortex_arch) / self._softness, 0, 1)
            self._blend(part, bones.rib[near], self._bone_density(part, inner))
            self._label(part, bones.rib[near] < 0, Structure.OTHER_RIB, level)
        for d, structure in _parts(bones):
            self._label(box, (d < 0) & (d <= found.bare + 1e-6) & outside, structure, level)

    def _distances(self, box: _Box) -> _Distances:
        """Return how far places are from a vertebra's bones, with and without their spurs."""
        v = box.vertebra
        bones = bones_of(self.neck, v, x=box.x, y=box.y, s=box.s, canal=box.canal, from_canal=box.from_canal)
        bare = np.minimum.reduce([d for d, _ in _parts(bones)])
        cortex = np.where(bones.arch < bones.body, v.cortex_arch, v.cortex_body).astype(np.float32)
        in_body = bones.body <= bare
        rim = np.where(in_body, bones.rim, 0).astype(np.float32)
        cortex += v.rim.thick * rim
        self._without_endplates(box, bones, cortex)
        shell = v.shell * left_of_ridge(v, box.x, box.from_canal)
        shell = shell + (1 - shell) * v.rim.dense * rim
        compact = np.where(in_body, shell, np.where(bones.arch <= bare, v.arch_shell, 1.0)).astype(np.float32)
        whole = self._with_spurs(box, bones, bare, cortex, compact, rim)
        return _Distances(bones, bare, whole, cortex, compact, rim)

    def _bone_density(self, box: _Box, inner: Array) -> Array:
        """Return the density of bone whose share ``inner`` of each voxel is marrow."""
        voxels = np.unravel_index(box.at, self.hu.shape)
        marrow = self.marrow.density(box.vertebra, box.canal, box.x, box.y, box.s, voxels)
        return np.asarray(self.scanner.cortex_hu + (marrow - self.scanner.cortex_hu) * inner)

    def _without_endplates(self, box: _Box, bones: Bones, cortex: Array) -> None:
        """Let marrow run through a block: no cortex where its two bodies meet."""
        v = box.vertebra
        for joined, endplate in ((v.block, v.lower_mm - BLOCK_OVERLAP_MM), (v.block_above, v.upper_mm)):
            if joined:
                met = (np.abs(box.s - endplate) < BLOCK_REACH_MM) & (bones.around < -1.2)
                cortex[met & (bones.arch > 0)] = -1.0

    def _with_spurs(
        self, box: _Box, bones: Bones, bare: Array, cortex: Array, compact: Array, rim: Array
    ) -> Array:
        """Return the distance to a vertebra with its spurs; writes what their bone is into the last three."""
        whole = bare.copy()
        low, high = self._stretch(box.vertebra)
        slot = (box.s <= high) & (box.s > low)
        for growth in self.growths:
            if growth.joined not in (box.vertebra.index, EVERY_BONE):
                continue
            here = (box.s > growth.low_mm - SPUR_EDGE_MM) & (box.s < growth.high_mm + SPUR_EDGE_MM)
            near = np.flatnonzero(here & slot if growth.joined == EVERY_BONE else here)
            x = bones.arc[near] if growth.wall == "ahead" else box.x[near]
            if growth.wall == "ahead":
                up = bones.around[near]
            else:
                up = _above_wall(growth, box.canal.where(near), x, box.y[near])
            close = (up > -SPUR_ROOT_MM) & (up < growth.height_mm + SPUR_EDGE_MM)
            near, up, x = near[close], up[close], x[close]
            d = growth.bone_distance(x, up, box.s[near]).astype(np.float32)
            its_own = (d < whole[near]) & (up > 0)
            cortex[near] = np.where(its_own, growth.rim_mm, cortex[near])
            compact[near] = np.where(its_own, 1.0, compact[near])
            rim[near] = np.where(its_own, 0.0, rim[near])
            whole[near] = smooth_min(whole[near], d, SPUR_BLEND_MM)
        return whole

    def _disc_density(self, box: _Box) -> Array:
        """Return the density of the disc below: soft, its core calcified or full of gas."""
        v = box.vertebra
        off, wide, deep = v.core
        middle = (v.lower_mm - v.below_mm + v.height / 2 + v.s_mm) / 2
        depth = box.y - v.shift + box.canal.ap / 2 + 0.45 * v.depth
        high = (box.s - middle) / CORE_MM
        q = np.sqrt(((box.x - off) / wide) ** 2 + (depth / deep) ** 2 + high**2)
        return np.asarray(v.disc_hu + (v.core_hu - v.disc_hu) * np.clip((1 - q) * 3, 0, 1), np.float32)

    def _blend(self, box: _Box, distance: Array, value: Array) -> None:
        share = np.clip(0.5 - distance / self._softness, 0, 1)
        hit = share > 0
        at, hu = box.at[hit], self.hu.reshape(-1)
        now = hu[at]
        hu[at] = now + share[hit] * (value[hit] - now)

    def paint_growths(self, box: _Box) -> None:
        """Draw what grows into the canal in this vertebra's stretch of it, OPLL last."""
        if not len(box.s):
            return
        low, high = box.s.min(), box.s.max()
        for growth in reversed(self.growths):
            margin = growth.taper_low_mm + 2
            if growth.wall != "ahead" and high >= growth.low_mm - margin and low <= growth.high_mm + margin:
                self._paint_growth(box, growth)

    def _paint_growth(self, box: _Box, growth: Growth) -> None:
        inside = box.from_canal
        height = growth.height(box.x, box.s)
        up = _above_wall(growth, box.canal, box.x, box.y)
        under = height - up
        gap = self._gap(box, growth)
        kind = Structure.OSSIFICATION if growth.is_opll else Structure.OTHER_NARROWING
        self._label(
            box, (under > 0) & (up >= gap) & (inside < 0) & (height > 0), kind, box.vertebra.index + 1
        )
        if growth.joined is not None:  # drawn with its bone
            return
        d = smooth_max(
            np.maximum(-under, inside - OVERLAP_MM), gap - up - np.where(gap > 0, 0, OVERLAP_MM), 0.3
        )
        d = np.where(height <= 0, np.maximum(d, -height + 0.2), d)
        rim = np.clip(0.5 - (d + growth.rim_mm) / self._softness, 0, 1)
        value = growth.rim_hu + (growth.core_hu - growth.rim_hu) * rim
        if growth.layer[1] > 0:
            strip = np.clip(
                1.5 - np.abs(under - growth.layer[0] - growth.layer[1] / 2) / (growth.layer[1] / 2), 0, 1
            )
            value = value + strip * (np.float32(80.0) - value)
        soft = np.clip(0.5 - d / (self._softness + growth.soft_mm), 0, 1)
        hit = soft > 0
        at, hu = box.at[hit], self.hu.reshape(-1)
        now = hu[at]
        hu[at] = np.where(
            value[hit] > now, now + soft[hit] * (value[hit] - now), now + soft[hit] * (value[hit] - now) * 0.9
        )

    def _gap(self, box: _Box, growth: Growth) -> Array:
        """Return the lucent line between wall and mass: widest at mid-body, none near the endplates."""
        if growth.gap_mm <= 0:
            return np.zeros_like(box.s)
        v = box.vertebra
        share = 1 - (2 * (box.s - v.s_mm) / max(v.height, 1.0)) ** 2
        return np.asarray(growth.gap_mm * np.clip(share * 1.6, 0, 1), dtype=np.float32)


def _parts(bones: Bones) -> list[tuple[Array, Structure]]:
    """Return the bones of a vertebra with what they are labelled."""
    parts = [(bones.arch, Structure.ARCH), (bones.body, Structure.BODY)]
    return parts if bones.dens is None else [*parts, (bones.dens, Structure.DENS)]


def _above_wall(growth: Growth, canal: CanalSection, x: Array, y: Array) -> Array:
    """Return how far places lie from a growth's wall, towards the canal's middle, mm."""
    return np.asarray(y - canal.front(x) if growth.wall == "front" else canal.back(x) - y)


def _half_widths(v: Vertebra) -> Array:
    """Return how far aside a vertebra's bone may reach at each y from ``-FRONT_MM`` on, in steps of 1 mm."""
    y = np.arange(-FRONT_MM, BACK_MM + 2)
    if v.index == C1:
        return np.where(y < -22, 26, np.where(y > 16, 30, 47)).astype(np.float32)
    front, tip = 0.62 * v.width + 6, max(v.transverse_tip + 5, 32.0)
    low, high = (-16, 17) if v.index <= C7 else (-11, 24)
    if any(v.rib):
        low, tip = -24, SIDE_MM
    return np.where(y < low, front, np.where(y > high, 13, tip)).astype(np.float32)


def _span(places: NDArray[np.float64], low: float, high: float) -> slice:
    return slice(int(np.searchsorted(places, low)), int(np.searchsorted(places, high)))
