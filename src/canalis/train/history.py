"""What a training run writes down of itself, and how the parts of a training follow each other.

A model is often trained in parts, each starting from the averaged weights of the one before. Every
checkpoint carries the records of all parts before its own, so that the card of the last one can
tell the whole.
"""

import os
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

import canalis
from canalis.train.cache import Case
from canalis.train.checkpoint import hash_of_weights, load_checkpoint
from canalis.train.curves import read_rows
from canalis.train.plan import Plan

Part = dict[str, Any]
"""What a card says of one part of a training; JSON and torch's safe loader both take it."""


def describe_hardware(plan: Plan, world: int = 1) -> str:
    """Return processor, threads and accelerators of this machine, without its name."""
    parts = [_processor(), f"{plan.threads} of {os.cpu_count()} threads"]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return ", ".join([*parts, *([f"{world} processes"] if world > 1 else [])])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def as_ranges(numbers: Iterable[int]) -> list[list[int]]:
    """Return sorted runs of consecutive numbers.

    Examples
    --------
    >>> as_ranges([7, 3, 4, 5])
    [[3, 5], [7, 7]]
    """
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return runs


def describe_part(
    plan: Plan,
    *,
    step: int,
    seconds: float,
    cases: Sequence[Case],
    hardware: Sequence[str],
    scores: Mapping[str, float] | None,
    begun_from: Sequence[str] = (),
) -> Part:
    """Return the record of a run as it stands.

    Parameters
    ----------
    plan : Plan
        The run; no path of it is kept.
    step, seconds : int and float
        Steps taken, and the time that they took.
    cases : sequence of Case
        What the run drew from.
    hardware : sequence of str
        Machines that it ran on, in their order.
    scores : mapping of str to float, or None
        The last validation.
    begun_from : sequence of str
        Hashes of the weights of which the run began with the mean.
    """
    return {
        "name": plan.out.name,
        "plan": plan.digest,
        "steps": step,
        "steps_planned": plan.steps,
        "begun_from": list(begun_from),
        "batch": plan.batch,
        "crop": plan.crop,
        "seed": plan.seed,
        "learning_rate": plan.learning_rate,
        "precision": plan.precision,
        "hours": seconds / 3600,
        "hardware": list(hardware),
        "versions": versions(),
        "cases": len(cases),
        "case_seeds": as_ranges(case.seed for case in cases),
        "sources": dict(Counter(case.source or "not recorded" for case in cases)),
        "validation": None if scores is None else dict(scores),
    }


def versions() -> dict[str, str]:
    """Return the versions that training depends on."""
    return {"canalis": canalis.__version__, "torch": torch.__version__.split("+")[0]}


def parts_before(plan: Plan) -> list[Part]:
    """Return the records of the parts that a plan starts from, first to last, each once."""
    found: dict[str, Part] = {}
    for path in plan.start_from:
        found |= {part["weights_sha256"]: part for part in parts_in(load_checkpoint(path))}
    return list(found.values())


def begun_from(plan: Plan) -> list[str]:
    """Return the hashes of the weights of which a plan begins with the mean; none from scratch."""
    return [hash_of_weights(load_checkpoint(path)["average"]) for path in plan.start_from]


def parts_of_run(plan: Plan, state: Mapping[str, Any]) -> list[Part]:
    """Return the records of a run and of all parts before it, from its plan and checkpoint."""
    if "part" not in state:  # written before parts were recorded
        state = {**state, "before": parts_before(plan), "part": _part_of_old(state) | _told_by(plan)}
    return parts_in(state)


def _told_by(plan: Plan) -> Part:
    keys = ("batch", "crop", "seed", "learning_rate", "precision")
    told = {key: getattr(plan, key) for key in keys}
    rows = read_rows(plan.out / "validation.csv")
    return told | {
        "name": plan.out.name,
        "steps_planned": plan.steps,
        "hardware": [f"{describe_hardware(plan)} (where it was exported)"],
        "validation": rows[-1] if rows else None,
    }


def parts_in(state: Mapping[str, Any]) -> list[Part]:
    """Return the records that a checkpoint, or a file of averaged weights, carries."""
    own: Part = dict(state["part"]) if "part" in state else _part_of_old(state)
    own.setdefault("weights_sha256", hash_of_weights(state["average"]))
    return [*state.get("before", []), own]


def _part_of_old(state: Mapping[str, Any]) -> Part:
    """Return what is known of a checkpoint from before parts were recorded."""
    part: Part = {"plan": state.get("plan"), "steps": state["step"]}
    if "seconds" in state:
        part["hours"] = state["seconds"] / 3600
    if "seeds" in state:
        part |= {"cases": len(state["seeds"]), "case_seeds": as_ranges(state["seeds"])}
    return part


def kept_of(state: Mapping[str, Any], parts: Sequence[Part]) -> dict[str, Any]:
    """Return what is kept of a checkpoint for a later part to start from: averaged weights and records."""
    kept = {key: state[key] for key in ("plan", "step", "average")}
    return kept | {"before": list(parts[:-1]), "part": parts[-1]}
