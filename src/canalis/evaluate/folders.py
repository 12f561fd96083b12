"""Folders of results against folders of truth."""

import csv
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from canalis.errors import ReadError
from canalis.evaluate.overlap import Overlap, compare_shapes
from canalis.labels import ANATOMICAL_CANAL, OSSIFICATION, VERTEBRA_LABELS
from canalis.read.nifti import read_label_map
from canalis.report.record import read_record
from canalis.result_folder import result_file
from canalis.volume import Mask

RECORDS: Final = ("measurements.json", "truth.json")
LABEL_MAPS: Final = ("segmentation.nii.gz", "truth.nii.gz")
LEAST_SHARE: Final = 0.5  # of a true vertebra that must carry one name


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One result against its truth.

    Attributes
    ----------
    case : str
        Name of the result's folder.
    canal, ossification : Overlap
        Of the anatomical canal and of the ossification.
    planes : int
        Planes on which both give a canal AP.
    canal_ap_bias_mm, canal_ap_error_mm : float or None
        Mean of found minus true, and of its size, over those planes.
    levels_wrong, levels_missing : int
        True vertebrae with another's name, and without one.
    levels_sure : bool
        Whether the result calls its names sure.
    canal_ap_mm : tuple of pairs of float
        True and found canal AP of each of those planes, for the plot; not in the CSV.
    """

    case: str
    canal: Overlap
    ossification: Overlap
    planes: int
    canal_ap_bias_mm: float | None
    canal_ap_error_mm: float | None
    levels_wrong: int
    levels_missing: int
    levels_sure: bool
    canal_ap_mm: tuple[tuple[float, float], ...] = ()


def evaluate_folder(result: Path, truth: Path) -> Evaluation:
    """Compare one result with its truth.

    Parameters
    ----------
    result, truth : Path
        Folders with ``measurements.json`` and ``segmentation.nii.gz``, or ``truth.json`` and
        ``truth.nii.gz``.

    Returns
    -------
    Evaluation
        Lengths are compared where both have the same level and part.

    Raises
    ------
    ReadError
        If either folder lacks a file, or one of them is damaged.
    GeometryError
        If the two label maps do not lie on the same voxels.
    """
    found_answers, true_answers = _answers(result), _answers(truth)
    true = _label_map(truth)
    found = _label_map(result).on_grid_of(true)
    pairs = _ap_pairs(found_answers, true_answers)
    apart = [ours - theirs for theirs, ours in pairs]
    wrong, missing = level_errors(found, true)
    return Evaluation(
        case=result.name,
        canal=_overlap(found, true, ANATOMICAL_CANAL),
        ossification=_overlap(found, true, (OSSIFICATION,)),
        planes=len(apart),
        canal_ap_bias_mm=float(np.mean(apart)) if apart else None,
        canal_ap_error_mm=float(np.mean(np.abs(apart))) if apart else None,
        levels_wrong=wrong,
        levels_missing=missing,
        levels_sure=found_answers.sure,
        canal_ap_mm=pairs,
    )


def evaluate_folders(result: Path, truth: Path) -> list[Evaluation]:
    """Compare one result, or every folder of results with the truth of the same name."""
    if _first(result, RECORDS):
        return [evaluate_folder(result, truth)]
    names = _cases(result)
    shared = sorted(names & _cases(truth))
    if not shared:
        raise ReadError(
            f"Expected a result in {result}, or folders named as those of {truth}, found {len(names)} "
            "results and no truth for any. Check both folders."
        )
    return [evaluate_folder(result / name, truth / name) for name in shared]


def count_unmatched(result: Path, truth: Path) -> tuple[int, int]:
    """Return how many results have no truth of their name, and how many truths no result.

    Parameters
    ----------
    result, truth : Path
        As for `evaluate_folders`.
    """
    if _first(result, RECORDS):
        return 0, 0
    found, true = _cases(result), _cases(truth)
    return len(found - true), len(true - found)


def _cases(folder: Path) -> set[str]:
    """Return the names of the folders that hold a record."""
    return {inner.name for inner in folder.iterdir() if _first(inner, RECORDS)} if folder.is_dir() else set()


def write_csv(path: Path, evaluations: list[Evaluation]) -> None:
    """Write a row a case, the file whole or not at all."""
    rows = [_flat(evaluation) for evaluation in evaluations]
    with result_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _flat(evaluation: Evaluation) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in asdict(evaluation).items():
        if name == "canal_ap_mm":
            continue
        parts = (
            {f"{name}_{part}": v for part, v in value.items()} if isinstance(value, dict) else {name: value}
        )
        flat |= {key: "" if v is None else v for key, v in parts.items()}
    return flat


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


@dataclass(frozen=True, slots=True)
class _Answers:
    """What is compared of one record: whether names are sure, and canal AP by level and part."""

    sure: bool
    canal_ap_mm: dict[tuple[str, str], float]


def _answers(folder: Path) -> _Answers:
    path = _first(folder, RECORDS)
    if path is None:
        raise ReadError(f"Expected {' or '.join(RECORDS)} in {folder}, found neither. Check the folder.")
    try:
        record = read_record(path)
        lengths = {
            (str(plane["level"]), str(plane["part"])): float(plane["canal_ap_mm"])
            for plane in record["planes"]
            if plane["level"] and plane["part"] != "worst" and plane["canal_ap_mm"] is not None
        }
        return _Answers(bool(record["levels"]["sure"]), lengths)
    except (KeyError, TypeError, ValueError):
        raise ReadError(
            f"Expected levels, and planes with level, part and canal_ap_mm, in {path}, found others. "
            "Measure again, or copy the file again."
        ) from None


def _label_map(folder: Path) -> Mask:
    path = _first(folder, LABEL_MAPS)
    if path is None:
        raise ReadError(f"Expected {' or '.join(LABEL_MAPS)} in {folder}, found neither. Check the folder.")
    return read_label_map(path)


def _overlap(found: Mask, true: Mask, labels: tuple[int, ...]) -> Overlap:
    return compare_shapes(np.isin(found.labels, labels), np.isin(true.labels, labels), true.spacing_mm)


def _ap_pairs(found: _Answers, true: _Answers) -> tuple[tuple[float, float], ...]:
    """Return true and found canal AP of the planes that both records measure."""
    ours, theirs = found.canal_ap_mm, true.canal_ap_mm
    return tuple((theirs[key], ours[key]) for key in sorted(ours.keys() & theirs.keys()))


def level_errors(found: Mask, true: Mask) -> tuple[int, int]:
    """Return how many true vertebrae mostly carry another name, and how many mostly none.

    Parameters
    ----------
    found, true : Mask
        Labels of :mod:`canalis.labels` on the same voxels.
    """
    wrong = missing = 0
    for label in VERTEBRA_LABELS.values():
        here = found.labels[true.labels == label]
        named = here[(here >= min(VERTEBRA_LABELS.values())) & (here <= max(VERTEBRA_LABELS.values()))]
        if not here.size:
            continue
        if named.size < LEAST_SHARE * (here > 0).sum() or not named.size:
            missing += 1
        elif int(np.bincount(named).argmax()) != label:
            wrong += 1
    return wrong, missing
