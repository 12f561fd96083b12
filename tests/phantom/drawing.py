"""A stretch of a neck, drawn finely, for tests of what its voxels hold."""

import numpy as np

from canalis.phantom.curve import spine_lattice
from canalis.phantom.render import render
from canalis.phantom.scanner import Scanner
from canalis.phantom.surroundings import plan_surroundings

SEED = 2_000_100
C4, C5 = 3, 4
PIXEL_MM = 0.5


def drawn(neck, growths, *, middle, half=(26.0, 30.0, 16.0)):
    """Densities and labels about a place, with each voxel's spine coordinates."""
    center = neck.curve.point_at(middle)
    low, high = center - half, center + half
    sizes = np.round((high - low) / PIXEL_MM).astype(int)
    scanner = Scanner(PIXEL_MM, PIXEL_MM, sizes[1], sizes[0], tuple(low), sizes[2])
    rng = np.random.default_rng(SEED)
    made = render(neck, tuple(growths), plan_surroundings(rng, neck, low - 4, high + 4), scanner, rng)
    z, y, x = scanner.places()
    return made, spine_lattice(neck.curve, low, high).draw(z, y, x)
