"""A user's own cases beside phantoms: scans with outlines, and label maps of vertebrae dressed as CT.

Everything stays in the cache on this machine. Cases are numbered by the order of their files; no
name of a file is kept in a case, in a checkpoint, on a card or in an error.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from canalis.errors import CanalisError, ModelError
from canalis.labels import LEVELS
from canalis.phantom.structures import Structure
from canalis.read import read_volume
from canalis.read.nifti import read_label_map
from canalis.train.cache import VALIDATION_SEED, LabelledScan, make_case
from canalis.train.dress import dress
from canalis.train.truth import IGNORED
from canalis.volume import Mask, Volume

FIRST_SCAN_SEED: Final = 900_000
FIRST_MAP_SEED: Final = 950_000
"""Own cases have seeds of their own below 1,000,000, and as far above it where they validate."""

SCANS: Final = "outlined scans"
MAPS: Final = "dressed label maps"
DRESSING_SEED: Final = 20_011  # so that a dressing is not drawn like a phantom of the same number


@dataclass(frozen=True, slots=True)
class Own:
    """What a plan says of the user's own data, table ``[own]``.

    Attributes
    ----------
    nnunet : Path or None
        A data set in nnU-Net's raw layout: ``imagesTr``, ``labelsTr``, ``dataset.json``.
    labels : mapping of str to str
        Label names of ``dataset.json`` to a structure, such as ``RESIDUAL_CANAL``, to a structure and a
        level, such as ``BODY C3``, or to ``IGNORED``. A label that is not named is ignored: no loss looks
        at it.
    vertebrae : Path or None
        A folder of NIfTI label maps of vertebrae, 1 to 7 for C1 to C7, 8 on for T1 down.
    dressings : int
        Scans made of each label map.
    validate_every : int
        One file in so many validates and never trains; 0 for none.
    weight : int
        How often each own case counts beside a phantom when a batch is drawn.
    """

    nnunet: Path | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    vertebrae: Path | None = None
    dressings: int = 5
    validate_every: int = 5
    weight: int = 1

    def __post_init__(self) -> None:
        if self.nnunet is not None and not self.labels:
            raise ModelError(
                "Expected [own.labels] beside own.nnunet, found none. "
                'Say what each label is, such as canal = "RESIDUAL_CANAL".'
            )
        for name, wanted in self.labels.items():
            read_meaning(name, wanted)
        for key, least in (("dressings", 1), ("weight", 1), ("validate_every", 0)):
            if getattr(self, key) < least:
                raise ModelError(f"Expected own.{key} to be at least {least}, found {getattr(self, key)}.")


def read_meaning(name: str, wanted: str) -> tuple[int, int]:
    """Return structure and level number (0 for none) of a label.

    Examples
    --------
    >>> read_meaning("third vertebra", "BODY C3")
    (4, 3)
    """
    structure, _, level = wanted.partition(" ")
    if wanted == "IGNORED":
        return IGNORED, 0
    if structure not in Structure.__members__ or (level and level not in LEVELS):
        raise ModelError(
            f"Expected label {name!r} to be a structure ({', '.join(Structure.__members__)}) with or without "
            f"a level (C1 to T2), or IGNORED, found {wanted!r}. Correct [own.labels]."
        )
    return int(Structure[structure]), LEVELS.index(level) + 1 if level else 0


def is_own(seed: int) -> bool:
    """Return True for the seed of a case of the user's own."""
    return seed % VALIDATION_SEED >= FIRST_SCAN_SEED


def own_seeds(own: Own) -> Iterator[int]:
    """Return the seeds of all own cases, in the order of their files."""
    for i in range(len(_outlines(own))):
        yield FIRST_SCAN_SEED + i + _side(own, i)
    for i in range(len(_maps(own))):
        for k in range(own.dressings):
            yield FIRST_MAP_SEED + i * own.dressings + k + _side(own, i)


def _side(own: Own, file: int) -> int:
    """Return what is added to the seed of a file's cases: all of them train, or all validate."""
    validates = own.validate_every and file % own.validate_every == own.validate_every - 1
    return VALIDATION_SEED if validates else 0


