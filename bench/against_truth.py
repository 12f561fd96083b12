"""Measure phantoms and print how far the measurements are from the truth.

Each phantom is a neck of its own, 0.4 mm pixels and slices of 0.6 to 2 mm; five in six have OPLL of
2.5 to 12 mm, a third of them with ends near a boundary of type. ``--masks`` measures the true label
map, without it the whole chain measures the CT. Rows are saved as they come: run again to go on.
"""

import argparse
import dataclasses
import json
import platform
from collections.abc import Iterable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from canalis.chain import measure_with_outlines
from canalis.labels import (
    ANATOMICAL_CANAL,
    FIRST_VERTEBRA,
    LEVELS,
    OSSIFICATION,
    VERTEBRA_LABELS,
    VERTEBRA_WITHOUT_LEVEL,
)
from canalis.measurement import measure_segmentation
from canalis.measurement.measurements import PLANE_NUMBERS, Measurements, PlaneMeasurement
from canalis.measurement.ossification import SURGEONS_CUTS_PERCENT
from canalis.phantom import Phantom, make_phantom
from canalis.phantom.ossification import Wanted
from canalis.phantom.structures import Structure
from canalis.segment.models import model_hashes
from canalis.segment.segmentation import LevelNaming, Segmentation
from kept_rows import measured_rows

FIRST_TEST_SEED = 2_000_000
PIXEL_MM = 0.4
SLICE_MM = (0.6, 2.0)
THICKNESS_MM = (2.5, 12.0)
THICKNESS_LOG_MEAN, THICKNESS_LOG_SD = np.log(4.8), 0.42  # surgical series: 5.5 ± 1.8 mm
NEAR_EVERY, NONE_EVERY = 3, 6
QUICK, FULL = 24, 300
NOT_COMPARED = ("thickness_canal_ap_mm", "confidence")
PLANE_FIELDS = tuple(name for name in PLANE_NUMBERS if name not in NOT_COMPARED)
NECK_FIELDS = (
    "max_thickness_mm", "max_occupying_ratio_percent", "width_mm", "volume_mm3", "length_mm",
    "compression_angle_deg",
)  # fmt: skip
WHOLE_FIELDS = (*NECK_FIELDS, "narrowest_residual_ap_mm", "k_line_distance_mm")
"""Those with an interval fitted for the whole neck."""
TYPES = ("continuous", "segmental", "mixed", "localized", None)
FAR_FROM_K_LINE_MM = 1.5
CONTRAST_HU = 100.0  # a sac denser than that holds contrast
THICK_ENOUGH_MM = (2.0, 3.0)  # from which masses count for sensitivity, and for Dice


def wanted_of(seed: int, slices: float | None = None) -> tuple[Wanted, float]:
    """Return what a phantom must have, and its slice thickness, mm: ``slices`` if given, else drawn."""
    rng = np.random.default_rng(seed)
    drawn_mm = float(rng.uniform(*SLICE_MM))
    slice_mm = drawn_mm if slices is None else slices
    thickness = float(np.clip(rng.lognormal(THICKNESS_LOG_MEAN, THICKNESS_LOG_SD), *THICKNESS_MM))
    if seed % NONE_EVERY == NONE_EVERY - 1:
        return Wanted(present=False), slice_mm
    near = seed % NEAR_EVERY == 0
    return Wanted(present=True, thickness_mm=thickness, near_boundary=near), slice_mm


def measure(phantom: Phantom, *, masks: bool) -> tuple[Measurements, Segmentation | None]:
    if masks:
        levels = LevelNaming(True, "both", "The label map names the levels.")
        given = Segmentation(phantom.mask, levels)
        return measure_segmentation(given, phantom.volume), given
    return measure_with_outlines(phantom.volume)


