"""From a checkpoint to an ONNX file that runs without torch, checked against torch, with its card."""

import hashlib
import json
import logging
import platform
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

import canalis
from canalis.errors import ModelError
from canalis.train.cache import VALIDATION_SEED
from canalis.train.checkpoint import CHECKPOINT, hash_of_weights, load_checkpoint
from canalis.train.loop import load_average
from canalis.train.nets import SLICE_OFFSETS, CoarseAnswer, CoarseNet, FineAnswer, FineNet
from canalis.train.plan import Plan

PARITY: Final = 1e-4
MOST_BYTES: Final = 8 * 2**20


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
    """Write a run's averaged network and its card.

    Parameters
    ----------
    plan : Plan
        The run; its checkpoint is read from ``plan.out``.
    folder : Path
        Receives ``fine.onnx`` and ``fine.json``, or the same of ``coarse``.

    Returns
    -------
    Path
        The ONNX file.
    """
    torch.set_num_threads(plan.threads)
    net = load_average(plan.out, plan)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{plan.net}.onnx"
    apart = export_net(net, path)
    card = write_card(plan, net, path) | {"difference_from_torch": apart}
    path.with_suffix(".json").write_text(json.dumps(card, indent=1) + "\n")
    return path


def write_card(plan: Plan, net: FineNet | CoarseNet, path: Path) -> dict[str, Any]:
    """Return what a reader must know of a model: where it came from and what it is."""
    state = load_checkpoint(plan.out / CHECKPOINT)
    seeds = state["seeds"]
    validation = plan.out / "validation.csv"
    scores = validation.read_text().splitlines() if validation.exists() else []
    return {
        "schema": "canalis.model/1",
        "name": plan.net,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "weights_sha256": hash_of_weights(net),
        "parameters": sum(p.numel() for p in net.parameters()),
        "channels": list(net.shape.channels),
        "stride": net.shape.stride,
        "slice_offsets": list(SLICE_OFFSETS) if isinstance(net, FineNet) else None,
        "trained_on": {
            "what": "procedural phantoms only; no patient's scan",
            "cases": len(seeds),
            "seeds": [min(seeds), max(seeds)],
            "seeds_below": VALIDATION_SEED,
        },
        "steps": state["step"],
        "steps_planned": plan.steps,
        "batch": plan.batch,
        "crop": plan.crop,
        "seed": plan.seed,
        "precision": plan.precision,
        "hours": state["seconds"] / 3600,
        "hardware": f"{platform.machine()}, {plan.threads} threads"
        + (f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""),
        "versions": {"canalis": canalis.__version__, "torch": torch.__version__.split("+")[0]},
        "validation": dict(zip(scores[0].split(","), map(float, scores[-1].split(",")), strict=True))
        if len(scores) > 1
        else None,
    }
