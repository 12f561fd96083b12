"""`canalis info`: what is installed."""

import json
import platform
from importlib import metadata
from typing import Annotated, Any

import typer

PACKAGES = (
    "numpy",
    "scipy",
    "pydicom",
    "python-gdcm",
    "nibabel",
    "openvino",
    "onnxruntime",
    "torch",
    "highdicom",
    "weasyprint",
)


def info(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
) -> None:
    """Tell versions, models and their hashes; loads none of them."""
    found = gather()
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    typer.echo(f"canalis {found['version']}, Python {found['python']}, {found['platform']}")
    for kind in ("packages", "models"):
        for name, value in found[kind].items():
            typer.echo(f"{name}: {value or 'not installed'}")


def gather() -> dict[str, Any]:
    """Return versions of the program and its libraries, and the SHA-256 of each model file."""
    from canalis import __version__
    from canalis.segment.models import model_hashes

    return {
        "version": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in PACKAGES},
        "models": model_hashes(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
