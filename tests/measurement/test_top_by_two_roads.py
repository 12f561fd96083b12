"""Where the top of a mass lies, and how sharp it is: from a phantom's geometry, and from its label map."""

import pytest

from canalis.measurement import measure_segmentation
from canalis.phantom import make_phantom
from canalis.phantom.ossification import Wanted
from canalis.segment.segmentation import LevelNaming, Segmentation

SEEDS = (2_000_061, 2_000_068)


@pytest.fixture(scope="module")
def roads():
    wanted = Wanted(present=True, type="continuous", thickness_mm=5.0)
    levels = LevelNaming(True, "both", "The label map names the levels.")
    both = []
    for seed in SEEDS:
        phantom = make_phantom(seed, wanted=wanted, pixel_mm=0.4, slice_mm=0.8, field_mm=(70.0, 90.0))
        found = measure_segmentation(Segmentation(phantom.mask, levels), phantom.volume)
        both.append((phantom.truth, found))
    return both


def test_the_compression_angle_agrees_within_its_interval(roads):
    for truth, found in roads:
        half = found.ossification.uncertainty["compression_angle_deg"]
        assert 0 < half < 30
        true_deg = truth.ossification.compression_angle_deg
        assert found.ossification.compression_angle_deg == pytest.approx(true_deg, abs=half)


def test_offsets_agree_within_their_intervals(roads):
    held = []
    for truth, found in roads:
        true_mm = {(p.level, p.part): p.thickness_offset_mm for p in truth.planes[:-1]}
        for plane in found.planes[:-1]:
            there = true_mm.get((plane.level, plane.part))
            if None not in (plane.thickness_offset_mm, there):
                held.append(
                    abs(plane.thickness_offset_mm - there) <= plane.uncertainty["thickness_offset_mm"]
                )
    assert len(held) >= 10
    assert sum(held) >= 0.8 * len(held)


def test_every_mass_has_intervals_of_its_sizes(roads):
    masses = [mass for _, found in roads for mass in found.ossification.masses]
    assert len(masses) >= len(SEEDS)
    for mass in masses:
        assert mass.uncertainty.keys() == {"max_thickness_mm", "length_mm", "volume_mm3"}
        assert all(half > 0 for half in mass.uncertainty.values())
