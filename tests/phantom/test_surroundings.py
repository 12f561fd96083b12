"""What lies around the spine lies where anatomy has it, and nothing foreign lies in the canal."""

from dataclasses import replace

import numpy as np
import pytest

from canalis.phantom.canal import canal_at
from canalis.phantom.hardware import Board, screws
from canalis.phantom.neck import T1
from canalis.phantom.ossification import plan_growths
from canalis.phantom.phantom import ANY, draw_phantom
from canalis.phantom.plan import plan_neck
from canalis.phantom.render import render
from canalis.phantom.scanner import Scanner, frame_scanner, scan, stretch_of
from canalis.phantom.small_bones import rib_path, ribs
from canalis.phantom.structures import Structure
from canalis.phantom.surroundings import FIELDS, Surroundings, plan_surroundings
from canalis.phantom.vessels import vertebral_arteries

SEED = 2_000_300


@pytest.fixture(scope="module")
def neck():
    return plan_neck(np.random.default_rng(SEED))


@pytest.fixture(scope="module")
def scanner(neck) -> Scanner:
    top, bottom = stretch_of(neck)
    return frame_scanner(
        neck, pixel_mm=3.0, slice_mm=5.0, field_mm=(300.0, 260.0), top=top + 30, bottom=bottom + 60
    )


@pytest.fixture(scope="module")
def around(neck, scanner) -> Surroundings:
    z, y, x = scanner.places()
    low, high = np.array([x[0], y[0], z[0]]), np.array([x[-1], y[-1], z[-1]])
    return plan_surroundings(np.random.default_rng(SEED + 1), neck, low - 4, high + 4)


def draw(neck, around, scanner):
    growths = plan_growths(np.random.default_rng(SEED + 2), neck, ANY)
    return render(neck, growths, around, scanner, np.random.default_rng(SEED + 3))


@pytest.mark.parametrize("seed", range(SEED, SEED + 6))
def test_the_first_rib_runs_from_t1_over_its_transverse_process_forwards_and_down(seed):
    neck = plan_neck(np.random.default_rng(seed))
    t1 = neck.vertebrae[T1]
    for side in (-1, 1):
        path = rib_path(neck, T1, side, front_lps=np.array([27.0, -70.0, -70.0]), wide_mm=55.0)
        head, tubercle = neck.curve.locate(path[[0, 2]])
        assert t1.s_mm < head[2] < t1.upper_mm  # its single facet is on T1's upper half
        assert abs(abs(head[0]) - t1.width / 2) < 3
        assert head[1] < 0  # before the canal's middle, at the back of the body
        assert abs(abs(tubercle[0]) - t1.transverse_tip) < 3
        assert tubercle[1] > 0
        assert (np.diff(path[2:, 2]) < 0).all()
        assert (np.diff(path[3:, 1]) < 0).all()


def test_the_drawn_first_rib_begins_at_t1_and_below_it_come_others(neck):
    found = ribs(np.random.default_rng(1), neck, cortex_hu=1000.0, marrow_hu=200.0)
    first = neck.curve.locate(found.at_mm[found.structure == Structure.FIRST_RIB, :3])
    others = neck.curve.locate(found.at_mm[found.structure == Structure.OTHER_RIB, :3])
    near = np.abs(first[:, 0]) < 20
    assert first[near, 2].max() < neck.vertebrae[T1].upper_mm
    assert first[:, 2].max() > others[:, 2].max()


def test_no_screw_comes_within_2_mm_of_the_canal():
    for seed in range(SEED, SEED + 25):
        neck = plan_neck(np.random.default_rng(seed))
        metal = screws(np.random.default_rng(seed), neck)
        x, y, s = neck.curve.locate(metal[:, :3]).T
        assert (canal_at(neck, s).distance(x, y) - metal[:, 3]).min() > 2.0
        assert len(metal) > 30


def test_metal_is_drawn_and_throws_streaks_beyond_the_noise(neck, scanner, around):
    teeth = np.array([[-30.0, -60.0, 60.0, 3.5], [28.0, -62.0, 60.0, 3.5]])
    images = []
    for metal in (np.zeros((0, 4)), teeth):
        drawn = draw(neck, replace(around, metal_mm=metal), scanner)
        assert (drawn.structure == Structure.METAL).any() == bool(len(metal))
        quiet = replace(scanner, noise_hu=5.0, shoulder_noise=1.0, metal=0.7)
        images.append(scan(drawn.hu, quiet, neck, np.random.default_rng(9), metal_mm=metal))
    z, y, x = scanner.places()
    level, far = np.abs(z - 60) < 3, np.abs(z - 60) > 12
    off = images[1].astype(float) - images[0]
    muscle = (np.abs(images[0]) < 150) & (np.hypot(x[None, None] + 1, y[None, :, None] + 61) > 45)
    assert off[level][muscle[level]].std() > 3 * 5.0 * np.sqrt(2)
    assert off[far][muscle[far]].std() < 1.5 * 5.0 * np.sqrt(2)


def test_the_table_is_drawn_outside_the_skin_alone(neck, scanner, around):
    _, y, _ = scanner.places()
    board = Board(
        y_mm=70.0, bend=0.0, half_width_mm=150.0, thick_mm=8.0, shell_mm=0.0, hu=300.0, core_hu=-900.0,
        low_z_mm=-1e4, high_z_mm=1e4,
    )  # fmt: skip
    bare = draw(neck, replace(around, boards=(), mask_mm=0.0), scanner)
    lying = draw(neck, replace(around, boards=(board,), mask_mm=0.0), scanner)
    changed = np.abs(lying.hu - bare.hu) > 1
    assert changed.any()
    assert bare.hu[changed].max() < -500  # air before, or skin's own partial volume
    rows = np.flatnonzero(changed.any(axis=(0, 2)))
    assert np.abs(y[rows] - 70).max() < 8
    np.testing.assert_array_equal(lying.structure, bare.structure)


def test_vertebral_arteries_pass_the_foramina_outside_the_canal(neck):
    found = vertebral_arteries(np.random.default_rng(2), neck, 350.0)
    x, y, s = neck.curve.locate(found.at_mm[:, :3]).T
    for v in neck.vertebrae[2:6]:
        at = np.abs(s - v.s_mm) < 1.5
        assert at.sum() >= 2
        assert (canal_at(neck, s[at]).distance(x[at], y[at]) > 2).all()
        assert (y[at] < 0).all()


def test_no_bone_of_the_head_lies_bare(around):
    field = dict(zip(FIELDS, around.lattice.fields, strict=True))
    for bone in ("skull", "jaw"):
        inside = field[bone] < 0
        assert inside.any()
        assert field["skin"][inside].max() < -2


def test_the_same_seed_draws_the_same_surroundings(neck, scanner):
    first, second = (draw_phantom(SEED, neck=neck, scanner=replace(scanner, slices=5)) for _ in range(2))
    np.testing.assert_array_equal(first.volume.hu, second.volume.hu)
