"""How far a neck measures the same when it is scanned again, otherwise: a row a scan, saved as it comes.

Synthetic necks with OPLL, each drawn as it is first scanned (0.4 x 0.4 x 1 mm) and again: re-posed, with
slices of 0.5, 2 and 3 mm, at a quarter of the dose, with the other kernel. ICC(A,1) over all scans of
the OPLL cases with its 95 % interval, Bland and Altman's limits of each scan against the first, kappa of
the type. The statistics are those of `canalis agreement`.
"""

import argparse
import json
import platform
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from canalis.chain import measure
from canalis.cohort.agreement import compare_readings
from canalis.cohort.kappa import kappas
from canalis.cohort.limits import limits_of_agreement
from canalis.cohort.readings import Readings
from canalis.measurement import measure_segmentation
from canalis.measurement.measurements import Measurements
from canalis.phantom.neck import Neck
from canalis.phantom.operations import operated
from canalis.phantom.ossification import Wanted
from canalis.phantom.phantom import Phantom, draw_phantom
from canalis.phantom.plan import plan_neck
from canalis.phantom.scanner import Scanner, frame_scanner, stretch_of, with_look
from canalis.segment.models import model_hashes
from canalis.segment.segmentation import LevelNaming, Segmentation
from kept_rows import measured_rows

FIRST_SEED = 3_200_000
CASES, QUICK = 40, 4
PIXEL_MM = 0.4
FIELD_MM = (150.0, 150.0)
SLICES_MM = {"0.5 mm slices": 0.5, "2 mm slices": 2.0, "3 mm slices": 3.0}
FIRST = "first scan"
SCANS = (FIRST, "re-posed", *SLICES_MM, "quarter dose", "other kernel")
POSE_DEG, POSE_MM = (7.0, 7.0, 10.0), 6.0  # greatest tilt, sway and turn; greatest shift
SHARP, SOFT = (
    {"fwhm_mm": 0.62, "overshoot": 0.3, "grain_mm": 0.45},
    {"fwhm_mm": 1.05, "overshoot": 0.0, "grain_mm": 1.0},
)
SHARPER_BELOW_MM = 0.8  # the FWHM that parts bone kernels from soft ones
KERNEL_NOISE = 3.0  # a bone kernel's noise against a soft one's at one dose
MEASURES = {
    "max_thickness": "mm", "max_occupying_ratio": "%", "narrowest_residual_ap": "mm",
    "least_canal_ap": "mm", "volume": "mm³", "length": "mm",
}  # fmt: skip
DRAWN = LevelNaming(True, "hint", "Levels as drawn.")

Floats = NDArray[np.float64]


def reposed(neck: Neck, rng: np.random.Generator) -> Neck:
    """Return the same neck lying otherwise: turned about C7 and shifted, no sizes changed."""
    a, b, c = np.radians([rng.uniform(-limit, limit) for limit in POSE_DEG])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    turn = about_x @ about_y @ about_z
    curve = neck.curve
    points = curve.points_lps @ turn.T + rng.uniform(-POSE_MM, POSE_MM, 3)
    return replace(neck, curve=replace(curve, points_lps=points, frames=curve.frames @ turn.T))


def scanner_of(neck: Neck, look: np.random.Generator, slice_mm: float) -> Scanner:
    top, bottom = stretch_of(neck)
    frame = frame_scanner(
        neck, pixel_mm=PIXEL_MM, slice_mm=slice_mm, field_mm=FIELD_MM, top=top, bottom=bottom
    )
    return with_look(frame, look)


def phantom_of(seed: int, scan: str) -> Phantom:
    """Return a neck with OPLL as one of its scans shows it."""
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(5)]
    neck = operated(plan_neck(streams[0]), None)
    if scan == "re-posed":
        neck = reposed(neck, np.random.default_rng([seed, 7]))
    scanner = scanner_of(neck, streams[1], 1.0)
    if scan in SLICES_MM:
        drawn = scanner_of(neck, np.random.default_rng([seed, 8]), SLICES_MM[scan])
        kept = {name: getattr(scanner, name) for name in LOOK}
        thinner = float(np.sqrt(1.0 / SLICES_MM[scan]))
        scanner = replace(drawn, **kept | {"noise_hu": scanner.noise_hu * thinner})
    if scan == "quarter dose":
        scanner = replace(scanner, noise_hu=2 * scanner.noise_hu)
    if scan == "other kernel":
        sharp = scanner.fwhm_mm < SHARPER_BELOW_MM
        louder = 1 / KERNEL_NOISE if sharp else KERNEL_NOISE
        scanner = replace(scanner, noise_hu=scanner.noise_hu * louder, **(SOFT if sharp else SHARP))
    return draw_phantom(seed, neck=neck, scanner=scanner, wanted=Wanted(present=True))


LOOK = (
    "fwhm_mm", "overshoot", "noise_hu", "shoulder_noise", "grain_mm", "trabecular_hu", "texture_hu",
    "cortex_hu", "sac_hu",
)  # fmt: skip


def row_of(seed: int, scan: str, *, masks: bool) -> dict[str, Any]:
    """Return what one scan of one neck measures."""
    phantom = phantom_of(seed, scan)
    found = (
        measure_segmentation(Segmentation(phantom.mask, DRAWN), phantom.volume)
        if masks
        else measure(phantom.volume)
    )
    return {"seed": seed, "scan": scan, **values_of(found)}


