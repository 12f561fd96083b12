"""Double-layer sign: a dense plate, a less dense band, a dense rim, along AP through a mass.

Blur fills a narrow band: under a soft kernel one of 1.4 mm in a mass of 850 HU shows 350 HU. So rim, band
and plate are fitted as steps under one blur, and what counts is how much bone the band lacks, its width
times its loss, which blur leaves alone. A marrow core is too wide to fit, or widens as the mass thickens,
which an unossified strip does not; a sharp kernel's halo lacks too little.

References
----------
.. [1] Hida K, et al. (1997), and Epstein N. Spine 2001;26:182: the sign and how often it misleads.
   What counts as a band here is chosen on phantoms with false ones among them: a marrow core is a wide
   band, ossified dura leaves a narrow one close to the back.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import ndtr

from canalis.measurement.geometry import NeckGeometry
from canalis.measurement.masses import MassProfile
from canalis.measurement.measurements import DoubleLayerSign
from canalis.measurement.planes import sample_hu
from canalis.volume import Volume

Floats = NDArray[np.float64]

LEAST_THICKNESS_MM = 3.0  # a thinner mass has no room for plate, band and rim
SLAB_MM = 2.0  # to each side of the headline over which densities are averaged, along the mass's back
PROFILE_STEP_MM = 0.1
BEYOND_MM = 1.0  # behind the mass that the profile begins
MOST_BAND_HU = 450.0  # of the band without blur, as far as a fit can tell; marrow of a core is 200 to 550
WIDEST_BAND_MM = 2.25  # a fit at its bound of 2.3 is a core that is wider still
LEAST_MISSING_MM = 0.4  # of bone that the band lacks: its width times the share of density it lacks
MOST_MISFIT = 0.08  # of the mass's density, root mean square: what is no rim, band and plate fits worse
MOST_WIDENING = 0.65  # mm of band a mm of bone: of a core within rims 1, of a strip under the back 0
LEAST_CHANGE_MM = 0.5  # of the bone's thickness among the places seen, from which widening is told ...
LEAST_PLACES = 4  # ... by at least as many
LEAST_SHARE = 0.3  # of the places thick enough to tell
FITTED_MM = 5.0  # from the back of the mass: rim, band and the plate's beginning
LEAST_POINTS = 25  # of a profile, 0.1 mm apart
LOWEST = np.array([-1.0, 0.2, -400.0, 100.0, 0.4, 0.3, -100.0])
HIGHEST = np.array([1.0, 0.85, 600.0, 2500.0, 2.2, 2.3, 2500.0])
"""Bounds of a fit: back of the mass and blur, mm; canal and mass, HU; rim and band, mm; band, HU."""
SCALE = np.array([0.2, 0.1, 100.0, 300.0, 0.3, 0.3, 300.0])
LEAST_RUN_MM = 3.0  # along the neck over which it must be seen ...
LEAST_RUN_SHARE = 0.5  # ... or over this share of a mass that is not twice as long
OWN_EDGE_MM = 0.3  # of the bone's front edge, blurred
EVERY = 2  # places of the frame between profiles: 1 mm


def find_double_layer(
    neck: NeckGeometry, masses: list[MassProfile], volume: Volume | None
) -> DoubleLayerSign:
    """Return whether a mass is a candidate for ossified dura, and at which levels.

    Parameters
    ----------
    neck : NeckGeometry
        The neck laid out.
    masses : list of MassProfile
        Those that count as OPLL.
    volume : Volume or None
        The CT; without it the sign is not looked for.

    Returns
    -------
    DoubleLayerSign
        A candidate, never a diagnosis; None without densities.
    """
    if volume is None:
        return DoubleLayerSign(candidate=None)
    along = neck.frame.along_mm
    thickness = np.max([mass.thickness_mm for mass in masses], axis=0) if masses else np.zeros(len(along))
    places = np.arange(0, len(along), EVERY)
    told = thickness[places] >= LEAST_THICKNESS_MM
    profiles = [
        _profile(neck, int(i), volume) if thick else None for i, thick in zip(places, told, strict=True)
    ]
    bands = np.array([np.nan if profile is None else _band_mm(profile) for profile in profiles])
    seen = np.isfinite(bands)
    if seen.sum() < LEAST_SHARE * told.sum():
        seen[:] = False
    runs = _long_runs(seen, told, float(along[EVERY] - along[0]))
    bones = np.array([0.0 if profile is None else profile[1] for profile in profiles])
    for thick in _stretches(told):
        runs[thick] &= not _widens(bones[thick][runs[thick]], bands[thick][runs[thick]])
    held = along[places[runs]]
    levels = [
        zone.name
        for zone in neck.zones
        if zone.name and ((held >= zone.upper_mm) & (held <= zone.lower_mm)).any()
    ]
    return DoubleLayerSign(candidate=bool(runs.any()), planes=tuple(levels))


def _long_runs(seen: NDArray[np.bool_], told: NDArray[np.bool_], step_mm: float) -> NDArray[np.bool_]:
    """Return the places that lie in a run of at least 3 mm, or of half the stretch that is thick enough."""
    kept = np.zeros(len(seen), dtype=bool)
    for thick in _stretches(told):
        least = min(LEAST_RUN_MM, LEAST_RUN_SHARE * (thick.stop - thick.start) * step_mm)
        for run in _stretches(seen[thick]):
            if (run.stop - run.start) * step_mm >= least:
                kept[thick.start + run.start : thick.start + run.stop] = True
    return kept


def _stretches(held: NDArray[np.bool_]) -> list[slice]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], held, [False]]).astype(np.int8)))
    return [slice(int(first), int(end)) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def _profile(neck: NeckGeometry, i: int, volume: Volume) -> tuple[Floats, float]:
    """Return the mean density from behind the mass forward, and how much bone it has, at one place.

    What lies before the bone is the lucent line to the wall, no band within the mass.
    """
    edges, frame = neck.mass_edges, neck.frame
    at = int(edges.headline[i])
    beside = np.abs(neck.canal.left_mm - neck.canal.left_mm[at]) <= SLAB_MM
    columns = np.flatnonzero(beside & (edges.thickness_mm[i] > LEAST_THICKNESS_MM / 2))
    thickness = float(edges.thickness_mm[i, at])
    depth = np.arange(-BEYOND_MM, thickness, PROFILE_STEP_MM)
    back = edges.rear_mm[i, columns][:, None] - depth
    left = neck.canal.left_mm[columns][:, None, None] * frame.lefts_lps[i]
    points = frame.centers_lps[i] + left + back[..., None] * frame.posteriors_lps[i]
    density = np.asarray(sample_hu(volume, points).mean(axis=0), dtype=np.float64)
    return density, float(edges.bone_mm[i, at])


def _widens(bone_mm: Floats, band_mm: Floats) -> bool:
    """Return whether the band of a mass is its core: as the mass thickens, so does the band."""
    if len(bone_mm) < LEAST_PLACES or np.ptp(bone_mm) < LEAST_CHANGE_MM:
        return False
    return bool(np.polyfit(bone_mm, band_mm, 1)[0] > MOST_WIDENING)


def _band_mm(profile: tuple[Floats, float]) -> float:
    """Return the width of the band where a profile, from behind forward, shows rim, narrow band and plate.

    NaN where it does not.
    """
    hu, bone = profile
    depth = np.arange(len(hu)) * PROFILE_STEP_MM - BEYOND_MM
    used = depth < min(bone - OWN_EDGE_MM, FITTED_MM)
    if used.sum() < LEAST_POINTS:
        return np.nan
    fitted, misfit = _fit(np.asarray(depth[used], dtype=np.float64), hu[used])
    mass_hu, band_mm, band_hu = fitted[3], fitted[5], fitted[6]
    missing = band_mm * (1 - band_hu / mass_hu)
    narrow, dark = band_mm < WIDEST_BAND_MM, band_hu < MOST_BAND_HU
    banded = misfit < MOST_MISFIT and narrow and dark and missing > LEAST_MISSING_MM
    return float(band_mm) if banded else np.nan


def _fit(depth: Floats, hu: Floats) -> tuple[Floats, float]:
    """Return the steps that fit a profile best, as in ``LOWEST``, and the misfit over the mass's density."""
    mass = float(np.percentile(hu, 90))
    start = np.array([0.0, 0.5, float(hu[:4].mean()), mass, 1.1, 1.1, 0.6 * mass])
    start = np.clip(start, LOWEST + 1e-3 * (HIGHEST - LOWEST), HIGHEST - 1e-3 * (HIGHEST - LOWEST))

    def off(steps: Floats) -> Floats:
        return _steps(steps, depth)[0] - hu

    def slopes(steps: Floats) -> Floats:
        return _steps(steps, depth)[1]

    found = least_squares(off, start, jac=slopes, bounds=(LOWEST, HIGHEST), x_scale=SCALE, max_nfev=40)
    return np.asarray(found.x), float(np.sqrt(np.mean(found.fun**2)) / found.x[3])


def _steps(steps: Floats, depth: Floats) -> tuple[Floats, Floats]:
    """Return a profile of blurred steps, and its derivatives, shape (points, 7)."""
    back, blur, canal_hu, mass_hu, rim, band, band_hu = steps
    away = (depth[:, None] - np.array([back, back + rim, back + rim + band])) / blur
    passed = ndtr(away)
    rise = np.exp(-0.5 * away**2) / (np.sqrt(2 * np.pi) * blur)
    inside = passed[:, 1] - passed[:, 2]
    step, loss = mass_hu - canal_hu, band_hu - mass_hu
    behind = rise[:, 1] - rise[:, 2]
    moved = away * rise
    slopes = np.stack(
        [
            -step * rise[:, 0] - loss * behind,
            -step * moved[:, 0] - loss * (moved[:, 1] - moved[:, 2]),
            1 - passed[:, 0],
            passed[:, 0] - inside,
            -loss * behind,
            loss * rise[:, 2],
            inside,
        ],
        axis=1,
    )
    return canal_hu + step * passed[:, 0] + loss * inside, slopes
