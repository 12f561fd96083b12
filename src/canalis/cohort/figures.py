"""The figures of a paper: SVG for the journal, PNG for the manuscript.

Colours are Okabe and Ito's, told apart by colour-blind readers; groups also differ in their markers, so a
figure printed in grey still reads.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.weightstats import DescrStatsW
from statsmodels.tools.tools import add_constant

from canalis.cohort.analysis import PRE, RATE, Analysis, group_names, groupings_of
from canalis.cohort.result import CI_LEVEL, Result
from canalis.cohort.wording import column_words, interval, number, p_value, share

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe M, Ito K. Color universal design, 2008."""

MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
PNG_DPI: Final = 300
MOST_POINTS: Final = 2000
"""More points are drawn into the SVG as an image."""

STYLE: Final[dict[str, Any]] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "canalis",
    "legend.frameon": False,
}
Drawing = Callable[[Any], None]


def write_figures(analysis: Analysis, folder: Path) -> list[tuple[str, str]]:
    """Write every figure of an analysis as SVG and PNG.

    Parameters
    ----------
    analysis : Analysis
        As `analyse` returns it.
    folder : Path
        Where; made when absent.

    Returns
    -------
    list of (str, str)
        File name without ending, and caption.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, size, draw, caption in _list_figures(analysis):
        save_figure(folder / name, size, draw)
        made.append((name, caption))
    return made


def save_figure(stem: Path, size: tuple[float, float], draw: Drawing) -> None:
    """Draw one figure and save it as SVG and PNG, the same bytes each time.

    Parameters
    ----------
    stem : Path
        File name without ending.
    size : tuple of float
        Inches.
    draw : callable
        Draws into the axes it is given.
    """
    with mpl.rc_context(STYLE):
        layout = ConstrainedLayoutEngine()
        figure = Figure(figsize=size, layout=layout)
        FigureCanvasAgg(figure)
        draw(figure.add_subplot())
        layout.execute(figure)  # settles the layout once, for both files
        figure.set_layout_engine(None)  # "none" would draw each file twice
        figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None})
        figure.savefig(stem.with_suffix(".png"), dpi=PNG_DPI, metadata={"Software": None})


def _list_figures(analysis: Analysis) -> Iterable[tuple[str, tuple[float, float], Drawing, str]]:
    slope = analysis.get("improvement_on_preoperative_joa.slope")
    if slope is not None and slope.estimate is not None:
        caption = (
            "Figure 1: Linear regression of the JOA improvement rate on the preoperative JOA score, with "
            "the 95 % band of "
            "the line (dark) and of single patients (light); larger dots are several patients."
        )
        yield "figure_1_regression", (5.2, 4.0), partial(_draw_regression, analysis=analysis), caption
    caption = (
        "Score before and after operation: a line for each pair of scores, as thick as it has patients; blue "
        "where it rose, orange where it fell, purple where it stayed."
    )
    yield "figure_2_before_after", (4.2, 4.2), partial(_draw_before_after, analysis=analysis), caption
    for grouping in groupings_of(analysis.cohort)[:2]:
        caption = f"Improvement rate by {column_words(grouping)}: patients, mean and its 95 % interval."
        name = f"figure_3_improvement_by_{grouping}"
        yield name, (4.6, 3.8), partial(_draw_groups, analysis=analysis, grouping=grouping), caption
    rows = _forest_rows(analysis)
    if rows:
        caption = (
            "Differences in improvement rate as they are (open), and at the same preoperative score (filled)."
        )
        size = (6.4, 1.3 + 0.55 * len(rows))
        yield "figure_4_forest", size, partial(_draw_forest, rows=rows), caption


def _draw_regression(axes: Any, analysis: Analysis) -> None:
    known = analysis.cohort.frame[[PRE, RATE]].dropna()
    x, y = known[PRE].to_numpy(dtype=np.float64), known[RATE].to_numpy(dtype=np.float64)
    fit = OLS(y, add_constant(x)).fit()
    grid = np.linspace(x.min(), x.max(), 101)
    bands = fit.get_prediction(add_constant(grid)).summary_frame(alpha=1 - CI_LEVEL)
    axes.fill_between(grid, bands["obs_ci_lower"], bands["obs_ci_upper"], color=COLOURS[5], alpha=0.25, lw=0)
    axes.fill_between(
        grid, bands["mean_ci_lower"], bands["mean_ci_upper"], color=COLOURS[0], alpha=0.35, lw=0
    )
    axes.plot(grid, bands["mean"], color=COLOURS[0])
    many = len(x) > MOST_POINTS
    axes.scatter(*_counted(x, y), color=COLOURS[1], edgecolor="black", lw=0.4, zorder=3, rasterized=many)
    intercept, slope = fit.params
    r = float(np.corrcoef(x, y)[0, 1])
    sign = "+" if slope >= 0 else "−"
    line = f"rate = {number(intercept, 2)} {sign} {number(abs(slope), 2)} · score"
    told = f"{line}\nr = {share(r)}, {p_value(float(fit.pvalues[1]))}, n = {len(x)}"
    axes.set_title(told, fontsize=9, loc="left")
    axes.set(xlabel="Preoperative JOA score (points)", ylabel="JOA improvement rate (%)")


def _counted(x: Any, y: Any) -> tuple[list[float], list[float], list[float]]:
    counts = Counter(zip(x.tolist(), y.tolist(), strict=True))
    return [k[0] for k in counts], [k[1] for k in counts], [22.0 * np.sqrt(c) for c in counts.values()]


def _draw_before_after(axes: Any, analysis: Analysis) -> None:
    known = analysis.cohort.frame[[PRE, "postoperative_joa"]].dropna()
    pairs = Counter(zip(known[PRE], known["postoperative_joa"], strict=True))
    most = max(pairs.values())
    for (before, after), count in sorted(pairs.items()):
        colour = COLOURS[0] if after > before else COLOURS[1] if after < before else COLOURS[3]
        thick = 0.8 + 3.2 * (count - 1) / max(1, most - 1)
        axes.plot([0, 1], [before, after], color=colour, lw=thick, alpha=0.6, marker="o", ms=3.5)
    means = [float(known[PRE].mean()), float(known["postoperative_joa"].mean())]
    spreads = [float(known[c].std(ddof=1)) if len(known) > 1 else 0.0 for c in (PRE, "postoperative_joa")]
    axes.errorbar([-0.08, 1.08], means, yerr=spreads, color="black", fmt="D", ms=6, capsize=4, zorder=4)
    for place, mean, side in ((-0.12, means[0], "right"), (1.12, means[1], "left")):
        axes.annotate(number(mean, 1), (place, mean), ha=side, va="center")
    axes.axhline(analysis.cohort.scale.full, color="grey", lw=0.8, ls=":")
    axes.set_xlim(-0.35, 1.35)
    axes.set_ylim(min(0.0, analysis.cohort.scale.least), analysis.cohort.scale.full + 0.6)
    axes.set_xticks([0, 1], ["Before operation", "After operation"])
    axes.set_ylabel(f"{analysis.cohort.scale.name} score (points)")
    axes.set_title(f"n = {len(known)}; mean ± SD in black; dotted: full score", fontsize=9, loc="left")


def _draw_groups(axes: Any, analysis: Analysis, grouping: str) -> None:
    frame = analysis.cohort.frame
    names = group_names(frame, grouping)
    for place, name in enumerate(names):
        values = np.sort(frame.loc[frame[grouping] == name, RATE].dropna().to_numpy(dtype=np.float64))
        if not len(values):
            continue
        look = {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}
        many = len(values) > MOST_POINTS
        axes.scatter(place + _side_by_side(values), values, s=24, alpha=0.75, lw=0, rasterized=many, **look)
        half = DescrStatsW(values).tconfint_mean(1 - CI_LEVEL) if len(values) > 1 else None
        mean = float(values.mean())
        error = None if half is None else [[mean - half[0]], [half[1] - mean]]
        axes.errorbar(place + 0.36, mean, yerr=error, fmt="D", color="black", capsize=4, ms=5)
    counts = [int(frame.loc[frame[grouping] == name, RATE].notna().sum()) for name in names]
    axes.set_xticks(
        range(len(names)), [f"{name}\n(n = {count})" for name, count in zip(names, counts, strict=True)]
    )
    axes.set_xlim(-0.5, len(names) - 0.3)
    axes.set_ylabel("JOA improvement rate (%)")
    axes.set_title(f"By {column_words(grouping)}; black: mean, 95 % CI", fontsize=9, loc="left")


def _side_by_side(values: Any) -> Any:
    seen: Counter[float] = Counter()
    totals = Counter(values.tolist())
    offsets = []
    for value in values.tolist():
        step = min(0.06, 0.5 / totals[value])
        offsets.append((seen[value] - (totals[value] - 1) / 2) * step)
        seen[value] += 1
    return np.array(offsets)


def _forest_rows(analysis: Analysis) -> list[tuple[str, Result, Result]]:
    rows = []
    for result in analysis.results:
        if (
            result.id.startswith("improvement_by_")
            and result.id.endswith(".adjusted")
            and result.ci_low is not None
        ):
            crude = analysis.get(result.id.removesuffix(".adjusted"))
            if crude is not None and crude.ci_low is not None:
                _, grouping, pair = result.id.replace("improvement_by_", "x.", 1).split(".")[:3]
                words = f"{column_words(grouping)}: {pair.replace('_vs_', ' − ')}".replace("_", " ")
                rows.append((words, crude, result))
    return rows


def _draw_forest(axes: Any, rows: list[tuple[str, Result, Result]]) -> None:
    for place, (_, crude, adjusted) in enumerate(reversed(rows)):
        for result, shift, filled, colour in (
            (crude, 0.15, False, COLOURS[1]),
            (adjusted, -0.15, True, COLOURS[0]),
        ):
            y = place + shift
            axes.plot([result.ci_low, result.ci_high], [y, y], color=colour, lw=1.5)
            axes.plot([result.estimate], [y], "s", color=colour, mfc=colour if filled else "white", ms=6)
            bounds = interval(result.ci_low, result.ci_high, 1)
            told = f"{number(result.estimate, 1)} ({bounds}), {p_value(result.p)}"
            axes.annotate(told, (1.02, y), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    axes.axvline(0, color="grey", lw=0.8)
    axes.set_yticks(range(len(rows)), [words for words, *_ in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("Difference in improvement rate (percentage points)")
    axes.locator_params(axis="x", nbins=5)
    axes.plot([], [], "s", color=COLOURS[1], mfc="white", label="as it is")
    axes.plot([], [], "s", color=COLOURS[0], label="at the same preoperative score")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
