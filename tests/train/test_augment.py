"""What augmentation does to bone and its marrow, and leaves alone."""

import numpy as np
import pytest
import torch

from canalis.phantom.structures import Structure
from canalis.train.augment import BAND_AHEAD_MM, SOFT_HU, Strength, thin_marrow, vary_slices

PIXEL_MM = 0.5
WALL_ROW = 60
FRONT, MARROW_HU, CORTEX_HU = 10, 300.0, 900.0


@pytest.fixture
def slices():
    structure = np.full((2, 100, 60), Structure.OUTSIDE, np.uint8)
    structure[:, FRONT:WALL_ROW, 10:50] = Structure.BODY
    structure[:, WALL_ROW : WALL_ROW + 24, 15:45] = Structure.RESIDUAL_CANAL
    hu = np.full(structure.shape, 40.0, np.float32)
    hu[structure == Structure.BODY] = MARROW_HU
    hu[:, WALL_ROW - 2 : WALL_ROW, 10:50] = CORTEX_HU
    return hu, structure


def test_marrow_is_sparse_behind_the_wall_and_dense_before_it(slices):
    hu, structure = slices
    for seed in range(20):
        thin = thin_marrow(hu, structure, PIXEL_MM, np.random.default_rng(seed))[0, :, 30]
        behind = thin[WALL_ROW - 2 - round(BAND_AHEAD_MM[1] / PIXEL_MM) : WALL_ROW - 2]
        assert behind.min() < 0.85 * MARROW_HU
        assert thin[FRONT + 10] >= MARROW_HU
        assert thin[FRONT + 10] > 1.15 * behind.min()


def test_marrow_apart_the_slices_stay_as_they_are(slices):
    hu, structure = slices
    before = hu.copy()
    thin = thin_marrow(hu, structure, PIXEL_MM, np.random.default_rng(1))
    canal = structure == Structure.RESIDUAL_CANAL
    assert np.abs(thin[canal] - hu[canal]).max() < 0.5 * 40  # through the soft edge, a share of its own 40 HU
    np.testing.assert_allclose(thin[:, :5], hu[:, :5], atol=0.01)
    assert thin[0, WALL_ROW - 1, 30] > 0.4 * CORTEX_HU
    assert np.array_equal(hu, before)


def test_slices_without_a_canal_stay_as_they_are(slices):
    hu, structure = slices
    bare = np.where(structure == Structure.RESIDUAL_CANAL, Structure.OUTSIDE, structure).astype(np.uint8)
    assert np.array_equal(thin_marrow(hu, bare, PIXEL_MM, np.random.default_rng(1)), hu)


def test_bone_gets_a_density_of_its_own_in_every_sample_and_soft_tissue_keeps_its_own():
    bone_hu, most = 600.0, 0.4
    hu = torch.full((40, 9, 24, 24), 40.0)
    hu[..., :12] = bone_hu  # the halves meet at the 12th column
    still = Strength(0.0, 0.0, 0.0, 0.0, 1e-6, 0.0, 0.0, bone=most)
    target = torch.zeros((40, 24, 24), dtype=torch.uint8)
    seen, _ = vary_slices(hu, target, 24, still, np.random.default_rng(3))
    low = torch.minimum(seen[..., 2], seen[..., -3])  # some are mirrored
    high = torch.maximum(seen[..., 2], seen[..., -3])
    torch.testing.assert_close(low, torch.full_like(low, 40.0), atol=0.01, rtol=0)
    share = (high - SOFT_HU) / (bone_hu - SOFT_HU)
    assert share.amax(dim=(1, 2)).sub(share.amin(dim=(1, 2))).max() < 1e-4  # one density a sample
    each = share[:, 0, 0]
    assert 1 - most <= each.min() < 0.75
    assert 1.1 < each.max() <= 1 + most / 2
