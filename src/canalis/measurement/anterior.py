"""An ossified anterior longitudinal ligament: bone before the bodies that bridges a disc from end to end."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.labels import LEVELS, disc_name
from canalis.measurement.geometry import NeckGeometry
from canalis.measurement.measurements import Apart
from canalis.measurement.planes import AIR_HU
from canalis.measurement.vertebrae import Vertebra, Zone, body_depth_mm
from canalis.volume import Volume

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DENSE_HU = 300.0  # bone; a disc has 70 to 130, a vessel with contrast up to 300
AHEAD_MM, LIP_MM = 9.0, 2.5  # before the line of the bodies' fronts, and behind it where lips stand
SIDE_MM = 9.0  # to each side of the midline: beyond lie the uncinate and transverse processes
STEP_MM = 0.5
INTO_BODY_MM = 1.5  # beyond each endplate that the bridge must reach
AROUND_DISC = {disc_name(upper): (upper, lower) for upper, lower in pairwise(LEVELS)}
LEAST_BRIDGE_MM3 = 25.0  # 2 mm thick, 3 mm wide, over a disc of 4 mm


def find_anterior_ligament(neck: NeckGeometry, volume: Volume | None) -> list[tuple[float, Apart]]:
    """Return the discs that bone bridges in front, with their places along the centreline.

    Parameters
    ----------
    neck : NeckGeometry
        The neck laid out.
    volume : Volume or None
        The CT; without it nothing is found.

    Returns
    -------
    list of tuple of float and Apart
        Of kind "anterior ligament" (*chosen*: bridging spurs count as the same), thickness along AP at the
        disc.
    """
    if volume is None:
        return []
    found = []
    bodies = {v.name: v for v in neck.vertebrae if v.part == "body" and v.name}
    for zone in neck.zones:
        if zone.part != "disc" or zone.name not in AROUND_DISC:
            continue
        neighbours = [bodies[name] for name in AROUND_DISC[zone.name] if name in bodies]
        if len(neighbours) < 2:
            continue
        thickness = _bridge_mm(neck, volume, zone, neighbours)
        if thickness is not None:
            found.append((zone.upper_mm, Apart("anterior ligament", zone.name, thickness)))
    return found


def _bridge_mm(neck: NeckGeometry, volume: Volume, disc: Zone, bodies: list[Vertebra]) -> float | None:
    """Return how thick the bone before a disc is where it bridges it, None where none does."""
    depths = [body_depth_mm(neck.straight, body, neck.wall_mm) for body in bodies]
    known = [depth for depth in depths if depth is not None]
    if not known:
        return None
    along = np.arange(disc.upper_mm - INTO_BODY_MM, disc.lower_mm + INTO_BODY_MM + STEP_MM / 2, STEP_MM)
    front = float(np.interp(disc.middle_mm, neck.straight.frame.along_mm, neck.wall_mm)) - min(known)
    back = np.arange(front - AHEAD_MM, front + LIP_MM, STEP_MM)
    left = np.arange(-SIDE_MM, SIDE_MM + 0.1, STEP_MM)
    index = neck.frame.at(along).grid_index(volume.affine, back, left)
    hu = ndimage.map_coordinates(volume.hu, index, order=1, mode="constant", cval=AIR_HU, output=np.float32)
    parts, count = ndimage.label(hu > DENSE_HU)
    at_disc = (along >= disc.upper_mm) & (along <= disc.lower_mm)
    bridges = [part for part in range(1, count + 1) if _bridges(parts == part, at_disc)]
    if not bridges:
        return None
    held = np.isin(parts, bridges)[at_disc]
    return float(held.sum(axis=1).max(axis=1).min() * STEP_MM)


def _bridges(held: Bools, at_disc: Bools) -> bool:
    """Return whether a dense part runs from body to body, and is no thread."""
    whole = bool(held.any(axis=(1, 2)).all())
    return whole and float(held[at_disc].sum()) * STEP_MM**3 >= LEAST_BRIDGE_MM3
