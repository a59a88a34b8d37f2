"""Puts the larger range that a reader needs in place of the small one that was found."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ragstone.types import Chunk, Document, Hit, Span

__all__ = ["Place", "expand", "joined", "neighbourhood", "place", "unheaded"]

Place = tuple[str, int, int]
"""A document's id and a range of its text."""

Range = tuple[int, int]


def place(chunk: Chunk) -> Place:
    """What is read where this chunk was found: its parent, or the chunk itself."""
    start, end = chunk.parent or (chunk.start, chunk.end)
    return chunk.document_id, start, end


def neighbourhood(chunk: Chunk, others: Sequence[Range], count: int) -> Range:
    """The range from so many chunks before this one to as many after it; `others` are its document's, in order."""
    own = chunk.start, chunk.end
    near = others[max(0, bisect_left(others, own) - count) : bisect_right(others, own) + count]
    return min([chunk.start, *(start for start, _ in near)]), max([chunk.end, *(end for _, end in near)])


def expand(
    hits: Sequence[Hit],
    documents: Mapping[str, Document],
    ranges: Mapping[str, Range] | None = None,
    *,
    barred: Mapping[str, Sequence[Range]] | None = None,
) -> list[Hit]:
    """The hits, each replaced by its range in `ranges` (by chunk id) or by its parent: once each, the best one first.

    `documents` by id; a hit whose document is not there stays as it is. What is put in its place keeps the id and the
    scores of the best chunk in it, so that what was found can be told. No range takes in what is `barred`.

    >>> expand([Hit(small, 1, {}), Hit(its_neighbour, 2, {})], {"d": document})[0].chunk.text == document.text[0:900]
    True
    """
    best: dict[Place, Hit] = {}
    for hit in hits:
        wanted = (ranges or {}).get(hit.chunk.id) or hit.chunk.parent
        document = documents.get(hit.chunk.document_id)
        if wanted:
            wanted = _clear(wanted, hit.chunk, (barred or {}).get(hit.chunk.document_id, ()))
        if wanted and document and document.text[hit.chunk.start : hit.chunk.end] == hit.chunk.text:
            hit = replace(hit, chunk=_widened(hit.chunk, *wanted, document))
        best.setdefault((hit.chunk.document_id, hit.chunk.start, hit.chunk.end), hit)
    return _ranked(best.values())


def _clear(wanted: Range, chunk: Chunk, barred: Sequence[Range]) -> Range:
    """As much of a range around a chunk as holds nothing that is barred, but for what the chunk shares with it."""
    first, last = wanted
    for start, end in barred:
        if start < chunk.start:
            first = max(first, min(end, chunk.start))
        if end > chunk.end:
            last = min(last, max(start, chunk.end))
    return first, last


def unheaded(spans: Sequence[Span], barred: Sequence[Range]) -> tuple[Span, ...]:
    """The spans of a text without the headings that stand in what is barred."""
    if not barred:
        return tuple(spans)
    return tuple(
        span for span in spans if span.kind != "heading" or not any(start <= span.start < end for start, end in barred)
    )


def joined(hits: Sequence[Hit], documents: Mapping[str, Document]) -> list[Hit]:
    """The hits, those of one document that overlap or touch made into one, which stands where its best stood."""
    groups: list[list[Hit]] = []
    for hit in sorted(hits, key=lambda hit: (hit.chunk.document_id, hit.chunk.start)):
        if groups and _touch(groups[-1], hit, documents):
            groups[-1].append(hit)
        else:
            groups.append([hit])
    return _ranked(sorted((_whole(group, documents) for group in groups), key=lambda hit: hit.rank))


def _whole(group: Sequence[Hit], documents: Mapping[str, Document]) -> Hit:
    best = min(group, key=lambda hit: hit.rank)
    if len(group) == 1:
        return best
    start, end = min(hit.chunk.start for hit in group), max(hit.chunk.end for hit in group)
    return replace(best, chunk=_widened(best.chunk, start, end, documents[best.chunk.document_id]))


def _touch(group: Sequence[Hit], hit: Hit, documents: Mapping[str, Document]) -> bool:
    document = documents.get(hit.chunk.document_id)
    if document is None or group[0].chunk.document_id != document.id:
        return False
    end = max(other.chunk.end for other in group)
    return hit.chunk.start <= end or not document.text[end : hit.chunk.start].strip()


def _ranked(hits: Iterable[Hit]) -> list[Hit]:
    return [replace(hit, rank=rank) for rank, hit in enumerate(hits, 1)]


def _widened(chunk: Chunk, start: int, end: int, document: Document) -> Chunk:
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
