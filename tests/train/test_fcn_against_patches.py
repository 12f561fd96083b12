"""What the comparison of FCNs with a patch CNN rests on: equal receptive fields, equal odds, right counts."""

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")
sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from torch import nn  # noqa: E402

from fcn_against_patches import canal_ap_mm, dice_of, hits  # noqa: E402
from fcn_nets import (  # noqa: E402
    BEFORE,
    FCN,
    WINDOW,
    PatchCNN,
    Stages,
    bilinear_deconvolution,
    multiply_adds,
    parameters,
)
from fcn_slices import Slice, class_weights, cut, draw_windows, whole, window  # noqa: E402


def linear(net: nn.Module) -> nn.Module:
    """Return the network with means for maxima and no ReLU, so that a gradient reaches all that is seen."""
    for layer in net.modules():
        if isinstance(layer, Stages):
            layer.pool = nn.AvgPool2d(2)
        if isinstance(layer, nn.Sequential):
            for k, inner in enumerate(layer):
                if isinstance(inner, nn.ReLU):
                    layer[k] = nn.Identity()
    return net.double().eval()


def seen(net: nn.Module, side: int, pixel: tuple[int, ...]) -> tuple[int, int]:
    """Return how many rows and columns one answer depends on."""
    x = torch.full((1, 1, side, side), 50.0, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(net(x)[(0, slice(None), *pixel)].square().sum(), x)
    rows, columns = np.nonzero(slope[0, 0].numpy())
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def test_a_pixel_of_fcn_32s_sees_as_much_as_the_window() -> None:
    torch.manual_seed(4)
    assert seen(linear(FCN(32)), 320, (150, 170)) == (WINDOW, WINDOW)


def test_the_window_is_seen_whole() -> None:
    torch.manual_seed(4)
    assert seen(linear(PatchCNN()), WINDOW, ()) == (WINDOW, WINDOW)


def test_a_pixel_of_fcn_1s_sees_at_most_a_third_cell_more() -> None:
    torch.manual_seed(4)
    net = FCN(1)
    for skip in net.skips:
        nn.init.normal_(skip.weight)
    rows, columns = seen(linear(net), 320, (150, 170))
    assert WINDOW <= rows <= WINDOW + 32
    assert WINDOW <= columns <= WINDOW + 32


def test_an_untrained_deconvolution_interpolates_a_ramp() -> None:
    ramp = torch.arange(6.0).expand(1, 4, 5, 6)
    lifted = bilinear_deconvolution(4)(ramp)[0, 2, 10, 4:-4]
    expected = (torch.arange(24) + 0.5) / 4 - 0.5
    torch.testing.assert_close(lifted, expected[4:-4])


def test_multiply_adds_and_parameters_are_those_counted_by_hand() -> None:
    filters = [9 * 1 * 8, 9 * 8 * 16, 9 * 16 * 32, 9 * 32 * 48, 9 * 48 * 64]
    valid = [124**2, 60**2, 28**2, 12**2, 4**2]
    window_work = sum(f * n for f, n in zip(filters, valid, strict=True)) + 4 * 64 * 64 + 64 * 4
    assert multiply_adds(PatchCNN(), (1, 1, WINDOW, WINDOW)) == window_work
    padded = [(64 >> k) * (96 >> k) for k in range(5)]
    cells = 2 * 3
    slice_work = sum(f * n for f, n in zip(filters, padded, strict=True)) + cells * (64 * 64 + 64 * 4)
    assert multiply_adds(FCN(32), (1, 1, 64, 96)) == slice_work + cells * 4 * 64 * 64
    normalised = 2 * (8 + 16 + 32 + 48 + 64)
    assert parameters(PatchCNN()) == sum(filters) + normalised + 4 * 64 * 64 + 64 + 64 * 4 + 4


def banded_slice() -> Slice:
    """Return a slice whose HU tells its class and place."""
    target = np.zeros((90, 110), dtype=np.uint8)
    target[30:60, 40:80], target[30:36, 50:60], target[60:70, 30:90] = 1, 2, 3
    hu = (np.arange(target.size).reshape(target.shape) + 1).astype(np.int16)
    return Slice(seed=7, number=3, hu=hu, target=target, centre=(45, 60))


def test_a_window_has_its_pixel_in_the_middle_and_air_beyond_the_slice() -> None:
    one = banded_slice()
    seen_here = window(one, 31, 52)
    assert seen_here.shape == (WINDOW, WINDOW)
    assert seen_here[BEFORE, BEFORE] == one.hu[31, 52]
    assert (seen_here[: BEFORE - 31] < -900).all()


def test_a_cut_outside_the_image_is_all_fill() -> None:
    assert (cut(banded_slice().hu, 500, 0, 8, fill=-1) == -1).all()


def test_a_whole_slice_keeps_its_pixels_where_they_were() -> None:
    one = banded_slice()
    padded = whole(one, 32)
    assert padded.shape == (1, 1, 96, 128)
    np.testing.assert_array_equal(padded[0, 0, :90, :110].numpy(), one.hu)


def test_windows_are_drawn_with_each_class_s_weight_as_odds() -> None:
    one = banded_slice()
    weights = class_weights([one])
    rng = np.random.default_rng(3)
    drawn = [draw_windows([one], weights, rng) for _ in range(60)]
    classes = torch.cat([target for _, target in drawn]).numpy()
    hu = torch.cat([images[:, 0, BEFORE, BEFORE] for images, _ in drawn]).numpy().astype(int)
    np.testing.assert_array_equal(one.target.ravel()[hu - 1], classes)
    counts = np.bincount(one.target.ravel(), minlength=4)  # the crop of 160 holds the whole slice
    expected = counts * weights / (counts * weights).sum()
    spread = np.sqrt(expected * (1 - expected) / len(classes))
    assert (np.abs(np.bincount(classes, minlength=4) / len(classes) - expected) < 4 * spread).all()


def test_ap_is_the_longest_part_of_canal_and_ossification() -> None:
    column = np.array([0, 1, 1, 0, 3, 2, 2, 1, 1, 1, 3, 1])
    assert canal_ap_mm(column) == pytest.approx(2.5)  # five pixels of 0.5 mm
    assert canal_ap_mm(np.zeros(9)) == 0


def test_dice_pools_the_counts_of_all_slices() -> None:
    true, found = np.array([1, 1, 2, 3, 0], np.uint8), np.array([1, 2, 2, 3, 3])
    counts = np.array([hits(found, true), hits(true.astype(np.intp), true)])
    np.testing.assert_allclose(dice_of(counts), [2 * 3 / 7, 2 * 2 / 5, 2 * 2 / 5])
