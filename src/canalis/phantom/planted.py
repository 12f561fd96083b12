"""OPLL of known size planted into a real scan: the only honest test on real anatomy without public OPLL.

A mass is a :class:`canalis.phantom.growth.Growth` on the posterior wall that the CT itself shows
(`front_wall`), as dense as a phantom's. It is drawn in steps finer than a voxel, averaged over voxels and
blurred as the scan is (`scan_look`), and *added* to the scan: the scan's own noise stays where it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.errors import MeasurementError
from canalis.labels import OSSIFICATION, RESIDUAL_CANAL
from canalis.measurement.geometry import NeckGeometry, lay_out
from canalis.measurement.vertebrae import Zone
from canalis.phantom.canal import smooth_max
from canalis.phantom.curve import SpineCurve
from canalis.phantom.front_wall import FrontWall, find_front_wall
from canalis.phantom.growth import GONE, Growth
from canalis.phantom.ossification import TYPES, Type, Wanted, draw_density
from canalis.phantom.scan_look import ScanLook, look_of
from canalis.phantom.scanner import HU_RANGE
from canalis.segment.segmentation import Segmentation
from canalis.volume import Acquisition, Mask, Volume

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FINE_ALONG_MM, FINE_ACROSS_MM = 0.35, 0.2  # largest steps within a voxel
SOFT_EDGE_MM = 0.15  # over which a step's share rises: about a step
OVERLAP_MM = 0.3  # into the wall, so that no dark film is left between
TEXTURE_MM = 0.6  # grain of the marrow in a mass, SD
LARGEST_SHARE = 0.85  # of the canal's AP that a mass may take
THICKNESS_LOG_MEAN, THICKNESS_LOG_SD, THICKNESS_RANGE = np.log(4.6), 0.42, (1.5, 12.0)  # as a phantom's
WIDTH_RANGE_MM = (6.0, 16.0)  # the wall is known 9 mm to each side
LATER_SHARE = (0.45, 1.0)  # of the first mass's thickness that others have
MARGIN_MM = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A real neck made ready for planting.

    Attributes
    ----------
    volume : Volume
        Its CT.
    labels : ndarray of uint8
        Its label map without ossification.
    neck : NeckGeometry
        Laid out from that label map.
    wall : FrontWall
        The posterior wall that the CT shows.
    look : ScanLook
        How the scan looks.
    """

    volume: Volume
    segmentation: Segmentation
    neck: NeckGeometry
    wall: FrontWall
    look: ScanLook

    @property
    def bodies(self) -> tuple[Zone, ...]:
        """Bodies wholly in the scan, head to foot."""
        return tuple(zone for zone in self.neck.zones if zone.part == "body" and zone.whole)

    def rear_at(self, left_mm: Floats, along_mm: Floats) -> Floats:
        """Return the back wall, mm behind the centreline, at places that broadcast."""
        x, s = np.broadcast_arrays(np.asarray(left_mm, float), np.asarray(along_mm, float))
        canal, along = self.neck.canal, self.neck.frame.along_mm
        rear = np.stack([_without_gaps(row) for row in canal.rear_mm])
        index = np.stack(
            [
                (s - along[0]) / (along[1] - along[0]),
                (x - canal.left_mm[0]) / (canal.left_mm[1] - canal.left_mm[0]),
            ]
        )
        return np.asarray(ndimage.map_coordinates(rear, index, order=1, mode="nearest"))


def _without_gaps(row: Floats) -> Floats:
    held = np.isfinite(row)
    return (
        np.interp(np.arange(len(row)), np.flatnonzero(held), row[held]) if held.any() else np.zeros(len(row))
    )


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """A real scan with planted masses.

    Attributes
    ----------
    volume : Volume
        The CT, int16 HU on the scan's own grid.
    mask : Mask
        Its label map with the masses as ossification.
    growths : tuple of Growth
        The masses; places along the curve are minus those along the centreline, so that they rise to
        the head.
    site : Site
        Where they were planted.
    """

    volume: Volume
    mask: Mask
    growths: tuple[Growth, ...]
    site: Site


