"""What was said before in one conversation, in memory or kept, and what a follow-up question is searched for with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from ragstone.retrieval.follow_up import points_back
from ragstone.state.conversations import PAGE, ConversationTables, gone
from ragstone.turns import Conversation, Owner, Summary, Turn
from ragstone.types import Answer

__all__ = ["KeptMemory", "Memory", "MemoryOnly", "query", "remembered"]


class Memory(Protocol):
    """The turns of one conversation. A conversation may be long, so they are read from its end."""

    async def begun(self) -> Conversation:
        """The conversation as it is now."""
        ...

    async def turns(self, *, before: int = 0) -> list[Turn]:
        """The last turns, or the last ones before a number, oldest first; not all at once."""
        ...

    async def add(self, turn: Turn, *, topic: str) -> Turn:
        """Adds a turn as the last one."""
        ...

    async def summary(self) -> Summary | None:
        """The summary that reaches furthest."""
        ...

    async def summarized(self, summary: Summary) -> None:
        """Keeps a summary."""
        ...


@dataclass(slots=True)
class MemoryOnly:
    """A conversation that is gone with its object."""

    conversation: Conversation = field(default_factory=lambda: Conversation(id=""))
    said: list[Turn] = field(default_factory=list[Turn])
    last: Summary | None = None

    async def begun(self) -> Conversation:
        """As it is now."""
        return self.conversation

    async def turns(self, *, before: int = 0) -> list[Turn]:
        """A page of them."""
        end = before - 1 if before else len(self.said)
        return self.said[max(0, end - PAGE) : end]

    async def add(self, turn: Turn, *, topic: str) -> Turn:
        """Adds it."""
        kept = replace(turn, number=len(self.said) + 1)
        self.said.append(kept)
        was = self.conversation
        confidential = was.confidential or turn.confidential
        self.conversation = replace(was, turns=kept.number, topic=topic, confidential=confidential)
        return kept

    async def summary(self) -> Summary | None:
        """The last one."""
        return self.last

    async def summarized(self, summary: Summary) -> None:
        """Keeps it in place of the one before."""
        self.last = summary


class KeptMemory:
    """A conversation in a database; several may go on with it at once. The first question begins one that is not there.

    It is there for those alone who have all principals of its questions.
    """

    def __init__(
        self, tables: Callable[[], ConversationTables], owner: Owner, conversation: str, *, principals: frozenset[str]
    ) -> None:
        self._make, self.owner, self.id, self._principals = tables, owner, conversation, principals
        self._made: ConversationTables | None = None
        self._known = False

    async def begun(self) -> Conversation:
        """As it is now. Raises ConversationNotFound where it is not for these principals, or was deleted meanwhile."""
        tables = await self._tables()
        found = await tables.find(self.owner, self.id, principals=self._principals)
        if found is None and not self._known:
            await tables.begin(self.owner, self.id)
            found = await tables.find(self.owner, self.id, principals=self._principals)
        if found is None:
            raise gone(self.id)
        self._known = True
        return found

    async def turns(self, *, before: int = 0) -> list[Turn]:
        """A page of them."""
        return await (await self._tables()).turns(self.owner, self.id, before=before)

    async def add(self, turn: Turn, *, topic: str) -> Turn:
        """Adds it. Raises ConversationNotFound where the conversation was deleted meanwhile."""
        return await (await self._tables()).add(self.owner, self.id, turn, topic=topic, principals=self._principals)

    async def summary(self) -> Summary | None:
        """The one that reaches furthest."""
        return await (await self._tables()).summary(self.owner, self.id)

    async def summarized(self, summary: Summary) -> None:
        """Keeps it."""
        await (await self._tables()).summarized(self.owner, self.id, summary)

    async def _tables(self) -> ConversationTables:
        if self._made is None:
            self._made = await asyncio.to_thread(self._make)
        return self._made


def query(topic: str, question: str) -> str:
    """What to search for: the question itself, or joined to the last full one when it points back.

    >>> query("When does the halibut project ship?", "Who leads it?")
    'When does the halibut project ship? Who leads it?'
    >>> query("When does the halibut project ship?", "Which fonts does the style guide allow?")
    'Which fonts does the style guide allow?'
    """
    return f"{topic} {question}" if topic and points_back(question) else question


async def remembered(memory: Memory, answer: Answer, *, after: Conversation) -> Turn | None:
    """Adds an answer, with its question as it has passed; nothing where a check has refused the question.

    `after` is the conversation as it was when the question was asked.
    """
    if not answer.question:
        return None
    topic = after.topic if points_back(answer.question) else answer.question
    return await memory.add(Turn.of(answer, parent=after.turns, asked=time.time()), topic=topic)
