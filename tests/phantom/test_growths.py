"""What grows in and about the canal: each growth is labelled, and measured, where its geometry puts it."""

from dataclasses import replace

import numpy as np
import pytest

from canalis.phantom.canal import canal_at
from canalis.phantom.growth import Growth
from canalis.phantom.neck import Rim
from canalis.phantom.ossification import Wanted, plan_growths
from canalis.phantom.plan import plan_neck
from canalis.phantom.render import SPUR_BLEND_MM
from canalis.phantom.structures import Structure
from canalis.phantom.truth import section_at, truth_of
from canalis.phantom.wall_shifts import wall_shifts

from .drawing import C4, C5, PIXEL_MM, SEED, drawn


@pytest.fixture(scope="module")
def neck():
    return replace(plan_neck(np.random.default_rng(SEED)), density=1.0)


@pytest.fixture(scope="module")
def disc(neck):
    """The place of the disc between C4 and C5 along the curve: lower and upper edge."""
    return neck.vertebrae[C5].upper_mm, neck.vertebrae[C4].lower_mm


def rim(neck, **changes):
    v = neck.vertebrae[C5]
    sizes = {
        "kind": "osteophyte", "wall": "front", "low_mm": v.upper_mm - 4.0, "high_mm": v.upper_mm + 1.0,
        "taper_low_mm": 4.0, "taper_high_mm": 1.0, "height_mm": 3.0, "center_x_mm": 0.0, "width_mm": 16.0,
        "rim_mm": 0.5, "joined": C5,
    }  # fmt: skip
    return Growth(**(sizes | changes))


def test_a_rim_narrows_the_canal_where_its_height_says_and_is_no_opll(neck, disc):
    growth = rim(neck)
    made, (x, y, s) = drawn(neck, [growth], middle=disc[0])
    canal = canal_at(neck, s)
    up = y - canal.front(x)
    within = (canal.distance(x, y) < 0) & (up < growth.height(x, s))
    narrowed = made.structure == Structure.OTHER_NARROWING
    np.testing.assert_array_equal(narrowed, within)
    assert not (made.structure == Structure.OSSIFICATION).any()
    section = section_at(neck, (growth,), disc[0])
    middle = np.abs(section.x).argmin()
    assert section.thickness.max() == 0
    assert section.free[middle] == pytest.approx(section.back[middle] - section.front[middle] - 3.0, abs=0.1)


def test_marrow_runs_from_the_body_into_its_spur_and_not_into_what_lies_on_it(neck, disc):
    neck = replace(neck, vertebrae=tuple(replace(v, rim=Rim()) for v in neck.vertebrae))
    lines = {}
    for joined in (C5, None):
        made, (x, y, s) = drawn(neck, [rim(neck, height_mm=5.0, joined=joined)], middle=disc[0])
        canal = canal_at(neck, s)
        up = y - canal.front(x)
        at_wall = (np.abs(up + 0.3) < 0.3) & (np.abs(x) < 5) & (np.abs(s - disc[0] + 1.2) < 0.6)
        lines[joined] = np.median(made.hu[at_wall])
    assert lines[C5] < 500 < lines[None]  # marrow, and cortex, of a bone with 330 and 1350 HU


def test_a_spur_of_the_uncinate_process_narrows_the_corner_and_is_a_spur_outside_the_canal(neck, disc):
    half = float(canal_at(neck, np.array([disc[0]])).lr[0]) / 2
    spur = rim(neck, kind="uncovertebral", center_x_mm=half, width_mm=9.0, high_mm=disc[0] + 3.0)
    made, (x, y, s) = drawn(neck, [spur], middle=disc[0])
    canal = canal_at(neck, s)
    outside = (made.structure == Structure.OSTEOPHYTE) & (y > canal.front(x))
    assert (made.structure == Structure.OTHER_NARROWING).any()
    assert (canal.distance(x, y)[made.structure == Structure.OTHER_NARROWING] < 0).all()
    assert outside.sum() * PIXEL_MM**3 > 5
    assert (np.abs(x[outside] - half) < 4.5 + SPUR_BLEND_MM / 4).all()  # half its width, and the fillet