def survey(volume: Volume, segmentation: Segmentation) -> Site:
    """Return a real neck made ready for planting.

    Parameters
    ----------
    volume : Volume
        The CT.
    segmentation : Segmentation
        Its label map: gives the centreline, the bodies' places and the back wall. Ossification in it
        counts as free canal. The posterior wall, blur and noise come from the CT alone.

    Raises
    ------
    MeasurementError
        If the label map holds no canal, or the CT shows too little bone.
    """
    labels = segmentation.mask.labels.copy()
    labels[labels == OSSIFICATION] = RESIDUAL_CANAL
    bare = Segmentation(Mask(labels, segmentation.mask.affine), segmentation.levels)
    neck = lay_out(bare, volume)
    if neck is None:
        raise MeasurementError(
            "Expected at least 12 mm of spinal canal to plant in, found less. Give a CT of a neck."
        )
    return Site(volume, bare, neck, find_front_wall(volume, neck), look_of(volume, neck))


def plan_masses(rng: np.random.Generator, site: Site, wanted: Wanted) -> tuple[Growth, ...]:
    """Return masses for a site.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    site : Site
        Where.
    wanted : Wanted
        Type, bodies and thickness; what is None is drawn. ``present`` False plants nothing.

    Raises
    ------
    MeasurementError
        If a wanted body is not wholly in the scan.
    """
    if wanted.present is False:
        return ()
    kind = wanted.type or TYPES[int(rng.integers(len(TYPES)))]
    spans = [_named(site, levels) for levels in wanted.levels] or _drawn_spans(rng, site, kind)
    thickest = wanted.thickness_mm or float(
        np.clip(rng.lognormal(THICKNESS_LOG_MEAN, THICKNESS_LOG_SD), *THICKNESS_RANGE)
    )
    localized = wanted.type == "localized" or (not wanted.levels and kind == "localized")
    return tuple(
        plan_mass(
            rng,
            site,
            span,
            thickness_mm=thickest * (1.0 if k == 0 else float(rng.uniform(*LATER_SHARE))),
            localized=localized,
        )
        for k, span in enumerate(spans)
    )


def _named(site: Site, levels: tuple[str, ...]) -> tuple[Zone, ...]:
    by_name = {zone.name: zone for zone in site.bodies}
    missing = [level for level in levels if level not in by_name]
    if missing:
        known = ", ".join(str(name) for name in by_name)
        raise MeasurementError(
            f"Expected {', '.join(missing)} wholly in the scan, found bodies {known}. Choose among these."
        )
    return tuple(by_name[level] for level in levels)


def _drawn_spans(rng: np.random.Generator, site: Site, kind: Type) -> list[tuple[Zone, ...]]:
    """Return the bodies of each mass of a type, drawn among those in the scan."""
    bodies = site.bodies
    if len(bodies) < 3:
        raise MeasurementError(
            f"Expected three bodies wholly in the scan to plant OPLL behind, found {len(bodies)}."
        )
    n = len(bodies)
    if kind == "continuous":
        length = int(rng.integers(2, min(n, 4) + 1))
        first = int(rng.integers(0, n - length + 1))
        return [bodies[first : first + length]]
    if kind == "segmental":
        return [(bodies[int(rng.integers(1, n))],)]
    if kind == "localized":
        return [(bodies[int(rng.integers(0, n - 1))],)]
    return [bodies[0:2], (bodies[int(rng.integers(2, n))],)]