def values_of(found: Measurements) -> dict[str, Any]:
    canals = [p.canal_ap_mm for p in found.planes if p.part != "worst" and p.canal_ap_mm is not None]
    ossification = found.ossification
    return {
        "max_thickness": ossification.max_thickness_mm,
        "max_occupying_ratio": ossification.max_occupying_ratio_percent,
        "narrowest_residual_ap": found.narrowest.residual_ap_mm,
        "least_canal_ap": min(canals, default=None),
        "volume": ossification.volume_mm3,
        "length": ossification.length_mm,
        "type": ossification.type,
    }


def readings_of(rows: list[dict[str, Any]], name: str) -> Readings:
    """Return one measure as every scan gave it: a row a neck, a column a scan."""
    table = pd.DataFrame(rows).pivot(index="seed", columns="scan", values=name)
    table = table[[scan for scan in SCANS if scan in table.columns]]
    words = name == "type"
    if words:
        table = table.fillna("none")
    full = table.dropna()
    left = tuple(str(seed) for seed in table.index.difference(full.index))
    full = full if words else full.astype(float)
    return Readings(name, full, not words, (), left, MEASURES.get(name, ""))


def figures_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of the contract."""
    made: dict[str, Any] = {"n": len({row["seed"] for row in rows}), "icc": {}, "limits_of_agreement": {}}
    for name in MEASURES:
        readings = readings_of(rows, name)
        icc = next(r for r in compare_readings(readings) if r.id == f"{name}.icc_a1")
        made["icc"][name] = {"icc_a1": icc.estimate, "ci": [icc.ci_low, icc.ci_high], "n": icc.n}
        made["limits_of_agreement"][name] = {
            scan: limits(readings, scan) for scan in readings.table.columns if scan != FIRST
        }
    kappa = {
        r.id.removeprefix("type.").removeprefix("kappa."): r.estimate
        for r in kappas(readings_of(rows, "type"))
    }
    made["type_kappa"] = {
        pair.removesuffix(f"_vs_{FIRST}").removeprefix(f"{FIRST}_vs_"): value
        for pair, value in kappa.items()
        if FIRST in pair or pair == "kappa_fleiss"
    }
    return made


def limits(readings: Readings, scan: str) -> list[float | None]:
    """Return bias, lower and upper limit of a scan minus the first."""
    by_part = {r.id.split(".")[-1]: r.estimate for r in limits_of_agreement(readings, scan, FIRST)}
    return [by_part.get(part) for part in ("bias", "lower_limit", "upper_limit")]


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw Bland and Altman's plot of each measure, every scan against the first."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from canalis.cohort.figures import COLOURS, MARKERS

    figure, axes = plt.subplots(2, 3, figsize=(13, 8), constrained_layout=True)
    for axis, (name, unit) in zip(axes.ravel(), MEASURES.items(), strict=True):
        table = readings_of(rows, name).table
        differences = []
        for k, scan in enumerate(scan for scan in table.columns if scan != FIRST):
            difference = table[scan] - table[FIRST]
            differences.append(difference)
            middle = (table[scan] + table[FIRST]) / 2
            axis.scatter(middle, difference, s=18, color=COLOURS[k], marker=MARKERS[k], label=scan)
        every = np.concatenate([d.to_numpy() for d in differences]) if differences else np.zeros(0)
        if len(every) > 1:
            bias, half = every.mean(), 1.96 * every.std(ddof=1)
            for level, style in ((bias - half, "--"), (bias, "-"), (bias + half, "--")):
                axis.axhline(level, color="black", lw=0.8, ls=style)
        axis.set(title=name.replace("_", " "), xlabel=f"mean ({unit})", ylabel=f"minus first scan ({unit})")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def rows_of(seeds: range, kept: Path | None, *, masks: bool) -> list[dict[str, Any]]:
    """Return a row for each scan of each neck, those kept in a file read from it and new ones added."""
    cases = {f"{seed} {scan}": (seed, scan) for seed in seeds for scan in SCANS}
    stamp = "masks" if masks else model_hashes()
    return list(
        measured_rows(cases, lambda case: row_of(*cases[case], masks=masks), kept, key="case", stamp=stamp)
    )


def show(figures: dict[str, Any]) -> None:
    def text(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    print(f"{figures['n']} necks with OPLL, {len(SCANS)} scans each")
    for name, unit in MEASURES.items():
        icc = figures["icc"][name]
        low, high = (text(bound) for bound in icc["ci"])
        print(f"{name:22} ICC(A,1) {text(icc['icc_a1'])} ({low} to {high}), n {icc['n']}")
        for scan, (bias, lower, upper) in figures["limits_of_agreement"][name].items():
            print(f"    {scan:16} bias {text(bias)}, limits {text(lower)} to {text(upper)} {unit}")
    for pair, value in figures["type_kappa"].items():
        print(f"type kappa, {pair:16} {text(value)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--masks", action="store_true", help="measure the true label maps, not the chain's")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} necks instead of {CASES}")
    parser.add_argument("--count", type=int, help="as many necks")
    parser.add_argument("--rows", type=Path, help="where rows are kept; read first, then added to")
    parser.add_argument("--plot", type=Path, help="picture of Bland and Altman's plots")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    asked = parser.parse_args()
    count = asked.count or (QUICK if asked.quick else CASES)
    rows = rows_of(range(FIRST_SEED, FIRST_SEED + count), asked.rows, masks=asked.masks)
    figures = figures_of(rows)
    show(figures)
    if asked.plot is not None:
        plot(rows, asked.plot)
    if asked.json:
        machine = {
            "models": model_hashes(),
            "machine": platform.platform(),
            "python": platform.python_version(),
        }
        print(json.dumps({**figures, **machine, "canalis": metadata.version("canalis")}))


if __name__ == "__main__":
    main()
