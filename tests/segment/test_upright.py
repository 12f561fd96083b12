"""A turned neck is looked at upright, and what was seen lies where the scan has it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from canalis.segment import passes
from canalis.segment.fcn import FineMap
from canalis.segment.grids import resample_labels
from canalis.segment.locate import Located
from canalis.segment.segmentation import Segmentation
from canalis.segment.tube import find_tube
from canalis.segment.upright import LEAST_BONE, turn_of_neck
from canalis.volume import Probability, Volume

LOW, HIGH = 830.0, 1030.0
CANAL_LPS = np.array([3.0, 40.0])  # of the spine of these tests
TABLE_LPS = np.zeros(2)


def about_z(degrees: float, around_lps: np.ndarray = TABLE_LPS) -> np.ndarray:
    """Turns the back (+y) to the patient's right where above 0."""
    turn, matrix = np.radians(degrees), np.eye(4)
    matrix[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    matrix[:2, 3] = around_lps - matrix[:2, :2] @ around_lps
    return matrix


def moved(seen: Any, matrix: np.ndarray) -> Any:
    """What a faultless pass sees, of a neck that lies elsewhere."""
    values = {
        name: resample_labels(getattr(seen, name).astype(np.uint8), matrix @ seen.grid.affine, seen.grid)
        for name in ("structure", "level", "canal", "classes", "ossification")
        if hasattr(seen, name)
    }
    if isinstance(seen, Located):
        values["canal"] = values["canal"].astype(np.float32)
    return replace(seen, **values)


def segmented(
    monkeypatch: pytest.MonkeyPatch, spine: Any, degrees: float
) -> tuple[Segmentation, list[float]]:
    """A scan and the neck in it, both turned; beside it how far the neck was turned for the fine pass."""
    plain = spine.scan(LOW, HIGH)
    scan = replace(plain, affine=about_z(degrees) @ plain.affine)
    turned: list[float] = []

    def locate(volume: Volume, engine: None) -> Located:
        return moved(spine.located(LOW, HIGH), volume.affine @ np.linalg.inv(plain.affine))

    def look_finely(volume: Volume, *rest: Any, **more: Any) -> FineMap:
        matrix = volume.affine @ np.linalg.inv(plain.affine)
        turned.append(float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))))
        return moved(spine.fine(LOW, HIGH), matrix)

    monkeypatch.setattr(passes, "locate", locate)
    monkeypatch.setattr(passes, "segment_finely", look_finely)
    return passes.segment_with(scan, None, None), turned  # type: ignore[arg-type]


def middle_of(field: Probability | None) -> np.ndarray:
    assert field is not None
    index = np.argwhere(field.values > 127).mean(axis=0)
    return field.affine[:3, :3] @ index + field.affine[:3, 3]


@pytest.mark.parametrize("degrees", [-30.0, -15.0, 12.0, 25.0])
def test_the_turn_is_told_by_the_symmetry_of_the_bone(make_spine: Callable[..., Any], degrees: float) -> None:
    found = moved(make_spine().located(LOW, HIGH), about_z(degrees, CANAL_LPS))
    _, tube = find_tube(found.canal > 0.5, found.grid)
    assert tube is not None
    assert np.degrees(turn_of_neck(found, tube)) == pytest.approx(-degrees, abs=2.5)


def test_with_too_little_bone_the_neck_counts_as_straight(make_spine: Callable[..., Any]) -> None:
    found = moved(make_spine().located(LOW, HIGH), about_z(25.0, CANAL_LPS))
    _, tube = find_tube(found.canal > 0.5, found.grid)
    kept = np.flatnonzero(found.structure)[: LEAST_BONE - 1]
    few = np.zeros_like(found.structure)
    few.flat[kept] = found.structure.flat[kept]
    assert tube is not None
    assert turn_of_neck(replace(found, structure=few), tube) == 0.0


@pytest.mark.parametrize("degrees", [-32.0, 20.0])
def test_a_turned_scan_is_divided_as_the_same_scan_unturned(
    monkeypatch: pytest.MonkeyPatch, make_spine: Callable[..., Any], degrees: float
) -> None:
    spine = make_spine()
    straight, unturned = segmented(monkeypatch, spine, 0.0)
    found, turned = segmented(monkeypatch, spine, degrees)
    assert unturned == [0.0]
    assert turned == [pytest.approx(0.0, abs=3.0)]
    assert found.levels.sure
    same = found.mask.labels == straight.mask.labels
    assert same[straight.mask.labels > 0].mean() > 0.93  # edges move by half a voxel
    there = about_z(degrees) @ np.append(middle_of(straight.canal), 1.0)
    np.testing.assert_allclose(middle_of(found.canal), there[:3], atol=0.5)


def test_a_neck_turned_no_farther_than_phantoms_is_looked_at_as_it_lies(
    monkeypatch: pytest.MonkeyPatch, make_spine: Callable[..., Any]
) -> None:
    _, turned = segmented(monkeypatch, make_spine(), 5.0)
    assert turned == [pytest.approx(5.0)]
