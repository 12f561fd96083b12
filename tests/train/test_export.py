from pathlib import Path

import pytest
import torch

from canalis.segment.engine import load_engine
from canalis.train.export import export_net
from canalis.train.nets import SLICE_OFFSETS, CoarseAnswer, CoarseNet, FineAnswer, FineNet, Shape, squash

FINE = Shape((4, 6, 8), (1, 2, 1), (1, 1))
COARSE = Shape((4, 6), (1, 1), (1,), stem_stride=2)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_the_exported_fine_network_answers_as_torch_does_at_any_size(tmp_path: Path, engine: str) -> None:
    torch.manual_seed(0)
    net = FineNet(FINE).eval()
    assert export_net(net, tmp_path / "fine.onnx") < 1e-5
    hu = torch.randn(3, len(SLICE_OFFSETS), 24, 36) * 500
    (found,) = load_engine(tmp_path / "fine.onnx", threads=1, engine=engine).run(hu.numpy())
    with torch.no_grad():
        assert abs(FineAnswer(net)(hu).numpy() - found).max() < 1e-5


def test_the_exported_coarse_network_answers_as_torch_does(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = CoarseNet(COARSE).eval()
    assert export_net(net, tmp_path / "coarse.onnx") < 1e-5
    hu = torch.randn(1, 1, 12, 16, 20) * 500
    found = load_engine(tmp_path / "coarse.onnx", threads=1, engine="openvino").run(hu.numpy())
    with torch.no_grad():
        wanted = CoarseAnswer(net)(hu)
    for got, want in zip(found, wanted, strict=True):
        assert got.shape == tuple(want.shape)
        assert abs(got.astype(float) - want.numpy().astype(float)).max() < 1e-5


def test_padding_values_and_air_look_alike_to_the_networks() -> None:
    assert squash(torch.tensor([-3024.0, -1000.0, -300.0])).abs().max() < 1e-6
    assert float(squash(torch.tensor(20000.0))) == float(squash(torch.tensor(2000.0)))