def plan_mass(
    rng: np.random.Generator,
    site: Site,
    span: Sequence[Zone],
    *,
    thickness_mm: float,
    localized: bool = False,
) -> Growth:
    """Return one mass behind some bodies, exactly as thick as told.

    Parameters
    ----------
    rng : numpy.random.Generator
        Of everything else about it.
    site : Site
        Where.
    span : sequence of Zone
        Neighbouring bodies that it covers, head to foot; of a localized mass the body above its disc.
    thickness_mm : float
        Greatest height above the posterior wall; no more than 0.85 of the canal's AP there.
    localized : bool
        At the disc below the first body only.
    """
    upper, lower = _ends(rng, site, span, localized=localized)
    length = lower - upper
    along = np.linspace(upper, lower, 20)
    lr = float(np.nanmin(np.interp(along, site.neck.frame.along_mm, site.neck.canal.lr_mm)))
    wide = rng.normal(12.5, 3.0) if length > 10 else rng.normal(10.0, 2.0)
    width = min(float(np.clip(wide, *WIDTH_RANGE_MM)), lr - 4.0)
    room = (WIDTH_RANGE_MM[1] - width) / 2
    center = float(np.clip(rng.normal(0, 1.5), -room, room))
    free = float((site.rear_at(np.array(center), along) - site.wall.at(np.array(center), along)).min())
    thickness = min(thickness_mm, LARGEST_SHARE * free)
    taper = min(float(rng.uniform(2.5, 8.0)), length * 0.4)
    double = bool(thickness > 3.5 and rng.random() < 0.18)
    mass = Growth(
        kind="opll",
        wall="front",
        low_mm=float(-lower),
        high_mm=float(-upper),
        taper_low_mm=float(taper) * float(rng.uniform(0.7, 1.3)),
        taper_high_mm=float(taper) * float(rng.uniform(0.7, 1.3)),
        height_mm=thickness,
        center_x_mm=center,
        width_mm=width,
        hill=float(rng.uniform(0.5, 1)) if rng.random() < 0.22 else 0.0,
        square=float(rng.beta(1.2, 1.2)),
        gap_mm=float(rng.uniform(0.5, 1.8)) if rng.random() < 0.45 and thickness > 2.5 else 0.0,
        layer=(float(rng.uniform(0.9, 1.6)), float(rng.uniform(0.6, 1.8))) if double else (0.0, 0.0),
        **draw_density(rng),
    )
    x = center + np.linspace(-width / 2, width / 2, 61)
    most = float(mass.height(x[None, :], -np.linspace(upper, lower, 201)[:, None]).max())
    return replace(mass, height_mm=thickness * thickness / most)


def _ends(
    rng: np.random.Generator, site: Site, span: Sequence[Zone], *, localized: bool
) -> tuple[float, float]:
    """Return the upper and lower end along the centreline."""
    first, last = span[0], span[-1]
    if localized:
        below = next((zone for zone in site.bodies if zone.upper_mm > first.middle_mm + 5), None)
        lower = below.upper_mm if below is not None else first.lower_mm + 4.0
        return first.lower_mm - float(rng.uniform(0.8, 2.4)), lower + float(rng.uniform(0.8, 2.4))
    share = (0.75, 0.95) if len(span) == 1 else (0.62, 1.0)
    return (
        first.lower_mm - float(rng.uniform(*share)) * (first.lower_mm - first.upper_mm),
        last.upper_mm + float(rng.uniform(*share)) * (last.lower_mm - last.upper_mm),
    )


def lucent_gap_mm(site: Site, growth: Growth, along_mm: Floats) -> Floats:
    """Return the lucent line before a mass: widest at mid-body, none near the endplates."""
    gap = np.zeros_like(along_mm, dtype=np.float64)
    if growth.gap_mm <= 0:
        return gap
    for zone in site.bodies:
        share = 1 - (2 * (along_mm - zone.middle_mm) / max(zone.lower_mm - zone.upper_mm, 1.0)) ** 2
        gap = np.maximum(gap, growth.gap_mm * np.clip(share * 1.6, 0, 1))
    return gap


def plant(site: Site, growths: tuple[Growth, ...], rng: np.random.Generator) -> Planted:
    """Plant masses into a scan.

    Parameters
    ----------
    site : Site
        From `survey`.
    growths : tuple of Growth
        From `plan_masses` or `plan_mass`.
    rng : numpy.random.Generator
        Of the texture of their marrow.

    Returns
    -------
    Planted
        The same for the same arguments.
    """
    added = np.zeros(site.volume.shape, dtype=np.float32)
    labels = site.segmentation.mask.labels.copy()
    curve = _curve(site)
    for growth in growths:
        _add(site, curve, growth, rng, added, labels)
    box = _touched(added)
    hu = np.asarray(site.volume.hu).astype(np.float32)
    hu[box] += _blurred(added[box], site)
    kept = np.clip(np.rint(hu), HU_RANGE[0], max(HU_RANGE[1], float(hu.max()))).astype(np.int16)
    volume = Volume(kept, site.volume.affine, _acquisition(site.volume))
    return Planted(volume, Mask(labels, site.volume.affine), growths, site)


