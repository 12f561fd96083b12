"""What a training run is told to do, read from a TOML file."""

import hashlib
import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

from canalis.errors import ModelError
from canalis.train.augment import Strength
from canalis.train.own import FIRST_SCAN_SEED, Own, digest_of, read_own

PLACES: Final = ("cases", "out", "workers", "start_from", "own")
"""What a plan's digest leaves out: where things lie; of own data it takes the rest."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One training run.

    Attributes
    ----------
    net : {"fine", "coarse"}
        Which network.
    cases : Path
        The cache that it draws from.
    out : Path
        Checkpoint, curves, model and card.
    steps : int
        Fixed in advance: the learning rate falls to nothing over them. 0 trains nothing: the run is the
        mean of the weights that it starts from.
    batch, crop : int
        Crops a step, and voxels along each side.
    seed : int
        Of weights and batches.
    learning_rate, weight_decay : float
        Of AdamW, at the end of the warm-up.
    warm_up : int
        Steps over which the learning rate rises.
    average : float
        Share of the running average of the weights that a step keeps.
    checkpoint_every, validate_every, rescan_every : int
        Steps between a checkpoint, a validation, a look for new cases.
    validation_batches : int
        Fixed batches of validation cases.
    least_cases : int
        Training waits for this many.
    threads : int
        CPU threads; the result depends on their number.
    precision : {"float32", "bfloat16"}
        Of the convolutions. Weights, loss and averages are float32 either way.
    channels : tuple of int
        Widths of the network, where they differ from the packaged one.
    start_from : tuple of Path
        Checkpoints whose averaged weights this run starts from: one, or the mean of several, of which
        a file named twice counts twice. In TOML a path or a list of paths. None: from scratch.
    maker : str
        Function, as ``module:name``, that writes the case of a seed into a cache.
    workers : int
        Processes that make cases.
    training_cases, validation_cases : int
        How many to make.
    first_seed : int
        Of the training cases: a later part can meet necks that the one before has not.
    strength : Strength
        How much batches are varied.
    own : Own or None
        The user's own data, beside phantoms.
    """

    net: Literal["fine", "coarse"]
    cases: Path
    out: Path
    steps: int
    batch: int
    crop: int
    seed: int = 0
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    warm_up: int = 300
    average: float = 0.998
    checkpoint_every: int = 500
    validate_every: int = 500
    rescan_every: int = 100
    validation_batches: int = 6
    least_cases: int = 8
    threads: int = 2
    precision: Literal["float32", "bfloat16"] = "float32"
    channels: tuple[int, ...] = ()
    start_from: tuple[Path, ...] = ()
    maker: str = "canalis.train.phantoms:make_phantom_case"
    workers: int = 1
    training_cases: int = 400
    validation_cases: int = 12
    first_seed: int = 0
    strength: Strength = field(default_factory=Strength)
    own: Own | None = None

    def __post_init__(self) -> None:
        if self.net not in ("fine", "coarse"):
            raise ModelError(f"Expected net to be fine or coarse, found {self.net!r}.")
        if self.precision not in ("float32", "bfloat16"):
            raise ModelError(f"Expected precision to be float32 or bfloat16, found {self.precision!r}.")
        if self.steps < (0 if self.start_from else 1):
            raise ModelError(f"Expected steps to be at least 1 (0 with start_from), found {self.steps}.")
        for name in ("batch", "checkpoint_every", "validate_every", "rescan_every", "threads"):
            if getattr(self, name) < 1:
                raise ModelError(f"Expected {name} to be at least 1, found {getattr(self, name)}.")
        if not 0 <= self.first_seed <= FIRST_SCAN_SEED - self.training_cases:
            raise ModelError(
                f"Expected {self.training_cases} training cases between 0 and {FIRST_SCAN_SEED}, "
                f"found their seeds from {self.first_seed} on. Give another first_seed."
            )

    @property
    def digest(self) -> str:
        """Hash of all that changes the result; a checkpoint is taken up only by the plan that began it."""
        kept = {k: v for k, v in asdict(self).items() if k not in PLACES}
        record = kept if self.own is None else kept | {"own": digest_of(self.own)}
        return hashlib.sha256(repr(sorted(record.items())).encode()).hexdigest()


def read_plan(path: Path) -> Plan:
    """Return the plan in a TOML file; relative paths are read from the file's folder.

    Parameters
    ----------
    path : Path
        Keys are those of :class:`Plan`, with tables ``[strength]`` and ``[own]``.

    Returns
    -------
    Plan
        Checked.

    Raises
    ------
    ModelError
        If the file is missing, is no TOML, or names a key that is not known.
    """
    try:
        record: dict[str, Any] = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise ModelError(f"Expected a training plan, found no file {path}. Give a TOML file.") from None
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"Expected TOML in {path}: {error}.") from None
    except (IsADirectoryError, UnicodeDecodeError):
        raise ModelError(f"Expected TOML in {path}, found something else. Give a TOML file.") from None
    known = {f.name for f in fields(Plan)}
    if unknown := sorted(set(record) - known):
        raise ModelError(
            f"Unknown keys in {path}: {', '.join(unknown)}. Known are {', '.join(sorted(known))}."
        )
    for name in ("cases", "out"):
        if name in record:
            record[name] = (path.parent / record[name]).resolve()
    if "start_from" in record:
        named = record["start_from"]
        names = [named] if isinstance(named, str) else named
        record["start_from"] = tuple((path.parent / name).resolve() for name in names)
    if "channels" in record:
        record["channels"] = tuple(record["channels"])
    try:
        record["strength"] = Strength(**record.get("strength", {}))
        if "own" in record:
            record["own"] = read_own(record["own"], path.parent)
        return Plan(**record)
    except TypeError as error:
        raise ModelError(f"Expected a whole training plan in {path}: {error}.") from None
