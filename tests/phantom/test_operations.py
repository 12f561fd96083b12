"""An opened canal: the same neck before and after, and how much it gained."""

import numpy as np
import pytest

from canalis.phantom.canal import canal_at
from canalis.phantom.neck import C2, C7, OPERATIONS
from canalis.phantom.operations import operated, plan_operation
from canalis.phantom.ossification import Wanted, plan_growths
from canalis.phantom.plan import plan_neck
from canalis.phantom.truth import section_at, truth_of
from canalis.phantom.vertebra import bones_of

SEED = 2_000_200
C5 = 4


@pytest.fixture(params=OPERATIONS)
def pair(request):
    before = operated(plan_neck(np.random.default_rng(SEED)), None)
    return before, operated(before, plan_operation(np.random.default_rng(SEED), request.param))


def arch_across(neck, index):
    """Places across a vertebra at its laminae's middle: x, y, and whether they lie in its arch."""
    v = neck.vertebrae[index]
    y, x = (k.ravel() for k in np.mgrid[-20:40:0.5, -20:20:0.5].astype(np.float32))
    s = np.full_like(x, v.s_mm - v.lamina_drop)
    canal = canal_at(neck, s)
    bones = bones_of(neck, v, x=x, y=y, s=s, canal=canal, from_canal=canal.distance(x, y))
    return x, y, bones.arch < 0


def test_gain_of_ap_at_opened_bodies_is_what_was_planned(pair):
    truths = [truth_of(neck, (), low_z_mm=-80, high_z_mm=150) for neck in pair]
    before, after = ({p.level: p for p in t.planes if p.part == "body"} for t in truths)
    done = pair[1].operation
    for v in pair[1].vertebrae[C2 : C7 + 1]:
        gain = after[v.name].residual_ap_mm - before[v.name].residual_ap_mm
        if done.opened(v):
            assert gain == pytest.approx(done.gain_mm, abs=0.1), v.name
            moved = np.subtract(after[v.name].center_lps_mm, before[v.name].center_lps_mm)
            assert np.linalg.norm(moved) == pytest.approx(done.gain_mm / 2, abs=0.1)
        elif v.index < done.first - 1 or v.index > done.last + 1:
            assert gain == pytest.approx(0, abs=1e-9), v.name


def test_masses_are_the_same_before_and_after(pair):
    before, after = (
        plan_growths(np.random.default_rng(SEED), neck, Wanted(present=True, thickness_mm=5.0))
        for neck in pair
    )
    assert before == after
    worst = before[0]
    s = (worst.low_mm + worst.high_mm) / 2
    np.testing.assert_array_equal(*(section_at(neck, before, s).thickness for neck in pair))


def test_the_canal_is_never_smaller_after(pair):
    for s in np.linspace(pair[0].vertebrae[C7].lower_mm, pair[0].vertebrae[C2].upper_mm, 60):
        before, after = (section_at(neck, (), s) for neck in pair)
        assert (after.back >= before.back - 1e-9).all()
        np.testing.assert_array_equal(after.front, before.front)


def test_the_laminae_are_gone_raised_or_split(pair):
    before, after = (arch_across(neck, C5) for neck in pair)
    x, y, _ = before
    gap = pair[1].operation.half_gap_mm - 0.5
    behind = (np.abs(x) < gap) & (y > 4)
    assert (before[2] & behind).any()
    kind = pair[1].operation.kind
    if kind == "open door":
        side = pair[1].operation.open_side
        rear = [np.median(y[arch & (np.abs(x * side - 6) < 2) & (y > 4)]) for _, _, arch in (before, after)]
        assert rear[1] > rear[0] + pair[1].operation.gain_mm
    else:
        assert not (after[2] & behind).any()
        beside = (np.abs(x) > gap + 1) & (np.abs(x) < 7) & (y > 4)
        assert (after[2] & beside).any() == (kind == "french door")
