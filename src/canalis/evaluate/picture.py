"""How far results are from the truth, as one picture."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from canalis.evaluate.folders import Evaluation
from canalis.result_folder import result_file

SHARES: Final = (
    ("canal\nDice", lambda e: e.canal.dice),
    ("canal\nsurface\nat 1 mm", lambda e: e.canal.surface_dice),
    ("ossification\nDice", lambda e: e.ossification.dice),
    ("ossification\nsurface\nat 1 mm", lambda e: e.ossification.surface_dice),
)
DISTANCES: Final = (
    ("canal", lambda e: e.canal.hausdorff_95_mm),
    ("ossification", lambda e: e.ossification.hausdorff_95_mm),
)
PICTURES: Final = (".png", ".pdf", ".svg")
LIMIT: Final = 1.96  # standard deviations: Bland and Altman 1986


def draw_evaluations(path: Path, evaluations: list[Evaluation]) -> None:
    """Draw overlap, 95 % Hausdorff distances and the agreement of canal AP.

    Parameters
    ----------
    path : Path
        PNG, PDF or SVG, by its ending.
    evaluations : list of Evaluation
        At least one.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    shares, distances, lengths = figure.subplots(1, 3, width_ratios=(1.3, 0.8, 1.5))
    _strips(shares, SHARES, evaluations)
    shares.set(ylim=(0, 1.02), title="Overlap")
    _strips(distances, DISTANCES, evaluations)
    distances.set(ylim=(0, None), ylabel="mm", title="95 % Hausdorff")
    _agreement(lengths, evaluations)
    wrong, missing = (
        sum(getattr(e, name) for e in evaluations) for name in ("levels_wrong", "levels_missing")
    )
    figure.suptitle(f"{len(evaluations)} cases; levels named wrong {wrong}, missing {missing}", fontsize=10)
    with result_file(path) as beside:
        figure.savefig(beside, dpi=130)


def _strips(axes: Any, columns: tuple[tuple[str, Any], ...], evaluations: list[Evaluation]) -> None:
    """Draw a column of dots a quantity, a dot a case, and their mean as a line."""
    for place, (_, read) in enumerate(columns):
        values = np.array([v for e in evaluations if (v := read(e)) is not None])
        if not values.size:
            continue
        aside = np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else np.zeros(1)
        axes.plot(place + aside, values, "o", markersize=4, alpha=0.6, color="tab:blue")
        axes.plot([place - 0.28, place + 0.28], [values.mean()] * 2, color="black", linewidth=1.5)
    axes.set_xticks(range(len(columns)), [name for name, _ in columns], fontsize=8)
    axes.set_xlim(-0.6, len(columns) - 0.4)


def _agreement(axes: Any, evaluations: list[Evaluation]) -> None:
    """Draw the difference of canal AP against its mean, with bias and limits of agreement."""
    pairs = np.array([pair for e in evaluations for pair in e.canal_ap_mm]).reshape(-1, 2)
    axes.set(xlabel="mean of true and found, mm", ylabel="found − true, mm", title="Canal AP")
    axes.axhline(0, color="0.8", linewidth=1)
    if not len(pairs):
        return
    apart = pairs[:, 1] - pairs[:, 0]
    axes.plot(pairs.mean(axis=1), apart, "o", markersize=3, alpha=0.5, color="tab:blue")
    bias, spread = float(apart.mean()), LIMIT * float(apart.std(ddof=1)) if len(apart) > 1 else 0.0
    for height, style in ((bias, "-"), (bias - spread, "--"), (bias + spread, "--")):
        axes.axhline(height, color="black", linestyle=style, linewidth=1)
    axes.set_title(
        f"Canal AP: bias {bias:+.2f} mm, limits {bias - spread:+.2f} to {bias + spread:+.2f}", fontsize=9
    )
