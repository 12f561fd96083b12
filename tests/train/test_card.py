"""The card tells every part of a training, and takes figures of its own model alone."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from canalis.errors import ModelError
from canalis.train.cache import make_case, phantom_source
from canalis.train.card import add_figures
from canalis.train.checkpoint import CHECKPOINT, hash_of_weights, load_checkpoint
from canalis.train.export import export_run
from canalis.train.history import as_ranges
from canalis.train.loop import Run
from canalis.train.plan import Plan

SOURCE = "phantoms 0123456789ab"


@pytest.fixture(scope="module")
def cases(make_toy_neck: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cases")
    for seed in (0, 1, 2, 7, 1_000_000):
        make_case(make_toy_neck, seed, folder, source=SOURCE)
    return folder


@pytest.fixture(scope="module")
def runs(cases: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Plan]:
    """A first part, and a second one that starts from the weights that the first exported."""
    folder = tmp_path_factory.mktemp("runs")
    first = Plan(
        "fine", cases, folder / "first", steps=3, batch=2, crop=32, channels=(4, 6), warm_up=1, seed=5,
        checkpoint_every=2, validate_every=3, validation_batches=1, least_cases=4, threads=1,
    )  # fmt: skip
    Run(first).train()
    export_run(first, folder / "first-model")
    second = replace(first, out=folder / "second", steps=2, seed=6, start_from=(first.out / "weights.pt",))
    Run(second).train()
    return first, second


def card_of(plan: Plan, folder: Path) -> dict:
    export_run(plan, folder)
    return json.loads((folder / "fine.json").read_text())


def test_the_card_follows_the_training_back_to_its_first_part(
    runs: tuple[Plan, Plan], tmp_path: Path
) -> None:
    card = card_of(runs[1], tmp_path)
    parts = card["parts"]
    assert [(p["name"], p["steps"], p["seed"]) for p in parts] == [("first", 3, 5), ("second", 2, 6)]
    assert card["steps"] == 5
    assert card["hours"] == pytest.approx(sum(p["hours"] for p in parts))
    assert card["trained_on"]["distinct_seeds"] == 4
    for part in parts:
        assert part["case_seeds"] == [[0, 2], [7, 7]]
        assert part["sources"] == {SOURCE: 4}
        assert "1 of" in part["hardware"][0]
        assert 0 <= part["validation"]["whole_canal"] <= 1
    assert parts[1]["weights_sha256"] == card["weights_sha256"]
    assert parts[0]["weights_sha256"] == hash_of_weights(load_checkpoint(runs[1].start_from[0])["average"])


def test_the_page_shows_every_part_and_the_model_s_hash(runs: tuple[Plan, Plan], tmp_path: Path) -> None:
    card = card_of(runs[1], tmp_path)
    page = (tmp_path / "fine.md").read_text()
    for wanted in (card["sha256"], "| first | 3 of 3 |", "| second | 2 of 2 |", f"4 by {SOURCE}"):
        assert wanted in page
    assert "no patient's scan" in page


def test_a_run_that_wrote_no_records_is_told_from_its_plan(runs: tuple[Plan, Plan], tmp_path: Path) -> None:
    old = replace(runs[1], out=tmp_path / "old")
    old.out.mkdir()
    state = load_checkpoint(runs[1].out / CHECKPOINT)
    kept = {k: v for k, v in state.items() if k not in ("part", "before")}
    torch.save(kept, old.out / CHECKPOINT)
    card = card_of(old, tmp_path / "model")
    assert [p["steps"] for p in card["parts"]] == [3, 2]
    assert card["parts"][1]["case_seeds"] == [[0, 2], [7, 7]]
    assert card["parts"][1]["seed"] == 6


def test_weights_alone_of_an_older_training_are_a_part_with_gaps(
    runs: tuple[Plan, Plan], tmp_path: Path
) -> None:
    state = load_checkpoint(runs[1].start_from[0])
    bare = {key: state[key] for key in ("average", "step", "plan")}
    torch.save(bare, tmp_path / "bare.pt")
    plan = replace(runs[1], out=tmp_path / "on", start_from=(tmp_path / "bare.pt",))
    Run(plan).train()
    card = card_of(plan, tmp_path / "model")
    assert [p["steps"] for p in card["parts"]] == [3, 2]
    assert (card["hours"], card["trained_on"]["distinct_seeds"]) == (None, None)
    assert "not recorded" in (tmp_path / "model" / "fine.md").read_text()


def test_a_run_taken_up_keeps_the_parts_before_it(runs: tuple[Plan, Plan], tmp_path: Path) -> None:
    plan = replace(runs[1], out=tmp_path / "parted")
    Run(plan).train(until=1)
    again = Run(replace(plan, start_from=runs[1].start_from))
    again.train()
    assert [p["steps"] for p in card_of(plan, tmp_path / "model")["parts"]] == [3, 2]
    assert len(again.hardware) == 1


def test_figures_of_another_model_are_refused(runs: tuple[Plan, Plan], tmp_path: Path) -> None:
    card = card_of(runs[1], tmp_path)
    path = tmp_path / "fine.onnx"
    record = {"n": 4, "limits": [-0.5, 0.7], "rows": [{"a": 1}], "models": {"fine": card["sha256"]}}
    record |= {"errors": {"ap": [9, 0.25, -0.5], "unit": "mm"}}
    add_figures(path, "against_truth", record)
    assert json.loads((tmp_path / "fine.json").read_text())["figures"] == {
        "against_truth": {"n": 4, "limits": [-0.5, 0.7], "errors: ap": [9, 0.25, -0.5]}
    }
    page = (tmp_path / "fine.md").read_text()
    assert "-0.500 to 0.700" in page
    assert "| errors: ap | 9, 0.250, -0.500 |" in page
    with pytest.raises(ModelError, match="Run the bench with this model"):
        add_figures(path, "against_truth", record | {"models": {"fine": "0" * 64}})


def test_a_run_of_no_steps_is_the_mean_of_what_it_starts_from(
    runs: tuple[Plan, Plan], tmp_path: Path
) -> None:
    files = [plan.out / "weights.pt" for plan in runs]
    card_of(runs[1], tmp_path / "second")  # leaves the second part's weights
    plan = replace(runs[0], out=tmp_path / "mean", steps=0, start_from=(files[0], files[1], files[1]))
    Run(plan).train()
    card = card_of(plan, tmp_path / "model")
    first, second = (load_checkpoint(file)["average"] for file in files)
    found = load_checkpoint(plan.out / CHECKPOINT)["average"]
    for name, value in found.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (first[name] + 2 * second[name]) / 3)
        else:
            assert torch.equal(value, first[name])
    assert [(p["name"], p["steps"]) for p in card["parts"]] == [("first", 3), ("second", 2), ("mean", 0)]
    assert card["parts"][2]["begun_from"] == [hash_of_weights(w) for w in (first, second, second)]
    assert card["trained_on"]["distinct_seeds"] == 4
    assert 0 <= card["validation"]["whole_canal"] <= 1
    Run(plan).train()  # again: the same
    assert card_of(plan, tmp_path / "model")["weights_sha256"] == card["weights_sha256"]
    with pytest.raises(ModelError, match="begun from other weights"):
        Run(replace(plan, start_from=tuple(files)))


def test_no_steps_from_nothing_and_means_of_different_networks_are_refused(
    runs: tuple[Plan, Plan], tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="at least 1"):
        replace(runs[0], steps=0)
    other = replace(runs[0], out=tmp_path / "other", channels=(4, 8), steps=1)
    Run(other).train()
    files = (runs[0].out / CHECKPOINT, other.out / CHECKPOINT)
    with pytest.raises(ModelError, match="different layers"):
        Run(replace(runs[0], out=tmp_path / "mixed", start_from=files))


def test_runs_of_numbers_close_up() -> None:
    assert as_ranges([]) == []
    assert as_ranges([2, 1, 9, 2]) == [[1, 2], [9, 9]]


def test_the_phantoms_code_is_named_by_its_hash() -> None:
    word, digest = phantom_source().split()
    assert (word, len(digest)) == ("phantoms", 12)
