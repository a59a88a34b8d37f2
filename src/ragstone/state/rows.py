"""Between rows of `project.db` and the types of `types.py`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from functools import lru_cache
from typing import Any

from ragstone.labels import labelled, trust_of
from ragstone.types import Chunk, Document, Span, Trust

__all__ = ["CHUNK", "DOCUMENT", "MANIFEST", "chunk_row", "chunks", "document", "document_row", "relabelled", "trust"]

CHUNK = (
    "c.id, c.document_id, c.start, c.end, c.line, c.parent_start, c.parent_end, c.context, c.text, c.spans,"
    " d.uri, d.title, d.metadata, d.acl"
)
"""The columns of a chunk, with those of its document."""

DOCUMENT = (
    "id, source, uri, title, media_type, text, content_hash, spans, metadata, acl, warnings, verbatim, parent, language"
)


MANIFEST = (
    "id, uri, version, fingerprint, content_hash, parent, state, acl,"
    """ CASE WHEN instr(metadata, '"trust"') THEN metadata ELSE '' END"""
)
"""What is known of a document without its text; few have metadata that are read for it."""


def trust(metadata: str) -> Trust:
    """How far a document is trusted whose metadata these are, or none that say it."""
    return trust_of(json.loads(metadata)) if metadata else "retrieved"


def relabelled(metadata: str, trust: Trust) -> str:
    """The metadata of a document that is trusted so."""
    return json.dumps(dict(labelled(json.loads(metadata), trust)), ensure_ascii=False)


def document_row(
    pipeline: str,
    tenant: str,
    document: Document,
    language: str,
    version: str,
    fingerprint: str,
    state: str,
    ingestion: str,
) -> tuple[Any, ...]:
    """A document as the table holds it."""
    return (
        pipeline,
        document.id,
        tenant,
        document.source,
        document.uri,
        document.title,
        document.media_type,
        language,
        json.dumps(dict(document.metadata), ensure_ascii=False),
        json.dumps(document.acl),
        json.dumps(document.warnings),
        document.content_hash,
        version,
        fingerprint,
        document.parent,
        document.verbatim,
        state,
        _spans_json(document.spans),
        document.text,
        ingestion,
    )


def chunk_row(pipeline: str, chunk: Chunk) -> tuple[Any, ...]:
    """A chunk as the table holds it."""
    place = (chunk.start, chunk.end, chunk.line, *(chunk.parent or (None, None)))
    return (pipeline, chunk.id, chunk.document_id, *place, chunk.context, chunk.text, _spans_json(chunk.spans))


def chunks(rows: Iterable[Sequence[Any]]) -> list[Chunk]:
    """Chunks from the columns of `CHUNK`. What those of one document share is read once."""
    read = lru_cache(maxsize=None)(json.loads)
    seen = lru_cache(maxsize=None)(_acl)
    spans = lru_cache(maxsize=None)(_spans)
    return [
        Chunk(
            id=row[0],
            document_id=row[1],
            start=row[2],
            end=row[3],
            line=row[4],
            parent=None if row[5] is None else (row[5], row[6]),
            context=row[7],
            text=row[8],
            spans=spans(row[9]),
            uri=row[10],
            title=row[11],
            metadata=read(row[12]),
            acl=seen(row[13]),
        )
        for row in rows
    ]


def document(row: Sequence[Any]) -> Document:
    """A document from the columns of `DOCUMENT`."""
    return Document(
        id=row[0],
        source=row[1],
        uri=row[2],
        title=row[3],
        media_type=row[4],
        text=row[5],
        content_hash=row[6],
        spans=_spans(row[7]),
        metadata=_metadata(row[8]),
        acl=_acl(row[9]),
        warnings=tuple(json.loads(row[10])),
        verbatim=bool(row[11]),
        parent=row[12],
    )


def _acl(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _metadata(text: str) -> Mapping[str, Any]:
    return json.loads(text)


def _spans_json(spans: Sequence[Span]) -> str:
    return json.dumps([astuple(span) for span in spans], ensure_ascii=False)


def _spans(text: str) -> tuple[Span, ...]:
    return tuple(Span(*values) for values in json.loads(text))
