"""A spine of plain geometry, told on any grid: what networks that never err would see."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from canalis.segment.classes import Coarse, Fine
from canalis.segment.fcn import FineMap
from canalis.segment.grids import COARSE_SPACING_MM, FINE_SPACING_MM, Grid
from canalis.segment.locate import Located
from canalis.volume import Volume

C2_TOP, FIRST_BODY, PITCH, BODY = 8.0, 47.0, 19.0, 14.0  # mm down from the foramen magnum


@dataclass(frozen=True)
class Spine:
    """Vertebrae below each other along a bowed canal; `fused` pairs (upper index) have no disc."""

    dens: bool = True
    ribs: tuple[int, ...] = (7, 7)
    rib_drop_mm: float = 0.0
    rib_to_mm: float = 60.0  # from the midline
    fused: tuple[int, ...] = ()
    last: int = 12
    bow_mm: float = 8.0
    magnum_z: float = 1000.0
    canal_from_mm: float = 0.0  # below the foramen magnum: where the canal is first seen

    def middle_z(self, level: int) -> float:
        """Height of the middle of a body, of C2 below the dens."""
        return self.magnum_z - (34.0 if level == 1 else FIRST_BODY + (level - 2) * PITCH + BODY / 2)

    def maps(self, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
        """Return coarse structures and levels on a grid."""
        k, row, column = np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij")
        z = grid.origin_lps[2] + k * grid.spacing_mm[0]
        y = grid.origin_lps[1] + row * grid.spacing_mm[1]
        x = grid.origin_lps[0] + column * grid.spacing_mm[2]
        u = self.magnum_z - z
        front, left = 40 + self.bow_mm * np.sin(u / 60) - y, x - 3
        structure = np.zeros(grid.shape, np.uint8)
        level = np.zeros(grid.shape, np.uint8)

        def put(where: np.ndarray, what: int, which: int | np.ndarray = 0) -> None:
            structure[where] = what
            level[where] = which if np.isscalar(which) else which[where]

        index = np.clip(np.floor((u - FIRST_BODY + 2.5) / PITCH).astype(int) + 2, 1, 20)
        index[u < FIRST_BODY - 2.5] = 1
        index[u < 20] = 0
        named = np.minimum(index, 9).astype(np.uint8)
        there = (u > C2_TOP) & (index <= self.last)
        ring = (np.hypot(front / 12, left / 17) < 1) & there
        put(ring, Coarse.ARCH, named)
        body = (np.hypot((front - 17) / 8.5, left / 11) < 1) & (u > 26) & (index <= self.last)
        within = np.where(index == 1, u - 26 < 18.5, (u - FIRST_BODY) % PITCH < BODY)
        for upper in self.fused:
            within |= np.abs(u - (self.magnum_z - self.middle_z(upper)) - PITCH / 2) < PITCH / 2
        put(body & within, Coarse.BODY, named)
        put(body & ~within, Coarse.DISC, named)
        if self.dens:
            put((np.hypot(front - 13, left) < 5) & (u > C2_TOP) & (u <= 26), Coarse.DENS, 1)
        for side, which in zip((-1, 1), self.ribs, strict=True):
            head = (
                self.magnum_z - self.middle_z(which) - 4.0 + self.rib_drop_mm
            )  # at the upper half of its vertebra
            down = u - head - 0.2 * (np.abs(left) - 13)
            put(
                (left * side > 13)
                & (left * side < self.rib_to_mm)
                & (np.abs(front - 10) < 6)
                & (np.abs(down) < 5),
                Coarse.FIRST_RIB,
            )
        put((u < -6) & (np.hypot(front, left) > 14) & (np.hypot(front, left) < 55), Coarse.SKULL)
        put((np.hypot(front / 7, left / 12) < 1) & (u > self.canal_from_mm), Coarse.CANAL)
        return structure, level

    def located(self, low_z: float, high_z: float) -> Located:
        """Return what a faultless coarse pass sees between two heights."""
        grid = Grid.over_box(
            np.array([-60.0, -30.0, low_z]), np.array([65.0, 80.0, high_z]), spacing_mm=COARSE_SPACING_MM
        )
        structure, level = self.maps(grid)
        canal = (structure == Coarse.CANAL).astype(np.float32)
        return Located(grid, structure, level, canal, np.ones(grid.shape, np.float32))

    def fine(self, low_z: float, high_z: float) -> FineMap:
        """Return what a faultless fine pass sees between two heights."""
        grid = Grid.over_box(
            np.array([-22.0, 0.0, low_z]), np.array([28.0, 66.0, high_z]), spacing_mm=FINE_SPACING_MM
        )
        structure, _ = self.maps(grid)
        table = np.zeros(10, np.uint8)
        table[[Coarse.CANAL, Coarse.BODY, Coarse.DENS, Coarse.ARCH, Coarse.DISC]] = (
            Fine.RESIDUAL_CANAL, Fine.BODY, Fine.BODY, Fine.ARCH, Fine.DISC,
        )  # fmt: skip
        classes = table[structure]
        canal = np.where(classes == Fine.RESIDUAL_CANAL, 255, 0).astype(np.uint8)
        return FineMap(grid, classes, canal, np.zeros_like(canal))

    def scan(self, low_z: float, high_z: float) -> Volume:
        """Return an empty scan that covers two heights, rows to the front."""
        slices = int(high_z - low_z) // 2
        affine = np.array([[0, 0, 0.8, -60.0], [0, -0.7, 0, 80.0], [2.0, 0, 0, low_z], [0, 0, 0, 1]])
        return Volume(np.zeros((slices, 157, 156), np.int16), affine)


@pytest.fixture(scope="session")
def make_spine() -> Callable[..., Spine]:
    return Spine
