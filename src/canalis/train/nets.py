"""The two fully convolutional networks: encoder, learned deconvolutions, and skips between them.

Every layer is a convolution, a deconvolution or acts on each position alone, so that a network
takes a scan of any size (Long, Shelhamer and Darrell 2015, the source of the paper's Eq. 1 to 3).
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import torch
from torch import Tensor, nn

from canalis.segment.classes import LEVEL_CLASSES, Coarse, Fine

LEAST_HU: Final = -300.0
MOST_HU: Final = 2000.0
SOFT_HU: Final = 50.0
"""Where the squashed intensity is steepest: muscle, cord, disc."""

SOFTNESS_HU: Final = 200.0

SLICE_OFFSETS: Final = (-10, -6, -3, -1, 0, 1, 3, 6, 10)
"""Slices of 1 mm that the fine network sees: the far ones tell an endplate's rim from a mass that goes on."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How wide and deep a network is.

    Attributes
    ----------
    channels : tuple of int
        One number a scale; each scale is half as fine as the one before.
    down, up : tuple of int
        Convolutions at each scale on the way down, and up.
    stem_stride : int
        1 to work at full resolution, 2 to start at half.
    """

    channels: tuple[int, ...]
    down: tuple[int, ...]
    up: tuple[int, ...]
    stem_stride: int = 1

    @property
    def stride(self) -> int:
        """Multiple that every side of the input must be padded to."""
        return int(self.stem_stride * 2 ** (len(self.channels) - 1))


FINE_SHAPE: Final = Shape((16, 32, 64, 128, 128), (1, 2, 2, 2, 2), (1, 1, 2, 2))
COARSE_SHAPE: Final = Shape((16, 32, 64, 112), (1, 1, 2, 3), (1, 1, 1), stem_stride=2)


def squash(hu: Tensor) -> Tensor:
    """Return intensities on a scale that is finest around soft tissue; air, padding and beyond are 0."""
    kept = torch.clamp(hu, LEAST_HU, MOST_HU)
    return torch.asinh((kept - SOFT_HU) / SOFTNESS_HU) - math.asinh((LEAST_HU - SOFT_HU) / SOFTNESS_HU)


def _block(dims: int, widths: list[int], stride: int) -> nn.Sequential:
    conv: Any = nn.Conv2d if dims == 2 else nn.Conv3d
    norm: Any = nn.BatchNorm2d if dims == 2 else nn.BatchNorm3d
    layers: list[nn.Module] = []
    for i, (narrow, wide) in enumerate(pairwise(widths)):
        layers += [
            conv(narrow, wide, 3, stride if i == 0 else 1, 1, bias=False),
            norm(wide),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class Trunk(nn.Module):  # type: ignore[misc]
    """Encoder, deconvolutions and skips, up to the features of its finest scale.

    Parameters
    ----------
    inputs : int
        Channels in.
    shape : Shape
        How wide and deep.
    dims : {2, 3}
        Slices, or volumes.
    """

    def __init__(self, inputs: int, shape: Shape, *, dims: int) -> None:
        super().__init__()
        widths = shape.channels
        deconv: Any = nn.ConvTranspose2d if dims == 2 else nn.ConvTranspose3d
        self.down = nn.ModuleList()
        for i, width in enumerate(widths):
            stride = shape.stem_stride if i == 0 else 2
            before = inputs if i == 0 else widths[i - 1]
            self.down.append(_block(dims, [before] + [width] * shape.down[i], stride))
        self.lift = nn.ModuleList()
        self.up = nn.ModuleList()
        for i in range(len(widths) - 1):
            self.lift.append(deconv(widths[i + 1], widths[i], 2, 2))
            self.up.append(_block(dims, [2 * widths[i]] + [widths[i]] * shape.up[i], 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return features at the stem's resolution."""
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        for i in reversed(range(len(self.up))):
            x = self.up[i](torch.cat([skips[i], self.lift[i](x)], dim=1))
        return x


class FineNet(nn.Module):  # type: ignore[misc]
    """Nine neighbouring slices in, a class a pixel of the middle one out."""

    def __init__(self, shape: Shape = FINE_SHAPE) -> None:
        super().__init__()
        self.shape = shape
        self.trunk = Trunk(len(SLICE_OFFSETS), shape, dims=2)
        self.head = nn.Conv2d(shape.channels[0], len(Fine), 1)

    def forward(self, hu: Tensor) -> Tensor:
        """Return logits (n, classes, rows, columns) for HU (n, slices, rows, columns)."""
        return torch.as_tensor(self.head(self.trunk(squash(hu))))


class CoarseNet(nn.Module):  # type: ignore[misc]
    """A scan at 2.5 mm in, structure and level of every voxel out; most of the work is at 5 mm."""

    def __init__(self, shape: Shape = COARSE_SHAPE) -> None:
        super().__init__()
        self.shape = shape
        self.trunk = Trunk(1, shape, dims=3)
        self.head = nn.ConvTranspose3d(shape.channels[0], len(Coarse) + LEVEL_CLASSES, 2, shape.stem_stride)

    def forward(self, hu: Tensor) -> Tensor:
        """Return logits (n, structures + levels, ...) for HU (n, 1, slices, rows, columns)."""
        return torch.as_tensor(self.head(self.trunk(squash(hu))))


class FineAnswer(nn.Module):  # type: ignore[misc]
    """The fine network as exported: probabilities."""

    def __init__(self, net: FineNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, hu: Tensor) -> Tensor:
        """Return probabilities (n, classes, rows, columns)."""
        return torch.softmax(self.net(hu), dim=1)


class CoarseAnswer(nn.Module):  # type: ignore[misc]
    """The coarse network as exported: labels, and how sure it is of the canal and of each level."""

    def __init__(self, net: CoarseNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, hu: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return structure and level (uint8), probability of the canal and of the level (float32)."""
        logits = self.net(hu)
        structure, level = logits[:, : len(Coarse)], logits[:, len(Coarse) :]
        canal = torch.softmax(structure, dim=1)[:, int(Coarse.CANAL)]
        certainty = torch.softmax(level, dim=1).amax(dim=1)
        return structure.argmax(dim=1).to(torch.uint8), level.argmax(dim=1).to(torch.uint8), canal, certainty
