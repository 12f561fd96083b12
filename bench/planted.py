"""How OPLL planted into real necks is found and measured: a row a scan, saved as it comes.

Masses of 2 to 9 mm in the Visible Human's neck (C2 to C5) and in two label maps of VerSe dressed as CT
(C2 to C7), several in a scan, far apart. The wall that they sit on is read from the CT; the label map
that gives centreline and bodies is VerSe's own, and for the Visible Human the network's, made once and
kept in ``--work``. A scan of each neck without masses says what is found where none was planted.
Reads ../shared/data or $CANALIS_DATA; $CANALIS_MODELS chooses other networks; rows say which.
"""

import argparse
import json
import os
import platform
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from canalis.chain import measure, read_drawn
from canalis.labels import FIRST_VERTEBRA, RESIDUAL_CANAL
from canalis.measurement.masses import involved_runs
from canalis.measurement.measurements import Measurements
from canalis.phantom.growth import Growth
from canalis.phantom.planted import Planted, Site, plan_mass, plant, survey
from canalis.phantom.planted_truth import line_at
from canalis.read import read_volume
from canalis.report.label_map import resample_labels, write_label_map
from canalis.segment import segment
from canalis.segment.models import model_hashes
from canalis.segment.segmentation import LevelNaming, Segmentation
from canalis.volume import Mask
from kept_rows import measured_rows
from verse_dress import RAS_TO_LPS, closed_rings, dressed

FIRST_SEED = 3_000_000
MASSES, QUICK_MASSES = 60, 8  # in the Visible Human, and in VerSe
GROUPS = {"vhm": (("C2", "C3"), ("C4", "C5")), "verse": (("C2", "C3"), ("C4", "C5"), ("C6", "C7"))}
THICKNESS_MM = (2.0, 9.0)
SENSITIVE_FROM_MM = 2.5
FOUND_MM, FOUND_OVER_MM = 1.0, 3.0  # involved, by the definitions
APART_MM = 6.0  # between two masses of a scan
BESIDE_MM = 4.0  # beyond a mass's ends, where what is found is still the mass
TUBE_LR_MM, TUBE_AP_MM = 11.0, 6.8  # half axes of the canal that tells where VerSe's centreline runs
BEYOND_MM = 14.0  # that the line is drawn on beyond the closed rings
NOISE_HU, SLICE_MM = 40.0, 1.25

Floats = NDArray[np.float64]


def find_data() -> Path:
    named = os.environ.get("CANALIS_DATA")
    return Path(named) if named else Path(__file__).parents[1] / ".." / "shared" / "data"


def visible_human(work: Path) -> Site:
    """Return the Visible Human's neck, its label map made once."""
    volume = read_volume(find_data() / "vhm_head_dicom")
    kept = work / "vhm_labels.nii.gz"
    if not kept.exists():
        work.mkdir(parents=True, exist_ok=True)
        write_label_map(kept, segment(volume).mask, acquisition=None)
    return survey(volume, read_drawn(kept, volume))


def dressed_verse(path: Path, seed: int) -> Site:
    """Return a label map of VerSe dressed as CT, with its own names and a tube for its canal."""
    bone, volume = dressed(path, slice_mm=SLICE_MM, noise_hu=NOISE_HU, seed=seed)
    image = nib.load(path)
    named = Mask(np.asarray(image.dataobj).astype(np.uint8), RAS_TO_LPS @ image.affine)
    own = resample_labels(named, shape=volume.shape, affine=volume.affine)
    labels = np.where((own > 0) & (own <= 9), own + (FIRST_VERTEBRA - 1), 0).astype(np.uint8)
    centers = drawn_on(np.array([cut[0] for cut in closed_rings(bone)[0]]))
    z = volume.to_lps(np.stack([np.arange(volume.shape[0])] + [np.zeros(volume.shape[0])] * 2, -1))[:, 2]
    y, x = (
        volume.affine[a, 3] + volume.affine[a, b] * np.arange(n)
        for a, b, n in ((1, 1, volume.shape[1]), (0, 2, volume.shape[2]))
    )
    order = np.argsort(centers[:, 2])
    for k in np.flatnonzero((z >= centers[:, 2].min()) & (z <= centers[:, 2].max())):
        at = [np.interp(z[k], centers[order, 2], centers[order, a]) for a in (0, 1)]
        inside = ((x[None] - at[0]) / TUBE_LR_MM) ** 2 + ((y[:, None] - at[1]) / TUBE_AP_MM) ** 2 <= 1
        labels[k][inside & (own[k] == 0)] = RESIDUAL_CANAL
    naming = LevelNaming(True, "hint", "Levels as VerSe names them.")
    return survey(volume, Segmentation(Mask(labels, volume.affine), naming))


