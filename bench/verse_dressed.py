"""Dress real label maps of vertebrae as CT, segment them, and compare the canal with the bone's lumen.

Two label maps (verse, not in this repository), 20 dressings each: pixels of 0.35 to 0.7 mm, slices of 0.6
to 2 mm, noise of 5 to 60 HU. The truth is the hole in the bone on planes 4 mm apart across the canal
from C2 to T1, where the ring of bone is closed. AP is taken on the line through the plane's centre.
Rows are saved as they come: run again to go on.
"""

import argparse
import json
import os
import platform
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.errors import CanalisError
from canalis.evaluate.folders import level_errors
from canalis.labels import FIRST_VERTEBRA
from canalis.measurement.refined import refine_segmentation
from canalis.read.nifti import read_label_map
from canalis.segment import segment
from canalis.segment.grids import look_up
from canalis.segment.models import model_hashes
from canalis.train.dress import dress
from canalis.volume import Mask, Probability, Volume
from kept_rows import measured_rows
from verse_dress import FINE_MM, FIRST_LABEL, LAST_LABEL, Cut, bone_of, closed_rings, hole_at, places_on

FIRST_TEST_SEED = 2_300_000
DRESSINGS, QUICK = 20, 2
EDGE_BYTE = 127.5  # where a probability of uint8 crosses one half
BARS = {"canal_dice": 0.93, "ap_bias_mm": 0.3}


def find_maps() -> list[Path]:
    named = os.environ.get("CANALIS_DATA")
    data = Path(named) if named else Path(__file__).parents[1] / ".." / "shared" / "data"
    found = sorted((data / "verse").glob("*.nii.gz"))
    if not found:
        raise SystemExit(f"No label maps in {data / 'verse'}. Name the folder of verse in CANALIS_DATA.")
    return found


@lru_cache(maxsize=2)
def lumen_of(path: Path) -> list[tuple[Cut, NDArray[np.bool_]]]:
    """Return the planes with a closed ring, and the hole in each."""
    bone = bone_of(path)
    cuts, _, closed = closed_rings(bone)
    holes = [(cut, hole_at(bone, cut)[0]) for cut, ring in zip(cuts, closed, strict=True) if ring]
    return [(cut, hole) for cut, hole in holes if hole is not None]


def row_of(key: str) -> dict[str, Any]:
    """Return how one dressing of one label map was read; ``key`` is the map's number and the dressing's."""
    which, dressing = (int(n) for n in key.split("-"))
    path = find_maps()[which]
    vertebrae = read_label_map(path)
    rng = np.random.default_rng(FIRST_TEST_SEED + 100 * which + dressing)
    volume = dress(vertebrae, rng).volume
    row: dict[str, Any] = {"map": which, "spacing_mm": volume.spacing_mm, "error": None}
    try:
        found, _ = refine_segmentation(segment(volume), volume)
    except CanalisError as error:
        return row | {"error": f"{type(error).__name__}: {error}"}
    true = truth_on(vertebrae, volume)
    wrong, missing = level_errors(found.mask, true)
    row |= {"levels_wrong": wrong, "levels_missing": missing, "sure": found.levels.sure}
    return row | compare_planes(found.canal, lumen_of(path))


def truth_on(vertebrae: Mask, volume: Volume) -> Mask:
    """Return the named vertebrae C2 to T1 on the scan's voxels, as labels of a result."""
    labels = look_up(vertebrae.labels, vertebrae.affine, volume.affine, volume.shape)
    named = (labels >= FIRST_LABEL) & (labels <= LAST_LABEL)
    return Mask(np.where(named, labels + np.uint8(FIRST_VERTEBRA - 1), 0).astype(np.uint8), volume.affine)


def compare_planes(canal: Probability | None, planes: list[tuple[Cut, NDArray[np.bool_]]]) -> dict[str, Any]:
    """Return the Dice over all planes together, and each plane's signed AP error, mm."""
    assert canal is not None
    both = whole = 0
    apart: list[float] = []
    for cut, hole in planes:
        index = np.moveaxis(canal.to_index(places_on(cut)), -1, 0)
        share = ndimage.map_coordinates(canal.values.astype(np.float32), index, order=1, mode="constant")
        seen = share > EDGE_BYTE
        both += int((seen & hole).sum())
        whole += int(seen.sum()) + int(hole.sum())
        middle = hole.shape[1] // 2
        if seen[hole.shape[0] // 2, middle]:
            apart.append(extent_mm(seen[:, middle]) - extent_mm(hole[:, middle]))
    return {
        "dice": 2 * both / whole,
        "planes": len(planes),
        "planes_missed": len(planes) - len(apart),
        "ap_error_mm": apart,
    }


def extent_mm(line: NDArray[np.bool_]) -> float:
    """Return the length of the stretch of True that holds a line's middle."""
    parts, _ = ndimage.label(line)
    return float((parts == parts[len(line) // 2]).sum() * FINE_MM)


def total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of the bars."""
    read = [row for row in rows if row["error"] is None]
    apart = np.array([e for row in read for e in row["ap_error_mm"]])
    dice = [row["dice"] for row in read]
    right = sum(row["levels_wrong"] == 0 and row["levels_missing"] == 0 for row in read)
    return {
        "n": len(rows),
        "refused": len(rows) - len(read),
        "canal_dice": float(np.mean(dice)) if dice else None,
        "canal_dice_least": min(dice, default=None),
        "ap_bias_mm": float(apart.mean()) if apart.size else None,
        "ap_mae_mm": float(np.abs(apart).mean()) if apart.size else None,
        "planes": sum(row["planes"] for row in read),
        "planes_missed": sum(row["planes_missed"] for row in read),
        "levels_right": right,
        "levels_wrong": sum(row["levels_wrong"] for row in read),
        "levels_missing": sum(row["levels_missing"] for row in read),
        "wrong_though_sure": sum(bool(row["sure"] and row["levels_wrong"]) for row in read),
    }


def show(row: dict[str, Any]) -> None:
    if row["error"]:
        print(f"{row['case']:>6} {row['error']}", flush=True)
        return
    print(
        f"{row['case']:>6} {row['spacing_mm'][1]:5.2f} {row['spacing_mm'][0]:5.2f} {row['dice']:6.3f} "
        f"{np.mean(row['ap_error_mm']):6.2f} {row['planes_missed']:3d} of {row['planes']}  levels wrong "
        f"{row['levels_wrong']}, missing {row['levels_missing']}{' sure' if row['sure'] else ''}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=DRESSINGS, help="dressings of each map")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} dressings of each map")
    parser.add_argument("--save", type=Path, help="JSON lines that rows are kept in and read back from")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    asked = parser.parse_args()
    count = QUICK if asked.quick else asked.count
    keys = [f"{which}-{k}" for k in range(count) for which in range(len(find_maps()))]
    print(f"{'case':>6} {'pixel':>5} {'slice':>5} {'Dice':>6} {'AP':>6} planes missed")
    rows = []
    for row in measured_rows(keys, row_of, asked.save, key="case", stamp=model_hashes()):
        show(row)
        rows.append(row)
    figures = total(rows)
    for name, value in figures.items():
        print(f"{name:20} {value:.3f}" if isinstance(value, float) else f"{name:20} {value}")
    print(f"bars: Dice at least {BARS['canal_dice']}, AP bias within {BARS['ap_bias_mm']} mm, no level wrong")
    if asked.json:
        machine = {"machine": platform.machine(), "python": platform.python_version()}
        machine |= {"models": model_hashes(), "canalis": metadata.version("canalis")}
        print(json.dumps({**figures, **machine}))


if __name__ == "__main__":
    main()
