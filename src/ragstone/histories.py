"""The conversations that are kept: `rag.conversations()`."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from ragstone.assembly import Assembly
from ragstone.errors import UsageError
from ragstone.state.conversations import PAGE, ConversationTables, gone
from ragstone.turns import Conversation, Owner, Turn

__all__ = ["AsyncConversations"]


class AsyncConversations:
    """The conversations of one person, who asks with one key for one tenant.

        async with ragstone.aopen("mydocs") as rag:
            talk = await rag.conversations(user="ana").begin()
            await rag.chat(conversation=talk.id, user="ana").ask("When does the halibut project ship?")

    A conversation shows what the principals of its questions may see: for who lacks one of them it is not there. None
    instead of principals stands for the operator. Each method raises ConversationNotFound for one that is not there,
    and for one of another owner in the same words.
    """

    def __init__(self, parts: Assembly, owner: Owner, *, principals: Collection[str] | None) -> None:
        self._parts, self._owner, self._principals = parts, owner, principals

    async def begin(self, *, title: str = "") -> Conversation:
        """A new one, without turns. Without a title it is called after its first question."""
        return await (await self._tables()).begin(self._owner, title=title)

    async def newest(self, *, limit: int = 20, before: str = "") -> list[Conversation]:
        """Those that were changed last first; `before` is the id of the last one of the page before. At most 200."""
        _positive(limit)
        tables = await self._tables()
        return await tables.newest(self._owner, limit=limit, before=before, principals=self._principals)

    async def show(self, conversation: str) -> Conversation:
        """One of them, without its turns."""
        found = await (await self._tables()).find(self._owner, conversation, principals=self._principals)
        if found is None:
            raise gone(conversation)
        return found

    async def turns(self, conversation: str, *, limit: int = PAGE, before: int = 0) -> list[Turn]:
        """The last turns of one, oldest first, or the last ones before a number. At most 200."""
        _positive(limit)
        await self.show(conversation)
        return await (await self._tables()).turns(self._owner, conversation, limit=limit, before=before)

    async def rename(self, conversation: str, title: str) -> Conversation:
        """Gives one another title, of at most 200 characters."""
        await self.show(conversation)
        await (await self._tables()).rename(self._owner, conversation, title)
        return await self.show(conversation)

    async def branch(self, conversation: str, *, at: int | None = None, title: str = "") -> Conversation:
        """A new one that begins with the turns of another up to number `at`, or with all of them."""
        known = await self.show(conversation)
        last = known.turns if at is None else at
        return await (await self._tables()).branch(self._owner, conversation, at=last, title=title)

    async def delete(self, conversation: str) -> None:
        """Removes one with all that was said in it. Its branches stay."""
        await self.show(conversation)
        await (await self._tables()).delete(self._owner, conversation)

    async def _tables(self) -> ConversationTables:
        return await asyncio.to_thread(self._parts.conversations)


def _positive(limit: int) -> None:
    if limit < 1:
        raise UsageError("the limit is wrong", expected="1 or more", found=str(limit))
