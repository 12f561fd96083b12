"""The refined canal: a soft edge drawn too wide comes to the bone's edge, but not through a mass."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import uniform_filter
from scipy.special import ndtr

from canalis.labels import OSSIFICATION, OTHER_NARROWING, RESIDUAL_CANAL
from canalis.measurement.edges import EDGE_BLUR_MM, find_edges
from canalis.measurement.measure import measure_segmentation
from canalis.measurement.refined import Refinement, refine_segmentation
from canalis.segment.segmentation import LevelNaming, Segmentation
from canalis.volume import Acquisition, Mask, Probability, Volume

SPACING = (1.5, 0.5, 0.45)
SHAPE = (40, 100, 110)
RADIUS_MM, WIDE_MM = 8.0, 0.7
C4 = 14  # its label
NAMED = LevelNaming(True, "both", "Dens and rib agree.")


def tube(*, mass, spacing=SPACING, blur_mm=EDGE_BLUR_MM, mass_from_mm=4.0):
    """A canal 16 mm across in bone, its probability 0.7 mm too wide; a mass along its front."""
    affine = np.diag([*spacing[::-1], 1.0])[:, [2, 1, 0, 3]]
    affine[:3, 3] = (-24.0, -26.0, 904.0)
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(index @ affine[:3, :3].T + affine[:3, 3], -1, 0)
    x = x - 0.04 * (z - 930)  # leaning to the left
    radius = np.hypot(x, y)
    hu = np.where(radius < RADIUS_MM, 30.0, np.where(radius < RADIUS_MM + 4, 700.0, 60.0))
    inside = mass & (y < -mass_from_mm) & (radius < RADIUS_MM) & (np.abs(x) < 4)
    hu = np.where(inside, 900.0, hu)
    edge = RADIUS_MM + WIDE_MM - radius
    canal = np.rint(255 * ndtr(edge / blur_mm)).astype(np.uint8)
    labels = np.where(edge > 0, RESIDUAL_CANAL, 0).astype(np.uint8)
    labels[inside] = OSSIFICATION
    bone = np.where(inside, 255, 0).astype(np.uint8)
    segmentation = Segmentation(
        Mask(labels, affine), NAMED, Probability(canal, affine), Probability(bone, affine)
    )
    return segmentation, Volume(hu.astype(np.int16), affine, Acquisition("array", SHAPE[0], spacing))


def beside_the_tube(segmentation):
    """Return x and y from the tube's middle, and the distance to it, mm."""
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(segmentation.mask.to_lps(index.astype(float)), -1, 0)
    x = x - 0.04 * (z - 930)
    return x, y, np.hypot(x, y)


def edge_mm(probability, way):
    """Where the probability falls below one half on a line from the canal's middle, halfway up."""
    middle = np.array([0.04 * (933 - 930), 0.0, 933.0])
    out = np.arange(4.0, 12.0, 0.05)
    at = probability.to_index(middle + out[:, None] * np.array(way))
    from scipy.ndimage import map_coordinates

    values = map_coordinates(probability.values.astype(float), at.T, order=1)
    return out[np.argmax(values < 127.5)]


@pytest.mark.parametrize("blur_mm", [0.15, 0.3, EDGE_BLUR_MM, 0.8])
def test_an_edge_that_is_too_wide_comes_to_the_bone(blur_mm):
    segmentation, volume = tube(mass=False, blur_mm=blur_mm)
    refined, refinement = refine_segmentation(segmentation, volume)
    for way in [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0.6, 0.8, 0)]:
        assert edge_mm(segmentation.canal, way) == pytest.approx(RADIUS_MM + WIDE_MM, abs=0.15)
        assert edge_mm(refined.canal, way) == pytest.approx(RADIUS_MM, abs=0.25)  # half a pixel
    assert refinement.settled.all()
    assert refinement.moved_mm.mean() == pytest.approx(-WIDE_MM, abs=0.2)
    assert refinement.refined_at((0.1, 0.0, 933.0))
    assert not refinement.refined_at((0.1, 0.0, 1200.0))
    assert refinement.warnings == ()


@pytest.mark.parametrize(("lost", "codes"), [(0, []), (3, []), (4, ["contour-not-settled"])])
def test_that_more_than_the_usual_planes_are_lost_is_said(lost, codes):
    settled = np.arange(10) >= lost
    segmentation, _ = tube(mass=False)
    field = find_edges(segmentation).canal
    warnings = Refinement(np.zeros((10, 3)), settled, np.zeros((10, 72)), field).warnings
    assert [warning.code for warning in warnings] == codes
    assert all("4 of 10 planes" in warning.message for warning in warnings)


