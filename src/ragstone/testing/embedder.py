"""An embedder without a model."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ragstone.compact import Projection, fitted
from ragstone.errors import EmbedderError
from ragstone.protocols import Capabilities, Embedder
from ragstone.types import Context

if TYPE_CHECKING:
    from ragstone.types import Matrix, Vector

__all__ = ["HashingEmbedder"]

_TOKEN = re.compile(r"\w+|[^\w\s]")
_SPECIAL = 2  # tokens around every text, as most models have them
_PART = 3  # characters in the parts of a word
_PART_WEIGHT = 0.3


class HashingEmbedder(Embedder):
    """Counts words and their parts of three letters in hashed places, so texts that share words are near each other.

    >>> embedder = HashingEmbedder()
    >>> cat, cats, rate = await embedder.embed(["a cat", "two cats", "interest rates"], context=Context())
    >>> float(cat @ cats) > float(cat @ rate)
    True
    """

    capabilities = Capabilities(token_vectors=True, local=True)

    def __init__(self, *, dimensions: int = 256, window: int = 256) -> None:
        self.dimensions, self.window = dimensions, window
        self.fingerprint = f"hashing-1-{dimensions}-{window}"

    async def embed(
        self, texts: Sequence[str], *, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> Matrix:
        """Vectors of shape (len(texts), dimensions) and length 1. Raises EmbedderError for a text beyond the window."""
        known = ids if ids is not None else [self.tokens(text)[0] for text in texts]
        for text, found in zip(texts, known, strict=True):
            if len(found) + _SPECIAL > self.window:
                raise EmbedderError(
                    "a text is longer than the embedder's window",
                    expected=f"{self.window - _SPECIAL} tokens at most",
                    found=f"{len(found)} in {text[:40]!r}…",
                )
        return self._rows([self._sum(_TOKEN.findall(text)) for text in texts])

    async def embed_tokens(self, texts: Sequence[str], *, context: Context) -> Sequence[Matrix]:
        """For each text the vectors of its words: (tokens, dimensions)."""
        return [self._rows([self._sum([word]) for word in _TOKEN.findall(text)]) for text in texts]

    async def projection(self) -> Projection:
        """Fits the projection on the vectors of a thousand made-up words."""
        return fitted(self._rows([self._sum([f"{number:x}"]) for number in range(1000)]))

    def tokens(self, text: str) -> tuple[Sequence[int], Sequence[tuple[int, int]]]:
        """An id and a character range for each word and each mark."""
        found = list(_TOKEN.finditer(text))
        return [zlib.crc32(match.group().encode("utf-8", "replace")) for match in found], [
            match.span() for match in found
        ]

    def _rows(self, rows: Sequence[Vector]) -> Matrix:
        return np.stack(rows) if rows else np.zeros((0, self.dimensions), np.float32)

    def _sum(self, words: Sequence[str]) -> Vector:
        total = np.zeros(self.dimensions, np.float32)
        for word in words:
            for feature, weight in _features(word.casefold()):
                place = zlib.crc32(feature.encode("utf-8", "replace"))
                total[place % self.dimensions] += weight if place & 0x8000_0000 else -weight
        length = float(np.linalg.norm(total))
        if length:
            return total / np.float32(length)
        total[0] = 1.0  # a text without words still has a vector of length 1
        return total


def _features(word: str) -> Iterator[tuple[str, float]]:
    yield word, 1.0
    framed = f"<{word}>"
    for start in range(len(framed) - _PART + 1):
        yield framed[start : start + _PART], _PART_WEIGHT
