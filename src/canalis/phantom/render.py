"""A neck, what grows in it and what lies around it, turned into densities and labels on a grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from canalis.phantom.balls import balls, paint
from canalis.phantom.canal import CanalSection, canal_at, smooth_max, smooth_min
from canalis.phantom.curve import Lattice, spine_lattice
from canalis.phantom.hardware import METAL_HU
from canalis.phantom.ossification import EVERY_BONE, Growth
from canalis.phantom.plan import C1, C2, C7, Neck, Vertebra
from canalis.phantom.scanner import Scanner
from canalis.phantom.structures import Structure
from canalis.phantom.surroundings import Surroundings, fill, rib_level
from canalis.phantom.vertebra import BLOCK_OVERLAP_MM, Bones, bones_of

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SLAB = 12  # slices filled at a time: keeps memory low
SIDE_MM, FRONT_MM, BACK_MM, ABOVE_MM, BELOW_MM = 46.0, 36.0, 62.0, 30.0, 52.0
CORD_HU = 36.0
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
        Of the textures.

    Returns
    -------
    Rendering
        Labels are those of the geometry at voxel centres.
    """
    z_all, y, x = scanner.places()
    fine_z = _fine_places(scanner, z_all)
    hu, structure, level = _soft_tissue(neck, around, scanner, fine_z, y, x)
    texture = _texture(rng)
    low, high = np.array([x[0], y[0], fine_z[0]]), np.array([x[-1], y[-1], fine_z[-1]])
    spine = spine_lattice(neck.curve, np.maximum(low, _reach(neck)[0]), np.minimum(high, _reach(neck)[1]))
    painter = _Painter(
        neck, growths, scanner, spine, texture, hu, structure, level, fine_z, y, x, _contents(rng)
    )
    boxes = [b for v in neck.vertebrae if (b := painter.box(v)) is not None]
    for box in boxes:
        painter.paint_canal(box)
    for box in boxes:  # head first, so that uncinate processes lie over the disc above
        painter.paint_bones(box)
    for box in boxes:
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


def _texture(rng: np.random.Generator) -> Array:
    noise = gaussian_filter(
        rng.standard_normal((40, 64, 64)).astype(np.float32), (0.8, 1.4, 1.4), mode="wrap"
    )
    return np.asarray(noise / noise.std(), dtype=np.float32)


