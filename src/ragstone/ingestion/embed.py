"""From chunks to vectors."""

from __future__ import annotations

from collections.abc import Sequence

from ragstone.protocols import Embedder
from ragstone.types import Chunk, Context, Record

__all__ = ["embed"]


async def embed(
    chunks: Sequence[Chunk], ids: Sequence[Sequence[int] | None], *, embedder: Embedder, context: Context
) -> list[Record]:
    """Each chunk with its vector. Token ids that the splitter has counted are handed on, not counted twice."""
    if not chunks:
        return []
    known = [part for part in ids if part is not None]
    with context.trace.step("ingest.embed", chunks=len(chunks)):
        vectors = await embedder.embed(
            [chunk.text for chunk in chunks], context=context, ids=known if len(known) == len(chunks) else None
        )
    return [Record(chunk, vector) for chunk, vector in zip(chunks, vectors, strict=True)]
