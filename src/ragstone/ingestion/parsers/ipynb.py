"""Jupyter notebooks: as the Markdown that they would make."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar

from ragstone.ingestion.parsers import title_from
from ragstone.ingestion.parsers.markdown import markdown_spans
from ragstone.ingestion.parsers.text import decode
from ragstone.protocols import Parser
from ragstone.types import Parsed

__all__ = ["NotebookParser"]

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")  # colours of a terminal
_FENCES = re.compile(r"`{3,}")


class NotebookParser(Parser):
    """Cells of Markdown as they are, code and what it printed in fences, with sections and tables as in Markdown.

    Pictures, and outputs that are no text, are left out.
    """

    media_types: ClassVar[tuple[str, ...]] = ("application/x-ipynb+json",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text and its sections; that of the file as it stands, with a warning, where its JSON is damaged."""
        source, warnings = decode(data, uri=uri)
        try:
            notebook = json.loads(source, strict=False)
            text = "\n\n".join(block for block in _blocks(notebook) if block.strip())
        except (ValueError, RecursionError, AttributeError, TypeError) as error:
            warnings = (*warnings, f"is a damaged notebook, and was read as text: {error}")
            return Parsed(
                text=source,
                media_type="application/x-ipynb+json",
                title=title_from(uri),
                warnings=warnings,
                verbatim=True,
            )
        spans = markdown_spans(text)
        title = next((span.label for span in spans if span.kind == "heading" and span.level == 1), title_from(uri))
        return Parsed(text=text, media_type="application/x-ipynb+json", title=title, spans=spans, warnings=warnings)


def _blocks(notebook: dict[str, Any]) -> Iterator[str]:
    metadata = notebook.get("metadata", {})
    language = metadata.get("language_info", {}).get("name") or metadata.get("kernelspec", {}).get("language") or ""
    sheets = notebook.get("worksheets") or [notebook]  # before version 4 the cells lay in these
    for cell in (cell for sheet in sheets for cell in sheet.get("cells", [])):
        source = _joined(cell.get("source", cell.get("input", ""))).strip("\n")
        if cell.get("cell_type") != "code":
            yield source
        elif source.strip():
            yield _fenced(source, str(language))
        for output in cell.get("outputs", []):
            if words := _printed(output).strip("\n"):
                yield _fenced(words, "")


def _printed(output: dict[str, Any]) -> str:
    """What an output says in plain text."""
    if output.get("output_type") in ("error", "pyerr"):
        return f"{output.get('ename', '')}: {output.get('evalue', '')}"
    found = output.get("text") or output.get("data", {}).get("text/plain", "")
    return _ESCAPES.sub("", _joined(found)).rstrip()


def _joined(lines: Any) -> str:
    return "".join(map(str, lines)) if isinstance(lines, list) else str(lines)  # pyright: ignore[reportUnknownArgumentType]


def _fenced(text: str, language: str) -> str:
    longest = max((len(fence) for fence in _FENCES.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