def row_of(seed: int, *, masks: bool, slices: float | None = None) -> dict[str, Any]:
    """Return everything that the figures need of one phantom."""
    wanted, slice_mm = wanted_of(seed, slices)
    phantom = make_phantom(seed, wanted=wanted, pixel_mm=PIXEL_MM, slice_mm=slice_mm)
    found, outlines = measure(phantom, masks=masks)
    row = {"seed": seed, "slice_mm": slice_mm, "near": wanted.near_boundary, "sac_hu": phantom.scanner.sac_hu}
    row["overlap"] = None if outlines is None else overlap(phantom, outlines.mask.labels)
    return compare(phantom.truth, found) | row


def overlap(phantom: Phantom, found: np.ndarray) -> dict[str, float | int | None]:
    """Return Dice of canal and ossification, how much of the canal lies in bone, and wrong level names."""
    true = phantom.mask.labels
    canals = [np.isin(labels, ANATOMICAL_CANAL) for labels in (true, found)]
    masses = [labels == OSSIFICATION for labels in (true, found)]
    in_bone = np.isin(phantom.structure, (Structure.BODY, Structure.ARCH, Structure.DENS))
    named = (true >= FIRST_VERTEBRA) & (found >= FIRST_VERTEBRA)
    named &= (true != VERTEBRA_WITHOUT_LEVEL) & (found != VERTEBRA_WITHOUT_LEVEL)
    shifted = [
        level
        for level in LEVELS
        if (own := named & (true == VERTEBRA_LABELS[level])).any()
        and np.bincount(found[own]).argmax() != VERTEBRA_LABELS[level]
    ]
    return {
        "canal_dice": dice(*canals),
        "ossification_dice": dice(*masses) if masses[0].any() else None,
        "canal_in_bone": float((canals[1] & in_bone).sum() / max(canals[1].sum(), 1)),
        "levels_wrong": len(shifted),
    }


def dice(true: np.ndarray, found: np.ndarray) -> float:
    return float(2 * (true & found).sum() / max(true.sum() + found.sum(), 1))


def compare(truth: Measurements, found: Measurements) -> dict[str, Any]:
    planes = {key(plane): plane for plane in found.planes}
    return {
        "status": found.status,
        "sure": found.levels.sure,
        "planes": [pair_of_planes(plane, planes.get(key(plane))) for plane in truth.planes],
        "truth": summary(truth),
        "found": summary(found),
    }


def key(plane: PlaneMeasurement) -> str:
    return "worst" if plane.part == "worst" else f"{plane.level} {plane.part}"


def pair_of_planes(truth: PlaneMeasurement, found: PlaneMeasurement | None) -> dict[str, Any]:
    pair: dict[str, Any] = {"name": key(truth), "level": truth.level}
    for name in PLANE_FIELDS:
        value = None if found is None else getattr(found, name)
        interval = None if found is None else found.uncertainty.get(name)
        pair[name] = [getattr(truth, name), value, interval]
    if found is not None:
        apart = np.array(found.center_lps_mm) - np.array(truth.center_lps_mm)
        pair["along_mm"] = float(apart @ np.array(truth.normal_lps))
        turn = np.cross(truth.anteroposterior_lps, found.anteroposterior_lps) @ np.array(truth.normal_lps)
        pair["turn_deg"] = float(np.degrees(np.arcsin(np.clip(turn, -1, 1))))
        pair["found_level"] = found.level
        pair["confidence"] = found.confidence
    return pair


def summary(measured: Measurements) -> dict[str, Any]:
    whole, line = measured.ossification, measured.alignment
    names = (
        "present", "type", "near_type", "levels", "discs", "bridging", "upper_end", "lower_end", "reaches_c2",
        "peak_level", "op_index", "side", *NECK_FIELDS,
    )  # fmt: skip
    return {name: getattr(whole, name) for name in names} | {
        "double": whole.double_layer_sign.candidate,
        "narrowest_residual_ap_mm": measured.narrowest.residual_ap_mm,
        "k_line": line.k_line,
        "k_line_distance_mm": line.k_line_distance_mm,
        "cobb": line.c2_c7_cobb_deg,
        "uncertainty": whole.uncertainty | line.uncertainty | _narrowest_interval(measured),
        "apart": [dataclasses.asdict(thing) for thing in measured.apart],
    }


