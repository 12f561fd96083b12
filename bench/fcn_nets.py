"""The two kinds of network of ``fcn_against_patches.py``: one over the whole slice, one window a pixel.

Not a benchmark itself. Both end the same five stages of convolution and pooling. The FCN lifts its
scores back by deconvolutions that start as bilinear interpolation and adds the scores of finer stages
(Long, Shelhamer and Darrell 2015); the patch CNN (Ciresan et al. 2012) ends in a layer that is fully
connected to all that is left of its window.
"""

from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

from canalis.train.nets import squash

CHANNELS: Final = (8, 16, 32, 48, 64)
"""One number a stage; each ends at half the resolution of the one before."""

HIDDEN: Final = 64
CLASSES: Final = 4
STRIDES: Final = (32, 16, 8, 4, 2, 1)
"""Of the finest scores that an FCN adds: 32 has no skip, 1 has one from every stage."""

COARSEST: Final = 2 ** len(CHANNELS)
WINDOW: Final = 126
"""Side of the patch CNN's window: the pixels that one pixel of FCN-32s depends on.

A cell of stage 5 sees 94 pixels, and deconvolution reads two neighbouring cells, 32 pixels apart. Steps of 2
read a third cell with small weight, so that a pixel of the finer FCNs depends faintly on up to 158.
"""

BEFORE: Final = WINDOW // 2
"""Pixels of a window above and left of the one it answers for."""


class Stages(nn.Module):  # type: ignore[misc]
    """Five times: convolution of 3 x 3, normalisation, ReLU, pooling by 2."""

    def __init__(self, *, padding: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(narrow, wide, 3, 1, padding, bias=False),
                nn.BatchNorm2d(wide),
                nn.ReLU(inplace=True),
            )
            for narrow, wide in pairwise((1, *CHANNELS))
        )
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return features at strides 1, 2, 4, 8, 16 and 32: the first before its pooling, the rest after."""
        features: list[Tensor] = []
        for conv in self.convs:
            x = conv(x)
            features = features or [x]
            x = self.pool(x)
            features.append(x)
        return features


class FCN(nn.Module):  # type: ignore[misc]
    """Every pixel of a slice at once."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stages = Stages(padding=1)
        self.score = _scores(1)
        self.lifts, self.skips = nn.ModuleList(), nn.ModuleList()
        at, widths = COARSEST, [CHANNELS[0], *CHANNELS]
        while at > stride:
            at //= 2
            self.lifts.append(bilinear_deconvolution(2))
            skip = nn.Conv2d(widths[at.bit_length() - 1], CLASSES, 1)
            nn.init.zeros_(skip.weight)
            nn.init.zeros_(skip.bias)
            self.skips.append(skip)
        self.last = bilinear_deconvolution(at) if at > 1 else nn.Identity()

    def forward(self, hu: Tensor) -> Tensor:
        """Return logits (n, 4, rows, columns) for HU (n, 1, rows, columns), sides multiples of 32."""
        *finer, coarsest = self.stages(squash(hu))
        scores = self.score(coarsest)
        for lift, skip, features in zip(self.lifts, self.skips, reversed(finer), strict=False):
            scores = lift(scores) + skip(features)
        return torch.as_tensor(self.last(scores))


class PatchCNN(nn.Module):  # type: ignore[misc]
    """One pixel a window: no padding inside, so that 126 pixels end as 2 x 2."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = Stages(padding=0)
        self.score = _scores(2)

    def forward(self, hu: Tensor) -> Tensor:
        """Return logits (n, 4) for HU (n, 1, 126, 126)."""
        return torch.as_tensor(self.score(self.stages(squash(hu))[-1]).flatten(1))


def network(name: str) -> FCN | PatchCNN:
    """Return the untrained network of a name: ``patch``, or ``FCN-32s`` to ``FCN-1s``."""
    return PatchCNN() if name.startswith("patch") else FCN(int(name[4:-1]))


def _scores(kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(CHANNELS[-1], HIDDEN, kernel), nn.ReLU(inplace=True), nn.Conv2d(HIDDEN, CLASSES, 1)
    )


def bilinear_deconvolution(factor: int) -> nn.ConvTranspose2d:
    """Return a learned upsampling of each class by itself, which starts as bilinear interpolation."""
    layer = nn.ConvTranspose2d(CLASSES, CLASSES, 2 * factor, factor, factor // 2, groups=CLASSES, bias=False)
    ramp = 1 - (torch.arange(2 * factor) - factor + 0.5).abs() / factor
    with torch.no_grad():
        layer.weight.copy_(torch.outer(ramp, ramp).expand_as(layer.weight))
    return layer


def parameters(net: nn.Module) -> int:
    """Return how many numbers are learned."""
    return sum(p.numel() for p in net.parameters())


def multiply_adds(net: nn.Module, shape: tuple[int, ...]) -> int:
    """Return the multiply-adds of the convolutions and deconvolutions for one input of a shape."""
    total = 0

    def add(layer: nn.Module, given: tuple[Tensor, ...], answer: Tensor) -> None:
        nonlocal total
        moved = given[0] if isinstance(layer, nn.ConvTranspose2d) else answer
        total += layer.weight[0].numel() * moved.numel()

    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    hooks = [m.register_forward_hook(add) for m in net.modules() if isinstance(m, kinds)]
    was_training = net.training
    with torch.no_grad():
        net.eval()(torch.zeros(shape))
    net.train(was_training)
    for hook in hooks:
        hook.remove()
    return total
