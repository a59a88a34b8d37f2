"""Makes documents of an item: reads it, and lets a worker find out what it is and parse it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import title_from
from ragstone.ingestion.read import Part
from ragstone.labels import KEY, labelled, trust_of
from ragstone.reports import Failure
from ragstone.types import Context, Document, Item, Parsed

__all__ = ["Family", "Reader", "document_id", "parse"]

PRESUMING = "says itself how far it is trusted, which does not count: its source's `trust` does"


@dataclass(frozen=True, slots=True)
class Family:
    """A document, those that lie inside it, and why others in there could not be read.

    `languages` are those of documents that were read just now, by their ids.
    """

    document: Document
    children: tuple[Document, ...] = ()
    failed: tuple[Failure, ...] = ()
    languages: Mapping[str, str] = field(default_factory=dict[str, str])


class Reader(Protocol):
    """Who reads files: `Workers`, in processes of their own, or `Here`."""

    def start(self, readers: int = 1) -> None:
        """Starts what is slow to start, so that the first files, so many at once, need not wait for it."""
        ...

    def read(self, data: bytes, uri: str, *, media_type: str = "") -> Sequence[Part]:
        """The file and what lies inside it. Raises ParseError when the file itself cannot be read."""
        ...


async def parse(item: Item, *, source: str, tenant: str, workers: Reader, context: Context) -> Family:
    """The documents that an item holds.

    Raises ParseError, saying why, for whatever goes wrong with the item itself; the trace notes it.
    """
    try:
        return await asyncio.to_thread(_family, item, source, tenant, workers)
    except ParseError:
        with context.trace.step("ingest.parse", uri=item.uri):
            raise


def document_id(tenant: str, source: str, uri: str) -> str:
    """The id of a document: the same for as long as it stays in its place, whatever becomes of its content."""
    return hashlib.blake2b(
        "\0".join((tenant, source, uri)).encode("utf-8", "surrogatepass"), digest_size=16
    ).hexdigest()


def _family(item: Item, source: str, tenant: str, workers: Reader) -> Family:
    data = _read(item)
    first, *inside = workers.read(data, item.uri, media_type=item.media_type)
    assert first.parsed is not None, "else it has raised"
    children = [_document(part, part.parsed, item, source, tenant) for part in inside if part.parsed is not None]
    failed = [
        Failure(part.uri, str(part.error).removeprefix(f"{part.uri}: ")) for part in inside if part.error is not None
    ]
    document = _document(first, first.parsed, item, source, tenant)
    if item.title:
        document = replace(document, title=item.title)
    languages = {document_id(tenant, source, part.uri): part.language for part in (first, *inside)}
    return Family(document, tuple(replace(child, parent=item.uri) for child in children), tuple(failed), languages)


def _document(part: Part, parsed: Parsed, item: Item, source: str, tenant: str) -> Document:
    return Document(
        id=document_id(tenant, source, part.uri),
        source=source,
        uri=part.uri,
        title=parsed.title or title_from(part.uri),
        media_type=parsed.media_type,
        text=parsed.text,
        content_hash=part.digest,
        spans=parsed.spans,
        # What the source says of a file outweighs what the file says, and of its trust nothing else says anything.
        metadata=labelled({**parsed.metadata, **item.metadata}, trust_of(item.metadata)),
        acl=item.acl,
        warnings=(*parsed.warnings, *((PRESUMING,) if KEY in parsed.metadata else ())),
        verbatim=parsed.verbatim,
    )


def _read(item: Item) -> bytes:
    try:
        data = item.read()
    except ParseError:
        raise
    except Exception as error:
        raise ParseError(f"cannot be read: {type(error).__name__}: {error}", where=item.uri) from error
    if not data:
        raise ParseError("is empty", where=item.uri)
    return data
