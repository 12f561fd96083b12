"""Compare fully convolutional networks with one window a pixel: time per slice, Dice and canal AP error.

    OMP_NUM_THREADS=1 python bench/fcn_against_patches.py [--cases DIR] [--plot PNG] [--quick] [--json]

FCN-32s down to stride 1 and a patch CNN on the same five stages (``fcn_nets.py``) learn outside, canal,
ossification and bone on axial slices of 0.5 mm pixels: training seeds of the cache that
``canalis train training/fine.toml --make-cases`` fills. Fixed beforehand and the same for all: 30 s of
processor time on one thread, drawing the batches included; Adam, its step from 2e-3 down a cosine to 0;
slices; seed; cross-entropy with each class weighted by one over the root of its share, where FCNs
weight pixels and the patch CNN draws them with these odds, so that both expect one loss. Seconds and
not pixels are held equal, because a pixel costs the patch CNN thousands of times more. With ``--longer``
a second patch CNN gets four times as long.

Scored on slices of validation seeds: Dice on 10,000 pixels drawn evenly from 64 mm around the canal, the
same for all; canal AP, ossification included, on the column through the canal's middle. Seconds per slice
of 256 x 192 pixels are of two threads, the fastest of 12 turns that alternate; the patch CNN's turn is
128 windows, scaled to the slice's 49,152. Rows are kept as they come and a second run goes on after them;
``--only NAME ...`` measures these rows alone, so that processes can share the work.
"""

import argparse
import hashlib
import json
import math
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from canalis.train.cache import VALIDATION_SEED, Case, list_cases
from canalis.train.truth import IGNORED
from fcn_nets import COARSEST, FCN, STRIDES, WINDOW, PatchCNN, multiply_adds, network, parameters
from fcn_slices import (
    BONE,
    CANAL,
    OSSIFICATION,
    Slice,
    class_weights,
    draw_crops,
    draw_windows,
    middle_column,
    scored_places,
    training_slices,
    validation_slices,
    whole,
    windows_at,
)
from kept_rows import measured_rows

PATCH, LONGER = "patch CNN", "patch CNN, 4 x as long"
NAMES = (PATCH, "FCN-1s", *(f"FCN-{s}s" for s in STRIDES[:-1]))  # in the order they are trained
TIMES = "times"
SHAPE = (256, 192)  # rows and columns of the slice that is timed: 128 x 96 mm
PIXEL_MM = 0.5
LEARNING_RATE = 2e-3
SEED = 1
SCORED = {"canal": CANAL, "ossification": OSSIFICATION, "bone": BONE}
ENOUGH = 100  # times less time per slice


@dataclass(frozen=True, slots=True)
class Plan:
    """What is fixed before anything is trained."""

    seconds: float = 30.0
    slices: int = 600
    slices_each: int = 3
    pixels: int = 10_000
    windows_a_turn: int = 128
    turns: int = 12


QUICK = Plan(seconds=3.0, slices=24, slices_each=1, pixels=1000, windows_a_turn=32, turns=2)


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Slices to train and to score on, the pixels of each that are scored, and the classes' weights."""

    training: list[Slice]
    validation: list[Slice]
    places: list[NDArray[np.intp]]
    weights: NDArray[np.float64]


def read_data(folder: Path, plan: Plan) -> Data:
    rng = np.random.default_rng(SEED)
    training = training_slices(usable(list_cases(folder), "training", folder), plan.slices, rng)
    cases = list_cases(folder, least_seed=VALIDATION_SEED, below_seed=2 * VALIDATION_SEED)
    validation = validation_slices(usable(cases, "validation", folder), plan.slices_each, rng)
    places = [scored_places(one, round(plan.pixels / len(validation)), rng) for one in validation]
    return Data(training, validation, places, class_weights(training))


def usable(cases: Sequence[Case], what: str, folder: Path) -> list[Case]:
    found = [c for c in cases if len(c.slices_with.get("canal", ())) > 3]
    if not found:
        sys.exit(f"No {what} case with a canal in {folder}. Fill it: canalis train PLAN.toml --make-cases")
    return found


