"""What calls have used that a ledger could not write down, until it can."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from weakref import WeakKeyDictionary

from ragstone.errors import LedgerUnavailable, RagstoneError, StateError
from ragstone.protocols import Ledger

__all__ = ["Owed", "owed_to"]

log = logging.getLogger("ragstone")

MOST = 10_000  # settlements that wait for a ledger to come back

Write: TypeAlias = Callable[[], Awaitable[None]]


class Owed:
    """The settlements that wait for one ledger. Whichever model writes next takes them along."""

    def __init__(self) -> None:
        self._waiting = deque[Write](maxlen=MOST)

    async def written(self, write: Write) -> None:
        """Has the ledger write, or keeps it for later; then, while that works, whatever waits."""
        works = await self._tried(write)
        if works:
            await self.settled()

    async def settled(self) -> None:
        """Writes whatever waits, as far as the ledger can be reached."""
        works = True
        while works and self._waiting:
            works = await self._tried(self._waiting.popleft())

    async def _tried(self, write: Write) -> bool:
        try:
            await write()
        except (LedgerUnavailable, StateError) as error:
            self._waiting.append(write)
            log.warning("what a call has used is not written down yet: %s", error)
            return False
        except RagstoneError as error:  # its claim stays, and is settled as the worst case when it has expired
            log.error("what a call has used cannot be written down: %s", error)
        return True


_known: WeakKeyDictionary[Ledger, Owed] = WeakKeyDictionary()


def owed_to(ledger: Ledger) -> Owed:
    """What is owed to a ledger, by all models that are counted there: a route is made anew more often than a ledger."""
    return _known.setdefault(ledger, Owed())
