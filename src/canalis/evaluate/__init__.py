"""How far a result is from the truth: overlap, surfaces, lengths and level names."""

from canalis.evaluate.folders import Evaluation, evaluate_folder, evaluate_folders, write_csv

__all__ = ["Evaluation", "evaluate_folder", "evaluate_folders", "write_csv"]
