"""A real scan with planted masses to files: the CT, its labels, and the truth about the masses."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from canalis import __version__
from canalis.phantom.files import PHANTOM_NAMES, Format, write_dicom_series, write_nifti
from canalis.phantom.ossification import Wanted
from canalis.phantom.planted import Planted, Site, plan_masses, plant
from canalis.phantom.planted_truth import truth_of_planted
from canalis.report.label_map import write_label_map
from canalis.report.record import Software, measurements_to_json
from canalis.result_folder import check_free, result_folder
from canalis.volume import Progress


def write_planted_scans(
    folders: Mapping[int, Path],
    site: Site,
    *,
    wanted: Wanted,
    file_format: Format,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Plant masses into one scan and write each result to its folder.

    Parameters
    ----------
    folders : mapping of int to Path
        Seed of each planting to its folder, which is there whole or not at all.
    site : Site
        From `canalis.phantom.planted.survey`.
    wanted : Wanted
        Which masses.
    file_format : {"nifti", "dicom"}
        Of the CT. DICOM names a synthetic patient: nothing of the source's header is kept.
    overwrite : bool
        Whether results that are there may be replaced.
    progress : callable, optional
        Called after each.

    Raises
    ------
    OutputError
        If a folder holds a phantom already, or cannot be written.
    MeasurementError
        If a wanted body is not wholly in the scan.
    """
    for folder in folders.values():
        check_free(folder, names=PHANTOM_NAMES, overwrite=overwrite)
    for done, (seed, folder) in enumerate(folders.items()):
        if progress is not None:
            progress("Planting", done, len(folders))
        shape, grain = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
        planted = plant(site, plan_masses(shape, site, wanted), grain)
        with result_folder(folder, names=PHANTOM_NAMES) as beside:
            _write(beside, planted, seed=seed, file_format=file_format)


def _write(folder: Path, planted: Planted, *, seed: int, file_format: Format) -> None:
    if file_format == "nifti":
        write_nifti(folder / "ct.nii.gz", planted.volume)
    else:
        write_dicom_series(folder / "dicom", planted.volume, seed=seed)
    write_label_map(folder / "truth.nii.gz", planted.mask, acquisition=None)
    text = measurements_to_json(
        truth_of_planted(planted), volume=planted.volume, software=Software(version=__version__)
    )
    record = json.loads(text)
    record["planting"] = {
        "seed": seed,
        "look": asdict(planted.site.look),
        "wall_residual_mm": planted.site.wall.residual_mm,
        "masses": [asdict(growth) for growth in planted.growths],
    }
    (folder / "truth.json").write_text(json.dumps(record, indent=2, allow_nan=False) + "\n", encoding="utf-8")
