"""One conversation with the documents: `rag.chat()`. What a follow-up question refers to, `conversations/` says."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ragstone.asked import Asked
from ragstone.conversations.memory import Conversation
from ragstone.streams import AnswerStream, whole
from ragstone.trace import Trace
from ragstone.types import Answer, Context, Delta
from ragstone.usage import Purse

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["AsyncChat"]


class AsyncChat:
    """One conversation with the documents."""

    def __init__(
        self, said: Callable[[Asked, Context], AsyncGenerator[Delta | Answer]], *, how: Asked, who: Context
    ) -> None:
        self._said, self._how, self._who = said, how, who
        self.conversation = Conversation()

    async def ask(self, question: str, /, *, output: type[BaseModel] | None = None, **inputs: Any) -> Answer:
        """An answer to the next question."""
        return await whole(self._remembered(question, output, inputs, unread=True))

    def stream(self, question: str, /, *, output: type[BaseModel] | None = None, **inputs: Any) -> AnswerStream:
        """The same answer while it is said; it is remembered once it is complete."""
        return AnswerStream(self._remembered(question, output, inputs))

    async def _remembered(
        self, question: str, output: type[BaseModel] | None, inputs: dict[str, Any], *, unread: bool = False
    ) -> AsyncGenerator[Delta | Answer]:
        talk = self.conversation
        # What was said before goes with the question, so that it stays where it has to.
        context = replace(self._who, unread=unread, confidential=talk.confidential, purse=Purse(), trace=Trace("chat"))
        query, history = talk.query(question), talk.history()
        asked = replace(self._how, question=question, query=query, history=history, output=output, inputs=inputs)
        async with aclosing(self._said(asked, context)) as parts:
            async for part in parts:
                if isinstance(part, Answer):
                    talk.remember(part)
                yield part
