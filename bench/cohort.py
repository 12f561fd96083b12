"""Time and memory of `canalis cohort`, for 27 and for 10,000 cases.

    python bench/cohort.py [--quick] [--json]

Each size is the whole command in a process of its own: start, read, analyse, write tables and figures.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np

SIZES = (27, 10_000)
LIMIT_SECONDS = {27: 5.0, 10_000: 20.0}
LIMIT_MB = 1024.0
SEED = 6


def write_cases(path: Path, n: int) -> None:
    """Write a table of synthetic cases: every kind of column, some cells empty, three follow-ups."""
    rng = np.random.default_rng(SEED)
    before = rng.integers(2, 16, n)
    gain = rng.integers(0, 6, n)
    header = (
        "case,scale,age_years,sex,violence,opll_type,approach,diabetes,k_line,thickness_mm,stenosis_rate_percent,"
        "residual_ap_mm,preoperative_joa,joa_at_3_months,joa_at_12_months,postoperative_joa,follow_up_months"
    )
    lines = [header]
    for i in range(n):
        post = min(17, before[i] + gain[i])
        words = [
            rng.choice(w)
            for w in (("male", "female"), ("slight", "severe"), ("continuous", "mixed", "segmental", ""))
        ]
        words += [
            rng.choice(w)
            for w in (("anterior", "posterior", "combined"), ("yes", "no", ""), ("positive", "negative"))
        ]
        sizes = [f"{v:.1f}" for v in (rng.normal(5.8, 1.5), rng.uniform(20, 88), rng.uniform(2, 12))]
        middle = min(17, before[i] + gain[i] // 2)
        scores = [before[i], middle, post if rng.random() < 0.9 else "", post, rng.integers(3, 40)]
        lines.append(
            ",".join(map(str, [f"S{i:05d}", "JOA17", rng.integers(36, 80), *words, *sizes, *scores]))
        )
    path.write_text("\n".join(lines) + "\n")


def run(n: int, folder: Path) -> tuple[float, float, float]:
    """Return wall seconds, processor seconds and peak MB of one run."""
    out = folder / f"out{n}"
    arguments = ["--example"] if n == 27 else [str(folder / f"cases{n}.csv")]
    if n != 27:
        write_cases(folder / f"cases{n}.csv", n)
    command = [
        sys.executable,
        "-c",
        "from canalis.cli import main; main()",
        "cohort",
        *arguments,
        "--out",
        str(out),
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, processor, json.loads((out / "run.json").read_text())["peak_rss_mb"]


def main() -> None:
    """Run every size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="27 and 1,000 cases")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    asked = parser.parse_args()
    sizes = (27, 1000) if asked.quick else SIZES
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            found[n] = run(n, Path(folder))
    print(f"{'cases':>8} {'seconds':>9} {'processor s':>12} {'peak MB':>9} {'wanted':>18}")
    for n, (seconds, processor, peak) in found.items():
        wanted = f"≤ {LIMIT_SECONDS[n]:g} s, ≤ {LIMIT_MB:g} MB" if n in LIMIT_SECONDS else ""
        print(f"{n:>8} {seconds:>9.2f} {processor:>12.2f} {peak:>9.0f} {wanted:>18}")
    load = os.getloadavg()[0]
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}"
    )
    if asked.json:
        print(
            json.dumps(
                {
                    "seconds": {str(n): s for n, (s, _, _) in found.items()},
                    "processor_seconds": {str(n): p for n, (_, p, _) in found.items()},
                    "peak_rss_mb": max(peak for _, _, peak in found.values()),
                    "machine": {"cores": os.cpu_count(), "architecture": platform.machine(), "load": load},
                    "versions": {
                        name: version(name)
                        for name in ("canalis", "numpy", "pandas", "statsmodels", "matplotlib")
                    },
                }
            )
        )


if __name__ == "__main__":
    main()
