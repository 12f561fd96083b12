"""Which cases a plan makes, and in which order."""

from dataclasses import replace
from pathlib import Path

import pytest

from canalis.errors import ModelError
from canalis.train.plan import Plan
from canalis.train.run import seeds_of

PLAN = Plan("fine", Path("cases"), Path("out"), 10, 2, 32, training_cases=20, validation_cases=3)


def test_a_later_part_meets_the_seeds_that_its_plan_begins_with():
    seeds = list(seeds_of(replace(PLAN, first_seed=700)))
    assert sorted(seeds) == [*range(700, 720), 1_000_000, 1_000_001, 1_000_002]
    assert seeds.index(1_000_000) < seeds.index(719)  # the curves soon have something to show


def test_few_training_cases_are_made_once_each():
    assert list(seeds_of(replace(PLAN, training_cases=2))) == [0, 1, 1_000_000, 1_000_001, 1_000_002]


@pytest.mark.parametrize("first", [-1, 899_990])
def test_training_seeds_that_run_into_those_of_own_scans_are_refused(first: int):
    with pytest.raises(ModelError, match="20 training cases between 0 and 900000"):
        replace(PLAN, first_seed=first)
