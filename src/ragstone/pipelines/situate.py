"""Contextual retrieval: one sentence before each chunk that says where it stands in its document.

After Anthropic, "Introducing Contextual Retrieval" (2024). The sentence is embedded, indexed and shown with the chunk;
it is no part of its text and cannot be cited.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace

from ragstone.caching.embeddings import VectorCache
from ragstone.pipelines.runner import PromptRunner
from ragstone.protocols import Embedder
from ragstone.types import Chunk, Context, Document

__all__ = ["Situator"]

PROMPT = "context"
AROUND = 6_000  # characters of the document before and after a chunk that the model sees
AT_ONCE = 8
SPECIAL = 2  # tokens that an embedder puts around a text


class Situator:
    """Asks for the sentences, each once: they are kept by prompt, models, and what the model saw."""

    def __init__(self, runner: PromptRunner, embedder: Embedder, kept: VectorCache) -> None:
        self._runner, self._embedder, self._kept = runner, embedder, kept

    @property
    def fingerprint(self) -> str:
        """Changes with the prompt file and the models. It reads the file."""
        said = "\0".join((self._runner.version(PROMPT), *self._runner.models))
        return hashlib.blake2b(said.encode(), digest_size=4).hexdigest()

    async def __call__(self, chunks: Sequence[Chunk], document: Document, *, context: Context) -> list[Chunk]:
        """The chunks, each with its sentence before what it had as context. Raises a ModelError."""
        room = asyncio.Semaphore(AT_ONCE)
        fingerprint = await asyncio.to_thread(lambda: self.fingerprint)

        async def situated(chunk: Chunk) -> Chunk:
            async with room:
                return await self._situated(chunk, document, fingerprint, context)

        return list(await asyncio.gather(*map(situated, chunks)))

    async def _situated(self, chunk: Chunk, document: Document, fingerprint: str, context: Context) -> Chunk:
        around = document.text[max(0, chunk.start - AROUND) : chunk.end + AROUND]
        seen = "\0".join((fingerprint, document.title, around, chunk.text))
        key = hashlib.blake2b(seen.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        kept = await asyncio.to_thread(self._kept.get, [key])
        if key in kept:
            sentence = kept[key].decode()
        else:
            inputs = {"title": document.title, "document": around, "passage": chunk.text}
            completion = await self._runner.run(PROMPT, inputs, context=context)
            sentence = " ".join(completion.text.split())
            await asyncio.to_thread(self._kept.put, {key: sentence.encode("utf-8", "replace")})
        return await asyncio.to_thread(self._fitted, chunk, sentence)

    def _fitted(self, chunk: Chunk, sentence: str) -> Chunk:
        """With as many words of the sentence as the embedder's window has room for."""
        words = sentence.split()
        while words:
            context = "\n".join(filter(None, (" ".join(words), chunk.context)))
            fitted = replace(chunk, context=context)
            over = len(self._embedder.tokens(fitted.embedded)[0]) + SPECIAL - self._embedder.window
            if over <= 0:
                return fitted
            words = words[: -max(1, over // 2)]
        return chunk
