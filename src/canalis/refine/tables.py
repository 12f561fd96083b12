"""Pictures laid out so that many curves can be read on them at once.

One square window a plane is cut round the start contour, with square pixels whatever the image's
were. Fields are worked out there and kept as :class:`Tables`. Reading a table is one gather for all
planes: the nearest pixel while a contour is on its way, bilinear once it comes to rest.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

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


@dataclass(slots=True, eq=False)
class Scratch:
    """Memory that readings of one shape after the other work in, so that none asks the system for new."""

    kept: dict[tuple[str, np.dtype[Any]], NDArray[Any]] = field(default_factory=dict)

    def room(self, name: str, shape: tuple[int, ...], kind: DTypeLike) -> NDArray[Any]:
        """Return an array of unset values, the same memory for the same name and kind."""
        size, key = math.prod(shape), (name, np.dtype(kind))
        kept = self.kept.get(key)
        if kept is None or kept.size < size:
            kept = self.kept[key] = np.empty(size, kind)
        return kept[:size].reshape(shape)


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

    def read(
        self,
        points: NDArray[np.complex64],
        place: Place,
        *,
        linear: bool,
        scratch: "Scratch | None" = None,
    ) -> NDArray[Any]:
        """Return the value at each point.

        Parameters
        ----------
        points : ndarray of shape (..., A, N)
            Complex64 mm, C-contiguous; points beyond the window read its edge.
        place : Place
            Of the A contours.
        linear : bool
            Bilinear when True, else the nearest pixel.
        scratch : Scratch, optional
            Memory to work in; the result then lies in it until the next reading.

        Returns
        -------
        ndarray of the shape of ``points``
        """
        work = scratch or Scratch()
        pairs = work.room("pairs", (*points.shape[:-1], 2 * points.shape[-1]), np.float32)
        np.multiply(points.view(np.float32), np.float32(1 / self.windows.pitch_mm), out=pairs)
        pairs += place.shift
        return self._read_pixels(pairs, place, linear=linear, work=work)

    def read_lines(
        self,
        points: NDArray[np.complex64],
        ways: NDArray[np.complex64],
        offsets_mm: NDArray[np.float32],
        place: Place,
        *,
        linear: bool,
        scratch: "Scratch | None" = None,
    ) -> NDArray[Any]:
        """Return the values along a line from each point, (samples, A, N).

        Parameters
        ----------
        points, ways : ndarray of shape (A, N)
            Complex64 mm, and unit vectors, C-contiguous.
        offsets_mm : ndarray of shape (samples,)
            Along the way.
        place, linear, scratch
            As :meth:`read`.
        """
        work = scratch or Scratch()
        scale = np.float32(1 / self.windows.pitch_mm)
        pairs = work.room("pairs", (len(offsets_mm), len(points), 2 * points.shape[-1]), np.float32)
        np.multiply((offsets_mm * scale)[:, None, None], ways.view(np.float32), out=pairs)
        pairs += points.view(np.float32) * scale + place.shift
        return self._read_pixels(pairs, place, linear=linear, work=work)

    def _read_pixels(
        self, pairs: NDArray[np.float32], place: Place, *, linear: bool, work: "Scratch"
    ) -> NDArray[Any]:
        """Read at pairs (..., 2N) of row and column in table pixels, which are overwritten."""
        side = self.windows.side
        shape = (*pairs.shape[:-1], pairs.shape[-1] // 2)
        whole = work.room("whole", pairs.shape, np.int32)
        index = work.room("index", shape, np.int64)
        if not linear:
            pairs += np.float32(0.5)
        np.clip(pairs, 0, side - 1.001 if linear else side - 0.5, out=pairs)
        np.copyto(whole, pairs, casting="unsafe")
        # row · side + column for each (row, column) pair of int32 seen as one int64, row in its lower
        # half: a single product moves row · side up to the column, a shift brings the sum down
        np.multiply(whole.view(np.int64), 1 + (side << 32), out=index)
        index >>= 32
        index += place.begin
        if not linear:
            values = work.room("values", shape, self.flat.dtype)
            return self.flat.take(index, mode="wrap", out=values)
        pairs -= whole
        return self._blended(index, pairs, work)

    def _blended(
        self, index: NDArray[np.int64], shares: NDArray[np.float32], work: "Scratch"
    ) -> NDArray[Any]:
        """Bilinear reading, ``shares`` being pairs of shares of a pixel, down and right."""
        parts = self.flat.itemsize // 4  # a vector's are blended as two real numbers
        ways = []
        for name, share in (("down", shares[..., 0::2]), ("right", shares[..., 1::2])):
            way = work.room(name, (*index.shape, parts), np.float32)
            for part in range(parts):
                way[..., part] = share
            ways.append(way.reshape(*index.shape[:-1], -1))
        down, right = ways
        first = self._between(index, right, work, 0)
        step = self._between(index, right, work, self.windows.side)
        step -= first
        step *= down
        first += step
        return first.view(self.flat.dtype)

    def _between(
        self, index: NDArray[np.int64], right: NDArray[np.float32], work: "Scratch", below: int
    ) -> NDArray[np.float32]:
        """Read between a pixel and the one right of it, ``below`` pixels further on, as real numbers."""
        left = work.room(f"left {below > 0}", index.shape, self.flat.dtype)
        step = work.room("step", index.shape, self.flat.dtype)
        self.flat[below:].take(index, mode="wrap", out=left)
        self.flat[below + 1 :].take(index, mode="wrap", out=step)
        first, rise = left.view(np.float32), step.view(np.float32)
        rise -= first
        rise *= right
        first += rise
        return first


def tabulated(values: NDArray[Any], windows: Windows) -> Tables:
    """Return values of shape (K, side, side), float32 or complex64, as tables."""
    return Tables(windows=windows, flat=np.ascontiguousarray(values).reshape(-1))