def test_what_is_not_opll_lies_at_the_ends_of_bodies():
    for seed in range(SEED, SEED + 20):
        rng = np.random.default_rng(seed)
        neck = plan_neck(rng)
        growths = plan_growths(rng, neck, Wanted(present=False))
        for growth in growths:
            assert not growth.is_opll
            if growth.kind in ("osteophyte", "uncovertebral"):
                v = neck.vertebrae[growth.joined]
                assert growth.low_mm < v.lower_mm or growth.high_mm > v.upper_mm
                assert growth.high_mm < v.upper_mm or growth.low_mm > v.s_mm - v.height / 2


def test_a_spur_before_a_body_is_a_spur_and_leaves_the_canal_alone(neck, disc):
    spur = rim(neck, kind="anterior", wall="ahead", width_mm=14.0)
    made, (x, y, s) = drawn(neck, [spur], middle=disc[0])
    canal = canal_at(neck, s)
    found = made.structure == Structure.OSTEOPHYTE
    assert found.sum() * PIXEL_MM**3 > 20
    ahead = canal.front(x) - y
    assert np.median(ahead[found]) == pytest.approx(neck.vertebrae[C5].depth, abs=3)
    assert not np.isin(made.structure, (Structure.OTHER_NARROWING, Structure.OSSIFICATION)).any()
    bare, grown = (section_at(neck, g, disc[0]).free for g in ((), (spur,)))
    np.testing.assert_array_equal(bare, grown)


def slipped(neck, index, back_mm):
    """The neck with one vertebra farther back and all others on the curve."""
    vertebrae = tuple(replace(v, shift=back_mm if v.index == index else 0.0) for v in neck.vertebrae)
    return replace(neck, vertebrae=vertebrae, canal=neck.canal | wall_shifts(vertebrae, neck.curve.s_mm))


def test_a_slipped_vertebra_carries_its_canal_back_and_is_no_opll(neck):
    moved, still = slipped(neck, C4, 2.5), slipped(neck, C4, 0.0)
    truths = [truth_of(n, (), low_z_mm=-80, high_z_mm=150) for n in (moved, still)]
    planes = [{(p.level, p.part): p for p in t.planes} for t in truths]
    for place in (("C4", "body"), ("C6", "body")):
        there, before = (p[place] for p in planes)
        eased = 0.01  # mid-body may lie just above the lamina, where the back wall begins to ease over
        assert there.canal_ap_mm == pytest.approx(before.canal_ap_mm, abs=eased)
        step = np.subtract(there.center_lps_mm, before.center_lps_mm)
        assert np.linalg.norm(step) == pytest.approx(2.5 if place[0] == "C4" else 0.0, abs=0.05)
    assert truths[0].ossification.present is False
    made, (x, y, s) = drawn(moved, (), middle=neck.vertebrae[C4].lower_mm)
    flat = np.abs(x) < 3
    walls = {}
    for index in (C4, C5):
        v = neck.vertebrae[index]
        own = (made.structure == Structure.BODY) & flat & (np.abs(s - v.s_mm) < 2)
        walls[index] = (y + canal_at(neck, s).ap / 2)[own].max()
    assert walls[C4] - walls[C5] == pytest.approx(2.5, abs=PIXEL_MM)


def test_a_disc_may_hold_gas_or_lime(neck, disc):
    for hu in (-600.0, 500.0):
        v = replace(neck.vertebrae[C4], core_hu=hu, core=(0.0, 6.0, 5.0))
        other = replace(neck, vertebrae=(*neck.vertebrae[:C4], v, *neck.vertebrae[C5:]))
        made, _ = drawn(other, (), middle=disc[0])
        found = made.hu[made.structure == Structure.DISC]
        assert (np.abs(found - hu) < 60).sum() * PIXEL_MM**3 > 20
