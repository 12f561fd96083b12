"""What is looked at between steps: has a contour settled, crossed itself, left, or given out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from canalis.refine.curves import (
    equal_arc_places,
    is_star_shaped,
    longest_run,
    outward_normals,
    perimeter,
    signed_area,
    spacing_ratio,
    uncrossed_places,
)
from canalis.refine.forces import Pull
from canalis.refine.internal import internal_energy, tube_slices
from canalis.refine.rows import Rows
from canalis.refine.settings import SnakeSettings

SMALLEST_STEP_SHARE = 1 / 16  # of the first time step, however often the energy rises
COLLAPSED_SHARE = 0.1  # of the start's area
MOST_UNDONE = 5  # self-crossings undone on one contour before it is given up
SHORTER = 0.7  # time step after such a check
STEADY = 0.3  # least cosine between the ways of two checks for a contour that knows where it goes
RISE = 1e-3  # the energy counts as risen when it is this much higher, as a share
AT_LIMIT = 0.98  # of the limit
HELD_MM = 0.5  # limits up to this hold a point on purpose, and do not count as reached


@dataclass(slots=True, eq=False)
class Check:
    """What one check found, row by row.

    Attributes
    ----------
    speed_mm : ndarray of shape (A,)
        Greatest motion along the normal since the last check, mm per unit of time.
    energy : ndarray of shape (A,)
        Internal plus external.
    reasons : list of str
        Why a contour cannot go on; empty where it can.
    """

    speed_mm: NDArray[np.float64]
    energy: NDArray[np.float64]
    reasons: list[str]


def checked_rows(
    rows: Rows, pull: Pull, *, before: NDArray[np.complex64], steps: int, settings: SnakeSettings
) -> Check:
    """Return what has become of the rows after some steps; crossings, spacing and time step are mended.

    Parameters
    ----------
    rows : Rows
        Changed in place where something was mended.
    pull : Pull
        Its terms give the external energy.
    before : ndarray of shape (A, N)
        The contours at the last check.
    steps : int
        Since then.
    settings : SnakeSettings
        Limits.
    """
    curves = rows.curves
    normals = outward_normals(curves)
    motion = ((curves - before) * np.conj(normals)).real
    speed = np.abs(motion).max(axis=-1) / (steps * rows.step)
    reasons = _lost(rows, curves, pull)
    undone = _undo_crossings(rows, curves, reasons)
    if _spread_points(rows, curves, settings) or undone:
        curves = rows.curves
        pull.look_again(curves)
    start_spacing = (
        perimeter(rows.start) / curves.shape[1]
    )  # the same at every check, so that energies compare
    energy = pull.external_energy(curves) + internal_energy(
        pull.energy, rows.moved, start_spacing, rows.tubes
    )
    _control_step(rows, energy, motion, settings)
    return Check(speed_mm=np.asarray(speed, np.float64), energy=energy, reasons=reasons)


def _lost(rows: Rows, curves: NDArray[np.complex64], pull: Pull) -> list[str]:
    """Why contours cannot go on: not finite, out of the image, or collapsed."""
    area, first = signed_area(curves), signed_area(rows.start)
    left = pull.beyond_image_mm(curves)
    reasons = [""] * len(curves)
    small = area * np.sign(first) < COLLAPSED_SHARE * np.abs(first)
    for row in np.flatnonzero(~np.isfinite(area) | small | (left > 0)):
        if not np.isfinite(area[row]):
            reasons[row] = "its points are no longer finite numbers"
        elif small[row]:
            reasons[row] = f"collapsed to {abs(area[row]):.1f} mm² from {abs(first[row]):.1f} mm²"
        else:
            reasons[row] = f"left the image by {left[row]:.2f} mm"
    return reasons


def _undo_crossings(rows: Rows, curves: NDArray[np.complex64], reasons: list[str]) -> bool:
    """Cut the smaller loop off contours that cross themselves; give up on those that do it repeatedly.

    True where any were.
    """
    any_undone = False
    for row in np.flatnonzero(~is_star_shaped(curves)):
        places = None if reasons[row] else uncrossed_places(curves[row])
        if places is None:
            continue
        if rows.undone[row] >= MOST_UNDONE:
            reasons[row] = f"crossed itself again after {MOST_UNDONE} crossings were undone"
            continue
        rows.reread(np.array([row]), places[None])
        rows.undone[row] += 1
        any_undone = True
    return any_undone


def _spread_points(rows: Rows, curves: NDArray[np.complex64], settings: SnakeSettings) -> bool:
    """Space points equally where they have crowded; True where any had."""
    crowded = np.flatnonzero(spacing_ratio(curves) > settings.spacing_ratio)
    if len(crowded):
        rows.reread(crowded, equal_arc_places(rows.curves[crowded], curves.shape[1]))
    return bool(len(crowded))


def _control_step(
    rows: Rows, energy: NDArray[np.float64], motion: NDArray[np.float32], settings: SnakeSettings
) -> None:
    """Shorten the time step of contours whose energy rose, or whose points go to and fro."""
    rose = energy > rows.energy + RISE * np.abs(rows.energy)
    along = (motion * rows.motion).sum(axis=-1)
    sizes = np.sqrt((motion**2).sum(axis=-1) * (rows.motion**2).sum(axis=-1))
    wavering = along < STEADY * sizes
    least = settings.step * SMALLEST_STEP_SHARE
    rows.step[rose | wavering] = np.maximum(rows.step[rose | wavering] * SHORTER, least)
    rows.energy, rows.motion = energy, motion


def quality_reasons(rows: Rows, pull: Pull, settings: SnakeSettings) -> tuple[list[str], NDArray[np.float64]]:
    """Return why settled contours are not to be trusted, "" where they are, and their support.

    Parameters
    ----------
    rows : Rows
        Settled contours.
    pull : Pull
        On them.
    settings : SnakeSettings
        least_support, longest_bare and most_at_limit.

    Returns
    -------
    reasons : list of str
        One a row.
    support : ndarray of shape (A,)
        Share on a bone edge; 1 without bone_edge.
    """
    curves = rows.curves
    bare = pull.bare(curves)
    own, gaps = np.ones(len(curves)), np.zeros(len(curves))
    if bare is not None:
        felt = pull.felt()
        own = (felt - bare.sum(axis=-1)) / np.maximum(felt, 1)
        gaps = longest_run(bare) / curves.shape[1]
    shares = own.copy()
    if pull.energy.tie:  # a plane without bone is held by its neighbours: the tube is judged as one
        for tube in tube_slices(rows.tubes):
            shares[tube] = own[tube].mean()
            if tube.stop - tube.start > 1:
                gaps[tube] = 0
    at_limit = np.zeros(len(curves))
    if rows.limits_mm is not None:
        free = rows.limits_mm > HELD_MM
        reached = free & (np.abs(curves - rows.start) >= AT_LIMIT * rows.limits_mm)
        at_limit = reached.sum(axis=-1) / np.maximum(free.sum(axis=-1), 1)
    reasons = []
    for share, gap, stuck in zip(shares, gaps, at_limit, strict=True):
        if share < settings.least_support:
            reasons.append(f"bone edge under only {100 * share:.0f} % of the outline")
        elif gap > settings.longest_bare:
            reasons.append(f"no bone edge along {100 * gap:.0f} % of the outline in one run")
        elif stuck > settings.most_at_limit:
            reasons.append(f"{100 * stuck:.0f} % of its points stand at the limit from their start")
        else:
            reasons.append("")
    return reasons, own
