"""Makes chunks of a document, each with its place, its spans and its token ids."""

from __future__ import annotations

import hashlib
from collections import deque

from ragstone.protocols import Splitter
from ragstone.types import Chunk, Document, Span

__all__ = ["chunk_id", "split"]


def split(document: Document, splitter: Splitter) -> list[tuple[Chunk, tuple[int, ...] | None]]:
    """The chunks of a document in order, each with the token ids that the splitter has counted, or None.

    A range whose words stood in an earlier chunk of the document already, under the same context (a log's repeated
    lines), is left out: it would say nothing new, and thousands of equal vectors cut a graph index in two, so that it
    no longer finds the others.
    A chunk inherits uri, title, metadata and acl, and takes those spans of the document that overlap it.
    """
    made: list[tuple[Chunk, tuple[int, ...] | None]] = []
    waiting = deque(sorted(document.spans, key=lambda span: span.start))
    spans: list[Span] = []
    line, counted, seen = 1, 0, set[str]()
    for piece in splitter.split(document):
        line += document.text.count("\n", counted, piece.start)
        counted = piece.start
        while waiting and waiting[0].start < piece.end:
            spans.append(waiting.popleft())
        spans = [span for span in spans if span.end > piece.start]
        chunk = Chunk(
            id=chunk_id(
                document.id, splitter.fingerprint, piece.start, piece.end, context=piece.context, parent=piece.parent
            ),
            document_id=document.id,
            uri=document.uri,
            title=document.title,
            text=document.text[piece.start : piece.end],
            start=piece.start,
            end=piece.end,
            line=line if document.verbatim else None,
            spans=tuple(span for span in spans if span.start < piece.end),
            metadata=document.metadata,
            acl=document.acl,
            context=piece.context,
            parent=piece.parent,
        )
        if chunk.embedded in seen:
            continue
        seen.add(chunk.embedded)
        made.append((chunk, piece.ids))
    return made


def chunk_id(
    document: str, fingerprint: str, start: int, end: int, *, context: str = "", parent: tuple[int, int] | None = None
) -> str:
    """The id of a range of a document as one splitter cuts it: equal for equal cuts, whatever the text there is.

    What is said before the text and what is read in place of it belong to the cut.
    """
    parts = [document, fingerprint, str(start), str(end)]
    if context or parent:
        parts += [context, repr(parent)]
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
