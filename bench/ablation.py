"""Show what the active contour adds to the network's canal outline: network, snake, and both.

Phantoms of test seeds (ossification as it comes) at slices of 1, 2 and 3 mm and noise of 15, 40 and
80 HU at C3, and the real vertebrae of ``verse`` dressed as CT at 1.25, 2.5 and 3.75 mm. Planes are
4 mm apart along the canal. Where the package holds no network, the true outline displaced smoothly
by up to 1 mm, plane by plane, and true ossification stand in for it, and every line says so.

    [CANALIS_MODELS=DIR] python bench/ablation.py [--phantoms 100] [--verse 6] [--plot PNG] [--quick] [--json]
    python bench/ablation.py --draw        # only the scans: no network is asked

Without CANALIS_MODELS the packaged network is asked. Scans are kept in ``runs/ablation/scans``, the
network's outlines beside them by the networks' hash: a second run goes on where the first stopped, other
weights cost only the network's time (about 4 s a case; drawing takes 9 s), and the contour is run every time.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon2mask

from ablation_cases import (
    PIXEL_MM,
    Case,
    Scan,
    case_of,
    kept_scan,
    networks_hash,
    phantom_scan,
    verse_folder,
    verse_scan,
)
from canalis.refine import Energy, Guides, SnakeSettings, refine_outlines, snake
from phantom_planes import FIRST_TEST_SEED, SIDE_MM, boundary_distances_mm

SLICES_MM, NOISES_HU = (1.0, 2.0, 3.0), (15.0, 40.0, 80.0)
VERSE_SLICES_MM = (1.25, 2.5, 3.75)
METHODS = ("network alone", "snake alone", "both, each plane alone", "both, tied along the canal")
OVAL_MM = (5.0, 9.0)  # half axes of what the snake alone starts from: inside any adult's canal
ALONE = Energy(bone_edge=1.0, tension=0.2, rigidity=4.0, tie=1.0)  # tension brings far starts to rest
ALONE_SETTINGS = SnakeSettings(settled_mm=0.02, least_support=0.3)
DICE_MM = 0.1


def outlines_by(case: Case) -> dict[str, NDArray[np.float64]]:
    """Return each method's outlines, (K, N, 2); a snake that did not settle gives its start's."""
    planes, points = case.network.shape[:2]
    spacing, tube = (PIXEL_MM, PIXEL_MM), np.zeros(planes, np.intp)
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False)
    oval = SIDE_MM / 2 + np.array(OVAL_MM) * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    ovals = np.repeat(oval[None], planes, axis=0)
    free = np.where(case.held, 0.0, 1.0)
    limits = np.where(case.held, 0.0, 2.0)
    alone = snake(case.images, spacing, ovals, ALONE, ALONE_SETTINGS, guides=Guides(tubes=tube))
    single = refine_outlines(
        case.images, spacing, case.network, guides=Guides(point_weights=free, leave_mm=limits)
    )
    tied = refine_outlines(
        case.images, spacing, case.network, guides=Guides(point_weights=free, leave_mm=limits, tubes=tube)
    )
    found = (case.network, alone.contours_mm, single.contours_mm, tied.contours_mm)
    return dict(zip(METHODS, found, strict=True))


def scores_of(outline: NDArray[np.float64], truth: NDArray[np.float64]) -> dict[str, float]:
    """Return Dice, mean boundary error and the error of AP on the plane's middle line."""
    shape = (round(SIDE_MM / DICE_MM),) * 2
    mine, true = polygon2mask(shape, outline / DICE_MM), polygon2mask(shape, truth / DICE_MM)
    return {
        "dice": float(2 * (mine & true).sum() / (mine.sum() + true.sum())),
        "error_mm": float(boundary_distances_mm(outline, truth).mean()),
        "ap_error_mm": _ap_mm(outline) - _ap_mm(truth),
    }


def _ap_mm(outline: NDArray[np.float64]) -> float:
    """Length of the outline's inside on the line through the plane's centre from front to back."""
    rows, aside = outline[:, 0], outline[:, 1] - SIDE_MM / 2
    following = np.roll(aside, -1)
    crossing = np.flatnonzero((aside < 0) != (following < 0))
    share = aside[crossing] / (aside[crossing] - following[crossing])
    at = rows[crossing] + share * (np.roll(rows, -1)[crossing] - rows[crossing])
    return float(np.ptp(at)) if len(at) else 0.0


