"""Outlines moved onto the image's edges by an active contour."""

from canalis.refine.energies import Energy
from canalis.refine.outlines import (
    CANAL_ENERGY,
    CANAL_SETTINGS,
    LEAVE_MM,
    TUBE_ENERGY,
    TUBE_SETTINGS,
    refine_outlines,
)
from canalis.refine.settings import Guides, PlaneFrames, Snakes, SnakeSettings
from canalis.refine.snakes import snake

__all__ = [
    "CANAL_ENERGY",
    "CANAL_SETTINGS",
    "LEAVE_MM",
    "TUBE_ENERGY",
    "TUBE_SETTINGS",
    "Energy",
    "Guides",
    "PlaneFrames",
    "SnakeSettings",
    "Snakes",
    "refine_outlines",
    "snake",
]
