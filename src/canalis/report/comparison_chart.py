"""The gain of residual AP by level, each with what can be detected, as a graph."""

from dataclasses import dataclass
from typing import Final

from canalis.report.comparison import Change, Comparison
from canalis.report.drawing import PAPER, Drawing
from canalis.report.profile import FAINT, GRID, INK, RESIDUAL, WIDTH_MM
from canalis.report.words import number

HEIGHT_MM: Final = 32.0
TOP, BOTTOM, LEFT = 4.0, 26.0, 8.0


@dataclass(frozen=True, slots=True)
class _Scale:
    """Which change lies at which height of the graph."""

    low: float
    high: float
    step: float

    def height(self, value: float) -> float:
        return BOTTOM - (value - self.low) / (self.high - self.low) * (BOTTOM - TOP)


def draw_gains(comparison: Comparison) -> Drawing | None:
    """Return the gain of residual AP at each level as a dot with its interval.

    Parameters
    ----------
    comparison : Comparison
        What changed.

    Returns
    -------
    Drawing or None
        A page wide, the head on the left. None where no level was compared.
    """
    gains = [
        (item.level, item.part == "disc", item.changes["residual_ap_mm"])
        for item in comparison.levels
        if item.changes["residual_ap_mm"].change is not None
    ]
    if not gains:
        return None
    graph = Drawing(WIDTH_MM, HEIGHT_MM, "Gain of residual AP by level")
    scale = _scale([change for _, _, change in gains])
    _draw_lines(graph, scale)
    room = (WIDTH_MM - LEFT) / len(gains)
    for index, (level, is_disc, change) in enumerate(gains):
        x = LEFT + (index + 0.5) * room
        _draw_gain(graph, scale, x, change)
        color = FAINT if is_disc else INK
        y = BOTTOM + 4.6
        graph.text(x, y, level, size=2.6, color=color, anchor="middle", bold=not is_disc, halo="")
    return graph


def _scale(changes: list[Change]) -> _Scale:
    ends = [0.0]
    for change in changes:
        value, error = change.change or 0.0, change.detectable or 0.0
        ends += [value - error, value + error]
    step = next((s for s in (0.5, 1.0, 2.0, 5.0) if (max(ends) - min(ends)) / s <= 5), 10.0)
    return _Scale(step * (min(ends) // step), step * (max(ends) // step + 1), step)


def _draw_lines(graph: Drawing, scale: _Scale) -> None:
    for line in range(round((scale.high - scale.low) / scale.step) + 1):
        value = scale.low + line * scale.step
        y = scale.height(value)
        color = FAINT if abs(value) < scale.step / 100 else GRID
        graph.path([(LEFT, y), (WIDTH_MM, y)], color=color, width=0.2, cased=False)
        words = number(value, 1 if scale.step < 1 else 0)
        graph.text(LEFT - 1, y + 0.8, words, size=2.3, color=FAINT, anchor="end", halo="")
    graph.text(0.2, TOP + 0.8, "mm", size=2.3, color=FAINT, halo="")


def _draw_gain(graph: Drawing, scale: _Scale, x: float, change: Change) -> None:
    """Draw a full dot where the change is more than by chance, an open one where it is not."""
    value = change.change or 0.0
    if change.detectable is not None:
        ends = [(x, scale.height(value - change.detectable)), (x, scale.height(value + change.detectable))]
        graph.path(ends, color=RESIDUAL, width=0.4, cased=False)
    graph.dot(x, scale.height(value), color=RESIDUAL if change.detected else PAPER, radius=1.0)
