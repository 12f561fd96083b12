"""``cases.csv``: a row a case, the columns named after the fields of ``measurements.json``."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from canalis.batch.results import WORKING
from canalis.batch.worker import Outcome
from canalis.cohort.sheet import write_csv
from canalis.report.record import ALIGNMENT_ANSWERS, OSSIFICATION_ANSWERS

FILE: Final = "cases.csv"

NARROWEST: Final = ("residual_ap_mm", "uncertainty", "level", "part")
OSSIFICATION: Final = (
    *OSSIFICATION_ANSWERS[:2],
    "near_type",
    "levels",
    "discs",
    "bridging",
    *OSSIFICATION_ANSWERS[2:],
)
WITH_UNCERTAINTY: Final = {
    "ossification": (
        "max_thickness_mm",
        "max_occupying_ratio_percent",
        "width_mm",
        "volume_mm3",
        "length_mm",
        "compression_angle_deg",
    ),
    "alignment": ("k_line_distance_mm", "c2_c7_cobb_deg"),
}

HEADERS: Final = (
    "case",
    "status",
    "error_code",
    "error",
    "levels_sure",
    "levels_source",
    *(f"narrowest_{name}" for name in NARROWEST),
    *(f"ossification_{name}" for name in OSSIFICATION),
    *(f"ossification_{name}_uncertainty" for name in WITH_UNCERTAINTY["ossification"]),
    "ossification_double_layer_candidate",
    *(f"alignment_{name}" for name in ALIGNMENT_ANSWERS),
    *(f"alignment_{name}_uncertainty" for name in WITH_UNCERTAINTY["alignment"]),
    "warnings",
    "input_hash",
)


def write_table(
    out: Path, cases: Sequence[str], failures: Mapping[str, Outcome], *, done: Collection[str]
) -> dict[str, int]:
    """Write ``cases.csv`` from the cases' own results.

    Parameters
    ----------
    out : Path
        The batch's folder.
    cases : sequence of str
        In the order of the rows.
    failures : mapping of str to Outcome
        The cases that failed in this run.
    done : collection of str
        The cases whose folder holds what this batch asks for. A folder left by other settings or from
        another input gives no row of its own.

    Returns
    -------
    dict of str to int
        How many cases have each status: measured, partial, refused, failed, waiting.
    """
    rows = [_row(out / case, case, failures.get(case), done=case in done) for case in cases]
    text = write_csv(HEADERS, [[_cell(row.get(header)) for header in HEADERS] for row in rows])
    (out / WORKING).mkdir(exist_ok=True)
    fresh = out / WORKING / FILE
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(out / FILE)
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    return counts


def _row(folder: Path, case: str, failure: Outcome | None, *, done: bool) -> dict[str, Any]:
    if failure is not None:
        return {"case": case, "status": "failed", "error_code": failure.code, "error": failure.message}
    if not done:
        return {"case": case, "status": "waiting"}
    found = json.loads((folder / "measurements.json").read_text(encoding="utf-8"))
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    row = {"case": case, "status": found["status"], "input_hash": run["input_hash"]}
    row["warnings"] = [warning["code"] for warning in found["warnings"]]
    if found["status"] == "refused":
        last = found["warnings"][-1]
        return row | {"error_code": last["code"], "error": last["message"]}
    row |= {"levels_sure": found["levels"]["sure"], "levels_source": found["levels"]["source"]}
    row |= _fields("narrowest", found["narrowest"], NARROWEST)
    row |= _fields("ossification", found["ossification"], OSSIFICATION)
    row["ossification_double_layer_candidate"] = found["ossification"]["double_layer_sign"]["candidate"]
    row |= _fields("alignment", found["alignment"], ALIGNMENT_ANSWERS)
    for group, names in WITH_UNCERTAINTY.items():
        given = found[group]["uncertainty"]
        row |= {f"{group}_{name}_uncertainty": given.get(name) for name in names}
    return row


def _fields(group: str, values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {f"{group}_{name}": values[name] for name in names}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(value)
    return str(value)
