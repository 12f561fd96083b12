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
from canalis.labels import ANATOMICAL_CANAL, VERTEBRA_LABELS
from canalis.measurement import measure_segmentation
from canalis.read import read_volume
from canalis.read.nifti import read_label_map
from canalis.segment import segment
from canalis.volume import Volume

BELOW_TIP_MM = (12.0, 36.0)
AREA_MM2 = (120.0, 450.0)
LEAST_INSIDE = 0.9
LAST_BAR = {"c2": 32, "cord": 30}


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
        found = segment(volume)
    except CanalisError as error:
        return row | {"error": f"{type(error).__name__}: {error}", "sure": False, "source": None}
    row["seconds"] = time.perf_counter() - began
    measured = measure_segmentation(found, volume)
    row |= {"sure": measured.levels.sure, "source": measured.levels.source}
    planes = measured.planes
    heights = {p.level: float(p.center_lps_mm[2]) for p in planes if p.part == "body" and p.level}
    row["c2_below_tip_mm"] = tip_z - heights["C2"] if "C2" in heights else None
    cord = read_label_map(path.with_name(f"{name}_cord.nii.gz")).on_grid_of(volume)
    return row | compare_cord(cord.labels > 0, found.mask.labels, volume, heights)


def compare_cord(
    cord: NDArray[np.bool_], labels: NDArray[np.uint8], volume: Volume, heights: dict[str, float]
) -> dict[str, Any]:
    """Return the share of the cord within a pixel of the canal, and the canal's area, C2 to C7."""
    axis = int(np.abs(volume.affine[2, :3]).argmax())
    z = volume.affine[2, axis] * np.arange(volume.shape[axis]) + volume.affine[2, 3]
    bodies = np.isin(labels, [VERTEBRA_LABELS[n] for n in ("C2", "C3", "C4", "C5", "C6", "C7")])
    cord, canal = np.moveaxis(cord, axis, 0), np.moveaxis(np.isin(labels, ANATOMICAL_CANAL), axis, 0)
    low, high = heights.get("C7"), heights.get("C2")
    if high is None:
        return {"inside": None, "area_mm2": None, "span": None}
    if low is None:
        reach = z[np.moveaxis(bodies, axis, 0).any(axis=(1, 2))]
        low = float(reach.min())
    there = (z >= low) & (z <= high)
    others = [s for a, s in enumerate(volume.spacing_mm) if a != axis]
    wider = np.stack([ndimage.binary_dilation(c, np.ones((3, 3))) for c in canal])
    drawn = cord & there[:, None, None]
    areas = canal.sum(axis=(1, 2)) * float(np.prod(others))
    seen = there & cord.any(axis=(1, 2))
    return {
        "inside": float(wider[drawn].mean()) if drawn.any() else None,
        "area_mm2": float(np.median(areas[seen])) if seen.any() else None,
        "span": [low, high],
    }


def total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of the bars."""

    def c2_right(row: dict[str, Any]) -> bool:
        below = row.get("c2_below_tip_mm")
        return below is not None and BELOW_TIP_MM[0] <= below <= BELOW_TIP_MM[1]

    def cord_right(row: dict[str, Any]) -> bool:
        inside, area = row.get("inside"), row.get("area_mm2")
        return (
            inside is not None
            and area is not None
            and inside >= LEAST_INSIDE
            and AREA_MM2[0] <= area <= AREA_MM2[1]
        )

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
    saved = asked.save.read_text().splitlines() if asked.save and asked.save.exists() else []
    known = {row["scan"]: row for row in map(json.loads, saved)}
    print(f"{'scan':>8} {'C2 mm':>6} {'from':>9} {'':>5} {'cord in':>7} {'mm2':>6} {'s':>5}")
    rows = []
    for tip in tips:
        row = known.get(tip["scan"]) or row_of(
            folder / f"{tip['scan']}_ct.nii.gz", float(tip["dens_tip_z_mm"]), tip["sure"] == "yes"
        )
        show(row)
        rows.append(row)
        if asked.save and tip["scan"] not in known:
            with asked.save.open("a") as file:
                file.write(json.dumps(row) + "\n")
    figures = total(rows)
    print(
        f"C2 {BELOW_TIP_MM[0]:g} to {BELOW_TIP_MM[1]:g} mm below the dens's tip: {figures['c2_right']} of "
        f"{figures['tips_sure']} (bar {LAST_BAR['c2']}); wrong though sure: {figures['wrong_in_silence']}; "
        f"cord and area right: {figures['cord_and_area_right']} of {figures['n']} (bar {LAST_BAR['cord']}); "
        f"refused: {figures['refused']}"
    )
    if asked.json:
        machine = {"machine": platform.machine(), "python": platform.python_version()}
        print(json.dumps({**figures, **machine, "canalis": metadata.version("canalis"), "rows": rows}))


if __name__ == "__main__":
    main()
