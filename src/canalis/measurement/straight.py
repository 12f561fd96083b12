"""The label map laid straight along the centreline, one slice a plane."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.measurement.frame import MovingFrame
from canalis.measurement.sections import Extent
from canalis.volume import Mask

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

GRID_MM = 0.75  # of the straightened labels in each plane; endplates are means over 300 such columns
FRONT_MM, REAR_MM, SIDE_MM = 42.0, 45.0, 30.0  # holds the bodies, the arches and their lateral parts
BEYOND_MM = 12.0  # drawn past the centreline's ends, where a body may go on


@dataclass(frozen=True, slots=True, eq=False)
class StraightLabels:
    """The label map laid straight along the centreline.

    Attributes
    ----------
    frame : MovingFrame
        One plane a slice, head to foot, drawn on beyond the canal's ends.
    back_mm, left_mm : ndarray
        Positions of rows and columns in each plane.
    labels : ndarray of shape (n, rows, columns)
        uint8, nearest voxel, 0 outside the scan.
    in_scan : ndarray of shape (n, rows, columns)
        Whether the scan reaches there.
    """

    frame: MovingFrame
    back_mm: Floats
    left_mm: Floats
    labels: NDArray[np.uint8]
    in_scan: Bools


def straighten(mask: Mask, frame: MovingFrame, extent: Extent) -> StraightLabels:
    """Return the label map laid straight along a centreline."""
    step = frame.along_mm[1] - frame.along_mm[0]
    beyond = np.arange(1, round(BEYOND_MM / step) + 1) * step
    along = np.concatenate([frame.along_mm[0] - beyond[::-1], frame.along_mm, frame.along_mm[-1] + beyond])
    longer = frame.at(along)
    back, left = np.arange(-FRONT_MM, REAR_MM, GRID_MM), np.arange(-SIDE_MM, SIDE_MM + 0.1, GRID_MM)
    index = longer.grid_index(mask.affine, back, left)
    labels = ndimage.map_coordinates(mask.labels, index, order=0, mode="constant", cval=0)
    return StraightLabels(longer, back, left, labels, extent.in_scan(longer, back, left))
