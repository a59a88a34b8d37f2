"""One conversation with the documents: `rag.chat()`. What a follow-up question refers to, `conversations/` says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ragstone.asked import Asked
from ragstone.assembly import Assembly
from ragstone.conversations.memory import KeptMemory, Memory, MemoryOnly, query, remembered
from ragstone.conversations.packing import packed
from ragstone.errors import UsageError
from ragstone.streams import AnswerStream, whole
from ragstone.trace import Trace
from ragstone.turns import Owner, check_id
from ragstone.types import Answer, Context, Delta
from ragstone.usage import Purse

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["AsyncChat", "chat_with"]


class AsyncChat:
    """One conversation with the documents.

    A question knows the answers that were complete when it was asked. An answer is complete, and seen as such, once it
    is remembered. Raises ConversationNotFound where the conversation was deleted meanwhile.
    """

    def __init__(
        self,
        said: Callable[[Asked, Context], AsyncGenerator[Delta | Answer]],
        *,
        how: Asked,
        who: Context,
        memory: Memory,
        digest: Callable[[str, str, Context], Awaitable[str]],
    ) -> None:
        self._said, self._how, self._who, self._memory, self._digest = said, how, who, memory, digest

    async def ask(self, question: str, /, *, output: type[BaseModel] | None = None, **inputs: Any) -> Answer:
        """An answer to the next question."""
        return await whole(self._remembered(question, output, inputs, unread=True))

    def stream(self, question: str, /, *, output: type[BaseModel] | None = None, **inputs: Any) -> AnswerStream:
        """The same answer while it is said; it is remembered once it is complete."""
        return AnswerStream(self._remembered(question, output, inputs))

    async def _remembered(
        self, question: str, output: type[BaseModel] | None, inputs: dict[str, Any], *, unread: bool = False
    ) -> AsyncGenerator[Delta | Answer]:
        talk = await self._memory.begun()
        # What was said before goes with the question, so that it stays where it has to.
        trace = Trace("chat", user=self._who.trace.user)
        context = replace(self._who, unread=unread, confidential=talk.confidential, purse=Purse(), trace=trace)
        before = await packed(self._memory, partial(self._digested, context=context), turns=talk.turns)
        searched = query(talk.topic, question)
        asked = replace(
            self._how, question=question, query=searched, history=before.history, output=output, inputs=inputs
        )
        async with aclosing(self._said(asked, context)) as parts:
            async for part in parts:
                if isinstance(part, Answer):
                    await remembered(self._memory, part, after=talk)
                    yield replace(part, notices=(*before.notices, *part.notices))
                else:
                    yield part

    async def _digested(self, turns: str, earlier: str, *, context: Context) -> str:
        return await self._digest(turns, earlier, context)


def chat_with(
    parts: Assembly,
    said: Callable[[Asked, Context], AsyncGenerator[Delta | Answer]],
    *,
    how: Asked,
    who: Context,
    conversation: str | None,
    user: str,
) -> AsyncChat:
    """A conversation that is kept under an id, or without one in memory. Raises UsageError for what is no id."""
    if conversation is None and user:
        hint = "Name one with `conversation`."
        raise UsageError("a conversation that is not kept is nobody's", where="user", found=repr(user)[:80], hint=hint)
    memory: Memory = MemoryOnly()
    if conversation is not None:
        owner = Owner(tenant=who.tenant, key=who.key, user=user)
        memory = KeptMemory(parts.conversations, owner, check_id(conversation), principals=who.principals)

    async def digest(turns: str, earlier: str, context: Context) -> str:
        found = await asyncio.to_thread(parts.answer, tenant=context.tenant, pipeline=how.pipeline)
        return await found.digest.run(turns, earlier=earlier, context=context)

    return AsyncChat(said, how=how, who=replace(who, trace=Trace("chat", user=user)), memory=memory, digest=digest)
