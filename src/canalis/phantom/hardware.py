"""What is no tissue: fillings, screws, plates and rods, tubes, the table and what holds the head."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from canalis.phantom.balls import NONE, Balls, along, balls
from canalis.phantom.canal import canal_at
from canalis.phantom.neck import C2, C7, Neck, Vertebra

Array = NDArray[np.float32]
Floats = NDArray[np.float64]

METAL_HU = 8000.0
CANAL_CLEAR_MM = 2.0
SCREWED_SHARE = 0.06  # of necks


def fillings(rng: np.random.Generator, teeth_lps: Floats) -> Floats:
    """Return the metal of some teeth, fillings and crowns: balls (n, 4), mm."""
    rows = []
    for tooth in teeth_lps[: int(rng.integers(1, 8))]:
        radius, high = rng.uniform(1.2, 4.0), rng.uniform(0, 4)
        for up in np.arange(-high, high + 0.1, 2.0):
            rows.append([*(tooth + np.array([0, 0, up])), radius])
    return np.array(rows)


def screws(rng: np.random.Generator, neck: Neck) -> Floats:
    """Return the metal of a fused neck: balls (n, 4), mm.

    Either a plate before two to four bodies with two screws each, or screws in both lateral masses of
    two to five vertebrae with rods. None comes nearer to the canal than 2 mm.
    """
    top = int(rng.integers(C2 + 1, C7))
    if rng.random() < 0.5:
        metal = _anterior(rng, neck, neck.vertebrae[top : min(top + int(rng.integers(2, 5)), C7 + 1)])
    else:
        metal = _posterior(rng, neck, neck.vertebrae[top : min(top + int(rng.integers(2, 6)), C7 + 1)])
    x, y, s = neck.curve.locate(metal[:, :3]).T
    return np.asarray(metal[canal_at(neck, s).distance(x, y) - metal[:, 3] > CANAL_CLEAR_MM])


def _canal(neck: Neck, s: float) -> tuple[float, float]:
    """Return half the canal's AP and LR diameter at ``s``, mm."""
    curve = neck.curve.s_mm
    return float(np.interp(s, curve, neck.canal["ap"]) / 2), float(np.interp(s, curve, neck.canal["lr"]) / 2)


def _anterior(rng: np.random.Generator, neck: Neck, bodies: tuple[Vertebra, ...]) -> Floats:
    radius, aside = rng.uniform(1.5, 2.1), rng.uniform(4.5, 7.0)
    rows = []
    for v in bodies:
        ap, _ = _canal(neck, v.s_mm)
        front = -ap - v.depth - 0.5
        deep = min(rng.uniform(12, 16), v.depth - 3.5 - radius)
        for side in (-1, 1):
            path = [[side * aside, front, v.s_mm], [side * (aside - 2), front + deep, v.s_mm]]
            rows.append(along(neck.curve.place(np.array(path)), radius, radius))
    ends = [bodies[-1].s_mm - 4.0, bodies[0].s_mm + 4.0]
    s = np.arange(ends[0], ends[1], 1.6)
    fronts = np.interp(
        s,
        [v.s_mm for v in bodies[::-1]],
        [-_canal(neck, v.s_mm)[0] - v.depth - 1.8 for v in bodies[::-1]],
    )
    for x in np.arange(-aside - 2, aside + 2.1, 1.6):
        plate = neck.curve.place(np.column_stack([np.full(len(s), x), fronts, s]))
        rows.append(np.column_stack([plate, np.full(len(s), 1.1)]))
    return np.concatenate(rows)


def _posterior(rng: np.random.Generator, neck: Neck, levels: tuple[Vertebra, ...]) -> Floats:
    radius, rod = rng.uniform(1.5, 1.9), rng.uniform(1.5, 1.9)
    rows = []
    for side in (-1, 1):
        heads = []
        for v in levels:
            _, lr = _canal(neck, v.s_mm)
            middle = lr + max(v.pillar_width / 2, 4.5)
            back = 2.0 + v.pillar_depth / 2
            path = [[side * middle, back + 1, v.s_mm - 3], [side * (middle + 4), back - 11, v.s_mm + 1]]
            rows.append(along(neck.curve.place(np.array(path)), radius, radius))
            heads.append([side * middle, back + 4.0, v.s_mm - 4])
        placed = neck.curve.place(np.array(heads))
        rows.append(np.column_stack([placed, np.full(len(placed), 3.2)]))
        rows.append(along(placed, rod, rod))
    return np.concatenate(rows)


