"""Low pieces of which the network is not sure are no ossified ligament."""

import numpy as np
import pytest

from canalis.segment.classes import Fine
from canalis.segment.column import Column, Vertebra
from canalis.segment.fcn import FineMap
from canalis.segment.grids import Grid
from canalis.segment.levels import Named
from canalis.segment.low_masses import set_low_masses_apart, warn_of_unsure_masses
from canalis.segment.segmentation import LevelNaming
from canalis.segment.tube import Tube

PIXEL_MM = 0.5
SHAPE = (40, 40, 60)  # slices of 1 mm, pixels of 0.5 mm: a canal 24 mm wide


def seen_with(slices, columns):
    classes = np.zeros(SHAPE, dtype=np.uint8)
    classes[:, 10:34, 6:54] = Fine.RESIDUAL_CANAL
    classes[slices, 10:16, columns] = Fine.OSSIFICATION
    canal = classes > 0
    sure = np.where(classes == Fine.OSSIFICATION, 255, 0).astype(np.uint8)
    grid = Grid((0.0, 0.0, 0.0), (1.0, 0.5, 0.5), SHAPE)
    return FineMap(grid, classes, np.where(canal, 255, 0).astype(np.uint8), sure), canal


@pytest.mark.parametrize(
    ("height_mm", "mean", "unsure"),
    [(7, 0.85, True), (7, 0.95, False), (10, 0.7, True), (10, 0.8, False), (25, 0.6, False)],
)
def test_of_a_low_piece_the_network_must_be_sure(height_mm, mean, unsure):
    seen, canal = seen_with(slice(5, 5 + height_mm), slice(20, 40))
    seen.ossification[seen.ossification > 0] = round(255 * mean)
    after, heights = set_low_masses_apart(seen, canal, pixel_mm=PIXEL_MM)
    named = after.classes[5 : 5 + height_mm, 10:16, 20:40]
    assert (named == (Fine.OTHER_NARROWING if unsure else Fine.OSSIFICATION)).all()
    assert bool(after.ossification.any()) is not unsure
    assert heights == ((5 + (height_mm - 1) / 2,) if unsure else ())


@pytest.mark.parametrize(
    ("rows", "pixel_mm", "unsure"), [(7, 0.5, True), (8, 0.5, False), (14, 4.0, True), (16, 4.0, False)]
)  # 3.5, 4, 7 and 8 mm
def test_of_a_low_piece_thicker_than_any_rim_less_is_enough(rows, pixel_mm, unsure):
    seen, canal = seen_with(slice(5, 12), slice(20, 40))
    seen.classes[5:12, 10 : 10 + rows, 20:40] = Fine.OSSIFICATION
    seen.ossification[5:12, 10 : 10 + rows, 20:40] = round(255 * 0.85)
    assert bool(set_low_masses_apart(seen, canal, pixel_mm=pixel_mm)[1]) is unsure


def test_a_low_piece_no_thicker_than_two_millimetres_is_never_sure():
    seen, canal = seen_with(slice(5, 15), slice(20, 40))
    seen.classes[5:15, 14:16, 20:40] = Fine.RESIDUAL_CANAL  # 2 mm are left
    seen.ossification[5:15, 14:16, 20:40] = 0
    assert set_low_masses_apart(seen, canal, pixel_mm=PIXEL_MM)[1] == (9.5,)
    tall, canal = seen_with(slice(5, 30), slice(20, 40))
    tall.classes[5:30, 14:16, 20:40] = Fine.RESIDUAL_CANAL
    assert set_low_masses_apart(tall, canal, pixel_mm=PIXEL_MM)[1] == ()


@pytest.mark.parametrize(("mean", "heights"), [(0.95, ()), (0.7, (9.5,))])
def test_a_thin_plate_that_stands_off_the_wall_is_as_thick_as_it_reaches(mean, heights):
    seen, canal = seen_with(slice(5, 15), slice(20, 40))
    seen.classes[5:15, 10:13, 20:40] = Fine.RESIDUAL_CANAL  # a gap of 1.5 mm before a plate of 1.5 mm
    seen.ossification[5:15, 10:13, 20:40] = 0
    seen.ossification[5:15, 13:16, 20:40] = round(255 * mean)
    assert set_low_masses_apart(seen, canal, pixel_mm=PIXEL_MM)[1] == heights


def test_a_low_piece_no_thicker_than_a_pixel_of_the_scan_is_never_sure():
    seen, canal = seen_with(slice(5, 15), slice(20, 40))  # 3 mm thick
    assert set_low_masses_apart(seen, canal, pixel_mm=1.0)[1] == ()
    assert set_low_masses_apart(seen, canal, pixel_mm=4.7)[1] == (9.5,)


NO_VOTES = np.zeros(10)
BODIES = Column(
    (Vertebra(0, 14, NO_VOTES), Vertebra(20, 33, NO_VOTES), Vertebra(39, 52, NO_VOTES)), None, None
)
AXES = np.eye(3)


def straight_tube(length):
    points = np.stack([np.zeros(length), np.zeros(length), 100.0 - np.arange(length)], axis=1)
    down, front, left = (np.tile(axis, (length, 1)) for axis in (-AXES[2], -AXES[1], AXES[0]))
    return Tube(points, down, front, left)


@pytest.mark.parametrize(
    ("first", "told", "places"),
    [
        (2, "C3, C3/4, C5", ("C3", "C3/4", "C5")),
        (-1, "z = 95 mm, C1, C2", ("C1", "C2")),
        (None, "z = 95 mm, z = 83 mm, z = 50 mm, z = 49 mm", ()),
    ],
)
def test_the_warning_names_each_place_once(first, told, places):
    naming = LevelNaming(False, None, "Counted from the dens.")
    heights, where = (95.0, 83.0, 50.0, 49.0), (straight_tube(60), BODIES, Named(naming, first))
    (warning,) = warn_of_unsure_masses(heights, *where)
    assert warning.code == "ossification-unsure"
    assert f" low masses at {told} are " in warning.message
    assert warning.places == places
    assert warn_of_unsure_masses((), *where) == ()
