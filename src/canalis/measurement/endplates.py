"""Lower endplates as surfaces: from soft label edges, so that thick slices leave no stairs in them."""

import numpy as np
from numpy.typing import NDArray

from canalis.measurement.edges import EdgeField, bounding_box, crop, field_of_labels
from canalis.measurement.frame import MovingFrame
from canalis.measurement.sections import last_crossing
from canalis.measurement.vertebrae import Vertebra
from canalis.volume import Mask

Floats = NDArray[np.float64]

COLUMN_MM = 1.0  # between the columns in which the endplate is looked for
STEP_MM = 0.5  # along them
SIDE_MM = 6.0  # to each side of the midline: between the uncinate processes
RIM_FROM_MM, RIM_TO_MM = 3.0, 12.0
"""Before the posterior wall: the rims and their lips, 15 to 20 % of a depth of 15 to 18 mm, are left out."""
BELOW_MM = 6.0  # that an endplate may bulge below its middle height


def find_lower_endplate(mask: Mask, vertebra: Vertebra, frame: MovingFrame, front_mm: float) -> Floats:
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
    rows, columns = np.nonzero(found)
    there = frame.at(lowest[found])
    backs, lefts = back[rows, None] * there.posteriors_lps, left[columns, None] * there.lefts_lps
    return np.asarray(there.centers_lps + backs + lefts)


def _soft(mask: Mask, label: int, box: tuple[slice, slice, slice]) -> EdgeField | None:
    labels, affine = crop(mask, box)
    return field_of_labels(labels == label, affine)
