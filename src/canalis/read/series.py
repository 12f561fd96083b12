"""Frames to series: which slices belong together, and which series is to be measured."""

import hashlib
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from canalis.errors import ReadError
from canalis.read.geometry import DOUBLED_MM
from canalis.read.headers import FILE_WITHOUT_IMAGE, Frame, Identity, LeftOut
from canalis.volume import ScanWarning

ENOUGH_SLICES = 5  # fewer are a bolus-tracking or test run, never a neck
ENOUGH_EXTENT_MM = 40.0  # two vertebrae and a disc; a thin series shorter than this is not preferred
SAME_ORIENTATION = 1e-3  # difference of direction cosines within one stack of slices
EQUAL_SPACING_MM = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Frames of one series with one orientation, size and pixel spacing."""

    frames: tuple[Frame, ...]

    @property
    def identity(self) -> Identity:
        """Patient, study, series and frame of reference."""
        return self.frames[0].identity

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector across the slices, LPS."""
        orientation = np.array(self.frames[0].orientation)
        normal = np.cross(orientation[:3], orientation[3:])
        return np.asarray(normal / max(float(np.linalg.norm(normal)), 1e-9))

    @property
    def axial(self) -> bool:
        """True when the slices lie across the body more than along it."""
        return bool(np.argmax(np.abs(self.normal)) == 2)

    @property
    def heights_mm(self) -> NDArray[np.float64]:
        """Places along the normal, each once, ascending."""
        positions = np.array([frame.position_lps for frame in self.frames])
        heights = np.sort(positions @ self.normal)
        return np.asarray(heights[np.diff(heights, prepend=-np.inf) >= DOUBLED_MM])

    @property
    def gap_mm(self) -> float:
        """Usual distance between neighbouring slices."""
        heights = self.heights_mm
        return float(np.median(np.diff(heights))) if len(heights) > 1 else float("inf")

    @property
    def extent_mm(self) -> float:
        """Distance between the first slice and the last."""
        heights = self.heights_mm
        return float(heights[-1] - heights[0])

    @property
    def described(self) -> str:
        """The series as a choice on a line: its UID, size and gap."""
        return f"{self.identity.series or 'no UID'} ({len(self.frames)} slices, {self.gap_mm:.2f} mm apart)"


def series_hash(series_instance_uid: str) -> str:
    """Return the SHA-256 of a series instance UID, hexadecimal."""
    return hashlib.sha256(series_instance_uid.encode()).hexdigest()


def group_into_stacks(frames: list[Frame]) -> list[Stack]:
    """Return the frames grouped by series and, within one, by orientation, size and spacing."""
    groups: list[list[Frame]] = []
    by_key: dict[tuple[object, ...], list[list[Frame]]] = {}
    for frame in frames:
        key = (frame.identity, frame.pixels.rows, frame.pixels.columns)
        candidates = by_key.setdefault(key, [])
        for group in candidates:
            if _same_grid(group[0], frame):
                group.append(frame)
                break
        else:
            candidates.append([frame])
            groups.append(candidates[-1])
    return [Stack(tuple(group)) for group in groups]


def _same_grid(one: Frame, other: Frame) -> bool:
    turned = max(abs(a - b) for a, b in zip(one.orientation, other.orientation, strict=True))
    rows = abs(one.row_spacing_mm - other.row_spacing_mm)
    columns = abs(one.column_spacing_mm - other.column_spacing_mm)
    return turned < SAME_ORIENTATION and max(rows, columns) < EQUAL_SPACING_MM


def choose_stack(
    stacks: list[Stack], left_out: list[LeftOut], series: str | None
) -> tuple[Stack, list[ScanWarning]]:
    """Return the stack to measure, and what the user should know of the choice.

    Parameters
    ----------
    stacks : list of Stack
        Everything that is CT.
    left_out : list of LeftOut
        What else lay beside it.
    series : str or None
        A series instance UID, or its hash as in ``measurements.json``.

    Raises
    ------
    ReadError
        If no series has enough slices, if the series named is not there, or if the input holds
        several patients, studies or frames of reference and none was named.
    """
    if series is not None:
        chosen = [s for s in stacks if series in (s.identity.series, series_hash(s.identity.series))]
        if not chosen:
            raise ReadError(f"No CT series {series} in the input.{_choices(stacks)}")
        stacks = chosen
    enough = [stack for stack in stacks if len(stack.heights_mm) >= ENOUGH_SLICES]
    if not enough:
        raise ReadError(_nothing_to_read(stacks, left_out))
    enough = [stack for stack in enough if stack.axial] or enough
    _refuse_mixture(enough)
    best = min(enough, key=_preference)
    return best, _said(best, stacks, enough, left_out)


