"""Half of a 95 % interval for every number, from the scan's pixels and gaps and the outline's source.

Each edge of an outline has a standard error; lengths, areas, ratios and angles take theirs from it.
The shares below were fitted on phantoms with validation seeds (bench/against_truth.py prints the
coverage); docs/measurements.md has the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from canalis.measurement.frame import MovingFrame
from canalis.measurement.sections import Extent
from canalis.volume import Volume

Floats = NDArray[np.float64]

INTERVAL = 1.96  # half of a 95 % interval in standard errors, normal distribution
PIXEL_SHARE = 0.12  # an edge's standard error in pixels across it, from a label map
GAP_SHARE = 0.12  # the same in slice gaps, as far as the edge is crossed by slices
PLACE_MM = 0.05  # the midline's place adds this much to every edge
ALONG_LABELS_MM = 0.1  # a plane's standard error along the neck from a label map, whose endplates are given
ALONG_BODY_MM, ALONG_DISC_MM = 0.36, 0.5  # the same from a network, at bodies and at discs ...
ALONG_GAP_SHARE = 0.24  # ... and in slice gaps: about what an edge anywhere within a slice has, 1 / sqrt(12)
NETWORK_EDGE_SHARE = 0.66  # of the blur of a network's edge, which is its standard error
NETWORK_BLUR_MM = 0.5  # of a network's edge where no plane tells its own
OUTLINE_GRAIN_MM = 4.0  # edge errors are alike over this much of an outline
HALF_MILLIMETRE = 0.5  # confidence is the chance that canal AP errs by less

FITTED: Mapping[str, float] = {
    "canal_ap_mm": 0.9,
    "canal_lr_mm": 2.2,
    "canal_area_mm2": 1.1,
    "ossification_thickness_mm": 1.15,
    "thickness_offset_mm": 0.15,
    "ossification_bone_thickness_mm": 1.3,
    "ossification_width_mm": 6.2,
    "ossification_area_mm2": 1.8,
    "occupying_ratio_percent": 1.45,
    "occupying_ratio_midline_percent": 1.1,
    "area_occupying_ratio_percent": 1.8,
    "residual_ap_mm": 1.2,
    "torg_pavlov_ratio": 3.3,
    "max_thickness_mm": 0.9,
    "max_occupying_ratio_percent": 1.0,
    "width_mm": 3.4,
    "volume_mm3": 4.8,
    "length_mm": 1.3,
    "compression_angle_deg": 1.4,
    "narrowest_residual_ap_mm": 2.9,
    "k_line_distance_mm": 1.9,
}
"""By what each field's interval is scaled so that it holds the truth 95 times in 100, on 28 phantoms with
validation seeds 1,000,000 on, 0.4 mm pixels, slices of 0.6 to 2 mm, from true label maps. Width's is large
because rims thinner than 0.2 mm are not seen; masses with a double layer are left out of bone and area.
Torg's is from 30 of the phantoms whose walls bulge, the narrowest's from 37 (1000200 to 1000236), the
offset's, a share of the mass's width, and the angle's from 40 (1000300 to 1000339; 137 planes, 20 angles)."""

