"""Stored pixel values to Hounsfield units, one frame at a time."""

import io
from functools import lru_cache

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import get_decoder
from pydicom.uid import UID, JPEGExtended12Bit

from canalis.errors import ReadError
from canalis.read.headers import Frame, PixelFormat, quiet_pydicom
from canalis.read.sources import ImageFile
from canalis.volume import HounsfieldArray

HU_LIMITS = (-32768, 32767)  # what int16 holds; extended CT scales end at 30710 HU


class UndecodableFrameError(ReadError):
    """One frame whose pixels are truncated or damaged."""


def whole_numbers(frames: list[Frame]) -> bool:
    """Return True where every frame's rescaling keeps whole numbers, so that int16 holds them."""
    whole = all(frame.slope.is_integer() and frame.intercept.is_integer() for frame in frames)
    small = all(frame.pixels.bits_allocated <= 16 for frame in frames)
    return whole and small


def why_not_decodable(pixels: PixelFormat) -> str | None:
    """Return why no decoder here reads pixels stored this way, and what to do; None where one does."""
    syntax = UID(pixels.transfer_syntax)
    if syntax == JPEGExtended12Bit and pixels.bits_stored > 8:
        return (
            "compressed as 12-bit lossy JPEG (JPEG Extended), which no freely licensed decoder reads. "
            "Convert them first, for example with `gdcmconv --raw`."
        )
    if pixels.start is None and not _available(syntax):
        name = syntax.name if syntax.is_transfer_syntax else "an unknown transfer syntax"
        return (
            f"stored as {name}, which cannot be read here. Convert them to Explicit VR Little Endian first."
        )
    return None


@lru_cache
def _available(syntax: UID) -> bool:
    if not syntax.is_transfer_syntax:
        return False
    if not syntax.is_compressed or syntax.is_deflated:
        return True
    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


class FrameDecoder:
    """Decodes frames, keeping the last multi-frame file open between calls."""

    def __init__(self) -> None:
        self._file: ImageFile | None = None
        self._dataset: Dataset | None = None

    def decode_into(self, frame: Frame, out: HounsfieldArray) -> None:
        """Write one frame's Hounsfield units into an array of shape (rows, columns).

        Raises
        ------
        UndecodableFrameError
            If the pixels are truncated or damaged, or stored in a way that no decoder here reads.
        """
        if why_not_decodable(frame.pixels):
            raise UndecodableFrameError(f"No decoder here reads the pixels of {frame.file.place}.")
        stored = self._stored(frame)
        if stored.shape != out.shape:
            raise UndecodableFrameError(f"The pixels of {frame.file.place} have the wrong shape.")
        _rescale(stored, frame, out)

    def _stored(self, frame: Frame) -> NDArray[np.integer]:
        if frame.pixels.start is not None and frame.pixels.bits_allocated in (8, 16):
            return _read_uncompressed(frame)
        try:
            with quiet_pydicom():
                return self._decoded(frame)
        except Exception as error:  # each codec raises its own kinds on damaged data
            raise UndecodableFrameError(f"The pixels of {frame.file.place} cannot be decoded.") from error

    def _decoded(self, frame: Frame) -> NDArray[np.integer]:
        if self._dataset is None or self._file != frame.file:
            with frame.file.open() as opened:
                self._dataset = pydicom.dcmread(io.BytesIO(opened.read()), force=True)
            self._file = frame.file
        decoder = get_decoder(frame.pixels.transfer_syntax)
        index = frame.index if int(self._dataset.get("NumberOfFrames") or 1) > 1 else 0
        values, _ = decoder.as_array(self._dataset, index=index, raw=True)
        return np.asarray(values)


def _read_uncompressed(frame: Frame) -> NDArray[np.integer]:
    pixels = frame.pixels
    dtype = np.dtype(f"<{'i' if pixels.signed else 'u'}{pixels.bits_allocated // 8}")
    size = pixels.rows * pixels.columns * dtype.itemsize
    with frame.file.open() as opened:
        try:
            opened.seek((pixels.start or 0) + frame.index * size)
            read = opened.read(size)
        except OSError as error:  # such as from a failing disk
            raise UndecodableFrameError(f"The pixels of {frame.file.place} cannot be read.") from error
    if len(read) != size:
        raise UndecodableFrameError(f"The pixels of {frame.file.place} are cut off.")
    return _used_bits(np.frombuffer(read, dtype).reshape(pixels.rows, pixels.columns), pixels)


def _used_bits(values: NDArray[np.integer], pixels: PixelFormat) -> NDArray[np.integer]:
    """Return the values without what older scanners keep in the unused bits (overlays)."""
    spare = pixels.bits_allocated - pixels.bits_stored
    above = pixels.bits_allocated - 1 - pixels.high_bit
    if spare <= 0:
        return values
    if above == spare and not pixels.signed and int(values.max()) < 1 << pixels.bits_stored:
        return values
    return np.asarray(np.right_shift(np.left_shift(values, above), spare))


def _rescale(stored: NDArray[np.integer], frame: Frame, out: HounsfieldArray) -> None:
    if out.dtype == np.float32:
        np.multiply(stored, np.float32(frame.slope), out=out, casting="unsafe")
        out += np.float32(frame.intercept)
        return
    low, high = int(stored.min()), int(stored.max())
    slope, intercept = int(frame.slope), int(frame.intercept)
    fits = all(
        HU_LIMITS[0] <= v <= HU_LIMITS[1] for v in (low, high, low + intercept, high + intercept, intercept)
    )
    if slope == 1 and fits and stored.dtype.itemsize <= 2:
        np.add(stored.astype(np.int16, copy=False), np.int16(intercept), out=out)
    else:
        np.clip(stored.astype(np.int64) * slope + intercept, *HU_LIMITS, out=out, casting="unsafe")
