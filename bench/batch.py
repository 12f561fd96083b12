"""Tell what a second worker of one thread adds, and that batch gives the numbers of single runs.

    python bench/batch.py [STUDIES] [--count 6] [--workers 2] [--repeat N] [--json] [--quick]

Without STUDIES, phantoms of test seeds are made. The same studies go through `canalis batch` with one
worker and with several, in turn, and `canalis measure` one by one with one thread. The speed-up is the
ratio of the best of `--repeat` walls. On a machine that does other work it is what that work leaves:
`processor_share`, the CPU time that a batch got over its wall and its workers, says how much. `--quick`
is 3 phantoms, once.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from canalis.batch.studies import Study, find_studies
from canalis.batch.worker import ONE_THREAD

FIRST_SEED = 2_310_000
VOXEL_MM = ("0.6", "1.5")


def main() -> None:
    arguments = parse()
    count, repeat = (3, 1) if arguments.quick else (arguments.count, arguments.repeat)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = arguments.studies or make_phantoms(folder / "studies", count)
        studies = find_studies(source, out=folder).studies
        runs: dict[int, list[dict[str, float]]] = {1: [], arguments.workers: []}
        for number in range(repeat):
            for workers, done in runs.items():
                done.append(time_batch(source, folder / f"out-{workers}-{number}", workers))
        differing = compare_with_single_runs(studies, folder / f"out-{arguments.workers}-0", folder / "alone")
    one, many = (min(done, key=lambda run: run["seconds"]) for done in runs.values())
    found = {
        "n": len(studies),
        "workers": arguments.workers,
        "seconds": {"1": one["seconds"], str(arguments.workers): many["seconds"]},
        "processor_share": {"1": one["share"], str(arguments.workers): many["share"]},
        "speedup": one["seconds"] / many["seconds"],
        "speedup_per_cpu_second": one["cpu"] / many["cpu"] * arguments.workers,
        "studies_that_differ_from_measure": differing,
        "machine": {"platform": f"{platform.system()} {platform.machine()}", "cpus": os.cpu_count()},
    }
    print_table(found, one, many)
    if arguments.json:
        print(json.dumps(found))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What several workers add to canalis batch.")
    parser.add_argument("studies", nargs="?", type=Path, help="folder or list of studies")
    parser.add_argument("--count", type=int, default=6, help="phantoms, where no STUDIES are given")
    parser.add_argument("--workers", type=int, default=2, help="to compare with one")
    parser.add_argument("--repeat", type=int, default=2, help="runs of each; the best counts")
    parser.add_argument("--quick", action="store_true", help="3 phantoms, once")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    return parser.parse_args()


def make_phantoms(folder: Path, count: int) -> Path:
    """Write small phantoms, a folder each."""
    words = ["phantom", "--out", folder, "--seed", FIRST_SEED, "--count", count]
    canalis(*words, "--pixel-mm", VOXEL_MM[0], "--slice-mm", VOXEL_MM[1])
    return folder


def canalis(*words: Any) -> int:
    """Run the command line with one thread; return its exit code."""
    command = [sys.executable, "-m", "canalis", *map(str, words)]
    done = subprocess.run(command, env={**os.environ, **ONE_THREAD}, stdout=subprocess.DEVNULL, check=False)
    return done.returncode


def time_batch(source: Path, out: Path, workers: int) -> dict[str, float]:
    """Return the wall and processor seconds of a batch, its workers' included."""
    start, cpu = time.perf_counter(), cpu_of_children()
    code = canalis("batch", source, "--out", out, "--workers", workers)
    if code not in (0, 3):
        raise SystemExit(f"canalis batch ended with {code}.")
    seconds, cpu = time.perf_counter() - start, cpu_of_children() - cpu
    return {"seconds": seconds, "cpu": cpu, "share": cpu / seconds / workers}


def cpu_of_children() -> float:
    """Return processor seconds of finished processes and of those that they waited for."""
    times = os.times()
    return times.children_user + times.children_system


def compare_with_single_runs(studies: tuple[Study, ...], batch: Path, alone: Path) -> int:
    """Return how many studies have another ``measurements.json`` when measured alone."""
    differing = 0
    for study in studies:
        canalis("measure", study.source, "--out", alone / study.case)
        one, other = (folder / study.case / "measurements.json" for folder in (batch, alone))
        differing += one.read_bytes() != other.read_bytes()
    return differing


def print_table(found: dict[str, Any], one: dict[str, float], many: dict[str, float]) -> None:
    print(f"{found['n']} studies   wall, s   processor, s   share of a core a worker")
    for workers, run in ((1, one), (found["workers"], many)):
        print(f"{workers} worker(s){run['seconds']:11.1f}{run['cpu']:15.1f}{run['share']:13.2f}")
    print(
        f"speed-up {found['speedup']:.2f}; were each worker given a core, by processor seconds: "
        f"{found['speedup_per_cpu_second']:.2f}"
    )
    print(f"studies that differ from canalis measure: {found['studies_that_differ_from_measure']}")


if __name__ == "__main__":
    main()
