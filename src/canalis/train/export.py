"""From a checkpoint to an ONNX file that runs without torch, checked against torch, with its card."""

import logging
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from canalis.errors import ModelError
from canalis.train.card import make_card, write_card
from canalis.train.checkpoint import CHECKPOINT, load_checkpoint
from canalis.train.history import kept_of, parts_of_run
from canalis.train.loop import averaged_net_of
from canalis.train.nets import SLICE_OFFSETS, CoarseAnswer, CoarseNet, FineAnswer, FineNet
from canalis.train.plan import Plan

PARITY: Final = 1e-4
MOST_BYTES: Final = 8 * 2**20
WEIGHTS: Final = "weights.pt"


def export_net(net: FineNet | CoarseNet, path: Path) -> float:
    """Write a network as ONNX and compare it with torch.

    Parameters
    ----------
    net : FineNet or CoarseNet
        In evaluation mode.
    path : Path
        The file to write.

    Returns
    -------
    float
        Greatest difference between the probabilities of both.

    Raises
    ------
    ModelError
        If they differ by more than 1e-4, or the file is over 8 MB.
    """
    answer = FineAnswer(net) if isinstance(net, FineNet) else CoarseAnswer(net)
    answer = answer.eval().to(memory_format=torch.contiguous_format)
    example = _example(net, 2 * net.shape.stride)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own future
        torch.onnx.export(
            answer,
            (example,),
            str(path),
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=["hu"],
            dynamic_shapes=_free_sides(net),
        )
    if path.stat().st_size > MOST_BYTES:
        raise ModelError(f"{path.name} is {path.stat().st_size / 2**20:.1f} MB, over 8. Use fewer channels.")
    apart = compare_with_torch(answer, path, _example(net, 3 * net.shape.stride))
    if apart > PARITY:
        raise ModelError(f"{path.name} differs from torch by {apart:.1e}, over {PARITY}. Do not use it.")
    return apart


def compare_with_torch(answer: nn.Module, path: Path, example: Tensor) -> float:
    """Return the greatest difference of any floating-point output between torch and the file."""
    from canalis.segment.engine import load_engine

    with torch.no_grad():
        wanted = answer(example)
    found = load_engine(path, threads=1).run(example.numpy())
    pairs = zip(wanted if isinstance(wanted, tuple) else (wanted,), found, strict=True)
    return max(float(np.abs(w.numpy() - f).max()) for w, f in pairs if w.dtype == torch.float32)


def _example(net: FineNet | CoarseNet, side: int) -> Tensor:
    generator = torch.Generator().manual_seed(side)
    sides = (2, len(SLICE_OFFSETS), side, side) if isinstance(net, FineNet) else (1, 1, side, side, side)
    return torch.randn(sides, generator=generator) * 500


def _free_sides(net: FineNet | CoarseNet) -> tuple[dict[int, Any]]:
    free = torch.export.Dim.AUTO
    return ({0: free, 2: free, 3: free},) if isinstance(net, FineNet) else ({2: free, 3: free, 4: free},)


def export_run(plan: Plan, folder: Path) -> Path:
    """Write a run's averaged network and its card, and beside its checkpoint what a later part starts from.

    Parameters
    ----------
    plan : Plan
        The run; its checkpoint is read from ``plan.out``, which receives ``weights.pt``: averaged weights
        with the records of every part.
    folder : Path
        Receives ``fine.onnx``, ``fine.json`` and ``fine.md``, or the same of ``coarse``.

    Returns
    -------
    Path
        The ONNX file.
    """
    torch.set_num_threads(plan.threads)
    state = load_checkpoint(plan.out / CHECKPOINT)
    net = averaged_net_of(plan, state)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{plan.net}.onnx"
    apart = export_net(net, path)
    parts = parts_of_run(plan, state)
    write_card(path, make_card(plan.net, net, parts, path, difference_from_torch=apart))
    torch.save(kept_of(state, parts), plan.out / WEIGHTS)
    return path
