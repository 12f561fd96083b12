"""``run.json``: how a result came to be, without a path or a name in it."""

import hashlib
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from canalis import __version__
from canalis.volume import ScanWarning, Volume

SCHEMA: Final = "canalis.run/1"
JSON_NAME: Final = "run.json"
STAGES: Final = ("read", "segment", "refine", "measure", "report")


@dataclass(slots=True)
class Stopwatch:
    """Seconds spent in each stage."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of the block to a stage, also when it fails."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start


def peak_rss_mb() -> float | None:
    """Return the most memory this process has held, MB; None where the system does not tell.

    Linux's own record is read first: what ``getrusage`` gives there counts the parent's memory too.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        held = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
        if held:
            return int(held[0]) * 1024 / 1e6
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def input_hash(volume: Volume) -> str:
    """Return the SHA-256 of a CT's voxels, type and affine, hexadecimal; the same from DICOM or a zip."""
    digest = hashlib.sha256(f"{volume.hu.dtype.str} {volume.shape}".encode())
    digest.update(np.ascontiguousarray(volume.affine).data)
    for image in volume.hu:
        digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def make_run_record(
    *,
    command: Sequence[str],
    volume: Volume,
    warnings: Sequence[ScanWarning],
    seconds: Mapping[str, float],
    models: Mapping[str, str],
    inference: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return what ``run.json`` holds.

    Parameters
    ----------
    command : sequence of str
        The command with its options, each path replaced by its name in the help.
    volume : Volume
        What was measured.
    warnings : sequence of ScanWarning
        Every warning of the result.
    seconds : mapping of str to float
        Time by stage.
    models : mapping of str to str
        Name of each network to the SHA-256 of its file.
    inference : mapping or None
        Engine, precision and threads; None where no network ran.

    Returns
    -------
    dict
        ``grid_affine`` takes the index (slice, row, column, 1) of the measured grid to LPS+ mm.
    """
    return {
        "schema": SCHEMA,
        "version": __version__,
        "command": list(command),
        "models": dict(sorted(models.items())),
        "inference": None if inference is None else dict(inference),
        "seconds": dict(seconds),
        "peak_rss_mb": peak_rss_mb(),
        "input_hash": input_hash(volume),
        "grid_shape": list(volume.shape),
        "grid_affine": volume.affine.tolist(),
        "resampled": volume.acquisition is not None and volume.acquisition.resampled,
        "warnings": [{"code": w.code, "message": w.message, "level": w.level} for w in warnings],
    }


def write_run_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write ``run.json`` into a folder."""
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / JSON_NAME).write_text(text + "\n", encoding="utf-8")
