"""Where one vertebra ends and the next begins, from discs and from the network's reading of levels together.

Discs alone are lost where pixels are large; levels alone are read with ragged borders. The division
with the greatest sum of both is found exactly, segment by segment (a semi-Markov chain).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from canalis.segment.classes import LEVEL_CLASSES

Floats = NDArray[np.float64]

C2: Final = 1
BELOW: Final = LEVEL_CLASSES - 1
"""T3 and all below: the network tells them apart no more."""

LENGTH_MM: Final = (10, 26)  # of a body and its disc, C3 to T2: 14 to 24 in adults
C2_LENGTH_MM: Final = (14, 50)  # with the dens 36 to 46; 14 where a scan cuts it off
BELOW_LENGTH_MM: Final = (13, 32)
END_LENGTH_MM: Final = 4  # of a body that an end of the scan cuts through
DISC_WORTH: Final = 35.0  # a whole section of disc outweighs half a body of another level's reading
MISSED_DISC: Final = 25.0  # against a disc well seen inside a vertebra
OWN_END_MM: Final = 4  # from a vertebra's ends, where the disc is its own
READING_WORTH: Final = 0.5  # what is read of neighbouring millimetres hangs together
BODY_COST: Final = 3.0  # against slivers
NEIGHBOUR: Final = 0.3  # of a vote counts for the levels above and below: spacing misjudged shifts all below
UNREAD: Final = 0.5  # added to each level's votes: nothing read is no evidence
CLEAR_DISC: Final = 0.5


@dataclass(frozen=True, slots=True)
class Segment:
    """One vertebra's stretch of the canal, half a disc on either side.

    Attributes
    ----------
    start, stop : int
        Millimetres from the tube's upper end.
    level : int
        As the network reads it: 0 for C1 to 9 for T3 and below.
    """

    start: int
    stop: int
    level: int


def divide(votes: Floats, disc: Floats, span: tuple[int, int]) -> list[Segment]:
    """Divide a column into vertebrae.

    Parameters
    ----------
    votes : ndarray of shape (n, 10)
        What the network reads at each millimetre: weight of each level.
    disc : ndarray of shape (n,)
        How much speaks for a disc, 0 to 1.
    span : tuple of int
        First millimetre with bone, and the one after the last.

    Returns
    -------
    list of Segment
        Head to foot, levels rising by one; T3 and below may repeat.
    """
    first, last = span
    size = last - first
    if size < END_LENGTH_MM:
        return []
    gain = np.concatenate([np.zeros((1, LEVEL_CLASSES)), np.cumsum(_evidence(votes[first:last]), axis=0)])
    border = DISC_WORTH * disc[first:last] * np.minimum(disc[first:last] / CLEAR_DISC, 1.0)
    missed = np.concatenate([[0.0], np.cumsum(MISSED_DISC * _peaks(disc[first:last]))])
    best = np.full((size + 1, LEVEL_CLASSES), -np.inf)
    came = np.full((size + 1, LEVEL_CLASSES, 2), -1)
    for stop in range(END_LENGTH_MM, size + 1):
        for level in range(C2, LEVEL_CLASSES):
            least, most = _limits(level)
            least = END_LENGTH_MM if stop == size else least
            starts = np.arange(max(stop - most, 0), max(stop - least, -1) + 1)
            score, before = _onto(best, level, starts, border)
            if stop - END_LENGTH_MM >= 0 and stop <= most:  # the uppermost may be cut off too
                score[starts == 0], before[starts == 0] = 0.0, -1
                if stop < least:
                    starts, score = np.array([0]), np.array([0.0])
                    before = np.array([-1])
            if not starts.size:
                continue
            inner = np.minimum(starts + OWN_END_MM, max(stop - OWN_END_MM, 0))
            inside = missed[max(stop - OWN_END_MM, 0)] - missed[inner]
            total = score + gain[stop, level] - gain[starts, level] - BODY_COST - inside
            i = int(np.argmax(total))
            best[stop, level], came[stop, level] = total[i], (starts[i], before[i])
    return _read_back(best, came, first)


def _evidence(votes: Floats) -> Floats:
    shared = votes + UNREAD
    shared[:, C2 + 1 :] += NEIGHBOUR * votes[:, C2:-1]
    shared[:, C2:-1] += NEIGHBOUR * votes[:, C2 + 1 :]
    return np.asarray(READING_WORTH * np.log(shared / shared.sum(axis=1, keepdims=True)))


def _peaks(disc: Floats) -> Floats:
    """Return 1 at the middle of each disc that is clearly seen, else 0; no two nearer than a body is high."""
    peaks, _ = find_peaks(disc, height=CLEAR_DISC, distance=LENGTH_MM[0], prominence=CLEAR_DISC / 2)
    found = np.zeros(len(disc))
    found[peaks] = 1.0
    return found


def _limits(level: int) -> tuple[int, int]:
    if level == C2:
        return C2_LENGTH_MM
    return BELOW_LENGTH_MM if level == BELOW else LENGTH_MM


def _onto(
    best: Floats, level: int, starts: NDArray[np.intp], border: Floats
) -> tuple[Floats, NDArray[np.intp]]:
    """Return the score of what ends at each start, the disc there included, and its level."""
    above = best[starts, level - 1] if level > C2 else np.full(len(starts), -np.inf)
    before = np.full(len(starts), level - 1)
    if level == BELOW:
        again = best[starts, BELOW] > above
        above, before = np.where(again, best[starts, BELOW], above), np.where(again, BELOW, before)
    return above + border[np.minimum(starts, len(border) - 1)], before


def _read_back(best: Floats, came: NDArray[np.intp], first: int) -> list[Segment]:
    stop, level = len(best) - 1, int(np.argmax(best[-1]))
    found: list[Segment] = []
    while level >= 0 and np.isfinite(best[stop, level]):
        start, before = (int(v) for v in came[stop, level])
        found.append(Segment(first + start, first + stop, level))
        if start == 0:
            break
        stop, level = start, before
    return found[::-1]
