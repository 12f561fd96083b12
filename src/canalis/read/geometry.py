"""Where slices lie: their order, whether they stand straight and evenly, and what is missing.

Geometry comes from Image Position (Patient), Image Orientation (Patient) and Pixel Spacing alone, by
the equation of DICOM PS3.3 C.7.6.2.1.1; slice thickness, slice location and instance number are not used.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from canalis.errors import GeometryError
from canalis.volume import RIGHT_ANGLE_TOLERANCE, ScanWarning

POSITION_TOLERANCE_MM = 0.11  # positions written with one decimal: 0.05 mm each, and as much at the ends
POSITION_TOLERANCE = 0.02  # the same for thick slices, as a share of the gap
DOUBLED_MM = 0.1  # no scanner places slices this close: they are two images of one place
MULTIPLE_TOLERANCE = 0.1  # a gap this close to a multiple of the usual one has lost slices
MOST_SAID = 5  # places told one by one; of more, the first and how many
LONGEST_RUN_MISSING = 3  # more wide gaps in a row are a protocol's change of gap, not lost slices


@dataclass(frozen=True, slots=True, eq=False)
class SliceGeometry:
    """Places of slices that share one orientation, sorted to grow to the head.

    Attributes
    ----------
    origins_lps : ndarray of shape (slices, 3)
        Centre of each slice's first pixel, mm.
    row_direction : ndarray of shape (3,)
        Unit vector along which the row index grows.
    column_direction : ndarray of shape (3,)
        Unit vector along which the column index grows.
    row_spacing_mm, column_spacing_mm : float
        Distance between neighbouring rows, and columns.
    shape : tuple of int
        Rows and columns.
    """

    origins_lps: NDArray[np.float64]
    row_direction: NDArray[np.float64]
    column_direction: NDArray[np.float64]
    row_spacing_mm: float
    column_spacing_mm: float
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        values = np.concatenate([self.origins_lps.ravel(), self.row_direction, self.column_direction])
        spacings = (self.row_spacing_mm, self.column_spacing_mm)
        if not np.isfinite(values).all() or not np.isfinite(spacings).all() or min(spacings) <= 0:
            raise GeometryError("Expected finite positions and spacings above 0 mm in every slice.")
        across = abs(float(self.row_direction @ self.column_direction))
        lengths = [float(np.linalg.norm(d)) for d in (self.row_direction, self.column_direction)]
        if across > RIGHT_ANGLE_TOLERANCE or max(abs(n - 1) for n in lengths) > 0.01:
            raise GeometryError(
                "Expected rows and columns at right angles, found Image Orientation (Patient) "
                f"{np.degrees(np.arcsin(min(across, 1.0))):.2f} degrees off. Export the series again."
            )

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector across the slices, pointing to the head (for sagittal ones left, for coronal back)."""
        normal = np.cross(self.column_direction, self.row_direction)
        normal = normal / np.linalg.norm(normal)
        return np.asarray(normal if normal[np.argmax(np.abs(normal))] > 0 else -normal)

    @property
    def heights_mm(self) -> NDArray[np.float64]:
        """Places of the slices along the normal."""
        return np.asarray(self.origins_lps @ self.normal)

    @property
    def gaps_mm(self) -> NDArray[np.float64]:
        """Distances between neighbouring slices along the normal."""
        return np.diff(self.heights_mm)

    @property
    def usual_gap_mm(self) -> float:
        """The commonest distance between neighbouring slices."""
        gaps = np.round(self.gaps_mm, 1)
        values, counts = np.unique(gaps, return_counts=True)
        commonest = values[np.argmax(counts)]
        return float(np.median(self.gaps_mm[gaps == commonest]))

    @property
    def mean_step(self) -> NDArray[np.float64]:
        """From the first slice to the last, divided by the steps between, mm."""
        return np.asarray((self.origins_lps[-1] - self.origins_lps[0]) / (len(self.origins_lps) - 1))

    @property
    def tilt_deg(self) -> float:
        """Angle between the line through the slices and their normal."""
        step = self.mean_step
        return float(np.degrees(np.arccos(np.clip(step @ self.normal / np.linalg.norm(step), -1, 1))))

    @property
    def tilted(self) -> bool:
        """True when the slices are stacked along a line that is not their normal."""
        return math.sin(math.radians(self.tilt_deg)) > RIGHT_ANGLE_TOLERANCE

    @property
    def tolerance_mm(self) -> float:
        """How far a slice of an even stack may lie from its place."""
        return max(POSITION_TOLERANCE_MM, POSITION_TOLERANCE * float(np.linalg.norm(self.mean_step)))

    @property
    def evenly_spaced(self) -> bool:
        """True when every slice lies on its place of an even stack."""
        steps = np.arange(len(self.origins_lps))[:, np.newaxis]
        off = self.origins_lps - self.origins_lps[0] - steps * self.mean_step
        return bool(np.linalg.norm(off, axis=1).max() <= self.tolerance_mm)

    @property
    def affine(self) -> NDArray[np.float64]:
        """Index (slice, row, column, 1) to LPS mm; of an even stack, right-angled or not."""
        affine = np.eye(4)
        affine[:3, 0] = self.mean_step
        affine[:3, 1] = self.row_direction * self.row_spacing_mm
        affine[:3, 2] = self.column_direction * self.column_spacing_mm
        affine[:3, 3] = self.origins_lps[0]
        return affine

    def without(self, slices: Sequence[int]) -> Self:
        """Return the places with some slices taken out."""
        return replace(self, origins_lps=np.delete(self.origins_lps, list(slices), axis=0))

    def sorted_to_head(self) -> tuple[Self, NDArray[np.intp]]:
        """Return the places with slices growing to the head, and the order that sorts them."""
        order = np.argsort(self.heights_mm, kind="stable")
        return replace(self, origins_lps=self.origins_lps[order]), order

    def doubled(self) -> list[tuple[int, int]]:
        """Return the neighbouring slices that stand at one place."""
        steps = np.linalg.norm(np.diff(self.origins_lps, axis=0), axis=1)
        return [(int(i), int(i) + 1) for i in np.flatnonzero(steps < DOUBLED_MM)]

    def missing_after(self) -> list[int]:
        """Return the slices after which one or a few are missing (a gap about a multiple)."""
        gaps, usual = self.gaps_mm, self.usual_gap_mm
        times = gaps / usual
        wide = (times > 1.5) & (np.abs(times - np.round(times)) <= MULTIPLE_TOLERANCE * np.round(times))
        edges = np.flatnonzero(np.diff(np.concatenate([[False], wide, [False]]).astype(int)))
        runs = zip(edges[::2], edges[1::2], strict=True)
        return [
            int(i) for start, end in runs if end - start <= LONGEST_RUN_MISSING for i in range(start, end)
        ]


