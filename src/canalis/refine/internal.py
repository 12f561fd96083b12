"""The internal force of Eq. 5: stretching and bending, solved exactly in each step.

On a closed contour with equally spaced points the operator −α d²/ds² + β d⁴/ds⁴ is circulant, so
the Fourier transform makes it a multiplication; between the planes of a tube the cosine transform
does the same. A step is (1 + τA)⁻¹ applied to N numbers in N log N operations.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from canalis.refine.energies import Energy


def stiffness(energy: Energy, *, points: int, spacing_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the eigenvalues of the internal operator, for each contour and frequency.

    Parameters
    ----------
    energy : Energy
        Its tension α, rigidity β and attachment.
    points : int
        N, points along each contour.
    spacing_mm : ndarray of shape (K,)
        Mean distance between neighbouring points.

    Returns
    -------
    ndarray of shape (K, N)
        1 per unit of time: α·d + β·d² + attachment, with d = (2 − 2 cos 2πj/N)/h².
    """
    second = differences(points) / spacing_mm[:, None] ** 2
    values = energy.rigidity * second
    values += energy.tension
    values *= second
    values += energy.attachment
    return np.asarray(values)


@lru_cache(maxsize=64)
def differences(points: int) -> NDArray[np.float64]:
    """Return the eigenvalues of the second difference along a closed contour of so many points."""
    return np.asarray(2 - 2 * np.cos(2 * np.pi * np.arange(points) / points))


def tube_slices(tubes: NDArray[np.intp]) -> list[slice]:
    """Return where each run of equal numbers lies in (K,): the planes of one tube."""
    ends = [0, *(np.flatnonzero(np.diff(tubes)) + 1).tolist(), len(tubes)]
    return [slice(first, last) for first, last in pairwise(ends)]


@lru_cache(maxsize=64)
def cosines(planes: int) -> NDArray[np.float32]:
    """Return the orthonormal cosine transform (DCT-II) of so many planes: faster than a call for few rows."""
    return np.asarray(fft.dct(np.eye(planes), type=2, norm="ortho", axis=0), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class InternalStep:
    """One implicit step of the internal force for all contours.

    Attributes
    ----------
    factor : ndarray of shape (K, 2N)
        1/(1 + τλ), float32, each twice: for real and imaginary part. Along a tube it is by cosine
        frequency.
    tubes : list of (slice, int)
        Rows of tubes that follow one another and have as many planes each; empty where no contours
        are tied.
    """

    factor: NDArray[np.float32]
    tubes: list[tuple[slice, int]]

    def __call__(self, curves: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Return the curves (K, N), complex64, after the step; the argument is overwritten."""
        waves = fft.fft(curves, axis=-1, overwrite_x=True)
        parts = waves.view(np.float32)
        for rows, planes in self.tubes:
            tubes = parts[rows].reshape(-1, planes, parts.shape[-1])
            tubes[...] = cosines(planes) @ tubes
        parts *= self.factor
        for rows, planes in self.tubes:
            tubes = parts[rows].reshape(-1, planes, parts.shape[-1])
            tubes[...] = cosines(planes).T @ tubes
        return np.asarray(fft.ifft(waves, axis=-1, overwrite_x=True))


def internal_step(
    energy: Energy,
    *,
    points: int,
    spacing_mm: NDArray[np.float64],
    step: NDArray[np.float64],
    tubes: NDArray[np.intp],
) -> InternalStep:
    """Return the implicit step for contours of given spacing, time step and tube number, each (K,).

    In a tube all contours share the mean spacing; their time step must be one.
    """
    runs = [run for run in tube_slices(tubes) if run.stop - run.start > 1] if energy.tie else []
    spacing_mm = spacing_mm.copy()
    for run in runs:
        spacing_mm[run] = spacing_mm[run].mean()
    values = stiffness(energy, points=points, spacing_mm=spacing_mm)
    for run in runs:
        planes = run.stop - run.start
        values[run] += energy.tie * (2 - 2 * np.cos(np.pi * np.arange(planes) / planes))[:, None]
    factor = (1 / (1 + step[:, None] * values)).astype(np.float32)
    return InternalStep(factor=np.repeat(factor, 2, axis=-1), tubes=_alike(runs))


def _alike(tubes: list[slice]) -> list[tuple[slice, int]]:
    """Put tubes together that follow one another and have as many planes."""
    joined: list[tuple[slice, int]] = []
    for tube in tubes:
        planes = tube.stop - tube.start
        if joined and joined[-1][1] == planes and joined[-1][0].stop == tube.start:
            joined[-1] = (slice(joined[-1][0].start, tube.stop), planes)
        else:
            joined.append((tube, planes))
    return joined


def internal_energy(
    energy: Energy,
    curves: NDArray[np.complex64],
    spacing_mm: NDArray[np.float64],
    tubes: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Return Eq. 4's internal part for each curve of shape (K, N), mean over its points.

    The tie between two planes counts on the second of them.
    """
    waves = np.abs(fft.fft(curves, axis=-1)) ** 2
    values = stiffness(energy, points=curves.shape[-1], spacing_mm=spacing_mm)
    inner = np.asarray(0.5 * (values * waves).sum(axis=-1) / curves.shape[-1] ** 2, dtype=np.float64)
    if energy.tie:
        gaps = (np.abs(np.diff(curves, axis=0)) ** 2).mean(axis=-1)
        inner[1:] += 0.5 * energy.tie * np.where(np.diff(tubes) == 0, gaps, 0)
    return inner
