"""Pictures laid out so that many curves can be read on them at once.

One square window a plane is cut round the start contour, with square pixels whatever the image's
were. Fields are worked out there and kept as :class:`Tables`. Reading a table is one gather for all
planes: the nearest pixel while a contour is on its way, bilinear once it comes to rest.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FINEST_PITCH_MM = 0.25  # the smallest pixel of a neck CT; finer windows gain nothing


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Where each plane's window lies.

    Attributes
    ----------
    corner : ndarray of shape (K, 1)
        Complex64 row + i·column of each window's first pixel, mm.
    pitch_mm : float
        Side of a window's pixel.
    side : int
        Pixels along each side, the same for every plane.
    """

    corner: NDArray[np.complex64]
    pitch_mm: float
    side: int


def windows_round(
    curves: NDArray[np.complexfloating],
    *,
    shape: tuple[int, int],
    spacing_mm: tuple[float, float],
    margin_mm: float,
) -> Windows:
    """Return windows that hold each curve with a margin, and no more than the picture.

    Parameters
    ----------
    curves : ndarray of shape (K, N)
        Start contours, complex mm.
    shape : tuple of int
        Rows and columns of each picture.
    spacing_mm : tuple of float
        Row and column spacing.
    margin_mm : float
        How far the curves may go; inf for the whole picture.
    """
    pitch = max(min(spacing_mm), FINEST_PITCH_MM)
    extent = np.array([(n - 1) * s for n, s in zip(shape, spacing_mm, strict=True)])
    axes = np.stack([curves.real, curves.imag]).astype(np.float64)
    reach = axes.max(axis=-1) - axes.min(axis=-1)
    wanted = min(float(reach.max()) + 2 * margin_mm, float(extent.max()))
    side = int(np.ceil(wanted / pitch - 1e-6)) + 1
    middle = (axes.max(axis=-1) + axes.min(axis=-1)) / 2
    room = np.maximum(extent[:, None] - (side - 1) * pitch, 0.0)
    corner = np.round(np.clip(middle - (side - 1) * pitch / 2, 0.0, room) / pitch) * pitch
    return Windows(
        corner=(corner[0] + 1j * corner[1])[:, None].astype(np.complex64), pitch_mm=pitch, side=side
    )


def resample(
    pictures: NDArray[np.float32], spacing_mm: tuple[float, float], windows: Windows
) -> NDArray[np.float32]:
    """Return each plane's window of the pictures, bilinear; pixels beyond an edge repeat it.

    Parameters
    ----------
    pictures : ndarray of shape (K, H, W)
        One picture a plane.
    spacing_mm : tuple of float
        Row and column spacing of the pictures.
    windows : Windows
        The windows wanted.

    Returns
    -------
    ndarray of shape (K, side, side)
        float32.
    """
    same = _same_pixels(pictures, spacing_mm, windows)
    if same is not None:
        return same
    out = np.empty((len(pictures), windows.side, windows.side), dtype=np.float32)
    along: NDArray[np.float64] = np.arange(windows.side, dtype=np.float64) * windows.pitch_mm
    for k, picture in enumerate(pictures):
        corner = complex(windows.corner[k, 0])
        rows = _blend(picture, (corner.real + along) / spacing_mm[0])
        out[k] = _blend(rows.T, (corner.imag + along) / spacing_mm[1]).T
    return out


def _same_pixels(
    pictures: NDArray[np.float32], spacing_mm: tuple[float, float], windows: Windows
) -> NDArray[np.float32] | None:
    """Cut windows out as they are where their pixels are the pictures' own; None elsewhere."""
    pitch, side = windows.pitch_mm, windows.side
    if max(abs(spacing_mm[0] - pitch), abs(spacing_mm[1] - pitch)) > 1e-9:
        return None
    rows = np.round(windows.corner[:, 0].real / pitch).astype(int)
    columns = np.round(windows.corner[:, 0].imag / pitch).astype(int)
    if (rows + side > pictures.shape[1]).any() or (columns + side > pictures.shape[2]).any():
        return None
    return np.stack([p[r : r + side, c : c + side] for p, r, c in zip(pictures, rows, columns, strict=True)])


