"""Every way to choose k of n cases, millions of them, by their sums.

Both the exact permutation test and the check of a paper need it. The cases are split in two halves; each
way to choose is one subset of the left half with one of the right half, so a sum is one addition.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import comb
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canalis.errors import CohortError

MOST_CASES: Final = 44
"""More would need halves of over four million subsets."""


@dataclass(frozen=True, slots=True, eq=False)
class SubsetBlock:
    """Some of the ways to choose.

    Attributes
    ----------
    sums : ndarray of shape (columns, ways)
        Sum of each column over the chosen cases.
    members : ndarray of shape (ways,)
        The chosen cases as bits: case i is chosen where bit i is set.
    """

    sums: NDArray[np.float64]
    members: NDArray[np.int64]


def choose_all(columns: NDArray[np.float64], k: int) -> Iterator[SubsetBlock]:
    """Yield every way to choose k cases, in blocks, each way once.

    Parameters
    ----------
    columns : ndarray of shape (columns, n)
        Values to be summed.
    k : int
        How many to choose.

    Raises
    ------
    CohortError
        If there are more than `MOST_CASES` cases.

    Examples
    --------
    >>> sorted(int(m) for block in choose_all(np.array([[1.0, 2.0, 4.0]]), 2) for m in block.sums[0])
    [3, 5, 6]
    """
    n = columns.shape[1]
    if n > MOST_CASES:
        raise CohortError(
            f"Expected at most {MOST_CASES} cases to try every group of, found {n}. Give a smaller table."
        )
    left_n = n // 2
    left, right = _by_size(columns[:, :left_n]), _by_size(columns[:, left_n:])
    for size in range(max(0, k - (n - left_n)), min(k, left_n) + 1):
        left_sums, left_bits = left[size]
        right_sums, right_bits = right[k - size]
        step = max(1, 2_000_000 // max(1, len(right_bits)))
        for start in range(0, len(left_bits), step):
            part = slice(start, start + step)
            sums = left_sums[:, part, None] + right_sums[:, None, :]
            members = left_bits[part, None] | (right_bits[None, :] << left_n)
            yield SubsetBlock(sums.reshape(len(columns), -1), members.reshape(-1))


def count_ways(n: int, k: int) -> int:
    """Return how many ways there are to choose k of n.

    Examples
    --------
    >>> count_ways(27, 9)
    4686825
    """
    return comb(n, k)


def members_of(bits: int) -> tuple[int, ...]:
    """Return the chosen cases' places.

    Examples
    --------
    >>> members_of(0b1011)
    (0, 1, 3)
    """
    return tuple(i for i in range(int(bits).bit_length()) if bits >> i & 1)


def _by_size(columns: NDArray[np.float64]) -> list[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    rows, n = columns.shape
    sums = np.zeros((rows, 1))
    bits = np.zeros(1, dtype=np.int64)
    for i in range(n):
        sums = np.concatenate([sums, sums + columns[:, i : i + 1]], axis=1)
        bits = np.concatenate([bits, bits | (1 << i)])
    sizes = np.bitwise_count(bits)
    return [(sums[:, sizes == size], bits[sizes == size]) for size in range(n + 1)]
