"""A straight synthetic neck that any scanner geometry can cut, measured through the command line."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from canalis.cli import app
from canalis.labels import OSSIFICATION, RESIDUAL_CANAL, VERTEBRA_LABELS
from canalis.read import read_volume
from canalis.segment.models import model_hashes

BODIES = ("C3", "C4", "C5", "C6")
BODY_MM, DISC_MM = 14.0, 5.0
AP_MM, LR_MM, THICK_MM = 13.0, 24.0, 4.0
MIDDLE = np.array([11.0, -23.0, 940.0])
"""LPS mm of the canal's middle, halfway between the ends."""
LENGTH_MM = len(BODIES) * (BODY_MM + DISC_MM) - DISC_MM


def labels_at(points):
    """Labels of the neck at LPS points of shape (..., 3): an elliptic canal, OPLL behind C4 and C5."""
    x, y, z = np.moveaxis(points - MIDDLE, -1, 0)
    down = LENGTH_MM / 2 - z
    tube = (x / (LR_MM / 2)) ** 2 + (y / (AP_MM / 2)) ** 2 <= 1
    labels = np.zeros(x.shape, np.uint8)
    for number, level in enumerate(BODIES):
        top = number * (BODY_MM + DISC_MM)
        body = (np.abs(x) < 11) & (y < 0) & (y > -AP_MM / 2 - 16)
        ring = (x / (LR_MM / 2 + 5)) ** 2 + (y / (AP_MM / 2 + 5)) ** 2 <= 1
        labels[(down >= top) & (down < top + BODY_MM) & (body | ring) & ~tube] = VERTEBRA_LABELS[level]
    in_scan = (down > -7) & (down < LENGTH_MM + 7)
    labels[tube & in_scan] = RESIDUAL_CANAL
    mass = (down > 21) & (down < 50) & (np.abs(x - 1) < 5) & (y < -AP_MM / 2 + THICK_MM)
    labels[tube & mass] = OSSIFICATION
    return labels


def hu_at(points):
    """Hounsfield units of the neck at LPS points."""
    x, y, _ = np.moveaxis(points - MIDDLE, -1, 0)
    labels = labels_at(points)
    hu = np.where((x / 34) ** 2 + ((y + 4) / 38) ** 2 <= 1, 50, -1000)
    hu[labels == RESIDUAL_CANAL] = 20
    hu[labels >= VERTEBRA_LABELS["C1"]] = 500
    hu[labels == OSSIFICATION] = 900
    return hu


@pytest.fixture(scope="session")
def neck_series(synthetic_series):
    """A SyntheticSeries whose slices cut the neck; turned about its middle by `orientation`."""

    @dataclass(frozen=True)
    class NeckSeries(synthetic_series):
        slices: int = 48
        rows: int = 80
        columns: int = 70
        row_spacing_mm: float = 0.9
        column_spacing_mm: float = 0.8
        gap_mm: float = 1.9

        @property
        def positions(self):
            heights = (
                np.arange(self.slices) * self.gap_mm if self.heights_mm is None else np.array(self.heights_mm)
            )
            column, row, along = self.directions
            middle = MIDDLE + np.array([0.13, 2.0, 0.21])
            corner = middle - column * (self.columns - 1) / 2 * self.column_spacing_mm
            corner = corner - row * (self.rows - 1) / 2 * self.row_spacing_mm
            return corner + np.outer(heights - (heights[0] + heights[-1]) / 2, along)

        @property
        def stored(self):
            return hu_at(self.places()) + 1024

    return NeckSeries


def write_labels(path, source):
    """Write the neck's labels on the grid that an input is read to, as a person would in an editor."""
    volume = read_volume(source)
    index = np.stack(np.meshgrid(*map(np.arange, volume.shape), indexing="ij"), axis=-1)
    labels = labels_at(volume.to_lps(index)).T
    affine = np.diag([-1.0, -1, 1, 1]) @ volume.affine[:, [2, 1, 0, 3]]
    nibabel.save(nibabel.Nifti1Image(labels, affine), path)
    return path


@dataclass(frozen=True)
class Ran:
    """A finished command and what it left."""

    exit_code: int
    stdout: str
    stderr: str
    out: Path

    @property
    def record(self):
        return json.loads((self.out / "measurements.json").read_text())

    @property
    def codes(self):
        return [warning["code"] for warning in self.record["warnings"]]

    @property
    def files(self):
        return sorted(path.name for path in self.out.iterdir()) if self.out.exists() else None

    def plane(self, level):
        return next(p for p in self.record["planes"] if p["level"] == level and p["part"] != "worst")


@pytest.fixture(scope="session")
def run():
    """Run the command line in this process; what goes wrong unexpectedly is raised."""

    def invoke(*words, out=None):
        result = CliRunner().invoke(app, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr, Path(out) if out else Path())

    return invoke


@pytest.fixture(scope="session")
def measure(run, tmp_path_factory):
    """Run `canalis measure` into a new folder, by default with the neck's own labels."""

    def invoke(source, *words, labels=True):
        folder = tmp_path_factory.mktemp("measured")
        out = folder / "out"
        if labels:
            words = (*words, "--segmentation", write_labels(folder / "labels.nii.gz", source))
        return run("measure", source, "--out", out, *words, out=out)

    return invoke


@pytest.fixture(scope="session")
def study(neck_series, tmp_path_factory):
    """The neck as a straight DICOM series."""
    return neck_series().write(tmp_path_factory.mktemp("study") / "dicom")


@pytest.fixture(scope="session")
def measured(measure, study):
    """The neck measured as it should be."""
    return measure(study)


@pytest.fixture(scope="session")
def networks():
    """Skip where the networks are not there; on CI that is a failure."""
    if len(model_hashes()) < 2:
        reason = "the networks are not in src/canalis/segment/models nor in CANALIS_MODELS"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def real_result(networks, measure, real_data, tmp_path_factory):
    """The Visible Human's neck measured by the network, through a folder that is named for the patient."""
    folder = tmp_path_factory.mktemp("real") / "Adam_000-000-002"
    folder.symlink_to(real_data("vhm_head_dicom"), target_is_directory=True)
    return measure(folder, labels=False)
