"""What is said where a network cannot be run."""

import sys
from pathlib import Path

import pytest

from canalis.errors import ModelError
from canalis.segment.engine import load_engine


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    path = tmp_path / "coarse.onnx"
    path.write_bytes(b"no network")
    return path


def test_an_engine_that_there_is_not_is_named_with_those_there_are(
    damaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANALIS_ENGINE", "tensorrt")
    with pytest.raises(ModelError, match="Expected openvino or onnxruntime as the engine, found 'tensorrt'"):
        load_engine(damaged, threads=1)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("", r"Expected openvino or onnxruntime .* Install canalis again, or canalis\[onnxruntime\]\.$"),
        ("openvino", r"Expected openvino to run .* set CANALIS_ENGINE=onnxruntime\.$"),
        ("onnxruntime", r"Expected onnxruntime to run .* Install canalis\[onnxruntime\], or"),
    ],
)
def test_an_engine_that_is_not_installed_says_what_to_install(
    damaged: Path, monkeypatch: pytest.MonkeyPatch, asked: str, said: str
) -> None:
    for name in ("openvino", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("CANALIS_ENGINE", asked)
    with pytest.raises(ModelError, match=said):
        load_engine(damaged, threads=1)


def test_a_damaged_network_says_what_to_do(damaged: Path) -> None:
    with pytest.raises(ModelError, match=r"openvino cannot run coarse\.onnx: .*[^.]\. Install canalis again"):
        load_engine(damaged, threads=1, engine="openvino")


def test_a_missing_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Expected the model fine\.onnx in"):
        load_engine(tmp_path / "fine.onnx", threads=1)
