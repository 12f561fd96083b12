"""Which studies a batch measures, and what each is called."""

import contextlib
import csv
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from canalis.cohort.sheet import read_sheet, write_csv
from canalis.errors import CohortError, OutputError, ReadError

LISTS: Final = (".csv", ".tsv", ".txt", ".xlsx")
ENDINGS: Final = (".nii.gz", ".nii", ".zip", ".dcm")
PHANTOM_CT: Final = "ct.nii.gz"
"""What `canalis phantom` calls its CT; a label map may lie beside it."""

LIST_COLUMNS: Final = ("case", "path", "segmentation", "series", "hint")
HINT: Final = re.compile(r"(C2)=(-?\d+(?:\.\d+)?)")
TAKEN: Final = frozenset({"cases.csv", "batch.json"})
LONGEST_NAME: Final = 255  # bytes, of a folder's name on usual file systems
FORBIDDEN: Final = re.compile(r'[/\\:*?"<>|\x00-\x1f]')


@dataclass(frozen=True, slots=True)
class Study:
    """One CT of a batch.

    Attributes
    ----------
    case : str
        Name of its row and of its folder of results.
    source : Path
        Folder, zip or file, absolute.
    series : str or None
        Series instance UID, or its hash, where the source holds several.
    hint : tuple of str and float, or None
        A level and the height of its middle, LPS mm.
    label_map : Path or None
        A label map to measure instead of the network's.
    """

    case: str
    source: Path
    series: str | None = None
    hint: tuple[str, float] | None = None
    label_map: Path | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The studies of a batch.

    Attributes
    ----------
    studies : tuple of Study
        In the order of their names, or of the list.
    left_out : int
        Files of the folder that can hold no CT, such as documents and a DICOMDIR.
    """

    studies: tuple[Study, ...]
    left_out: int = 0


def find_studies(path: Path, *, out: Path) -> Found:
    """Return the studies in a folder, or those that a list names.

    Parameters
    ----------
    path : Path
        A folder whose folders, zips, NIfTI files and Enhanced DICOM files are a study each; or a table
        (CSV, XLSX) with the columns `case` and `path`, and if wanted `segmentation`, `series` and `hint`.
    out : Path
        Folder of the results: no study, where it lies among them.

    Returns
    -------
    Found
        At least one study. Whether their names can be used, `check_names` tells.

    Raises
    ------
    ReadError
        If there is none.
    CohortError
        If the list is no table.
    """
    if os.path.isdir(path):
        found = _in_folder(path, out)
    elif os.path.isfile(path) and path.suffix.lower() in LISTS:
        found = Found(tuple(_in_list(path)))
    else:
        what = "another file" if os.path.exists(path) else "nothing there"
        raise ReadError(
            f"Expected a folder of studies, or a list of them ({', '.join(LISTS)}), at {path}, found {what}. "
            "For one CT use `canalis measure`."
        )
    return found


def number_studies(studies: Sequence[Study], key: Path) -> tuple[Study, ...]:
    """Return the studies named case-0001 and on, and write which is which.

    Parameters
    ----------
    studies : sequence of Study
        As `find_studies` gives them.
    key : Path
        Table with the columns `case` and `path`. Where it exists, the studies in it keep their numbers
        and others get the next ones. It is a list that `find_studies` takes.

    Raises
    ------
    OutputError
        If the table cannot be written.
    """
    known = {study.source: study.case for study in _in_list(key)} if os.path.exists(key) else {}
    next_number = 1 + max((int(n) for n in map(_number_of, known.values()) if n), default=0)
    numbered = []
    for study in studies:
        if study.source not in known:
            known[study.source] = f"case-{next_number:04d}"
            next_number += 1
        numbered.append(replace(study, case=known[study.source]))
    text = write_csv(("case", "path"), [(case, str(source)) for source, case in known.items()])
    _write_key(key, text)
    return tuple(numbered)


def _write_key(key: Path, text: str) -> None:
    """Write the key beside and move it into place, so that an earlier one is never lost."""
    if key.suffix.lower() != ".csv":
        raise OutputError(
            f"Expected a key that ends in .csv, found {key.name}. Give another file with --key."
        )
    if os.path.exists(key) and (other := set(_columns_of(key)) - {"case", "path"}):
        raise OutputError(
            f"Expected a key with the columns case and path alone, found {', '.join(sorted(other))} in "
            f"{key.name}. Give another file with --key: this one would lose them."
        )
    beside = key.with_name(f".{key.name[:50]}.{os.getpid()}")
    try:
        beside.write_bytes(text.encode("utf-8"))
        beside.replace(key)
    except UnicodeEncodeError:
        raise ReadError(
            "Expected names of folders and files in UTF-8, found one that is not. Rename it, or name its "
            "case in a list."
        ) from None
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise OutputError(
            f"The key {key} cannot be written: {error.strerror}. Give another file with --key."
        ) from None


def _columns_of(table: Path) -> list[str]:
    with table.open(encoding="utf-8-sig", newline="") as lines:
        return next(csv.reader(lines), [])


def _number_of(case: str) -> str:
    return case.removeprefix("case-") if re.fullmatch(r"case-\d+", case) else ""


def _in_folder(folder: Path, out: Path) -> Found:
    entries = sorted(e for e in folder.iterdir() if not e.name.startswith("."))
    entries = [entry for entry in entries if entry.resolve() != out.resolve()]
    studies, left_out = [], 0
    for number, entry in enumerate(entries, start=1):
        if not entry.is_dir() and not _is_whole_ct(entry, number, len(entries)):
            left_out += 1
            continue
        inside = entry / PHANTOM_CT
        studies.append(Study(_name_of(entry), (inside if inside.is_file() else entry).resolve()))
    if not studies:
        raise ReadError(
            f"Expected folders, zips or NIfTI files of a CT each in {folder}, found none among "
            f"{len(entries)} entries. Give the folder that holds the studies' folders."
        )
    return Found(tuple(studies), left_out)


def _name_of(entry: Path) -> str:
    if entry.is_dir():
        return entry.name
    ending = next((e for e in ENDINGS if entry.name.lower().endswith(e)), "")
    return entry.name[: len(entry.name) - len(ending)]


def _is_whole_ct(file: Path, number: int, total: int) -> bool:
    """Return whether a file may hold a CT; a single slice is refused, as its folder was meant."""
    import zipfile

    from canalis.read.sources import ImageFile, kind_of

    if zipfile.is_zipfile(file):
        return not _is_document(file)
    kind = kind_of(ImageFile(str(file), number, total))
    frames = _frames_of(file) if kind == "dicom" else None
    if frames == 1:
        raise ReadError(
            f"Expected a study in each entry of STUDIES, found a single DICOM slice, entry {number} of "
            f"{total}. Give the folder that holds the studies' folders; for one CT use `canalis measure`."
        )
    return kind != "other" and frames != 0


def _is_document(file: Path) -> bool:
    """Return whether a zip is an Office or OpenDocument file; a damaged zip is not known to be one."""
    import zipfile

    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except Exception:  # many kinds, as the directory of a zip is damaged
        return False
    return bool({"[Content_Types].xml", "mimetype"} & set(names))


def _frames_of(file: Path) -> int:
    """Return how many images a DICOM file holds: none in a DICOMDIR or a structured report."""
    import pydicom

    from canalis.read.headers import quiet_pydicom

    with quiet_pydicom():
        try:
            tags = ["NumberOfFrames", "Rows"]
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=tags, force=True)
            return int(header.get("NumberOfFrames") or 1) if "Rows" in header else 0
        except Exception:  # pydicom raises many kinds on damaged headers
            return 1


def _in_list(path: Path) -> Iterable[Study]:
    sheet = read_sheet(path)
    unknown = [header for header in sheet.headers if header not in LIST_COLUMNS]
    if unknown or not {"case", "path"} <= set(sheet.headers):
        raise CohortError(
            f"Expected the columns case and path, and if wanted {', '.join(LIST_COLUMNS[2:])}, in "
            f"{path.name}, found {', '.join(sheet.headers[:8])}. Rename or remove the others."
        )
    for number, row in sheet.rows:
        cells = dict(zip(sheet.headers, row, strict=True))
        where = f"{path.name}, row {number}"
        if not cells["case"] or not cells["path"]:
            raise CohortError(f"Expected a case and a path in {where}, found an empty cell. Fill it in.")
        label_map = cells.get("segmentation")
        yield Study(
            case=cells["case"],
            source=(path.parent / cells["path"]).resolve(),
            series=cells.get("series") or None,
            hint=_hint(cells.get("hint", ""), where),
            label_map=(path.parent / label_map).resolve() if label_map else None,
        )


def _hint(text: str, where: str) -> tuple[str, float] | None:
    if not text:
        return None
    found = HINT.fullmatch(text)
    if found is None:
        raise CohortError(f"Expected the height of C2, such as C2=1079.0, found {text!r} in {where}.")
    return found[1], float(found[2])


def check_names(studies: Sequence[Study]) -> None:
    """Refuse studies whose names cannot be the names of folders, each of another.

    Parameters
    ----------
    studies : sequence of Study
        Those of one batch.

    Raises
    ------
    ReadError
        If two have one name, capitals aside, or a name is no name for a folder.
    """
    seen: dict[str, str] = {}
    for study in studies:
        case = study.case
        if not case.isprintable():
            raise ReadError(
                "Expected cases' names in UTF-8 that can be printed, found one that cannot. Rename the "
                "study, or name the cases in a list."
            )
        if (size := len(case.encode())) > LONGEST_NAME:
            raise ReadError(
                f"Expected cases' names of at most {LONGEST_NAME} bytes, found one of {size} that starts "
                f"with {case[:20]!r}. Shorten it in a list, or number the cases with --key."
            )
        if (
            not case
            or case.startswith(".")
            or case.endswith((" ", "."))
            or case in TAKEN
            or FORBIDDEN.search(case)
        ):
            raise ReadError(
                f"Expected a case's name that a folder can have, found {case!r}. Name the cases in a list, "
                "or number them with --key."
            )
        if case.casefold() in seen:
            raise ReadError(
                f"Expected another name for each study, found {seen[case.casefold()]!r} and {case!r}. Rename "
                "one, or name the cases in a list."
            )
        seen[case.casefold()] = case
