"""A neck of plain geometry, enough for a network to learn something in seconds."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from canalis.phantom.structures import Structure
from canalis.train.cache import LabelledScan, make_case
from canalis.volume import Volume

SPACING = (2.0, 1.0, 1.2)


def toy_neck(seed: int, shape: tuple[int, int, int] = (50, 90, 80)) -> LabelledScan:
    """Return a canal behind a column of bodies and discs, with a mass of bone in some of it."""
    rng = np.random.default_rng(seed)
    affine = np.array(
        [[0, 0, SPACING[2], -40.0], [0, SPACING[1], 0, 17.0], [SPACING[0], 0, 0, 900.0], [0, 0, 0, 1]]
    )
    k, row, column = np.meshgrid(
        *[np.arange(n) * s for n, s in zip(shape, SPACING, strict=True)], indexing="ij"
    )
    centre_row, centre_column = 55 + rng.uniform(-5, 5), 48 + rng.uniform(-5, 5)
    structure = np.zeros(shape, dtype=np.uint8)
    level = np.zeros(shape, dtype=np.uint8)
    canal = ((row - centre_row) / 7) ** 2 + ((column - centre_column) / 12) ** 2 < 1
    ring = (((row - centre_row) / 11) ** 2 + ((column - centre_column) / 16) ** 2 < 1) & ~canal
    body = ((row - centre_row + 17) / 9) ** 2 + ((column - centre_column) / 12) ** 2 < 1
    number = np.clip(9 - (k // 18).astype(int), 1, 9)
    disc = body & (k % 18 < 5)
    structure[ring], structure[body], structure[disc] = Structure.ARCH, Structure.BODY, Structure.DISC
    level[ring | body] = number[ring | body]
    structure[canal] = Structure.RESIDUAL_CANAL
    mass = canal & (row < centre_row - 2) & (np.abs(k - rng.uniform(20, 80)) < 15)
    structure[mass] = Structure.OSSIFICATION
    hu = np.full(shape, 50.0)
    hu[canal], hu[ring | body], hu[disc], hu[mass] = 20, 400, 90, 600
    hu[((row - 45) / 42) ** 2 + ((column - 48) / 44) ** 2 > 1] = -1000
    hu += rng.normal(0, 15, shape)
    return LabelledScan(Volume(hu.astype(np.int16), affine), structure, level, affine)


@pytest.fixture(scope="session")
def make_toy_neck() -> Callable[[int], LabelledScan]:
    return toy_neck


@pytest.fixture(scope="session")
def write_toy_case() -> Callable[[int, Path], None]:
    return partial(make_case, toy_neck)
