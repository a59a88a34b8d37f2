"""The ledger of one machine, in a file that all its processes share.

kind: ledger
type: sqlite
path: .ragstone/ledger.db

A route that names no ledger has this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from ragstone.protocols import Ledger
from ragstone.spending import Claim, Spent
from ragstone.state.grouped import Grouped
from ragstone.state.ledger import Act, LedgerFile
from ragstone.types import Context
from ragstone.usage import Usage

__all__ = ["SqliteLedger"]

DEFAULT = Path(".ragstone/ledger.db")


class SqliteLedger(Ledger):
    """Counts in a file of SQLite, or in memory where `path` is None. What is counted survives a process that dies.

    Calls wait for one thread, which writes all that wait in one transaction.
    """

    def __init__(self, path: Path | None = DEFAULT) -> None:
        self.file = LedgerFile(path)
        self._thread = Grouped[Act](lambda acts: self.file.act(acts), name="ledger")

    async def reserve(self, claim: Claim, *, context: Context) -> None:
        """Takes it, or nothing of it. Raises OverBudget, RateLimited, or LedgerUnavailable where the file is locked."""
        await self._thread.do(self.file.reserve(claim))

    async def settle(self, claim: Claim, usage: Usage, *, nano: int, reported: bool, context: Context) -> None:
        """Counts what was used in place of the claim."""
        await self._thread.do(self.file.settle(claim, usage, nano=nano, reported=reported))

    async def release(self, claim: Claim, *, context: Context) -> None:
        """Gives it back."""
        await self._thread.do(self.file.release(claim))

    async def spent(self, *, since: str, until: str, context: Context) -> Sequence[Spent]:
        """A row for each account and day."""
        return await self._thread.do(self.file.spent(since=since, until=until))

    async def open(self, *, estimated: bool = False, context: Context) -> Sequence[Claim]:
        """The claims that are open."""
        return await self._thread.do(self.file.claims(estimated=estimated))

    async def close(self) -> None:
        """Closes the file, when all that waits is written."""
        await asyncio.to_thread(self._thread.close)
        await asyncio.to_thread(self.file.close)
