"""A user's own data becomes cases, and the packaged network learns on from them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from canalis.errors import ModelError
from canalis.phantom.files import write_nifti
from canalis.phantom.structures import Structure
from canalis.report.label_map import write_label_map
from canalis.train import run
from canalis.train.cache import list_cases
from canalis.train.dress import dress
from canalis.train.loop import Run
from canalis.train.own import Own, is_own, own_seeds, read_meaning
from canalis.train.plan import read_plan
from canalis.train.truth import IGNORED
from canalis.volume import Mask

WEIGHTS = Path(__file__).parents[2] / "training" / "weights" / "fine.pt"
NAMES = {"background": 0, "canal": 1, "bone of the neck": 2, "mass": 3, "doubtful": 4}
PATIENT = "DOE_JANE_1950"


def toy_vertebrae() -> Mask:
    """Six vertebrae C2 to C7: bodies with rings behind them, and gaps between."""
    shape, spacing = (110, 130, 120), (1.0, 0.7, 0.8)
    k, y, x = (
        (np.arange(n) * s).reshape([-1 if i == a else 1 for i in range(3)])
        for a, (n, s) in enumerate(zip(shape, spacing, strict=True))
    )
    y, x = y - 50.0, x - 47.0
    ring = ((y / 7.0) ** 2 + (x / 11.0) ** 2 >= 1) & ((y / 11.0) ** 2 + (x / 15.0) ** 2 < 1)
    body = ((y + 16.0) / 9.0) ** 2 + (x / 12.0) ** 2 < 1
    labels = np.zeros(shape, dtype=np.uint8)
    for i in range(6):
        low = 96 - 18 * i - 12
        labels[(body | (ring & (k < low + 8))) & ((y / 7.0) ** 2 + (x / 11.0) ** 2 >= 1) & (k >= low)
               & (k < low + 13)] = i + 2  # fmt: skip
    affine = np.array([[0, 0, 0.8, -47.0], [0, 0.7, 0, 9.0], [1.0, 0, 0, 700.0], [0, 0, 0, 1]])
    return Mask(labels, affine)


@pytest.fixture(scope="module")
def own_data(make_toy_neck: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    for name in ("imagesTr", "labelsTr", "maps"):
        (folder / name).mkdir()
    for i in range(2):
        neck = make_toy_neck(i)
        labels = np.zeros(neck.structure.shape, dtype=np.uint8)
        for number, structure in ((1, "RESIDUAL_CANAL"), (2, "ARCH"), (2, "BODY"), (3, "OSSIFICATION")):
            labels[neck.structure == Structure[structure]] = number
        labels[0] = 4
        write_nifti(folder / "imagesTr" / f"{PATIENT}{i}_0000.nii.gz", neck.volume)
        mask = Mask(labels, neck.volume.affine)
        write_label_map(folder / "labelsTr" / f"{PATIENT}{i}.nii.gz", mask, acquisition=None)
    write_label_map(folder / "maps" / f"{PATIENT}.nii.gz", toy_vertebrae(), acquisition=None)
    record = {"channel_names": {"0": "CT"}, "labels": NAMES, "numTraining": 2, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(record))
    return folder


PLAN = """
net = "fine"
cases = "cases"
out = "run"
start_from = "{weights}"
steps = 2
batch = 1
crop = 64
warm_up = 1
checkpoint_every = 1
validate_every = 2
validation_batches = 1
least_cases = 2
threads = 1
training_cases = 0
validation_cases = 0

[own]
nnunet = "{folder}"
vertebrae = "{folder}/maps"
dressings = 1
validate_every = 2
weight = 3

