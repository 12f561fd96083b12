"""How well canal and levels are found on real necks: a row a scan, and the totals that are the bars.

Forty planning CTs with 4 to 5 mm pixels (openkbp): C2's plane against the dens's tip read by eye, the
drawn cord against the canal, the canal's area. Reads ../shared/data or $CANALIS_DATA; rows are saved
beside ``--save`` as they come, and a second run goes on from there.
"""

import argparse
import csv
import json
import os
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.errors import CanalisError
from canalis.labels import ANATOMICAL_CANAL
from canalis.measurement import measure_segmentation
from canalis.measurement.refined import refine_segmentation
from canalis.read import read_volume
from canalis.read.nifti import read_label_map
from canalis.segment import segment
from canalis.segment.models import model_hashes
from canalis.volume import Volume
from kept_rows import measured_rows

BELOW_TIP_MM = (12.0, 36.0)
AREA_MM2 = (120.0, 450.0)
LEAST_INSIDE, MOST_APART_MM = 0.95, 2.5
C1_TO_T2_MM = 140.0  # from the dens's tip to the middle of T2 of an adult
BAR = {"c2": 36, "cord": 38}


def find_data() -> Path:
    named = os.environ.get("CANALIS_DATA")
    return Path(named) if named else Path(__file__).parents[1] / ".." / "shared" / "data"


def row_of(path: Path, tip_z: float, tip_sure: bool) -> dict[str, Any]:
    """Return everything that the figures need of one scan."""
    name = path.name.removesuffix("_ct.nii.gz")
    row: dict[str, Any] = {"scan": name, "tip_sure": tip_sure, "error": None}
    began = time.perf_counter()
    try:
        volume = read_volume(path)
        found, _ = refine_segmentation(segment(volume), volume)
    except CanalisError as error:
        return row | {"error": f"{type(error).__name__}: {error}", "sure": False, "source": None}
    row["seconds"] = time.perf_counter() - began
    measured = measure_segmentation(found, volume)
    row |= {"sure": measured.levels.sure, "source": measured.levels.source}
    planes = measured.planes
    heights = {p.level: float(p.center_lps_mm[2]) for p in planes if p.part == "body" and p.level}
    row["c2_below_tip_mm"] = tip_z - heights["C2"] if "C2" in heights else None
    cord = read_label_map(path.with_name(f"{name}_cord.nii.gz")).on_grid_of(volume)
    return row | compare_cord(cord.labels > 0, found.mask.labels, volume, tip_z)


def compare_cord(
    cord: NDArray[np.bool_], labels: NDArray[np.uint8], volume: Volume, tip_z: float
) -> dict[str, Any]:
    """Return how canal and drawn cord lie to each other, from the dens's tip down to about T2.

    Share of the cord within a pixel of the canal, median area of the canal over slices, and mean
    distance of their centres. The stretch is told by the dens read by eye, not by what was found.
    """
    axis = int(np.abs(volume.affine[2, :3]).argmax())
    z = volume.affine[2, axis] * np.arange(volume.shape[axis]) + volume.affine[2, 3]
    cord, canal = np.moveaxis(cord, axis, 0), np.moveaxis(np.isin(labels, ANATOMICAL_CANAL), axis, 0)
    seen = np.flatnonzero((z <= tip_z) & (z >= tip_z - C1_TO_T2_MM) & cord.any(axis=(1, 2)))
    mm = np.array([s for a, s in enumerate(volume.spacing_mm) if a != axis])
    wider = np.stack([ndimage.binary_dilation(canal[k], np.ones((3, 3))) for k in seen])
    apart = [
        float(np.linalg.norm((np.argwhere(cord[k]).mean(0) - np.argwhere(canal[k]).mean(0)) * mm))
        for k in seen
        if canal[k].any()
    ]
    return {
        "inside": float(wider[cord[seen]].mean()),
        "area_mm2": float(np.median(canal[seen].sum(axis=(1, 2)) * np.prod(mm))),
        "centres_apart_mm": float(np.mean(apart)) if apart else None,
    }


def total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of the bars."""

    def c2_right(row: dict[str, Any]) -> bool:
        below = row.get("c2_below_tip_mm")
        return below is not None and BELOW_TIP_MM[0] <= below <= BELOW_TIP_MM[1]

    def cord_right(row: dict[str, Any]) -> bool:
        if row.get("centres_apart_mm") is None:
            return False
        near = row["inside"] >= LEAST_INSIDE and row["centres_apart_mm"] <= MOST_APART_MM
        return near and bool(AREA_MM2[0] <= row["area_mm2"] <= AREA_MM2[1])

    sure = [row for row in rows if row["tip_sure"]]
    return {
        "n": len(rows),
        "refused": sum(row["error"] is not None for row in rows),
        "tips_sure": len(sure),
        "c2_right": sum(c2_right(row) for row in sure),
        "wrong_in_silence": sum(bool(row["sure"]) and not c2_right(row) for row in sure),
        "named_sure": sum(bool(row["sure"]) for row in rows),
        "cord_and_area_right": sum(cord_right(row) for row in rows),
        "seconds_median": float(np.median([row["seconds"] for row in rows if "seconds" in row] or [0.0])),
    }


def show(row: dict[str, Any]) -> None:
    def number(key: str, digits: int) -> str:
        value = row.get(key)
        return "-" if value is None else f"{value:.{digits}f}"

    print(
        f"{row['scan']:>8} {number('c2_below_tip_mm', 0):>6} {row['source'] or '-':>9} "
        f"{'sure' if row['sure'] else '':>5} {number('inside', 3):>7} {number('area_mm2', 0):>6} "
        f"{number('centres_apart_mm', 1):>5} "
        f"{number('seconds', 0):>5}  {'' if row['tip_sure'] else 'tip unsure'} {row['error'] or ''}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--only", nargs="*", help="scans to look at, such as pt_9")
    parser.add_argument("--quick", action="store_true", help="the first four scans")
    parser.add_argument("--save", type=Path, help="JSON lines that rows are kept in and read back from")
    asked = parser.parse_args()
    folder = find_data() / "openkbp"
    tips = list(csv.DictReader((folder / "dens_tip.csv").open()))
    tips = [t for t in tips if not asked.only or t["scan"] in asked.only][: 4 if asked.quick else None]
    by_scan = {tip["scan"]: tip for tip in tips}

    def measure(scan: str) -> dict[str, Any]:
        tip = by_scan[scan]
        return row_of(folder / f"{scan}_ct.nii.gz", float(tip["dens_tip_z_mm"]), tip["sure"] == "yes")

    print(f"{'scan':>8} {'C2 mm':>6} {'from':>9} {'':>5} {'cord in':>7} {'mm2':>6} {'apart':>5} {'s':>5}")
    rows = []
    for row in measured_rows(by_scan, measure, asked.save, key="scan", stamp=model_hashes()):
        show(row)
        rows.append(row)
    figures = total(rows)
    print(
        f"C2 {BELOW_TIP_MM[0]:g} to {BELOW_TIP_MM[1]:g} mm below the dens's tip: {figures['c2_right']} of "
        f"{figures['tips_sure']} (bar {BAR['c2']}); wrong though sure: {figures['wrong_in_silence']}; "
        f"cord and area right: {figures['cord_and_area_right']} of {figures['n']} (bar {BAR['cord']}); "
        f"refused: {figures['refused']}"
    )
    if asked.json:
        machine = {"machine": platform.machine(), "python": platform.python_version()}
        machine |= {"models": model_hashes()}
        print(json.dumps({**figures, **machine, "canalis": metadata.version("canalis"), "rows": rows}))


if __name__ == "__main__":
    main()
