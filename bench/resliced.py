"""One neck without OPLL sliced anew: what is reported where there is nothing, and how far canal AP wanders.

A CT is resampled to slices of 1 to 3 mm, its pixels of 1 mm, three times each: as it lies, mirrored and
shifted by less than a voxel, and shifted farther. Then it is turned about the table's long axis, its voxels
as they are. Each goes through the whole chain. A network is chosen by this before any phantom is looked at:
real walls have rims that phantoms lack (docs/decisions/0079).
``$CANALIS_MODELS`` chooses other networks.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from canalis.chain import measure
from canalis.read import read_volume
from canalis.segment.grids import Grid, box_of, resample_hu
from canalis.segment.models import model_hashes
from canalis.volume import Volume

SLICES_MM = (1.0, 1.5, 2.0, 2.5, 3.0)
PIXEL_MM = 1.0
SHIFTS = ((0.0, False), (0.45, True), (0.8, False))  # in slices; whether mirrored
TURNS_DEG = (-35.0, -25.0, -15.0, 15.0, 25.0, 35.0)
ASIDE_MM = (0.3, 0.3)  # to the left and back: off the scan's own pixels
WITHIN_MM = 1.5  # of the far sides, which are left out


def sliced_anew(volume: Volume, slice_mm: float, shift: float, *, mirrored: bool) -> Volume:
    """Return a scan on other slices."""
    low, high = box_of(volume)
    start = low + np.array([ASIDE_MM[0] + 0.5 * shift, ASIDE_MM[1] + 0.3 * shift, shift * slice_mm])
    end = high - np.array([WITHIN_MM, WITHIN_MM, 0.0])
    grid = Grid.over_box(start, end, spacing_mm=(slice_mm, PIXEL_MM, PIXEL_MM))
    hu = resample_hu(volume, grid)
    return Volume(np.ascontiguousarray(hu[:, :, ::-1]) if mirrored else hu, grid.affine)


def turned(volume: Volume, degrees: float) -> Volume:
    """Return a scan of the same neck turned about the table's long axis."""
    turn, matrix = np.radians(degrees), np.eye(4)
    matrix[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    return replace(volume, affine=matrix @ volume.affine)


def variants_of(volume: Volume) -> Iterator[tuple[str, Volume]]:
    """Return the variants of a scan one by one, each with what was done to it."""
    for slice_mm in SLICES_MM:
        for shift, mirrored in SHIFTS:
            name = f"{slice_mm:g} mm, shift {shift:g}{', mirrored' if mirrored else ''}"
            yield name, sliced_anew(volume, slice_mm, shift, mirrored=mirrored)
    for degrees in TURNS_DEG:
        yield f"turned by {degrees:+g} degrees", turned(volume, degrees)


def row_of(name: str, scan: Volume) -> dict[str, Any]:
    """Return what is reported of one variant."""
    found = measure(scan)
    return {
        "variant": name,
        "present": found.ossification.present,
        "max_thickness_mm": found.ossification.max_thickness_mm,
        "apart": [(one.kind, one.level, one.thickness_mm) for one in found.apart],
        "canal_ap_mm": {
            f"{plane.level} {plane.part}": plane.canal_ap_mm
            for plane in found.planes
            if plane.canal_ap_mm is not None and plane.part != "worst"
        },
    }


def total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how often OPLL is reported, and mean and SD of canal AP by plane."""
    names = dict.fromkeys(name for row in rows for name in row["canal_ap_mm"])
    by_plane = {
        name: [row["canal_ap_mm"][name] for row in rows if name in row["canal_ap_mm"]] for name in names
    }
    return {
        "scans": len(rows),
        "reported": sum(bool(row["present"]) for row in rows),
        "canal_ap_mm": {n: [float(np.mean(v)), float(np.std(v)), len(v)] for n, v in by_plane.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scan", type=Path, help="a CT of a neck without OPLL")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    asked = parser.parse_args()
    volume = read_volume(asked.scan)
    rows = []
    for name, scan in variants_of(volume):
        row = row_of(name, scan)
        rows.append(row)
        reported = f"OPLL, {row['max_thickness_mm']} mm" if row["present"] else "no OPLL"
        apart = ", ".join(f"{kind} {level}" for kind, level, _ in row["apart"] if kind != "anterior ligament")
        print(f"{name}: {reported}; {apart}", flush=True)
    figures = total(rows)
    for name, (mean, sd, count) in figures["canal_ap_mm"].items():
        print(f"{name:10} canal AP {mean:5.2f} mm, SD {sd:.2f}, on {count}")
    print(f"OPLL reported on {figures['reported']} of {figures['scans']}")
    if asked.json:
        print(json.dumps(figures | {"rows": rows, "models": model_hashes()}))


if __name__ == "__main__":
    main()
