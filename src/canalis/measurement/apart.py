"""What lies apart from OPLL: spurs, ossified flavum, masses behind the dens, anterior ligament, metal."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.labels import OSSIFICATION, OTHER_NARROWING
from canalis.measurement.anterior import find_anterior_ligament
from canalis.measurement.geometry import NeckGeometry
from canalis.measurement.low_masses import lies_in_disc
from canalis.measurement.masses import MassProfile, parts_of
from canalis.measurement.measurements import Apart, ApartKind
from canalis.measurement.vertebrae import Zone
from canalis.segment.segmentation import Segmentation
from canalis.volume import Mask, ScanWarning, Volume

Floats = NDArray[np.float64]

LEAST_APART_MM = 1.0  # thinner is not worth a line in the list
LEAST_APART_MM3 = 5.0  # smaller is a speck of the label map
DISC_SHARE = 0.7  # of a thing's height between the endplates that makes it the disc's own
METAL_BESIDE_HU = 2900.0  # bone and teeth stay below; scanners clip at 3071
LEAST_METAL_BESIDE_MM3 = 20.0  # a single clipped voxel is noise or a tooth's edge
METAL_BESIDE_MM = 25.0  # about the canal's centre in which metal is listed
METAL_STEP_MM = 1.5  # between samples: a screw is 3.5 mm thick, a plate 1 mm and bright beyond itself


def find_apart(
    neck: NeckGeometry, counted: list[MassProfile], volume: Volume | None = None
) -> tuple[Apart, ...]:
    """Return what is not OPLL, head to foot.

    Parameters
    ----------
    neck : NeckGeometry
        The neck laid out.
    counted : list of MassProfile
        The masses that count as OPLL; the others are listed here.
    volume : Volume or None
        The CT, for what lies before the bodies.

    Returns
    -------
    tuple of Apart
        Spurs of the front wall as "osteophyte", or "calcified disc" between endplates, or
        "retro-odontoid" above the axis's body; spurs of the back wall as "ligamentum flavum"; masses
        too low to involve a level as "osteophyte"; bone that bridges a disc in front as "anterior ligament".
    """
    found = [(mass.extent.upper_mm, thing) for mass, thing in _small_masses(neck, counted)]
    found += _narrowings(neck)
    found += find_anterior_ligament(neck, volume)
    return tuple(thing for _, thing in sorted(found, key=lambda pair: pair[0]))


def other_masses(neck: NeckGeometry) -> list[MassProfile]:
    """Return what is marked as ossification but lies wholly behind the dens or between endplates."""
    return [
        mass
        for mass in neck.masses
        if lies_behind_dens(neck, mass.extent.lower_mm) or lies_in_disc(neck.zones, mass.extent)
    ]


def without_masses(segmentation: Segmentation, neck: NeckGeometry, masses: list[MassProfile]) -> Segmentation:
    """Return a segmentation in which some masses are other narrowing.

    Parameters
    ----------
    segmentation : Segmentation
        As the neck was laid out from.
    neck : NeckGeometry
        Laid out, with ossification.
    masses : list of MassProfile
        Of this neck.

    Returns
    -------
    Segmentation
        Their labels other narrowing, their probability of ossification 0.
    """
    field = neck.edges.ossification
    if field is None or not masses:
        return segmentation
    parts, _ = parts_of(field)
    own = np.isin(parts, [mass.part for mass in masses])
    own |= ndimage.binary_dilation(own, iterations=HALO_VOXELS) & (parts == 0)
    mask, probability = segmentation.mask, segmentation.ossification
    marked = np.argwhere(mask.labels == OSSIFICATION)
    turn, start = np.linalg.inv(field.affine[:3, :3]), field.affine[:3, 3]
    index = np.rint((mask.to_lps(marked.astype(float)) - start) @ turn.T).astype(int)
    index = np.clip(index, 0, np.array(own.shape) - 1)
    labels = mask.labels.copy()
    labels[tuple(marked[own[tuple(index.T)]].T)] = OTHER_NARROWING
    if probability is not None:
        probability = replace(probability, values=np.where(own, np.uint8(0), probability.values))
    return replace(segmentation, mask=Mask(labels, mask.affine), ossification=probability)


HALO_VOXELS = 2  # about a mass, whose probability is under one half but not 0


def _small_masses(neck: NeckGeometry, counted: list[MassProfile]) -> list[tuple[MassProfile, Apart]]:
    things = []
    for mass in neck.masses:
        thickest = float(mass.thickness_mm.max())
        if not any(mass is other for other in counted) and thickest >= LEAST_APART_MM:
            at = float(neck.frame.along_mm[int(np.argmax(mass.thickness_mm))])
            things.append((mass, Apart("osteophyte", _level(neck.zones, at), thickest)))
    return things


def lies_behind_dens(neck: NeckGeometry, lower_mm: float) -> bool:
    """Return whether what ends at a place of the centreline lies wholly above the axis's body."""
    axis = next((v for v in neck.vertebrae if v.part == "body" and v.name == "C2"), None)
    return axis is not None and lower_mm <= axis.upper_mm


