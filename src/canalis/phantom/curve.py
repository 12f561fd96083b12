"""The curved spine: a centreline with a moving frame, and every point's place along it.

Spine coordinates of a point are x (to the patient's left of the centreline), y (behind it) and s
(along it, growing to the head), all in mm. A vertebra that is drawn straight in these coordinates
comes out bent as the neck is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]

TABLE_STEP_MM = 1.0
LATTICE_STEP_MM = 4.0  # linear interpolation errs by 4**2 / (8 * 130) = 0.015 mm at the tightest bend
NEWTON_STEPS = 12


@dataclass(frozen=True, slots=True, eq=False)
class SpineCurve:
    """The canal's centreline from below the scan to the skull.

    Attributes
    ----------
    s_mm : ndarray of shape (n,)
        Places along the curve, rising to the head.
    points_lps : ndarray of shape (n, 3)
        Where they are, LPS+ mm.
    frames : ndarray of shape (n, 3, 3)
        Rows are unit vectors to the left, to the back and to the head, LPS+.
    """

    s_mm: Floats
    points_lps: Floats
    frames: Floats

    def place(self, spine_mm: Floats) -> Floats:
        """Return the LPS+ mm of spine coordinates (x, y, s), both of shape (..., 3)."""
        x, y, s = np.moveaxis(np.asarray(spine_mm, dtype=float), -1, 0)
        frame = self.frame_at(s)
        aside = x[..., None] * frame[..., 0, :] + y[..., None] * frame[..., 1, :]
        return np.asarray(self.point_at(s) + aside)

    def point_at(self, s: Floats | float) -> Floats:
        """Return the centreline's LPS+ mm at ``s``; beyond the ends it runs on straight."""
        s = np.asarray(s, dtype=float)
        inside = np.clip(s, self.s_mm[0], self.s_mm[-1])
        at = np.stack([np.interp(inside, self.s_mm, self.points_lps[:, k]) for k in range(3)], axis=-1)
        return np.asarray(at + (s - inside)[..., None] * self.frame_at(inside)[..., 2, :])

    def frame_at(self, s: Floats | float) -> Floats:
        """Return unit vectors to the left, back and head at ``s``, shape (..., 3, 3)."""
        s = np.asarray(s, dtype=float)
        flat = self.frames.reshape(len(self.s_mm), 9)
        frame = np.stack([np.interp(s, self.s_mm, flat[:, k]) for k in range(9)], axis=-1)
        frame = frame.reshape(*s.shape, 3, 3)
        return np.asarray(frame / np.linalg.norm(frame, axis=-1, keepdims=True))

    def _head_at(self, s: Floats) -> Floats:
        """Return the unit vectors to the head alone at ``s``, shape (n, 3)."""
        head = np.stack([np.interp(s, self.s_mm, self.frames[:, 2, k]) for k in range(3)], axis=-1)
        return np.asarray(head / np.linalg.norm(head, axis=-1, keepdims=True))

    def locate(self, points_lps: Floats) -> Floats:
        """Return the spine coordinates (x, y, s) of LPS+ mm points, both of shape (n, 3)."""
        s = np.interp(points_lps[:, 2], self.points_lps[:, 2], self.s_mm)
        s += (points_lps[:, 2] - self.point_at(s)[:, 2]) * (np.abs(s - np.clip(s, *self.s_mm[[0, -1]])) > 0)
        for _ in range(NEWTON_STEPS):
            ahead = np.einsum("nk,nk->n", points_lps - self.point_at(s), self._head_at(s))
            s = np.clip(s + 0.8 * ahead, self.s_mm[0] - 200.0, self.s_mm[-1] + 200.0)
        away, frame = points_lps - self.point_at(s), self.frame_at(s)
        x = np.einsum("nk,nk->n", away, frame[:, 0])
        y = np.einsum("nk,nk->n", away, frame[:, 1])
        return np.stack([x, y, s], axis=-1)


