"""A real scan with planted masses to files: the CT, its labels, and the truth about the masses."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from canalis.phantom.asked import check_asked
from canalis.phantom.files import Format, KnownScan, write_each
from canalis.phantom.ossification import Wanted
from canalis.phantom.planted import Planted, Site, plan_masses, plant
from canalis.phantom.planted_truth import truth_of_planted
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
        Called before each.

    Raises
    ------
    OutputError
        If a folder holds a phantom already, or cannot be written.
    MeasurementError
        If a wanted body is not wholly in the scan, or the scan cannot have what is wanted.
    """

    def draw(seed: int) -> KnownScan:
        shape, grain = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
        planted = plant(site, plan_masses(shape, site, wanted), grain)
        truth = truth_of_planted(planted)
        check_asked(truth, wanted, seed)
        return KnownScan(planted.volume, planted.mask, truth, planting=_planting(planted, seed))

    write_each(folders, draw, "Planting", file_format=file_format, overwrite=overwrite, progress=progress)


def _planting(planted: Planted, seed: int) -> dict[str, object]:
    """Return what ``truth.json`` says of the masses and of the scan that they were planted into."""
    return {
        "seed": seed,
        "look": asdict(planted.site.look),
        "wall_residual_mm": planted.site.wall.residual_mm,
        "masses": [asdict(growth) for growth in planted.growths],
    }
