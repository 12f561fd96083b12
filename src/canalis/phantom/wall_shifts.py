"""How far the canal's walls follow the vertebrae that bound them."""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from canalis.phantom.neck import Vertebra

Floats = NDArray[np.float64]

SWELL_ENDS_MM = 1.5  # beyond its endplate, over which a swollen wall falls back


def wall_shifts(vertebrae: tuple[Vertebra, ...], s_mm: Floats) -> dict[str, Floats]:
    """Return how far the canal's walls follow slipped vertebrae and the hollows of their bodies.

    Parameters
    ----------
    vertebrae : tuple of Vertebra
        Head first.
    s_mm : ndarray
        Places along the curve.

    Returns
    -------
    dict of str to ndarray
        ``front_shift`` and ``back_shift`` at the places, mm, backwards: all of a vertebra's own shift along
        its body or its lamina, eased between, less the hollow of its posterior wall; ``ridge`` and
        ``ridge_half``, mm, how far that wall swells on the midline, and how wide.
    """
    swollen = [_swell(v, s_mm) for v in vertebrae]
    shifts = [v.shift for v in vertebrae]
    bodies = [(v.lower_mm, v.upper_mm) for v in vertebrae]
    return {
        "front_shift": _eased(bodies, shifts, s_mm) - _hollows(vertebrae, s_mm),
        "back_shift": along_arches(vertebrae, shifts, s_mm),
        "ridge": np.sum(swollen, axis=0),
        "ridge_half": _eased(bodies, [v.ridge.half for v in vertebrae], s_mm),
    }


def _swell(v: Vertebra, s_mm: Floats) -> Floats:
    """Return how far one posterior wall swells on the midline, mm; it ends at the endplates."""
    half = max(v.height / 2, 1.0)
    share = np.minimum(np.abs(s_mm - v.s_mm - v.ridge.at * half) / half, 1)
    beyond = np.clip(np.abs(s_mm - v.s_mm) - half, 0, SWELL_ENDS_MM)
    return np.asarray(v.ridge.high * (1 - share**2) ** 2 * (1 - beyond / SWELL_ENDS_MM))


def _hollows(vertebrae: tuple[Vertebra, ...], s_mm: Floats) -> Floats:
    """Return how far posterior walls lie before the line between their corners, mm, 0 at discs."""
    deep = np.zeros_like(s_mm)
    for v in vertebrae:
        share = np.minimum(np.abs(s_mm - v.s_mm) / (v.height / 2), 1) if v.hollow[0] else 1.0
        deep += v.hollow[0] * (1 - share ** v.hollow[1])
    return deep


def along_arches(vertebrae: tuple[Vertebra, ...], values: list[float], s_mm: Floats) -> Floats:
    """Return a value that each vertebra's arch carries along with it, at places along the curve.

    Parameters
    ----------
    vertebrae : tuple of Vertebra
        Head first.
    values : list of float
        One a vertebra.
    s_mm : ndarray
        Places along the curve, mm.

    Returns
    -------
    ndarray
        The value along each lamina, eased between; beyond the ends the last one.
    """
    middles = [v.s_mm - v.lamina_drop for v in vertebrae]
    halves = [0.45 * v.lamina_height for v in vertebrae]
    return _eased([(m - h, m + h) for m, h in zip(middles, halves, strict=True)], values, s_mm)


def _eased(spans: list[tuple[float, float]], values: list[float], s_mm: Floats) -> Floats:
    """Return the value of each span, head first, at places along the curve; eased between the spans."""
    knots: list[float] = []
    kept: list[float] = []
    for (low, high), value in zip(spans, values, strict=True):
        for s in (high, low):
            if not knots or s < knots[-1] - 0.2:
                knots.append(s)
                kept.append(value)
    inside = np.clip(s_mm, knots[-1], knots[0])
    return np.asarray(PchipInterpolator(knots[::-1], kept[::-1])(inside))
