"""Tell how long one scan takes, and how much memory.

    python bench/chain.py INPUT [--threads 2] [--repeat N] [--json] [--quick]

Each run is a process of its own, so that start-up and peak memory are those of a user's run. `--quick`
is one run; otherwise the median of three by seconds_total is given.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from canalis.run_record import STAGES
from canalis.segment.models import model_hashes

PACKAGES = ("canalis", "numpy", "scipy", "pydicom", "openvino")


def main() -> None:
    arguments = parse()
    runs = [
        run_once(arguments.input, arguments.threads)
        for _ in range(1 if arguments.quick else arguments.repeat)
    ]
    middle = sorted(runs, key=lambda run: run["seconds_total"])[len(runs) // 2]
    found = {
        **middle,
        "runs": len(runs),
        "threads": arguments.threads,
        "machine": machine(),
        "models": model_hashes(),
    }
    print_table(found)
    if arguments.json:
        print(json.dumps(found))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Seconds and memory of canalis measure on one CT.")
    parser.add_argument("input", type=Path, help="folder, zip or file of one CT")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of the networks")
    parser.add_argument("--repeat", type=int, default=3, help="runs; the median is given")
    parser.add_argument("--quick", action="store_true", help="one run")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    return parser.parse_args()


def run_once(source: Path, threads: int) -> dict[str, Any]:
    """Run the command in a process of its own and return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        words = [sys.executable, "-m", "canalis", "measure", str(source), "--out", str(out)]
        start, cpu = time.perf_counter(), cpu_of_children()
        done = subprocess.run(words, env={**os.environ, "CANALIS_THREADS": str(threads)}, check=False)
        total, cpu = time.perf_counter() - start, cpu_of_children() - cpu
        if not (out / "run.json").exists():
            raise SystemExit(f"canalis measure ended with {done.returncode} and no run.json.")
        record = json.loads((out / "run.json").read_text())
    return {
        "exit_code": done.returncode,
        "seconds_total": total,
        "cpu_seconds": cpu,
        "seconds": {stage: record["seconds"][stage] for stage in STAGES},
        "peak_rss_mb": record["peak_rss_mb"],
        "inference": record["inference"],
    }


def cpu_of_children() -> float:
    """Return processor seconds of finished processes: what a busy machine does not change."""
    times = os.times()
    return times.children_user + times.children_system


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "platform": f"{platform.system()} {platform.machine()}",
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in PACKAGES},
    }


def print_table(found: dict[str, Any]) -> None:
    for stage, seconds in found["seconds"].items():
        print(f"{stage:<10}{seconds:8.2f} s")
    rest = found["seconds_total"] - sum(found["seconds"].values())
    print(f"{'start-up':<10}{rest:8.2f} s")
    tail = f"median of {found['runs']}, exit code {found['exit_code']}"
    print(f"{'total':<10}{found['seconds_total']:8.2f} s   {tail}")
    print(f"{'processor':<10}{found['cpu_seconds']:8.2f} s")
    print(f"{'memory':<10}{found['peak_rss_mb']:8.0f} MB")


if __name__ == "__main__":
    main()
