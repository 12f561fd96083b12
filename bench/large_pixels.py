"""Where the canal's walls come to lie at pixels of 4 to 5 mm, the network's alone and as refined.

First a real neck with fine pixels is sampled anew at 3.9 and 4.6 mm, its values as they are or each the mean
of what it covers, three times each: how far front and back wall lie from where they lie at its own pixels.
Then the planning CTs (openkbp) beside the outlines of two readers of other head-and-neck CTs (canal_readers),
C2 to T1, in axial cuts: canal AP and area, and how far the cord's middle lies behind the canal's.
Reads ../shared/data or $CANALIS_DATA. ``$CANALIS_MODELS`` chooses other networks.
"""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from canalis.errors import CanalisError
from canalis.measurement import measure_segmentation
from canalis.measurement.measurements import PlaneMeasurement
from canalis.measurement.refined import refine_segmentation
from canalis.read import read_volume
from canalis.read.nifti import read_label_map
from canalis.segment import segment
from canalis.segment.grids import Grid, box_of
from canalis.segment.models import model_hashes
from canalis.segment.segmentation import Segmentation
from canalis.volume import Probability, Volume
from phantom_distributions import LEAST_OUTLINE_MM2, read_nrrd
from real_scans import find_data

PIXELS_MM, SLICE_MM = (3.9, 4.6), 2.5
SHIFTS_MM = ((0.0, 0.0, 0.0), (1.3, 1.3, 0.8), (2.6, 2.6, 1.6))
REACH_MM, STEP_MM = 30.0, 0.4
BELOW_TIP_MM = (30.0, 100.0)  # of the dens: C2's body to T1
BELOW_TOP_MM = (35.0, 105.0)  # of a reader's canal: the same

Floats = NDArray[np.float64]


def sampled_anew(volume: Volume, pixel_mm: float, shift_mm: tuple[float, ...], *, averaged: bool) -> Volume:
    """Return a scan on large pixels, linear between its values or between means over a pixel."""
    low, high = box_of(volume)
    spacing = (SLICE_MM, pixel_mm, pixel_mm)
    grid = Grid.over_box(low + 1.0 + np.array(shift_mm), high - 1.0, spacing_mm=spacing)
    hu = volume.hu.astype(np.float32)
    if averaged:
        for axis, (wide, own) in enumerate(zip(spacing, volume.spacing_mm, strict=True)):
            hu = ndimage.convolve1d(hu, _mean_over(max(round(wide / own), 1)), axis, mode="nearest")
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    places = volume.to_index(index @ grid.affine[:3, :3].T + grid.affine[:3, 3])
    found = ndimage.map_coordinates(hu, np.moveaxis(places, -1, 0), order=1, mode="nearest")
    return Volume(np.rint(found).astype(np.int16), grid.affine)


def _mean_over(voxels: int) -> Floats:
    """Return the weights of a mean over as many voxels about a voxel: half at the ends of an even number."""
    weights = np.ones(voxels + 1 - voxels % 2)
    if voxels % 2 == 0:
        weights[[0, -1]] = 0.5
    return weights / weights.sum()


def inside_at(canal: Probability, points_lps: Floats) -> NDArray[np.bool_]:
    index = np.moveaxis(canal.to_index(points_lps), -1, 0)
    return np.asarray(ndimage.map_coordinates(canal.values.astype(np.float32), index, order=1) >= 127.5)


