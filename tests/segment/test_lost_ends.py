from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from canalis.measurement import measure_segmentation
from canalis.segment import passes
from canalis.segment.lost_ends import CANAL_LOST
from canalis.segment.segmentation import Segmentation
from canalis.volume import Volume

TOP_Z, BOTTOM_Z = 1030.0, 830.0  # the foramen magnum lies at 1000, T2 near 860


def segmented(
    monkeypatch: pytest.MonkeyPatch, spine: Any, seen: tuple[float, float], scan: Volume
) -> Segmentation:
    monkeypatch.setattr(passes, "locate", lambda volume, engine: spine.located(*seen))
    monkeypatch.setattr(passes, "segment_finely", lambda *a, **k: spine.fine(*seen))
    return passes.segment_with(scan, None, None)  # type: ignore[arg-type]


def lost(found: Segmentation) -> list[str]:
    return [warning.message for warning in found.warnings if warning.code == CANAL_LOST]


def test_a_canal_that_ends_inside_the_scan_is_told(
    monkeypatch: pytest.MonkeyPatch, make_spine: Callable[..., Any]
) -> None:
    spine = make_spine()
    low = spine.middle_z(5) - 10  # of C6
    found = segmented(monkeypatch, spine, (low, spine.magnum_z + 10), spine.scan(low - 60, TOP_Z))
    (message,) = lost(found)
    assert f"below z = {low:.0f} mm (C6)" in message or f"below z = {low + 1:.0f} mm (C6)" in message


def test_a_canal_that_begins_below_the_axis_is_told(
    monkeypatch: pytest.MonkeyPatch, make_spine: Callable[..., Any]
) -> None:
    spine = make_spine()
    high = spine.middle_z(3) + 8  # of C4
    found = segmented(monkeypatch, spine, (BOTTOM_Z, high), spine.scan(BOTTOM_Z, TOP_Z))
    (message,) = lost(found)
    assert "above z" in message
    assert "(C4)" in message


@pytest.mark.parametrize("below_mm", [0.0, 15.0])
def test_a_canal_that_ends_with_the_scan_is_not(
    monkeypatch: pytest.MonkeyPatch, make_spine: Callable[..., Any], below_mm: float
) -> None:
    spine = make_spine()
    low = spine.middle_z(5) - 10
    found = segmented(monkeypatch, spine, (low, spine.magnum_z + 10), spine.scan(low - below_mm, TOP_Z))
    assert not lost(found)


def test_below_t2_none_is_missed(monkeypatch: pytest.MonkeyPatch, make_spine: Callable[..., Any]) -> None:
    spine = make_spine()
    seen = (spine.middle_z(8) - 12, spine.magnum_z + 10)
    assert not lost(segmented(monkeypatch, spine, seen, spine.scan(seen[0] - 100, TOP_Z)))


def test_air_is_no_neck(monkeypatch: pytest.MonkeyPatch, make_spine: Callable[..., Any]) -> None:
    spine = make_spine()
    low = spine.middle_z(5) - 10
    scan = spine.scan(low - 60, TOP_Z)
    hu = scan.hu.copy()
    z = scan.affine[2, 3] + 2.0 * np.arange(len(hu))
    hu[z < low - 4] = -1000
    found = segmented(monkeypatch, spine, (low, spine.magnum_z + 10), Volume(hu, scan.affine))
    assert not lost(found)


def test_what_is_lost_makes_a_result_partial(
    monkeypatch: pytest.MonkeyPatch, make_spine: Callable[..., Any]
) -> None:
    spine = make_spine()
    low = spine.middle_z(5) - 10
    seen = (low, spine.magnum_z + 10)
    for below_mm, status in ((60.0, "partial"), (0.0, "measured")):
        scan = spine.scan(low - below_mm, TOP_Z)
        measured = measure_segmentation(segmented(monkeypatch, spine, seen, scan), scan)
        assert measured.status == status, measured.warnings