def _preference(stack: Stack) -> tuple[bool, float, int, float, str]:
    """Long enough first, then the thinnest, the most slices, the finest pixels; the UID settles ties."""
    short = stack.extent_mm < ENOUGH_EXTENT_MM
    frame = stack.frames[0]
    return short, round(stack.gap_mm, 2), -len(stack.frames), frame.row_spacing_mm, stack.identity.series


def _refuse_mixture(stacks: list[Stack]) -> None:
    identities = [stack.identity for stack in stacks]
    for what, values in (
        ("patients", {identity.patient for identity in identities}),
        ("studies", {identity.study for identity in identities}),
        ("frames of reference", {identity.frame_of_reference for identity in identities}),
    ):
        if len(values) > 1:
            distinct = {identity.series for identity in identities}
            advice = _choices(stacks) if len(distinct) > 1 else " Separate the files: they share one series."
            raise ReadError(f"Expected one CT, found {len(values)} {what} in the input.{advice}")


def _choices(stacks: list[Stack]) -> str:
    listed = sorted({stack.described for stack in stacks if len(stack.frames) >= ENOUGH_SLICES})
    return f" Choose one with --series: {'; '.join(listed)}." if listed else ""


def _nothing_to_read(stacks: list[Stack], left_out: list[LeftOut]) -> str:
    if stacks:
        most = max(len(stack.heights_mm) for stack in stacks)
        return (
            f"Expected a CT of at least {ENOUGH_SLICES} slices, found {most}{_counted(left_out, ', and ')}. "
            "Give the folder that holds the whole series."
        )
    found = _counted(left_out, "")
    return f"Expected axial CT slices, found {found or 'none'}. Give the folder of the CT series."


def _counted(left_out: list[LeftOut], before: str) -> str:
    counts = Counter(item.what for item in left_out)
    parts = [f"{n} {what.format(s='s' if n > 1 else '')}" for what, n in sorted(counts.items())]
    return before + ", ".join(parts) if parts else ""


def _slices(stacks: list[Stack]) -> str:
    count = sum(len(stack.frames) for stack in stacks)
    return "1 slice" if count == 1 else f"{count} slices"


def _said(
    best: Stack, stacks: list[Stack], enough: list[Stack], left_out: list[LeftOut]
) -> list[ScanWarning]:
    warnings = []
    left = _counted([item for item in left_out if item.what != FILE_WITHOUT_IMAGE], "")
    if left:
        warnings.append(ScanWarning("left-out", f"Left out of the input: {left}."))
    others = [stack for stack in stacks if stack is not best]
    strangers = [stack for stack in others if stack.identity.patient != best.identity.patient]
    if strangers:
        message = f"{_slices(strangers)} in the input left out: under another patient's ID, or none."
        warnings.append(ScanWarning("other-patient", f"{message} Check that the rest are the patient's."))
    own = [s for s in others if s not in strangers and s.identity.series == best.identity.series]
    if own:
        message = f"{_slices(own)} of the series left out: in another direction, size or frame of reference."
        warnings.append(ScanWarning("left-out-slices", message))
    series = len({stack.identity.series for stack in enough})
    if series > 1:
        read = f"Of {series} series the thinnest, {best.gap_mm:.2f} mm, was read."
        warnings.append(ScanWarning("other-series", f"{read} Name another with --series."))
    if not best.axial:
        warnings.append(ScanWarning("not-axial", "The series is not axial: its slices run along the body."))
    if any(frame.pixels.lossy for frame in best.frames):
        warnings.append(ScanWarning("lossy-compression", "The slices were compressed with loss of detail."))
    return warnings
