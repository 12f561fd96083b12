"""One case in a worker: measured and put in its place, or the reason why not.

Imports nothing heavy until it measures: a worker sets its threads first.
"""

import multiprocessing
import os
import signal
import threading
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, Literal

from canalis.batch.results import Settings, case_folder, state_of
from canalis.batch.studies import Study
from canalis.errors import CanalisError

ONE_THREAD: Final = {
    name: "1" for name in ("CANALIS_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
}
"""Environment of a worker: as many workers as cores, one thread each."""

_ONE_AT_A_TIME = threading.Lock()
"""A network runs one scan at a time, however many threads a cluster gives its worker."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case.

    Attributes
    ----------
    case : str
        Its name.
    status : {"done", "failed"}
        Done: its folder is in place; a refused CT has one too.
    code : str
        Of the error: short and stable, such as ``read-error``; empty when done.
    message : str
        One line, without a path.
    """

    case: str
    status: Literal["done", "failed"]
    code: str = ""
    message: str = ""


def measure_case(study: Study, out: Path, settings: Settings) -> Outcome:
    """Measure one case into its folder; never raises for what lies in the study.

    Parameters
    ----------
    study : Study
        The case.
    out : Path
        The batch's folder.
    settings : Settings
        Those of the whole batch. A worker of another version or with other networks refuses.

    Returns
    -------
    Outcome
        A case that is done already is left as it is.
    """
    with _ONE_AT_A_TIME:
        try:
            if state_of(study, out, settings) != "done":
                _measure(study, out, settings)
        except CanalisError as error:
            return Outcome(study.case, "failed", code_of(error), without_paths(str(error), study, out))
        except MemoryError:
            message = "Memory ran out. Use fewer workers."
            return Outcome(study.case, "failed", "out-of-memory", message)
        except Exception as error:
            # its message may quote the patient: only its type and place are told
            return Outcome(study.case, "failed", "unexpected", _where(error))
    return Outcome(study.case, "done")


def _measure(study: Study, out: Path, settings: Settings) -> None:
    from canalis.chain import Options, measure_to_folder

    here = Settings.of_this_program(settings.also)
    if here.plain() != settings.plain():
        raise WorkerError(
            f"The worker has canalis {here.version}, the batch {settings.version}, or other networks. "
            "Install the same on every machine."
        )
    command = ["canalis", "measure", "INPUT", "--out", "DIR"]
    command += ["--series", "UID"] if study.series is not None else []
    command += ["--hint", f"{study.hint[0]}={study.hint[1]:g}"] if study.hint is not None else []
    command += ["--segmentation", "FILE"] if study.label_map is not None else []
    command += [f"--{extra}" for extra in settings.also]
    options = Options(
        series=study.series,
        hint=study.hint,
        label_map=study.label_map,
        also=settings.also,
        command=tuple(command),
    )
    with case_folder(study, out, settings) as beside:
        measure_to_folder(study.source, beside, options)


class WorkerError(CanalisError):
    """A worker that must not measure for this batch."""


def code_of(error: CanalisError) -> str:
    """Return the code of an error: its class in words.

    Examples
    --------
    >>> from canalis.errors import ReadError
    >>> code_of(ReadError("..."))
    'read-error'
    """
    name = type(error).__name__
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


def without_paths(message: str, study: Study, out: Path) -> str:
    """Return a message in one line, each path in it replaced by its name in the help."""
    places = {str(study.source): "INPUT", str(out): "DIR"}
    if study.label_map is not None:
        places[str(study.label_map)] = "FILE"
    for path in sorted(places, key=len, reverse=True):
        message = message.replace(path, places[path])
    return " ".join(message.split())


def _where(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = "/".join(Path(last.filename).parts[-2:])
    return f"{type(error).__name__} at {place}:{last.lineno}. This is a bug in canalis: please report it."


def serve(connection: Connection) -> None:
    """Measure the cases that come through a connection until it closes: a worker's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the batch, which ends its workers
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    while True:
        try:
            study, out, settings = connection.recv()
        except EOFError:
            return
        connection.send(measure_case(study, out, settings))


def _end_with(parent: "multiprocessing.process.BaseProcess") -> None:
    """End this worker at once when the batch is gone, so that it leaves nothing behind a new one."""
    parent.join()
    os._exit(1)
