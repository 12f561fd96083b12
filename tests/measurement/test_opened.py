"""Levels cut at one place: which of them make a run, and clefts that are no operation."""

from dataclasses import replace

import numpy as np
import pytest

from canalis.labels import FIRST_VERTEBRA
from canalis.measurement import measure_segmentation
from canalis.measurement.opened import _runs_at_one_place
from canalis.volume import Mask


@pytest.mark.parametrize(
    ("cuts", "runs"),
    [
        ([None, -45.0, -48.0, -50.0, None], [[1, 2, 3]]),
        ([None, -45.0, None, -50.0, -52.0], [[1, 3, 4]]),
        ([0.0, None, None, 2.0], [[0], [3]]),
        ([0.0, 45.0, 2.0], [[0], [1], [2]]),
        ([None, None], []),
    ],
)
def test_cuts_at_one_place_make_a_run(cuts, runs):
    assert _runs_at_one_place(cuts) == runs


def test_clefts_in_a_canal_as_deep_as_elsewhere_are_no_operation(make_neck):
    segmentation, _ = make_neck()
    labels = segmentation.mask.labels.copy()
    x = segmentation.mask.affine[0, 3] + segmentation.mask.affine[0, 2] * np.arange(labels.shape[2])
    y = segmentation.mask.affine[1, 3] + segmentation.mask.affine[1, 1] * np.arange(labels.shape[1])
    cleft = (np.abs(x - 3.3) < 1.5)[None, None, :] & (y > -7.7)[None, :, None]
    labels[cleft & np.isin(labels, FIRST_VERTEBRA + np.array([2, 3, 4]))] = 0
    split = replace(segmentation, mask=Mask(labels, segmentation.mask.affine))
    assert measure_segmentation(split, None).mode == "unoperated"
