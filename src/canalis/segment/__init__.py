"""Where the canal, the ossification and the vertebrae are, and which vertebra is which."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from canalis.segment.segmentation import LevelNaming, Segmentation

if TYPE_CHECKING:
    from canalis.segment.engine import Engine
    from canalis.volume import Progress, Volume

__all__ = ["LevelNaming", "Segmentation", "describe_inference", "segment"]


def segment(
    volume: "Volume", *, hint: tuple[str, float] | None = None, progress: "Progress | None" = None
) -> Segmentation:
    """Divide a CT into canal, ossification and named vertebrae.

    Parameters
    ----------
    volume : Volume
        Any CT.
    hint : tuple of str and float, optional
        A level and the height of its middle, such as ``("C2", 1079.0)``, LPS mm: names are counted
        from there.
    progress : callable, optional
        Called with what is being done, steps done and steps in all.

    Returns
    -------
    Segmentation
        Labels on the CT's own grid, and soft edges on a finer one.

    Raises
    ------
    RefusedError
        If no cervical vertebra is seen.
    MeasurementError
        If the hint is for another level than C2, or its height lies outside the scan.
    ModelError
        If the networks are missing or cannot be run.
    """
    from canalis.segment.engine import default_threads
    from canalis.segment.models import model_path
    from canalis.segment.passes import segment_with

    threads = default_threads()
    coarse, fine = (_engine(model_path(name), threads) for name in ("coarse", "fine"))
    return segment_with(volume, coarse, fine, hint=hint, progress=progress)


@lru_cache(maxsize=2)
def _engine(path: Path, threads: int) -> "Engine":
    from canalis.segment.engine import load_engine

    return load_engine(path, threads=threads)


def describe_inference() -> dict[str, str | int]:
    """Return the engine, precision and threads that `segment` runs its networks with, for ``run.json``."""
    from canalis.segment.engine import default_threads
    from canalis.segment.models import model_path

    engine = _engine(model_path("fine"), default_threads())
    return {"engine": engine.name, "precision": "float32", "threads": engine.threads}
