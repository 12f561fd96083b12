"""Workers of a dask.distributed cluster, on this machine or on many that see the same folders."""

import logging
import os
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from canalis.batch.results import Settings
from canalis.batch.studies import Study
from canalis.batch.worker import ONE_THREAD, Outcome, measure_case
from canalis.errors import CanalisError, MissingExtraError

CONNECT_SECONDS: Final = 20
LOOK_SECONDS: Final = 0.1


class ClusterError(CanalisError):
    """A cluster that cannot be reached, or was lost."""


def measure_on_cluster(
    studies: Sequence[Study], out: Path, settings: Settings, *, address: str
) -> Generator[Outcome, None, None]:
    """Measure studies on the workers of a dask scheduler.

    Parameters
    ----------
    studies : sequence of Study
        Their paths must mean the same on every worker.
    out : Path
        The batch's folder, seen by every worker.
    settings : Settings
        Of every case; a worker with another version or other networks refuses.
    address : str
        Of the scheduler, such as ``tcp://127.0.0.1:8786``.

    Yields
    ------
    Outcome
        Of each case once, as they end. Dask gives the cases of a lost worker to another; a case that
        several workers died of has failed.

    Raises
    ------
    MissingExtraError
        If dask.distributed is not installed.
    ClusterError
        If there is no scheduler at the address, or it is lost.
    """
    try:
        from distributed import as_completed
    except ImportError:
        raise MissingExtraError(
            "--dask needs dask.distributed, which is not installed. Run pip install 'canalis[cluster]'."
        ) from None
    if not studies:
        return
    with _quiet_dask(), _connect(address) as client:
        futures = {
            client.submit(measure_on_worker, study, out, settings, pure=False): study for study in studies
        }
        try:
            for future in as_completed(list(futures), loop=client.loop):
                study = futures.pop(future)
                _wait_again(future, client)
                yield _outcome(future, study, address)
                future.release()
        finally:
            client.cancel(list(futures))


@contextmanager
def _quiet_dask() -> Generator[None, None, None]:
    """Keep dask's warnings to itself meanwhile: a lost worker's cases go to another, as promised."""
    loggers = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict) if _of_dask(name)]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(max(logger.level, logging.ERROR))
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _of_dask(name: str) -> bool:
    return name.split(".")[0] == "distributed"


def _connect(address: str) -> Any:
    from distributed import Client

    try:
        return Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:  # a TimeoutError is an OSError
        raise ClusterError(
            f"Expected a dask scheduler at {address}, found none within {CONNECT_SECONDS} s "
            f"({type(error).__name__}). Start one with `dask scheduler`, and give the address that it prints."
        ) from None


def _wait_again(future: Any, client: Any) -> None:
    """Wait for a case whose result was lost with its worker: dask gives it to another one."""
    while future.status in ("pending", "lost") and client.status == "running":
        time.sleep(LOOK_SECONDS)


def _outcome(future: Any, study: Study, address: str) -> Outcome:
    if future.status == "finished":
        outcome: Outcome = future.result()
        return outcome
    if future.status != "error":  # cancelled, or lost for good: the scheduler is gone
        raise ClusterError(
            f"The scheduler at {address} was lost. What is done is kept: start a cluster, run the same again."
        )
    error = future.exception()
    if type(error).__name__ == "KilledWorker":
        message = "Several workers died of it. Give them more memory, or look at this study alone."
        return Outcome(study.case, "failed", "worker-killed", message)
    message = f"{type(error).__name__} on a worker. Install the same canalis on every machine."
    return Outcome(study.case, "failed", "worker-error", message)


def measure_on_worker(study: Study, out: Path, settings: Settings) -> Outcome:
    """Measure one case with one thread, as workers on one machine do."""
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)
    return measure_case(study, out, settings)