[own.labels]
canal = "RESIDUAL_CANAL"
"bone of the neck" = "BODY C4"
mass = "OSSIFICATION"
"""


def test_the_packaged_network_learns_on_from_own_data(own_data: Path, tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text(PLAN.format(weights=WEIGHTS, folder=own_data))
    said: list[str] = []
    run.make_cases(config, tell=said.append)
    training = list_cases(tmp_path / "cases")
    assert [case.seed for case in training] == [900_000, 950_000]
    assert [
        case.seed for case in list_cases(tmp_path / "cases", least_seed=1_000_000, below_seed=2_000_000)
    ] == [1_900_001]
    assert [case.source for case in training] == ["outlined scans", "dressed label maps"]

    scan = training[0].load("fine")
    seen = set(np.unique(scan.structure))
    assert {int(Structure.RESIDUAL_CANAL), int(Structure.BODY), int(Structure.OSSIFICATION)} <= seen
    assert int(Structure.ARCH) not in seen
    assert abs(float(np.median(scan.hu[scan.structure == Structure.RESIDUAL_CANAL])) - 20) < 15
    assert set(np.unique(scan.level[scan.structure == Structure.BODY])) == {4}
    coarse = training[0].load("coarse")
    assert (coarse.structure[0] == IGNORED).any()  # the label that the plan does not name

    plan = read_plan(config)
    trained = Run(plan)
    before = trained.hash()
    trained.train()
    assert trained.hash() != before
    assert len(trained._weighed_cases()) == 6
    kept = [p for p in tmp_path.rglob("*") if p.is_file() and p != config]
    assert not [p for p in kept if PATIENT in p.name or PATIENT.encode() in p.read_bytes()]
    assert not [line for line in said if PATIENT in line]
    run.export(config, tmp_path / "model", tell=said.append)
    card = json.loads((tmp_path / "model" / "fine.json").read_text())
    assert "user's own" in card["trained_on"]["what"]
    assert card["parts"][-1]["sources"] == {"outlined scans": 1, "dressed label maps": 1}
    assert card["parts"][0]["name"] == "fine"


def test_a_dressed_label_map_has_its_canal_bodies_and_discs() -> None:
    scan = dress(toy_vertebrae(), np.random.default_rng(3))
    counts = np.bincount(scan.structure.ravel(), minlength=16)
    for wanted in (Structure.RESIDUAL_CANAL, Structure.BODY, Structure.ARCH, Structure.DISC, Structure.DENS):
        assert counts[wanted] > 1000
    index = np.argwhere(scan.structure == Structure.RESIDUAL_CANAL)
    middle = index.mean(axis=0) @ scan.labels_affine[:3, :3].T + scan.labels_affine[:3, 3]
    assert np.abs(middle[:2] - [0.0, 59.0]).max() < 0.5
    k = scan.structure.shape[0] // 2
    area = (scan.structure[k] == Structure.RESIDUAL_CANAL).sum() * np.prod(scan.volume.spacing_mm[1:])
    assert area == pytest.approx(np.pi * 7 * 11, rel=0.06)
    levels = scan.level[scan.structure == Structure.BODY]
    assert {3, 4, 5, 6} <= set(np.unique(levels)) <= {2, 3, 4, 5, 6, 7}
    assert float(scan.volume.hu.max()) > 600


def test_two_dressings_differ_and_one_seed_gives_one_dressing() -> None:
    first, again, other = (dress(toy_vertebrae(), np.random.default_rng(seed)).volume for seed in (1, 1, 2))
    assert np.array_equal(first.hu, again.hu)
    assert first.spacing_mm != other.spacing_mm


def test_a_label_without_a_meaning_is_refused() -> None:
    with pytest.raises(ModelError, match=r"Expected label 'canal' to be a structure"):
        read_meaning("canal", "LUMEN")
    with pytest.raises(ModelError, match=r"Expected \[own.labels\]"):
        Own(nnunet=Path("somewhere"))


def test_an_error_names_no_file(own_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "maps"
    folder.mkdir()
    write_label_map(
        folder / f"{PATIENT}.nii.gz", Mask(np.zeros((9, 8, 7), np.uint8), np.eye(4)), acquisition=None
    )
    config = tmp_path / "mine.toml"
    config.write_text(PLAN.format(weights=WEIGHTS, folder=own_data).replace(f"{own_data}/maps", str(folder)))
    with pytest.raises(
        ModelError, match="File 1 of 1 of the dressed label maps: Expected vertebrae"
    ) as failed:
        run.make_cases(config, tell=lambda line: None)
    assert PATIENT not in str(failed.value)


def test_files_that_validate_never_train(own_data: Path) -> None:
    own = Own(nnunet=own_data, labels={"canal": "RESIDUAL_CANAL"}, validate_every=2)
    assert list(own_seeds(own)) == [900_000, 1_900_001]
    assert all(is_own(seed) for seed in own_seeds(own))
    assert not is_own(899_999)
