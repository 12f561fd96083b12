"""The ossification on each section: thickness, ratio, residual canal, width and area."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canalis.errors import MeasurementError
from canalis.measurement.canal import MOST_BLUR_MM, CanalEdges, blur_at
from canalis.measurement.measurements import PlaneMeasurement
from canalis.measurement.sections import Sections, first_crossing, last_crossing
from canalis.volume import ScanWarning

Floats = NDArray[np.float64]

SLIVER_REACH_MM = 0.3  # from the smoothed mass within which the spared canal tells its thin edges
PLATEAU_MM = 0.15  # lines this near to the greatest thickness are alike: their middle one is the headline
RATIO_NEAR_CUT: Final = "ratio-near-cut"
SURGEONS_CUTS_PERCENT = (50.0, 60.0)  # occupying ratios at which surgeons change approach (definitions)
LEAST_THICKNESS_MM = 0.2  # thinner is a stain of the label map's edge, not a mass


@dataclass(frozen=True, slots=True, eq=False)
class MassEdges:
    """The ossification on every AP line of n sections.

    Attributes
    ----------
    thickness_mm : ndarray of shape (n, columns)
        Encroachment: from the posterior vertebral wall to the back of the mass; 0 where none.
    bone_mm : ndarray of shape (n, columns)
        Of it, what is ossification: gaps left out.
    residual_mm : ndarray of shape (n, columns)
        Free AP gap behind the mass, or behind the wall where there is none; NaN beside the canal.
    rear_mm : ndarray of shape (n, columns)
        The back of the mass, mm behind the centreline; the wall where there is none.
    free_from_mm, free_to_mm : ndarray of shape (n, columns)
        The ends of the free gap, mm behind the centreline: other narrowing in front or behind ends it.
    width_mm, area_mm2 : ndarray of shape (n,)
        LR extent and area of the ossification; 0 where none.
    center_left_mm : ndarray of shape (n,)
        Its centre of area, to the patient's left of the midline; NaN where none.
    """

    thickness_mm: Floats
    bone_mm: Floats
    residual_mm: Floats
    rear_mm: Floats
    free_from_mm: Floats
    free_to_mm: Floats
    width_mm: Floats
    area_mm2: Floats
    center_left_mm: Floats

    @property
    def headline(self) -> NDArray[np.int_]:
        """Index of the AP line of greatest thickness in each section, shape (n,).

        Where a flat mass is as thick on many lines, the middle one of them, so that the line does not
        hang on a pixel.
        """
        alike = self.thickness_mm >= self.thickness_mm.max(axis=1, keepdims=True) - PLATEAU_MM
        columns = np.arange(self.thickness_mm.shape[1])
        middle = (alike * columns).sum(axis=1) / alike.sum(axis=1)
        return np.asarray(np.argmin(np.where(alike, np.abs(columns - middle[:, None]), np.inf), axis=1))

    @property
    def greatest_mm(self) -> Floats:
        """Greatest thickness of each section: that on its headline, shape (n,)."""
        return np.asarray(np.take_along_axis(self.thickness_mm, self.headline[:, None], axis=1)[:, 0])


def find_mass_edges(sections: Sections, canal: CanalEdges) -> MassEdges:
    """Return the ossification on every AP line of each section.

    Parameters
    ----------
    sections : Sections
        With the ossification's edge field, or None for a neck without.
    canal : CanalEdges
        Of the same sections.

    Returns
    -------
    MassEdges
        Thickness is measured from the canal's front edge, so that a lucent gap between wall and
        mass is part of it.
    """
    narrowed_from, free_to = _between_narrowings(sections, canal)
    if sections.ossification is None:
        nothing = np.zeros_like(canal.front_mm)
        free = np.maximum(free_to - narrowed_from, 0.0)
        none = np.zeros(len(free))
        return MassEdges(
            nothing, nothing, free, canal.front_mm, narrowed_from, free_to, none, none, none * np.nan
        )
    mass = np.minimum(sections.ossification, sections.canal + EDGE_ALLOWANCE_MM)
    rear = np.minimum(last_crossing(mass, sections.back_mm, axis=1), canal.rear_mm)
    if sections.spared is not None:
        spared = np.minimum(sections.spared, sections.canal + EDGE_ALLOWANCE_MM)
        sliver = np.minimum(first_crossing(spared, sections.back_mm, axis=1), canal.rear_mm)
        rear = np.where(mass.max(axis=1) > -SLIVER_REACH_MM, np.fmax(rear, sliver), rear)
    thickness = np.nan_to_num(rear - canal.front_mm, nan=0.0)
    thickness[thickness < LEAST_THICKNESS_MM] = 0.0
    held = thickness > 0
    pixel = float(sections.back_mm[1] - sections.back_mm[0])
    bone = np.where(held, np.minimum(_covered(mass, pixel).sum(axis=1) * pixel, thickness), 0.0)
    mass_rear = np.where(held, rear, canal.front_mm)
    free_from = np.maximum(mass_rear, narrowed_from)
    residual = np.maximum(free_to - free_from, 0.0)
    width, area, center = _across(bone, held, mass, sections)
    return MassEdges(thickness, bone, residual, mass_rear, free_from, free_to, width, area, center)


EDGE_ALLOWANCE_MM = 0.5  # a mass may stick out of the canal's own field by as much before it is cut off


def _covered(field: NDArray[np.float32], pixel_mm: float) -> NDArray[np.float32]:
    """Return the share of each pixel that lies inside, from the distance-like edge field."""
    share: NDArray[np.float32] = np.clip(field / pixel_mm + 0.5, 0.0, 1.0)
    return share


def _between_narrowings(sections: Sections, canal: CanalEdges) -> tuple[Floats, Floats]:
    """Return where the free canal begins and ends on each AP line, ossification left aside.

    What narrows it otherwise ends it: spurs of the front wall, ossified flavum and facet spurs of the
    back wall, each told by the half of the canal that it lies in.
    """
    if sections.narrowing is None:
        return canal.front_mm, canal.rear_mm
    middle = (canal.front_mm + canal.rear_mm) / 2
    behind = sections.back_mm[None, :, None] > middle[:, None, :]
    at_front = np.where(behind, np.float32(-1.0), sections.narrowing)
    at_back = np.where(behind, sections.narrowing, np.float32(-1.0))
    begins = np.fmax(last_crossing(at_front, sections.back_mm, axis=1), canal.front_mm)
    ends = np.fmin(first_crossing(at_back, sections.back_mm, axis=1), canal.rear_mm)
    beside = np.isnan(canal.front_mm)
    return np.where(beside, np.nan, begins), np.where(beside, np.nan, ends)


def _across(
    bone: Floats, held: NDArray[np.bool_], mass: NDArray[np.float32], sections: Sections
) -> tuple[Floats, Floats, Floats]:
    """Return width, area and centre to the left of the ossification in each section."""
    pixel = float(sections.left_mm[1] - sections.left_mm[0])
    columns = np.where(held, mass.max(axis=1), np.float32(-1.0))
    right = first_crossing(columns.astype(np.float32), sections.left_mm, axis=1)
    left = last_crossing(columns.astype(np.float32), sections.left_mm, axis=1)
    area = bone.sum(axis=1) * pixel
    with np.errstate(invalid="ignore"):
        center = (bone @ sections.left_mm) * pixel / np.where(area > 0, area, np.nan)
    return np.nan_to_num(left - right, nan=0.0), area, center


def mass_blur_mm(sections: Sections, mass: MassEdges) -> Floats:
    """Return how blurred the back of the ossification is on the line of greatest thickness, shape (n,).

    A network that is unsure whether, or how far back, there is ossification rises slowly there; where it
    hardly reaches one half at all, the field is flat.

    Parameters
    ----------
    sections : Sections
        The planes.
    mass : MassEdges
        Of the same planes.

    Returns
    -------
    ndarray of shape (n,)
        Standard deviation, mm, between 0.2 and 3; 3 where there is no ossification.
    """
    blur = np.full(len(mass.width_mm), MOST_BLUR_MM)
    if sections.ossification is None:
        return blur
    for i in np.flatnonzero(mass.greatest_mm > 0):
        at = int(mass.headline[i])
        line = sections.ossification[i, :, at]
        blur[i] = blur_at(line, sections.back_mm, float(mass.rear_mm[i, at]))
    return blur


def occupying_ratio_percent(*, thickness_mm: float, canal_ap_mm: float) -> float:
    """Return the share of the canal's AP that the mass takes, both on one AP line.

    Parameters
    ----------
    thickness_mm : float
        Encroachment on the line, mm, at least 0.
    canal_ap_mm : float
        Of the anatomical canal on the same line, mm, above 0.

    Returns
    -------
    float
        Percent, 0 to 100.

    Raises
    ------
    MeasurementError
        If a length is not finite, or the mass is thicker than the canal.

    Examples
    --------
    >>> round(occupying_ratio_percent(thickness_mm=5.1, canal_ap_mm=12.0), 1)
    42.5
    """
    if not (np.isfinite(thickness_mm) and np.isfinite(canal_ap_mm) and 0 <= thickness_mm <= canal_ap_mm):
        raise MeasurementError(
            f"Ossification is {thickness_mm:.1f} mm thick in a {canal_ap_mm:.1f} mm canal; "
            "a mass cannot exceed the canal. Check that both were measured on the same line."
        )
    if canal_ap_mm == 0:
        raise MeasurementError("A canal of 0 mm has no occupying ratio. Check the canal's outline.")
    return 100.0 * thickness_mm / canal_ap_mm


def cuts_held(ratio_percent: float, half_percent: float) -> tuple[float, ...]:
    """Return the ratios at which surgeons change approach that an occupying ratio's interval holds.

    Parameters
    ----------
    ratio_percent, half_percent : float
        The ratio and half of its 95 % interval.

    Examples
    --------
    >>> cuts_held(52.0, 9.0)
    (50.0, 60.0)
    """
    return tuple(cut for cut in SURGEONS_CUTS_PERCENT if abs(ratio_percent - cut) <= half_percent)


def tell_of_near_cut(worst: PlaneMeasurement) -> tuple[ScanWarning, ...]:
    """Return a warning where the greatest occupying ratio's interval holds 50 or 60 %."""
    ratio, half = worst.occupying_ratio_percent, worst.uncertainty.get("occupying_ratio_percent")
    if ratio is None or half is None:
        return ()
    cuts = " and ".join(f"{cut:.0f} %" for cut in cuts_held(ratio, half))
    if not cuts:
        return ()
    message = f"The greatest occupying ratio is {ratio:.0f} ± {half:.0f} %: its interval holds {cuts}."
    return (ScanWarning(RATIO_NEAR_CUT, message, worst.level),)
