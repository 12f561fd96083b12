import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from canalis.errors import MeasurementError, RefusedError
from canalis.labels import FIRST_VERTEBRA, RESIDUAL_CANAL, VERTEBRA_WITHOUT_LEVEL
from canalis.segment import passes
from canalis.segment.classes import Coarse
from canalis.segment.segmentation import Segmentation
from canalis.segment.tube import find_tube


def segmented(
    monkeypatch: pytest.MonkeyPatch, spine: Any, low_z: float, high_z: float, **more: Any
) -> Segmentation:
    monkeypatch.setattr(passes, "locate", lambda volume, engine: spine.located(low_z, high_z))
    monkeypatch.setattr(
        passes, "segment_finely", lambda *a, **k: spine.fine(low_z, min(high_z, spine.magnum_z + 10))
    )
    return passes.segment_with(spine.scan(low_z, high_z), None, None, **more)  # type: ignore[arg-type]


def test_every_body_carries_its_own_label(
    monkeypatch: pytest.MonkeyPatch, make_spine: Callable[..., Any]
) -> None:
    spine = make_spine()
    found = segmented(monkeypatch, spine, 830.0, 1030.0)
    assert found.levels.sure
    for level in range(1, 8):
        z = spine.middle_z(level)
        front = 17 if level > 1 else 15
        y = 40 + spine.bow_mm * np.sin((spine.magnum_z - z) / 60) - front
        k, row, column = np.rint(found.mask.to_index(np.array([3.0, y, z]))).astype(int)
        assert found.mask.labels[k, row, column] == FIRST_VERTEBRA + level


def test_arches_carry_the_label_that_the_coarse_pass_reads(
    monkeypatch: pytest.MonkeyPatch, make_spine: Callable[..., Any]
) -> None:
    spine = make_spine()
    found = segmented(monkeypatch, spine, 830.0, 1030.0)
    for level in (0, 2, 4, 6):
        z = spine.middle_z(level) if level else spine.magnum_z - 14
        y = 40 + spine.bow_mm * np.sin((spine.magnum_z - z) / 60) + 9.5
        k, row, column = np.rint(found.mask.to_index(np.array([3.0, y, z]))).astype(int)
        assert found.mask.labels[k, row, column] == FIRST_VERTEBRA + level


def test_arches_go_by_their_place_where_levels_are_read_too_far_apart(
    monkeypatch: pytest.MonkeyPatch, make_spine: Callable[..., Any]
) -> None:
    spine = make_spine()
    seen = spine.located(830.0, 1030.0)
    z = seen.grid.origin_lps[2] + seen.grid.spacing_mm[0] * np.arange(seen.grid.shape[0])
    down = np.floor((spine.magnum_z - z - 44.5) / 23.0)[:, None, None]  # the bodies lie 19 mm apart
    stretched = np.where(seen.level >= 2, np.clip(2 + down, 2, 9), seen.level).astype(np.uint8)
    monkeypatch.setattr(spine.__class__, "located", lambda *a: replace(seen, level=stretched))
    found = segmented(monkeypatch, spine, 830.0, 1030.0)
    for level in (4, 5, 6, 7):
        z = spine.middle_z(level)
        y = 40 + spine.bow_mm * np.sin((spine.magnum_z - z) / 60) + 9.5
        k, row, column = np.rint(found.mask.to_index(np.array([3.0, y, z]))).astype(int)
        assert found.mask.labels[k, row, column] == FIRST_VERTEBRA + level


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (("C2", 1500.0), r"inside the scan, z 8\d\d\.\d to 9\d\d\.\d mm, found z 1500\.0 mm"),
        (("C2", -940.0), r"found z -940\.0 mm"),
        (("C4", 940.0), "Expected a hint for C2, found one for C4"),
    ],
)
def test_a_hint_that_no_scan_can_hold_is_refused_before_the_networks_look(
    monkeypatch: pytest.MonkeyPatch, make_spine: Callable[..., Any], hint: tuple[str, float], said: str
) -> None:
    monkeypatch.setattr(passes, "locate", None)
    with pytest.raises(MeasurementError, match=said):
        passes.segment_with(make_spine().scan(881.0, 990.0), None, None, hint=hint)  # type: ignore[arg-type]


def test_without_either_end_vertebrae_are_labelled_but_not_named(
    monkeypatch: pytest.MonkeyPatch, make_spine: Callable[..., Any]
) -> None:
    found = segmented(monkeypatch, make_spine(), 885.0, 950.0)
    assert found.levels.source is None
    assert set(np.unique(found.mask.labels)) == {0, RESIDUAL_CANAL, VERTEBRA_WITHOUT_LEVEL}
    assert [w.code for w in found.warnings] == ["levels-unnamed"]


def test_the_canal_is_one_tube_in_mask_and_probability(
    monkeypatch: pytest.MonkeyPatch, make_spine: Callable[..., Any]
) -> None:
    found = segmented(monkeypatch, make_spine(), 830.0, 1030.0)
    assert ndimage.label(found.mask.labels == RESIDUAL_CANAL)[1] == 1
    assert found.canal is not None
    assert ndimage.label(found.canal.values > 127)[1] == 1


def test_a_head_without_vertebrae_is_refused(
    monkeypatch: pytest.MonkeyPatch, make_spine: Callable[..., Any]
) -> None:
    with pytest.raises(RefusedError, match="No cervical vertebrae"):
        segmented(monkeypatch, make_spine(), 985.0, 1080.0)


def test_a_chest_is_refused(monkeypatch: pytest.MonkeyPatch, make_spine: Callable[..., Any]) -> None:
    with pytest.raises(RefusedError, match="No cervical vertebrae"):
        segmented(monkeypatch, make_spine(), 770.0, 820.0)


def test_a_canal_with_blank_slices_stays_one_tube(make_spine: Callable[..., Any]) -> None:
    found = make_spine().located(830.0, 1030.0)
    canal = found.structure == Coarse.CANAL
    canal[30:38] = False
    canal[5:9, 40:43, 2:4] = True  # an island in a shoulder
    kept, tube = find_tube(canal, found.grid)
    assert tube is not None
    assert kept[20].any()
    assert kept[50].any()
    assert not kept[5:9, 40:43, 2:4].any()
    assert tube.length_mm > 150


def test_places_are_told_along_the_tube(make_spine: Callable[..., Any]) -> None:
    found = make_spine(bow_mm=14.0).located(830.0, 1030.0)
    _, tube = find_tube(found.structure == Coarse.CANAL, found.grid)
    assert tube is not None
    middle = np.arange(20, len(tube.points_lps) - 20, 7)
    places = tube.points_lps[middle] + 12 * tube.front[middle] + 5 * tube.left[middle]
    along, front, left = tube.along(places)
    np.testing.assert_allclose(along, middle, atol=0.8)
    np.testing.assert_allclose(front, 12, atol=0.4)
    np.testing.assert_allclose(left, 5, atol=0.4)
    assert (tube.left[:, 0] > 0.9).all()


def test_importing_segment_loads_no_engine() -> None:
    code = (
        "import sys, canalis.segment; print(sorted({'torch', 'openvino', 'onnxruntime'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
