"""Compare the reader with SimpleITK: seconds and memory for one DICOM series.

    python bench/reading.py [FOLDER] [--slices 300] [--repeat 5] [--json] [--quick]

Without a folder a series of 512 x 512 noise is written first. Each reader runs in a process of its own;
the figures are the median time and the memory above what importing it takes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from canalis.phantom.files import write_dicom_series
from canalis.volume import Volume

MEASURE = """
import json, sys, time
from canalis.run_record import peak_rss_mb as held
{setup}
base, seconds = held(), []
for _ in range(int(sys.argv[2])):
    start = time.perf_counter()
    image = {read}
    seconds.append(time.perf_counter() - start)
    del image
print(json.dumps({{"seconds": sorted(seconds)[len(seconds) // 2], "memory_mb": held() - base}}))
"""
READERS = {
    "canalis": (
        "from canalis.read import read_volume; import canalis.read.dicom",
        "read_volume(sys.argv[1])",
    ),
    "simpleitk": (
        "import SimpleITK as sitk; r = sitk.ImageSeriesReader()",
        "(r.SetFileNames(r.GetGDCMSeriesFileNames(sys.argv[1])), r.Execute())",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Seconds and memory to read one DICOM series.")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="60 slices, three times")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    slices, repeat = (60, 3) if arguments.quick else (arguments.slices, arguments.repeat)
    with tempfile.TemporaryDirectory() as made:
        folder = arguments.folder or write_noise(Path(made), slices)
        found: dict[str, Any] = {name: run(name, folder, repeat) for name in READERS}
    found["ratio"] = found["canalis"]["seconds"] / found["simpleitk"]["seconds"]
    for name in READERS:
        print(f"{name:<12}{found[name]['seconds']:8.3f} s {found[name]['memory_mb']:8.0f} MB")
    print(f"{'ratio':<12}{found['ratio']:8.2f}")
    if arguments.json:
        print(json.dumps(found))


def write_noise(folder: Path, slices: int) -> Path:
    hu = np.random.default_rng(1).integers(-1000, 2000, (slices, 512, 512)).astype(np.int16)
    affine = np.array([[0, 0, 0.4, -100], [0, 0.4, 0, -90], [1.0, 0, 0, 900], [0, 0, 0, 1]])
    write_dicom_series(folder, Volume(hu, affine), seed=1)
    return folder


def run(name: str, folder: Path, repeat: int) -> dict[str, float]:
    setup, read = READERS[name]
    words = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        MEASURE.format(setup=setup, read=read),
        str(folder),
        str(repeat),
    ]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    main()
