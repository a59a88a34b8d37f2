"""From chunks to vectors."""

from __future__ import annotations

from collections.abc import Sequence

from ragstone.protocols import Embedder
from ragstone.types import Chunk, Context, Record

__all__ = ["embed"]

AT_ONCE = 256  # chunks; enough to fill the embedder, few enough that Ctrl-C is answered within a second or two


async def embed(
    chunks: Sequence[Chunk], ids: Sequence[Sequence[int] | None], *, embedder: Embedder, context: Context
) -> list[Record]:
    """Each chunk with its vector. Token ids that the splitter has counted are handed on, not counted twice."""
    records: list[Record] = []
    for first in range(0, len(chunks), AT_ONCE):
        part, known = chunks[first : first + AT_ONCE], ids[first : first + AT_ONCE]
        counted = [found for found in known if found is not None]
        with context.trace.step("ingest.embed", chunks=len(part)):
            vectors = await embedder.embed(
                [chunk.text for chunk in part], context=context, ids=counted if len(counted) == len(part) else None
            )
        records += [Record(chunk, vector) for chunk, vector in zip(part, vectors, strict=True)]
    return records
