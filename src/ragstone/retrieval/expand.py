"""Puts the larger range that a reader needs in place of the small one that was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ragstone.types import Chunk, Document, Hit

__all__ = ["Place", "expand", "place"]

Place = tuple[str, int, int]
"""A document's id and a range of its text."""


def place(chunk: Chunk) -> Place:
    """What is read where this chunk was found: its parent, or the chunk itself."""
    start, end = chunk.parent or (chunk.start, chunk.end)
    return chunk.document_id, start, end


def expand(hits: Sequence[Hit], documents: Mapping[str, Document]) -> list[Hit]:
    """The hits, those with a parent replaced by it: once each, in the order of their best.

    `documents` by id; a hit whose document is not there stays as it is. A parent keeps the id and the scores of the
    best chunk in it, so that what was found can be told.

    >>> expand([Hit(small, 1, {}), Hit(its_neighbour, 2, {})], {"d": document})[0].chunk.text == document.text[0:900]
    True
    """
    best: dict[Place, Hit] = {}
    for hit in hits:
        best.setdefault(place(hit.chunk), hit)
    return [
        Hit(_parent(hit.chunk, documents.get(hit.chunk.document_id)), rank, hit.scores)
        for rank, hit in enumerate(best.values(), 1)
    ]


def _parent(chunk: Chunk, document: Document | None) -> Chunk:
    if chunk.parent is None or document is None:
        return chunk
    if document.text[chunk.start : chunk.end] != chunk.text:
        return chunk  # the document was written anew since the chunk was found
    start, end = chunk.parent
    text = document.text[start:end]
    spans = [span for span in document.spans if span.start < end and span.end > start]
    return replace(
        chunk,
        text=text,
        start=start,
        end=end,
        line=None if chunk.line is None else chunk.line - document.text.count("\n", start, chunk.start),
        spans=tuple(sorted(spans, key=lambda span: span.start)),
        context="" if chunk.context in text else chunk.context,
        parent=None,
    )
