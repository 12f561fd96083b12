"""Overlap and accuracy on fixed validation batches, for the curves."""

import torch
from torch import Tensor

from canalis.segment.classes import Coarse, Fine
from canalis.train.truth import IGNORED

Score = dict[str, tuple[float, float]]
"""Name to a numerator and a denominator, to be summed over batches."""


def score_batch(net: str, logits: Tensor, target: Tensor) -> Score:
    """Return Dice by class, and for the coarse network the share of levels named right."""
    if net == "fine":
        return _dice(logits.argmax(dim=1), target, Fine)
    structures = len(Coarse)
    found = _dice(logits[:, :structures].argmax(dim=1), target[:, 0], Coarse)
    named = target[:, 1] != IGNORED
    right = (logits[:, structures:].argmax(dim=1) == target[:, 1]) & named
    return found | {"level": (float(right.sum()), float(named.sum()))}


def _dice(found: Tensor, target: Tensor, classes: type[Fine] | type[Coarse]) -> Score:
    seen = target != IGNORED
    score: Score = {}
    for number in list(classes)[1:]:
        here, wanted = (found == number) & seen, target == number
        both = float((here & wanted).sum())
        score[number.name.lower()] = (2 * both, float(here.sum() + wanted.sum()))
    canal = [c for c in classes if c.name in ("RESIDUAL_CANAL", "OSSIFICATION", "OTHER_NARROWING", "CANAL")]
    numbers = torch.tensor([int(c) for c in canal])
    here, wanted = torch.isin(found, numbers) & seen, torch.isin(target, numbers)
    score["whole_canal"] = (2 * float((here & wanted).sum()), float(here.sum() + wanted.sum()))
    return score
