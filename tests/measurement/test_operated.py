"""A neck before and after its canal was opened, as true labels: mode, and gain against the geometry."""

from dataclasses import replace

import numpy as np
import pytest

from canalis.labels import FIRST_VERTEBRA, OSSIFICATION, RESIDUAL_CANAL
from canalis.measurement import measure_segmentation
from canalis.phantom.canal import canal_at
from canalis.phantom.curve import spine_lattice
from canalis.phantom.neck import C2, C7, OPERATIONS, T1
from canalis.phantom.operations import operated, plan_operation
from canalis.phantom.ossification import Wanted, plan_growths
from canalis.phantom.plan import plan_neck
from canalis.phantom.truth import truth_of
from canalis.phantom.vertebra import bones_of
from canalis.report.comparison import compare
from canalis.segment.segmentation import LevelNaming, Segmentation
from canalis.volume import Mask

SEED = 3_400_001
SPACING_MM = (1.25, 0.6, 0.6)
DRAWN = LevelNaming(True, "hint", "As drawn.")
WITHIN_MM = 0.7


def drawn_labels(neck, growths):
    """The true label map of C2 to T1, straight from the geometry, without a scan."""
    v = neck.vertebrae
    ends = neck.curve.point_at(np.array([v[T1].lower_mm - 2, v[C2].upper_mm + 8]))
    along = neck.curve.point_at(np.linspace(v[T1].lower_mm, v[C2].upper_mm, 20))
    low = np.array([along[:, 0].min() - 26, along[:, 1].min() - 30, ends[0, 2]])
    high = np.array([along[:, 0].max() + 26, along[:, 1].max() + 34, ends[1, 2]])
    z, y, x = (np.arange(low[k], high[k], step) for k, step in zip((2, 1, 0), SPACING_MM, strict=True))
    places = spine_lattice(neck.curve, low, high).draw(z, y, x)
    left, back, s = (field.ravel() for field in places)
    canal = canal_at(neck, s)
    from_canal = canal.distance(left, back)
    labels = np.zeros(s.shape, np.uint8)
    for vertebra in v[C2 : T1 + 1]:
        near = np.flatnonzero(np.abs(s - vertebra.s_mm) < 24)
        bones = bones_of(
            neck, vertebra, x=left[near], y=back[near], s=s[near],
            canal=canal.where(near), from_canal=from_canal[near],
        )  # fmt: skip
        parts = [p for p in (bones.body, bones.arch, bones.dens) if p is not None]
        own = (np.minimum.reduce(parts) < 0) & (from_canal[near] >= 0) & (labels[near] == 0)
        labels[near[own]] = FIRST_VERTEBRA + vertebra.index
    labels[from_canal < 0] = RESIDUAL_CANAL
    for growth in growths:
        up = back - canal.front(left)
        height = growth.height(left, s)
        labels[(from_canal < 0) & (height > 0) & (up < height)] = OSSIFICATION
    affine = np.array([[0, 0, 0.6, x[0]], [0, 0.6, 0, y[0]], [1.25, 0, 0, z[0]], [0, 0, 0, 1.0]])
    return Segmentation(Mask(labels.reshape(places.shape[1:]), affine), DRAWN), float(z[0]), float(z[-1])


@pytest.fixture(scope="module")
def before():
    neck = operated(plan_neck(np.random.default_rng(SEED)), None)
    drawn = plan_growths(np.random.default_rng(SEED), neck, Wanted(present=True, thickness_mm=4.0))
    growths = tuple(growth for growth in drawn if growth.kind == "opll")
    return neck, growths, drawn_labels(neck, growths)


@pytest.fixture(scope="module")
def measured_before(before):
    return measure_segmentation(before[2][0], None)


def test_before_it_the_neck_is_unoperated(measured_before):
    assert measured_before.mode == "unoperated"
    assert measured_before.opened_levels == ()


@pytest.fixture(scope="module")
def after_of(before):
    """A function from a kind of operation to it, the neck after it and what is measured there; made once."""
    made = {}

    def after(kind):
        if kind not in made:
            neck, growths, _ = before
            operation = plan_operation(np.random.default_rng(SEED), kind)
            opened = operated(neck, operation)
            made[kind] = operation, opened, measure_segmentation(drawn_labels(opened, growths)[0], None)
        return made[kind]

    return after


@pytest.mark.parametrize("kind", OPERATIONS)
def test_compare_gives_the_gain_of_an_opened_canal(before, measured_before, after_of, kind):
    neck, growths, (_, low, high) = before
    operation, after_neck, after = after_of(kind)
    truths = [truth_of(n, growths, low_z_mm=low, high_z_mm=high) for n in (neck, after_neck)]
    true = [{p.level: p.residual_ap_mm for p in t.planes if p.part == "body"} for t in truths]
    found = {
        level.level: level.changes["residual_ap_mm"].change
        for level in compare(measured_before, after).levels
        if level.part == "body"
    }
    checked = [v.name for v in neck.vertebrae[C2 : C7 + 1] if found.get(v.name) is not None]
    assert {v.name for v in neck.vertebrae if operation.opened(v)} <= set(checked)
    off = {name: found[name] - (true[1][name] - true[0][name]) for name in checked}
    assert max(map(abs, off.values())) <= WITHIN_MM, off


@pytest.mark.parametrize("kind", OPERATIONS)
def test_after_it_the_neck_is_post_operative(before, after_of, kind):
    operation, _, after = after_of(kind)
    opened = {v.name for v in before[0].vertebrae if operation.opened(v)}
    assert after.mode == "post-operative"
    assert set(after.opened_levels) <= opened
    assert len(after.opened_levels) >= len(opened) - 1


@pytest.mark.parametrize("half_gap_mm", [14.0, 20.0])
def test_a_laminectomy_that_takes_the_whole_back_of_the_ring_is_known(before, half_gap_mm):
    """No ray to the back meets a lamina, so that none tells how high one stood."""
    neck, growths, _ = before
    wide = replace(plan_operation(np.random.default_rng(SEED), "laminectomy"), half_gap_mm=half_gap_mm)
    after = measure_segmentation(drawn_labels(operated(neck, wide), growths)[0], None)
    opened = {v.name for v in neck.vertebrae if wide.opened(v)}
    assert after.mode == "post-operative"
    assert set(after.opened_levels) == opened


def test_laminae_beyond_the_scan_are_not_taken_for_removed(before):
    """A scan that ends at a body's foot holds the body whole, and not its lamina."""
    neck, _, (drawn, low, _) = before
    c5 = neck.vertebrae[C7 - 2]
    foot = round((neck.curve.point_at(np.array([c5.lower_mm - 1.0]))[0, 2] - low) / SPACING_MM[0])
    affine = drawn.mask.affine.copy()
    affine[2, 3] += foot * SPACING_MM[0]
    cut = replace(drawn, mask=Mask(drawn.mask.labels[foot:].copy(), affine))
    assert measure_segmentation(cut, None).opened_levels == ()
