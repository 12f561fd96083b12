"""Where image files come from: a folder, a zip, a single file; and what kind each is."""

import contextlib
import gzip
import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, cast

from canalis.errors import ReadError

Kind = Literal["dicom", "nifti", "other"]

PREAMBLE = 132  # bytes before a DICOM file's first element: 128 free, then "DICM"
NIFTI_HEADER = 348  # bytes of a NIfTI-1 header
ZIP_HEAD = 1 << 16  # bytes of a zipped file that are unpacked to read a DICOM header


class UnopenedFileError(ReadError):
    """A file that is there by name but cannot be opened: a dangling link, or one not to be read."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One file, on disk or in a zip.

    Attributes
    ----------
    path : str
        Path on disk, or name in the zip. May hold a patient's name: never shown.
    number : int
        Position among the files of the input, from 1. Shown instead of the path.
    total : int
        How many files the input holds.
    archive : ZipFile or None
        The zip it lies in.
    """

    path: str
    number: int
    total: int
    archive: zipfile.ZipFile | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        """Which file it is, in words that hold no name."""
        return f"file {self.number} of {self.total}"

    def open(self) -> BinaryIO:
        """Return the whole file, open for reading bytes and seekable."""
        if self.archive is None:
            return _opened(self.path, self.place)
        return io.BytesIO(_unpack(self.archive, self.path, self.place))

    def open_head(self) -> BinaryIO:
        """Return the file, of a zipped one only the first 64 kB."""
        if self.archive is None:
            return _opened(self.path, self.place)
        return io.BytesIO(_unpack(self.archive, self.path, self.place, limit=ZIP_HEAD))

    @contextlib.contextmanager
    def stream(self) -> Iterator[BinaryIO]:
        """Open the file to be read from start to end, gzip unpacked on the way."""
        with self.open() as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not zipped:
                yield raw
                return
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield cast(BinaryIO, unpacked)

    def size(self) -> int:
        """Return the number of bytes it unpacks to."""
        if self.archive is None:
            return os.stat(self.path).st_size
        return self.archive.getinfo(self.path).file_size


def _opened(path: str, place: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise _unopened(error, place) from error


def _unopened(error: OSError, place: str) -> UnopenedFileError:
    """Return the error in words without the path, which the system's own hold."""
    reason = error.strerror or "no reason given"
    return UnopenedFileError(f"Cannot open {place}: {reason}. Make it readable, or take it out of the input.")


def _unpack(archive: zipfile.ZipFile, name: str, place: str, limit: int = -1) -> bytes:
    try:
        with archive.open(name) as member:
            return member.read(limit)
    except Exception as error:  # each way of compressing raises its own kinds on damaged data
        reason = "it is encrypted" if "encrypted" in str(error) else "the zip is damaged"
        raise ReadError(
            f"Cannot unpack {place} of the zip: {reason}. Unpack it and give the folder."
        ) from error


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except Exception as error:  # many kinds, as the directory of a zip is damaged
        raise ReadError(f"Expected a CT in {path}, found a damaged zip. Copy it again.") from error


def find_files(path: Path) -> list[ImageFile]:
    """Return the files that an input consists of, in the order of their names.

    Parameters
    ----------
    path : Path
        A folder (searched to any depth), a zip, or a file.

    Returns
    -------
    list of ImageFile
        At least one.

    Raises
    ------
    ReadError
        If there is nothing at the path, or the folder or zip is empty.
    """
    if not os.path.exists(path):  # nor where its name is longer than the system allows
        raise ReadError(f"Expected a CT at {path}, found nothing there. Check the path.")
    archive = None
    if path.is_dir():
        names = sorted(os.path.join(folder, name) for folder, _, files in os.walk(path) for name in files)
    elif zipfile.is_zipfile(path):
        archive = _archive(path)
        names = sorted(info.filename for info in archive.infolist() if not info.is_dir())
    else:
        names = [str(path)]
    names = [name for name in names if not os.path.basename(name).startswith(".")]
    if not names:
        raise ReadError(f"Expected a CT in {path}, found no file. Give the folder that holds the slices.")
    return [ImageFile(name, number, len(names), archive) for number, name in enumerate(names, start=1)]


def kind_of(file: ImageFile) -> Kind:
    """Return what a file is, judged by its first bytes and never by its name."""
    with file.open_head() as opened:
        try:
            head = opened.read(NIFTI_HEADER)
        except OSError as error:  # such as from a failing disk
            raise _unopened(error, file.place) from error
    if head[:2] == b"\x1f\x8b":
        head = _first_unpacked(file)
        return "nifti" if _is_nifti(head) else "other"
    if _is_nifti(head):
        return "nifti"
    return "dicom" if head[128:PREAMBLE] == b"DICM" or _is_bare_dicom(head) else "other"


def _first_unpacked(file: ImageFile) -> bytes:
    try:
        with file.stream() as stream:
            return stream.read(NIFTI_HEADER)
    except (EOFError, OSError, zlib.error):
        return b""


def _is_bare_dicom(head: bytes) -> bool:
    """Return True for DICOM without its preamble: it starts with its file meta group, or its data set."""
    meta = head[:2] == b"\x02\x00" and head[4:6] in (b"UL", b"OB", b"UI")  # its first element, VR explicit
    return (meta or head[:2] == b"\x08\x00") and len(head) == NIFTI_HEADER


def _is_nifti(head: bytes) -> bool:
    return head[344:347] in (b"n+1", b"ni1") or head[4:7] in (b"n+2", b"ni2")
