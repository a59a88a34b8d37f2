"""PowerPoint presentations: a span for each slide, its title, its shapes in reading order, and its notes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any, ClassVar

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import title_from
from ragstone.ingestion.parsers.blocks import Blocks
from ragstone.ingestion.parsers.markup import root_of
from ragstone.ingestion.parsers.packed import opened
from ragstone.protocols import Parser
from ragstone.types import Parsed

__all__ = ["PptxParser"]

_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_SLIDE = re.compile(r"ppt/slides/slide(\d+)\.xml")


class PptxParser(Parser):
    """Shapes are read from top to bottom, and groups as one; a table has a line for each row.

    Of a file that PowerPoint's own library cannot open, the words of each slide are read as they stand.
    """

    media_types: ClassVar[tuple[str, ...]] = (
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    )

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text and its slides. Raises ParseError for a damaged file, and where no slide has words."""
        from pptx import Presentation

        opened(data, uri=uri).close()
        blocks, warnings, named = Blocks(), list[str](), ""
        try:
            presentation: Any = Presentation(io.BytesIO(data))
            named = (presentation.core_properties.title or "").strip()
            slides = list(presentation.slides)
        except Exception as error:  # python-pptx raises whatever its parts raise
            warnings.append(f"is damaged, and only its words were read: {type(error).__name__}: {error}")
            _raw(data, uri, blocks)
            slides = []
        for number, slide in enumerate(slides, 1):
            with blocks.within("slide", str(number)):
                try:
                    _slide(slide, blocks)
                except Exception as error:  # the other slides are read all the same
                    warnings.append(f"slide {number} is damaged: {type(error).__name__}: {error}")
        text, spans = blocks.text, blocks.spans()
        if not text:
            raise ParseError("holds no text: its slides show only pictures, or nothing", where=uri)
        if named.lower() in ("powerpoint presentation", "powerpoint-präsentation", "presentation"):
            named = ""
        first = next((span.label for span in spans if span.kind == "heading"), "")
        return Parsed(
            text=text,
            media_type=self.media_types[0],
            title=named or first or title_from(uri),
            spans=spans,
            warnings=tuple(warnings),
        )


def _slide(slide: Any, blocks: Blocks) -> None:
    title = slide.shapes.title
    if title is not None and title.text_frame.text.strip():
        blocks.heading(1, title.text_frame.text)
    for shape in _in_order(slide.shapes):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if getattr(shape, "has_table", False):
            blocks.table([[cell.text for cell in row.cells] for row in shape.table.rows])
        elif getattr(shape, "has_chart", False):
            _chart(shape.chart, blocks)
        elif shape.has_text_frame:
            blocks.add(_lines(shape.text_frame.text))
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        blocks.add(_lines(slide.notes_slide.notes_text_frame.text))


def _in_order(shapes: Any) -> Iterator[Any]:
    """Shapes from top to bottom, then from left to right; those of a group together."""
    for shape in sorted(shapes, key=lambda one: (one.top or 0, one.left or 0)):
        if hasattr(shape, "shapes"):
            yield from _in_order(shape.shapes)
        else:
            yield shape


def _chart(chart: Any, blocks: Blocks) -> None:
    if chart.has_title:
        blocks.add(_lines(chart.chart_title.text_frame.text))
    for plot in chart.plots:
        rows = [["", *map(str, plot.categories)]]
        rows += [
            [series.name, *("" if value is None else f"{value:.15g}" for value in series.values)]
            for series in plot.series
        ]
        blocks.table(rows)


def _lines(text: str) -> str:
    return "\n".join(line.strip() for line in text.replace("\v", "\n").splitlines() if line.strip())


def _raw(data: bytes, uri: str, blocks: Blocks) -> None:
    """The words of each slide's XML, read by a parser that goes on after faults."""
    with opened(data, uri=uri) as archive:
        found = {int(match[1]): name for name in archive.namelist() if (match := _SLIDE.fullmatch(name))}
        for number in sorted(found):
            with blocks.within("slide", str(number)):
                for paragraph in root_of(archive.read(found[number])).iter(f"{_DRAWING}p"):
                    blocks.add("".join(run.text or "" for run in paragraph.iter(f"{_DRAWING}t")))
