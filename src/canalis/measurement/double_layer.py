"""Double-layer sign: a dense plate, a less dense band, a dense rim, along AP through a mass.

References
----------
.. [1] Hida K, et al. (1997), and Epstein N. Spine 2001;26:182: the sign and how often it misleads.
   What counts as a band here is chosen on phantoms with false ones among them: a marrow core is a wide
   band, ossified dura leaves a narrow one close to the back.
"""

import numpy as np
from numpy.typing import NDArray

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
DARKEST_BAND_HU = (
    220.0  # a band of dura or soft tissue, blurred; marrow of a core is 200 to 550 between dense rims
)
PLATE_WITHIN_MM = 2.0  # before the band that the plate is looked for: what lies further on may be the body
LEAST_DIP = 0.22  # of the lower of plate and rim that the band is less dense by
WIDEST_BAND_MM = 2.3  # at half of its depth: strips are 0.5 to 2 mm, blurred by 1 mm
BAND_WITHIN_MM = 4.0  # of the back of the mass: rims are 0.8 to 1.5 mm, strips up to 2
LEAST_RUN_MM = 3.0  # along the neck over which it must be seen
OWN_EDGE_MM = 0.5  # of the bone's front edge, blurred
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
    seen = np.array(
        [thickness[i] >= LEAST_THICKNESS_MM and _banded(_profile(neck, int(i), volume)) for i in places]
    )
    runs = _long_runs(seen, float(along[EVERY] - along[0]))
    held = along[places[runs]]
    levels = [
        zone.name
        for zone in neck.zones
        if zone.name and ((held >= zone.upper_mm) & (held <= zone.lower_mm)).any()
    ]
    return DoubleLayerSign(candidate=bool(runs.any()), planes=tuple(levels))


def _long_runs(seen: NDArray[np.bool_], step_mm: float) -> NDArray[np.bool_]:
    """Return the places that lie in a run of at least 3 mm."""
    kept = np.zeros(len(seen), dtype=bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]]).astype(np.int8)))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        if (end - first) * step_mm >= LEAST_RUN_MM:
            kept[first:end] = True
    return kept


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


def _banded(profile: tuple[Floats, float]) -> bool:
    """Return whether a profile, from behind forward, shows rim, narrow band and plate."""
    hu, bone = profile
    depth = np.arange(len(hu)) * PROFILE_STEP_MM - BEYOND_MM
    ahead = round(PLATE_WITHIN_MM / PROFILE_STEP_MM)
    for dip in np.flatnonzero((depth > 0) & (depth < min(BAND_WITHIN_MM, bone - OWN_EDGE_MM))):
        if hu[dip] > DARKEST_BAND_HU or hu[dip] > hu[max(dip - 1, 0) : dip + 2].min():
            continue
        rim, plate = float(hu[:dip].max()), float(hu[dip + 1 : dip + 1 + ahead].max(initial=-1e4))
        lower = min(rim, plate)
        if lower <= 0 or lower - hu[dip] < LEAST_DIP * lower:
            continue
        half = (lower + hu[dip]) / 2
        if _width_below(hu, int(dip), float(half)) <= WIDEST_BAND_MM:
            return True
    return False


def _width_below(hu: Floats, dip: int, half: float) -> float:
    """Return how wide, mm, the profile lies below a value about a dip."""
    first = last = dip
    while first > 0 and hu[first - 1] < half:
        first -= 1
    while last < len(hu) - 1 and hu[last + 1] < half:
        last += 1
    return (last - first + 1) * PROFILE_STEP_MM
