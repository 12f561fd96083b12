"""A folder or a file of results that is there whole or not at all."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from canalis.errors import OutputError

RESULT_NAMES: Final = (
    "measurements.json",
    "measurements.csv",
    "segmentation.nii.gz",
    "report.html",
    "report.pdf",
    "segmentation.dcm",
    "measurements.dcm",
    "run.json",
)
"""What a measured scan leaves in its folder; an earlier result's are replaced as a whole."""


def check_free(folder: Path, *, names: tuple[str, ...] = RESULT_NAMES, overwrite: bool = False) -> None:
    """Refuse a folder that holds results, or that cannot be made, before any work is done.

    Parameters
    ----------
    folder : Path
        Where the results are to go. It need not exist, nor the folders above it.
    names : tuple of str
        Files and folders that count as results.
    overwrite : bool
        Whether results that are there may be replaced.

    Raises
    ------
    OutputError
        If it is a file, holds results and `overwrite` is False, or it cannot be written there.
    """
    try:
        there = folder.exists()
    except OSError as error:  # such as a name that is too long
        raise OutputError(
            f"{folder} cannot be written: {error.strerror}. Give another folder with --out."
        ) from None
    if there and not folder.is_dir():
        raise OutputError(f"Expected a folder at {folder}, found a file. Give another with --out.")
    if not overwrite and any((folder / name).exists() for name in names):
        raise OutputError(
            f"{folder} holds results already. Give another with --out, or replace them with --overwrite."
        )
    if not _can_be_made(folder):
        raise OutputError(f"{folder} cannot be written. Give another folder with --out.")


def check_file(path: Path) -> None:
    """Refuse a file that cannot be written, before any work is done.

    Parameters
    ----------
    path : Path
        Where a result is to go. It need not exist, nor the folders above it.

    Raises
    ------
    OutputError
        If it is a folder, or what is above it cannot be written.
    """
    if path.is_dir():
        raise OutputError(f"Expected a file at {path}, found a folder. Give another name.")
    if not _can_be_made(path.absolute().parent):
        raise OutputError(f"{path} cannot be written. Give another place.")


def _can_be_made(folder: Path) -> bool:
    """Return whether a folder, or the nearest that is there above it, can be written."""
    above = folder.absolute()
    while not above.exists():
        above = above.parent
    return above.is_dir() and os.access(above, os.W_OK | os.X_OK)


@contextmanager
def result_folder(folder: Path, *, names: tuple[str, ...] = RESULT_NAMES) -> Iterator[Path]:
    """Give a folder beside the wanted one to write to, and move it into place at the end.

    Parameters
    ----------
    folder : Path
        Where the results are to go. What else lies there is left alone.
    names : tuple of str
        Results of an earlier run: removed when the new ones are in place.

    Yields
    ------
    Path
        An empty folder on the same file system. On any error it is removed, and so is every folder
        that was made for it.

    Raises
    ------
    OutputError
        If something cannot be written: no permission, or the disk is full.
    """
    made = _missing_parents(folder)
    beside: Path | None = None
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        beside = folder.absolute().parent / f".{folder.name[:50]}.{uuid.uuid4().hex[:12]}"
        beside.mkdir()
        yield beside
        _move_into_place(beside, folder, names)
    except BaseException as error:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)
        for parent in made:
            _remove_if_empty(parent)
        if isinstance(error, OSError):
            raise OutputError(
                f"{folder} cannot be written: {error.strerror or error}. Nothing was left; "
                "make room, or give another folder with --out."
            ) from error
        raise


@contextmanager
def result_file(path: Path) -> Iterator[Path]:
    """Give a file beside the wanted one to write, and move it into place at the end.

    Parameters
    ----------
    path : Path
        Where the result is to go; the folders above it are made.

    Yields
    ------
    Path
        A file that does not exist, with the same ending. On any error it is removed.

    Raises
    ------
    OutputError
        If it cannot be written: no permission, or the disk is full.
    """
    made = _missing_parents(path)
    beside = path.with_name(f".{uuid.uuid4().hex[:12]}.{path.name}")
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        yield beside
        beside.replace(path)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink()
        for parent in made:
            _remove_if_empty(parent)
        if isinstance(error, OSError):
            raise OutputError(
                f"{path} cannot be written: {error.strerror or error}. Give another place."
            ) from error
        raise


def _missing_parents(folder: Path) -> list[Path]:
    """Return the folders above that do not exist, the deepest first."""
    return [parent for parent in folder.absolute().parents if not parent.exists()]


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def _move_into_place(beside: Path, folder: Path, names: tuple[str, ...]) -> None:
    if not folder.exists():
        beside.rename(folder)
        return
    fresh = {entry.name for entry in beside.iterdir()}
    for name in (*names, *fresh):
        old = folder / name
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        elif old.exists() and name not in fresh:
            old.unlink()
    for name in sorted(fresh):
        (beside / name).replace(folder / name)
    beside.rmdir()
