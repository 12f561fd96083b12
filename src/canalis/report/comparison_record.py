"""What changed between two results, for programs: ``comparison.json`` and ``comparison.csv``."""

import csv
import io
import json
from typing import Any, Final

from canalis.report.comparison import PLANE_CHANGES, Change, Comparison

SCHEMA: Final = "canalis.comparison/1"
JSON_NAME: Final = "comparison.json"
CSV_NAME: Final = "comparison.csv"


def comparison_to_json(comparison: Comparison) -> str:
    """Return the text of ``comparison.json``: every change with what can be detected, unrounded."""
    record = {
        "schema": SCHEMA,
        "years": comparison.years,
        "levels_sure": comparison.sure,
        "warnings": [{"code": w.code, "message": w.message, "level": w.level} for w in comparison.warnings],
        "levels": [
            {"level": item.level, "part": item.part} | {name: _plain(c) for name, c in item.changes.items()}
            for item in comparison.levels
        ],
        "narrowest": {"residual_ap_mm": _plain(comparison.narrowest)},
        "ossification": {name: _plain(change) for name, change in comparison.ossification.items()},
        "alignment": {
            "k_line": {"before": comparison.k_line[0], "after": comparison.k_line[1]},
            "c2_c7_cobb_deg": _plain(comparison.cobb),
        },
    }
    return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(change: Change) -> dict[str, Any]:
    return {
        "before": change.before,
        "after": change.after,
        "change": change.change,
        "detectable": change.detectable,
        "detected": change.detected,
        "per_year": change.per_year,
        "reason": change.reason,
    }


def comparison_to_csv(comparison: Comparison) -> str:
    """Return the text of ``comparison.csv``: a row a level, an empty cell where nothing can be said."""
    parts = ("before", "after", "change", "detectable")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["level", "part", *(f"{name}_{part}" for name in PLANE_CHANGES for part in parts), "reasons"]
    )
    for item in comparison.levels:
        numbers = [getattr(item.changes[name], part) for name in PLANE_CHANGES for part in parts]
        reasons = [f"{name}: {c.reason}" for name, c in item.changes.items() if c.reason]
        cells = [item.level, item.part, *numbers, "; ".join(reasons)]
        writer.writerow(["" if cell is None else cell for cell in cells])
    return text.getvalue()
