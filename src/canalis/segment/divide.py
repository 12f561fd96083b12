"""Where one vertebra ends and the next begins, from discs and from the network's reading of levels together.

Discs alone are lost where pixels are large; levels alone are read with ragged borders. The division
with the greatest sum of both is found exactly, segment by segment (a semi-Markov chain).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canalis.segment.classes import LEVEL_CLASSES

Floats = NDArray[np.float64]

C2: Final = 1
BELOW: Final = LEVEL_CLASSES - 1
"""T3 and all below: the network tells them apart no more."""

LENGTH_MM: Final = (10, 26)  # of a body and its disc, C3 to T2: 14 to 24 in adults
C2_LENGTH_MM: Final = (
    14,
    56,
)  # with the dens 36 to 46, and above it what is left of the skull; 14 where a scan cuts it off
BELOW_LENGTH_MM: Final = (13, 32)
USUAL_MM: Final = (19.0, 2.5)  # mean and deviation of the above
USUAL_C2_MM: Final = (41.0, 5.0)  # the tip of the dens is not always seen
USUAL_BELOW_MM: Final = (22.0, 4.0)
CUT_MM: Final = 2  # from the upper end: what begins there may be cut off
END_LENGTH_MM: Final = 4  # of a body that an end of the scan cuts through
DISC_WORTH: Final = 35.0  # a whole section of disc outweighs half a body of another level's reading
MISSED_DISC: Final = 25.0  # against a disc well seen inside a vertebra
OWN_END_MM: Final = 4  # from a vertebra's ends, where the disc is its own
READING_WORTH: Final = 0.5  # what is read of neighbouring millimetres hangs together
BODY_COST: Final = 3.0  # against slivers
NEIGHBOUR: Final = 0.3  # of a vote counts for the levels above and below: spacing misjudged shifts all below
UNSEEN_COST: Final = 8.0  # of a border without a disc: bodies are seldom fused
SEEN_DISC: Final = 0.25  # as much of a section as a disc has at least
REPEAT_COST: Final = 15.0  # of two bodies read as one level: as much as one and a half read a level off
FIRST_REPEATED: Final = 4  # C5: two bodies below C2 are too few to misjudge the spacing by a whole one
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


def divide(votes: Floats, disc: Floats, span: tuple[int, int], *, dens_seen: bool = False) -> list[Segment]:
    """Divide a column into vertebrae.

    Parameters
    ----------
    votes : ndarray of shape (n, 10)
        What the network reads at each millimetre: weight of each level.
    disc : ndarray of shape (n,)
        How much speaks for a disc, 0 to 1.
    span : tuple of int
        First millimetre with bone, and the one after the last.
    dens_seen : bool
        Whether the dens was: then C2 is whole, also where it begins with the tube.

    Returns
    -------
    list of Segment
        Head to foot, levels rising by one. T3 and below may repeat, C5 to T2 where discs say so against
        the reading.
    """
    first, last = span
    size = last - first
    if size < END_LENGTH_MM:
        return []
    gain = np.concatenate([np.zeros((1, LEVEL_CLASSES)), np.cumsum(_evidence(votes[first:last]), axis=0)])
    border = DISC_WORTH * disc[first:last] * np.minimum(disc[first:last] / CLEAR_DISC, 1.0)
    border -= UNSEEN_COST * np.maximum(1 - disc[first:last] / SEEN_DISC, 0.0)
    missed = np.concatenate([[0.0], np.cumsum(MISSED_DISC * clear_discs(disc[first:last]))])
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
            cut = (starts == 0) & (first <= CUT_MM) | (stop == size)
            if level == C2:  # below the dens is what is left of a disc; C3 has no room in a whole C2
                inside[~cut | dens_seen] = 0.0
            total = score + gain[stop, level] - gain[starts, level] - BODY_COST - inside
            total -= _unusual(stop - starts, level, cut)
            i = int(np.argmax(total))
            best[stop, level], came[stop, level] = total[i], (starts[i], before[i])
    return _read_back(best, came, first)


def _evidence(votes: Floats) -> Floats:
    shared = votes + UNREAD
    shared[:, C2 + 1 :] += NEIGHBOUR * votes[:, C2:-1]
    shared[:, C2:-1] += NEIGHBOUR * votes[:, C2 + 1 :]
    return np.asarray(READING_WORTH * np.log(shared / shared.sum(axis=1, keepdims=True)))


def clear_discs(disc: Floats) -> Floats:
    """Return 1 at the middle of each disc that is clearly seen, else 0; no two nearer than a body is high.

    The peaks of ``scipy.signal.find_peaks``, whose import costs every start 0.4 s; of a flat top, its first
    place.

    Parameters
    ----------
    disc : ndarray of shape (n,)
        How much of a disc is seen at each millimetre along the canal, 0 to 1.

    Returns
    -------
    ndarray of shape (n,)
        1 or 0.
    """
    rises, falls = disc[1:-1] > disc[:-2], disc[1:-1] >= disc[2:]
    tops = np.flatnonzero(rises & falls & (disc[1:-1] >= CLEAR_DISC)) + 1
    kept: list[int] = []
    for top in tops[np.argsort(-disc[tops], kind="stable")]:
        if all(abs(int(top) - other) >= LENGTH_MM[0] for other in kept):
            kept.append(int(top))
    found = np.zeros(len(disc))
    found[[top for top in kept if _stands_out(disc, top)]] = 1.0
    return found


def _stands_out(disc: Floats, top: int) -> bool:
    """Return whether a peak falls off far enough to both sides before anything higher."""
    higher = np.concatenate([[-1], np.flatnonzero(disc > disc[top]), [len(disc)]])
    after = int(np.searchsorted(higher, top))
    sides = disc[higher[after - 1] + 1 : top + 1], disc[top : higher[after]]
    return bool(disc[top] - max(side.min() for side in sides) >= CLEAR_DISC / 2)


def _limits(level: int) -> tuple[int, int]:
    if level == C2:
        return C2_LENGTH_MM
    return BELOW_LENGTH_MM if level == BELOW else LENGTH_MM


def _unusual(length: NDArray[np.intp], level: int, cut: NDArray[np.bool_]) -> Floats:
    """Return how unusual lengths are: half the squared deviations; what is cut off may be short."""
    usual, deviation = USUAL_C2_MM if level == C2 else USUAL_BELOW_MM if level == BELOW else USUAL_MM
    apart = (length - usual) / deviation
    return np.asarray(np.where(cut, np.maximum(apart, 0.0), apart) ** 2 / 2)


def _levels_above(level: int) -> list[tuple[int, float]]:
    """Return as which levels the body above one may be read, and what each costs."""
    if level == C2:
        return []
    above = [(level - 1, 0.0)]
    if level >= FIRST_REPEATED:
        above.append((level, 0.0 if level == BELOW else REPEAT_COST))
    return above


def _onto(
    best: Floats, level: int, starts: NDArray[np.intp], border: Floats
) -> tuple[Floats, NDArray[np.intp]]:
    """Return the score of what ends at each start, the disc there included, and its level."""
    above, before = np.full(len(starts), -np.inf), np.full(len(starts), level - 1)
    for upper, cost in _levels_above(level):
        score = best[starts, upper] - cost
        above, before = np.where(score > above, score, above), np.where(score > above, upper, before)
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
