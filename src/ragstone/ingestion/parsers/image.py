"""Images: their words, where a connector of kind `ocr` can read them."""

from __future__ import annotations

import io
from typing import ClassVar

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import title_from
from ragstone.protocols import Ocr, Parser
from ragstone.types import Parsed

__all__ = ["NO_OCR", "ImageParser"]

NO_OCR = (
    "Read it with OCR: add connectors/tesseract.yaml, and `parse: {image: {ocr: tesseract}, pdf: {ocr: tesseract}}`."
)

_TYPES = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
    b"BM": "image/bmp",
    b"RIFF": "image/webp",
}
_DIRECT = ("image/png", "image/jpeg", "image/tiff")


class ImageParser(Parser):
    """The words on the image, as `ocr` reads them. Formats that it may not know are turned into PNG first."""

    media_types: ClassVar[tuple[str, ...]] = tuple(dict.fromkeys(_TYPES.values()))

    def __init__(self, *, ocr: Ocr | None = None) -> None:
        self.ocr = ocr

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The words. Raises ParseError without OCR, and where there are none."""
        media_type = next((found for mark, found in _TYPES.items() if data.startswith(mark)), "image/png")
        if self.ocr is None:
            raise ParseError("has no text layer: it is an image", where=uri, hint=NO_OCR)
        text = self.ocr.read(data if media_type in _DIRECT else _as_png(data, uri)).strip()
        if not text:
            raise ParseError("has no text layer, and OCR found no words on it", where=uri)
        return Parsed(text=text, media_type=media_type, title=title_from(uri), warnings=("its words were read by OCR",))


def _as_png(data: bytes, uri: str) -> bytes:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image, io.BytesIO() as target:
            image.convert("RGB").save(target, "PNG")
            return target.getvalue()
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise ParseError(f"is a damaged image: {error}", where=uri) from error