@pytest.mark.parametrize(("ring", "front_mm"), [(11, RADIUS_MM + WIDE_MM), (12, RADIUS_MM)])
def test_within_the_ring_of_the_atlas_the_front_wall_is_ligament_and_stays(ring, front_mm):
    segmentation, volume = tube(mass=False)
    _, y, radius = beside_the_tube(segmentation)
    bone = (radius > RADIUS_MM + WIDE_MM) & (radius < RADIUS_MM + 4)
    labels = segmentation.mask.labels.copy()
    labels[bone & (y > -6)] = ring  # C1, or C2
    labels[bone & (y <= -6)] = 12  # the dens, or C2's body
    within = replace(segmentation, mask=Mask(labels, segmentation.mask.affine))
    refined, _ = refine_segmentation(within, volume)
    assert edge_mm(refined.canal, (0, -1, 0)) == pytest.approx(front_mm, abs=0.25)
    assert edge_mm(refined.canal, (0, 1, 0)) == pytest.approx(RADIUS_MM, abs=0.25)


def test_a_front_wall_left_before_thin_bone_comes_to_its_back():
    segmentation, volume = tube(mass=False)
    x, y, radius = beside_the_tube(segmentation)
    ahead = (y < -3) & (np.abs(x) < 6)
    shell = ahead & (radius >= RADIUS_MM) & (radius < RADIUS_MM + 2.2)  # over a vein, or thin marrow
    hu = np.where(shell, 450, volume.hu).astype(np.int16)
    deep = np.where(ahead, RADIUS_MM + 2.2, RADIUS_MM)
    canal = np.rint(255 * ndtr((deep - radius) / EDGE_BLUR_MM)).astype(np.uint8)
    labels = np.where(radius < deep, RESIDUAL_CANAL, np.where(radius < 20, C4, 0)).astype(np.uint8)
    too_deep = replace(
        segmentation,
        mask=Mask(labels, segmentation.mask.affine),
        canal=Probability(canal, segmentation.mask.affine),
    )
    refined, _ = refine_segmentation(too_deep, replace(volume, hu=hu))
    assert edge_mm(too_deep.canal, (0, -1, 0)) == pytest.approx(RADIUS_MM + 2.2, abs=0.2)
    assert edge_mm(refined.canal, (0, -1, 0)) == pytest.approx(RADIUS_MM, abs=0.4)
    assert edge_mm(refined.canal, (0, 1, 0)) == pytest.approx(RADIUS_MM, abs=0.25)


def test_the_label_map_follows_the_edge_and_bone_takes_what_the_canal_leaves():
    segmentation, volume = tube(mass=False)
    labels = segmentation.mask.labels.copy()
    labels[(labels == 0) & (volume.hu > 500)] = C4
    drawn = replace(segmentation, mask=Mask(labels, segmentation.mask.affine))
    refined, _ = refine_segmentation(drawn, volume)
    true = volume.hu == 30
    wrong_before, wrong_after = (
        ((m.labels[5:35] == RESIDUAL_CANAL) != true[5:35]).sum() for m in (drawn.mask, refined.mask)
    )
    assert wrong_after < 0.3 * wrong_before
    left = (labels == RESIDUAL_CANAL) & (refined.mask.labels != RESIDUAL_CANAL)
    assert left.sum() > 1000
    assert (refined.mask.labels[left] == C4).all()
    same = ~left & (refined.mask.labels != RESIDUAL_CANAL)
    np.testing.assert_array_equal(refined.mask.labels[same], labels[same])


def test_no_canal_is_left_beyond_an_edge_that_moved_inwards():
    segmentation, volume = tube(mass=False)
    _, _, radius = beside_the_tube(segmentation)
    wide = radius < RADIUS_MM + WIDE_MM + 0.25  # a voxel's middle beyond the soft edge, as rounding leaves it
    labels = np.where(wide, RESIDUAL_CANAL, 0).astype(np.uint8)
    drawn = replace(segmentation, mask=Mask(labels, segmentation.mask.affine))
    refined, _ = refine_segmentation(drawn, volume)
    left = (refined.mask.labels == RESIDUAL_CANAL)[5:35] & (refined.canal.values < 128)[5:35]
    assert left.sum() < 0.01 * wide[5:35].sum()


def test_ossification_stays_in_the_label_map():
    segmentation, volume = tube(mass=True)
    refined, _ = refine_segmentation(segmentation, volume)
    np.testing.assert_array_equal(
        refined.mask.labels == OSSIFICATION, segmentation.mask.labels == OSSIFICATION
    )


