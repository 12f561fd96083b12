"""Thirty small necks, each with its own label map and sizes, and the command line in a process of its own."""

import csv
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from canalis.labels import OSSIFICATION, RESIDUAL_CANAL, VERTEBRA_LABELS
from canalis.phantom.files import write_nifti
from canalis.volume import Volume

COUNT = 30
SHAPE = (34, 50, 44)
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def labels(thickness_mm):
    """A straight canal behind blocks named C4 to C6, with a mass behind C5."""
    k, j, i = np.meshgrid(*map(np.arange, SHAPE), indexing="ij")
    x, y = i - 21.5, j - 29.5
    found = np.zeros(SHAPE, np.uint8)
    for number, level in enumerate(("C6", "C5", "C4")):
        inside = (k >= 3 + 10 * number) & (k < 10 + 10 * number)
        block = (np.abs(x) < 12) & (y < -6) & (y > -22)
        ring = (x / 15) ** 2 + (y / 11) ** 2 <= 1
        found[inside & (block | ring)] = VERTEBRA_LABELS[level]
    canal = (x / 11) ** 2 + (y / 7) ** 2 <= 1
    found[canal] = RESIDUAL_CANAL
    found[canal & (np.abs(x) < 5) & (k > 13) & (k < 20) & (y < -7 + thickness_mm)] = OSSIFICATION
    return found


def write_study(folder, number):
    """Write ``ct.nii.gz`` and ``labels.nii.gz`` of a neck whose pixels and mass are its own."""
    folder.mkdir()
    found = labels(2.0 + number % 5)
    pixel_mm = 0.85 + 0.01 * number
    affine = np.diag([2.0, pixel_mm, pixel_mm, 1.0])[:, [2, 1, 0, 3]]
    affine[:3, 3] = (-20.0 - number, -25.0, 900.0)
    hu = np.where(found >= VERTEBRA_LABELS["C1"], 500, 40).astype(np.int16)
    hu[found == OSSIFICATION] = 900
    hu[:, :3] = -1000
    write_nifti(folder / "ct.nii.gz", Volume(hu, affine))
    write_nifti(folder / "labels.nii.gz", Volume(found.astype(np.int16), affine))


@dataclass(frozen=True)
class Studies:
    """Folders of studies, and lists of some of them."""

    folder: Path
    cases: tuple[str, ...]

    def ct(self, case):
        return self.folder / case / "ct.nii.gz"

    def labels(self, case):
        return self.folder / case / "labels.nii.gz"

    def list_in(self, folder, cases=None, **changed):
        """Write a list of cases, each with its label map; `changed` gives other paths to some."""
        path = folder / "studies.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["case", "path", "segmentation"])
            for case in self.cases if cases is None else cases:
                writer.writerow([case, changed.get(case, self.ct(case)), self.labels(case)])
        return path


@pytest.fixture(scope="session")
def studies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies")
    cases = tuple(f"P{number:02d}" for number in range(COUNT))
    for number, case in enumerate(cases):
        write_study(folder / case, number)
    return Studies(folder, cases)


def words(source, out, *more):
    return [sys.executable, "-m", "canalis", "batch", str(source), "--out", str(out), *map(str, more)]


def heed_ctrl_c():
    """Undo what a shell does to a program in the background, the tests' own included."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start():
    """Start `canalis batch` in a process group of its own, as a terminal does."""

    started = []

    def invoke(source, out, *more):
        process = subprocess.Popen(
            words(source, out, *more),
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=heed_ctrl_c,
        )
        started.append(process)
        return process

    yield invoke
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def batch():
    """Run `canalis batch` to its end."""

    def invoke(source, out, *more):
        return subprocess.run(
            words(source, out, *more), env=ENVIRONMENT, capture_output=True, text=True, check=False
        )

    return invoke


@pytest.fixture(scope="session")
def table():
    """Read ``cases.csv`` as rows by case; a case that stands twice fails."""

    def read(out):
        with (out / "cases.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len({row["case"] for row in rows}) == len(rows)
        return {row["case"]: row for row in rows}

    return read