def _blend(lines: NDArray[np.float32], places: NDArray[np.float64]) -> NDArray[np.float32]:
    """Lines (n, m) read at fractional line numbers."""
    places = np.clip(places, 0, len(lines) - 1)
    lower = np.minimum(places.astype(np.intp), max(len(lines) - 2, 0))
    upper = np.minimum(lower + 1, len(lines) - 1)
    share = (places - lower).astype(np.float32)[:, None]
    return np.asarray(lines[lower] * (1 - share) + lines[upper] * share, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where the planes of some contours lie in tables, ready for reading.

    Attributes
    ----------
    begin : ndarray of shape (A, 1)
        First pixel of each contour's plane in :attr:`Tables.flat`.
    shift : ndarray of shape (A, 2N)
        float32, less each window's corner in table pixels, as pairs for N points.
    """

    begin: NDArray[np.int64]
    shift: NDArray[np.float32]

    def __getitem__(self, some: slice) -> "Place":
        """Return the same for some of the contours."""
        return Place(self.begin[some], self.shift[some])


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """One value a table pixel a plane, real or complex, ready to be read at curve points.

    Attributes
    ----------
    windows : Windows
        Where the pixels lie.
    flat : ndarray of shape (K · side · side,)
        float32, or complex64 for a vector as row + i·column.
    """

    windows: Windows
    flat: NDArray[Any]

    def place(self, planes: NDArray[np.intp], points: int) -> Place:
        """Return where contours of so many points, on planes by number, lie in the tables."""
        corner = self.windows.corner[planes] / np.float32(-self.windows.pitch_mm)
        return Place(
            begin=(planes.astype(np.int64) * self.windows.side**2)[:, None],
            shift=np.repeat(corner.astype(np.complex64), points, axis=1).view(np.float32),
        )

    def read(self, points: NDArray[np.complex64], place: Place, *, linear: bool) -> NDArray[Any]:
        """Return the value at each point.

        Parameters
        ----------
        points : ndarray of shape (..., A, N)
            Complex64 mm, C-contiguous; points beyond the window read its edge.
        place : Place
            Of the A contours.
        linear : bool
            Bilinear when True, else the nearest pixel.

        Returns
        -------
        ndarray of the shape of ``points``
        """
        side = self.windows.side
        pairs = points.view(np.float32) * np.float32(1 / self.windows.pitch_mm)
        pairs += place.shift
        if not linear:
            pairs += np.float32(0.5)
        np.clip(pairs, 0, side - 1.001 if linear else side - 0.5, out=pairs)
        whole = pairs.astype(np.int32)
        pixel = whole[..., 0::2] * np.int32(side)
        pixel += whole[..., 1::2]
        index = pixel + place.begin
        if not linear:
            return np.asarray(self.flat.take(index, mode="wrap"))
        pairs -= whole
        return self._blended(index, pairs[..., 0::2], pairs[..., 1::2])

    def _blended(
        self, index: NDArray[np.int64], down: NDArray[np.float32], right: NDArray[np.float32]
    ) -> NDArray[Any]:
        """Bilinear reading, ``down`` and ``right`` being shares of a pixel."""
        side, kind = self.windows.side, self.flat.dtype
        down, right = down.astype(kind), right.astype(kind)
        first = self.flat.take(index, mode="wrap")
        step = self.flat[1:].take(index, mode="wrap")
        step -= first
        step *= right
        first += step
        second = self.flat[side:].take(index, mode="wrap")
        step = self.flat[side + 1 :].take(index, mode="wrap")
        step -= second
        step *= right
        second += step
        second -= first
        second *= down
        first += second
        return np.asarray(first)


def tabulated(values: NDArray[Any], windows: Windows) -> Tables:
    """Return values of shape (K, side, side), float32 or complex64, as tables."""
    return Tables(windows=windows, flat=np.ascontiguousarray(values).reshape(-1))
