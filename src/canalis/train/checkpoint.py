"""A run's state on disk: written whole or not at all, and taken up where it stopped."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from canalis.errors import ModelError
from canalis.train.cache import Case, read_case

CHECKPOINT: Final = "checkpoint.pt"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint beside the old one, then put it in its place."""
    temporary = folder / f".{CHECKPOINT}.{os.getpid()}"
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / CHECKPOINT)


def load_checkpoint(path: Path, device: str = "cpu") -> dict[str, Any]:
    """Return what :func:`save_checkpoint` wrote."""
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise ModelError(f"Expected a checkpoint, found no file {path}. Train first.") from None
    return state


def hash_of_weights(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of every weight and buffer, by name."""
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def mean_of(several: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of the weights of several trainings of one network.

    Parameters
    ----------
    several : sequence of mapping of str to Tensor
        At least one. What is counted in whole numbers is the first's.

    Returns
    -------
    dict of str to Tensor
        Networks that were trained on from one another can be averaged so (Wortsman et al., Model soups,
        ICML 2022): the mean keeps what they share and softens what one of them alone has learned.

    Raises
    ------
    ModelError
        If they are of different networks.
    """
    first = several[0]
    layers = [{name: value.shape for name, value in one.items()} for one in several]
    if any(one != layers[0] for one in layers):
        raise ModelError(
            "Expected checkpoints of one network, found different layers. Give files from one plan."
        )
    if len(several) == 1:
        return dict(first)
    return {
        name: torch.stack([one[name] for one in several]).mean(0) if value.is_floating_point() else value
        for name, value in first.items()
    }


@dataclass(frozen=True, slots=True)
class Journal:
    """Which cases a run knew at which step: what makes a growing cache repeatable.

    Attributes
    ----------
    path : Path
        One JSON line a look: ``{"step": .., "new": [folder, ..]}``.
    root : Path
        The cache.
    """

    path: Path
    root: Path

    def before(self, step: int) -> list[Case]:
        """Return the cases known before a step, in the order in which they were found."""
        names = [name for line in self._lines() if line["step"] < step for name in line["new"]]
        return [read_case(self.root / name) for name in names]

    def at(self, step: int) -> list[Case] | None:
        """Return what was found at a step in an earlier life of this run, or None."""
        for line in self._lines():
            if line["step"] == step:
                return [read_case(self.root / name) for name in line["new"]]
        return None

    def write(self, step: int, new: list[Case]) -> None:
        """Add a line, on disk before training goes on."""
        names = [str(case.folder.relative_to(self.root)) for case in new]
        with self.path.open("a") as file:
            file.write(
                "\n" + json.dumps({"step": step, "new": names})
            )  # a line that a kill cut short ends here
            file.flush()
            os.fsync(file.fileno())

    def _lines(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        found = []
        for text in self.path.read_text().splitlines():
            try:
                found.append(json.loads(text))
            except json.JSONDecodeError:  # empty, or cut short by a kill
                continue
        return found


class Average:
    """Running average of a network's weights, which measures better than the last step's.

    Parameters
    ----------
    net : Module
        Network to follow.
    share : float
        Of the average that a step keeps, less in the first steps.
    """

    def __init__(self, net: nn.Module, share: float) -> None:
        self.share = share
        self.values: dict[str, Tensor] = {k: v.detach().clone() for k, v in net.state_dict().items()}

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def follow(self, net: nn.Module, step: int) -> None:
        """Move the average towards the network's weights."""
        share = min(self.share, (1 + step) / (10 + step))
        for name, value in net.state_dict().items():
            if value.dtype.is_floating_point:
                self.values[name].lerp_(value, 1 - share)
            else:
                self.values[name].copy_(value)
