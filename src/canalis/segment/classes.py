"""What the two networks tell apart."""

from enum import IntEnum
from typing import Final


class Fine(IntEnum):
    """Classes of the fine pass."""

    OUTSIDE = 0
    RESIDUAL_CANAL = 1
    OSSIFICATION = 2
    OTHER_NARROWING = 3
    BODY = 4
    """The dens too."""
    ARCH = 5
    DISC = 6
    OSTEOPHYTE = 7
    """A class of its own, so that a spur need not be called ossification for want of a better word."""


class Coarse(IntEnum):
    """Classes of the coarse pass's structure head."""

    OUTSIDE = 0
    CANAL = 1
    BODY = 2
    ARCH = 3
    DISC = 4
    DENS = 5
    FIRST_RIB = 6
    OTHER_RIB = 7
    SKULL = 8
    OTHER_BONE = 9


LEVEL_CLASSES: Final = 10
"""Classes of the coarse pass's level head: C1 to C7, T1, T2, and T3 or below."""
