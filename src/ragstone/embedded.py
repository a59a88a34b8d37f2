"""Vectors of a caller's own texts: `rag.embed()`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragstone.errors import EmbedderError, UsageError
from ragstone.protocols import Embedder
from ragstone.types import Context

if TYPE_CHECKING:
    from ragstone.types import Matrix

__all__ = ["Embedded", "embedded"]

SPECIAL = 2  # tokens that a model puts around a text


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """Vectors of length 1, shape (texts, dimensions), and the tokens that were read; 0 where nobody counts them.

    Only vectors of one `fingerprint` can be compared.
    """

    vectors: Matrix
    tokens: int
    fingerprint: str


async def embedded(embedder: Embedder, texts: Sequence[str]) -> Embedded:
    """Embeds texts as passages. Raises UsageError for one that is empty or too long."""
    for number, text in enumerate(texts):
        if not text.strip():
            raise UsageError("the text is empty", where=f"texts.{number}")
    tokens, ids = await asyncio.to_thread(_read, embedder, texts)
    for number, count in enumerate(tokens):
        if count > embedder.window:
            expected, hint = f"at most {embedder.window:,} tokens", "Split it into chunks."
            raise UsageError(
                "the text is too long", where=f"texts.{number}", expected=expected, found=f"{count:,}", hint=hint
            )
    vectors = await embedder.embed(texts, context=Context(), ids=ids)
    return Embedded(vectors=vectors, tokens=sum(tokens), fingerprint=embedder.fingerprint)


def _read(embedder: Embedder, texts: Sequence[str]) -> tuple[list[int], Sequence[Sequence[int]] | None]:
    """How many tokens each text has, and which; nothing of an embedder without a tokenizer."""
    try:
        ids = [found[0] for found in embedder.all_tokens(texts)]
    except EmbedderError:
        return [], None
    return [len(one) + SPECIAL for one in ids], ids
