"""The paper's Eq. 1 to 3 on the fine network's own layers."""

import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from torch import Tensor, nn  # noqa: E402

from canalis.train.nets import SLICE_OFFSETS, FineNet, Shape  # noqa: E402

SMALL = Shape((4, 6, 8), (1, 2, 2), (1, 1))
CLASSES = 3


def encoder(seed: int) -> nn.Sequential:
    """Return the encoder as a plain chain without padding, in float64, its normalisation fixed."""
    torch.manual_seed(seed)
    chain = nn.Sequential(*FineNet(SMALL).trunk.down, nn.Conv2d(8, CLASSES, 1)).double().eval()
    for layer in chain.modules():
        if isinstance(layer, nn.Conv2d):
            layer.padding = (0, 0)
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2.0)
        if isinstance(layer, nn.ReLU):
            layer.inplace = False
    return chain


def composed(chain: nn.Module) -> tuple[int, int]:
    """Return kernel and stride of the whole chain by Eq. 2: k' + (k - 1) s', s s'."""
    kernel, stride = 1, 1
    for layer in chain.modules():
        if isinstance(layer, nn.Conv2d):
            kernel, stride = kernel + (layer.kernel_size[0] - 1) * stride, stride * layer.stride[0]
    return kernel, stride


def image(side: int, seed: int = 5) -> Tensor:
    return torch.randn(
        1, len(SLICE_OFFSETS), side, side, generator=torch.Generator().manual_seed(seed)
    ).double()


def test_a_shift_of_the_input_by_the_stride_shifts_the_output_eq_1() -> None:
    chain = encoder(1)
    kernel, stride = composed(chain)
    whole = chain(image(kernel + 6 * stride))
    moved = chain(image(kernel + 6 * stride)[:, :, stride:, 2 * stride :])
    torch.testing.assert_close(moved, whole[:, :, 1:, 2:])


def test_the_whole_network_shifts_with_its_input_away_from_the_borders() -> None:
    torch.manual_seed(2)
    net = FineNet(SMALL).double().eval()
    x, step, margin = image(96), SMALL.stride, 32
    whole, moved = net(x), net(torch.roll(x, (step, 2 * step), (2, 3)))
    expected = torch.roll(whole, (step, 2 * step), (2, 3))
    inside = (..., slice(margin, -margin), slice(margin, -margin))
    torch.testing.assert_close(moved[inside], expected[inside])


def test_kernels_and_strides_compose_as_the_measured_receptive_field_eq_2() -> None:
    chain = encoder(3)
    kernel, stride = composed(chain)
    x = image(kernel + 4 * stride).requires_grad_()
    starts = []
    for position in (1, 2):
        (slope,) = torch.autograd.grad(chain(x)[0, :, position, 2].sum(), x)
        reached = torch.nonzero(slope[0].abs().sum(dim=(0, 2)))[:, 0]
        starts.append(int(reached.min()))
        assert int(reached.max()) - int(reached.min()) + 1 == kernel
    assert starts[1] - starts[0] == stride


def test_the_gradient_of_a_whole_image_is_the_sum_over_its_patches_eq_3() -> None:
    chain = encoder(4)
    kernel, stride = composed(chain)
    count = 3
    x = image(kernel + (count - 1) * stride)
    target = torch.arange(count * count).reshape(1, count, count) % CLASSES
    weights = list(chain.parameters())
    loss = nn.functional.cross_entropy(chain(x), target, reduction="sum")
    whole = torch.autograd.grad(loss, weights)
    summed = [torch.zeros_like(w) for w in weights]
    for row in range(count):
        for column in range(count):
            a, b = row * stride, column * stride
            patch = chain(x[:, :, a : a + kernel, b : b + kernel])
            part = nn.functional.cross_entropy(patch, target[:, row : row + 1, column : column + 1])
            for total, slope in zip(summed, torch.autograd.grad(part, weights), strict=True):
                total += slope
    for total, slope in zip(summed, whole, strict=True):
        torch.testing.assert_close(total, slope)
