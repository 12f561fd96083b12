"""Ribs, hyoid, larynx and styloid processes: bones about the spine that are thin or flat."""

import numpy as np
from numpy.typing import NDArray

from canalis.phantom.balls import NONE, Balls, along, balls, hollow
from canalis.phantom.neck import C2, T1, Neck
from canalis.phantom.structures import Structure

Floats = NDArray[np.float64]

RIB_STEP_MM = 2.0


def rib_path(neck: Neck, index: int, side: int, *, front_lps: Floats, wide_mm: float) -> Floats:
    """Return the middle of a rib from head to front end, (7, 3) LPS+ mm.

    The head lies at the body's upper edge behind, the first rib's on T1 alone; the tubercle at the tip of
    the transverse process; from there the rib runs out, forwards and down.

    Parameters
    ----------
    neck : Neck
        The spine.
    index : int
        Of the vertebra, T1 or below.
    side : int
        -1 right, 1 left.
    front_lps : ndarray of shape (3,)
        Its front end on the left, LPS+ mm.
    wide_mm : float
        How far aside it reaches.
    """
    v = neck.vertebrae[index]
    s = v.s_mm + (0.3 if index == T1 else 0.55) * v.height
    half = float(np.interp(s, neck.curve.s_mm, neck.canal["ap"])) / 2
    canal = float(np.interp(v.s_mm, neck.curve.s_mm, neck.canal["lr"])) / 2
    tip = v.transverse_tip
    back = 4 + 0.5 * (tip - canal)  # the middle of the transverse process at its tip
    near = neck.curve.place(
        np.array(
            [
                [side * (v.width / 2 + 1.5), -half - 3.0, s],
                [side * (v.width / 2 + tip) / 2, 0.35 * (back - 6) - 0.65 * half, (s + v.s_mm + 2) / 2],
                [side * (tip - 1), back - 7.0, v.s_mm + 1.5],
            ]
        )
    )
    front = front_lps * [side, 1, 1]
    head, tubercle = near[0], near[2]
    deep, drop = front[1] - tubercle[1], front[2] - tubercle[2]
    out = side * max(wide_mm, tip + 14)
    rest = [
        [tubercle[0] + 0.65 * (out - tubercle[0]), tubercle[1] + 0.04 * deep, tubercle[2] + 0.1 * drop],
        [out, tubercle[1] + 0.38 * deep, tubercle[2] + 0.36 * drop],
        [front[0] + 0.62 * (out - front[0]), tubercle[1] + 0.76 * deep, tubercle[2] + 0.74 * drop],
        front,
    ]
    return np.asarray([head, near[1], tubercle, *rest])


def ribs(rng: np.random.Generator, neck: Neck, *, cortex_hu: float, marrow_hu: float) -> Balls:
    """Return the ribs of T1 and below: the first flat and broad, the others upright."""
    found = NONE
    t3 = neck.curve.point_at(neck.vertebrae[T1 + 2].s_mm)
    shape = rng.normal(1, 0.1, 3)
    for index in range(T1, len(neck.vertebrae)):
        n = index - T1
        v = neck.curve.point_at(neck.vertebrae[index].s_mm)
        if n == 0:
            front = np.array([27.0, t3[1] - 66 * shape[0], t3[2] - 12 * shape[1]])
        else:
            front = np.array(
                [30.0 + 7 * n, t3[1] - (72 + 5 * n) * shape[0], v[2] - (34 + 7 * min(n, 4)) * shape[1]]
            )
        wide = min(56 + 22 * n, 130) * neck.size * shape[2]
        for side in (-1, 1):
            path = rib_path(neck, index, side, front_lps=front, wide_mm=wide)
            at = _flat(path, broad_mm=rng.uniform(5, 8) if n == 0 else rng.uniform(3.5, 5.5), level=n == 0)
            label = Structure.FIRST_RIB if n == 0 else Structure.OTHER_RIB
            found = found + hollow(at, shell_mm=1.1, shell_hu=cortex_hu, core_hu=marrow_hu, structure=label)
    return found


