"""The internal force of Eq. 5: stretching and bending, solved exactly in each step.

On a closed contour with equally spaced points the operator −α d²/ds² + β d⁴/ds⁴ is circulant, so
the Fourier transform makes it a multiplication; between the planes of a tube the cosine transform
does the same. A step is (1 + τA)⁻¹ applied to N numbers in N log N operations.
"""

from dataclasses import dataclass

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
    second = (2 - 2 * np.cos(2 * np.pi * np.arange(points) / points)) / spacing_mm[:, None] ** 2
    return np.asarray(energy.tension * second + energy.rigidity * second**2 + energy.attachment)


@dataclass(frozen=True, slots=True, eq=False)
class InternalStep:
    """One implicit step of the internal force for all contours.

    Attributes
    ----------
    factor : ndarray of shape (K, 2N)
        1/(1 + τλ), float32, each twice: for real and imaginary part. Along planes it is by cosine
        frequency when ``tied``.
    tied : bool
        True for a tube.
    """

    factor: NDArray[np.float32]
    tied: bool

    def __call__(self, curves: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Return the curves (K, N), complex64, after the step; the argument is overwritten."""
        waves = fft.fft(curves, axis=-1, overwrite_x=True)
        if self.tied:
            waves = fft.dct(waves, type=2, norm="ortho", axis=0)
            self._damp(waves)
            waves = fft.idct(waves, type=2, norm="ortho", axis=0)
        else:
            self._damp(waves)
        return np.asarray(fft.ifft(waves, axis=-1, overwrite_x=True))

    def _damp(self, waves: NDArray[np.complex64]) -> None:
        parts = waves.view(np.float32)
        parts *= self.factor


def internal_step(
    energy: Energy, *, points: int, spacing_mm: NDArray[np.float64], step: NDArray[np.float64]
) -> InternalStep:
    """Return the implicit step for contours of given spacing (K,) and time step (K,).

    In a tube all contours share the mean spacing and the smallest step.
    """
    tied = energy.tie > 0 and len(spacing_mm) > 1
    if tied:
        planes = len(spacing_mm)
        spacing_mm = np.full(planes, spacing_mm.mean())
        step = np.full(planes, step.min())
    values = stiffness(energy, points=points, spacing_mm=spacing_mm)
    if tied:
        values = values + energy.tie * (2 - 2 * np.cos(np.pi * np.arange(planes) / planes))[:, None]
    factor = (1 / (1 + step[:, None] * values)).astype(np.float32)
    return InternalStep(factor=np.repeat(factor, 2, axis=-1), tied=tied)


def internal_energy(
    energy: Energy, curves: NDArray[np.complex64], spacing_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return Eq. 4's internal part for each curve of shape (K, N), mean over its points."""
    waves = np.abs(fft.fft(curves, axis=-1)) ** 2
    values = stiffness(energy, points=curves.shape[-1], spacing_mm=spacing_mm)
    inner = 0.5 * (values * waves).sum(axis=-1) / curves.shape[-1] ** 2
    if energy.tie and len(curves) > 1:
        gap = np.zeros(len(curves))
        gap[1:] = 0.5 * energy.tie * (np.abs(np.diff(curves, axis=0)) ** 2).mean(axis=-1)
        inner = inner + gap
    return np.asarray(inner, dtype=np.float64)
