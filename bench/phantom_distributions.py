"""Are phantoms as large as people? Plots of their sizes beside readers' outlines and the literature's.

    python bench/phantom_distributions.py [--necks 200] [--out docs/pictures] [--minutes 0]

Readers' canals are those of ``canal_readers`` where that folder lies in ``../shared/data``; means and
spreads alone are drawn. ``--minutes`` makes training cases for that long and says how many a minute.
"""

import argparse
import tempfile
import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from canalis.phantom.canal import canal_at
from canalis.phantom.neck import NAMES, Neck
from canalis.phantom.ossification import Wanted, plan_growths
from canalis.phantom.plan import plan_neck

mpl.use("Agg")
import matplotlib.pyplot as plt

Floats = NDArray[np.float64]

READERS = Path(__file__).resolve().parents[2] / "shared" / "data" / "canal_readers"
DEPTHS_MM = np.arange(25.0, 116.0, 10.0)
HALF_BIN_MM = 5.0
LEAST_OUTLINE_MM2 = 60.0
LEVELS = NAMES[2:8]

# Men and women together unless said; mean, SD in mm. Sources: docs/phantom.md.
WIDTH_CT = (23.8, 2.5)  # C3 to C7 on CT, men 24.6, women 23.0
AP_FILM = {"C3": (16.4, 2.6), "C4": (15.9, 2.6), "C5": (15.5, 2.6), "C6": (15.8, 2.6), "C7": (16.1, 2.6)}
AP_CT = (16.5, 1.9)  # C3 to C7 at mid-body on CT, men 17 to 18, women 15 to 16
HEIGHT_CT = (13.3, 1.5)  # C3 to C7, men 14.0, women 12.5
THICKNESS_SURGICAL = (5.5, 1.8)  # OPLL, mm
THICKNESS_INCIDENTAL = (2.5, 1.2)


def main() -> None:
    """Draw the plots and print what they show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--necks", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--minutes", type=float, default=0.0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    necks = [plan_neck(np.random.default_rng([seed, 0])) for seed in range(options.necks)]
    plot_canal(necks, options.out / "phantom_canal.png")
    plot_bodies(necks, options.out / "phantom_bodies.png")
    plot_thickness(necks, options.out / "phantom_opll.png")
    if options.minutes > 0:
        print(f"training cases a minute, one process: {cases_a_minute(options.minutes):.1f}")


def plot_canal(necks: list[Neck], path: Path) -> None:
    """Plot canal AP and LR by depth below the canal's top, phantoms beside two readers."""
    drawn = {"phantoms": np.array([axial_canal(neck) for neck in necks])}
    for reader in ("oncologist", "radiographer"):
        if (outlines := sorted(READERS.glob(f"*canal_{reader}.nrrd"))) and READERS.is_dir():
            drawn[f"reader: {reader}"] = np.array([outlined_canal(p) for p in outlines])
    fig, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
    for k, (ax, name) in enumerate(zip(axes, ("AP", "LR"), strict=True)):
        for j, (who, values) in enumerate(drawn.items()):
            mean, sd = np.nanmean(values[:, :, k], axis=0), np.nanstd(values[:, :, k], axis=0)
            ax.errorbar(DEPTHS_MM + 1.5 * (j - 1), mean, sd, marker="o", ms=3, capsize=2, label=who)
            figures = ", ".join(f"{m:.1f} ± {s:.1f}" for m, s in zip(mean, sd, strict=True))
            print(f"canal {name} every 10 mm from 25 mm, {who} (n {len(values)}): {figures}")
        ax.set(xlabel="mm below the canal's top", ylabel=f"canal {name} (mm), mean ± SD")
    axes[0].legend(fontsize=7)
    fig.savefig(path, dpi=110)


def axial_canal(neck: Neck) -> Floats:
    """Return AP and LR of axial cuts through a phantom's canal, (depths, 2) mm.

    Readers outline axial slices, so the cut through a leaning canal is longer than its diameter.
    """
    top = float(neck.curve.point_at(neck.top_s_mm)[2])
    at = np.interp(top - DEPTHS_MM, neck.curve.points_lps[:, 2], neck.curve.s_mm)
    section, head = canal_at(neck, at), neck.curve.frame_at(at)[:, 2]
    ap = section.middle_ap / np.abs(np.hypot(head[:, 2], head[:, 0]))
    return np.column_stack([ap, section.lr / np.hypot(head[:, 2], head[:, 1])])


