"""One phantom from one seed: the CT, its labels, and the truth that its geometry knows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from canalis.labels import (
    FIRST_VERTEBRA,
    LEVELS,
    OSSIFICATION,
    OTHER_NARROWING,
    RESIDUAL_CANAL,
    VERTEBRA_WITHOUT_LEVEL,
)
from canalis.measurement.measurements import Measurements
from canalis.phantom.asked import has_wanted_type
from canalis.phantom.growth import Growth
from canalis.phantom.neck import Neck
from canalis.phantom.operations import operated, plan_operation
from canalis.phantom.ossification import Wanted, plan_growths
from canalis.phantom.plan import plan_neck
from canalis.phantom.render import render
from canalis.phantom.scanner import Scanner, frame_scanner, scan, stretch_of, with_look
from canalis.phantom.structures import Structure
from canalis.phantom.surroundings import plan_surroundings
from canalis.phantom.truth import truth_of
from canalis.volume import Acquisition, Mask, Volume

MARGIN_MM = 4.0
DRAWS = 20  # of growths, until they are of the type and levels wanted
ANY = Wanted()


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """A synthetic neck.

    Attributes
    ----------
    volume : Volume
        The CT, int16 HU, LPS-aligned, slices growing to the head.
    structure : ndarray of shape (slices, rows, columns)
        uint8, :class:`canalis.phantom.structures.Structure`.
    level : ndarray of shape (slices, rows, columns)
        uint8: 0 none, 1 to 9 C1 to T2, 10 and on T3 and below; a disc carries its upper vertebra's, the
        canal that of its stretch.
    neck : Neck
        The geometry.
    growths : tuple of Growth
        What grows into the canal.
    scanner : Scanner
        How it was scanned.
    """

    volume: Volume
    structure: NDArray[np.uint8]
    level: NDArray[np.uint8]
    neck: Neck
    growths: tuple[Growth, ...]
    scanner: Scanner

    @property
    def mask(self) -> Mask:
        """The labels of ``truth.nii.gz``."""
        return Mask(to_labels(self.structure, self.level), self.volume.affine)

    @property
    def truth(self) -> Measurements:
        """What a perfect reader would measure, from the geometry alone."""
        z = self.scanner.places()[0]
        return truth_of(self.neck, self.growths, low_z_mm=float(z[0]), high_z_mm=float(z[-1]))


def make_phantom(
    seed: int,
    *,
    wanted: Wanted = ANY,
    pixel_mm: float = 0.4,
    slice_mm: float = 1.0,
    field_mm: tuple[float, float] = (150.0, 150.0),
) -> Phantom:
    """Make a neck from C1 to T2 as a neck CT would show it.

    Parameters
    ----------
    seed : int
        Below 1,000,000 for training, below 2,000,000 for validation, above for tests.
    wanted : Wanted
        What ossification it must have.
    pixel_mm, slice_mm : float
        Voxel size.
    field_mm : tuple of float
        Left-right and front-back size of the field of view.

    Returns
    -------
    Phantom
        The same for the same arguments.
    """
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(5)]
    neck = _wanted_neck(seed, plan_neck(streams[0]), wanted)
    top, bottom = stretch_of(neck)
    scanner = frame_scanner(
        neck, pixel_mm=pixel_mm, slice_mm=slice_mm, field_mm=field_mm, top=top, bottom=bottom
    )
    return draw_phantom(seed, neck=neck, scanner=with_look(scanner, streams[1]), wanted=wanted)


def _wanted_neck(seed: int, neck: Neck, wanted: Wanted) -> Neck:
    """Return a neck with the operation that is wanted and no other."""
    if wanted.operation is None:
        return operated(neck, None)
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(6)[5])
    return operated(neck, plan_operation(rng, wanted.operation))


def draw_phantom(seed: int, *, neck: Neck, scanner: Scanner, wanted: Wanted = ANY) -> Phantom:
    """Draw a planned neck on a planned scanner.

    Parameters
    ----------
    seed : int
        Of everything but the neck's own sizes.
    neck : Neck
        The geometry.
    scanner : Scanner
        Its grid and look.
    wanted : Wanted
        What ossification it must have.

    Returns
    -------
    Phantom
        The same for the same arguments.
    """
    _, _, growing, tissue, noise = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(5))
    z, y, x = scanner.places()
    growths = _wanted_growths(growing, neck, wanted, ends_z_mm=(float(z[0]), float(z[-1])))
    low = np.array([x[0], y[0], z[0]]) - MARGIN_MM
    high = np.array([x[-1], y[-1], z[-1]]) + MARGIN_MM
    around = plan_surroundings(tissue, neck, low, high)
    drawn = render(neck, growths, around, scanner, tissue)
    hu = scan(drawn.hu, scanner, neck, noise, metal_mm=around.metal_mm)
    if scanner.blank_outside_mm is not None:
        hu = _blanked(hu, scanner, neck)
    spacing = (scanner.slice_mm, scanner.pixel_mm, scanner.pixel_mm)
    acquisition = Acquisition(kind="array", slices=scanner.slices, spacing_mm=spacing)
    return Phantom(
        Volume(hu, scanner.affine, acquisition), drawn.structure, drawn.level, neck, growths, scanner
    )


def _wanted_growths(
    rng: np.random.Generator, neck: Neck, wanted: Wanted, *, ends_z_mm: tuple[float, float]
) -> tuple[Growth, ...]:
    """Return growths of the type and levels wanted: where tapering ends miss a body, drawn again."""
    neck = operated(neck, None)  # the same masses before and after
    for _ in range(DRAWS):
        growths = plan_growths(rng, neck, wanted)
        if wanted.type is None and not wanted.levels:
            break
        truth = truth_of(neck, growths, low_z_mm=ends_z_mm[0], high_z_mm=ends_z_mm[1])
        if has_wanted_type(truth, wanted):
            break
    return growths


def _blanked(hu: NDArray[np.int16], scanner: Scanner, neck: Neck) -> NDArray[np.int16]:
    z, y, x = scanner.places()
    s = np.interp(z, neck.curve.points_lps[:, 2], neck.curve.s_mm)
    at = neck.curve.point_at(s)
    reach = scanner.blank_outside_mm or 0.0
    far = (np.abs(y[None, :, None] - at[:, 1, None, None]) > reach) | (
        np.abs(x[None, None, :] - at[:, 0, None, None]) > reach
    )
    return np.where(far, np.int16(-1024), hu)


def to_labels(structure: NDArray[np.uint8], level: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the labels of a result from structures and levels, all of one shape, uint8."""
    labels = np.zeros_like(structure)
    labels[structure == Structure.RESIDUAL_CANAL] = RESIDUAL_CANAL
    labels[structure == Structure.OSSIFICATION] = OSSIFICATION
    labels[structure == Structure.OTHER_NARROWING] = OTHER_NARROWING
    bone = np.isin(structure, (Structure.BODY, Structure.ARCH, Structure.DENS))
    named = bone & (level >= 1) & (level <= len(LEVELS))
    labels[bone & ~named] = VERTEBRA_WITHOUT_LEVEL
    labels[named] = level[named] + (FIRST_VERTEBRA - 1)
    return labels
