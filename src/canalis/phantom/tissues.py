"""What fills a phantom's surroundings: the densities of tissues, air, bone, and what the patient lies on."""

import numpy as np
from numpy.typing import NDArray

from canalis.phantom.structures import Structure
from canalis.phantom.surroundings import FIELDS, Surroundings

Floats = NDArray[np.float64]
Array = NDArray[np.float32]

PLANE_SLOPE_MM = 24.0  # how far from a sheet of fat a noise of 1 lies
EDGE_MM, REACH_MM = 0.8, 1.0  # partial volume of an edge; beyond it nothing of a field is drawn
MASK_HU = -100.0
AIR_HU, LUNG_HU, FAT_HU, BRAIN_HU = -1000.0, -850.0, -100.0, 35.0

EVERYWHERE = ("skin", "fat_depth", "texture", "cells", "planes")
"""Fields that no slab goes without; the others are drawn where they come near."""
BONES = (("skull", Structure.SKULL), ("jaw", Structure.JAW), ("shoulder", Structure.SHOULDER))


def fill(around: Surroundings, places_mm: tuple[Floats, Floats, Floats]) -> tuple[Array, NDArray[np.uint8]]:
    """Return Hounsfield units and structures of a slab of places.

    Parameters
    ----------
    around : Surroundings
        What lies there.
    places_mm : tuple of ndarray
        LPS+ z, y and x of the places.

    Returns
    -------
    hu : ndarray of shape (z, y, x)
        float32.
    structure : ndarray of shape (z, y, x)
        uint8, of the bones here.
    """
    reach = dict(zip(FIELDS, around.lattice.least(places_mm[0]), strict=True))
    here = [k for k, name in enumerate(FIELDS) if name in EVERYWHERE or reach[name] < REACH_MM]
    drawn = around.lattice.draw(*places_mm, which=here)
    f = {FIELDS[k]: field for k, field in zip(here, drawn, strict=True)}
    hu = around.muscle_hu + 10 * f["texture"]
    fatty = np.clip((f["texture"] - 1.35 + 0.9 * around.fat_share) * 2, 0, 1)
    hu += fatty * np.float32(FAT_HU - around.muscle_hu)
    plane = np.clip(around.plane_mm / 2 + 0.5 - np.abs(f["planes"]) * PLANE_SLOPE_MM, 0, 1)
    hu += plane * np.float32(0.8) * (FAT_HU - hu)
    _paint(hu, f.get("thyroid"), around.thyroid_hu)
    _paint(hu, f.get("vein"), around.contrast.vein)
    _paint(hu, f.get("artery"), around.contrast.artery)
    _paint(hu, -f["fat_depth"], FAT_HU, width=1.5)
    _paint(hu, f.get("cavity"), BRAIN_HU)
    _paint(hu, f.get("lung"), LUNG_HU, width=2.0)
    structure = np.zeros(hu.shape, dtype=np.uint8)
    for name, label in BONES:
        if name in f:
            _paint_bone(hu, structure, around, f, name, label)
    for name in ("sinus", "airway"):
        if name in f:
            _paint(hu, f[name], around.air_hu)
            structure[f[name] < 0] = Structure.OUTSIDE
    _paint(hu, -f["skin"], AIR_HU)
    structure[f["skin"] > 0] = Structure.OUTSIDE
    _hold(hu, f["skin"], around, places_mm)
    return hu, structure


def _paint_bone(
    hu: Array,
    structure: NDArray[np.uint8],
    around: Surroundings,
    f: dict[str, Array],
    name: str,
    label: Structure,
) -> None:
    at = np.nonzero(f[name] < EDGE_MM / 2)
    d, cells = f[name][at], f["cells"][at]
    marrow = around.marrow_hu + 60 * cells
    if name == "skull":
        marrow = np.where(cells > 1.1, -500.0, marrow)  # mastoid and sinus cells
    inner = np.clip(0.5 - (d + around.skull_cortex_mm) / EDGE_MM, 0, 1)
    value = around.bone_hu + (marrow - around.bone_hu) * inner
    now = hu[at]
    hu[at] = now + np.clip(0.5 - d / EDGE_MM, 0, 1) * (value - now)
    structure[at] = np.where(d < 0, label, structure[at])


def _hold(hu: Array, skin: Array, around: Surroundings, places_mm: tuple[Floats, Floats, Floats]) -> None:
    """Draw what the patient lies on and is held by, outside the skin."""
    z, y, x = places_mm
    if around.mask_mm > 0 and z[-1] > around.mask_low_z_mm:
        held = z > around.mask_low_z_mm
        off = np.abs(skin[held] - 2.0) - around.mask_mm / 2
        hu[held] += np.clip(0.5 - off, 0, 1) * (MASK_HU - hu[held])
    for board in around.boards:
        here = (z >= board.low_z_mm) & (z <= board.high_z_mm)
        share, density = board.draw(y, x)
        rows = np.flatnonzero(share.any(axis=1))
        if not here.any() or not len(rows):
            continue
        near = slice(int(rows[0]), int(rows[-1]) + 1)
        free = np.clip(skin[here, near] - 0.5, 0, 1) * share[near]
        hu[here, near] += free * (density[near] - hu[here, near])


def _paint(hu: Array, distance: Array | None, value: float, width: float = EDGE_MM) -> None:
    """Blend one density in where a distance is below 0; nothing without a distance."""
    if distance is None:
        return
    share = np.clip(np.float32(0.5) - distance * np.float32(1 / width), 0, 1)
    hu += share * (np.float32(value) - hu)
