"""Loss and validation scores of a run, as CSV and as a picture."""

import csv
from pathlib import Path
from typing import Final

import numpy as np

LOSS_FIELDS: Final = ("step", "loss", "learning_rate", "seconds")


class Curves:
    """What a run has written down so far.

    Parameters
    ----------
    folder : Path
        Holds ``loss.csv``, ``validation.csv`` and ``curves.png``.
    first_step : int
        Rows after this step, from a life that was cut short, are dropped.
    """

    def __init__(self, folder: Path, *, first_step: int) -> None:
        self.folder = folder
        self.losses = [row for row in read_rows(folder / "loss.csv") if row["step"] <= first_step]
        self.scores = [row for row in read_rows(folder / "validation.csv") if row["step"] <= first_step]
        _write(folder / "loss.csv", self.losses, LOSS_FIELDS)
        if self.scores:
            _write(folder / "validation.csv", self.scores, tuple(self.scores[0]))

    def add(self, step: int, loss: float, learning_rate: float, seconds: float) -> None:
        """Note one step."""
        row = {"step": float(step), "loss": loss, "learning_rate": learning_rate, "seconds": seconds}
        self.losses.append(row)
        with (self.folder / "loss.csv").open("a", newline="") as file:
            csv.DictWriter(file, LOSS_FIELDS).writerow(row)

    def add_scores(self, step: int, scores: dict[str, float]) -> None:
        """Note one validation."""
        self.scores.append({"step": float(step)} | scores)
        _write(self.folder / "validation.csv", self.scores, tuple(self.scores[-1]))

    def line(self, steps: int) -> str:
        """Return where the run stands, in one line."""
        recent = self.losses[-100:]
        pace = (recent[-1]["seconds"] - recent[0]["seconds"]) / max(len(recent) - 1, 1)
        loss = float(np.mean([row["loss"] for row in recent]))
        left = (steps - recent[-1]["step"]) * pace / 60
        scores = ", ".join(
            f"{k} {v:.3f}" for k, v in (self.scores[-1] if self.scores else {}).items() if k != "step"
        )
        return (
            f"step {int(recent[-1]['step'])} of {steps}, loss {loss:.4f}, "
            f"{pace:.2f} s a step, {left:.0f} min left{'; ' + scores if scores else ''}"
        )

    def draw(self) -> None:
        """Draw ``curves.png``."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 3.5), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        steps = np.array([row["step"] for row in self.losses])
        losses = np.array([row["loss"] for row in self.losses])
        width = max(len(losses) // 200, 1)
        whole = len(losses) // width * width
        left.plot(steps[:whole].reshape(-1, width).mean(1), losses[:whole].reshape(-1, width).mean(1))
        left.set(xlabel="step", ylabel="training loss")
        for name in list(self.scores[-1])[1:] if self.scores else []:
            right.plot([r["step"] for r in self.scores], [r[name] for r in self.scores], label=name)
        right.set(xlabel="step", ylabel="validation", ylim=(0, 1))
        if self.scores:
            right.legend(fontsize=6, ncols=2)
        figure.savefig(self.folder / "curves.png", dpi=110)


def read_rows(path: Path) -> list[dict[str, float]]:
    """Return the rows of a CSV of numbers; none where there is no file, and none that a kill cut short."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{k: float(v) for k, v in row.items()} for row in rows if None not in row and all(row.values())]


def _write(path: Path, rows: list[dict[str, float]], names: tuple[str, ...]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
