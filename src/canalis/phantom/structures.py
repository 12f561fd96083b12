"""What a phantom's voxels are made of: finer than the labels of a result, for training."""

from enum import IntEnum
from typing import Final


class Structure(IntEnum):
    """One number a structure, as stored in a phantom's structure map."""

    OUTSIDE = 0
    """Air, muscle, fat, airway: everything that has no name of its own."""
    RESIDUAL_CANAL = 1
    OSSIFICATION = 2
    OTHER_NARROWING = 3
    """Ossified flavum and facet spurs inside the anatomical canal."""
    BODY = 4
    """Vertebral body, of C2 the part below the dens."""
    ARCH = 5
    """Pedicles, laminae, articular pillars, processes; of C1 the whole ring."""
    DISC = 6
    DENS = 7
    FIRST_RIB = 8
    OTHER_RIB = 9
    SKULL = 10
    JAW = 11
    """Mandible, teeth, hyoid, calcified larynx."""
    SHOULDER = 12
    """Clavicle, scapula, humerus, sternum."""
    OSTEOPHYTE = 13
    """Spurs and calcifications outside the canal, or at an endplate corner."""
    METAL = 14


LEVEL_OF_T3: Final = 10
"""In a level map 0 is none, 1 to 9 are C1 to T2 (a disc carries its upper vertebra's), 10 on T3 down."""
