"""A picture of lines, dots and words, as SVG or as PNG."""

from __future__ import annotations

import ctypes
import struct
import zlib
from dataclasses import dataclass, field
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Canvas"]

Anchor: TypeAlias = Literal["start", "middle", "end"]

SCALE = 2  # pixels of a PNG for each of the picture, so that it is sharp on any screen
FONTS = {False: b"Helvetica", True: b"Helvetica-Bold"}


@dataclass(frozen=True, slots=True)
class _Line:
    start: tuple[float, float]
    end: tuple[float, float]
    color: str
    width: float
    dashed: bool


@dataclass(frozen=True, slots=True)
class _Dot:
    center: tuple[float, float]
    radius: float
    color: str


@dataclass(frozen=True, slots=True)
class _Words:
    place: tuple[float, float]
    text: str
    color: str
    size: float
    anchor: Anchor
    bold: bool
    turned: bool


_Part: TypeAlias = _Line | _Dot | _Words


@dataclass(slots=True)
class Canvas:
    """A white picture of so many pixels; (0, 0) is its upper left corner.

    >>> canvas = Canvas(200, 100, title="nothing")
    >>> canvas.dot(100, 50, radius=4, color="#0969da")
    >>> canvas.svg()[:4], canvas.png()[1:4]
    ('<svg', b'PNG')
    """

    width: int
    height: int
    title: str
    _parts: list[_Part] = field(default_factory=list[_Part])

    def line(
        self, x1: float, y1: float, x2: float, y2: float, *, color: str, width: float = 1, dashed: bool = False
    ) -> None:
        """Draws a line."""
        self._parts.append(_Line((x1, y1), (x2, y2), color, width, dashed))

    def dot(self, x: float, y: float, *, radius: float, color: str) -> None:
        """Draws a filled circle."""
        self._parts.append(_Dot((x, y), radius, color))

    def words(
        self,
        x: float,
        y: float,
        text: str,
        *,
        color: str,
        size: float = 13,
        anchor: Anchor = "start",
        bold: bool = False,
        turned: bool = False,
    ) -> None:
        """Writes a line of text, with its base line at `y`; `turned` runs upward."""
        self._parts.append(_Words((x, y), text, color, size, anchor, bold, turned))

    def svg(self) -> str:
        """The picture as SVG."""
        size = f'viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}"'
        font = 'font-family="Helvetica, Arial, sans-serif"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {font}>',
                f"<title>{escape(self.title)}</title>",
                f'<rect width="{self.width}" height="{self.height}" fill="#ffffff"/>',
                *(_tag(part) for part in self._parts),
                "</svg>\n",
            ]
        )

    def png(self) -> bytes:
        """The picture as PNG. Its font has the letters of western Europe; any other character is a question mark."""
        return _packed(_painted(self.width, self.height, self._parts))


# ── SVG ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _tag(part: _Part) -> str:
    match part:
        case _Line((x1, y1), (x2, y2), color, width, dashed):
            dashes = ' stroke-dasharray="4 3"' if dashed else ""
            ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
            return f'<line {ends} stroke="{color}" stroke-width="{width:g}"{dashes}/>'
        case _Dot((x, y), radius, color):
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{color}"/>'
        case _Words((x, y), text, color, size, anchor, bold, turned):
            style = f'font-size="{size:g}"{" font-weight=" + chr(34) + "600" + chr(34) if bold else ""}'
            turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
            where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
            return f'<text {where} fill="{color}" {style}{turn}>{escape(text)}</text>'


# ── PNG: a page of PDF, painted by PDFium ───────────────────────────────────────────────────────────────────────────


def _painted(width: int, height: int, parts: list[_Part]) -> NDArray[np.uint8]:
    api: Any = import_module("pypdfium2.raw")
    document: Any = import_module("pypdfium2").PdfDocument.new()
    try:
        page = document.new_page(width, height)
        for part in parts:
            api.FPDFPage_InsertObject(page.raw, _object(api, document.raw, part, height))
        api.FPDFPage_GenerateContent(page.raw)
        painted = page.render(scale=SCALE, rev_byteorder=True, force_bitmap_format=api.FPDFBitmap_BGR)
        return painted.to_numpy().copy()
    finally:
        document.close()


def _object(api: Any, document: Any, part: _Part, height: int) -> Any:
    """A part as PDFium has it, whose (0, 0) is the lower left corner."""
    if isinstance(part, _Words):
        return _text(api, document, part, height)
    red, green, blue = _rgb(part.color)
    if isinstance(part, _Line):
        (x1, y1), (x2, y2) = part.start, part.end
        made = api.FPDFPageObj_CreateNewPath(x1, height - y1)
        api.FPDFPath_LineTo(made, x2, height - y2)
        api.FPDFPageObj_SetStrokeColor(made, red, green, blue, 255)
        api.FPDFPageObj_SetStrokeWidth(made, part.width)
        if part.dashed:
            api.FPDFPageObj_SetDashArray(made, (ctypes.c_float * 2)(4, 3), 2, 0)
        api.FPDFPath_SetDrawMode(made, api.FPDF_FILLMODE_NONE, True)
        return made
    (x, y), radius = part.center, part.radius
    y, bend = height - y, 0.5523 * radius  # four curves come within 0.03 % of a circle
    made = api.FPDFPageObj_CreateNewPath(x + radius, y)
    for ax, ay, bx, by, cx, cy in (
        (radius, bend, bend, radius, 0, radius),
        (-bend, radius, -radius, bend, -radius, 0),
        (-radius, -bend, -bend, -radius, 0, -radius),
        (bend, -radius, radius, -bend, radius, 0),
    ):
        api.FPDFPath_BezierTo(made, x + ax, y + ay, x + bx, y + by, x + cx, y + cy)
    api.FPDFPageObj_SetFillColor(made, red, green, blue, 255)
    api.FPDFPath_SetDrawMode(made, api.FPDF_FILLMODE_ALTERNATE, False)
    return made


def _text(api: Any, document: Any, part: _Words, height: int) -> Any:
    made = api.FPDFPageObj_NewTextObj(document, FONTS[part.bold], part.size)
    text = part.text.encode("cp1252", "replace").decode("cp1252")
    encoded = (text + "\0").encode("utf-16-le")
    api.FPDFText_SetText(made, ctypes.cast(ctypes.create_string_buffer(encoded), api.FPDF_WIDESTRING))
    api.FPDFPageObj_SetFillColor(made, *_rgb(part.color), 255)
    left, low, right, high = (ctypes.c_float() for _ in range(4))
    api.FPDFPageObj_GetBounds(made, left, low, right, high)
    back = {"start": 0.0, "middle": right.value / 2, "end": right.value}[part.anchor]
    x, y = part.place[0], height - part.place[1]
    if part.turned:
        api.FPDFPageObj_Transform(made, 0, 1, -1, 0, x, y - back)
    else:
        api.FPDFPageObj_Transform(made, 1, 0, 0, 1, x - back, y)
    return made


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _packed(pixels: NDArray[np.uint8]) -> bytes:
    """Rows of red, green and blue as a PNG file (ISO/IEC 15948)."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)  # each row begins with its filter: none
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
