"""What is done before a project is closed."""

from __future__ import annotations

from pathlib import Path

from ragstone.errors import LedgerUnavailable
from ragstone.inference.owed import owed_to
from ragstone.pipelines.build import Builder


async def test_what_is_owed_to_a_ledger_is_written_before_it_is_closed(tmp_path: Path):
    builder = Builder(tmp_path, {})
    ledger, done = builder.ledger(None), list[str]()

    async def fails() -> None:
        if not done:
            done.append("tried")
            raise LedgerUnavailable("the ledger is busy", again=False)
        done.append("written")

    await owed_to(ledger).written(fails)
    assert done == ["tried"]
    await builder.close()
    assert done == ["tried", "written"]
