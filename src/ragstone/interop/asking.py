"""How a face of another framework asks a Rag, or a part of one, with and without waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ragstone.errors import UsageError
from ragstone.rag import AsyncRag
from ragstone.sync import Rag
from ragstone.sync.loop import running_loop
from ragstone.types import Answer, Hit

__all__ = ["Asking", "awaited", "metadata"]

T = TypeVar("T")


async def awaited(work: Coroutine[Any, Any, T]) -> T:
    """What a part of ours returns, awaited on the caller's loop. It runs on ours: a part is used on one alone."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, running_loop()))


@dataclass(frozen=True, slots=True)
class Asking:
    """Questions to a Rag, with all that stays the same from one to the next."""

    rag: Rag | AsyncRag
    principals: frozenset[str] = frozenset()
    tenant: str = "default"
    pipeline: str = "answer"
    prompt: str | None = None

    def search(self, question: str, k: int | None, where: Mapping[str, Any] | None) -> list[Hit]:
        """The best passages. Raises UsageError where the Rag has to be awaited."""
        return self._blocking().search(
            question, k=k, where=where, principals=self.principals, tenant=self.tenant, pipeline=self.pipeline
        )

    async def asearch(self, question: str, k: int | None, where: Mapping[str, Any] | None) -> list[Hit]:
        """The best passages, awaited."""
        if isinstance(self.rag, Rag):
            return await asyncio.to_thread(self.search, question, k, where)
        return await self.rag.search(
            question, k=k, where=where, principals=self.principals, tenant=self.tenant, pipeline=self.pipeline
        )

    def ask(self, question: str, k: int | None, where: Mapping[str, Any] | None) -> Answer:
        """An answer. Raises UsageError where the Rag has to be awaited."""
        return self._blocking().ask(
            question,
            prompt=self.prompt,
            k=k,
            where=where,
            principals=self.principals,
            tenant=self.tenant,
            pipeline=self.pipeline,
        )

    async def aask(self, question: str, k: int | None, where: Mapping[str, Any] | None) -> Answer:
        """An answer, awaited."""
        if isinstance(self.rag, Rag):
            return await asyncio.to_thread(self.ask, question, k, where)
        return await self.rag.ask(
            question,
            prompt=self.prompt,
            k=k,
            where=where,
            principals=self.principals,
            tenant=self.tenant,
            pipeline=self.pipeline,
        )

    def _blocking(self) -> Rag:
        if isinstance(self.rag, Rag):
            return self.rag
        raise UsageError(
            "this was made of an AsyncRag, which is awaited",
            expected="a call that is awaited, or a Rag",
            hint="Use ainvoke, aretrieve or aquery, or open the project with ragstone.open.",
        )


def metadata(hit: Hit) -> dict[str, Any]:
    """What other frameworks are told of a passage: where it stands, how it was found, and its own metadata.

    `source` is the uri, as their chains expect it. `text == document.text[start:end]` holds unless `parent` widened it.
    """
    chunk = hit.chunk
    return {
        **{
            name: value if isinstance(value, str | int | float) else list(value)
            for name, value in chunk.metadata.items()
        },
        "source": chunk.uri,
        "uri": chunk.uri,
        "title": chunk.title,
        "document_id": chunk.document_id,
        "page": chunk.page_at(chunk.start),
        "heading": " › ".join(chunk.heading) or None,
        "line": chunk.line,
        "start": chunk.start,
        "end": chunk.end,
        "rank": hit.rank,
        "scores": dict(hit.scores),
    }
