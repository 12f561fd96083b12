"""Lower endplates as surfaces: from soft label edges; where a network drew those, from the CT beside them."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.measurement.edges import EdgeField, bounding_box, crop, field_of_labels
from canalis.measurement.frame import MovingFrame
from canalis.measurement.sections import last_crossing
from canalis.measurement.vertebrae import Vertebra
from canalis.volume import Mask, Volume

Floats = NDArray[np.float64]

COLUMN_MM = 1.0  # between the columns in which the endplate is looked for
STEP_MM = 0.5  # along them
SIDE_MM = 6.0  # to each side of the midline: between the uncinate processes
RIM_FROM_MM, RIM_TO_MM = 3.0, 12.0
"""Before the posterior wall: the rims and their lips, 15 to 20 % of a depth of 15 to 18 mm, are left out."""
BELOW_MM = 6.0  # that an endplate may bulge below its middle height
INTO_BONE_MM, INTO_DISC_MM = 2.5, 3.0  # about the label's edge, where the CT's own edge is looked for
FARTHEST_MM = 2.0  # that the CT's edge may lie from the label's
PROFILE_MM = 0.25  # between samples of a profile
LEAST_CONTRAST_HU = 150.0  # between endplate and disc; at less, noise has edges too


def find_lower_endplate(
    mask: Mask, vertebra: Vertebra, frame: MovingFrame, front_mm: float, *, volume: Volume | None = None
) -> Floats:
    """Return points on a body's lower endplate, rims left out.

    Parameters
    ----------
    mask : Mask
        The label map.
    vertebra : Vertebra
        Whose endplate.
    frame : MovingFrame
        The centreline with its planes.
    front_mm : float
        The posterior vertebral wall on the midline at the endplate, mm behind the centreline.
    volume : Volume, optional
        The CT. With it each point moves from the label's edge to the half-maximum edge near it.

    Returns
    -------
    ndarray of shape (m, 3)
        LPS+ mm; empty where none was found.
    """
    box = bounding_box(mask, (vertebra.label,), margin_mm=COLUMN_MM)
    field = None if box is None else _soft(mask, vertebra.label, box)
    if field is None:
        return np.empty((0, 3))
    along = np.arange(vertebra.middle_mm, vertebra.lower_mm + BELOW_MM, STEP_MM)
    planes = frame.at(along)
    back = np.arange(front_mm - RIM_TO_MM, front_mm - RIM_FROM_MM + 0.1, COLUMN_MM)
    left = np.arange(-SIDE_MM, SIDE_MM + 0.1, COLUMN_MM)
    inside = field.sample(planes, back, left)
    lowest = last_crossing(inside, along, axis=0)
    found = np.isfinite(lowest) & (inside[0] > 0) & (lowest < along[-1] - STEP_MM)
    if volume is not None:
        lowest = _on_the_scan(volume, frame, lowest, found, back, left)
    rows, columns = np.nonzero(found)
    there = frame.at(lowest[found])
    backs, lefts = back[rows, None] * there.posteriors_lps, left[columns, None] * there.lefts_lps
    return np.asarray(there.centers_lps + backs + lefts)


def _on_the_scan(
    volume: Volume,
    frame: MovingFrame,
    lowest: Floats,
    found: NDArray[np.bool_],
    back: Floats,
    left: Floats,
) -> Floats:
    """Return where bone falls to disc on the CT, at half maximum; the label's edge where that is not clear.

    Profiles run along the canal. Neighbouring columns are averaged, at the same depth below the
    label's edge, against noise.
    """
    depth = np.arange(-INTO_BONE_MM, INTO_DISC_MM + 0.01, PROFILE_MM)
    rows, columns = np.nonzero(found)
    if not len(rows):
        return lowest
    inverse = np.linalg.inv(volume.affine)
    hu = np.full((*found.shape, len(depth)), np.nan, dtype=np.float32)
    for k, d in enumerate(depth):
        there = frame.at(lowest[found] + d)
        points = (
            there.centers_lps
            + back[rows, None] * there.posteriors_lps
            + left[columns, None] * there.lefts_lps
        )
        index = (points @ inverse[:3, :3].T + inverse[:3, 3]).T
        hu[rows, columns, k] = ndimage.map_coordinates(
            volume.hu, index, order=1, mode="nearest", output=np.float32
        )
    held = np.isfinite(hu[..., 0])
    share = ndimage.uniform_filter(held.astype(np.float32), 3, mode="constant")
    smooth = ndimage.uniform_filter(np.nan_to_num(hu), (3, 3, 1), mode="constant")
    profile = smooth[rows, columns] / share[rows, columns, None]
    edge = lowest[found]
    moved = edge + np.array([_half_maximum(line, depth) for line in profile])
    out = lowest.copy()
    out[found] = np.where(np.abs(moved - edge) <= FARTHEST_MM, moved, edge)
    return out


def _half_maximum(line: NDArray[np.float32], depth: Floats) -> float:
    """Return where a profile from bone to disc falls to half its height, NaN where it does not."""
    inner = int(np.searchsorted(depth, INTO_DISC_MM / 2))
    top = int(line[:inner].argmax())
    floor = top + int(line[top:].argmin())
    if line[top] - line[floor] < LEAST_CONTRAST_HU:
        return float("nan")
    half = (line[top] + line[floor]) / 2
    first = top + int((line[top : floor + 1] <= half).argmax())
    share = (line[first - 1] - half) / (line[first - 1] - line[first])
    return float(depth[first - 1] + share * (depth[first] - depth[first - 1]))


def _soft(mask: Mask, label: int, box: tuple[slice, slice, slice]) -> EdgeField | None:
    labels, affine = crop(mask, box)
    return field_of_labels(labels == label, affine)
