"""Pictures for the page: a grey image of the CT with lines, in millimetres, as SVG.

The image is a PNG of its own and every line, letter and outline over it a vector, so that print is sharp,
the text takes the page's type, and a test can read where a line lies (docs/decisions/0051). A PNG
written here holds size, pixels and nothing else.
"""

import base64
import html
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

BONE_WINDOW_HU: Final = (-450.0, 1350.0)  # level 450, width 1800
TYPE: Final = (
    "Inter, 'Segoe UI', 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
)

WIDTH_OF_PLAIN_TYPE_MM: Final = 85.0  # narrower pictures are printed larger than life, wider ones smaller
CANAL: Final = "#63b8ee"
OSSIFICATION: Final = "#f0a23a"
NARROWING: Final = "#c9b3e6"
K_LINE: Final = "#e79ac6"
PAPER: Final = "#ffffff"
DARK: Final = "#0b0f14"


def window_to_grey(
    hu: NDArray[np.float32], window_hu: tuple[float, float] = BONE_WINDOW_HU
) -> NDArray[np.uint8]:
    """Return Hounsfield units as grey: black at and below the window's lower end, white above its upper."""
    low, high = window_hu
    return np.asarray(np.clip((hu - low) * (255.0 / (high - low)), 0, 255), dtype=np.uint8)


def grey_to_png(grey: NDArray[np.uint8]) -> bytes:
    """Return an 8-bit grey image as PNG: header, pixels, end, and no other chunk.

    Parameters
    ----------
    grey : ndarray of shape (rows, columns)
        uint8.

    Returns
    -------
    bytes
        The file.
    """
    rows, columns = grey.shape
    above = np.vstack([np.zeros((1, columns), np.uint8), grey[:-1]])
    filtered = np.hstack([np.full((rows, 1), 2, np.uint8), grey - above])  # filter 2: less the pixel above
    head = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(filtered.tobytes(), 7)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, data) for kind, data in chunks)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@dataclass(slots=True)
class Drawing:
    """A picture being drawn: millimetres from its upper left corner, x to the right, y down.

    Attributes
    ----------
    width_mm, height_mm : float
        Its size.
    label : str
        What it shows, for those who hear the page.
    name : str
        What it is found by again in the page: "midsagittal", or a level.
    """

    width_mm: float
    height_mm: float
    label: str
    name: str = ""
    _parts: list[str] = field(default_factory=list)

    @property
    def type_mm(self) -> float:
        """What a size of type is multiplied by: words are as large on a wide picture as on a small one."""
        return max(1.0, self.width_mm / WIDTH_OF_PLAIN_TYPE_MM)

    def image(self, hu: NDArray[np.float32], *, pixel_mm: float, x: float = 0.0, y: float = 0.0) -> None:
        """Lay a CT in the bone window, its upper left pixel's corner at (x, y)."""
        data = base64.b64encode(grey_to_png(window_to_grey(hu))).decode("ascii")
        height, width = hu.shape[0] * pixel_mm, hu.shape[1] * pixel_mm
        self._parts.append(
            f'<image x="{_mm(x)}" y="{_mm(y)}" width="{_mm(width)}" height="{_mm(height)}" '
            f'preserveAspectRatio="none" href="data:image/png;base64,{data}"/>'
        )

    def path(
        self,
        points: NDArray[np.float64] | Iterable[tuple[float, float]],
        *,
        color: str,
        width: float = 0.45,
        dash: str = "",
        closed: bool = False,
        cased: bool = True,
        name: str = "",
    ) -> None:
        """Draw a line through (x, y) points, never filled, on a dark casing that shows it on bone."""
        steps = " ".join(f"{_mm(x)},{_mm(y)}" for x, y in points)
        shape = "polygon" if closed else "polyline"
        common = f'points="{steps}" fill="none" stroke-linejoin="round" stroke-linecap="round"'
        if cased:
            self._parts.append(
                f'<{shape} {common} stroke="{DARK}" stroke-opacity="0.55" stroke-width="{_mm(width + 0.5)}"/>'
            )
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        named = f' class="{name}"' if name else ""
        self._parts.append(f'<{shape}{named} {common} stroke="{color}" stroke-width="{_mm(width)}"{dashed}/>')

    def area(self, points: Iterable[tuple[float, float]], *, color: str, opacity: float) -> None:
        """Fill the band of a graph. Not for structures on a CT, which are outlined."""
        steps = " ".join(f"{_mm(x)},{_mm(y)}" for x, y in points)
        self._parts.append(
            f'<polygon points="{steps}" fill="{color}" fill-opacity="{opacity}" stroke="none"/>'
        )

    def dot(self, x: float, y: float, *, color: str, radius: float = 0.7) -> None:
        """Mark a point."""
        self._parts.append(
            f'<circle cx="{_mm(x)}" cy="{_mm(y)}" r="{_mm(radius)}" fill="{color}" stroke="{DARK}" '
            'stroke-opacity="0.55" stroke-width="0.25"/>'
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 3.0,
        color: str = PAPER,
        anchor: str = "start",
        bold: bool = False,
        halo: str = DARK,
    ) -> None:
        """Write words, their baseline at (x, y), on an edge that parts them from what they lie on."""
        common = (
            f'x="{_mm(x)}" y="{_mm(y)}" font-size="{_mm(size)}" text-anchor="{anchor}" font-family="{TYPE}"'
            + (' font-weight="600"' if bold else "")
        )
        escaped = html.escape(words)
        if halo:
            edge = f'stroke="{halo}" stroke-width="{_mm(size / 5)}" stroke-opacity="0.7"'
            round_edge = f'{edge} stroke-linejoin="round" aria-hidden="true"'
            self._parts.append(f'<text {common} fill="{halo}" {round_edge}>{escaped}</text>')
        self._parts.append(f'<text {common} fill="{color}">{escaped}</text>')

    def scale_bar(self, *, length_mm: float = 10.0, margin: float = 3.0) -> None:
        """Draw a bar of known length in the lower left corner."""
        y = self.height_mm - margin
        ends = [(margin, y - 1.0), (margin, y), (margin + length_mm, y), (margin + length_mm, y - 1.0)]
        self.path(ends, color=PAPER, width=0.4, name="scale-bar")
        size = 2.5 * self.type_mm
        self.text(margin + length_mm / 2, y - 1.2, f"{length_mm:g} mm", size=size, anchor="middle")

    def sides(self, left: str, right: str, *, size: float = 3.8, y: float | None = None) -> None:
        """Write which side of the patient is which, at the picture's left and right edges."""
        at = self.height_mm / 2 + size / 3 if y is None else y
        self.text(2.0, at, left, size=size, bold=True)
        self.text(self.width_mm - 2.0, at, right, size=size, anchor="end", bold=True)

    def to_svg(self) -> str:
        """Return the picture as an SVG element that fills its place on the page."""
        size = f'viewBox="0 0 {_mm(self.width_mm)} {_mm(self.height_mm)}"'
        label = f'role="img" aria-label="{html.escape(self.label)}"'
        named = f' data-picture="{html.escape(self.name)}"' if self.name else ""
        return f'<svg xmlns="http://www.w3.org/2000/svg"{named} {size} {label}>{"".join(self._parts)}</svg>'


def _mm(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