def _acquisition(volume: Volume) -> Acquisition:
    """Return how a scan's voxels came to be, without anything that leads back to its files."""
    known = volume.acquisition
    gaps = None if known is None else known.source_gap_mm
    return Acquisition("array", volume.shape[0], volume.spacing_mm, source_gap_mm=gaps)


def _curve(site: Site) -> SpineCurve:
    frame = site.neck.frame
    rows = np.stack([frame.lefts_lps, frame.posteriors_lps, frame.normals_lps], axis=1)
    return SpineCurve(-frame.along_mm[::-1], frame.centers_lps[::-1], rows[::-1])


def _touched(added: NDArray[np.float32]) -> tuple[slice, slice, slice]:
    """Return the index box of what was added, with room for the blur."""
    held = [np.flatnonzero(added.any(axis=tuple(b for b in range(3) if b != a))) for a in range(3)]
    spans = [slice(max(int(h[0]) - 12, 0), int(h[-1]) + 13) if len(h) else slice(0, 0) for h in held]
    return spans[0], spans[1], spans[2]


def _blurred(added: NDArray[np.float32], site: Site) -> NDArray[np.float32]:
    """Return the added densities blurred in the slices' planes; a voxel's own width counts as blur."""
    if not added.size:
        return added
    volume = site.volume
    through = int(np.abs(volume.affine[2, :3] / volume.spacing_mm).argmax())
    sigma = [0.0, 0.0, 0.0]
    for axis, spacing in enumerate(volume.spacing_mm):
        if axis != through:
            variance = (site.look.fwhm_mm / 2.355) ** 2 - spacing**2 / 12
            sigma[axis] = float(np.sqrt(max(variance, 0.0))) / spacing
    return np.asarray(ndimage.gaussian_filter(added, sigma, truncate=3.5), dtype=np.float32)


def _add(
    site: Site,
    curve: SpineCurve,
    growth: Growth,
    rng: np.random.Generator,
    added: NDArray[np.float32],
    labels: NDArray[np.uint8],
) -> None:
    """Add what a mass changes, HU, to an array, and its label where it fills half a voxel."""
    index = _voxels_about(site, growth)
    center = curve.locate(site.volume.to_lps(index.astype(np.float64)))
    near = _reached(site, growth, center)
    index, center = index[near], center[near]
    own = tuple(index.T)
    old = np.asarray(site.volume.hu)[own].astype(np.float64)
    texture = _texture(rng, site, growth, index)
    steps = _steps(site.volume)
    total, filled, canal = np.zeros(len(index)), np.zeros(len(index)), np.zeros(len(index))
    frames = curve.frame_at(center[:, 2])
    for offset in steps:
        moved = np.einsum("nij,j->ni", frames, site.volume.affine[:3, :3] @ offset)
        x, y, s = (center + moved).T
        up = y - site.wall.at(x, -s)
        share, value, inside = _share(site, growth, x, up, s)
        beneath = np.where(up > 0, site.look.soft_hu, np.maximum(old, site.look.soft_hu))
        total += share * (value + texture - beneath)
        filled += inside
        canal += (up >= 0) & (growth.height(x, s) > up)
    added[own] += (total / len(steps)).astype(np.float32)
    half = len(steps) / 2
    labels[tuple(index[canal > half].T)] = RESIDUAL_CANAL
    labels[tuple(index[filled > half].T)] = OSSIFICATION