def _flat(path: Floats, *, broad_mm: float, level: bool) -> Floats:
    """Return balls side by side along a path: side by side in the level for the first rib, upright else."""
    middle = along(path, np.array([4.2, 2.9, 3.6, 3.1, 3.0, 3.0, 3.2]), RIB_STEP_MM)
    way = np.gradient(middle[:, :3], axis=0)
    aside = np.column_stack([-way[:, 1], way[:, 0], 0 * way[:, 0]]) if level else np.array([[0.0, 0.0, 1.0]])
    aside = aside / np.linalg.norm(aside, axis=1, keepdims=True)
    share = np.clip((np.linspace(0, 1, len(middle)) - 0.12) / 0.2, 0, 1)[:, None]  # the neck is slim
    rows = []
    for k in (0.0, -1.0, 1.0, -0.5, 0.5):
        at = middle.copy()
        at[:, :3] += k * (broad_mm - 2.5) * share * aside
        rows.append(at if k == 0 else at[share[:, 0] > 0])
    return np.concatenate(rows)


def hyoid(rng: np.random.Generator, neck: Neck, hu: float) -> Balls:
    """Return the hyoid before C3: its body and both greater horns."""
    at = neck.curve.point_at(neck.vertebrae[C2 + 1].s_mm + rng.uniform(-22, 6))
    wide, deep, rise = rng.uniform(17, 23), rng.uniform(26, 36), rng.uniform(0, 9)
    ahead = rng.uniform(60, 72)
    t = np.linspace(-1, 1, 9)
    bow = np.column_stack(
        [wide * np.sign(t) * np.abs(t) ** 0.7, at[1] - ahead + deep * np.abs(t) ** 1.6, at[2] + rise * t**2]
    )
    return hollow(
        along(bow, 3.2 - 1.5 * np.abs(t), 1.2),
        shell_mm=1.1,
        shell_hu=hu,
        core_hu=250,
        structure=Structure.JAW,
    )


def larynx(rng: np.random.Generator, neck: Neck) -> Balls:
    """Return the thyroid and cricoid cartilage, as far as they have turned to bone."""
    ossified = rng.uniform(-0.4, 1.0)
    if ossified < 0:
        return NONE
    at = neck.curve.point_at(neck.vertebrae[C2 + 3].s_mm + rng.uniform(-14, 8))
    front = at[1] - rng.uniform(62, 72)
    rows = []
    for side in (-1, 1):
        u, w = np.meshgrid(np.linspace(0, 1, 20), np.arange(0, rng.uniform(16, 24), 1.5))
        patch = np.sin(u * rng.uniform(3, 9) + rng.uniform(0, 6)) + np.sin(w * rng.uniform(0.2, 0.6))
        plate = np.stack([side * 19 * u**0.85, front + 28 * u, at[2] - w - 2 * u], axis=-1)
        rows.append(plate[(patch < 4 * ossified - 2) | (u > 1.1 - 0.3 * ossified)])
    angle = np.linspace(0, 2 * np.pi, 44)
    for w in np.arange(0, 18, 1.5):  # a signet ring, tall behind
        ring = np.stack(
            [11.5 * np.sin(angle), front + 17 - 12.5 * np.cos(angle), np.full(44, at[2] - 26 - w + 8)],
            axis=-1,
        )
        tall = 6 + 6 * (1 - np.cos(angle))
        rows.append(ring[(w < tall) & (rng.random(44) < ossified)])
    points = np.concatenate(rows)
    found = np.column_stack([points, rng.uniform(0.8, 1.4, len(points))])
    return balls(found, rng.uniform(250, 750), Structure.JAW)


def styloids(rng: np.random.Generator, magnum_lps: Floats, hyoid_lps: Floats, hu: float) -> Balls:
    """Return both styloid processes; some run on to the hyoid as a calcified ligament."""
    found = NONE
    for side in (-1, 1):
        base = magnum_lps + np.array([side * rng.uniform(36, 42), -16, 2])
        horn = np.array([side * 22.0, hyoid_lps[1], hyoid_lps[2]])
        way = (horn - base) / np.linalg.norm(horn - base)
        length = rng.uniform(15, 38)
        tip = base + way * length + np.array([0, -3, 0])
        found = found + balls(along(np.array([base, tip]), np.array([2.6, 1.1]), 1.0), hu, Structure.SKULL)
        if rng.random() < 0.15:
            pieces = along(np.array([tip, horn]), 1.3, 1.0)
            kept = np.sin(np.linspace(0, rng.uniform(3, 12), len(pieces)) + rng.uniform(0, 6)) > -0.4
            found = found + balls(pieces[kept], 0.8 * hu, Structure.JAW)
    return found
