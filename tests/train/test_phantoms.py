"""Training cases: scans of many kinds, and labels only where the scan shows something."""

import numpy as np
import pytest

from canalis.phantom.ossification import Wanted, plan_growths
from canalis.phantom.plan import plan_neck
from canalis.phantom.scanner import PLAIN_SHARE
from canalis.phantom.structures import Structure
from canalis.segment.grids import Grid
from canalis.train import phantoms
from canalis.train.cache import Sampled, list_cases
from canalis.train.phantoms import (
    MIXED_SHARES,
    _cut_short,
    _native,
    draw_fine,
    make_lateral_case,
    make_mixed_case,
    make_myelogram_case,
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
    make_lateral_case(999_003, tmp_path)
    structure = np.asarray(list_cases(tmp_path)[0].load("fine").structure)
    aside = [_off_middle(one) for one in structure if (one == Structure.OSSIFICATION).sum() > 40]
    assert aside
    assert np.median(np.abs(aside)) * GRID.spacing_mm[2] > 2.0
    assert abs(np.sign(aside).sum()) == len(aside)


def test_a_myelogram_case_has_contrast_in_the_sac(tmp_path):
    make_myelogram_case(999_002, tmp_path)
    fine = list_cases(tmp_path)[0].load("fine")
    assert np.percentile(fine.hu[fine.structure == Structure.RESIDUAL_CANAL], 90) > 100


def test_mixed_cases_are_shared_out_by_their_seeds_alone(monkeypatch, tmp_path):
    made = []
    for kind in ("make_phantom_case", "make_lateral_case", "make_myelogram_case"):
        monkeypatch.setattr(phantoms, kind, lambda seed, folder, kind=kind: made.append((seed, kind)))
    for seed in (*range(400), *range(399, -1, -1)):
        make_mixed_case(seed, tmp_path)
    assert made[:400] == made[:399:-1]
    kinds = [kind for _, kind in made[:400]]
    shares = [kinds.count(k) / 400 for k in ("make_phantom_case", "make_lateral_case", "make_myelogram_case")]
    assert shares == pytest.approx(MIXED_SHARES, abs=0.06)  # 2.5 standard errors of 400


def _off_middle(structure):
    """Columns from the middle of the canal to that of its ossification."""
    canal = (structure == Structure.RESIDUAL_CANAL) | (structure == Structure.OSSIFICATION)
    return np.argwhere(structure == Structure.OSSIFICATION)[:, 1].mean() - np.argwhere(canal)[:, 1].mean()
