"""Compare the active contour with its peers, on the same planes in one run: how good, how fast.

Planes of test-seed phantoms (see ``phantom_planes.py``), plain CT at 0.4 mm with each phantom's own
blur and noise, bodies and discs as they come; starts are the true outlines displaced by up to 4 mm.
A failure is a mean boundary error over 1 mm, or no closed outline; ours counts by the outline it
gives, the start's where it fell back. Everything runs on one thread; times hold all preparation.
Ratios are of processor seconds, which a busy machine disturbs less; on an idle one the clock agrees.

    OMP_NUM_THREADS=1 python bench/snakes.py [--quick] [--json]     # 300 contours of 128 points, or 60
    python bench/snakes.py --tune                 # the peers' parameters, on validation planes
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402 - threads are set before
from numpy.typing import NDArray  # noqa: E402

from canalis.refine import Energy, Guides, Snakes, SnakeSettings, snake  # noqa: E402
from phantom_planes import (  # noqa: E402
    FIRST_TEST_SEED,
    FIRST_VALIDATION_SEED,
    Planes,
    boundary_distances_mm,
    displaced,
    phantom_planes,
)
from snake_peers import CHOICES, PEERS, TUNED, Outline, by_active_contour  # noqa: E402

POINTS, MOST_MM, FAILURE_MM = 128, 4.0, 1.0
TUBE = Energy(bone_edge=1.0, rigidity=2.0, tie=1.0)
ALONE = Energy(bone_edge=1.0, tension=0.2, rigidity=4.0)
GAUSSIAN = Energy(gaussian_edge=1.0, tension=0.1, rigidity=4.0)
FLOW = Energy(gradient_vector_flow=1.0, tension=0.1, rigidity=4.0)
OURS = {
    "canalis": TUBE,
    "canalis, each plane alone": ALONE,
    "canalis, Gaussian edge": GAUSSIAN,
    "canalis, gradient vector flow": FLOW,
}
SETTINGS = SnakeSettings(settled_mm=0.04, leave_mm=4.5)
TUBE_SETTINGS = SnakeSettings(settled_mm=0.04, leave_mm=4.5, least_support=0.3)
FIELD_SETTINGS = SnakeSettings(settled_mm=0.02, leave_mm=4.5, step=0.5, check_every=50)


def starts_of(planes: Planes, *, points: int = POINTS) -> NDArray[np.float64]:
    """Return start contours, the same for the same planes."""
    rng = np.random.default_rng(int(planes.seed[0]))
    return np.stack([displaced(t, rng, most_mm=MOST_MM, points=points) for t in planes.truth_mm])


def ours(energy: Energy, planes: Planes, starts: NDArray[np.float64]) -> Snakes:
    settings = TUBE_SETTINGS if energy.tie else SETTINGS if energy.bone_edge else FIELD_SETTINGS
    spacing = (planes.pixel_mm, planes.pixel_mm)
    return snake(planes.images, spacing, starts, energy, settings, guides=Guides(tubes=planes.seed))


def scored(outlines: list[Outline | None], planes: Planes, starts: NDArray[np.float64]) -> dict[str, Any]:
    """Return mean and 95th percentile of boundary distances, and failures; no outline counts as the start."""
    means, distances, failures = [], [], 0
    for outline, truth, start in zip(outlines, planes.truth_mm, starts, strict=True):
        apart = boundary_distances_mm(start if outline is None else outline, truth)
        means.append(float(apart.mean()))
        distances.append(apart)
        failures += outline is None or means[-1] > FAILURE_MM
    return {
        "error_mm": float(np.mean(means)),
        "error_p95_mm": float(np.percentile(np.concatenate(distances), 95)),
        "failures": int(failures),
        "means_mm": means,
    }


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what work returns, wall seconds and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - processor


def compare(planes: Planes) -> dict[str, Any]:
    """Run ours and every peer on the same planes from the same starts."""
    starts, table = starts_of(planes), {}
    ours(
        TUBE, planes, starts
    )  # first calls import and allocate; the peers' first calls are as long as their later
    for name, energy in OURS.items():
        found, wall, processor = timed(lambda energy=energy: ours(energy, planes, starts))
        score = scored(list(found.contours_mm), planes, starts)
        wrong = np.array(score["means_mm"]) > FAILURE_MM
        table[name] = {"seconds": wall, "cpu_seconds": processor, **score}
        table[name] |= {
            "not_settled": int((~found.converged).sum()),
            "unreported": int((wrong & found.converged).sum()),
            "iterations": float(found.iterations.mean()),
        }
    for name, peer in PEERS.items():

        def all_planes(peer: Callable[..., Outline | None] = peer, name: str = name) -> list[Outline | None]:
            pairs = zip(planes.images, starts, strict=True)
            return [peer(image, planes.pixel_mm, start, **TUNED[name]) for image, start in pairs]

        found, wall, processor = timed(all_planes)
        table[name] = {"seconds": wall, "cpu_seconds": processor, **scored(found, planes, starts)}
    return table


def per_step(planes: Planes, *, repeats: int) -> dict[str, float]:
    """Return seconds for one step of one contour: a long run less a short one, without stopping.

    The shortest of the repeats counts: what else a machine does only adds.
    """
    starts = np.stack(
        [
            displaced(t, np.random.default_rng(k), most_mm=1.0, points=POINTS)
            for k, t in enumerate(planes.truth_mm)
        ]
    )
    spacing = (planes.pixel_mm, planes.pixel_mm)

    def ours_for(energy: Energy, steps: int) -> int:
        settings = SnakeSettings(
            step=0.5, check_every=50, settled_mm=1e-9, max_iterations=steps, fall_back=False
        )
        return int(snake(planes.images, spacing, starts, energy, settings).iterations.sum())

    def theirs_for(steps: int) -> int:
        some = range(0, len(starts), max(len(starts) // 10, 1))
        for k in some:
            by_active_contour(
                planes.images[k], planes.pixel_mm, starts[k], max_num_iter=steps, convergence=0.0,
                **TUNED["active_contour"],
            )  # fmt: skip
        return steps * len(some)

    works = {
        "canalis, Gaussian edge": lambda n: ours_for(GAUSSIAN, n),
        "canalis, gradient vector flow": lambda n: ours_for(FLOW, n),
        "active_contour": theirs_for,
    }
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    more: dict[str, int] = {}
    for _ in range(repeats):
        for name, work in works.items():
            steps = (100, 600) if name == "active_contour" else (100, 1100)
            few, _, short = timed(lambda work=work, steps=steps: work(steps[0]))
            many, _, long = timed(lambda work=work, steps=steps: work(steps[1]))
            runs[name].append((short, long))
            more[name] = many - few
    shortest = {name: np.min(seconds, axis=0) for name, seconds in runs.items()}
    return {name: float((long - short) / more[name]) for name, (short, long) in shortest.items()}


def growth(planes: Planes) -> dict[str, dict[str, float]]:
    """Return processor seconds of 60 steps by number of contours and of points, and the power of growth."""
    spacing = (planes.pixel_mm, planes.pixel_mm)
    settings = SnakeSettings(max_iterations=60, settled_mm=1e-9, leave_mm=4.5, fall_back=False)

    def seconds(count: int, points: int) -> float:
        images = np.resize(planes.images, (count, *planes.images.shape[1:]))
        starts = np.resize(starts_of(planes, points=points), (count, points, 2))
        run = lambda: snake(images, spacing, starts, ALONE, settings)  # noqa: E731
        run()
        return min(timed(run)[2] for _ in range(2))

    half = len(planes.images) // 4
    by_k = {str(k): seconds(k, POINTS) for k in (half, 2 * half, 4 * half)}
    by_n = {str(n): seconds(half, n) for n in (64, 128, 256, 512)}
    return {
        "contours": by_k | {"power": _power(by_k)},
        "points": by_n | {"power": _power(by_n)},
    }


def _power(seconds: dict[str, float]) -> float:
    return float(np.polyfit(np.log([float(k) for k in seconds]), np.log(list(seconds.values())), 1)[0])


def tune(*, tries: int, count: int) -> None:
    """Print each peer's best parameters of a random search on validation planes."""
    planes = phantom_planes(FIRST_VALIDATION_SEED, count)
    starts = starts_of(planes)
    for name, peer in PEERS.items():
        rng = np.random.default_rng(7)
        results = []
        for trial in range(tries):
            drawn = {key: values[rng.integers(len(values))] for key, values in CHOICES[name].items()}
            parameters = TUNED[name] if trial == 0 else drawn
            more = {"max_num_iter": 1000} if name == "active_contour" else {}
            pairs = zip(planes.images, starts, strict=True)
            found = [peer(i, planes.pixel_mm, s, **parameters, **more) for i, s in pairs]
            score = scored(found, planes, starts)
            results.append((score["error_mm"], score["failures"], parameters))
        for error, failures, parameters in sorted(results, key=lambda r: r[0])[:3]:
            print(f"{name}: {error:.3f} mm, {failures} failures of {count}: {parameters}", flush=True)


