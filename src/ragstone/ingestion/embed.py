"""From chunks to vectors."""

from __future__ import annotations

from collections.abc import Sequence

from ragstone.protocols import Embedder
from ragstone.types import Chunk, Context, Record

__all__ = ["embed"]

AT_ONCE = 256  # chunks; enough to fill the embedder, few enough that Ctrl-C is answered within a second or two


async def embed(
    chunks: Sequence[Chunk], ids: Sequence[Sequence[int] | None], *, embedder: Embedder, context: Context
) -> tuple[list[Record], int]:
    """Each chunk with its vector, and how many of these had to be made: the others were kept from another time.

    Token ids that the splitter has counted are handed on, not counted twice.
    """
    records: list[Record] = []
    made = 0
    for first in range(0, len(chunks), AT_ONCE):
        part, known = chunks[first : first + AT_ONCE], ids[first : first + AT_ONCE]
        counted = [found for found in known if found is not None]
        texts = [chunk.embedded for chunk in part]
        with context.trace.step("ingest.embed", chunks=len(part)) as step:
            kept = sum(await embedder.known(texts, context=context))
            step.facts["made"] = len(texts) - kept
            made += len(texts) - kept
            vectors = await embedder.embed(texts, context=context, ids=counted if len(counted) == len(part) else None)
        records += [Record(chunk, vector) for chunk, vector in zip(part, vectors, strict=True)]
    return records, made
