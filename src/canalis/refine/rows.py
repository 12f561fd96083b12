"""Contours on their way, row by row, with everything that belongs to each of their points."""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from canalis.refine.curves import perimeter, read_at


@dataclass(slots=True, eq=False)
class Rows:
    """A contours of N points each.

    Attributes
    ----------
    planes, tubes : ndarray of shape (A,)
        Which plane each contour lies on, and which tube that belongs to.
    moved : ndarray of shape (A, N)
        Complex64 mm: what Eq. 5 moves, the contour less its rest shape.
    rest : ndarray of shape (A, N) or None
        The shape that the internal force leaves alone; None for none.
    start : ndarray of shape (A, N)
        Where each point started.
    limits_mm : ndarray of shape (A, N) or None
        How far each point may go from there.
    weights : ndarray of shape (A, N) or None
        Share of the image's force each point feels.
    step : ndarray of shape (A,)
        Time step.
    undone : ndarray of shape (A,)
        Self-crossings undone so far.
    iterations : ndarray of shape (A,)
        Steps taken so far.
    energy : ndarray of shape (A,)
        At the last check.
    motion : ndarray of shape (A, N)
        Way from the check before the last to the last, mm along the normal.
    """

    planes: NDArray[np.intp]
    tubes: NDArray[np.intp]
    moved: NDArray[np.complex64]
    rest: NDArray[np.complex64] | None
    start: NDArray[np.complex64]
    limits_mm: NDArray[np.float32] | None
    weights: NDArray[np.float32] | None
    step: NDArray[np.float64]
    undone: NDArray[np.intp]
    iterations: NDArray[np.intp]
    energy: NDArray[np.float64]
    motion: NDArray[np.float32]

    @property
    def curves(self) -> NDArray[np.complex64]:
        """The contours themselves, (A, N) complex64 mm; do not write into them."""
        return self.moved if self.rest is None else self.rest + self.moved

    @property
    def spacing_mm(self) -> NDArray[np.float64]:
        """Mean distance between neighbouring points, (A,)."""
        return np.asarray(perimeter(self.curves) / self.moved.shape[1])

    def some(self, wanted: NDArray[np.bool_]) -> Self:
        """Return the rows where ``wanted`` (A,) is True."""
        kept: dict[str, Any] = {
            name: None if values is None else values[wanted] for name, values in self._items()
        }
        return type(self)(**kept)

    def joined(self, other: Self) -> Self:
        """Return these rows followed by another's."""
        both: dict[str, Any] = {
            name: None if first is None else np.concatenate([first, second])
            for (name, first), (_, second) in zip(self._items(), other._items(), strict=True)
        }
        return type(self)(**both)

    def _items(self) -> list[tuple[str, NDArray[Any]]]:
        return [(item.name, getattr(self, item.name)) for item in fields(self)]

    def reread(self, rows: NDArray[np.intp], places: NDArray[np.float64]) -> None:
        """Move the points of some rows (m,) to other places (m, N) along them, with what belongs to them."""
        for values in (self.rest, self.moved, self.start, self.limits_mm, self.weights):
            if values is not None:
                values[rows] = read_at(values[rows], places)

    def hold(self) -> None:
        """Bring points that left their start by more than the limit back to it."""
        if self.limits_mm is None:
            return
        away = self.curves - self.start
        beyond = away.real**2 + away.imag**2 > self.limits_mm**2
        if beyond.any():
            back = self.limits_mm[beyond] / np.abs(away[beyond]) - 1
            self.moved[beyond] += away[beyond] * back
