"""What the command `canalis train` does: make cases, train, export."""

import importlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from canalis.errors import ModelError
from canalis.train.cache import VALIDATION_SEED, produce_cases
from canalis.train.own import make_own_case, own_seeds
from canalis.train.plan import Plan, read_plan

Tell = Callable[[str], None]
FIRST_MADE = 8  # training cases before the first validation case


def load_maker(name: str) -> Callable[[int, Path], None]:
    """Return the function ``module:name`` that writes the case of a seed into a folder."""
    module, _, function = name.partition(":")
    try:
        maker: Callable[[int, Path], None] = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ModelError(
            f"Expected maker to name a function as module:name, found {name!r}: {error}."
        ) from None
    return maker


def seeds_of(plan: Plan) -> Iterator[int]:
    """Return the seeds of a plan's cases: validation early, so that the curves have something to show."""
    training = range(plan.first_seed, plan.first_seed + plan.training_cases)
    yield from training[:FIRST_MADE]
    yield from range(VALIDATION_SEED, VALIDATION_SEED + plan.validation_cases)
    yield from training[FIRST_MADE:]


def make_cases(config: Path, *, tell: Tell) -> None:
    """Fill the cache of a plan; what is there already is left alone."""
    plan = read_plan(config)
    began = time.perf_counter()
    made = 0

    def note(seed: int) -> None:
        nonlocal made
        made += 1
        tell(f"case {seed}: {made} made, {(time.perf_counter() - began) / made:.1f} s each")

    if plan.own is not None:
        make_own = partial(make_own_case, plan.own)
        produce_cases(make_own, own_seeds(plan.own), plan.cases, workers=plan.workers, progress=note)
    produce_cases(load_maker(plan.maker), seeds_of(plan), plan.cases, workers=plan.workers, progress=note)


def train(config: Path, *, tell: Tell) -> None:
    """Train, or take up, the run of a plan, then export it beside its checkpoint."""
    from canalis.train.export import export_run
    from canalis.train.loop import Run, leave_others

    plan = read_plan(config)
    run = Run(plan)
    if run.step:
        tell(f"taken up at step {run.step} of {plan.steps}")
    run.train(tell=tell if run.rank == 0 else None)
    if run.rank == 0:
        tell(f"wrote {export_run(plan, plan.out / 'model')}")
    leave_others()


def export(config: Path, folder: Path, *, tell: Tell) -> None:
    """Export a run's last checkpoint."""
    from canalis.train.export import export_run

    tell(f"wrote {export_run(read_plan(config), folder)}")
