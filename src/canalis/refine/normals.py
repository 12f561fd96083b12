"""Forces along the outward normal: bone edge, region, the network's probability, balloon.

Each is a small function of curves and tables; each returns a signed speed, + outwards.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from canalis.refine.curves import signed_area
from canalis.refine.energies import Energy
from canalis.refine.tables import Place, Scratch, Tables

SAMPLE_MM, SAMPLE_ON_THE_WAY_MM = 0.3, 0.45  # between samples along a normal
FLANK_MM = 0.9  # averaged on each side of a candidate edge
PEAK_MM = 2.1  # a cortex's maximum lies within this of its inner edge
BONE_HU = 350.0  # above the lumen: brighter is taken for bone, not for contrast round the cord
BRIGHT_INSIDE = 0.3  # what an edge counts that has bone between it and the lumen
LEAST_NEARNESS_MM = 0.6  # SD of the last, narrowest search: about half a millimetre of blur
LOOKS_ON_THE_WAY = 32  # along a contour that is not yet near its rest: 2 mm apart round a canal
LOOKS_AT_REST = 64  # 1 mm apart; rigidity joins what lies closer together
CHUNK = 48  # contours whose profiles stay in the cache together


def lumen_level(hu: Tables, curves: NDArray[np.complex64], place: Place) -> NDArray[np.float32]:
    """Return the median HU of the inner part of each contour (K, N), as (K,), within −50 to 150.

    Half maximum is counted from here. The inner 60 % is read, so that an outline that is a few
    millimetres too wide does not take in bone.
    """
    middle = curves.mean(axis=-1, keepdims=True)
    rings = [
        hu.read(middle + np.float32(share) * (curves - middle), place, linear=False)
        for share in (0.15, 0.3, 0.45, 0.6)
    ]
    return np.asarray(np.clip(np.median(np.concatenate(rings, axis=-1), axis=-1), -50, 150), np.float32)


def bone_edge(
    hu: Tables,
    curves: NDArray[np.complex64],
    normals: NDArray[np.complex64],
    place: Place,
    *,
    lumen_hu: NDArray[np.float32],
    energy: Energy,
    nearness_mm: float,
    linear: bool,
    scratch: Scratch,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return how far along the normal the inner cortex lies, and how surely it is there.

    Profiles run along the normal; those of a contour on its way, read at the nearest pixel, are averaged
    with the neighbouring points'. Of all rises
    from dark to bright, going outwards, the one wins that is high, near, and has no bone between it
    and the lumen; its place is where the profile crosses half way from the lumen to the cortex's
    own maximum.

    Parameters
    ----------
    hu : Tables
        Hounsfield units.
    curves, normals : ndarray of shape (A, N)
        Complex64 mm, and outward unit normals.
    place : Place
        Of these contours' planes.
    lumen_hu : ndarray of shape (A,)
        From :func:`lumen_level`.
    energy : Energy
        Its reach and rises.
    nearness_mm : float
        SD of the Gaussian by which nearer edges are preferred.
    linear : bool
        Bilinear readings.
    scratch : Scratch
        Memory to work in.

    Returns
    -------
    distance : ndarray of shape (A, N)
        mm, + outwards; 0 where no edge was found.
    sureness : ndarray of shape (A, N)
        0 to 1: by the rise, and less for an edge far off, so that one across a gap hardly pulls.
    """
    reach = min(energy.reach_mm, 2.5 * nearness_mm)
    sample = SAMPLE_MM if linear else SAMPLE_ON_THE_WAY_MM
    half = int(np.ceil(reach / sample)) + round(FLANK_MM / sample)
    offsets = (np.arange(-half, half + 1) * sample).astype(np.float32)
    distance = np.empty(curves.shape, np.float32)
    sureness = np.empty(curves.shape, np.float32)
    for first in range(0, len(curves), CHUNK):
        some = slice(first, first + CHUNK)
        profiles = _profiles(
            hu, curves[some], normals[some], place[some], offsets, linear=linear, scratch=scratch
        )
        distance[some], sureness[some] = _edge_in(profiles, offsets, lumen_hu[some], energy, nearness_mm)
    return distance, sureness


