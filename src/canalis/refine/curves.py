"""Closed plane curves, many at once: area, normals, equal spacing, self-crossing.

Inside this package a curve is a row of complex numbers, row + i·column in mm, so that moving,
turning and transforming it are single operations. A positive area means that the points run
counter-clockwise in the (row, column) plane.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Curves = NDArray[np.complexfloating]
Reals = NDArray[np.floating]

SMALLEST_STEP_MM = 1e-9  # keeps the normal of a doubled point finite


def signed_area(curves: Curves) -> NDArray[np.float64]:
    """Return the area of each closed curve of shape (..., points), mm², + counter-clockwise."""
    following = np.roll(curves, -1, axis=-1)
    twice = np.asarray((np.conj(curves) * following).imag, dtype=np.float64)
    return np.asarray(0.5 * twice.sum(axis=-1))


def perimeter(curves: Curves) -> NDArray[np.float64]:
    """Return the length of each closed curve of shape (..., points), mm."""
    return np.asarray(np.abs(np.roll(curves, -1, axis=-1) - curves).sum(axis=-1, dtype=np.float64))


def outward_normals(curves: Curves) -> Curves:
    """Return the unit outward normal at each point, whichever way round the curves run."""
    along = np.roll(curves, -1, axis=-1) - np.roll(curves, 1, axis=-1)
    size = np.maximum(np.abs(along), along.real.dtype.type(SMALLEST_STEP_MM))
    way = np.where(signed_area(curves) >= 0, -1j, 1j).astype(curves.dtype)
    return np.asarray(way[..., None] * along / size)


def read_at(values: NDArray[Any], places: Reals) -> NDArray[Any]:
    """Return values along closed curves at fractional point numbers, linearly between points.

    Parameters
    ----------
    values : ndarray of shape (curves, points)
        Real or complex.
    places : ndarray of shape (curves, m)
        Point numbers, taken round the curve.

    Returns
    -------
    ndarray of shape (curves, m)
    """
    points = values.shape[-1]
    lower = np.floor(places).astype(np.intp)
    share = (places - lower).astype(values.real.dtype)
    first = np.take_along_axis(values, lower % points, axis=-1)
    second = np.take_along_axis(values, (lower + 1) % points, axis=-1)
    return np.asarray(first + share * (second - first))


def equal_arc_places(curves: Curves, points: int) -> NDArray[np.float64]:
    """Return where, in point numbers, each closed curve has equally spaced points.

    Parameters
    ----------
    curves : ndarray of shape (curves, n)
        Complex, mm.
    points : int
        How many are wanted.

    Returns
    -------
    ndarray of shape (curves, points)
        The first is always 0: point 0 stays where it is.
    """
    count, given = curves.shape
    steps = np.abs(np.roll(curves, -1, axis=-1) - curves).astype(np.float64) + SMALLEST_STEP_MM
    reached = np.concatenate([np.zeros((count, 1)), np.cumsum(steps, axis=-1)], axis=-1)
    reached /= reached[:, -1:]
    # one call for all: curve k's arc runs from 2k to 2k + 1, its point numbers from k (n + 1) on
    curve = np.arange(count)[:, None]
    wanted = 2 * curve + np.arange(points) / points
    numbers = np.arange(count * (given + 1), dtype=np.float64)
    at = np.interp(wanted.ravel(), (2 * curve + reached).ravel(), numbers)
    return np.asarray(at.reshape(count, points) - curve * (given + 1))


def spacing_ratio(curves: Curves) -> NDArray[np.float64]:
    """Return the longest over the shortest step along each curve of shape (..., points)."""
    steps = np.abs(np.roll(curves, -1, axis=-1) - curves)
    return np.asarray(steps.max(axis=-1) / np.maximum(steps.min(axis=-1), SMALLEST_STEP_MM))


def longest_run(flags: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return how many True follow one another at the most along closed curves, (curves, points)."""
    points = flags.shape[-1]
    twice = np.concatenate([flags, flags], axis=-1)
    number = np.arange(1, 2 * points + 1)
    last_false = np.maximum.accumulate(np.where(twice, 0, number), axis=-1)
    return np.asarray(np.minimum((number - last_false).max(axis=-1), points))


def mean_distance(first: Curves, second: Curves) -> NDArray[np.float64]:
    """Return how far two sets of closed contours (A, N) lie apart on average, each to the other, as (A,)."""
    return np.array([(_to_outline(a, b) + _to_outline(b, a)) / 2 for a, b in zip(first, second, strict=True)])