def _contents(rng: np.random.Generator) -> dict[str, float]:
    return {
        "cord_ap": float(rng.normal(7.8, 0.6)),
        "cord_lr": float(rng.normal(12.8, 1.0)),
        "sac": float(rng.uniform(0.7, 0.95)),
        "fat": float(rng.uniform(-90, 20)),
        "cord_y": float(rng.uniform(-1.0, 1.5)),
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Box:
    """The voxels around one vertebra and their spine coordinates."""

    vertebra: Vertebra
    where: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
    x: Array
    y: Array
    s: Array


@dataclass(frozen=True, slots=True, eq=False)
class _Painter:
    """Draws the spine into the arrays it holds."""

    neck: Neck
    growths: tuple[Growth, ...]
    scanner: Scanner
    spine: Lattice
    texture: Array
    hu: Array
    structure: Bytes
    level: Bytes
    z_mm: NDArray[np.float64]
    y_mm: NDArray[np.float64]
    x_mm: NDArray[np.float64]
    contents: dict[str, float]

    def box(self, v: Vertebra) -> _Box | None:
        """Return the voxels around a vertebra, or None where it lies outside the scan."""
        below = BELOW_MM if v.index > C2 else 34.0
        corners = np.array(
            [
                [a, b, c]
                for a in (-SIDE_MM, SIDE_MM)
                for b in (-FRONT_MM, BACK_MM)
                for c in (v.s_mm - below, v.s_mm + ABOVE_MM)
            ]
        )
        points = self.neck.curve.place(corners)
        low, high = points.min(axis=0), points.max(axis=0)
        spans = [_span(m, low[k], high[k]) for k, m in ((2, self.z_mm), (1, self.y_mm), (0, self.x_mm))]
        if any(a >= b for a, b in spans):
            return None
        (z0, z1), (y0, y1), (x0, x1) = spans
        x, y, s = self.spine.draw(self.z_mm[z0:z1], self.y_mm[y0:y1], self.x_mm[x0:x1])
        w = s - v.s_mm
        drop = np.maximum(y - 8, 0)
        slope = min(v.spinous_slope, 1.2)
        near = (y > -FRONT_MM) & (y < BACK_MM)
        near &= np.abs(x) < _half_widths(v)[np.clip(y + FRONT_MM, 0, FRONT_MM + BACK_MM).astype(np.int16)]
        near &= (w < ABOVE_MM - slope * drop * 0.8) & (w > -19.0 - slope * drop)
        kz, ky, kx = np.nonzero(near)
        return _Box(v, (kz + z0, ky + y0, kx + x0), x[near], y[near], s[near])

    @property
    def _softness(self) -> float:
        return max(self.scanner.pixel_mm, 0.35)

    def _label(
        self,
        box: _Box,
        chosen: NDArray[np.bool_],
        structure: Structure | NDArray[np.uint8],
        level: int | Bytes,
    ) -> None:
        n = self.scanner.steps
        z, y, x = (k[chosen] for k in box.where)
        middle = z % n == n // 2
        at = (z[middle] // n, y[middle], x[middle])
        self.structure[at] = structure if np.isscalar(structure) else np.asarray(structure)[chosen][middle]
        self.level[at] = level if np.isscalar(level) else np.asarray(level)[chosen][middle]

    def _slot(self, box: _Box) -> NDArray[np.bool_]:
        """Which voxels lie nearer to this vertebra's stretch of the canal than to its neighbours'."""
        v = box.vertebra
        top = self.neck.top_s_mm if v.index == C1 else v.s_mm + v.above_mm / 2
        return np.asarray((box.s <= top) & (box.s > v.s_mm - v.below_mm / 2))

    def paint_canal(self, box: _Box) -> None:
        """Draw cord, fluid and fat, and label the anatomical canal as residual."""
        slot = self._slot(box)
        x, y, s = box.x[slot], box.y[slot], box.s[slot]
        canal = canal_at(self.neck, s)
        d = canal.distance(x, y)
        inside = d < 1.2
        c = self.contents
        q = np.sqrt(
            (x / (c["cord_lr"] / 2)) ** 2
            + ((y - c["cord_y"]) / (np.minimum(c["cord_ap"], canal.ap * 0.75) / 2)) ** 2
        )
        cord = np.clip(0.5 - (q - 1) * 3.5 / 0.8, 0, 1)
        sac = np.clip(0.5 - (d + (1 - c["sac"]) * canal.ap / 2) / 0.8, 0, 1)
        value = c["fat"] + sac * (self.scanner.sac_hu - c["fat"])
        value = value + cord * (CORD_HU - value)
        at = tuple(k[slot][inside] for k in box.where)
        self.hu[at] = value[inside]
        chosen = np.zeros(len(box.s), dtype=bool)
        chosen[np.flatnonzero(slot)[d < 0]] = True
        self._label(box, chosen, Structure.RESIDUAL_CANAL, box.vertebra.index + 1)

    def paint_bones(self, box: _Box) -> None:
        """Draw disc, arch, body and dens of one vertebra."""
        v = box.vertebra
        canal = canal_at(self.neck, box.s)
        from_canal = canal.distance(box.x, box.y)
        bones = bones_of(self.neck, v, x=box.x, y=box.y, s=box.s, canal=canal, from_canal=from_canal)
        level = v.index + 1
        if bones.disc is not None:
            near = np.flatnonzero(bones.disc < self._softness)
            density = np.full_like(box.s, v.disc_hu)
            density[near] = self._disc_density(box, canal.where(near), near)
            self._blend(box, bones.disc, density)
            free = self._free(box)
            self._label(box, (bones.disc < 0) & free, Structure.DISC, level)
        grain = self.texture[tuple(k % n for k, n in zip(box.where, self.texture.shape, strict=True))]
        marrow = (
            self.neck.density * self.scanner.trabecular_hu * (0.78 if v.index >= C7 else 1.0)
            + self.scanner.texture_hu * grain
        )
        parts = [(bones.arch, Structure.ARCH), (bones.body, Structure.BODY)]
        if bones.dens is not None:
            parts.append((bones.dens, Structure.DENS))
        bare = np.minimum.reduce([d for d, _ in parts])
        cortex = np.where(bones.arch < bones.body, v.cortex_arch, v.cortex_body).astype(np.float32)
        self._without_endplates(box, bones, cortex)
        compact = np.where(bones.body <= bare, v.shell, 1.0).astype(np.float32)
        whole = self._with_spurs(box, canal, bones, bare, cortex, compact)
        inner = 1 - compact * (1 - np.clip(0.5 - (whole + cortex) / self._softness, 0, 1))
        cleft = self._cleft(box, canal)
        value = self.scanner.cortex_hu + (marrow - self.scanner.cortex_hu) * inner
        value = value + cleft * (np.float32(90.0) - value)
        self._blend(box, whole, value)
        self._label(box, (whole < 0) & (bare >= 0) & (from_canal >= 0), Structure.OSTEOPHYTE, level)
        if bones.rib is not None:
            inner = np.clip(0.5 - (bones.rib + v.cortex_arch) / self._softness, 0, 1)
            self._blend(box, bones.rib, self.scanner.cortex_hu + (marrow - self.scanner.cortex_hu) * inner)
            self._label(box, bones.rib < 0, Structure.OTHER_RIB, level)
        for d, structure in parts:
            self._label(box, (d < 0) & (d <= bare + 1e-6) & (from_canal >= 0), structure, level)

    def _without_endplates(self, box: _Box, bones: Bones, cortex: Array) -> None:
        """Let marrow run through a block: no cortex where its two bodies meet."""
        v = box.vertebra
        for joined, endplate in ((v.block, v.lower_mm - BLOCK_OVERLAP_MM), (v.block_above, v.upper_mm)):
            if joined:
                met = (np.abs(box.s - endplate) < BLOCK_REACH_MM) & (bones.around < -1.2)
                cortex[met & (bones.arch > 0)] = -1.0

    def _with_spurs(
        self, box: _Box, canal: CanalSection, bones: Bones, bare: Array, cortex: Array, compact: Array
    ) -> Array:
        """Return the distance to a vertebra with its spurs; writes what their cortex is into the last two."""
        whole = bare.copy()
        slot = self._slot(box)
        for growth in self.growths:
            if growth.joined not in (box.vertebra.index, EVERY_BONE):
                continue
            here = (box.s > growth.low_mm - SPUR_EDGE_MM) & (box.s < growth.high_mm + SPUR_EDGE_MM)
            near = np.flatnonzero(here & slot if growth.joined == EVERY_BONE else here)
            x = bones.arc[near] if growth.wall == "ahead" else box.x[near]
            if growth.wall == "ahead":
                up = bones.around[near]
            else:
                up = _above_wall(growth, canal.where(near), x, box.y[near])
            close = (up > -SPUR_ROOT_MM) & (up < growth.height_mm + SPUR_EDGE_MM)
            near, up, x = near[close], up[close], x[close]
            d = growth.bone_distance(x, up, box.s[near]).astype(np.float32)
            its_own = (d < whole[near]) & (up > 0)
            cortex[near] = np.where(its_own, growth.rim_mm, cortex[near])
            compact[near] = np.where(its_own, 1.0, compact[near])
            whole[near] = smooth_min(whole[near], d, SPUR_BLEND_MM)
        return whole

    def _disc_density(self, box: _Box, canal: CanalSection, near: NDArray[np.intp]) -> Array:
        """Return the density of the disc below: soft, its core calcified or full of gas."""
        v = box.vertebra
        off, wide, deep = v.core
        middle = (v.lower_mm - v.below_mm + v.height / 2 + v.s_mm) / 2
        depth = box.y[near] - v.shift + canal.ap / 2 + 0.45 * v.depth
        high = (box.s[near] - middle) / CORE_MM
        q = np.sqrt(((box.x[near] - off) / wide) ** 2 + (depth / deep) ** 2 + high**2)
        return np.asarray(v.disc_hu + (v.core_hu - v.disc_hu) * np.clip((1 - q) * 3, 0, 1), np.float32)

    def _free(self, box: _Box) -> NDArray[np.bool_]:
        n = self.scanner.steps
        return np.asarray(
            self.structure[box.where[0] // n, box.where[1], box.where[2]] != Structure.RESIDUAL_CANAL
        )

    def _cleft(self, box: _Box, canal: CanalSection) -> Array:
        """Return how much of each voxel is the basivertebral vein's channel."""
        v = box.vertebra
        if v.index < C2:
            return np.zeros_like(box.s)
        high = 1.0 + 0.5 * v.concavity
        depth = v.depth * 0.35
        q = np.sqrt(
            (box.x / 3.0) ** 2 + ((box.s - v.s_mm) / high) ** 2 + ((box.y - canal.front(box.x)) / depth) ** 2
        )
        return np.asarray(np.clip((1 - q) * 2, 0, 0.7), dtype=np.float32)

    def _blend(self, box: _Box, distance: Array, value: Array | np.float32) -> None:
        share = np.clip(0.5 - distance / self._softness, 0, 1)
        hit = share > 0
        at = tuple(k[hit] for k in box.where)
        now = self.hu[at]
        wanted = np.broadcast_to(value, share.shape)[hit]
        self.hu[at] = now + share[hit] * (wanted - now)

    def paint_growths(self, box: _Box) -> None:
        """Draw what grows into the canal in this vertebra's stretch of it, OPLL last."""
        slot = self._slot(box)
        canal = canal_at(self.neck, box.s[slot])
        inside = canal.distance(box.x[slot], box.y[slot])
        close = np.flatnonzero(inside < GROWTH_EDGE_MM)
        canal, inside = canal.where(close), inside[close]
        at = np.flatnonzero(slot)[close]
        here = _Box(box.vertebra, tuple(k[at] for k in box.where), box.x[at], box.y[at], box.s[at])  # type: ignore[arg-type]
        if not len(here.s):
            return
        for growth in reversed(self.growths):
            margin = growth.taper_low_mm + 2
            if (
                growth.wall == "ahead"
                or here.s.max() < growth.low_mm - margin
                or here.s.min() > growth.high_mm + margin
            ):
                continue
            self._paint_growth(here, canal, inside, growth)

    def _paint_growth(self, box: _Box, canal: CanalSection, inside: Array, growth: Growth) -> None:
        height = growth.height(box.x, box.s)
        up = _above_wall(growth, canal, box.x, box.y)
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
        at = tuple(k[hit] for k in box.where)
        now = self.hu[at]
        self.hu[at] = np.where(
            value[hit] > now, now + soft[hit] * (value[hit] - now), now + soft[hit] * (value[hit] - now) * 0.9
        )

    def _gap(self, box: _Box, growth: Growth) -> Array:
        """Return the lucent line between wall and mass: widest at mid-body, none near the endplates."""
        if growth.gap_mm <= 0:
            return np.zeros_like(box.s)
        v = box.vertebra
        share = 1 - (2 * (box.s - v.s_mm) / max(v.height, 1.0)) ** 2
        return np.asarray(growth.gap_mm * np.clip(share * 1.6, 0, 1), dtype=np.float32)


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


def _span(places: NDArray[np.float64], low: float, high: float) -> tuple[int, int]:
    return int(np.searchsorted(places, low)), int(np.searchsorted(places, high))
