from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from canalis.segment.classes import Coarse
from canalis.segment.column import Classes, Column, divide_column
from canalis.segment.levels import C2, T1, Named, name_levels
from canalis.segment.locate import Located
from canalis.segment.passes import _hint_along
from canalis.segment.tube import find_tube

TOP = 1030.0
FOOT = 800.0


def counted(spine: Any, low_z: float, high_z: float, hint_z: float | None = None) -> tuple[Column, Named]:
    return counted_in(spine.located(low_z, high_z), hint_z)


def counted_in(found: Located, hint_z: float | None = None) -> tuple[Column, Named]:
    _, tube = find_tube(found.structure == Coarse.CANAL, found.grid)
    assert tube is not None
    classes = Classes(found.structure, found.grid, body=(Coarse.BODY, Coarse.DENS), disc=(Coarse.DISC,))
    column = divide_column(classes, found, tube)
    hint = None if hint_z is None else _hint_along(("C2", hint_z), tube)
    return column, name_levels(column, hint_mm=hint)


def test_both_ends_in_view_and_agreeing_are_sure(make_spine: Callable[..., Any]) -> None:
    column, named = counted(make_spine(), FOOT, TOP)
    assert named.naming.sure
    assert named.naming.source == "both"
    assert named.first == C2
    assert column.rib is not None
    assert column.rib - (column.dens or 0) == T1 - C2


@pytest.mark.parametrize("bow_mm", [-12.0, 0.0, 14.0])
def test_a_bowed_neck_is_counted_like_a_straight_one(make_spine: Callable[..., Any], bow_mm: float) -> None:
    assert counted(make_spine(bow_mm=bow_mm), FOOT, TOP)[1].naming.sure


@pytest.mark.parametrize("foot", [850.0, 880.0, 905.0, 933.0, 941.0])
def test_a_scan_cut_off_below_is_named_from_the_dens_and_not_sure(
    make_spine: Callable[..., Any], foot: float
) -> None:
    spine = make_spine(ribs=(11, 11))
    column, named = counted(spine, foot, TOP)
    assert (named.naming.sure, named.naming.source, named.first) == (False, "dens", C2)
    whole = [v for v in column.vertebrae if not v.cut]
    assert len(whole) >= 1


@pytest.mark.parametrize("top", [957.0, 945.0, 930.0, 915.0])
def test_a_scan_cut_off_above_is_named_from_the_rib_and_not_sure(
    make_spine: Callable[..., Any], top: float
) -> None:
    spine = make_spine()
    column, named = counted(spine, FOOT, top)
    assert (named.naming.sure, named.naming.source) == (False, "first rib")
    assert named.first is not None
    assert named.first + (column.rib or 0) == T1


def test_neither_end_in_view_gives_no_names(make_spine: Callable[..., Any]) -> None:
    column, named = counted(make_spine(), 885.0, 950.0)
    assert (named.naming.sure, named.naming.source, named.first) == (False, None, None)
    assert "Neither" in named.naming.reason
    assert len(column.vertebrae) >= 2


def test_a_cervical_rib_is_a_disagreement_and_gives_no_names(make_spine: Callable[..., Any]) -> None:
    _, named = counted(make_spine(ribs=(6, 6)), FOOT, TOP)
    assert named.first is None
    assert "4 bodies" in named.naming.reason


def test_rib_heads_halfway_to_the_next_vertebra_are_no_disagreement(make_spine: Callable[..., Any]) -> None:
    column, named = counted(make_spine(rib_drop_mm=12.0), FOOT, TOP)
    assert column.rib is None
    assert (named.naming.sure, named.naming.source, named.first) == (False, "dens", 1)


def test_ribs_that_differ_from_side_to_side_are_no_witness(make_spine: Callable[..., Any]) -> None:
    column, named = counted(make_spine(ribs=(6, 7)), FOOT, TOP)
    assert column.rib is None
    assert not named.naming.sure


@pytest.mark.parametrize("pair", [2, 3, 4, 5])
def test_fused_vertebrae_are_never_named_surely(make_spine: Callable[..., Any], pair: int) -> None:
    assert not counted(make_spine(fused=(pair,)), FOOT, TOP)[1].naming.sure
    assert not counted(make_spine(fused=(pair,), ribs=(12, 12)), 850.0, TOP)[1].naming.sure


def test_an_axis_with_the_next_body_fused_to_it_is_never_named_surely(make_spine: Callable[..., Any]) -> None:
    column, named = counted(make_spine(), FOOT, TOP)
    assert named.naming.sure
    axis, below, *others = column.vertebrae
    fused = (replace(axis, bottom_mm=below.bottom_mm), *others)
    longer = (column.below_dens_mm or 0.0) + below.bottom_mm - axis.bottom_mm
    # The coarse pass may read a level too high all the way down, and its first rib with it.
    misread = replace(column, vertebrae=fused, discs=column.discs[1:], below_dens_mm=longer)
    assert len(fused) > misread.rib == T1 - C2
    assert not name_levels(misread).naming.sure
    assert "may be two" in name_levels(misread).naming.reason