def test_ossification_drawn_into_a_body_ends_at_the_wall_that_the_contour_found():
    segmentation, volume = tube(mass=True)
    x, y, radius = beside_the_tube(segmentation)
    too_deep = (y < -4.0) & (np.abs(x) < 4) & (radius < RADIUS_MM + WIDE_MM)
    labels = np.where(too_deep, OSSIFICATION, segmentation.mask.labels)
    labels[:, : np.argmax((labels > 0)[20].any(axis=1))] = C4
    labels[(labels == 0) & (volume.hu > 500)] = C4
    bone = Probability(np.where(too_deep, np.uint8(255), np.uint8(0)), segmentation.mask.affine)
    drawn = replace(segmentation, mask=Mask(labels, segmentation.mask.affine), ossification=bone)
    refined, _ = refine_segmentation(drawn, volume)
    assert (refined.ossification.values <= refined.canal.values).all()
    wall = edge_mm(refined.canal, (0, -1, 0))
    assert wall == pytest.approx(RADIUS_MM, abs=0.3)
    beyond = too_deep & (radius > wall + 0.3)
    beyond[:5] = beyond[35:] = False
    assert beyond.sum() > 100
    assert (refined.mask.labels[beyond] == C4).mean() > 0.95
    kept = too_deep & (radius < wall - 0.3)
    assert (refined.mask.labels[kept] == OSSIFICATION).all()


def test_the_networks_outline_is_kept_beside_the_refined_one():
    segmentation, volume = tube(mass=False)
    refined, refinement = refine_segmentation(segmentation, volume)
    (plane,) = measure_segmentation(refined, volume).planes
    told = refinement.with_network(plane)
    assert told.refined
    for name, radius_mm in (("canal", RADIUS_MM), ("network", RADIUS_MM + WIDE_MM)):
        (outline,) = told.outlines_lps_mm[name]
        x, y, z = np.array(outline).T
        assert np.hypot(x - 0.04 * (z - 930), y).mean() == pytest.approx(radius_mm, abs=0.15)
    far = replace(plane, center_lps_mm=(0.0, 0.0, 1200.0))
    assert refinement.with_network(far) is far


def test_the_wall_along_a_mass_stays_where_it_was():
    segmentation, volume = tube(mass=True)
    refined, _ = refine_segmentation(segmentation, volume)
    before, after = (edge_mm(s.canal, (0, -1, 0)) for s in (segmentation, refined))
    assert after == pytest.approx(before, abs=0.1)
    assert edge_mm(refined.canal, (0, 1, 0)) == pytest.approx(RADIUS_MM, abs=0.3)


def test_the_wall_behind_a_mass_moves_as_the_free_wall_at_bodies_does():
    segmentation, volume = tube(mass=True)
    labels = segmentation.mask.labels.copy()
    labels[:, : np.argmax(labels[20].any(axis=1))] = C4
    at_bodies = replace(segmentation, mask=Mask(labels, segmentation.mask.affine))
    refined, _ = refine_segmentation(at_bodies, volume)
    before, after = (edge_mm(s.canal, (0, -1, 0)) for s in (at_bodies, refined))
    assert before == pytest.approx(RADIUS_MM + WIDE_MM, abs=0.15)
    assert after == pytest.approx(RADIUS_MM, abs=0.3)


@pytest.mark.parametrize("at_body", [True, False])
def test_what_seems_a_rim_holds_the_wall_at_a_disc_and_not_at_a_body(at_body):
    segmentation, volume = tube(mass=True, mass_from_mm=6.4)
    labels = segmentation.mask.labels.copy()
    labels[labels == OSSIFICATION] = OTHER_NARROWING
    ahead = np.argmax(labels[20].any(axis=1))
    if at_body:
        labels[:, :ahead] = C4
    none = Probability(np.zeros_like(segmentation.ossification.values), segmentation.mask.affine)
    rimmed = replace(segmentation, mask=Mask(labels, segmentation.mask.affine), ossification=none)
    refined, _ = refine_segmentation(rimmed, volume)
    before, after = (edge_mm(s.canal, (0, -1, 0)) for s in (rimmed, refined))
    if at_body:
        assert after < before - 0.5
    else:
        assert after == pytest.approx(before, abs=0.1)