def outlined_canal(path: Path) -> Floats:
    """Return AP and LR of one reader's outline, (depths, 2) mm; nan where none is."""
    mask, spacing = read_nrrd(path)
    column, row, depth = spacing
    filled = np.flatnonzero(np.count_nonzero(mask, axis=(1, 2)) * column * row > LEAST_OUTLINE_MM2)
    out = np.full((len(DEPTHS_MM), 2), np.nan)
    below = (filled[-1] - filled) * depth
    sizes = np.array([_extent(mask[k]) * [row, column] for k in filled[below <= DEPTHS_MM[-1] + HALF_BIN_MM]])
    kept = below[below <= DEPTHS_MM[-1] + HALF_BIN_MM]
    for i, middle in enumerate(DEPTHS_MM):
        near = np.abs(kept - middle) <= HALF_BIN_MM
        if near.any():
            out[i] = np.median(sizes[near], axis=0)
    return out


def _extent(plane: NDArray[np.bool_]) -> Floats:
    """Return rows at the midline and columns at most, of one outline."""
    columns = np.flatnonzero(plane.any(axis=0))
    middle = round(float(np.nonzero(plane)[1].mean()))
    near = plane[:, max(middle - 1, 0) : middle + 2]
    return np.array([near.sum(axis=0).max(), len(columns)], dtype=float)


def read_nrrd(path: Path) -> tuple[NDArray[np.bool_], tuple[float, float, float]]:
    """Return a mask (slices, rows, columns), slices to the head, and column, row, slice spacing in mm."""
    import SimpleITK as sitk  # noqa: N813 - its own name

    image = sitk.ReadImage(str(path))
    return np.asarray(sitk.GetArrayFromImage(image) > 0), image.GetSpacing()


def plot_bodies(necks: list[Neck], path: Path) -> None:
    """Plot body depth, width and height by level beside the literature."""
    fig, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
    at = np.arange(len(LEVELS))
    for ax, name in zip(axes, ("depth", "width", "height"), strict=True):
        values = np.array([[getattr(n.vertebrae[NAMES.index(v)], name) for v in LEVELS] for n in necks])
        mean, sd = values.mean(axis=0), values.std(axis=0)
        ax.errorbar(at, mean, sd, marker="o", capsize=2, label="phantoms")
        print(
            f"body {name}, {LEVELS[0]} to {LEVELS[-1]}:",
            ", ".join(f"{m:.1f} ± {s:.1f}" for m, s in zip(mean, sd, strict=True)),
        )
        known = {"depth": AP_CT, "width": WIDTH_CT, "height": HEIGHT_CT}[name]
        ax.axhspan(
            known[0] - known[1], known[0] + known[1], xmax=0.82, alpha=0.15, color="k", label="CT, C3–C7"
        )
        if name == "depth":
            film = np.array(list(AP_FILM.values()))
            ax.errorbar(at[:5] + 0.15, film[:, 0], film[:, 1], fmt="s", ms=4, capsize=2, label="films")
        ax.set(xticks=at, xticklabels=LEVELS, ylabel=f"body {name} (mm), mean ± SD")
        ax.legend(fontsize=7)
    fig.savefig(path, dpi=110)


def plot_thickness(necks: list[Neck], path: Path) -> None:
    """Plot how thick phantoms' OPLL is at most, beside the two priors."""
    most = []
    for seed, neck in enumerate(necks):
        growths = plan_growths(np.random.default_rng([seed, 1]), neck, Wanted())
        most.append(max((g.height_mm for g in growths if g.is_opll), default=0.0))
    thick = np.array([m for m in most if m > 0])
    fig, ax = plt.subplots(figsize=(4.6, 3.2), layout="constrained")
    bins = np.arange(0, 13, 0.75)
    ax.hist(thick, bins, density=True, alpha=0.4, label=f"phantoms, {len(thick)} of {len(necks)}")
    at = np.linspace(0.2, 12, 200)
    for (mean, sd), who in ((THICKNESS_INCIDENTAL, "incidental"), (THICKNESS_SURGICAL, "operated")):
        spread = np.sqrt(np.log(1 + (sd / mean) ** 2))
        middle = np.log(mean) - spread**2 / 2
        ax.plot(
            at,
            np.exp(-((np.log(at) - middle) ** 2) / (2 * spread**2)) / (at * spread * np.sqrt(2 * np.pi)),
            label=who,
        )
    ax.set(xlabel="greatest OPLL thickness (mm)", ylabel="density")
    ax.legend(fontsize=7)
    fig.savefig(path, dpi=110)
    quarters = np.percentile(thick, [5, 25, 50, 75, 95])
    print("OPLL thickness, 5, 25, 50, 75, 95 %:", ", ".join(f"{q:.1f}" for q in quarters))


def cases_a_minute(minutes: float) -> float:
    """Return how many training cases one process makes in a minute of its CPU time."""
    from canalis.train.phantoms import make_phantom_case

    start, made = time.process_time(), 0
    with tempfile.TemporaryDirectory() as folder:
        while time.process_time() - start < 60 * minutes:
            make_phantom_case(900_000 + made, Path(folder))
            made += 1
    return made / (time.process_time() - start) * 60


if __name__ == "__main__":
    main()
