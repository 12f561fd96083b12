"""Workers on this machine: processes of one thread each, the networks loaded once in each."""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path
from typing import Final

from canalis.batch.results import Settings
from canalis.batch.studies import Study
from canalis.batch.worker import ONE_THREAD, Outcome, serve

LAST_SECONDS: Final = 5  # between a worker's closed connection and its exit code
TRIES: Final = 2  # of a case whose worker is killed: another program may have taken the memory


class _Worker:
    """A process, the connection to it, and the case that it has."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.study: Study | None = None

    def give(self, study: Study, out: Path, settings: Settings) -> None:
        """Send a case. A worker that is dead is noticed when its answer is read."""
        self.study = study
        try:
            self.connection.send((study, out, settings))
        except (BrokenPipeError, ConnectionResetError):
            return

    def take(self) -> tuple[Study, Outcome | None]:
        """Return its case and what became of it, None when the worker died of it."""
        study, self.study = self.study, None
        if study is None:
            raise RuntimeError("A worker without a case answered.")
        try:
            outcome: Outcome = self.connection.recv()
        except (EOFError, ConnectionResetError):
            return study, None
        return study, outcome

    def end(self) -> int | None:
        """Kill the process; return the exit code that it had."""
        self.process.join(timeout=LAST_SECONDS)
        code = self.process.exitcode
        self.process.kill()
        self.process.join()
        self.connection.close()
        return code


def measure_here(
    studies: Sequence[Study], out: Path, settings: Settings, *, workers: int
) -> Generator[Outcome, None, None]:
    """Measure studies in processes of this machine.

    Parameters
    ----------
    studies : sequence of Study
        Taken in this order.
    out : Path
        The batch's folder.
    settings : Settings
        Of every case.
    workers : int
        Processes at a time, at least 1.

    Yields
    ------
    Outcome
        Of each case once, in the order that they end. A case whose worker is killed twice, by the kernel
        for want of memory as a rule, has failed; the rest goes on in a new worker.
    """
    waiting = deque(studies)
    tries = {study.case: 0 for study in studies}
    with one_thread_each():
        team = [_Worker() for _ in range(min(workers, len(studies)))]
        try:
            while waiting or any(worker.study for worker in team):
                for worker in team:
                    if worker.study is None and waiting:
                        tries[waiting[0].case] += 1
                        worker.give(waiting.popleft(), out, settings)
                ready = wait([worker.connection for worker in team if worker.study])
                for worker in [w for w in team if w.connection in ready]:
                    study, outcome = worker.take()
                    if outcome is None:
                        team[team.index(worker)] = _Worker()
                        outcome = killed(study, worker.end())
                        if tries[study.case] < TRIES:
                            waiting.append(study)
                            continue
                    yield outcome
        finally:
            for worker in team:
                worker.process.kill()
            for worker in team:
                worker.end()


def killed(study: Study, code: int | None) -> Outcome:
    """Return the failure of a case that its worker died of, by the exit code."""
    how = f"with exit code {code}"
    if code is not None and code < 0:
        how = f"by signal {-code}" + (", as when memory runs out" if -code == signal.SIGKILL else "")
    message = f"The worker was ended {how}, {TRIES} times. Use fewer workers, or look at this study alone."
    return Outcome(study.case, "failed", "worker-killed", message)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Set the environment that workers start with, and put it back."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