def drawn_on(centers: Floats) -> Floats:
    """Return a line drawn on straight at both ends, so that C2's and T1's bodies lie along it."""
    ordered = centers[np.argsort(centers[:, 2])]
    ends = []
    for end, inner in ((ordered[0], ordered[3]), (ordered[-1], ordered[-4])):
        way = (end - inner) / np.linalg.norm(end - inner)
        ends.append(end + BEYOND_MM * way)
    return np.concatenate([ends[:1], ordered, ends[1:]])


def sites(work: Path) -> dict[str, Any]:
    """Return by name how each neck is made ready."""
    paths = sorted((find_data() / "verse").glob("*.nii.gz"))
    made: dict[str, Any] = {"vhm": lambda: visible_human(work)}
    for number, path in enumerate(paths):
        made[f"verse {number + 1}"] = lambda path=path, number=number: dressed_verse(
            path, FIRST_SEED + number
        )
    return made


def cases_of(names: list[str], masses: int) -> list[tuple[str, int, int]]:
    """Return neck, seed and number of masses of each scan; one without masses of each neck first."""
    cases = [(name, FIRST_SEED, 0) for name in names]
    verse = [name for name in names if name != "vhm"]
    for kind, own in (("vhm", ["vhm"]), ("verse", verse)):
        each = len(GROUPS[kind])
        for k in range(-(-masses // each)):
            if own:
                cases.append((own[k % len(own)], FIRST_SEED + 1000 * (kind == "verse") + k + 1, each))
    return sorted(cases, key=lambda case: (names.index(case[0]), case[1]))


def planned(site: Site, name: str, seed: int) -> tuple[Growth, ...]:
    """Return one mass in each stretch of a neck, far enough apart."""
    rng = np.random.default_rng(seed)
    bodies = {zone.name: zone for zone in site.bodies}
    groups = [g for g in GROUPS[name.split()[0]] if set(g) <= set(bodies)]
    while True:
        masses = []
        for upper, lower in groups:
            kind = rng.choice(["upper", "lower", "both", "disc"])
            span = {"upper": (upper,), "lower": (lower,), "both": (upper, lower), "disc": (upper,)}[str(kind)]
            thickness = float(rng.uniform(*THICKNESS_MM))
            chosen = tuple(bodies[n] for n in span)
            masses.append(plan_mass(rng, site, chosen, thickness_mm=thickness, localized=kind == "disc"))
        gaps = [a.low_mm - b.high_mm for a, b in pairwise(masses)]
        if min(gaps, default=APART_MM) >= APART_MM:
            return tuple(masses)


def row_of(site: Site, name: str, seed: int, masses: int, pictures: Path | None) -> dict[str, Any]:
    """Return what was planted into a scan and what was found in it."""
    growths = planned(site, name, seed) if masses else ()
    planted = plant(site, growths, np.random.default_rng([seed, 1]))
    found = measure(planted.volume)
    along, thickness = found_profile(site, found)
    rows = [mass_row(site, growth, along, thickness) for growth in growths]
    spans = [(-g.high_mm - BESIDE_MM, -g.low_mm + BESIDE_MM) for g in growths]
    outside = thickness.copy()
    for upper, lower in spans:
        outside[(along >= upper) & (along <= lower)] = 0.0
    elsewhere = [run for run in involved_runs(outside, along) if run.length_mm >= FOUND_OVER_MM]
    row = {
        "neck": name, "seed": seed, "masses": rows, "present": found.ossification.present,
        "planes": plane_rows(site, growths, found),
        "elsewhere": [
            {
                "level": level_at(site, (run.upper_mm + run.lower_mm) / 2),
                "along_mm": [run.upper_mm, run.lower_mm],
                "thickness_mm": float(
                    outside[(along >= run.upper_mm) & (along <= run.lower_mm)].max(initial=0.0)
                ),
            }
            for run in elsewhere
        ],
    }  # fmt: skip
    if pictures is not None:
        draw(planted, row, found, pictures)
    return row


def found_profile(site: Site, found: Measurements) -> tuple[Floats, Floats]:
    """Return places along the site's own centreline and the thickness found there."""
    along = np.array([site.neck.frame.place_of(np.array(p.center_lps_mm)) for p in found.profile])
    thickness = np.array([p.thickness_mm for p in found.profile])
    order = np.argsort(along)
    reach = site.neck.frame.along_mm
    low, high = min(reach[0], along.min(initial=0.0)), max(reach[-1], along.max(initial=0.0))
    grid = np.arange(low, high, 0.5)
    if not len(along):
        return grid, np.zeros_like(grid)
    return grid, np.interp(grid, along[order], thickness[order], left=0.0, right=0.0)


def mass_row(site: Site, growth: Growth, along: Floats, thickness: Floats) -> dict[str, Any]:
    upper, lower = -growth.high_mm, -growth.low_mm
    near = (along >= upper - 1.0) & (along <= lower + 1.0)
    own = np.where(near, thickness, 0.0)
    longest = max((run.length_mm for run in involved_runs(own, along)), default=0.0)
    places = np.arange(upper, lower, 0.5)
    truth = max(float(line_at(site, (growth,), float(s)).thickness.max()) for s in places)
    return {
        "level": level_at(site, (upper + lower) / 2), "length_mm": lower - upper, "rim_hu": growth.rim_hu,
        "truth_mm": truth, "found_mm": float(own.max()), "found": longest >= FOUND_OVER_MM,
    }  # fmt: skip


def plane_rows(site: Site, growths: tuple[Growth, ...], found: Measurements) -> list[list[float]]:
    """Return true and found thickness on every found plane that meets a planted mass."""
    rows = []
    for plane in found.planes:
        if plane.part == "worst" or plane.ossification_thickness_mm is None:
            continue
        along = site.neck.frame.place_of(np.array(plane.center_lps_mm))
        truth = float(line_at(site, growths, along).thickness.max()) if growths else 0.0
        if truth >= FOUND_MM:
            rows.append([truth, plane.ossification_thickness_mm])
    return rows


def level_at(site: Site, along_mm: float) -> str | None:
    zone = next((z for z in site.neck.zones if z.upper_mm <= along_mm <= z.lower_mm), None)
    return None if zone is None else zone.name


def draw(planted: Planted, row: dict[str, Any], found: Measurements, folder: Path) -> None:
    """Draw a scan as it came out: midsagittal with the wall, axial at each mass and each finding."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from canalis.phantom.front_wall import sample_rays

    site, frame = planted.site, planted.site.neck.frame
    back, left = np.arange(-25, 20, 0.25), np.arange(-20, 20, 0.25)
    places = [(-(g.low_mm + g.high_mm) / 2, "planted") for g in planted.growths]
    places += [(float(np.mean(run["along_mm"])), "found, none planted") for run in row["elsewhere"]]
    figure, axes = plt.subplots(1, 1 + len(places), figsize=(5 * (1 + len(places)), 7), squeeze=False)
    image = sample_rays(planted.volume, frame, back, np.array([0.0, 0.1]))[:, :, 0]
    axes[0, 0].imshow(
        image, cmap="gray", vmin=-300, vmax=1100, extent=(back[0], back[-1], frame.along_mm[-1], 0)
    )
    wall = site.wall.at(np.zeros(len(frame.along_mm)), frame.along_mm)
    axes[0, 0].plot(wall, frame.along_mm, "r", lw=0.6)
    along, thickness = found_profile(site, found)
    axes[0, 0].plot(np.interp(along, frame.along_mm, wall) + thickness, along, "c", lw=0.6)
    for axis, (at, words) in zip(axes[0, 1:], places, strict=True):
        plane = sample_rays(planted.volume, frame.at(np.array([at])), back, left)[0]
        axis.imshow(plane, cmap="gray", vmin=-300, vmax=1100, extent=(left[0], left[-1], back[-1], back[0]))
        axis.set_title(f"{words}, {level_at(site, at)}")
    folder.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(folder / f"{row['neck'].replace(' ', '_')}_{row['seed']}.png", dpi=60)
    plt.close(figure)


def figures_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return every figure, for all necks and for each kind."""
    made: dict[str, Any] = {}
    for kind in ("all", "vhm", "verse"):
        own = [row for row in rows if kind in ("all", row["neck"].split()[0])]
        masses = [mass for row in own for mass in row["masses"]]
        seen = [mass for mass in masses if mass["found"]]
        large = [mass for mass in masses if mass["truth_mm"] >= SENSITIVE_FROM_MM]
        error = np.array([mass["found_mm"] - mass["truth_mm"] for mass in seen])
        planes = np.array([pair for row in own for pair in row["planes"]]).reshape(-1, 2)
        off = planes[:, 1] - planes[:, 0]
        made[kind] = {
            "scans": len(own),
            "masses": len(masses),
            "masses_from_2.5_mm": len(large),
            "sensitivity_from_2.5_mm": float(np.mean([m["found"] for m in large])) if large else None,
            "thickness_mae_mm": float(np.abs(error).mean()) if len(error) else None,
            "thickness_bias_mm": float(error.mean()) if len(error) else None,
            "planes": len(planes),
            "plane_thickness_mae_mm": float(np.abs(off).mean()) if len(off) else None,
            "plane_thickness_bias_mm": float(off.mean()) if len(off) else None,
            "found_elsewhere": sum(len(row["elsewhere"]) for row in own),
            "found_in_bare_necks": [
                [row["neck"], run["level"], round(run["thickness_mm"], 1)]
                for row in own
                if not row["masses"]
                for run in row["elsewhere"]
            ],
        }
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/planted"), help="where label maps are kept")
    parser.add_argument("--rows", type=Path, help="JSON lines that rows are kept in; default WORK/rows.jsonl")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_MASSES} masses a kind, not {MASSES}")
    parser.add_argument("--pictures", type=Path, help="folder for a picture of each new scan")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    kept = asked.rows or asked.work / "rows.jsonl"
    makers = sites(asked.work)
    ready: dict[str, Site] = {}
    cases = {
        f"{name} {seed}": (name, seed, masses)
        for name, seed, masses in cases_of(list(makers), QUICK_MASSES if asked.quick else MASSES)
    }

    def measured(case: str) -> dict[str, Any]:
        name, seed, masses = cases[case]
        if name not in ready:
            ready.clear()  # one neck in memory: the cases of a neck follow one another
            ready[name] = makers[name]()
        return row_of(ready[name], name, seed, masses, asked.pictures)

    rows = []
    for row in measured_rows(cases, measured, kept, key="case", stamp=model_hashes()):
        rows.append(row)
        told = ", ".join(f"{m['level']} {m['truth_mm']:.1f} found {m['found_mm']:.1f}" for m in row["masses"])
        print(f"{row['case']} {told or 'none planted'}; elsewhere {len(row['elsewhere'])}", flush=True)
    figures = figures_of(rows)
    for name in figures["all"]:
        values = [figures[kind][name] for kind in ("all", "vhm", "verse")]
        print(f"{name:28}", *(f"{v:.3f}" if isinstance(v, float) else v for v in values), sep="  ")
    if asked.json:
        machine = {"machine": platform.platform(), "python": platform.python_version()}
        machine |= {"models": model_hashes()}
        print(json.dumps({**figures, **machine, "canalis": metadata.version("canalis")}))


if __name__ == "__main__":
    main()
