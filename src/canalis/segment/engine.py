"""Running an exported network: openvino, or onnxruntime where openvino is not installed."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from canalis.errors import ModelError

EngineName = Literal["openvino", "onnxruntime"]
DEFAULT_THREADS: Final = 2


class Engine(Protocol):
    """A network ready to run, always in float32.

    Attributes
    ----------
    name : str
        ``openvino`` or ``onnxruntime``.
    threads : int
        CPU threads that it uses.
    slice_offsets : tuple of int
        Of the fine network, the slices it sees beside the one it answers for, as its card says.
    """

    name: EngineName
    threads: int
    slice_offsets: tuple[int, ...]

    def run(self, hu: NDArray[np.float32]) -> list[NDArray[Any]]:
        """Return the network's outputs, in their order."""
        ...


class _OpenVino:
    name: EngineName = "openvino"

    def __init__(self, path: Path, threads: int) -> None:
        import openvino

        self.threads = threads
        self.slice_offsets = _slice_offsets(path)
        core = openvino.Core()
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._model = core.compile_model(core.read_model(str(path)), "CPU", settings)
        self._request = self._model.create_infer_request()

    def run(self, hu: NDArray[np.float32]) -> list[NDArray[Any]]:
        found = self._request.infer([np.ascontiguousarray(hu)])
        return [np.array(found[output]) for output in self._model.outputs]


class _OnnxRuntime:
    name: EngineName = "onnxruntime"

    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        self.threads = threads
        self.slice_offsets = _slice_offsets(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        onnxruntime.disable_telemetry_events()
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def run(self, hu: NDArray[np.float32]) -> list[NDArray[Any]]:
        return [np.asarray(out) for out in self._session.run(None, {self._input: np.ascontiguousarray(hu)})]


def _slice_offsets(path: Path) -> tuple[int, ...]:
    card = path.with_suffix(".json")
    record = json.loads(card.read_text()) if card.exists() else {}
    return tuple(record.get("slice_offsets") or (0,))


_ENGINES: Final[dict[EngineName, Callable[[Path, int], Engine]]] = {
    "openvino": _OpenVino,
    "onnxruntime": _OnnxRuntime,
}

_REMEDIES: Final[dict[str, str]] = {
    "": "Install canalis again, or canalis[onnxruntime].",
    "openvino": "Install canalis again, or install canalis[onnxruntime] and set CANALIS_ENGINE=onnxruntime.",
    "onnxruntime": "Install canalis[onnxruntime], or set CANALIS_ENGINE=openvino.",
}
"""What to do where an engine is missing or cannot run a network; the first where none was asked for."""


def default_threads() -> int:
    """Return CANALIS_THREADS, or the CPUs that this process may use."""
    named = os.environ.get("CANALIS_THREADS", "")
    if named.isdigit() and int(named) > 0:
        return int(named)
    return (
        len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or DEFAULT_THREADS
    )


def load_engine(path: Path, *, threads: int | None = None, engine: EngineName | None = None) -> Engine:
    """Load a network.

    Parameters
    ----------
    path : Path
        ONNX file.
    threads : int, optional
        CPU threads; by default as many as this process may use.
    engine : {"openvino", "onnxruntime"}, optional
        By default CANALIS_ENGINE, else the first that is installed.

    Returns
    -------
    Engine
        Ready to run.

    Raises
    ------
    ModelError
        If the file is missing, no such engine is known or installed, or it cannot run the file.
    """
    if not path.exists():
        raise ModelError(
            f"Expected the model {path.name} in {path.parent}, found none. Install canalis again."
        )
    chosen = engine or os.environ.get("CANALIS_ENGINE", "")
    if chosen not in ("", *_ENGINES):
        raise ModelError(
            f"Expected openvino or onnxruntime as the engine, found {chosen!r}. "
            "Set CANALIS_ENGINE to one of these, or leave it unset."
        )
    names: list[EngineName] = [name for name in _ENGINES if chosen in ("", name)]
    for name in names:
        try:
            return _ENGINES[name](path, threads or default_threads())
        except ImportError:
            continue
        except Exception as error:
            reason = " ".join(str(error).split())[:300].rstrip(".")
            raise ModelError(f"{name} cannot run {path.name}: {reason}. {_REMEDIES[name]}") from error
    wanted = chosen or "openvino or onnxruntime"
    raise ModelError(f"Expected {wanted} to run the network, found none. {_REMEDIES[chosen]}")
