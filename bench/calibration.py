"""How far can a network's intervals and its confidence be trusted, and which factors make them right.

    python bench/against_truth.py --seed 1000000 --count 20 --rows validation.jsonl
    python bench/calibration.py --rows validation.jsonl

Rows are those of bench/against_truth.py on validation seeds, measured with the whole chain and the networks
of today; rows of other networks in the file are left out. Prints coverage by field with the factors in
use and with new ones, the table to put into canalis.measurement.uncertainty, and draws confidence against
what was observed.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from against_truth import PLANE_FIELDS, WHOLE_FIELDS, coverage
from canalis.measurement.uncertainty import FITTED_NETWORK, HALF_MILLIMETRE, confidence
from canalis.segment.models import model_hashes

VALIDATION = range(1_000_000, 2_000_000)
WANTED = 0.95
BINS = 6
LEAST_VALUES = 12  # a field with fewer keeps its factor
BUILT_ON = {"max_occupying_ratio_percent": "occupying_ratio_percent"}
"""Fields whose interval is another field's: it follows that field's factor and has none of its own to fit."""

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "reliability.png"
Floats = NDArray[np.float64]


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of validation seeds that the present networks measured."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    kept = [r for r in rows if r["seed"] in VALIDATION and r.get("stamp") == model_hashes()]
    if not kept:
        raise SystemExit(f"No rows of validation seeds by the present networks among {len(rows)} in {path}.")
    return kept


def errors_and_halves(rows: list[dict[str, Any]], name: str) -> Floats:
    """Return the size of each error and half of its interval, shape (n, 2).

    The narrowest place's residual AP has an interval of its own and is no plane's here. Greatest thicknesses
    that stand with the worst place's interval tell nothing of the field's own factor.
    """
    if name in WHOLE_FIELDS:
        found = [
            (row["found"][name] - row["truth"][name], row["found"]["uncertainty"][name])
            for row in rows
            if None not in (row["found"][name], row["truth"][name]) and row["found"]["uncertainty"].get(name)
            if name != "max_thickness_mm" or not _as_sure_as_the_worst_place(row)
        ]
    else:
        found = [
            (plane[name][1] - plane[name][0], plane[name][2])
            for row in rows
            for plane in row["planes"]
            if plane["name"] != "worst" and None not in plane[name] and plane[name][2] > 0
            if name != "residual_ap_mm" or plane[name][1] != row["found"]["narrowest_residual_ap_mm"]
        ]
    return np.abs(np.array(found, dtype=float).reshape(-1, 2))


def _as_sure_as_the_worst_place(row: dict[str, Any]) -> bool:
    half = row["found"]["uncertainty"]["max_thickness_mm"]
    return any(p["name"] == "worst" and p["ossification_thickness_mm"][2] == half for p in row["planes"])


def refit(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return by field the factor whose intervals hold the truth 95 times in 100 on these rows."""
    factors = dict(FITTED_NETWORK)
    for name in factors.keys() - BUILT_ON:
        table = errors_and_halves(rows, name)
        if len(table) >= LEAST_VALUES:
            times = float(np.quantile(table[:, 0] / table[:, 1], WANTED))
            factors[name] = round(max(factors[name] * times, 0.05), 2)
    return factors


def with_factors(rows: list[dict[str, Any]], factors: dict[str, float]) -> list[dict[str, Any]]:
    """Return the rows as they would be with other factors."""
    again: list[dict[str, Any]] = json.loads(json.dumps(rows))
    for row in again:
        for name, factor in factors.items():
            part = BUILT_ON.get(name)
            times = factor / FITTED_NETWORK[name] * (factors[part] / FITTED_NETWORK[part] if part else 1)
            if name in row["found"]["uncertainty"]:
                row["found"]["uncertainty"][name] *= times
            for plane in row["planes"]:
                if name in plane and plane[name][2] is not None:
                    plane[name][2] *= times
    return again


def confidences(rows: list[dict[str, Any]]) -> Floats:
    """Return the confidence of each canal AP and its error, mm, shape (n, 2)."""
    table = errors_and_halves(rows, "canal_ap_mm")
    return np.array([(confidence(half), error) for error, half in table])


def reliability(table: Floats) -> list[tuple[float, float, int, float]]:
    """Return mean confidence, share within half a millimetre, planes and mean error of each bin."""
    order = np.argsort(table[:, 0])
    bins = [b for b in np.array_split(order, BINS) if len(b)]
    within = np.abs(table[:, 1])
    return [
        (
            float(table[b, 0].mean()),
            float((within[b] < HALF_MILLIMETRE).mean()),
            len(b),
            float(within[b].mean()),
        )
        for b in bins
    ]


def draw(bins: list[tuple[float, float, int, float]], necks: int, path: Path) -> None:
    """Draw confidence against what was observed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    told, seen, count, error = (np.array(column) for column in zip(*bins, strict=True))
    figure = Figure(figsize=(7.6, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    spread = 1.96 * np.sqrt(np.maximum(seen * (1 - seen), 0.01) / count)
    left.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    left.errorbar(told, seen, yerr=spread, fmt="o", capsize=3)
    left.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="confidence", ylabel="share within 0.5 mm")
    right.plot(told, error, "o-")
    right.set(xlim=(0, 1), ylim=(0, None), xlabel="confidence", ylabel="mean error of canal AP, mm")
    figure.suptitle(f"Canal AP on {int(count.sum())} planes of {necks} validation phantoms", fontsize=10)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="rows of bench/against_truth.py")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="where to draw the reliability plot")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    asked = parser.parse_args()
    rows = read_rows(asked.rows)
    factors = refit(rows)
    now, then = coverage(rows), coverage(with_factors(rows, factors))
    print(f"{len(rows)} necks\n{'field':34} {'n':>4} {'factor':>7} {'held':>6} {'new':>6} {'held':>6}")
    for name in (*PLANE_FIELDS, *WHOLE_FIELDS):
        if name in now:
            n = len(errors_and_halves(rows, name))
            old, new = FITTED_NETWORK.get(name, 1.0), factors.get(name, 1.0)
            print(f"{name:34} {n:4d} {old:7.2f} {now[name]:6.3f} {new:6.2f} {then[name]:6.3f}")
    bins = reliability(confidences(with_factors(rows, factors)))
    print("\nwith the new factors\nconfidence  within 0.5 mm  planes  mean error, mm")
    for told, seen, count, error in bins:
        print(f"{told:10.3f} {seen:14.3f} {count:7d} {error:15.3f}")
    print(f"FITTED_NETWORK = {json.dumps(factors, indent=4)}")
    draw(bins, len(rows), asked.picture)
    if asked.json:
        figures = {"n": len(rows), "models": model_hashes()}
        print(json.dumps(figures | {"coverage": now, "coverage_refitted": then, "factors": factors}))


if __name__ == "__main__":
    main()
