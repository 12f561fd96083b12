"""The packaged networks: ONNX files, each with a card that says where it came from."""

import hashlib
import os
from pathlib import Path
from typing import Final

NAMES: Final = ("coarse", "fine")


def models_folder() -> Path:
    """Return CANALIS_MODELS, or the folder of the packaged networks."""
    named = os.environ.get("CANALIS_MODELS")
    return Path(named) if named else Path(__file__).parent


def model_path(name: str) -> Path:
    """Return the file of a network, ``coarse`` or ``fine``."""
    return models_folder() / f"{name}.onnx"


def model_hashes() -> dict[str, str]:
    """Return the SHA-256 of each network that is there, by name; loads none."""
    paths = {name: model_path(name) for name in NAMES}
    return {n: hashlib.sha256(p.read_bytes()).hexdigest() for n, p in paths.items() if p.exists()}
