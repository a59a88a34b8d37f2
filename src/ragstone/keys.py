"""Who may ask over HTTP: `rag.keys()`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ragstone.assembly import Assembly
from ragstone.state.keys import Grant, Key

__all__ = ["AsyncKeys", "NewKey"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that was just made. `token` is what its bearer sends, and nobody can be told it again."""

    key: Key
    token: str


class AsyncKeys:
    """The keys of a project, kept as digests.

    async with ragstone.aopen("mydocs") as rag:
        made = await rag.keys().create(Grant(name="intranet", principals=("group:staff",)))
        print(made.token)
    """

    def __init__(self, parts: Assembly) -> None:
        self._keys = parts.keys

    async def create(self, grant: Grant) -> NewKey:
        """A new key. Raises UsageError where another one of that name is in use."""
        key, token = await asyncio.to_thread(self._keys.create, grant)
        return NewKey(key=key, token=token)

    async def all(self) -> list[Key]:
        """Every key, also those that count no longer, the newest first."""
        return await asyncio.to_thread(self._keys.all)

    async def exist(self) -> bool:
        """Whether a key was ever made."""
        return await asyncio.to_thread(self._keys.exist)

    async def revoke(self, name: str) -> Key:
        """Ends a key, by its name or id. Raises UsageError where no such key is in use."""
        return await asyncio.to_thread(self._keys.revoke, name)

    async def admit(self, token: str) -> Key:
        """The key that a bearer has sent. Raises AccessDenied, or RateLimited where its minute is full."""
        return await asyncio.to_thread(self._keys.admit, token)