def _to_outline(points: Curves, outline: Curves) -> float:
    """Return the mean distance of points (N,) to a closed outline (M,)."""
    step = np.roll(outline, -1) - outline
    away = points[:, None] - outline
    share = np.clip((away * np.conj(step)).real / np.maximum(np.abs(step) ** 2, 1e-12), 0, 1)
    return float(np.abs(away - share * step).min(axis=1).mean())


def is_star_shaped(curves: Curves) -> NDArray[np.bool_]:
    """Return True for each curve seen whole from its centroid: enough to know it does not cross itself."""
    arms = curves - curves.mean(axis=-1, keepdims=True)
    following = np.roll(arms, -1, axis=-1)
    turn = arms.real * following.imag
    turn -= arms.imag * following.real
    one_way = (turn.min(axis=-1) > 0) | (turn.max(axis=-1) < 0)
    above = arms.imag >= 0
    once = (above != np.roll(above, -1, axis=-1)).sum(axis=-1) == 2
    return np.asarray(one_way & once)


def crossings(curve: Curves) -> list[tuple[float, float]]:
    """Return every pair of places, in point numbers, at which one closed curve crosses itself.

    Parameters
    ----------
    curve : ndarray of shape (points,)
        Complex, mm.

    Returns
    -------
    list of (float, float)
        The earlier place first; empty for a simple curve.
    """
    curve = np.asarray(curve, dtype=np.complex128)
    step = np.roll(curve, -1) - curve
    first, second = _pairs_apart(len(curve))
    middle, reach = curve + step / 2, np.abs(step) / 2
    near = np.abs(middle[first] - middle[second]) <= reach[first] + reach[second]
    first, second = first[near], second[near]
    with np.errstate(divide="ignore", invalid="ignore"):
        across = (np.conj(step[first]) * step[second]).imag
        between = curve[second] - curve[first]
        on_first = (np.conj(between) * step[second]).imag / across
        on_second = (np.conj(between) * step[first]).imag / across
        meet = (on_first >= 0) & (on_first < 1) & (on_second >= 0) & (on_second < 1)
    return [
        (float(i + t), float(j + s))
        for i, j, t, s in zip(first[meet], second[meet], on_first[meet], on_second[meet], strict=True)
    ]


@lru_cache(maxsize=8)
def _pairs_apart(points: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Every pair of steps of a closed curve that do not share a point."""
    first, second = np.triu_indices(points, k=2)
    apart = ~((first == 0) & (second == points - 1))
    return first[apart], second[apart]


def uncrossed_places(curve: Curves) -> NDArray[np.float64] | None:
    """Return where to read a self-crossing curve so that its smaller loops are cut off.

    Parameters
    ----------
    curve : ndarray of shape (points,)
        Complex, mm.

    Returns
    -------
    ndarray of shape (points,) or None
        Places, in point numbers, equally spaced along what is left. None when the curve does not
        cross itself.
    """
    points = len(curve)
    kept = np.arange(points, dtype=np.float64)
    for _ in range(points):
        corners = read_at(np.asarray(curve, dtype=np.complex128)[None], kept[None])[0]
        found = crossings(corners)
        if not found:
            break
        kept = _larger_loop(curve, kept, found[0])
    else:
        return None
    if len(kept) == points and np.array_equal(kept, np.arange(points)):
        return None
    return _spread_over(corners, kept, points)


def _spread_over(corners: Curves, kept: Reals, points: int) -> NDArray[np.float64]:
    """Equally spaced places along what was kept; none lie on the step across a cut."""
    onward = (np.roll(kept, -1) - kept) % points
    steps = np.abs(np.roll(corners, -1) - corners) + SMALLEST_STEP_MM
    steps[onward > 1] = SMALLEST_STEP_MM
    reached = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.interp(np.arange(points) / points * reached[-1], reached, np.arange(len(reached), dtype=float))
    lower = np.minimum(at.astype(np.intp), len(kept) - 1)
    return np.asarray(kept[lower] + (at - lower) * np.where(onward > 1, 0.0, onward)[lower])


def _larger_loop(curve: Curves, kept: Reals, crossing: tuple[float, float]) -> NDArray[np.float64]:
    """Of the two loops that one crossing makes, the places of the one with the greater area."""
    first, second = crossing
    number = np.arange(len(kept))
    inner = kept[(number > first) & (number <= second)]
    outer = np.concatenate([kept[number > second], kept[number <= first]])
    whole = np.asarray(curve, dtype=np.complex128)

    def size(places: Reals) -> float:
        return abs(float(signed_area(np.asarray(read_at(whole[None], places[None]))[0])))

    larger = max((inner, outer), key=size)
    return np.asarray(larger)
