"""What segmentation hands on: labels, level names, and soft edges for sub-voxel measuring."""

from dataclasses import dataclass
from typing import Literal

from canalis.volume import Mask, Probability, ScanWarning

LevelSource = Literal["dens", "first rib", "both", "hint"]


@dataclass(frozen=True, slots=True)
class LevelNaming:
    """How the vertebrae got their names.

    Attributes
    ----------
    sure : bool
        True when dens and first rib were both seen and agree, or when a label map names the levels.
    source : {"dens", "first rib", "both", "hint"} or None
        What the count started from. None where the levels have no names.
    reason : str
        One plain sentence for the first line of the report.
    """

    sure: bool
    source: LevelSource | None
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """A CT divided into canal, ossification and vertebrae.

    Attributes
    ----------
    mask : Mask
        Labels of :mod:`canalis.labels` on the CT's own grid.
    levels : LevelNaming
        How the vertebrae in ``mask`` got their names.
    canal : Probability or None
        Of the anatomical canal (ossification included), on a grid of its own around the spine.
        None when the mask was drawn by hand or is a phantom's truth.
    ossification : Probability or None
        Of the ossification, on the same grid as ``canal``.
    warnings : tuple of ScanWarning
        What the network could not be sure of.
    """

    mask: Mask
    levels: LevelNaming
    canal: Probability | None = None
    ossification: Probability | None = None
    warnings: tuple[ScanWarning, ...] = ()