def fingerprint(data: Data) -> str:
    """Return a hash of the slices and pixels used."""
    digest = hashlib.sha256()
    for one in (*data.training, *data.validation):
        digest.update(one.hu.tobytes() + one.target.tobytes())
    for places in data.places:
        digest.update(places.tobytes())
    return digest.hexdigest()[:12]


def trained(name: str, data: Data, seconds: float) -> tuple[nn.Module, dict[str, float]]:
    """Return the network after its processor time is spent, and what it saw in it."""
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    net = network(name).train()
    adam = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    weights = torch.tensor(data.weights, dtype=torch.float32)
    steps = pixels = 0
    loss = math.nan
    began = time.process_time()
    while (spent := time.process_time() - began) < seconds:
        for group in adam.param_groups:
            group["lr"] = LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * spent / seconds))
        if isinstance(net, PatchCNN):
            hu, target = draw_windows(data.training, data.weights, rng)
            error = nn.functional.cross_entropy(net(hu), target)
        else:
            hu, target = draw_crops(data.training, rng)
            error = nn.functional.cross_entropy(net(hu), target, weights, ignore_index=IGNORED)
        adam.zero_grad()
        error.backward()
        adam.step()
        steps, pixels, loss = steps + 1, pixels + int((target != IGNORED).sum()), error.item()
    return net.eval(), {"seconds": spent, "steps": steps, "labelled_pixels": pixels, "last_loss": loss}


@torch.inference_mode()
def classes_at(net: nn.Module, one: Slice, places: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return a network's class of each of some pixels of a slice."""
    if isinstance(net, FCN):
        answer = net(whole(one, COARSEST))[0].argmax(dim=0).numpy()
        return np.asarray(answer[places[:, 0], places[:, 1]])
    parts = [net(windows_at(one, p)).argmax(dim=1) for p in np.array_split(places, -(-len(places) // 64))]
    return np.asarray(torch.cat(parts).numpy())


def hits(found: NDArray[np.intp], true: NDArray[np.uint8]) -> list[list[int]]:
    """Return, for each scored class, pixels right, found and true."""
    return [
        [int(((found == c) & (true == c)).sum()), int((found == c).sum()), int((true == c).sum())]
        for c in SCORED.values()
    ]


def longest_run_mm(inside: NDArray[np.bool_]) -> float:
    """Return the length of the longest unbroken part of a column."""
    ends = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]])))
    return float(np.ptp(ends.reshape(-1, 2), axis=1).max(initial=0) * PIXEL_MM)


def canal_ap_mm(classes: NDArray[Any]) -> float:
    """Return the canal's AP on a column of classes, ossification included."""
    return longest_run_mm((classes == CANAL) | (classes == OSSIFICATION))


def scores(net: nn.Module, data: Data) -> dict[str, list[Any]]:
    """Return counts and AP error of every validation slice."""
    counts, errors = [], []
    for one, places in zip(data.validation, data.places, strict=True):
        counts.append(hits(classes_at(net, one, places), one.target[tuple(places.T)]))
        column = middle_column(one)
        true = canal_ap_mm(one.target[tuple(column.T)])
        errors.append(canal_ap_mm(classes_at(net, one, column)) - true)
    return {"counts": counts, "ap_errors_mm": errors}


def times(plan: Plan) -> dict[str, dict[str, float]]:
    """Return each network's seconds for one slice, wall and processor, all in turns on two threads."""
    torch.set_num_threads(2)
    batch = plan.windows_a_turn
    nets = {name: network(name).eval() for name in NAMES}
    shapes = {name: (batch, 1, WINDOW, WINDOW) if name == PATCH else (1, 1, *SHAPE) for name in nets}
    given = {name: torch.rand(shape) * 1000 for name, shape in shapes.items()}
    share = {n: math.prod(SHAPE) / batch if n == PATCH else 1.0 for n in nets}
    best = {n: {"wall": math.inf, "processor": math.inf} for n in nets}
    for _ in range(plan.turns):
        for name, net in nets.items():
            wall, processor = seconds_of(net, given[name])
            best[name]["wall"] = min(best[name]["wall"], wall * share[name])
            best[name]["processor"] = min(best[name]["processor"], processor * share[name])
    torch.set_num_threads(1)
    return best