def described_slices(slices: Sequence[int], total: int) -> str:
    """Return slice numbers, counted from 1 at the foot end, as words.

    Examples
    --------
    >>> described_slices([211, 212], 340)
    'slices 212 and 213 of 340'
    """
    numbers = [str(i + 1) for i in slices]
    listed = ", ".join(numbers[:-1]) + " and " + numbers[-1] if len(numbers) > 1 else numbers[0]
    return f"slice{'s' if len(numbers) > 1 else ''} {listed} of {total}"


def shortened(messages: list[str]) -> list[str]:
    """Return sentences of one kind as they are; of more than a few, the first and how many there are.

    Examples
    --------
    >>> shortened(["Slice 3 is doubled."] * 9)
    ['Slice 3 is doubled. The same is so at 8 other places.']
    """
    if len(messages) <= MOST_SAID:
        return messages
    return [f"{messages[0]} The same is so at {len(messages) - 1} other places."]


def geometry_warnings(geometry: SliceGeometry) -> list[ScanWarning]:
    """Return what the user must know of how the slices lie."""
    said = []
    if geometry.tilted:
        tilt = f"The slices are tilted by {geometry.tilt_deg:.1f} degrees against their stack"
        message = f"{tilt} (gantry tilt); resampled to a right-angled grid."
        said.append(ScanWarning("gantry-tilt", message))
    if geometry.evenly_spaced:
        return said
    gaps, missing = geometry.gaps_mm, geometry.missing_after()
    total = len(geometry.origins_lps)
    messages = []
    for i in missing:
        pair = described_slices([i, i + 1], total)
        usual = f"{gaps[i]:.2f} mm where {geometry.usual_gap_mm:.2f} mm is usual"
        messages.append(
            f"A slice is missing between {pair}: the gap is {usual}; it was filled from its neighbours."
        )
    said += [ScanWarning("missing-slices", message) for message in shortened(messages)]
    rest = np.delete(gaps, missing)
    if len(missing) == 0 or rest.max() - rest.min() > 2 * POSITION_TOLERANCE_MM:
        message = f"The gap between slices changes from {gaps.min():.2f} to {gaps.max():.2f} mm; resampled."
        said.append(ScanWarning("uneven-gaps", message))
    return said
