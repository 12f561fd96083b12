"""What is no CT of a neck is refused, and what hides the canal is said."""

import numpy as np
import pytest
from scipy import ndimage

import canalis
from canalis.chain import why_refused
from canalis.labels import RESIDUAL_CANAL
from canalis.segment.guard import (
    STREAK_HU,
    contrast_in_canal,
    inner_canal,
    metal_at_canal,
    metal_in_canal,
    slice_jumps,
    streaks_at_canal,
    streaks_in_canal,
    why_no_ct,
)
from canalis.volume import Mask, Volume

AFFINE = np.array([[0, 0, 1.1, -55.0], [0, 1.2, 0, 20.0], [1.5, 0, 0, 800.0], [0, 0, 0, 1.0]])
SHAPE = (60, 90, 100)


def body(seed: int = 0) -> np.ndarray:
    """Tissue that changes slowly from slice to slice, in air, with the noise of a scanner."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=SHAPE), (5.0, 3.5, 3.5))
    k, j, i = np.meshgrid(*map(np.arange, SHAPE), indexing="ij")
    inside = ((i - 50) / 42) ** 2 + ((j - 45) / 38) ** 2 + 0 * k < 1
    hu = np.where(inside, 40 + 220 * smooth / smooth.std(), -1000)
    return np.rint(hu + rng.normal(0, 15, SHAPE)).astype(np.int16)


def volume(hu: np.ndarray) -> Volume:
    return Volume(hu.astype(np.int16), AFFINE)


def test_a_body_passes() -> None:
    assert why_no_ct(volume(body())) is None
    assert slice_jumps(volume(body())) == []


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda hu, rng: rng.normal(0, 300, hu.shape), "pixel-noise"),
        (lambda hu, rng: hu[rng.permutation(len(hu))], "slices-unordered"),
        (lambda hu, rng: np.maximum(hu, -1000) + 1000, "not-hounsfield"),
    ],
)
def test_what_is_no_ct_is_refused_before_a_network_looks(
    spoil, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def segment(*_: object, **__: object) -> None:
        raise AssertionError("A network looked.")

    monkeypatch.setattr("canalis.segment.segment", segment)
    spoiled = volume(spoil(body(), np.random.default_rng(1)))
    warning = why_no_ct(spoiled)
    assert warning is not None
    assert warning.code == code
    measured = canalis.measure(spoiled)
    assert measured.status == "refused"
    assert why_refused(measured) == warning.message


def test_a_body_that_moved_between_two_slices_is_said_with_its_height() -> None:
    hu = body()
    hu[35:] = np.roll(hu[35:], 8, axis=2)
    (warning,) = slice_jumps(volume(hu))
    assert warning.code == "slice-jump"
    assert "z 852 mm" in warning.message


def test_blank_slices_are_no_jump() -> None:
    hu = body()
    hu[20:23] = -1000
    hu[40:, :, :30] = -1024
    assert slice_jumps(volume(hu)) == []


def test_metal_across_the_canal_is_said_and_metal_elsewhere_is_not() -> None:
    hu = body()
    labels = np.zeros(SHAPE, np.uint8)
    labels[5:55, 40:52, 42:58] = RESIDUAL_CANAL
    mask = Mask(labels, AFFINE)
    assert not len(metal_at_canal(mask, volume(hu)))
    elsewhere = hu.copy()
    elsewhere[30:33, 20:30, 45:50] = 3071
    assert not len(metal_at_canal(mask, volume(elsewhere)))
    across = hu.copy()
    across[30:33, 36:46, 45:50] = 3071
    (warning,) = metal_in_canal(metal_at_canal(mask, volume(across)))
    assert warning.code == "metal-in-canal"
    assert "between z 845 and 848 mm" in warning.message


def test_contrast_around_the_cord_is_said_and_bone_at_the_wall_is_not() -> None:
    hu = body()
    labels = np.zeros(SHAPE, np.uint8)
    labels[5:55, 40:60, 38:62] = RESIDUAL_CANAL
    mask = Mask(labels, AFFINE)
    hu[5:55, 40:60, 38:62] = 30
    hu[5:55, 40:42, 38:62] = 700
    assert contrast_in_canal(inner_canal(mask, volume(hu))[1]) == []
    filled = hu.copy()
    filled[5:55, 42:60, 38:62] = 450
    filled[5:55, 46:55, 43:57] = 40
    (warning,) = contrast_in_canal(inner_canal(mask, volume(filled))[1])
    assert warning.code == "contrast-in-canal"
    assert "about 450 HU" in warning.message
    index, empty = inner_canal(Mask(np.zeros(SHAPE, np.uint8), AFFINE), volume(filled))
    assert len(index) == 0
    assert contrast_in_canal(empty) == []
    assert len(streaks_at_canal(index, empty, volume(filled))) == 0


@pytest.mark.parametrize(("swing_hu", "told"), [(0.7 * STREAK_HU, False), (1.4 * STREAK_HU, True)])
def test_streaks_across_the_canal_are_said_with_their_heights(swing_hu: float, told: bool) -> None:
    hu = body()
    labels = np.zeros(SHAPE, np.uint8)
    labels[5:55, 40:60, 38:62] = RESIDUAL_CANAL
    hu[5:55, 40:60, 38:62] = 30
    hu[20:23, 40:60, 38:62:2] += round(swing_hu)  # dark and bright lines from front to back
    hu[20:23, 40:60, 39:62:2] -= round(swing_hu)
    hu[40:43, 46:50, 44:50] = 900  # a mass that was not seen is no streak
    found = streaks_at_canal(*inner_canal(Mask(labels, AFFINE), volume(hu)), volume(hu))
    warnings = streaks_in_canal(found)
    if not told:
        assert warnings == []
        return
    assert len(found) == 3
    z = AFFINE[2] @ [20, 0, 0, 1], AFFINE[2] @ [22, 0, 0, 1]
    assert warnings[0].code == "streaks-in-canal"
    assert f"between z {min(z):.0f} and {max(z):.0f} mm" in warnings[0].message


def femur(marrow_mm: float = 7.0) -> np.ndarray:
    """A thigh: a tube of cortical bone with marrow, as wide as a canal, in muscle and fat."""
    rng = np.random.default_rng(4)
    k, j, i = np.meshgrid(*map(np.arange, SHAPE), indexing="ij")
    away = np.hypot((i - 50 + 0.05 * k) * 1.1, (j - 45) * 1.2)
    hu = np.where(away < marrow_mm, -40, np.where(away < 2 * marrow_mm, 1400, np.where(away < 45, 55, -1000)))
    hu = np.where((away >= 40) & (away < 45), -100, hu)
    return ndimage.gaussian_filter(hu.astype(float), (0, 0.4, 0.4)) + rng.normal(0, 12, SHAPE)


@pytest.mark.parametrize("marrow_mm", [5.5, 7.0, 8.5])
def test_a_thigh_is_refused(marrow_mm: float) -> None:
    measured = canalis.measure(volume(femur(marrow_mm)))
    assert measured.status == "refused"
    assert "neck" in why_refused(measured)


def test_a_body_without_bones_is_refused() -> None:
    measured = canalis.measure(volume(np.clip(body(), -1024, 200)))
    assert measured.status == "refused"
    assert "neck" in why_refused(measured)