@pytest.mark.parametrize("canal_from_mm", [12.0, 24.0, 28.0])
def test_a_dens_above_where_the_canal_is_first_seen_is_counted_from(
    make_spine: Callable[..., Any], canal_from_mm: float
) -> None:
    spine = make_spine(ribs=(12, 12), canal_from_mm=canal_from_mm)
    column, named = counted(spine, 850.0, TOP)
    assert column.dens == 0
    assert (named.naming.source, named.first) == ("dens", C2)


def test_a_dens_far_above_where_the_canal_is_first_seen_is_not_that_vertebras(
    make_spine: Callable[..., Any],
) -> None:
    column, _ = counted(make_spine(canal_from_mm=49.0), FOOT, TOP)
    assert column.dens is None


@pytest.mark.parametrize("left", [0, 14])
def test_an_axis_that_the_canal_begins_beside_is_known_by_shape_and_reading(
    make_spine: Callable[..., Any], left: int
) -> None:
    found = make_spine(ribs=(12, 12), canal_from_mm=12.0).located(850.0, TOP)
    structure = found.structure.copy()
    structure[tuple(np.argwhere(structure == Coarse.DENS)[left:].T)] = Coarse.BODY
    column, named = counted_in(replace(found, structure=structure))
    assert column.vertebrae[0].cut
    assert (named.naming.source, named.first) == ("dens", C2)
    read_otherwise = replace(found, structure=structure, level=np.maximum(found.level, 4).astype(np.uint8))
    assert left or counted_in(read_otherwise)[0].dens is None


def test_an_axis_whose_dens_is_as_wide_as_its_body_is_known_by_its_height(
    make_spine: Callable[..., Any],
) -> None:
    found = make_spine(ribs=(12, 12)).located(850.0, TOP)
    structure, level = found.structure.copy(), found.level.copy()
    dens = structure == Coarse.DENS
    wide = ndimage.binary_dilation(dens, np.ones((1, 9, 9))) & (structure != Coarse.CANAL)
    structure[wide], level[wide] = Coarse.BODY, C2
    swollen = replace(found, structure=structure, level=level)
    column, named = counted_in(swollen)
    assert (column.dens, named.naming.source, named.first) == (0, "dens", C2)
    read_otherwise = replace(swollen, level=np.maximum(level, 4).astype(np.uint8))
    assert counted_in(read_otherwise)[0].dens is None


@pytest.mark.parametrize("rib", [6, 7, 8])
def test_rib_heads_that_go_no_further_are_no_witness_beside_a_dens(
    make_spine: Callable[..., Any], rib: int
) -> None:
    _, named = counted(make_spine(ribs=(rib, rib), rib_to_mm=38.0), FOOT, TOP)
    assert (named.naming.sure, named.naming.source, named.first) == (False, "dens", C2)


def test_rib_heads_alone_name_a_scan_without_dens(make_spine: Callable[..., Any]) -> None:
    column, named = counted(make_spine(rib_to_mm=38.0), FOOT, 945.0)
    assert named.first is not None
    assert (named.naming.source, named.first + (column.rib or 0)) == ("first rib", T1)


def test_a_rib_that_would_give_c1_a_body_names_nothing(make_spine: Callable[..., Any]) -> None:
    column = replace(counted(make_spine(), FOOT, TOP)[0], dens=None)
    assert name_levels(column).first == C2
    misplaced = name_levels(replace(column, rib=(column.rib or 0) + 1))
    assert misplaced.first is None
    assert "C1 a body" in misplaced.naming.reason


def test_two_vertebrae_read_as_one_level_are_not_sure(make_spine: Callable[..., Any]) -> None:
    column, _ = counted(make_spine(), FOOT, TOP)
    vertebrae = list(column.vertebrae)
    vertebrae[4] = replace(vertebrae[4], level=vertebrae[3].level)
    naming = name_levels(replace(column, vertebrae=tuple(vertebrae))).naming
    assert (naming.sure, naming.source) == (False, "both")
    assert "C6 and the vertebra above" in naming.reason


def test_a_hint_names_a_scan_without_either_end(make_spine: Callable[..., Any]) -> None:
    spine = make_spine(dens=False, ribs=(12, 12))
    _, named = counted(spine, 880.0, 990.0, hint_z=spine.middle_z(1))
    assert named.naming.source == "hint"
    assert named.first == C2


def test_a_hint_against_the_dens_is_followed_but_not_sure(make_spine: Callable[..., Any]) -> None:
    spine = make_spine()
    _, named = counted(spine, FOOT, TOP, hint_z=spine.middle_z(2))
    assert (named.naming.sure, named.naming.source, named.first) == (False, "hint", C2 - 1)


@pytest.mark.parametrize("hint_z", [1025.0, 1500.0, 998.0, 872.0, 0.0])
def test_a_hint_beyond_the_canal_is_not_followed(make_spine: Callable[..., Any], hint_z: float) -> None:
    _, named = counted(make_spine(dens=False, ribs=(12, 12)), 880.0, 990.0, hint_z=hint_z)
    assert (named.first, named.naming.sure) == (None, False)
    assert "lies in no vertebra" in named.naming.reason