def tubes(rng: np.random.Generator, airway_lps: Floats, gullet_lps: Floats, air_hu: float) -> Balls:
    """Return a tube in the windpipe or down the gullet, of few necks.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    airway_lps, gullet_lps : ndarray of shape (n, 3)
        Their middles, LPS+ mm.
    air_hu : float
        Of the air inside.

    Returns
    -------
    Balls
        Possibly none.
    """
    found = NONE
    if rng.random() < 0.06:
        wall = along(airway_lps, rng.uniform(4.6, 5.6), 2.0)
        found = balls(wall, rng.uniform(80, 350)) + balls(wall - [0, 0, 0, 1.3], air_hu)
    if rng.random() < 0.05:
        found = found + balls(along(gullet_lps, rng.uniform(1.4, 2.4), 1.5), rng.uniform(200, 1200))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """A plate behind the patient, the same in every slice of its stretch.

    Attributes
    ----------
    y_mm : float
        Where its middle lies, LPS+.
    bend : float
        How much nearer to the front it lies aside, mm for each mm squared.
    half_width_mm, thick_mm : float
        Its size.
    shell_mm : float
        Thickness of the skins of a sandwich; 0 for a solid plate.
    hu, core_hu : float
        Density of plate and foam.
    low_z_mm, high_z_mm : float
        Its stretch.
    """

    y_mm: float
    bend: float
    half_width_mm: float
    thick_mm: float
    shell_mm: float
    hu: float
    core_hu: float
    low_z_mm: float
    high_z_mm: float

    def draw(self, y_mm: Floats, x_mm: Floats) -> tuple[Array, Array]:
        """Return how much of each pixel it fills, and with which density, each (rows, columns)."""
        off = np.abs(y_mm[:, None] - self.y_mm + self.bend * x_mm[None, :] ** 2) - self.thick_mm / 2
        d = np.maximum(off, np.abs(x_mm)[None, :] - self.half_width_mm)
        soft = max(float(x_mm[1] - x_mm[0]), 0.4)
        inner = np.clip(0.5 - (d + self.shell_mm) / soft, 0, 1) if self.shell_mm > 0 else np.zeros_like(d)
        hu = self.hu + (self.core_hu - self.hu) * inner
        return np.clip(0.5 - d / soft, 0, 1).astype(np.float32), hu.astype(np.float32)


def boards(rng: np.random.Generator, back_y_mm: float, neck: Neck) -> tuple[Board, ...]:
    """Return the table and a rest for the head.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    back_y_mm : float
        How far back the skin reaches, LPS+ y.
    neck : Neck
        The rest ends at its C6.

    Returns
    -------
    tuple of Board
        Behind the skin; the rest is bent about it.
    """
    found = []
    if rng.random() < 0.85:
        found.append(
            Board(
                y_mm=back_y_mm + float(rng.uniform(4, 45)), bend=float(rng.choice([0, rng.uniform(0, 4e-4)])),
                half_width_mm=float(rng.uniform(180, 265)), thick_mm=float(rng.uniform(8, 40)),
                shell_mm=float(rng.uniform(0.8, 3)), hu=float(rng.uniform(-300, 300)),
                core_hu=float(rng.uniform(-980, -850)), low_z_mm=-1e4, high_z_mm=1e4,
            )
        )  # fmt: skip
    if rng.random() < 0.6:
        c6 = float(neck.curve.point_at(neck.vertebrae[C7 - 1].s_mm)[2])
        found.append(
            Board(
                y_mm=back_y_mm + float(rng.uniform(-20, 10)), bend=float(rng.uniform(1e-3, 9e-3)),
                half_width_mm=float(rng.uniform(50, 120)), thick_mm=float(rng.uniform(2, 9)),
                shell_mm=float(rng.choice([0, 1.2])), hu=float(rng.uniform(-250, 400)),
                core_hu=float(rng.uniform(-980, -700)), low_z_mm=c6 + float(rng.uniform(-30, 30)),
                high_z_mm=1e4,
            )
        )  # fmt: skip
    return tuple(found)