FITTED_NETWORK: Mapping[str, float] = {
    "canal_ap_mm": 1.47,
    "canal_lr_mm": 2.04,
    "canal_area_mm2": 3.83,
    "ossification_thickness_mm": 1.33,
    "thickness_offset_mm": 0.26,
    "ossification_bone_thickness_mm": 2.13,
    "ossification_width_mm": 4.93,
    "ossification_area_mm2": 2.82,
    "occupying_ratio_percent": 1.28,
    "occupying_ratio_midline_percent": 1.15,
    "area_occupying_ratio_percent": 2.68,
    "residual_ap_mm": 1.54,
    "torg_pavlov_ratio": 2.2,
    "max_thickness_mm": 1.09,
    "max_occupying_ratio_percent": 1.0,
    "width_mm": 2.15,
    "volume_mm3": 2.15,
    "length_mm": 3.03,
    "compression_angle_deg": 0.63,
    "narrowest_residual_ap_mm": 3.38,
    "k_line_distance_mm": 0.585,
}
"""The same where the outline is a network's: fitted by bench/calibration.py on 301 validation necks, 229 of
them with ossification (670 planes), and on 128 more (1000600 to 1000727; 103, 294 planes), each counting by
its necks; widths and volume on the 128 alone, since their rules had changed (docs/decisions/0094, 0095). The
greatest ratio is that of the worst plane, and so is its interval: the factor of the ratio holds 96 to 97 % of
planes and 94 to 98 % of greatest ratios; on the 301 a smaller one would have held 95 and 90. The narrowest
place is the least of many planes: it is chosen where residual AP comes out too small, so that the plane's own
interval held it on 80 necks of 100 (docs/decisions/0090); its factor keeps its ratio to that of residual AP,
with which it held 97 % of 121 necks more."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """How finely the scan shows one plane, mm.

    Attributes
    ----------
    pixel_mm : float
        Along the plane's AP direction.
    gap_mm : float
        The greatest distance between acquired slices that the canal meets in the plane.
    slant : float
        Share of the plane's AP direction that crosses slices: sine of the plane's lean.
    """

    pixel_mm: float
    gap_mm: float
    slant: float


def resolution_at(extent: Extent, frame: MovingFrame, volume: Volume | None) -> tuple[Resolution, ...]:
    """Return how finely the scan shows each plane of a frame.

    Parameters
    ----------
    extent : Extent
        The scan's grid, and its axis across slices.
    frame : MovingFrame
        The planes.
    volume : Volume or None
        Its acquisition tells the gaps between acquired slices where they vary.

    Returns
    -------
    tuple of Resolution
        One a plane.
    """
    columns = extent.affine[:3, :3]
    spacing = np.linalg.norm(columns, axis=0)
    across = np.abs(frame.posteriors_lps @ (columns / spacing))
    slant = across[:, extent.axis]
    in_plane = [axis for axis in range(3) if axis != extent.axis]
    weights = across[:, in_plane] ** 2
    pixels = (weights @ spacing[in_plane]) / np.maximum(weights.sum(axis=1), 1e-9)
    gaps = _gaps(extent, frame, volume, float(spacing[extent.axis]))
    return tuple(
        Resolution(float(p), float(g), float(s)) for p, g, s in zip(pixels, gaps, slant, strict=True)
    )


CANAL_REACH_MM = 8.0  # half a canal's AP: the gaps met within it of the centre count


def _gaps(extent: Extent, frame: MovingFrame, volume: Volume | None, spacing: float) -> Floats:
    acquired = None if volume is None or volume.acquisition is None else volume.acquisition.source_gap_mm
    if acquired is None or len(acquired) != extent.shape[extent.axis]:
        return np.full(len(frame.along_mm), spacing)
    reach = np.array([-CANAL_REACH_MM, 0.0, CANAL_REACH_MM])
    index = extent.slices_of(frame, reach, np.zeros(1))[:, :, 0]
    first = np.clip(np.floor(index.min(axis=1)), 0, len(acquired) - 1).astype(int)
    last = np.clip(np.ceil(index.max(axis=1)), 0, len(acquired) - 1).astype(int)
    return np.array([acquired[low : high + 1].max() for low, high in zip(first, last, strict=True)])


def edge_error_mm(resolution: Resolution, *, soft: bool, blur_mm: float = NETWORK_BLUR_MM) -> float:
    """Return the standard error of one edge along AP, mm.

    Parameters
    ----------
    resolution : Resolution
        Of the plane.
    soft : bool
        True where the outline is a network's.
    blur_mm : float
        How blurred the network's edge is in this plane: standard deviation.

    Returns
    -------
    float
        Above 0.
    """
    stairs = np.hypot(PIXEL_SHARE * resolution.pixel_mm, GAP_SHARE * resolution.gap_mm * resolution.slant)
    return float(np.hypot(np.hypot(stairs, PLACE_MM), NETWORK_EDGE_SHARE * blur_mm if soft else 0.0))


def length_interval_mm(edge_mm: float, other_mm: float | None = None) -> float:
    """Return half of the interval of a length between edges with these standard errors; alike by default."""
    return float(INTERVAL * np.hypot(edge_mm, edge_mm if other_mm is None else other_mm))


def change_a_mm(profile: Floats, along_mm: Floats, at_mm: Floats) -> Floats:
    """Return how much a profile changes over 1 mm of the neck, the mean of both ways.

    Parameters
    ----------
    profile, along_mm : ndarray of shape (n,)
        Values along the centreline, and where, mm.
    at_mm : ndarray of shape (k,)
        Where it is asked for.

    Returns
    -------
    ndarray of shape (k,)
        At least 0.
    """
    there, above, below = (np.interp(at_mm + step, along_mm, profile) for step in (0.0, -1.0, 1.0))
    return np.asarray((np.abs(there - above) + np.abs(below - there)) / 2)


def place_error_mm(resolution: Resolution, *, soft: bool, disc: bool) -> float:
    """Return the standard error of a plane's place along the neck, mm.

    Parameters
    ----------
    resolution : Resolution
        Of the plane.
    soft : bool
        True where the outline is a network's.
    disc : bool
        True for the middle of a disc.
    """
    if not soft:
        return ALONG_LABELS_MM
    return float(np.hypot(ALONG_DISC_MM if disc else ALONG_BODY_MM, ALONG_GAP_SHARE * resolution.gap_mm))


def with_place(half: float, change_a_mm: float, place_mm: float) -> float:
    """Return half of an interval with what the plane's place along the neck adds where values change."""
    return float(np.hypot(half, INTERVAL * place_mm * change_a_mm))


def area_interval_mm2(edge_mm: float, outline_mm: float) -> float:
    """Return half of the interval of an area inside an outline of this length."""
    return float(INTERVAL * edge_mm * np.sqrt(max(outline_mm, OUTLINE_GRAIN_MM) * OUTLINE_GRAIN_MM))


def ratio_interval(part: float, part_interval: float, whole: float, whole_interval: float) -> float:
    """Return half of the interval of part / whole, both with their own."""
    return float(np.hypot(part_interval, part / whole * whole_interval) / whole)


def fitted(intervals: Mapping[str, float], *, soft: bool = False) -> dict[str, float]:
    """Return intervals by field, each scaled by its fitted factor; ``soft`` as in `edge_error_mm`."""
    factors = FITTED_NETWORK if soft else FITTED
    return {name: factors.get(name, 1.0) * half for name, half in intervals.items()}


def narrowest_interval_mm(plane_half_mm: float, *, soft: bool) -> float:
    """Return half of the interval of the least residual AP of a neck.

    Parameters
    ----------
    plane_half_mm : float
        Half of the interval of residual AP on the plane where it is least, from :func:`fitted`.
    soft : bool
        As in :func:`edge_error_mm`.

    Returns
    -------
    float
        Wider, since that plane was chosen among many.
    """
    factors = FITTED_NETWORK if soft else FITTED
    return plane_half_mm * factors["narrowest_residual_ap_mm"] / factors["residual_ap_mm"]


def confidence(ap_interval_mm: float) -> float:
    """Return the chance that canal AP errs by less than half a millimetre, 0 to 1."""
    standard_error = ap_interval_mm / INTERVAL
    return float(erf(HALF_MILLIMETRE / (np.sqrt(2.0) * standard_error)))
