"""What keys have spent, written down as calls of a model write it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ragstone import Grant
from ragstone.connectors.sqlite_ledger import SqliteLedger
from ragstone.spending import Claim
from ragstone.terms import Account
from ragstone.types import Context
from ragstone.usage import Price, Usage

PRICE = Price(input=1, output=4)
USED = Usage(input_tokens=1_000, output_tokens=100)


def spend(project: Path, grants: Sequence[Grant], *, model: str = "large") -> None:
    """Has each key make one call of 0.0014 USD that has ended, and one that is under way."""

    async def write() -> None:
        ledger, context = SqliteLedger(project / ".ragstone/ledger.db"), Context()
        day = datetime.now(UTC).date().isoformat()
        for grant in grants:
            account = Account(tenant=grant.tenant, key=grant.name, model=model)
            for ends in (True, False):
                claim = Claim(account=account, day=day, usage=USED, nano=4_000_000, price=PRICE)
                await ledger.reserve(claim, context=context)
                if ends:
                    await ledger.settle(claim, USED, nano=PRICE.nano(USED), reported=True, context=context)
        await ledger.close()

    asyncio.run(write())
