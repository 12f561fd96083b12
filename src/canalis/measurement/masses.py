"""Masses: connected ossifications, their profiles along the neck, and which levels they involve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.measurement.canal import CanalEdges
from canalis.measurement.edges import EdgeField
from canalis.measurement.ossification import MassEdges
from canalis.measurement.sections import Sections
from canalis.measurement.types import INVOLVED_HEIGHT_MM, INVOLVED_THICKNESS_MM, Span
from canalis.measurement.vertebrae import Zone

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST_MASS_MM3 = 3.0  # smaller is a speck of the label map: 1 mm thick, 1 mm wide, 3 mm high
BRIDGING_GAP_MM = 1.0  # a mass may fall below the involved thickness over as much and still be one


@dataclass(frozen=True, slots=True, eq=False)
class MassProfile:
    """One connected ossification along the centreline.

    Attributes
    ----------
    thickness_mm : ndarray of shape (n,)
        Its greatest thickness at each of n places along the centreline; 0 where it is not.
    extent : Span
        From its upper to its lower end.
    involved : Span or None
        The longest stretch over which it is at least 1 mm thick.
    volume_mm3 : float
        From its voxels.
    part : int
        Its number among the connected parts of the ossification's field, from :func:`parts_of`.
    """

    thickness_mm: Floats
    extent: Span
    involved: Span | None
    volume_mm3: float
    part: int


def find_masses(
    field: EdgeField | None, sections: Sections, canal: CanalEdges, edges: MassEdges
) -> tuple[MassProfile, ...]:
    """Return the connected ossifications of a neck, head to foot.

    Parameters
    ----------
    field : EdgeField or None
        Of the ossification, on its own grid.
    sections : Sections
        Along the centreline, evenly spaced.
    canal : CanalEdges
        Of those sections.
    edges : MassEdges
        Of those sections.

    Returns
    -------
    tuple of MassProfile
        Without specks, and without what lies outside the canal.
    """
    if field is None:
        return ()
    parts, count = parts_of(field)
    voxel = float(abs(np.linalg.det(field.affine[:3, :3])))
    volumes = np.bincount(parts.ravel(), minlength=count + 1) * voxel
    columns = _columns_of_parts(parts, field, sections)
    found = []
    for part in range(1, count + 1):
        if volumes[part] < LEAST_MASS_MM3:
            continue
        thickness = np.where(columns == part, edges.thickness_mm, 0.0).max(axis=1)
        if (thickness > 0).any():
            found.append(_profile(thickness, sections.frame.along_mm, float(volumes[part]), part))
    return tuple(sorted(found, key=lambda mass: mass.extent.upper_mm))


def parts_of(field: EdgeField) -> tuple[NDArray[np.int32], int]:
    """Return the connected parts of a field, numbered from 1 on its grid, and how many there are."""
    parts, count = ndimage.label(field.values > 0, structure=np.ones((3, 3, 3)))
    return parts, int(count)


def _columns_of_parts(parts: NDArray[np.int32], field: EdgeField, sections: Sections) -> NDArray[np.int32]:
    """Return which part each AP line of each section meets, shape (n, columns); 0 for none."""
    index = sections.frame.grid_index(field.affine, sections.back_mm, sections.left_mm)
    met = ndimage.map_coordinates(parts, index, order=0, mode="constant", cval=0)
    met[sections.canal <= 0] = 0
    return np.asarray(met.max(axis=1))


def _profile(thickness: Floats, along: Floats, volume: float, part: int) -> MassProfile:
    held = np.flatnonzero(thickness > 0)
    half = (along[1] - along[0]) / 2
    extent = Span(float(along[held[0]] - half), float(along[held[-1]] + half))
    runs = involved_runs(thickness, along)
    longest = max(runs, key=lambda run: run.length_mm, default=None)
    return MassProfile(thickness, extent, longest, volume, part)


def involved_runs(thickness_mm: Floats, along_mm: Floats) -> list[Span]:
    """Return the stretches at least 1 mm thick, their ends between samples, small dips closed."""
    above = thickness_mm - INVOLVED_THICKNESS_MM
    runs: list[Span] = []
    held = np.concatenate([[False], above >= 0, [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(held))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        upper = along_mm[first] if first == 0 else _zero(along_mm, above, first - 1)
        lower = along_mm[-1] if end == len(above) else _zero(along_mm, above, end - 1)
        if runs and upper - runs[-1].lower_mm <= BRIDGING_GAP_MM:
            runs[-1] = Span(runs[-1].upper_mm, float(lower))
        else:
            runs.append(Span(float(upper), float(lower)))
    return runs


def _zero(along: Floats, values: Floats, at: int) -> float:
    """Return where values change sign between two neighbouring samples."""
    low, high = values[at], values[at + 1]
    return float(along[at] + (along[at + 1] - along[at]) * low / (low - high))


def involves(thickness_mm: Floats, along_mm: Floats, zone: Zone) -> bool:
    """Return whether an ossification involves a body or disc: 1 mm thick over 3 mm of its height.

    Parameters
    ----------
    thickness_mm : ndarray of shape (n,)
        Along the centreline.
    along_mm : ndarray of shape (n,)
        Places along the centreline, mm.
    zone : Zone
        The body or disc. A disc lower than 3 mm is involved where it is crossed.

    Returns
    -------
    bool
        True where it is.
    """
    span = Span(zone.upper_mm, zone.lower_mm)
    needed = min(INVOLVED_HEIGHT_MM, span.length_mm) if zone.part == "disc" else INVOLVED_HEIGHT_MM
    return any(run.overlap_mm(span) >= needed - 1e-9 for run in involved_runs(thickness_mm, along_mm))


def crosses(thickness_mm: Floats, along_mm: Floats, zone: Zone) -> bool:
    """Return whether one stretch at least 1 mm thick crosses a disc from body to body: bridging."""
    span = Span(zone.upper_mm, zone.lower_mm)
    return any(run.overlap_mm(span) >= span.length_mm - 1e-9 for run in involved_runs(thickness_mm, along_mm))
