"""Contextual retrieval: one sentence before each chunk that says where it stands in its document.

After Anthropic, "Introducing Contextual Retrieval" (2024). The sentence is embedded, indexed and shown with the chunk;
it is no part of its text and cannot be cited.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace

from ragstone.caching.key import sentence_key
from ragstone.pipelines.runner import PromptRunner
from ragstone.protocols import Cache, Embedder
from ragstone.stored import Stored
from ragstone.types import Chunk, Context, Document

__all__ = ["Situator"]

PROMPT = "context"
ROOM = "sentences"
AROUND = 6_000  # characters of the document before and after a chunk that the model sees
AT_ONCE = 8
SPECIAL = 2  # tokens that an embedder puts around a text


class Situator:
    """Asks for the sentences, each once: they are kept by prompt, models, and what the model saw."""

    def __init__(self, runner: PromptRunner, embedder: Embedder, kept: Cache) -> None:
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

    async def forget(self, documents: Sequence[str]) -> None:
        """Removes what was said of the passages of documents, by their ids."""
        if documents:
            await self._kept.forget([_tag(one) for one in documents], context=Context())

    async def _situated(self, chunk: Chunk, document: Document, fingerprint: str, context: Context) -> Chunk:
        around = document.text[max(0, chunk.start - AROUND) : chunk.end + AROUND]
        key = sentence_key(fingerprint, title=document.title, around=around, passage=chunk.text)
        found = (await self._kept.get(ROOM, [key], context=context)).get(key)
        if found is not None:
            sentence = found.value.decode("utf-8", "replace")
        else:
            inputs = {"title": document.title, "document": around, "passage": chunk.text}
            completion = await self._runner.run(PROMPT, inputs, context=context)
            said = " ".join(completion.text.split()).encode("utf-8", "replace")
            await self._kept.put(ROOM, {key: Stored(value=said, tags=(_tag(document.id),))}, context=context)
            sentence = said.decode()
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


def _tag(document: str) -> str:
    return f"document:{document}"