def test_the_wall_at_a_disc_comes_to_the_line_between_the_bodies():
    segmentation, volume = tube(mass=False)
    x, y, _ = beside_the_tube(segmentation)
    z = 904.0 + SPACING[0] * np.arange(SHAPE[0])
    disc = np.abs(z - 933.0)[:, None, None] < 5.0
    ahead = (y < -4.0) & (np.abs(x) < 9.0)
    soft = disc & ahead & (volume.hu > 100)  # no bone in front: the contour finds no edge there
    labels = segmentation.mask.labels.copy()
    labels[(labels == 0) & ahead & ~disc] = C4
    drawn = replace(segmentation, mask=Mask(labels, segmentation.mask.affine))
    refined, _ = refine_segmentation(
        drawn, replace(volume, hu=np.where(soft, 60, volume.hu).astype(np.int16))
    )
    assert edge_mm(drawn.canal, (0, -1, 0)) == pytest.approx(RADIUS_MM + WIDE_MM, abs=0.15)
    assert edge_mm(refined.canal, (0, -1, 0)) == pytest.approx(RADIUS_MM, abs=0.3)


def test_planes_that_do_not_hold_the_whole_outline_are_left_as_they_are(monkeypatch):
    segmentation, volume = tube(mass=False)
    monkeypatch.setattr("canalis.measurement.sections.SECTION_HALF_MM", RADIUS_MM)
    refined, refinement = refine_segmentation(segmentation, volume)
    assert refinement is not None
    assert len(refinement.settled) == 0
    np.testing.assert_array_equal(refined.canal.values, segmentation.canal.values)


def test_a_canal_that_ends_in_a_thread_is_refined_where_it_is_one():
    segmentation, volume = tube(mass=False)
    assert segmentation.canal is not None
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(
        segmentation.canal.to_lps(index.reshape(-1, 3).astype(float)).reshape(*SHAPE, 3), -1, 0
    )
    radius = np.hypot(x - 0.04 * (z - 930), y)
    thread = np.rint(255 * ndtr((0.6 - radius) / EDGE_BLUR_MM)).astype(np.uint8)
    values = np.where(index[..., 0] > 25, thread, segmentation.canal.values)
    ending = replace(segmentation, canal=Probability(values, segmentation.canal.affine))
    _, refinement = refine_segmentation(ending, volume)
    assert refinement is not None
    assert refinement.settled.any()
    assert (refinement.centers_lps[:, 2] < 904 + 1.5 * 26).all()


def test_labels_drawn_by_hand_are_given_back_as_they_are():
    segmentation, volume = tube(mass=False)
    drawn = Segmentation(segmentation.mask, NAMED)
    assert refine_segmentation(drawn, volume) == (drawn, None)


def test_voxels_too_coarse_for_lengths_are_not_refined():
    segmentation, volume = tube(mass=False, spacing=(3.5, 0.5, 0.45))
    assert refine_segmentation(segmentation, volume) == (segmentation, None)


def with_large_pixels(segmentation, volume, rows=7, columns=8):
    """The same neck as a scan of 3.5 by 3.6 mm pixels, each the mean of what it covers, a body in front."""
    _, y, radius = beside_the_tube(segmentation)
    body = (y < -3) & (radius >= RADIUS_MM)
    hu = np.where(body, 300.0, volume.hu)
    taken = (slice(None), slice(rows // 2, None, rows), slice(columns // 2, None, columns))
    affine = volume.affine @ np.diag([1.0, rows, columns, 1.0])
    affine[:3, 3] += volume.affine[:3, :3] @ (0, rows // 2, columns // 2)
    labels = np.where(body & (segmentation.mask.labels == 0), C4, segmentation.mask.labels)[taken]
    mean = uniform_filter(hu, (1, rows, columns))[taken].astype(np.int16)
    return replace(segmentation, mask=Mask(labels.astype(np.uint8), affine)), Volume(mean, affine)


def test_of_large_pixels_the_front_wall_alone_comes_to_the_half_maximum():
    segmentation, volume = with_large_pixels(*tube(mass=False))
    refined, refinement = refine_segmentation(segmentation, volume)
    assert refinement is None
    for way, there in (
        ((0, -1, 0), RADIUS_MM),
        ((0, 1, 0), RADIUS_MM + WIDE_MM),
        ((1, 0, 0), RADIUS_MM + WIDE_MM),
    ):
        assert edge_mm(segmentation.canal, way) == pytest.approx(RADIUS_MM + WIDE_MM, abs=0.15)
        assert edge_mm(refined.canal, way) == pytest.approx(there, abs=0.3)


def test_of_large_pixels_a_front_wall_without_a_step_of_bone_stays():
    segmentation, volume = with_large_pixels(*tube(mass=False))
    faint = replace(volume, hu=np.minimum(volume.hu, 150).astype(np.int16))
    refined, _ = refine_segmentation(segmentation, faint)
    np.testing.assert_array_equal(refined.canal.values, segmentation.canal.values)


def test_progress_is_told():
    seen = []
    refine_segmentation(*tube(mass=False), progress=lambda *step: seen.append(step))
    assert seen == [("Refining", 0, 1), ("Refining", 1, 1)]
