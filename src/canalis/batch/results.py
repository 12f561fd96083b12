"""What a batch leaves of each case, and how it is told whether a case is done."""

import hashlib
import json
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from canalis import __version__
from canalis.batch.studies import Study
from canalis.errors import OutputError

CASE_SCHEMA: Final = "canalis.case/1"
CASE_NAME: Final = "case.json"
WORKING: Final = ".working"
"""Folder in DIR for what is not whole yet; emptied when a batch starts and ends."""

Extra = Literal["pdf", "dicom"]
State = Literal["done", "other", "absent"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the numbers and files of every case of a batch.

    Attributes
    ----------
    version : str
        Of canalis.
    models : mapping of str to str
        Name of each network to the SHA-256 of its file.
    also : tuple of {"pdf", "dicom"}
        What is written beside the usual files.
    """

    version: str = __version__
    models: Mapping[str, str] = field(default_factory=dict)
    also: tuple[Extra, ...] = ()

    @classmethod
    def of_this_program(cls, also: tuple[Extra, ...] = ()) -> "Settings":
        """Return the settings with the version and the networks that are installed here."""
        from canalis.segment.models import model_hashes

        return cls(__version__, model_hashes(), also)

    def plain(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {"version": self.version, "models": dict(sorted(self.models.items())), "also": [*self.also]}


KEPT_NAMES: Final = ("measurements.json", "run.json")
"""Files of a case that cases.csv is made of: without them a case is measured again."""


def state_of(study: Study, out: Path, settings: Settings) -> State:
    """Return whether a case's folder is there: done, of other settings or another input, or absent."""
    if not (out / study.case).exists():
        return "absent"
    whole = all((out / study.case / name).is_file() for name in KEPT_NAMES)
    return "done" if whole and read_case(out / study.case) == case_record(study, settings) else "other"


def case_record(study: Study, settings: Settings) -> dict[str, Any]:
    """Return ``case.json``: the settings, and a hash of the input's and label map's place and options."""
    asked = {name: str(value) for name, value in asdict(study).items() if name != "case"}
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    return {"schema": CASE_SCHEMA, "study": digest, "settings": settings.plain()}


def read_case(folder: Path) -> dict[str, Any] | None:
    """Return a case's ``case.json``, or None where a batch has left none."""
    try:
        record: dict[str, Any] = json.loads((folder / CASE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record


@contextmanager
def case_folder(study: Study, out: Path, settings: Settings) -> Iterator[Path]:
    """Give a place to write a case to, and rename it into place, whole, at the end.

    Where the same case is done meanwhile, by a worker that was thought lost, that result stays and this
    one is dropped: there is never a case twice, nor a mixture of two.

    Parameters
    ----------
    study : Study
        The case.
    out : Path
        The batch's folder; it exists.
    settings : Settings
        Go into ``case.json``.

    Yields
    ------
    Path
        Not there yet; the block makes the folder.

    Raises
    ------
    OutputError
        If the result cannot be put in its place.
    """
    working = out / WORKING / uuid.uuid4().hex
    beside = working / "result"
    try:
        (out / WORKING).mkdir(exist_ok=True)  # not the folders above: a cluster must see the same DIR
        working.mkdir()
        yield beside
        text = json.dumps(case_record(study, settings), indent=2)
        (beside / CASE_NAME).write_text(text + "\n", encoding="utf-8")
        _put_in_place(beside, out / study.case, study, settings)
    except OSError as error:
        raise OutputError(
            f"The result cannot be written: {error.strerror or error}. Make room, or let every worker see "
            "the folder given with --out."
        ) from error
    finally:
        shutil.rmtree(working, ignore_errors=True)


def _put_in_place(beside: Path, place: Path, study: Study, settings: Settings) -> None:
    state = state_of(study, place.parent, settings)
    if state == "done":
        return
    if state == "other":
        place.rename(beside.parent / "replaced")
    try:
        beside.rename(place)
    except OSError:
        if state_of(study, place.parent, settings) != "done":
            raise


def clear_working(out: Path) -> None:
    """Remove what an earlier run left half done."""
    shutil.rmtree(out / WORKING, ignore_errors=True)


@contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """Hold a folder for one batch at a time, where the system has such a lock (not on Windows).

    Raises
    ------
    OutputError
        If another batch works in it.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl
    import os

    handle = os.open(out, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise OutputError(
            f"Another batch works in {out}. Wait for it, or give another folder with --out."
        ) from None
    except OSError:  # a file system without locks
        pass
    try:
        yield
    finally:
        os.close(handle)
