"""A tiny network trained for real, killed, and taken up again."""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from canalis.errors import ModelError
from canalis.train.cache import produce_cases
from canalis.train.loop import Run, learning_rate_at
from canalis.train.plan import Plan

TRAINING = range(4)
VALIDATION = range(1_000_000, 1_000_002)


@pytest.fixture(scope="module")
def cases(write_toy_case: Callable[[int, Path], None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cases")
    produce_cases(write_toy_case, [*TRAINING, *VALIDATION], folder)
    return folder


def tiny(cases: Path, out: Path) -> Plan:
    return Plan(
        "fine", cases, out, steps=120, batch=4, crop=64, channels=(8, 12, 16), warm_up=5, learning_rate=0.01,
        average=0.9, checkpoint_every=20, validate_every=40, rescan_every=10, validation_batches=1,
        least_cases=4, threads=1,
    )  # fmt: skip


def test_a_tiny_network_learns_the_canal_in_120_steps(cases: Path, tmp_path: Path) -> None:
    run = Run(tiny(cases, tmp_path))
    run.train()
    scores = run.validate(run._validation_batches())
    assert scores["whole_canal"] > 0.8
    assert (tmp_path / "curves.png").stat().st_size > 1000
    assert len((tmp_path / "loss.csv").read_text().splitlines()) == 121


def test_the_coarse_network_trains_through_the_same_loop(cases: Path, tmp_path: Path) -> None:
    plan = replace(
        tiny(cases, tmp_path), net="coarse", channels=(8, 12), crop=24, batch=2, steps=40, rescan_every=7
    )
    run = Run(plan)
    run.train()
    losses = [float(line.split(",")[1]) for line in (tmp_path / "loss.csv").read_text().splitlines()[1:]]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_a_run_stopped_and_taken_up_ends_in_the_same_weights(cases: Path, tmp_path: Path) -> None:
    plan = replace(tiny(cases, tmp_path / "whole"), steps=12, checkpoint_every=5)
    whole = Run(plan)
    whole.train()
    parted = replace(plan, out=tmp_path / "parted")
    Run(parted).train(until=7)
    again = Run(parted)
    assert again.step == 7
    again.train()
    assert again.hash() == whole.hash()


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from canalis.train import loop
    from canalis.train.plan import read_plan

    def die(self, step, *rest, add=loop.Curves.add):
        add(self, step, *rest)
        if step == 9:
            os.kill(os.getpid(), signal.SIGKILL)

    loop.Curves.add = die
    loop.Run(read_plan(Path(sys.argv[1]))).train()
"""


def test_a_run_killed_while_cases_arrive_ends_in_the_same_weights(
    cases: Path, tmp_path: Path, write_toy_case: Callable[[int, Path], None]
) -> None:
    plan = replace(tiny(cases, tmp_path / "whole"), steps=12, checkpoint_every=5, rescan_every=2)
    whole = Run(plan)
    whole.train()
    text = f'net = "fine"\ncases = "{cases}"\nout = "killed"\n' + textwrap.dedent("""
        steps = 12
        batch = 4
        crop = 64
        channels = [8, 12, 16]
        warm_up = 5
        learning_rate = 0.01
        average = 0.9
        checkpoint_every = 5
        validate_every = 40
        rescan_every = 2
        validation_batches = 1
        least_cases = 4
        threads = 1
    """)
    (tmp_path / "plan.toml").write_text(text)
    run = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path / "plan.toml")]
    done = subprocess.run(run, check=False)
    assert done.returncode == -signal.SIGKILL
    parted = replace(plan, out=tmp_path / "killed")
    extra = produce_cases(write_toy_case, [50], cases)
    try:
        again = Run(parted)
        assert (extra, again.step) == (1, 5)
        again.train(until=8)
        assert 50 not in {case.seed for case in again.cases}  # the journal says what step 8 saw
        again.train(until=9)
    finally:
        for path in sorted((cases / "000000" / "00000050").glob("*")):
            path.unlink()
        (cases / "000000" / "00000050").rmdir()
    Run(parted).train()
    assert Run(parted).hash() == whole.hash()


def test_a_checkpoint_of_another_plan_is_refused(cases: Path, tmp_path: Path) -> None:
    plan = replace(tiny(cases, tmp_path), steps=2, warm_up=1)
    Run(plan).train()
    with pytest.raises(ModelError, match="begun by another plan"):
        Run(replace(plan, seed=1))


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    plan = Plan("fine", Path(), Path(), steps=100, batch=1, crop=32, warm_up=10, learning_rate=1.0)
    rates = [learning_rate_at(step, plan) for step in range(100)]
    assert rates[9] == 1.0
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.001
