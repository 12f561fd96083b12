"""How a phantom's structures become the classes that the networks learn."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canalis.phantom.structures import Structure
from canalis.segment.classes import LEVEL_CLASSES, Coarse, Fine

IGNORED: Final = 255
"""A voxel that no loss looks at."""

FINE_OF: Final = {
    Structure.RESIDUAL_CANAL: Fine.RESIDUAL_CANAL,
    Structure.OSSIFICATION: Fine.OSSIFICATION,
    Structure.OTHER_NARROWING: Fine.OTHER_NARROWING,
    Structure.BODY: Fine.BODY,
    Structure.DENS: Fine.BODY,
    Structure.ARCH: Fine.ARCH,
    Structure.DISC: Fine.DISC,
    Structure.OSTEOPHYTE: Fine.OSTEOPHYTE,
}

COARSE_OF: Final = {
    Structure.RESIDUAL_CANAL: Coarse.CANAL,
    Structure.OSSIFICATION: Coarse.CANAL,
    Structure.OTHER_NARROWING: Coarse.CANAL,
    Structure.BODY: Coarse.BODY,
    Structure.OSTEOPHYTE: Coarse.BODY,
    Structure.ARCH: Coarse.ARCH,
    Structure.DISC: Coarse.DISC,
    Structure.DENS: Coarse.DENS,
    Structure.FIRST_RIB: Coarse.FIRST_RIB,
    Structure.OTHER_RIB: Coarse.OTHER_RIB,
    Structure.SKULL: Coarse.SKULL,
    Structure.JAW: Coarse.OTHER_BONE,
    Structure.SHOULDER: Coarse.OTHER_BONE,
    Structure.METAL: Coarse.OTHER_BONE,
}


def _table(of: Mapping[Structure, IntEnum]) -> NDArray[np.uint8]:
    table = np.zeros(256, dtype=np.uint8)
    for structure, number in of.items():
        table[structure] = number
    table[IGNORED] = IGNORED
    return table


_FINE_TABLE: Final = _table(FINE_OF)
_COARSE_TABLE: Final = _table(COARSE_OF)


def fine_classes(structure: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the fine pass's classes for a structure map; what has no class is outside."""
    return _FINE_TABLE[structure]


def coarse_classes(structure: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the coarse pass's classes for a structure map."""
    return _COARSE_TABLE[structure]


def level_classes(level: NDArray[np.uint8], structure: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the level head's classes, 0 for C1; all that is no vertebra or disc is ignored.

    Parameters
    ----------
    level : ndarray of uint8
        0 none, 1 to 9 C1 to T2, 10 and on T3 down.
    structure : ndarray of uint8
        Phantom structures on the same grid.

    Returns
    -------
    ndarray of uint8
        0 to 9, or 255 where ignored.
    """
    bony = np.isin(structure, (Structure.BODY, Structure.DENS, Structure.ARCH, Structure.DISC))
    named = np.minimum(level, LEVEL_CLASSES).astype(np.int16) - 1
    return np.where(bony & (level > 0), named, IGNORED).astype(np.uint8)