def points_apart(points: int, *, at_rest: bool) -> int:
    """Return how many points apart looks are taken: farther while a contour is on its way."""
    apart = max(points // (LOOKS_AT_REST if at_rest else LOOKS_ON_THE_WAY), 1)
    return apart if points % apart == 0 else 1


def filled_between(
    distance: NDArray[np.float32], sureness: NDArray[np.float32], apart: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return looks (A, n) taken some points apart for every point, the surer counting more."""
    shape = (distance.shape[0], distance.shape[1] * apart)
    far, sure = np.empty(shape, np.float32), np.empty(shape, np.float32)
    pulls = distance * sureness
    for ahead in range(apart):
        share = np.float32(ahead / apart)
        sure[:, ahead::apart] = (1 - share) * sureness + share * np.roll(sureness, -1, axis=-1)
        far[:, ahead::apart] = (1 - share) * pulls + share * np.roll(pulls, -1, axis=-1)
    far /= np.maximum(sure, np.float32(1e-6))
    return far, sure


def _profiles(
    hu: Tables,
    curves: NDArray[np.complex64],
    normals: NDArray[np.complex64],
    place: Place,
    offsets: NDArray[np.float32],
    *,
    linear: bool,
    scratch: Scratch,
) -> NDArray[np.float32]:
    """HU along the normals, (samples, A, N); on the way averaged 1-2-1 with the neighbours'."""
    read = hu.read_lines(curves, normals, offsets, place, linear=linear, scratch=scratch)
    if linear:
        return np.asarray(read)
    read *= np.float32(0.25)
    smooth = read + read
    smooth[..., 1:] += read[..., :-1]
    smooth[..., :-1] += read[..., 1:]
    smooth[..., 0] += read[..., -1]
    smooth[..., -1] += read[..., 0]
    return np.asarray(smooth)


def _edge_in(
    profiles: NDArray[np.float32],
    offsets: NDArray[np.float32],
    lumen_hu: NDArray[np.float32],
    energy: Energy,
    nearness_mm: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Distance and sureness of the best edge in profiles of shape (samples, A, N)."""
    above = profiles - lumen_hu[:, None]
    sample = offsets[1] - offsets[0]
    flank = round(FLANK_MM / float(sample))
    best = _best_rise(above, offsets, flank, energy, nearness_mm)
    run = int(np.ceil(PEAK_MM / sample)) + flank
    at = np.clip(best + np.arange(-flank, run)[:, None, None], 0, len(offsets) - 1)
    column = np.arange(best.size).reshape(best.shape)
    near = above.ravel().take(at * best.size + column, mode="wrap")
    peak = near[flank:].max(axis=0)
    sureness = (peak - energy.least_rise_hu) / (energy.sure_rise_hu - energy.least_rise_hu)
    crossed = (near[1:] >= peak / 2) & (near[:-1] < peak / 2)
    first = crossed.argmax(axis=0) * best.size + column[0]
    low = near.ravel().take(first, mode="wrap")
    high = near.ravel().take(first + best.size, mode="wrap")
    share = (peak / 2 - low) / np.maximum(high - low, np.float32(1.0))
    inner = offsets.take(at.ravel().take(first, mode="wrap"), mode="wrap")
    distance = inner + share * sample
    seen = (high >= peak / 2) & (low < peak / 2) & (sureness > 0)
    distance = np.where(seen, distance, 0).astype(np.float32)
    trust = np.exp(-(distance**2) / np.float32(2 * nearness_mm**2))
    return distance, np.where(seen, np.clip(sureness, 0, 1) * trust, 0).astype(np.float32)


def _best_rise(
    above: NDArray[np.float32],
    offsets: NDArray[np.float32],
    flank: int,
    energy: Energy,
    nearness_mm: float,
) -> NDArray[np.intp]:
    """Sample number, (1, A, N), of the rise that counts most in (samples, A, N), with flanks so long."""
    sums = above[: len(above) - flank + 1] + above[1 : len(above) - flank + 2]
    for further in range(2, flank):
        sums += above[further : len(above) - flank + 1 + further]
    score = sums[flank:] - sums[:-flank]
    np.clip(score, 0, flank * energy.sure_rise_hu, out=score)
    if nearness_mm > LEAST_NEARNESS_MM:  # in the last, narrow search nearness decides
        highest = sums[:-flank].copy()
        for before, here in pairwise(highest):  # maximum.accumulate, which takes four times as long
            np.maximum(before, here, out=here)
        score *= np.where(highest > flank * BONE_HU, np.float32(BRIGHT_INSIDE), np.float32(1.0))
    inner = np.arange(len(score)) + flank - 1  # the last sample inside each rise
    middle = offsets[inner] + (offsets[1] - offsets[0]) / 2
    nearness = np.exp(-(middle**2) / (2 * nearness_mm**2))
    score *= nearness.astype(np.float32)[:, None, None]
    return np.asarray(score.argmax(axis=0)[None] + flank - 1)


def region_speed(
    hu: Tables,
    sums: Tables,
    curves: NDArray[np.complex64],
    place: Place,
    *,
    totals: NDArray[np.float64],
    linear: bool,
) -> NDArray[np.float32]:
    """Return Chan and Vese's speed, ((I − c_out)² − (I − c_in)²)/(c_in − c_out)², within ±1.

    The means inside and outside come from integrals along the contour (Green's theorem) over
    column sums, so they cost N readings and no mask.

    Parameters
    ----------
    hu : Tables
        Hounsfield units, cut to the range where soft tissue and bone differ.
    sums : Tables
        Running sums of ``hu`` down the rows, HU·mm.
    curves : ndarray of shape (A, N)
        Complex64 mm.
    place : Place
        Of these contours' planes.
    totals : ndarray of shape (A, 2)
        Integral over the whole window, HU·mm², and its area, mm².
    linear : bool
        Bilinear readings.

    Returns
    -------
    ndarray of shape (A, N)

    References
    ----------
    .. [1] Chan, Vese 2001, doi:10.1109/83.902291
    """
    inside, outside = region_means(sums, curves, place, totals=totals)
    value = hu.read(curves, place, linear=linear)
    apart = inside - outside
    apart = np.where(np.abs(apart) < 1.0, 1.0, apart)
    middle = (inside + outside) / 2
    speed = 2 * (value - middle[:, None]) / apart[:, None]
    return np.clip(speed, -1, 1).astype(np.float32)


def region_means(
    sums: Tables, curves: NDArray[np.complex64], place: Place, *, totals: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean HU inside and outside each contour (A, N), see :func:`region_speed`."""
    height = sums.read(curves, place, linear=True).astype(np.float64)
    width = (np.roll(curves.imag, -1, axis=-1) - np.roll(curves.imag, 1, axis=-1)).astype(np.float64) / 2
    area = signed_area(curves)
    integral = (height * width).sum(axis=-1) * np.sign(area)
    size = np.maximum(np.abs(area), 1e-6)
    beyond = np.maximum(totals[:, 1] - size, 1e-6)
    return integral / size, (totals[:, 0] - integral) / beyond


def prior_speed(
    probability: Tables, curves: NDArray[np.complex64], place: Place, *, linear: bool
) -> NDArray[np.float32]:
    """Return 2p − 1: outwards where the network's probability p is above one half, else inwards.

    The two-region energy ∫(1 − 2p) of Chan, Esedoglu and Nikolova (SIAM J Appl Math
    2006;66:1632-1648), with the network's probability in the place of the intensities.
    """
    value = probability.read(curves, place, linear=linear)
    return np.asarray(2 * value - 1, dtype=np.float32)