def jobs(phantoms: int, verse: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every case to be made: its kind and arguments."""
    for k in range(phantoms):
        yield (
            "phantom",
            {
                "seed": FIRST_TEST_SEED + 500_000 + k,
                "slice_mm": SLICES_MM[k % 3],
                "noise_hu": NOISES_HU[k // 3 % 3],
            },
        )
    folder = verse_folder()
    paths = sorted(folder.glob("*.nii.gz")) if folder else []
    for k in range(verse if paths else 0):
        yield (
            "verse",
            {
                "path": paths[k % len(paths)],
                "slice_mm": VERSE_SLICES_MM[k // len(paths) % 3],
                "noise_hu": NOISES_HU[k // len(paths) % 3],
                "seed": FIRST_TEST_SEED + k,
            },
        )


def scan_of(kind: str, arguments: dict[str, Any]) -> tuple[str, Scan]:
    """Return a case's name and its scan, drawn unless it is kept."""
    what = f"{arguments['path'].name[:9]}-{arguments['seed']}" if kind == "verse" else str(arguments["seed"])
    name = f"{kind}-{what}-{arguments['slice_mm']:g}mm-{arguments['noise_hu']:g}hu"
    draw = phantom_scan if kind == "phantom" else verse_scan
    return name, kept_scan(name, lambda: draw(**arguments))


def result_of(kind: str, arguments: dict[str, Any], *, networks: str | None) -> dict[str, Any]:
    """Return one case's scores; ``networks`` is the hash of those whose outlines are taken."""
    name, scan = scan_of(kind, arguments)
    case = case_of(name, scan, networks=networks, seed=arguments["seed"])
    began = time.process_time()
    found = outlines_by(case)
    return {
        "kind": kind,
        "slice_mm": arguments["slice_mm"],
        "noise_hu": arguments["noise_hu"],
        "missed": case.missed,
        "seconds": {
            "scan": case.drawing_s,
            "network": case.network_s,
            "contours": time.process_time() - began,
        },
        "planes": {
            method: [scores_of(outlines[k], case.truth[k]) for k in np.flatnonzero(case.scored)]
            for method, outlines in found.items()
        },
    }


def summary(results: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return each method's mean figures over all planes."""
    table = {}
    for method in METHODS:
        planes = [p for r in results for p in r["planes"][method]]
        ap = np.array([p["ap_error_mm"] for p in planes])
        table[method] = {
            "planes": len(planes),
            "dice": float(np.mean([p["dice"] for p in planes])),
            "error_mm": float(np.mean([p["error_mm"] for p in planes])),
            "error_p95_mm": float(np.percentile([p["error_mm"] for p in planes], 95)),
            "ap_bias_mm": float(ap.mean()),
            "ap_mae_mm": float(np.abs(ap).mean()),
        }
    return table


def groups_of(results: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the results by source, slice thickness and noise."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for kind in ("phantom", "verse"):
        some = [r for r in results if r["kind"] == kind]
        if some:
            groups[f"{kind}, all"] = some
        for key, unit in (("slice_mm", "mm slices"), ("noise_hu", "HU noise")):
            for value in sorted({r[key] for r in some}):
                groups[f"{kind}, {value:g} {unit}"] = [r for r in some if r[key] == value]
    return groups


def report(groups: dict[str, list[dict[str, Any]]], *, networks: str | None) -> None:
    """Print each group's figures."""
    if networks:
        print(f"outlines of the networks {networks}")
    else:
        print("NOT THE NETWORK: true outlines displaced smoothly by up to 1 mm stand in for it")
    for group, results in groups.items():
        missed = sum(r["missed"] for r in results)
        print(f"\n{group}: {len(results)} necks, {missed} planes on which the network saw no canal")
        print(f"  {'':28}{'planes':>7}{'Dice':>8}{'mean mm':>9}{'95 % mm':>9}{'AP bias':>9}{'AP MAE':>8}")
        for method, row in summary(results).items():
            print(
                f"  {method:28}{row['planes']:7d}{row['dice']:8.4f}{row['error_mm']:9.3f}"
                f"{row['error_p95_mm']:9.3f}{row['ap_bias_mm']:+9.3f}{row['ap_mae_mm']:8.3f}"
            )


def plot(groups: dict[str, list[dict[str, Any]]], path: Path, *, networks: str | None) -> None:
    """Draw mean boundary error and AP error by slice thickness and noise."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = [g for g in groups if not g.endswith("all")]
    figure, axes = plt.subplots(2, 1, figsize=(10, 6), sharex=True, layout="constrained")
    for axis, key, label in zip(
        axes, ("error_mm", "ap_mae_mm"), ("mean boundary error, mm", "mean |AP error|, mm"), strict=True
    ):
        for k, (method, color) in enumerate(
            zip(METHODS, ("#777777", "#d08a1d", "#6aa6d8", "#1b5fa8"), strict=True)
        ):
            values = [summary(groups[g])[method][key] for g in names]
            axis.bar(np.arange(len(names)) + 0.2 * (k - 1.5), values, 0.18, color=color, label=method)
        axis.set_ylabel(label)
        axis.spines[["top", "right"]].set_visible(False)
    axes[1].set_xticks(
        range(len(names)),
        [n.replace(", ", "\n").replace(" mm slices", " mm").replace(" HU noise", " HU") for n in names],
        fontsize=8,
    )
    title = "the network" if networks else "a stand-in for the network (true outline, displaced)"
    axes[0].legend(frameon=False, ncols=2, title=f"outlines start from {title}", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--phantoms", type=int, default=100)
    parser.add_argument("--verse", type=int, default=6, help="necks dressed, about 12 scored planes each")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--quick", action="store_true", help="24 phantoms, one dressed neck")
    parser.add_argument("--draw", action="store_true", help="draw and keep the scans, and no more")
    parser.add_argument("--stand-in", action="store_true", help="even where a network is packaged")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    phantoms, verse = (24, 1) if chosen.quick else (chosen.phantoms, chosen.verse)
    if chosen.draw:
        for kind, more in jobs(phantoms, verse):
            name, scan = scan_of(kind, more)
            print(f"{name}: {scan.drawing_s:.1f} s", file=sys.stderr, flush=True)
        return
    networks = None if chosen.stand_in else networks_hash()
    results = []
    for kind, more in jobs(phantoms, verse):
        results.append(result_of(kind, more, networks=networks))
        spent = ", ".join(f"{what} {s:.1f} s" for what, s in results[-1]["seconds"].items())
        print(f"{len(results)} of {phantoms + verse}: {kind}, {spent}", file=sys.stderr, flush=True)
    groups = groups_of(results)
    report(groups, networks=networks)
    if chosen.plot:
        plot(groups, chosen.plot, networks=networks)
    if chosen.json:
        figures = {group: summary(some) for group, some in groups.items()}
        machine = {"processor": platform.processor() or platform.machine(), "cpus": os.cpu_count()}
        versions = {p: version(p) for p in ("canalis", "numpy", "scipy")}
        print(json.dumps({"networks": networks, "groups": figures, "machine": machine, "versions": versions}))


if __name__ == "__main__":
    main()