def make_own_case(own: Own, seed: int, folder: Path) -> None:
    """Make the own case of a seed and write it to a cache.

    Parameters
    ----------
    own : Own
        Where the data is.
    seed : int
        One of :func:`own_seeds`.
    folder : Path
        The cache.

    Raises
    ------
    ModelError
        If a file cannot be read or does not fit its scan; files are told by their place in the folder.
    """
    number = seed % VALIDATION_SEED
    if number < FIRST_MAP_SEED:
        at, files, source = number - FIRST_SCAN_SEED, _outlines(own), SCANS
    else:
        at, files, source = (number - FIRST_MAP_SEED) // own.dressings, _maps(own), MAPS
    try:
        scan = _outlined(own, files[at]) if source == SCANS else _dressed(files[at], seed)
        make_case(lambda _: scan, seed, folder, source=source)
    except CanalisError as error:
        place = f"File {at + 1} of {len(files)} of the {source}"
        raise ModelError(f"{place}: {_without_paths(str(error), files[at])}") from None


def _without_paths(message: str, path: Path) -> str:
    """Return a message without the name of a file, which may be a patient's."""
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    return message.replace(str(path), "the file").replace(path.name, "the file").replace(stem, "the case")


def _dressed(path: Path, seed: int) -> LabelledScan:
    return dress(read_label_map(path), np.random.default_rng([DRESSING_SEED, seed]))


def _maps(own: Own) -> list[Path]:
    if own.vertebrae is None:
        return []
    found = sorted(p for p in own.vertebrae.glob("*.nii*") if p.is_file())
    if not found:
        raise ModelError("Expected NIfTI label maps in own.vertebrae, found none. Check the folder.")
    return found


def _outlines(own: Own) -> list[Path]:
    if own.nnunet is None:
        return []
    found = sorted((own.nnunet / "labelsTr").glob(f"*{_data_set(own)['file_ending']}"))
    if not found:
        raise ModelError("Expected label maps in labelsTr of own.nnunet, found none. Check the folder.")
    return found


def _data_set(own: Own) -> dict[str, Any]:
    assert own.nnunet is not None
    path = own.nnunet / "dataset.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        names, ending = record["labels"], record.get("file_ending", ".nii.gz")
    except FileNotFoundError:
        raise ModelError(
            "Expected dataset.json in own.nnunet, found none. Give nnU-Net's raw layout."
        ) from None
    except (json.JSONDecodeError, KeyError) as error:
        raise ModelError(f"Expected labels by name in dataset.json of own.nnunet: {error!r}.") from None
    if not str(ending).startswith(".nii"):
        raise ModelError(f"Expected NIfTI in own.nnunet, found files ending in {ending}. Convert them.")
    if missing := sorted(set(own.labels) - set(names)):
        raise ModelError(
            f"[own.labels] names {', '.join(missing)}, which dataset.json does not. "
            f"It has {', '.join(names)}."
        )
    return {"labels": names, "file_ending": ending}


def _outlined(own: Own, path: Path) -> LabelledScan:
    """Return a scan of nnU-Net's layout with its labels as structures and levels."""
    record = _data_set(own)
    case = path.name.removesuffix(record["file_ending"])
    assert own.nnunet is not None
    image = own.nnunet / "imagesTr" / f"{case}_0000{record['file_ending']}"
    if not image.exists():
        raise ModelError("Expected its image, ending in _0000, in imagesTr, found none.")
    volume = read_volume(image)
    mask = read_label_map(path).on_grid_of(volume)
    return translated(own, record["labels"], volume, mask)


def translated(own: Own, names: Mapping[str, Any], volume: Volume, mask: Mask) -> LabelledScan:
    """Return a scan with its label map's numbers turned into structures and levels.

    A name with several numbers is a region of nnU-Net's; only names with one number are read.
    """
    structure = np.full(256, IGNORED, dtype=np.uint8)
    level = np.zeros(256, dtype=np.uint8)
    structure[0] = Structure.OUTSIDE
    for name, wanted in own.labels.items():
        if not isinstance(names[name], int):
            raise ModelError(f"Expected label {name!r} to be one number in dataset.json, found several.")
        structure[names[name]], level[names[name]] = read_meaning(name, wanted)
    labels: NDArray[np.uint8] = mask.labels
    return LabelledScan(volume, structure[labels], level[labels], mask.affine)


def read_own(record: Mapping[str, Any], folder: Path) -> Own:
    """Return the table ``[own]`` of a plan; relative paths are read from a folder."""
    paths = {k: (folder / record[k]).resolve() for k in ("nnunet", "vertebrae") if k in record}
    return Own(**{**record, **paths})


def digest_of(own: Own) -> str:
    """Return a hash of all in a table that changes the result, paths left out."""
    kept = (sorted(own.labels.items()), own.dressings, own.validate_every, own.weight)
    return hashlib.sha256(repr(kept).encode()).hexdigest()
