"""Canal AP against the half-maximum edges of the bone, on planes where the ring of bone is closed.

A CT is measured by the whole chain; on every plane along the centreline whose ring is closed, the AP line
is read on the CT itself: from the canal outwards to the first bone, the edge where the profile is halfway
between the canal and the bone's peak. ``--pictures`` draws every such plane with both.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

import canalis
from canalis.measurement.measurements import Measurements
from canalis.read import read_volume
from canalis.segment.models import model_hashes
from canalis.volume import Volume

matplotlib.use("Agg")
import matplotlib.pyplot as plt

Floats = NDArray[np.float64]

LEVELS = ("C2", "C2/3", "C3", "C3/4", "C4", "C4/5", "C5")
STEP_MM = 0.1
REACH_MM = 20.0
BESIDE_MM = np.arange(-1.0, 1.01, 0.5)  # lines averaged into one profile
BONE_HU = 250.0  # what begins a wall of bone
PEAK_WITHIN_MM = 2.5  # of where bone begins: its cortex
INSIDE_MM = 3.0  # about the centreline: the canal's own density
RAYS = 48
RING_MM = 22.0  # from the centreline to the ring's bone at most
BARS = {"mae_mm": 0.5, "bias_mm": 0.2}


def profile_at(volume: Volume, starts: Floats, way: Floats) -> Floats:
    """Return HU along one direction from each start, shape (len(starts), steps)."""
    t = np.arange(0.0, REACH_MM, STEP_MM)
    points = starts[:, None, :] + t[None, :, None] * way
    inverse = np.linalg.inv(volume.affine)
    index = np.moveaxis(points @ inverse[:3, :3].T + inverse[:3, 3], -1, 0)
    return ndimage.map_coordinates(volume.hu, index, order=1, mode="nearest", output=np.float64)


def edge_mm(profile: Floats) -> float:
    """Return where a profile from the canal outwards reaches half of the first bone's peak, NaN without."""
    bone = np.flatnonzero(profile > BONE_HU)
    if not len(bone):
        return float("nan")
    peak = profile[bone[0] : bone[0] + int(PEAK_WITHIN_MM / STEP_MM)].max()
    half = (np.median(profile[: int(INSIDE_MM / STEP_MM)]) + peak) / 2
    at = int(np.flatnonzero(profile >= half)[0])
    if at == 0:
        return float("nan")
    return STEP_MM * (at - 1 + (half - profile[at - 1]) / (profile[at] - profile[at - 1]))


def planes_of(measured: Measurements) -> list[dict[str, Any]]:
    """Return centre, directions, AP and level of every sample along the centreline between C2 and C5."""
    line = np.array(measured.centerline_lps_mm)
    back = np.array(measured.centerline_posterior_lps)
    down = np.gradient(line, axis=0)
    down /= np.linalg.norm(down, axis=1, keepdims=True)
    found = []
    for sample in measured.profile:
        if sample.level not in LEVELS or sample.thickness_mm > 0:
            continue
        k = int(np.linalg.norm(line - np.array(sample.center_lps_mm), axis=1).argmin())
        posterior = back[k] - (back[k] @ down[k]) * down[k]
        posterior /= np.linalg.norm(posterior)
        found.append(
            {
                "level": sample.level, "center": np.array(sample.center_lps_mm), "posterior": posterior,
                "left": np.cross(down[k], posterior), "ap_mm": sample.canal_ap_mm,
            }
        )  # fmt: skip
    return found


def ring_closed(volume: Volume, plane: dict[str, Any]) -> bool:
    """Return whether rays in every direction of a plane meet bone."""
    angles = 2 * np.pi * np.arange(RAYS) / RAYS
    rays = np.cos(angles)[:, None] * plane["posterior"] + np.sin(angles)[:, None] * plane["left"]
    reach = int(RING_MM / STEP_MM)
    return all((profile_at(volume, plane["center"][None], ray)[0, :reach] > BONE_HU).any() for ray in rays)


def compare(volume: Volume, measured: Measurements) -> list[dict[str, Any]]:
    """Return every closed plane with the AP measured and that of the bone's edges."""
    rows = []
    for plane in planes_of(measured):
        if not ring_closed(volume, plane):
            continue
        starts = plane["center"] + BESIDE_MM[:, None] * plane["left"]
        rear, front = (
            edge_mm(profile_at(volume, starts, way * plane["posterior"]).mean(axis=0)) for way in (1, -1)
        )
        if np.isfinite(rear + front):
            rows.append(plane | {"edges_mm": rear + front, "front_mm": front, "rear_mm": rear})
    return rows


def draw(volume: Volume, rows: list[dict[str, Any]], path: Path) -> None:
    """Draw every closed plane: the bone's edges as crosses, AP measured as a title."""
    columns = 6
    lines = -(-len(rows) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(2.6 * columns, 2.8 * lines), squeeze=False)
    grid = np.arange(-20.0, 20.1, 0.4)
    inverse = np.linalg.inv(volume.affine)
    for axis in axes.ravel():
        axis.axis("off")
    for row, axis in zip(rows, axes.ravel(), strict=False):
        points = row["center"] + grid[:, None, None] * row["posterior"] + grid[None, :, None] * row["left"]
        index = np.moveaxis(points @ inverse[:3, :3].T + inverse[:3, 3], -1, 0)
        image = ndimage.map_coordinates(volume.hu, index, order=1, mode="nearest")
        axis.imshow(image, cmap="gray", vmin=-300, vmax=1200, extent=(-20, 20, 20, -20))
        axis.plot([0, 0], [-row["front_mm"], row["rear_mm"]], "+", color="tab:orange")
        axis.set_title(f"{row['level']} {row['ap_mm']:.1f} ({row['edges_mm']:.1f})", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scan", type=Path, help="a CT without OPLL, such as ../shared/data/vhm_head_dicom")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    volume = read_volume(given.scan)
    rows = compare(volume, canalis.measure(volume))
    apart = np.array([row["ap_mm"] - row["edges_mm"] for row in rows])
    for row in rows:
        print(f"{row['level']:5} {row['ap_mm']:5.1f} {row['edges_mm']:5.1f}")
    figures = {
        "planes": len(rows), "mae_mm": float(np.abs(apart).mean()), "bias_mm": float(apart.mean()),
        "worst_mm": float(np.abs(apart).max()), "bars": BARS, "models": model_hashes(),
    }  # fmt: skip
    print(json.dumps(figures) if given.json else figures)
    if given.pictures:
        draw(volume, rows, given.pictures)


if __name__ == "__main__":
    main()