def report(table: dict[str, Any], steps: dict[str, float], grown: dict[str, Any], planes: Planes) -> None:
    count = len(planes.images)
    start = np.mean(
        [boundary_distances_mm(s, t).mean() for s, t in zip(starts_of(planes), planes.truth_mm, strict=True)]
    )
    print(
        f"{count} contours of {POINTS} points, starts up to {MOST_MM:g} mm off (mean {start:.2f} mm), "
        "one thread"
    )
    print(
        f"{'':32}{'seconds':>9}{'cpu s':>8}{'µs/step':>9}{'mean mm':>9}{'95 % mm':>9}"
        f"{'failures':>9}{'unreported':>11}"
    )
    for name, row in table.items():
        step = f"{1e6 * steps[name]:9.2f}" if name in steps else f"{'':9}"
        unreported = row.get("unreported", row["failures"])
        print(
            f"{name:32}{row['seconds']:9.2f}{row['cpu_seconds']:8.2f}{step}{row['error_mm']:9.3f}"
            f"{row['error_p95_mm']:9.3f}{row['failures']:9d}{unreported:11d}"
        )
    for name, parameters in TUNED.items():
        print(f"  {name}: {parameters}")
    for what, values in grown.items():
        told = ", ".join(f"{k}: {v:.2f} s" for k, v in values.items() if k != "power")
        print(f"time by {what}: {told}; grows with the power {values['power']:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="60 contours, two to three minutes")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--tune", action="store_true", help="tune the peers on validation planes instead")
    parser.add_argument("--tries", type=int, default=30)
    chosen = parser.parse_args()
    if chosen.tune:
        tune(tries=chosen.tries, count=26)
        return
    planes = phantom_planes(FIRST_TEST_SEED, 60 if chosen.quick else 300)
    table = compare(planes)
    steps = per_step(planes, repeats=2 if chosen.quick else 3)
    grown = growth(planes)
    report(table, steps, grown, planes)
    peer, mine = table["active_contour"], table["canalis"]
    slowest = max(steps["canalis, Gaussian edge"], steps["canalis, gradient vector flow"])
    figures = {
        **{name: {k: v for k, v in row.items() if k != "means_mm"} for name, row in table.items()},
        "speedup_over_active_contour": peer["cpu_seconds"] / mine["cpu_seconds"],
        "wall_speedup_over_active_contour": peer["seconds"] / mine["seconds"],
        "speedup_per_step": steps["active_contour"] / slowest,
        "seconds_per_step": steps,
        "growth": grown,
        "peer_parameters": TUNED,
        "n": len(planes.images),
        "points": POINTS,
        "machine": {"processor": platform.processor() or platform.machine(), "cpus": os.cpu_count()},
        "versions": {p: version(p) for p in ("canalis", "numpy", "scipy", "scikit-image", "SimpleITK")},
    }
    by_steps = ", ".join(
        f"{steps['active_contour'] / seconds:.1f} ({name.removeprefix('canalis, ')})"
        for name, seconds in steps.items()
        if name != "active_contour"
    )
    print(f"whole job: {figures['speedup_over_active_contour']:.1f} times as fast as active_contour "
          f"by processor time ({figures['wall_speedup_over_active_contour']:.1f} by the clock); "
          f"per step: {by_steps}")  # fmt: skip
    if chosen.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