@torch.inference_mode()
def seconds_of(net: nn.Module, hu: Tensor) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    net(hu)
    return time.perf_counter() - wall, time.process_time() - processor


def measure(name: str, data: Data, plan: Plan) -> dict[str, Any]:
    """Return one row: a network trained and scored, or all of them timed."""
    if name == TIMES:
        return {"seconds_per_slice": times(plan)}
    net, effort = trained(name, data, plan.seconds * (4 if name == LONGER else 1))
    patch = isinstance(net, PatchCNN)
    work = (
        multiply_adds(net, (1, 1, WINDOW, WINDOW)) * math.prod(SHAPE)
        if patch
        else multiply_adds(net, (1, 1, *SHAPE))
    )
    return {"parameters": parameters(net), "multiply_adds": work, **effort, **scores(net, data)}


def dice_of(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each class's Dice from counts (..., slices, classes, 3) summed over slices."""
    right, found, true = np.moveaxis(counts.sum(axis=-3), -1, 0)
    return np.asarray(2 * right / np.maximum(found + true, 1))


def table_of(rows: dict[str, dict[str, Any]], groups: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Return a line of figures a network; intervals are over cases drawn again, beside the patch CNN."""
    drawn = np.random.default_rng(SEED).integers(len(np.unique(groups)), size=(2000, len(np.unique(groups))))
    by_case = {
        n: np.stack([np.array(r["counts"])[groups == g].sum(axis=0) for g in np.unique(groups)])
        for n, r in rows.items()
        if n != TIMES
    }
    mean = {n: dice_of(c[drawn]).mean(axis=1) for n, c in by_case.items()}
    lines = []
    for name in (n for n in (PATCH, LONGER, *(f"FCN-{s}s" for s in STRIDES)) if n in rows):
        row, errors = rows[name], np.array(rows[name]["ap_errors_mm"])
        dice = dice_of(by_case[name])
        spent = rows[TIMES]["seconds_per_slice"]
        mine, patch = spent[PATCH if name == LONGER else name], spent[PATCH]
        low, high = np.percentile(mean[name] - mean[PATCH], [2.5, 97.5])
        lines.append(
            {
                "name": name,
                "parameters": row["parameters"],
                "multiply_adds": row["multiply_adds"],
                "seconds": mine["wall"],
                "ratio": patch["wall"] / mine["wall"],
                "ratio_processor": patch["processor"] / mine["processor"],
                "steps": row["steps"],
                "labelled_pixels": row["labelled_pixels"],
                "dice": dict(zip(SCORED, dice.tolist(), strict=True)),
                "mean_dice": float(dice.mean()),
                "more_than_patch": [float(low), float(high)],
                "ap_mae_mm": float(np.abs(errors).mean()),
                "ap_bias_mm": float(errors.mean()),
            }
        )
    return lines


def report(lines: list[dict[str, Any]], data: Data) -> None:
    pixels = sum(len(p) for p in data.places)
    cases = len({o.seed for o in data.validation})
    print(f"{pixels} pixels of {len(data.validation)} slices of {cases} cases; mean Dice of three classes,")
    print("in brackets the 95 % interval of its difference from the patch CNN over cases drawn again")
    head = ("parameters", "MMAC/slice", "s/slice", "x less", "x CPU", "pixels seen")
    print(f"{'':24}" + "".join(f"{h:>12}" for h in head) + "   canal  ossif.   bone    mean Dice", end="")
    print("            AP MAE  bias mm")
    for line in lines:
        low, high = line["more_than_patch"]
        print(
            f"{line['name']:24}{line['parameters']:12,}{line['multiply_adds'] / 1e6:12,.0f}"
            f"{line['seconds']:12.4g}{line['ratio']:12,.0f}{line['ratio_processor']:12,.0f}"
            f"{line['labelled_pixels']:12,}"
            + "".join(f"{d:8.3f}" for d in line["dice"].values())
            + f"   {line['mean_dice']:.3f} ({low:+.3f} {high:+.3f})"
            f"{line['ap_mae_mm']:9.2f}{line['ap_bias_mm']:+9.2f}"
        )
    fast = [x for x in lines if x["name"].startswith("FCN") and x["ratio"] >= ENOUGH]
    mean = [x["name"] for x in fast if x["mean_dice"] >= lines[0]["mean_dice"]]
    every = [x["name"] for x in fast if all(x["dice"][c] >= lines[0]["dice"][c] for c in SCORED)]
    print(f"{ENOUGH} times less time and no lower mean Dice: {', '.join(mean) or 'none'}")
    print(f"{ENOUGH} times less time and no lower Dice of any class: {', '.join(every) or 'none'}")
    pairs = zip(data.validation, data.places, strict=True)
    true = np.concatenate([one.target[tuple(places.T)] for one, places in pairs])
    print("scored pixels that are " + ", ".join(f"{c}: {(true == k).sum()}" for c, k in SCORED.items()))


def plot(lines: list[dict[str, Any]], path: Path) -> None:
    """Draw Dice of each class and AP error against seconds per slice."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
    labels = [
        line["name"].replace(", ", "\n") + f"\n{line['seconds'] * 1e3:.0f} ms"
        if line["seconds"] < 1
        else line["name"].replace(", ", "\n") + f"\n{line['seconds']:.0f} s"
        for line in lines
    ]
    places = np.arange(len(lines))
    for k, (what, color) in enumerate(zip(SCORED, ("#1b5fa8", "#d08a1d", "#999999"), strict=True)):
        values = [line["dice"][what] for line in lines]
        axes[0].bar(places + 0.27 * (k - 1), values, 0.25, color=color, label=what)
    axes[0].set_ylabel("Dice, same pixels")
    axes[0].set_ylim(0, 1)
    axes[0].legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=8)
    axes[1].bar(places, [line["ap_mae_mm"] for line in lines], 0.6, color="#1b5fa8")
    axes[1].set_ylabel("mean |canal AP error|, mm")
    for axis in axes:
        axis.set_xticks(places, labels, fontsize=6)
        axis.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=Path, default=Path("runs/cases"), help="the training cache")
    parser.add_argument("--save", type=Path, default=Path("runs/fcn_against_patches.jsonl"))
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--only", nargs="+", choices=(*NAMES, LONGER, TIMES), default=(), metavar="NAME")
    parser.add_argument("--longer", action="store_true", help="also a patch CNN with four times the seconds")
    parser.add_argument("--quick", action="store_true", help="3 s each, few slices, and no row kept")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    plan = QUICK if chosen.quick else Plan()
    torch.set_num_threads(1)
    data = read_data(chosen.cases, plan)
    stamp = {"data": fingerprint(data), **asdict(plan)}
    kept = None if chosen.quick else chosen.save
    rows = {}
    names = chosen.only or (*NAMES, TIMES, *([LONGER] if chosen.longer else []))
    for row in measured_rows(names, lambda name: measure(name, data, plan), kept, key="name", stamp=stamp):
        rows[row["name"]] = row
        print(f"{row['name']} done", file=sys.stderr, flush=True)
    if chosen.only:
        return
    lines = table_of(rows, np.array([one.seed for one in data.validation]))
    report(lines, data)
    if chosen.plot:
        plot(lines, chosen.plot)
    if chosen.json:
        machine = {"processor": platform.processor() or platform.machine(), "cpus": os.cpu_count()}
        versions = {p: version(p) for p in ("canalis", "numpy", "torch")}
        print(json.dumps({"networks": lines, "plan": stamp, "machine": machine, "versions": versions}))


if __name__ == "__main__":
    main()
