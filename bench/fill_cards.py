"""Add what benches measured to the cards of the models that they measured.

Each FILE holds what a bench printed with ``--json``; its last line is read and its name, without the
ending, names the figures in the card. Figures of other models are refused.
"""

import argparse
import json
from pathlib import Path

from canalis.segment.models import NAMES, models_folder
from canalis.train.card import add_figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="output of a bench")
    parser.add_argument("--models", type=Path, default=models_folder(), help="folder of models and cards")
    asked = parser.parse_args()
    for file in asked.files:
        record = json.loads(file.read_text(encoding="utf-8").strip().splitlines()[-1])
        for name in NAMES:
            add_figures(asked.models / f"{name}.onnx", file.stem, record)
        print(f"{file.stem}: added to {', '.join(NAMES)}")


if __name__ == "__main__":
    main()
