"""Bodies along a straightened label map."""

import numpy as np
import pytest

from canalis.labels import VERTEBRA_LABELS
from canalis.measurement.frame import frame_of_line
from canalis.measurement.straight import GRID_MM, StraightLabels
from canalis.measurement.vertebrae import find_vertebrae

WALL_MM = -7.0
LOWER = {"C3": (37.0, 51.0), "C4": (55.0, 69.0), "C5": (73.0, 87.0)}


def straight(axis):
    """Return a neck whose axis is seen over some stretches, mm down, its dens 11 mm deep and its body 16."""
    frame = frame_of_line(np.array([[0.0, 0.0, -s] for s in np.arange(0.0, 100.0, 0.5)]), step_mm=0.5)
    back, left = np.arange(-42, 45, GRID_MM), np.arange(-30, 30.1, GRID_MM)
    labels = np.zeros((len(frame.along_mm), len(back), len(left)), dtype=np.uint8)
    for name, (upper, lower) in [*(("C2", span) for span in axis), *LOWER.items()]:
        rows = (frame.along_mm >= upper) & (frame.along_mm < lower)
        for dens in (False, True):
            part = rows & ((name == "C2") & (frame.along_mm < 14) if dens else frame.along_mm >= 14)
            deep = (back < WALL_MM) & (back > WALL_MM - (12 if dens else 17))
            labels[np.ix_(part, deep, np.abs(left) < (7 if dens else 9))] = VERTEBRA_LABELS[name]
    return StraightLabels(frame, back, left, labels, np.ones(labels.shape, dtype=bool))


@pytest.mark.parametrize(
    "axis",
    [
        [(0.0, 34.0)],
        [(0.0, 19.0), (24.0, 34.0)],  # parted below the dens, which is the longer piece
        [(0.0, 10.0), (14.0, 34.0)],
    ],
)
def test_the_axis_is_one_bone_where_its_label_is_parted(axis):
    seen = straight(axis)
    found = find_vertebrae(seen, np.full(len(seen.frame.along_mm), WALL_MM))
    assert [v.name for v in found] == ["C2", *LOWER]
    assert found[0].lower_mm == pytest.approx(34.0, abs=0.6)
    assert found[0].upper_mm == pytest.approx(14.0, abs=3.0)  # the body's, below the dens
    for vertebra in found[1:]:
        assert (vertebra.upper_mm, vertebra.lower_mm) == pytest.approx(LOWER[vertebra.name], abs=0.6)


def ring(parts):
    """Return an atlas of blocks: middle mm down, and the slices of back and left that each fills."""
    frame = frame_of_line(np.array([[0.0, 0.0, -s] for s in np.arange(0.0, 40.0, 0.5)]), step_mm=0.5)
    back, left = np.arange(-42, 45, GRID_MM), np.arange(-30, 30.1, GRID_MM)
    labels = np.zeros((len(frame.along_mm), len(back), len(left)), dtype=np.uint8)
    for middle, (front, rear), (inner, outer) in parts:
        tall = np.abs(frame.along_mm - middle) <= 4.5
        aside = (np.abs(left) >= inner) & (np.abs(left) < outer)
        labels[np.ix_(tall, (back >= front) & (back < rear), aside)] = VERTEBRA_LABELS["C1"]
    return StraightLabels(frame, back, left, labels, np.ones(labels.shape, dtype=bool))


FRONT_ARCH = (12.0, (-26, -20), (0, 12))
REAR_ARCH = (18.0, (9, 15), (0, 12))
LATERAL_MASSES = (20.0, (-14, 4), (14, 26))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((FRONT_ARCH, REAR_ARCH, LATERAL_MASSES), 15.0),  # midway between the arches
        ((FRONT_ARCH, LATERAL_MASSES), 18.0),  # laminectomy: the ring as a whole
    ],
)
def test_the_atlas_lies_midway_between_its_arches(parts, expected):
    seen = ring(parts)
    (atlas,) = find_vertebrae(seen, np.full(len(seen.frame.along_mm), WALL_MM))
    assert (atlas.name, atlas.part) == ("C1", "arch")
    middle = (atlas.upper_mm + atlas.lower_mm) / 2
    assert middle == pytest.approx(expected, abs=0.3)
    assert atlas.lower_mm - atlas.upper_mm == pytest.approx(9.0, abs=0.6)
