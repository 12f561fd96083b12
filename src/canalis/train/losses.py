"""What training makes small: cross-entropy summed over positions (the paper's Eq. 3), and overlap."""

from typing import Final

import torch
from torch import Tensor

from canalis.segment.classes import Coarse, Fine
from canalis.train.truth import IGNORED

SMOOTH: Final = 5.0  # voxels added above and below; at 50 the dens, of as many voxels, was never learned

FINE_WEIGHTS: Final = tuple(
    {Fine.OSSIFICATION: 2.0, Fine.OTHER_NARROWING: 4.0, Fine.OSTEOPHYTE: 1.5}.get(c, 1.0) for c in Fine
)
COARSE_WEIGHTS: Final = tuple(
    {
        Coarse.OUTSIDE: 0.15,  # 97 % of voxels: at full weight the net says nothing else for 400 steps
        Coarse.CANAL: 2.0,
        Coarse.DISC: 3.0,
        Coarse.DENS: 10.0,
        Coarse.FIRST_RIB: 4.0,
        Coarse.OTHER_RIB: 2.0,
        Coarse.SKULL: 0.7,
        Coarse.OTHER_BONE: 0.7,
    }.get(c, 1.0)
    for c in Coarse
)
COARSE_EVERY: Final = 5
"""Share of voxels that the structure head's loss looks at: not a divisor of a row, so that it wanders."""

LEVEL_SHARE: Final = 0.5  # weight of the level head beside the structure head


def overlap_and_entropy(
    logits: Tensor, target: Tensor, weights: tuple[float, ...] | None = None, *, every: int = 1
) -> Tensor:
    """Return mean cross-entropy plus one minus the mean Dice of the classes after the first.

    Parameters
    ----------
    logits : Tensor of shape (n, classes, ...)
        Before softmax.
    target : Tensor of shape (n, ...)
        uint8 classes; 255 is ignored.
    weights : tuple of float, optional
        One a class, of the cross-entropy.
    every : int
        Look at one position in so many.

    Returns
    -------
    Tensor
        A scalar.
    """
    classes = logits.shape[1]
    flat = logits.movedim(1, -1).reshape(-1, classes)
    wanted = target.reshape(-1)
    keep = torch.nonzero(wanted != IGNORED)[:, 0]
    if every > 1:
        keep = keep[every // 2 :: every]
    if keep.numel() == 0:
        return logits.sum() * 0
    if keep.numel() < wanted.numel():
        flat, wanted = flat.index_select(0, keep), wanted[keep]
    wanted = wanted.long()
    log_p = torch.log_softmax(flat.float(), dim=1)
    picked = log_p.gather(1, wanted[:, None])[:, 0]
    share = torch.tensor(weights or (1.0,) * classes, device=flat.device)[wanted]
    entropy = -(picked * share).sum() / share.sum()
    p_sum = log_p.exp().sum(dim=0)
    hit = torch.zeros(classes, device=flat.device).index_add(0, wanted, picked.exp())
    count = torch.bincount(wanted, minlength=classes)
    dice = (2 * hit + SMOOTH) / (p_sum + count + SMOOTH)
    return torch.as_tensor(entropy + 1 - dice[1:].mean())


def fine_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the loss of the fine network."""
    return overlap_and_entropy(logits, target, FINE_WEIGHTS)


def coarse_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the loss of both heads; ``target`` is (n, 2, ...): structure, then level."""
    structure = overlap_and_entropy(
        logits[:, : len(Coarse)], target[:, 0], COARSE_WEIGHTS, every=COARSE_EVERY
    )
    level = overlap_and_entropy(logits[:, len(Coarse) :], target[:, 1])
    return structure + LEVEL_SHARE * level
