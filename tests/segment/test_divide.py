"""The division into vertebrae: discs where they are seen, the network's reading where they are not."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage, signal

from canalis.segment.classes import LEVEL_CLASSES
from canalis.segment.column import with_gaps
from canalis.segment.divide import CLEAR_DISC, LENGTH_MM, clear_discs, divide

C2_MM, PITCH_MM, BODIES = 38, 18, 8
BORDERS = [0, C2_MM, *(C2_MM + PITCH_MM * np.arange(1, BODIES))]
LENGTH = BORDERS[-1]


def reading(shift_mm: int) -> np.ndarray:
    """Return votes of 12 a millimetre for C2 to T2, each level read so far too low."""
    votes = np.zeros((LENGTH, LEVEL_CLASSES))
    for level, (start, stop) in enumerate(pairwise(BORDERS), start=1):
        top = start + shift_mm if start else 0
        votes[top : stop + shift_mm, level] = 12.0
    return votes


def discs(height: float) -> np.ndarray:
    places = np.arange(LENGTH)[:, None] - np.array(BORDERS[1:-1])
    return height * np.exp(-0.5 * (places / 2.0) ** 2).max(axis=1)


@pytest.mark.parametrize("shift_mm", [-9, -5, 0, 5, 9])
def test_clear_discs_divide_whatever_the_reading_says(shift_mm: int) -> None:
    segments = divide(reading(shift_mm), discs(0.9), (0, LENGTH))
    assert [s.start for s in segments] == pytest.approx(BORDERS[:-1], abs=1)
    assert [s.level for s in segments] == list(range(1, BODIES + 1))


def test_without_discs_the_reading_divides() -> None:
    segments = divide(reading(0), discs(0.0), (0, LENGTH))
    assert [s.start for s in segments] == pytest.approx(BORDERS[:-1], abs=1)


def test_one_disc_that_is_not_seen_is_put_where_the_reading_changes() -> None:
    seen = discs(0.9)
    seen[BORDERS[3] - 6 : BORDERS[3] + 7] = 0.0
    segments = divide(reading(2), seen, (0, LENGTH))
    assert [s.start for s in segments] == pytest.approx(BORDERS[:-1], abs=3)


def test_readings_spaced_too_wide_give_way_to_low_discs() -> None:
    votes = np.zeros((LENGTH, LEVEL_CLASSES))
    stretched = [0, C2_MM, *(C2_MM + (PITCH_MM + 4) * np.arange(1, BODIES))]
    for level, (start, stop) in enumerate(pairwise(stretched), start=1):
        votes[start:stop, level] = 12.0
    segments = divide(votes, discs(0.65), (0, LENGTH))
    assert [s.start for s in segments] == pytest.approx(BORDERS[:-1], abs=1)


def wide_reading(pitch_mm: int) -> np.ndarray:
    """Return a reading that is right at C2 and spaced too widely below."""
    votes = np.zeros((LENGTH, LEVEL_CLASSES))
    stretched = [0, C2_MM, *(C2_MM + pitch_mm * np.arange(1, BODIES))]
    for level, (start, stop) in enumerate(pairwise(stretched), start=1):
        votes[start:stop, level] = 12.0
    return votes


@pytest.mark.parametrize("pitch_mm", [PITCH_MM + 3, PITCH_MM + 4])
def test_half_seen_discs_divide_where_the_reading_ends_a_level_short(pitch_mm: int) -> None:
    segments = divide(wide_reading(pitch_mm), discs(0.4), (0, LENGTH))
    assert [s.start for s in segments] == pytest.approx(BORDERS[:-1], abs=2)
    levels = [s.level for s in segments]
    assert levels[:4] == [1, 2, 3, 4]
    assert all(b - a in (0, 1) for a, b in pairwise(levels))


def test_what_is_left_of_a_disc_below_the_dens_does_not_divide_the_axis() -> None:
    above = 5
    votes = np.pad(wide_reading(PITCH_MM + 2), ((above, 0), (0, 0)))
    seen = np.pad(discs(0.9), (above, 0))
    seen[above + 22 : above + 26] = 0.63
    segments = divide(votes, seen, (above, LENGTH + above))
    assert [s.start - above for s in segments] == pytest.approx(BORDERS[:-1], abs=1)


def test_nor_does_it_where_the_tube_begins_above_a_dens_that_is_seen() -> None:
    above = 13  # a part of the skull that is read as C2
    votes = np.pad(reading(0), ((above, 0), (0, 0)), mode="edge")
    seen = np.pad(discs(0.7), (above, 0))
    seen[above + 22 : above + 28] = 0.7
    expected = [0, *(above + np.array(BORDERS[1:-1]))]
    starts = [s.start for s in divide(votes, seen, (0, LENGTH + above), dens_seen=True)]
    assert starts == pytest.approx(expected, abs=1)
    assert len(divide(votes, seen, (0, LENGTH + above))) > len(expected)


def test_an_axis_whose_lower_half_is_read_as_c3_is_not_divided_where_no_disc_is() -> None:
    votes = np.zeros((LENGTH, LEVEL_CLASSES))
    read = [0, 20, C2_MM, C2_MM + 23, C2_MM + 50, *BORDERS[5:]]
    for level, (start, stop) in enumerate(pairwise(read), start=1):
        votes[start:stop, level] = 12.0
    segments = divide(votes, discs(0.7), (0, LENGTH))
    assert [s.start for s in segments] == pytest.approx(BORDERS[:-1], abs=1)


def test_where_nothing_tells_bodies_are_of_usual_height() -> None:
    votes, seen = reading(0), discs(0.9)
    low, high = BORDERS[2], BORDERS[4]
    votes[low:high] = 0.0
    seen[low + 5 : high - 4] = 0.0
    segments = divide(votes, seen, (0, LENGTH))
    assert [s.start for s in segments] == pytest.approx(BORDERS[:-1], abs=3)


def test_two_peaks_nearer_than_a_body_is_high_are_one_disc() -> None:
    seen = discs(0.9)
    seen[BORDERS[4] + 6] = 0.8
    segments = divide(reading(0), seen, (0, LENGTH))
    assert [s.start for s in segments] == pytest.approx(BORDERS[:-1], abs=2)


def test_a_gap_between_bodies_speaks_for_a_disc_where_some_of_it_is_seen() -> None:
    body = 1 - discs(0.8)
    body[:3] = body[-3:] = 0.0
    speaks = with_gaps(discs(0.4), body)
    assert speaks[BORDERS[1:-1]] == pytest.approx(0.8, abs=0.02)
    assert speaks[BORDERS[2] + 9] < 0.05
    assert with_gaps(np.zeros(LENGTH), body).max() == 0.0  # the gap between dens and body


@pytest.mark.parametrize("blur", [0.8, 2.0, 5.0])
def test_clear_discs_are_the_peaks_that_scipy_finds(blur: float) -> None:
    rng = np.random.default_rng(2_300_001)
    seen = 0
    for _ in range(50):
        disc = np.clip(2.5 * ndimage.gaussian_filter1d(rng.random(200), blur) - 0.75, 0, None)
        peaks, _ = signal.find_peaks(
            disc, height=CLEAR_DISC, distance=LENGTH_MM[0], prominence=CLEAR_DISC / 2
        )
        np.testing.assert_array_equal(np.flatnonzero(clear_discs(disc)), peaks)
        seen += len(peaks)
    assert seen >= 50