def _voxels_about(site: Site, growth: Growth) -> NDArray[np.intp]:
    """Return the indices, shape (n, 3), of the voxels that a mass may touch."""
    along = np.arange(-growth.high_mm - MARGIN_MM, -growth.low_mm + MARGIN_MM, 1.0)
    x = growth.center_x_mm + (growth.width_mm / 2 + MARGIN_MM) * np.array([-1.0, 0.0, 1.0])
    frame = site.neck.frame.at(along)
    wall = site.wall.at(x[None, :], along[:, None])
    ends = np.stack([wall - MARGIN_MM, wall + growth.height_mm + MARGIN_MM], axis=-1)
    points = (
        frame.centers_lps[:, None, None]
        + x[None, :, None, None] * frame.lefts_lps[:, None, None]
        + ends[..., None] * frame.posteriors_lps[:, None, None]
    )
    at = site.volume.to_index(points.reshape(-1, 3))
    low = np.maximum(np.floor(at.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(at.max(axis=0)).astype(int) + 2, site.volume.shape)
    grid = np.stack(
        np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"), -1
    )
    return np.asarray(grid.reshape(-1, 3))


def _reached(site: Site, growth: Growth, center: Floats) -> Bools:
    """Return which voxels, by their centre's spine coordinates (n, 3), a mass may reach into."""
    x, y, s = center.T
    edge = 0.5 * float(np.linalg.norm(site.volume.spacing_mm)) + growth.soft_mm
    up = y - site.wall.at(x, -s)
    return np.asarray(
        (np.abs(x - growth.center_x_mm) < growth.width_mm / 2 + edge)
        & (s > growth.low_mm - edge)
        & (s < growth.high_mm + edge)
        & (up > -MARGIN_MM / 2 - edge)
        & (up < np.maximum(growth.height(x, s), 0) + edge + 1.0)
    )


def _steps(volume: Volume) -> Floats:
    """Return places within a voxel, index units about its centre, shape (m, 3)."""
    through = int(np.abs(volume.affine[2, :3] / volume.spacing_mm).argmax())
    counts = [
        int(np.ceil(spacing / (FINE_ALONG_MM if axis == through else FINE_ACROSS_MM)))
        for axis, spacing in enumerate(volume.spacing_mm)
    ]
    ticks = [(np.arange(n) + 0.5) / n - 0.5 for n in counts]
    return np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1).reshape(-1, 3)


def _share(site: Site, growth: Growth, x: Floats, up: Floats, s: Floats) -> tuple[Floats, Floats, Bools]:
    """Return how much of each place a mass fills, its density there, and whether it is inside."""
    height = np.minimum(growth.height(x, s), LARGEST_SHARE * _room(site, x, s))
    gap = lucent_gap_mm(site, growth, -s)
    seat = np.where(gap > 0, gap, site.wall.seat_at(x, -s) - OVERLAP_MM)
    under = height - up
    d = smooth_max(-under, seat - up, 0.3)
    d = np.where(height <= 0, np.maximum(d, -height + 0.2), d)
    rim = np.clip(0.5 - (d + growth.rim_mm) / 0.35, 0, 1)
    value = growth.rim_hu + (growth.core_hu - growth.rim_hu) * rim
    if growth.layer[1] > 0:
        depth = np.abs(under - growth.layer[0] - growth.layer[1] / 2) / (growth.layer[1] / 2)
        value = value + np.clip(1.5 - depth, 0, 1) * (80.0 - value)
    share = np.clip(0.5 - d / (SOFT_EDGE_MM + growth.soft_mm), 0, 1)
    share = np.where(height > GONE / 2, share, 0.0)
    inside = (under > 0) & (up >= np.maximum(gap, 0.0)) & (height > 0)
    return np.asarray(share), np.asarray(value), inside


def _room(site: Site, x: Floats, s: Floats) -> Floats:
    return np.asarray(site.rear_at(x, -s) - site.wall.at(x, -s))


def _texture(rng: np.random.Generator, site: Site, growth: Growth, index: NDArray[np.intp]) -> Floats:
    """Return the grain of a mass's marrow at voxels: as coarse and strong as that of the bodies."""
    low = index.min(axis=0)
    shape = tuple(index.max(axis=0) - low + 1)
    grain = ndimage.gaussian_filter(rng.standard_normal(shape), TEXTURE_MM / np.array(site.volume.spacing_mm))
    strength = site.look.texture_hu * min(1.0, growth.core_hu / 400.0)
    return np.asarray(grain[tuple((index - low).T)] * (strength / max(float(grain.std()), 1e-9)))
