"""How far a result is from the truth: overlap, surfaces, lengths and level names."""

from canalis.evaluate.folders import (
    Evaluation,
    count_unmatched,
    evaluate_folder,
    evaluate_folders,
    write_csv,
)
from canalis.evaluate.picture import draw_evaluations

__all__ = [
    "Evaluation",
    "count_unmatched",
    "draw_evaluations",
    "evaluate_folder",
    "evaluate_folders",
    "write_csv",
]
