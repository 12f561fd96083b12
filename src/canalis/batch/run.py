"""A whole batch: what is to be done, done by workers, and the files that tell of it."""

import json
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from canalis import __version__
from canalis.batch.results import Settings, alone_in, clear_working, state_of
from canalis.batch.studies import Study
from canalis.batch.table import write_table
from canalis.batch.worker import Outcome
from canalis.errors import OutputError
from canalis.result_folder import check_free

SCHEMA: Final = "canalis.batch/1"
RECORD: Final = "batch.json"
SHOWN: Final = 5

Workers = Callable[[Sequence[Study], Path, Settings], Generator[Outcome, None, None]]
"""Measures studies into a folder and gives the outcome of each as it ends."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a batch is.

    Attributes
    ----------
    done, total : int
        Cases, those of earlier runs included.
    failed : int
        Of those done, in this run.
    seconds_left : float or None
        From the pace of this run; None before its first case.
    outcome : Outcome or None
        What ended just now.
    """

    done: int
    total: int
    failed: int
    seconds_left: float | None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a batch left.

    Attributes
    ----------
    counts : dict of str to int
        Cases by status: measured, partial, refused, failed, waiting.
    kept : int
        Cases that an earlier run had done.
    interrupted : bool
        Whether it was stopped before the end.
    """

    counts: dict[str, int]
    kept: int
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """0 when all are measured, 3 when some are, 1 when none is, 130 when it was stopped."""
        if self.interrupted:
            return 130
        given = self.counts.get("measured", 0) + self.counts.get("partial", 0)
        if not given:
            return 1
        return 0 if set(self.counts) == {"measured"} else 3


def run_batch(
    studies: Sequence[Study],
    out: Path,
    settings: Settings,
    workers: Workers,
    *,
    command: Sequence[str] = (),
    overwrite: bool = False,
    tell: Callable[[Step], None] = lambda step: None,
) -> Summary:
    """Measure every study that is not done, and write ``cases.csv`` and ``batch.json``.

    Parameters
    ----------
    studies : sequence of Study
        Of different names.
    out : Path
        Made by this. A folder a case, there whole or not at all.
    settings : Settings
        Of every case.
    workers : callable
        `canalis.batch.local.measure_here` or `canalis.batch.cluster.measure_on_cluster`.
    command : sequence of str
        For ``batch.json``, without paths.
    overwrite : bool
        Whether cases that were measured with other settings or from another input are measured again.
    tell : callable
        Called before the first case and after each.

    Returns
    -------
    Summary
        Ctrl-C ends it early, with what is done kept.

    Raises
    ------
    OutputError
        If the folder cannot be written, another batch works in it, or, without `overwrite`, cases in it
        were measured otherwise.
    """
    check_free(out, names=())
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}. Give another folder.") from None
    with alone_in(out):
        clear_working(out)
        states = {study.case: state_of(study, out, settings) for study in studies}
        others = [case for case, state in states.items() if state == "other"]
        if others and not overwrite:
            raise _other_settings(others, out, len(studies))
        todo = [study for study in studies if states[study.case] != "done"]
        record = _record(studies, settings, command)
        _write_record(out, record)
        start, failures, interrupted = time.monotonic(), {}, False
        done = kept = len(studies) - len(todo)
        try:
            tell(Step(done, len(studies), 0, None))
            with closing(workers(todo, out, settings)) as outcomes:
                for outcome in outcomes:
                    done += 1
                    if outcome.status == "failed":
                        failures[outcome.case] = outcome
                    pace = (time.monotonic() - start) / (done - kept)
                    left = pace * (len(studies) - done)
                    tell(Step(done, len(studies), len(failures), left, outcome))
        except KeyboardInterrupt:
            interrupted = True
        finally:
            ready = {study.case for study in studies if state_of(study, out, settings) == "done"}
            counts = write_table(out, [study.case for study in studies], failures, done=ready)
            clear_working(out)
            _write_record(out, record | {"counts": counts, "seconds": time.monotonic() - start})
    return Summary(counts, kept, interrupted)


def _other_settings(others: list[str], out: Path, total: int) -> OutputError:
    named = ", ".join(others[:SHOWN]) + (f" and {len(others) - SHOWN} more" if len(others) > SHOWN else "")
    return OutputError(
        f"{len(others)} of {total} cases in {out} were measured with other settings, by another version, "
        f"from another input, or not by a batch: {named}. Give another folder with --out, or measure those "
        "again with --overwrite."
    )


def _record(studies: Sequence[Study], settings: Settings, command: Sequence[str]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "version": __version__,
        "command": list(command),
        "settings": settings.plain(),
        "studies": len(studies),
    }


def _write_record(out: Path, record: dict[str, Any]) -> None:
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    (out / RECORD).write_text(text + "\n", encoding="utf-8")