def _level(zones: tuple[Zone, ...], along_mm: float) -> str | None:
    return next((zone.name for zone in zones if zone.upper_mm <= along_mm <= zone.lower_mm), None)


def _narrowings(neck: NeckGeometry) -> list[tuple[float, Apart]]:
    """Return the connected narrowings along the neck with the place of their upper end."""
    field, sections = neck.sections.narrowing, neck.sections
    if field is None:
        return []
    inside = (field > 0) & (sections.canal > 0)
    parts, _ = ndimage.label(inside, structure=np.ones((3, 3, 3)))
    along = neck.frame.along_mm
    step = float(sections.back_mm[1] - sections.back_mm[0])
    cell = float(along[1] - along[0]) * step**2
    things = []
    for part, box in enumerate(ndimage.find_objects(parts), start=1):
        own = parts[box] == part
        covered = np.clip(field[box] / step + 0.5, 0.0, 1.0) * ndimage.binary_dilation(own)
        thickest = float(covered.sum(axis=1).max() * step)
        if own.sum() * cell < LEAST_APART_MM3 or thickest < LEAST_APART_MM:
            continue
        weights = own.sum(axis=(1, 2))
        places = along[box[0]]
        kind = _kind(neck, box, own, places)
        things.append(
            (float(places[0]), Apart(kind, _level(neck.zones, float(places[np.argmax(weights)])), thickest))
        )
    return things


def _kind(neck: NeckGeometry, box: tuple[slice, ...], own: NDArray[np.bool_], places: Floats) -> ApartKind:
    """Return what a narrowing is by the wall that it grows from and where along the neck."""
    back = neck.sections.back_mm[box[1]]
    middle = (neck.canal.front_mm + neck.canal.rear_mm)[box[0]][:, box[2]] / 2
    behind = (own * (back[None, :, None] > middle[:, None, :])).sum()
    if behind > own.sum() / 2:
        return "ligamentum flavum"
    heights = own.sum(axis=(1, 2))
    if lies_behind_dens(neck, float(np.average(places, weights=heights))):
        return "retro-odontoid"
    in_disc = np.zeros(len(places), dtype=bool)
    for zone in neck.zones:
        if zone.part == "disc":
            in_disc |= (places > zone.upper_mm) & (places < zone.lower_mm)
    return "calcified disc" if heights[in_disc].sum() > DISC_SHARE * heights.sum() else "osteophyte"


def find_metal(
    neck: NeckGeometry, volume: Volume | None
) -> tuple[tuple[Apart, ...], tuple[ScanWarning, ...]]:
    """Return metal near the canal by level, with a warning for each.

    Parameters
    ----------
    neck : NeckGeometry
        The neck laid out.
    volume : Volume or None
        The CT; without it nothing is found.

    Returns
    -------
    apart : tuple of Apart
        Of kind "metal", without a thickness.
    warnings : tuple of ScanWarning
        Outlines beside metal are less sure.
    """
    if volume is None:
        return (), ()
    beside = np.arange(-METAL_BESIDE_MM, METAL_BESIDE_MM + 0.1, METAL_STEP_MM)
    frame = neck.frame.at(neck.frame.along_mm[::2])
    index = frame.grid_index(volume.affine, beside, beside)
    hu = ndimage.map_coordinates(volume.hu, index, order=0, mode="constant", cval=0, output=np.float32)
    held_mm3 = (
        (hu > METAL_BESIDE_HU).sum(axis=(1, 2)) * METAL_STEP_MM**2 * (frame.along_mm[1] - frame.along_mm[0])
    )
    things, warnings = [], []
    for zone in neck.zones:
        inside = (frame.along_mm >= zone.upper_mm) & (frame.along_mm <= zone.lower_mm)
        if held_mm3[inside].sum() >= LEAST_METAL_BESIDE_MM3:
            things.append(Apart("metal", zone.name, None))
            where = zone.name or "an unnamed level"
            message = f"Metal lies beside the canal at {where}; outlines there are less sure."
            warnings.append(ScanWarning("metal", message, zone.name))
    return tuple(things), tuple(warnings)
