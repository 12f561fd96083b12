"""Atlas and axis along the centreline: C1 by its ring, C2's body below its dens."""

import numpy as np
from numpy.typing import NDArray

from canalis.labels import FIRST_VERTEBRA
from canalis.measurement.straight import GRID_MM, StraightLabels
from canalis.segment.column import AXIS_BODY_MM

Floats = NDArray[np.float64]

MIDLINE_MM = 3.0  # to each side: a dens is 9 to 10 mm wide
ARCH_SIDE_MM = 6.0  # to each side: an arch about its tubercle
MOST = 0.5  # of the columns about the midline that a label fills where it counts
DENS_SKIP_MM, DENS_TOP_MM = 3.0, 8.0  # below its tip, where a dens shows its own depth
FULL_DEPTH_PERCENTILE = 75  # of the axis's depths below its dens: its body's, its front lip left out
LEAST_STEP_MM = 2.0  # from dens to body; with less, the axis shows no step
STEP_SHARE = 0.33  # of that step at which the body begins: its front slopes
USUAL_AXIS_SHARE = 1.45  # the height of the axis's body, in heights of the bodies below
AXIS_SPREAD_MM = 2.5  # that the step may be from the usual place: two standard deviations of people
STATION_MM = 0.5  # between straightened slices
LEAST_RING_MM3 = 500.0  # of C1 in the scan, about a tenth of it, for its middle to mean anything
LEAST_ARCH_MM3 = 150.0  # about the midline: a third of a thin arch, beside which the ring is a better guide
USUAL_ARCH_MM = 9.0  # height of the posterior arch where it lacks: 8.7 mm (32123447)
RING_LOOK_MM = 1.5  # beyond the ring's middle that must be in the scan
RING_IN_SCAN = 0.9  # share of the straightened slices there that must be in the scan


def find_dens_base(
    straight: StraightLabels, front_mm: Floats, *, upper_mm: float, lower_mm: float, heights_mm: list[float]
) -> float:
    """Return where the axis steps forward from its dens to its body, along the centreline.

    The superior facets flank the dens's base, so that width does not tell; its depth does: about 11 mm
    for the dens, 16 mm for the body. The step is believed near where people have it.

    Parameters
    ----------
    straight : StraightLabels
        The label map laid straight.
    front_mm : ndarray of shape (n,)
        The posterior vertebral wall on the midline at each of its slices.
    upper_mm, lower_mm : float
        The dens's tip and the axis's lower endplate, as far as the scan shows them.
    heights_mm : list of float
        Of the bodies below.

    Returns
    -------
    float
        mm along the centreline, from ``upper_mm`` to ``lower_mm``.
    """
    usual = USUAL_AXIS_SHARE * float(np.median(heights_mm)) if len(heights_mm) > 1 else AXIS_BODY_MM
    expected = lower_mm - usual
    step = _step_forward(straight, front_mm, upper_mm, lower_mm)
    base = (
        expected
        if step is None
        else float(np.clip(step, expected - AXIS_SPREAD_MM, expected + AXIS_SPREAD_MM))
    )
    return max(base, upper_mm)


def _step_forward(
    straight: StraightLabels, front_mm: Floats, upper_mm: float, lower_mm: float
) -> float | None:
    """Return where the axis's depth on the midline grows from its dens's to its body's, None without."""
    along = straight.frame.along_mm
    near = np.abs(straight.left_mm) <= MIDLINE_MM
    held = (straight.labels[:, :, near] == FIRST_VERTEBRA + 1).mean(axis=2) >= MOST
    held &= straight.back_mm[None, :] < front_mm[:, None]
    deep = np.where(held.any(axis=1), front_mm - straight.back_mm[np.argmax(held, axis=1)], 0.0)
    dens = (along > upper_mm + DENS_SKIP_MM) & (along < upper_mm + DENS_TOP_MM)
    body = (along > upper_mm + DENS_TOP_MM) & (along < lower_mm)
    if not (dens.any() and body.any()):
        return None
    shallow, full = float(np.median(deep[dens])), float(np.percentile(deep[body], FULL_DEPTH_PERCENTILE))
    if full - shallow < LEAST_STEP_MM:
        return None
    stepped = (deep > shallow + STEP_SHARE * (full - shallow)) & (along > upper_mm + DENS_SKIP_MM)
    return float(along[np.argmax(stepped & (along < lower_mm))])


def find_ring(straight: StraightLabels) -> tuple[tuple[float, float, float], bool] | None:
    """Return the span of C1's ring along the centreline, or None where too little of it is in the scan.

    Parameters
    ----------
    straight : StraightLabels
        The label map laid straight.

    Returns
    -------
    span : tuple of float
        Upper edge of the arch, its middle, lower edge. The middle lies midway between those of both arches on
        the midline: the ring leans, and its lateral masses hang lower. Without one of them it is the ring's.
    whole : bool
        True where the scan goes on beyond the ring's middle.
    """
    held = straight.labels == FIRST_VERTEBRA
    weights = held.sum(axis=(1, 2))
    if weights.sum() * GRID_MM**2 * STATION_MM < LEAST_RING_MM3:
        return None
    along = straight.frame.along_mm
    midline = held[:, :, np.abs(straight.left_mm) <= ARCH_SIDE_MM]
    arches = [midline[:, side].sum(axis=(1, 2)) for side in (straight.back_mm < 0, straight.back_mm > 0)]
    seen = all(arch.sum() * GRID_MM**2 * STATION_MM >= LEAST_ARCH_MM3 for arch in arches)
    middle = float(np.mean([np.average(along, weights=part) for part in (arches if seen else [weights])]))
    behind = along[arches[1] > 0]
    half = float(np.ptp(behind)) / 2 if len(behind) else USUAL_ARCH_MM / 2
    near = np.abs(along - middle) <= RING_LOOK_MM
    cut = bool((held[near] & ~straight.in_scan[near]).any())
    whole = not cut and bool(straight.in_scan[near].mean() > RING_IN_SCAN)
    return (middle - half, middle, middle + half), whole
