"""Training cases: scans of many kinds, and labels only where the scan shows something."""

import numpy as np
import pytest

from canalis.phantom.ossification import PRESENT_SHARE, Wanted, plan_growths
from canalis.phantom.plan import plan_neck
from canalis.phantom.scanner import PLAIN_SHARE
from canalis.phantom.structures import Structure
from canalis.segment.grids import Grid
from canalis.train import phantoms
from canalis.train.cache import TEST_SEED, Sampled, list_cases
from canalis.train.phantoms import (
    MIXED,
    _cut_short,
    _native,
    draw_fine,
    make_mixed_case,
    make_myelogram_case,
    make_phantom_case,
)

GRID = Grid((-40.0, -40.0, 0.0), (1.0, 0.5, 0.5), (80, 160, 150))


def test_what_is_cut_off_or_blanked_keeps_no_label():
    rng = np.random.default_rng(5)
    shape = (30, 40, 50)
    whole = Sampled(
        np.full(shape, 300, dtype=np.int16),
        np.full(shape, 4, dtype=np.uint8),
        np.full(shape, 5, dtype=np.uint8),
        Grid((0.0, 0.0, 0.0), (1.0, 0.5, 0.5), shape),
    )
    cut = [_cut_short(rng, whole) for _ in range(60)]
    for case in cut:
        blank = case.hu != 300
        assert not case.structure[blank].any()
        assert not case.level[blank].any()
        assert (case.structure[~blank] == 4).all()
    assert 8 < sum((case.hu != 300).any() for case in cut) < 40


def test_a_good_part_of_fine_cases_comes_from_thick_slices_and_from_large_pixels():
    rng = np.random.default_rng(6)
    spacing = [grid.spacing_mm for _ in range(600) if (grid := _native(rng, GRID)) is not None]
    thick, _, pixel = np.array(spacing).T
    assert (pixel >= 2.5).sum() / 600 == pytest.approx(0.14, abs=0.05)
    assert ((pixel >= 0.9) & (pixel <= 1.2) & (thick >= 2)).sum() / 600 == pytest.approx(0.13, abs=0.04)
    assert (thick >= 3).mean() > 0.2


def test_a_fine_case_holds_the_canal_and_its_bones():
    neck = plan_neck(np.random.default_rng(2_000_007))
    growths = plan_growths(np.random.default_rng(9), neck, Wanted())
    case = draw_fine(np.random.default_rng(8), neck, growths, plain_share=PLAIN_SHARE)
    assert case.hu.shape == case.structure.shape == case.grid.shape
    assert {1, 4, 5} <= set(np.unique(case.structure))


def test_a_lateral_case_has_ossification_to_one_side_of_the_canal(tmp_path):
    make_phantom_case(2_000_003, tmp_path, wanted=Wanted(present=True, lateral=True))
    structure = np.asarray(only_case(tmp_path).load("fine").structure)
    aside = [_off_middle(one) for one in structure if (one == Structure.OSSIFICATION).sum() > 40]
    assert aside
    assert np.median(np.abs(aside)) * GRID.spacing_mm[2] > 2.0
    assert abs(np.sign(aside).sum()) == len(aside)


def test_a_myelogram_case_has_contrast_in_the_sac(tmp_path):
    make_myelogram_case(2_000_002, tmp_path)
    fine = only_case(tmp_path).load("fine")
    assert np.percentile(fine.hu[fine.structure == Structure.RESIDUAL_CANAL], 90) > 100


@pytest.mark.parametrize("seed", range(2_000_010, 2_000_020))
def test_faint_ossification_is_little_denser_than_soft_tissue_and_fades(seed):
    neck = plan_neck(np.random.default_rng(seed))
    growths = plan_growths(np.random.default_rng(seed), neck, Wanted(present=True, faint=True))
    masses = [growth for growth in growths if growth.is_opll]
    assert masses
    for mass in masses:
        fused = mass.joined is not None  # what is fused to bodies has their marrow and no edge that fades
        assert 250 <= mass.core_hu <= 420
        assert fused or mass.soft_mm >= 0.6


def test_mixed_cases_are_shared_out_by_their_seeds_alone(monkeypatch, tmp_path):
    made = []
    shares = [share for share, _ in MIXED]
    noted = [(share, lambda seed, folder, k=k: made.append((seed, k))) for k, share in enumerate(shares)]
    monkeypatch.setattr(phantoms, "MIXED", noted)
    for seed in (*range(600), *range(599, -1, -1)):
        make_mixed_case(seed, tmp_path)
    assert made[:600] == made[:599:-1]
    found = np.bincount([k for _, k in made[:600]], minlength=len(shares)) / 600
    assert found == pytest.approx(shares, abs=0.05)  # 2.5 standard errors of 600


def test_mixed_cases_have_opll_about_as_often_as_by_chance():
    by_chance = sum(share for share, make in MIXED if not _wants(make))
    always = sum(share for share, make in MIXED if _wants(make) and make.keywords["wanted"].present)
    assert by_chance * PRESENT_SHARE + always == pytest.approx(PRESENT_SHARE, abs=0.02)


def only_case(folder):
    (case,) = list_cases(folder, least_seed=TEST_SEED, below_seed=TEST_SEED + 1_000)
    return case


def _wants(make):
    return "wanted" in getattr(make, "keywords", {})


def _off_middle(structure):
    """Columns from the middle of the canal to that of its ossification."""
    canal = (structure == Structure.RESIDUAL_CANAL) | (structure == Structure.OSSIFICATION)
    return np.argwhere(structure == Structure.OSSIFICATION)[:, 1].mean() - np.argwhere(canal)[:, 1].mean()