def walls_of(found: Segmentation, planes: list[PlaneMeasurement]) -> Floats:
    """Return where the canal begins and ends on each plane's midline, mm behind its centre, shape (n, 2)."""
    assert found.canal is not None
    along = np.arange(-14.0, 14.01, 0.1)
    out = np.full((len(planes), 2), np.nan)
    for k, plane in enumerate(planes):
        line = np.array(plane.center_lps_mm) + along[:, None] * np.array(plane.anteroposterior_lps)
        runs, _ = ndimage.label(inside_at(found.canal, line))
        if middle := runs[len(along) // 2]:
            held = along[runs == middle]
            out[k] = held[0], held[-1]
    return out


def show_sampled(path: Path) -> dict[str, Any]:
    """Print how far the walls of a neck on large pixels lie from those at its own."""
    volume = read_volume(path)
    own, _ = refine_segmentation(segment(volume), volume)
    measured = measure_segmentation(own, volume).planes
    planes = [plane for plane in measured if plane.canal_ap_mm is not None and plane.part in ("body", "disc")]
    there = walls_of(own, planes)
    figures = {}
    for pixel in PIXELS_MM:
        for averaged in (False, True):
            apart = []
            for shift in SHIFTS_MM:
                scan = sampled_anew(volume, pixel, shift, averaged=averaged)
                network = segment(scan)
                pair = (network, refine_segmentation(network, scan)[0])
                apart.append([walls_of(found, planes) - there for found in pair])
            mean = np.nanmean(apart, axis=(0, 2))
            name = f"{pixel} mm pixels, {'averaged' if averaged else 'as they are'}"
            print(
                f"{name}: front {mean[0, 0]:+.2f} mm by the network, {mean[1, 0]:+.2f} refined; "
                f"back {mean[0, 1]:+.2f}, {mean[1, 1]:+.2f} (+ is farther back)"
            )
            figures[name] = mean.tolist()
    return figures


def axial_sizes(found: Segmentation, cord: NDArray[np.bool_], volume: Volume, tip_z: float) -> Floats:
    """Return AP, area and how far behind its middle the cord's lies, the mean of the slices C2 to T1."""
    assert found.canal is not None
    axis = int(np.abs(volume.affine[2, :3]).argmax())
    ticks = np.arange(-REACH_MM, REACH_MM + STEP_MM / 2, STEP_MM)
    back, left = np.meshgrid(ticks, ticks, indexing="ij")
    rows = []
    for k in np.flatnonzero(cord.any(axis=tuple(a for a in range(3) if a != axis))):
        index = np.argwhere(np.take(cord, k, axis=axis)).astype(float)
        middle = (np.insert(index, axis, k, axis=1) @ volume.affine[:3, :3].T + volume.affine[:3, 3]).mean(0)
        if not BELOW_TIP_MM[0] <= tip_z - middle[2] <= BELOW_TIP_MM[1]:
            continue
        canal = inside_at(found.canal, middle + np.stack([left, back, np.zeros_like(back)], axis=-1))
        if canal.sum() * STEP_MM**2 > LEAST_OUTLINE_MM2:
            rows.append((*_sizes(canal, (STEP_MM, STEP_MM)), -float(back[canal].mean())))
    return np.mean(rows, axis=0) if rows else np.full(3, np.nan)


def _sizes(canal: NDArray[np.bool_], spacing_mm: tuple[float, float]) -> tuple[float, float]:
    """Return AP on the midline and area of one axial cut, rows to the back."""
    middle = round(float(np.nonzero(canal)[1].mean()))
    ap = canal[:, max(middle - 1, 0) : middle + 2].sum(axis=0).max() * spacing_mm[0]
    return float(ap), float(canal.sum() * spacing_mm[0] * spacing_mm[1])


def reader_sizes(path: Path) -> Floats:
    """Return the same of a reader's outlines."""
    canal, (column, row, depth) = read_nrrd(path)
    cord, _ = read_nrrd(path.with_name(path.name.replace("spinal_canal", "spinal_cord")))
    filled = np.flatnonzero(canal.sum(axis=(1, 2)) * column * row > LEAST_OUTLINE_MM2)
    rows = []
    for k in filled:
        if BELOW_TOP_MM[0] <= (filled[-1] - k) * depth <= BELOW_TOP_MM[1] and cord[k].any():
            behind = (np.nonzero(cord[k])[0].mean() - np.nonzero(canal[k])[0].mean()) * row
            rows.append((*_sizes(canal[k], (row, column)), float(behind)))
    return np.mean(rows, axis=0)


def show_population(data: Path) -> dict[str, Any]:
    """Print sizes and the cord's place on planning CTs beside readers'."""
    found: dict[str, list[Floats]] = {"network": [], "refined": []}
    for tip in csv.DictReader((data / "openkbp" / "dens_tip.csv").open()):
        path = data / "openkbp" / f"{tip['scan']}_ct.nii.gz"
        volume = read_volume(path)
        cord = read_label_map(path.with_name(f"{tip['scan']}_cord.nii.gz")).on_grid_of(volume).labels > 0
        try:
            network = segment(volume)
        except CanalisError:
            continue
        if network.canal is None:
            continue
        for name, one in (("network", network), ("refined", refine_segmentation(network, volume)[0])):
            found[name].append(axial_sizes(one, cord, volume, float(tip["dens_tip_z_mm"])))
    for reader in ("oncologist", "radiographer"):
        outlines = sorted((data / "canal_readers").glob(f"*canal_{reader}.nrrd"))
        found[f"reader: {reader}"] = [reader_sizes(path) for path in outlines]
    figures = {}
    for name, rows in found.items():
        mean, sd = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
        print(
            f"{name} (n {len(rows)}): AP {mean[0]:.1f} ± {sd[0]:.1f} mm, "
            f"area {mean[1]:.0f} ± {sd[1]:.0f} mm2, cord {mean[2]:.2f} ± {sd[2]:.2f} mm behind its middle"
        )
        figures[name] = mean.tolist()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    asked = parser.parse_args()
    data = find_data()
    figures = {"sampled": show_sampled(data / "vhm_head_dicom"), "population": show_population(data)}
    if asked.json:
        print(json.dumps(figures | {"models": model_hashes()}))


if __name__ == "__main__":
    main()
