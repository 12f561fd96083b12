"""A phantom's head: skull, sinuses, jaw and teeth, as smooth distances and chains of balls."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from canalis.phantom.balls import FAR_MM
from canalis.phantom.neck import C2, Neck

Floats = NDArray[np.float64]
Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Head:
    """Where a head is.

    Attributes
    ----------
    center : ndarray of shape (3,)
        Of the skull's cavity, LPS+ mm.
    axes : ndarray of shape (3,)
        Half its width, length and height, mm.
    pitch : float
        By how much it is bent on the neck, degrees.
    magnum : ndarray of shape (3,)
        The middle of the foramen magnum, LPS+ mm.
    """

    center: Floats
    axes: Floats
    pitch: float
    magnum: Floats


def plan_head(rng: np.random.Generator, neck: Neck) -> Head:
    """Draw where the head is and how large.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    neck : Neck
        What it sits on.

    Returns
    -------
    Head
        Above the neck's foramen magnum.
    """
    magnum = neck.curve.point_at(neck.foramen_magnum_s_mm)
    axes = np.array([66, 84, 66]) * neck.size**0.5 * rng.normal(1, 0.05, 3)
    return Head(
        magnum + np.array([0, -axes[1] * 0.12, axes[2] - rng.uniform(1, 8)]),
        axes,
        float(rng.normal(0, 6)),
        magnum,
    )


def _in_head(head: Head, grid: Array) -> Array:
    away = grid - head.magnum.astype(np.float32)
    c, s = np.cos(np.radians(head.pitch)), np.sin(np.radians(head.pitch))
    return np.stack(
        [away[..., 0], c * away[..., 1] - s * away[..., 2], s * away[..., 1] + c * away[..., 2]], axis=-1
    ).astype(np.float32)


def cavity_distance(head: Head, grid: Array) -> Array:
    """Return the distance to the cavity of the skull.

    Parameters
    ----------
    head : Head
        Whose.
    grid : ndarray of shape (z, y, x, 3)
        float32 places, LPS+ mm.

    Returns
    -------
    ndarray of shape (z, y, x)
        mm, below 0 inside.
    """
    at = _in_head(head, grid)
    offset = (head.center - head.magnum).astype(np.float32)
    q = np.sqrt((((at - offset) / head.axes.astype(np.float32)) ** 2).sum(axis=-1))
    ellipsoid = (q - 1) * float(head.axes.min())
    base = np.interp(at[..., 1], [-52, -14, 0], [42, -2, -30]).astype(np.float32)
    return np.asarray(np.maximum(ellipsoid, (base - at[..., 2]) * 0.72))


def skull_distance(rng: np.random.Generator, head: Head, grid: Array, cavity: Array) -> Array:
    """Return the distance to the skull with its condyles, mastoids and face.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    head : Head
        Whose.
    grid : ndarray of shape (z, y, x, 3)
        float32 places, LPS+ mm.
    cavity : ndarray of shape (z, y, x)
        From `cavity_distance`.

    Returns
    -------
    ndarray of shape (z, y, x)
        float32 mm, below 0 inside.
    """
    at = _in_head(head, grid)
    low = at[..., 2] < 30
    thick = np.where(low & (np.abs(at[..., 0]) > 28), rng.uniform(9, 18), rng.uniform(4.5, 8)).astype(
        np.float32
    )
    thick = np.where(low & (at[..., 1] < -10) & (np.abs(at[..., 0]) < 22), rng.uniform(8, 14), thick)
    thick = np.where(
        (at[..., 2] < 60) & (at[..., 1] < -42), rng.uniform(2, 4), thick
    )  # roof of nose and orbits
    shell = np.maximum(-cavity, cavity - thick)
    hole = np.sqrt((at[..., 0] / rng.uniform(14.5, 17)) ** 2 + (at[..., 1] / rng.uniform(16.5, 19)) ** 2)
    hole = np.where(np.abs(at[..., 2]) < 22, (hole - 1) * 15, FAR_MM)
    condyles = _condyles(rng, at)
    face = _face(rng, at)
    return np.asarray(np.maximum(np.minimum(np.minimum(shell, condyles), face), -hole), dtype=np.float32)


def _condyles(rng: np.random.Generator, at: Array) -> Array:
    x = np.abs(at[..., 0])
    q = np.sqrt(
        ((x - 18.5) / 7) ** 2 + ((at[..., 1] + 7) / 11) ** 2 + ((at[..., 2] + rng.uniform(-1, 2)) / 7) ** 2
    )
    mastoid = np.sqrt(((x - 52) / 12) ** 2 + ((at[..., 1] + 2) / 13) ** 2 + ((at[..., 2] - 4) / 22) ** 2)
    return np.asarray(np.minimum((q - 1) * 7, (mastoid - 1) * 12))


def _face(rng: np.random.Generator, at: Array) -> Array:
    q = np.sqrt((at[..., 0] / 34) ** 2 + ((at[..., 1] + 78) / 28) ** 2 + ((at[..., 2] - 12) / 34) ** 2)
    hollow = np.sqrt(
        ((np.abs(at[..., 0]) - 22) / 12) ** 2 + ((at[..., 1] + 78) / 17) ** 2 + ((at[..., 2] - 14) / 18) ** 2
    )
    nose = np.sqrt((at[..., 0] / 12) ** 2 + ((at[..., 1] + 72) / 34) ** 2 + ((at[..., 2] - 8) / 17) ** 2)
    blob = np.maximum(np.maximum((q - 1) * 25, (1 - hollow) * 12), (1 - nose) * 12)
    return np.asarray(np.maximum(blob, -(at[..., 2] + rng.uniform(8, 22))), dtype=np.float32)


def sinus_distance(rng: np.random.Generator, head: Head, grid: Array) -> Array:
    """Return the distance to the air in maxillary, nasal and sphenoid sinuses.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    head : Head
        Whose.
    grid : ndarray of shape (z, y, x, 3)
        float32 places, LPS+ mm.

    Returns
    -------
    ndarray of shape (z, y, x)
        float32 mm, below 0 inside.
    """
    at = _in_head(head, grid)
    x = np.abs(at[..., 0])
    wide = rng.uniform(0.8, 1.1)
    rooms = (
        (x - 22, at[..., 1] + 78, at[..., 2] - 14, (10.5, 15, 16)),
        (x - 5, at[..., 1] + 70, at[..., 2] - 8, (2.6, 30, 15)),
        (x - 8, at[..., 1] + 34, at[..., 2] - 20, (6.5, 9, 8)),
        (x - 7, at[..., 1] + 66, at[..., 2] - 30, (5.5, 20, 7)),
    )
    out = np.full(grid.shape[:3], FAR_MM, dtype=np.float32)
    for dx, dy, dz, axes in rooms:
        a, b, c = (wide * k for k in axes)
        q = np.sqrt((dx / a) ** 2 + (dy / b) ** 2 + (dz / c) ** 2)
        out = np.minimum(out, (q - 1) * min(a, b, c))
    return np.asarray(out, dtype=np.float32)


def plan_teeth(rng: np.random.Generator, neck: Neck) -> Floats:
    """Draw the middles of the teeth.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    neck : Neck
        Behind them.

    Returns
    -------
    ndarray of shape (28, 3)
        LPS+ mm, in no order.
    """
    axis = neck.curve.point_at(neck.vertebrae[C2].upper_mm)
    t = np.linspace(-1.25, 1.25, 14)
    rows = []
    for up in (0.0, 10.0):
        rows.append(
            np.stack(
                [30 * np.sin(t), axis[1] - 55 - 48 * np.cos(t) + 14, np.full(14, axis[2] - 8 + up)], axis=1
            )
        )
    return np.asarray(np.concatenate(rows)[rng.permutation(28)])


def plan_jaw(rng: np.random.Generator, neck: Neck, head: Head, teeth: Floats) -> Floats:
    """Draw the mandible with its teeth as balls.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    neck : Neck
        Below it.
    head : Head
        Whose.
    teeth : ndarray of shape (28, 3)
        From `plan_teeth`.

    Returns
    -------
    ndarray of shape (n, 4)
        LPS+ x, y, z and radius, mm.
    """
    m, c3 = head.magnum, neck.curve.point_at(neck.vertebrae[C2].s_mm)
    drop = c3[2] - rng.uniform(-8, 22)
    chin = np.array([0, m[1] - rng.uniform(92, 110), drop - rng.uniform(0, 16)])
    rows = []
    for side in (-1, 1):
        corners = np.array(
            [
                [side * 50, m[1] - 18, m[2] + 2],
                [side * 47, m[1] - rng.uniform(14, 28), drop + 6],
                [side * 33, m[1] - 65, drop - 4],
                chin,
            ]
        )
        at = np.linspace(0, 3, 90)
        path = np.stack([np.interp(at, np.arange(4), corners[:, k]) for k in range(3)], axis=1)
        rows.append(np.column_stack([path, np.interp(at, [0, 1, 3], [4, 5, 7.5])]))
    rows.append(np.column_stack([teeth, np.full(28, 4.0)]))
    return np.concatenate(rows)
