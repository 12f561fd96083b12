"""What the numbers in a segmentation mean, and the names of the levels they stand for.

The numbers are those of ``segmentation.nii.gz`` and ``truth.nii.gz``; other programs read them.
"""

from typing import Final

OUTSIDE: Final = 0
RESIDUAL_CANAL: Final = 1
OSSIFICATION: Final = 2
VERTEBRA_WITHOUT_LEVEL: Final = 3
OTHER_NARROWING: Final = 4
"""Ossified ligamentum flavum, facet spur: inside the anatomical canal, not OPLL."""

ANATOMICAL_CANAL: Final = (RESIDUAL_CANAL, OSSIFICATION, OTHER_NARROWING)

LEVELS: Final = ("C1", "C2", "C3", "C4", "C5", "C6", "C7", "T1", "T2")
"""Vertebrae that can be named, head to foot."""

FIRST_VERTEBRA: Final = 11
"""Label of C1; the others follow head to foot up to T2 = 19."""

VERTEBRA_LABELS: Final = {level: FIRST_VERTEBRA + i for i, level in enumerate(LEVELS)}


def disc_name(upper: str) -> str:
    """Return the name of the disc below a vertebra.

    Parameters
    ----------
    upper : str
        A level from C1 to T1.

    Returns
    -------
    str
        As clinicians write it: the second letter only where it changes.

    Examples
    --------
    >>> disc_name("C3")
    'C3/4'
    >>> disc_name("C7")
    'C7/T1'
    """
    lower = LEVELS[LEVELS.index(upper) + 1]
    return f"{upper}/{lower[1:] if lower[0] == upper[0] else lower}"