def bend(
    *,
    s_mm: Floats,
    tilt_deg: Floats,
    sway_deg: Floats,
    turn_deg: Floats,
    anchor_s_mm: float,
    anchor_lps: Floats,
) -> SpineCurve:
    """Return the curve whose axis leans as told at every place along it.

    Parameters
    ----------
    s_mm : ndarray of shape (n,)
        Places along the curve, rising, evenly spaced.
    tilt_deg : ndarray of shape (n,)
        Lean in the sagittal plane; positive where endplates are lower in front (the head forward).
    sway_deg : ndarray of shape (n,)
        Lean to the patient's left.
    turn_deg : ndarray of shape (n,)
        Rotation about the spine's own axis, positive to the left.
    anchor_s_mm : float
        Which place ...
    anchor_lps : ndarray of shape (3,)
        ... lies at this point, LPS+ mm.

    Returns
    -------
    SpineCurve
        With right-angled frames.
    """
    tilt, sway, turn = np.radians(tilt_deg), np.radians(sway_deg), np.radians(turn_deg)
    head = np.stack([np.sin(sway), -np.sin(tilt) * np.cos(sway), np.cos(tilt) * np.cos(sway)], axis=-1)
    left0 = np.array([1.0, 0.0, 0.0]) - head * head[:, :1]
    left0 /= np.linalg.norm(left0, axis=1, keepdims=True)
    back0 = np.cross(head, left0)
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    left, back = cos * left0 + sin * back0, cos * back0 - sin * left0
    steps = np.diff(s_mm)[:, None] * (head[1:] + head[:-1]) / 2
    points = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    at_anchor = np.array([np.interp(anchor_s_mm, s_mm, points[:, k]) for k in range(3)])
    return SpineCurve(
        s_mm=s_mm, points_lps=points - at_anchor + anchor_lps, frames=np.stack([left, back, head], axis=1)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Smooth fields on a coarse right-angled lattice, drawn up to any finer one between.

    Attributes
    ----------
    z_mm, y_mm, x_mm : ndarray
        The lattice's places, LPS+ mm, rising.
    fields : ndarray of shape (f, z, y, x)
        float32 values.
    """

    z_mm: Floats
    y_mm: Floats
    x_mm: Floats
    fields: Floats32

    def draw(self, z_mm: Floats, y_mm: Floats, x_mm: Floats, *, which: list[int] | None = None) -> Floats32:
        """Return the fields, or ``which`` of them, by linear interpolation; clamped outside.

        Of shape (f, len(z), len(y), len(x)), float32.
        """
        fields = _between(self.fields if which is None else self.fields[which], self.z_mm, z_mm, axis=1)
        fields = _between(fields, self.y_mm, y_mm, axis=2)
        f, z, y, x = fields.shape
        across = fields.reshape(f * z * y, x) @ np.ascontiguousarray(_weights(self.x_mm, x_mm).T)
        return across.reshape(f, z, y, len(x_mm))

    def least(self, z_mm: Floats) -> Floats32:
        """Return the least value of each field between the first and the last of these z, shape (f,)."""
        low = max(int(np.searchsorted(self.z_mm, z_mm[0])) - 1, 0)
        high = int(np.searchsorted(self.z_mm, z_mm[-1])) + 1
        return np.asarray(self.fields[:, low:high].min(axis=(1, 2, 3)))


def lattice_places(low_lps: Floats, high_lps: Floats, step_mm: float) -> tuple[Floats, Floats, Floats]:
    """Return z, y and x places that cover a box with a margin of one step, LPS+ mm."""
    axes = [np.arange(low_lps[k] - step_mm, high_lps[k] + 2 * step_mm, step_mm) for k in (2, 1, 0)]
    return axes[0], axes[1], axes[2]


def spine_lattice(curve: SpineCurve, low_lps: Floats, high_lps: Floats) -> Lattice:
    """Return the spine coordinates (x, y, s) over a box, LPS+ mm."""
    z, y, x = lattice_places(low_lps, high_lps, LATTICE_STEP_MM)
    points = np.stack(np.meshgrid(z, y, x, indexing="ij"), axis=-1)[..., ::-1].reshape(-1, 3)
    found = curve.locate(points).T.reshape(3, len(z), len(y), len(x))
    return Lattice(z, y, x, found.astype(np.float32))


def _between(fields: Floats32, coarse: Floats, fine: Floats, *, axis: int) -> Floats32:
    """Return fields interpolated along one axis."""
    at = np.clip((np.asarray(fine) - coarse[0]) / (coarse[1] - coarse[0]), 0, len(coarse) - 1.000001)
    low = at.astype(int)
    share = (at - low).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(fields.ndim)])
    first = np.take(fields, low, axis=axis)
    first += share * (np.take(fields, low + 1, axis=axis) - first)
    return np.asarray(first)


def _weights(coarse: Floats, fine: Floats) -> Floats32:
    """Return the (fine, coarse) matrix of linear interpolation."""
    at = np.clip((np.asarray(fine) - coarse[0]) / (coarse[1] - coarse[0]), 0, len(coarse) - 1.000001)
    low = at.astype(int)
    weights = np.zeros((len(at), len(coarse)), dtype=np.float32)
    rows = np.arange(len(at))
    weights[rows, low] = 1 - (at - low)
    weights[rows, low + 1] = at - low
    return weights
