import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from canalis.phantom.structures import Structure
from canalis.segment.grids import resample_hu
from canalis.train.augment import Strength
from canalis.train.batches import CoarseBatches, FineBatches, thick_slice_weights
from canalis.train.cache import LabelledScan, list_cases, produce_cases, sample_case, write_case
from canalis.train.nets import SLICE_OFFSETS
from canalis.train.truth import IGNORED

Maker = Callable[[int], LabelledScan]
Writer = Callable[[int, Path], None]


def test_a_case_comes_back_as_it_was_written(make_toy_neck: Maker, tmp_path: Path) -> None:
    fine, coarse = sample_case(make_toy_neck(3))
    assert fine is not None
    write_case(tmp_path, 3, fine=fine, coarse=coarse)
    (case,) = list_cases(tmp_path)
    again = case.load("fine")
    np.testing.assert_array_equal(again.hu, fine.hu)
    np.testing.assert_array_equal(again.level, fine.level)
    assert again.grid == fine.grid
    ossified = (fine.structure == Structure.OSSIFICATION).any(axis=(1, 2))
    assert case.slices_with["ossification"] == tuple(np.flatnonzero(ossified))


def test_a_case_is_sampled_as_measuring_samples_it(make_toy_neck: Maker) -> None:
    scan = make_toy_neck(3)
    fine, coarse = sample_case(scan)
    assert fine is not None
    np.testing.assert_array_equal(fine.hu, resample_hu(scan.volume, fine.grid))
    np.testing.assert_array_equal(coarse.hu, resample_hu(scan.volume, coarse.grid))
    canal = fine.structure == Structure.RESIDUAL_CANAL
    assert abs(np.median(fine.hu[canal]) - 20) < 5
    assert np.median(fine.hu[fine.structure == Structure.BODY]) > 390


def test_cases_that_are_there_are_not_made_again(write_toy_case: Writer, tmp_path: Path) -> None:
    assert produce_cases(write_toy_case, [1, 2], tmp_path) == 2
    told: list[int] = []
    assert produce_cases(write_toy_case, [1, 2, 5], tmp_path, progress=told.append) == 1
    assert told == [5]


def test_a_case_half_written_is_not_seen(write_toy_case: Writer, tmp_path: Path) -> None:
    produce_cases(write_toy_case, [1], tmp_path)
    (tmp_path / "000000" / ".00000002.77").mkdir()
    (tmp_path / "000000" / ".00000002.77" / "case.json").write_text(
        json.dumps({"seed": 2, "slices_with": {}})
    )
    assert [case.seed for case in list_cases(tmp_path)] == [1]


def test_validation_seeds_stay_out_of_training(write_toy_case: Writer, tmp_path: Path) -> None:
    produce_cases(write_toy_case, [1, 1_000_000, 2_000_000], tmp_path)
    assert [case.seed for case in list_cases(tmp_path)] == [1]


def test_batches_depend_on_their_generator_alone(write_toy_case: Writer, tmp_path: Path) -> None:
    produce_cases(write_toy_case, [1, 2], tmp_path)
    cases = list_cases(tmp_path)
    for batches in (FineBatches(3, 48, Strength()), CoarseBatches(2, 20, Strength())):
        first = batches.draw(cases, np.random.default_rng([0, 5]))
        second = batches.draw(cases, np.random.default_rng([0, 5]))
        other = batches.draw(cases, np.random.default_rng([0, 6]))
        assert all((a == b).all() for a, b in zip(first, second, strict=True))
        assert not (first[0] == other[0]).all()


def test_an_unvaried_batch_shows_what_the_truth_says(write_toy_case: Writer, tmp_path: Path) -> None:
    produce_cases(write_toy_case, [1, 2], tmp_path)
    still = Strength(0.0, 0.0, 0.0, 0.0, 1e-6, 0.0, 0.0, 0.0)
    hu, target = FineBatches(8, 64, still).draw(list_cases(tmp_path), np.random.default_rng(0))
    middle = hu[:, SLICE_OFFSETS.index(0)]
    assert abs(float(middle[target == 1].median()) - 20) < 15
    assert float(middle[target == 2].median()) > 500
    hu, target = CoarseBatches(2, 24, still).draw(list_cases(tmp_path), np.random.default_rng(0))
    assert set(np.unique(target[:, 1])) <= {*range(10), IGNORED}
    assert (target[:, 1][target[:, 0] == 1] == IGNORED).all()


def test_thick_slices_average_to_the_same_mean() -> None:
    for thickness in (1.5, 2.0, 3.0):
        for phase in (0.0, 0.4, 0.99):
            weights = thick_slice_weights(thickness, phase)
            np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