def _narrowest_interval(measured: Measurements) -> dict[str, float]:
    half = measured.narrowest.uncertainty
    return {} if half is None else {"narrowest_residual_ap_mm": half}


def pairs(rows: Iterable[dict[str, Any]], name: str, *, parts: str = "") -> np.ndarray:
    """Return truth, found and interval of a plane's field, shape (n, 3), where both are measured."""
    held = [
        [truth, found, np.nan if interval is None else interval]
        for row in rows
        for plane in row["planes"]
        if plane["name"].endswith(parts) and (parts or plane["name"] != "worst")
        for truth, found, interval in [plane[name]]
        if truth is not None and found is not None
    ]
    return np.array(held, dtype=float).reshape(-1, 3)


def with_mass(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    """Return the same of planes with true ossification, the worst place among them."""
    held = [
        [plane[name][0], plane[name][1], np.nan if plane[name][2] is None else plane[name][2]]
        for row in rows
        for plane in row["planes"]
        if plane["ossification_thickness_mm"][0] and None not in plane[name][:2]
    ]
    return np.array(held, dtype=float).reshape(-1, 3)


def icc_a1(first: np.ndarray, second: np.ndarray) -> float:
    """Return ICC(A,1) of two raters (McGraw and Wong 1996, two-way, absolute agreement)."""
    table = np.stack([first, second], axis=1)
    n, k = table.shape
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    between = k * ((rows - table.mean()) ** 2).sum() / (n - 1)
    raters = n * ((columns - table.mean()) ** 2).sum() / (k - 1)
    rest = ((table - rows[:, None] - columns[None, :] + table.mean()) ** 2).sum() / ((n - 1) * (k - 1))
    return float((between - rest) / (between + (k - 1) * rest + k * (raters - rest) / n))


def kappa_of_types(rows: list[dict[str, Any]]) -> float:
    """Return Cohen's kappa of the types, a matching near-type counting half."""
    if not rows:
        return float("nan")
    pairs_of_types = [(row["truth"], row["found"]) for row in rows]
    agreed = np.mean([agreement_of_types(truth, found) for truth, found in pairs_of_types])
    shares = [
        [np.mean([side["type"] == kind for side in whole]) for whole in zip(*pairs_of_types, strict=True)]
        for kind in TYPES
    ]
    by_chance = sum(float(a * b) for a, b in shares)
    return float((agreed - by_chance) / (1 - by_chance)) if by_chance < 1 else float(agreed == 1)


def agreement_of_types(truth: dict[str, Any], found: dict[str, Any]) -> float:
    if truth["type"] == found["type"]:
        return 1.0
    near = found["type"] == truth["near_type"] or found["near_type"] == truth["type"]
    return 0.5 if near and found["type"] is not None and truth["type"] is not None else 0.0


def mean_error(pair: np.ndarray) -> tuple[float, float]:
    """Return the mean absolute and the mean signed error."""
    error = pair[:, 1] - pair[:, 0]
    return float(np.abs(error).mean()), float(error.mean())


def limits(pair: np.ndarray) -> list[float]:
    """Return Bland-Altman's limits of agreement."""
    error = pair[:, 1] - pair[:, 0]
    half = 1.96 * error.std(ddof=1)
    return [float(error.mean() - half), float(error.mean() + half)]


def coverage(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return by field the share of planes whose interval holds the truth."""
    shares = {}
    for name in PLANE_FIELDS:
        table = pairs(rows, name)
        table = table[np.isfinite(table[:, 2]) & (table[:, 2] > 0)] if len(table) else table
        if len(table):
            shares[name] = float((np.abs(table[:, 1] - table[:, 0]) <= table[:, 2]).mean())
    for name in (*WHOLE_FIELDS, "cobb"):
        own = "c2_c7_cobb_deg" if name == "cobb" else name
        held = [
            abs(row["found"][name] - row["truth"][name]) <= row["found"]["uncertainty"][own]
            for row in rows
            if None not in (row["found"][name], row["truth"][name]) and own in row["found"]["uncertainty"]
        ]
        if held:
            shares[name] = float(np.mean(held))
    return shares


def figures_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return every figure of the contract, and those that explain them."""
    sick = [row for row in rows if row["truth"]["present"]]
    well = [row for row in rows if not row["truth"]["present"] and not has_mass(row)]
    between = [row for row in rows if not row["truth"]["present"] and has_mass(row)]
    ap, thickness = pairs(rows, "canal_ap_mm"), with_mass(rows, "ossification_thickness_mm")
    ratio = with_mass(rows, "occupying_ratio_percent")
    lined = [row for row in sick if row["truth"]["k_line_distance_mm"] is not None]
    told = [row for row in lined if row["found"]["k_line"] is not None]
    distance = column(told, "k_line_distance_mm")
    far = [row for row in told if abs(row["truth"]["k_line_distance_mm"]) > FAR_FROM_K_LINE_MM]
    right = [row["found"]["k_line"] in (row["truth"]["k_line"], "borderline") for row in told]
    doubles = [row for row in sick if row["found"]["double"] is not None]
    return {
        "n": len(rows),
        "canal_ap_mae_mm": mean_error(ap)[0],
        "canal_ap_bias_mm": mean_error(ap)[1],
        "thickness_mae_mm": mean_error(thickness)[0],
        "thickness_bias_mm": mean_error(thickness)[1],
        "thickness_limits_mm": limits(thickness),
        "occupying_ratio_limits_points": limits(ratio),
        "occupying_ratio_bias_points": mean_error(ratio)[1],
        "ratios_across_50_60": across_the_cuts(ratio),
        "thickness_icc": icc_a1(*column(sick, "max_thickness_mm").T),
        "type_kappa": kappa_of_types(sick),
        "type_kappa_off_boundaries": kappa_of_types([r for r in sick if not r["truth"]["near_type"]]),
        "levels_exact": share([set(r["found"]["levels"]) == set(r["truth"]["levels"]) for r in sick]),
        "discs_exact": share([set(r["found"]["discs"]) == set(r["truth"]["discs"]) for r in sick]),
        "sensitivity": share([bool(row["found"]["present"]) for row in sick]),
        "specificity": share(
            [not row["found"]["present"] for row in well if row["found"]["present"] is not None]
        ),
        "necks_whose_masses_involve_nothing": len(between),
        "of_them_called_present": sum(bool(row["found"]["present"]) for row in between),
        "presence_not_told": sum(row["found"]["present"] is None for row in rows),
        "k_line_accuracy": share(right),
        "k_line_borderline_far": share([row["found"]["k_line"] == "borderline" for row in far]),
        "k_line_distance_mae_mm": mean_error(distance)[0] if len(distance) else None,
        "cobb_mae_deg": mean_error(column(rows, "cobb"))[0],
        "cobb_bias_deg": mean_error(column(rows, "cobb"))[1],
        "double_layer_sensitivity": share(
            [bool(r["found"]["double"]) for r in doubles if r["truth"]["double"]]
        ),
        "double_layer_specificity": share(
            [not r["found"]["double"] for r in doubles if not r["truth"]["double"]]
        ),
        "interval_coverage": float(np.mean(list(coverage(rows).values()))),
        "interval_coverage_by_field": coverage(rows),
        "errors": {name: errors_of(rows, name) for name in PLANE_FIELDS},
        "contrast_necks": sum(row["sac_hu"] > CONTRAST_HU for row in rows),
        "contrast_necks_told": sum(
            row["sac_hu"] > CONTRAST_HU and row["status"] != "measured" for row in rows
        ),
        "missing_planes": sum(plane["canal_ap_mm"][1] is None for row in rows for plane in row["planes"]),
    }


def has_mass(row: dict[str, Any]) -> bool:
    """Return whether a phantom has any OPLL, be it too low to involve a body or a disc."""
    return row["overlap"] is not None and row["overlap"]["ossification_dice"] is not None


def overlaps_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of the outlines themselves."""
    held = [row | row["overlap"] for row in rows if row["overlap"] is not None]
    thick = [row for row in held if row["truth"]["max_thickness_mm"] >= THICK_ENOUGH_MM[1]]
    told = [row for row in rows if row["truth"]["max_thickness_mm"] >= THICK_ENOUGH_MM[0]]
    return {
        "canal_dice": float(np.mean([row["canal_dice"] for row in held])),
        "canal_dice_least": float(np.min([row["canal_dice"] for row in held])),
        "canal_in_bone": float(np.mean([row["canal_in_bone"] for row in held])),
        "ossification_dice": float(np.mean([row["ossification_dice"] for row in thick])),
        "sensitivity_from_2_mm": share([bool(row["found"]["present"]) for row in told]),
        "necks_with_wrong_levels": sum(row["levels_wrong"] > 0 for row in held),
        "necks_with_wrong_levels_called_sure": sum(row["levels_wrong"] > 0 and row["sure"] for row in held),
        "necks_called_sure": sum(row["sure"] for row in held),
    }


def column(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    held = [
        [row["truth"][name], row["found"][name]]
        for row in rows
        if None not in (row["truth"][name], row["found"][name])
    ]
    return np.array(held, dtype=float).reshape(-1, 2)


def share(held: list[bool]) -> float | None:
    return float(np.mean(held)) if held else None


def across_the_cuts(ratio: np.ndarray) -> int:
    low, high = SURGEONS_CUTS_PERCENT  # a ratio below one must not read above the other
    up = (ratio[:, 0] < low) & (ratio[:, 1] > high)
    return int((up | ((ratio[:, 0] > high) & (ratio[:, 1] < low))).sum())


def errors_of(rows: list[dict[str, Any]], name: str) -> list[float]:
    """Return n, mean absolute error, mean error and its standard deviation of a plane's field."""
    table = pairs(rows, name) if name.startswith("canal") or name[0] in "rt" else with_mass(rows, name)
    if not len(table):
        return [0]
    return [len(table), *mean_error(table), float((table[:, 1] - table[:, 0]).std())]


def versions() -> dict[str, Any]:
    names = ("canalis", "numpy", "scipy", "scikit-image")
    return {"models": model_hashes(), "machine": platform.platform(), "python": platform.python_version()} | {
        name: metadata.version(name) for name in names
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--masks", action="store_true", help="measure the true label maps")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} phantoms instead of {FULL}")
    parser.add_argument("--count", type=int, help="as many phantoms")
    parser.add_argument("--seed", type=int, default=FIRST_TEST_SEED, help="of the first phantom")
    parser.add_argument("--slice", type=float, metavar="MM", help="slices as thick as this, not 0.6 to 2 mm")
    parser.add_argument("--rows", type=Path, help="where rows are kept; read first, then added to")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    asked = parser.parse_args()
    count = asked.count or (QUICK if asked.quick else FULL)
    rows = rows_of(range(asked.seed, asked.seed + count), asked.rows, masks=asked.masks, slices=asked.slice)
    figures = (
        figures_of(rows) | overlaps_of(rows) | {"source": "masks" if asked.masks else "chain"} | versions()
    )
    for name, value in figures.items():
        print(f"{name:34} {shown(value)}")
    if asked.json:
        print(json.dumps(figures))


def shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, dict):
        return "".join(f"\n    {name:30} {shown(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return "  ".join(shown(inner) for inner in value)
    return str(value)


def rows_of(
    seeds: range, kept: Path | None, *, masks: bool, slices: float | None = None
) -> list[dict[str, Any]]:
    """Return a row a seed, those kept in a file read from it and new ones added."""
    stamp = "masks" if masks else model_hashes()
    stamp = stamp if slices is None else {"measured": stamp, "slice_mm": slices}
    measured = measured_rows(
        seeds, partial(row_of, masks=masks, slices=slices), kept, key="seed", stamp=stamp
    )
    return list(measured)


if __name__ == "__main__":
    main()
