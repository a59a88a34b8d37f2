"""The ledger in a file: the same as one that does everything one after the other, whatever clocks and processes do."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings

from ledger_trials import CONTEXT, Clock, End, Reserve, Wait, check_processes, compare, spent_by_processes, trials
from ragstone.connectors.sqlite_ledger import SqliteLedger
from ragstone.errors import LedgerUnavailable, RateLimited, StateError
from ragstone.spending import EXPIRE
from ragstone.state.ledger import LedgerFile
from ragstone.terms import Limit
from ragstone.testing.suites.ledger import claim
from ragstone.usage import Usage


@given(trials)
@settings(max_examples=40)
def test_a_hundred_at_once_are_as_one_after_the_other(acts: list[Reserve | End | Wait]):
    async def run() -> None:
        clock = Clock()
        ledger = SqliteLedger(None)
        ledger.file = LedgerFile(None, clock=clock)
        try:
            await compare(ledger, acts, clock)
        finally:
            await ledger.close()

    asyncio.run(run())


async def test_several_processes_never_overspend_together(tmp_path: Path):
    path = tmp_path / "ledger.db"
    made = f"from pathlib import Path\nfrom ragstone.connectors.sqlite_ledger import SqliteLedger\n\
ledger = SqliteLedger(Path({str(path)!r}))"
    await check_processes(SqliteLedger(path), spent_by_processes(made))


# ── Clocks ──────────────────────────────────────────────────────────────────────────────────────────────────────────

LIMITS = (Limit(number=10, of="requests"),)


def taken(file: LedgerFile, number: int) -> int:
    """How many of so many claims are within the limit."""
    outcomes = file.act([file.reserve(claim(limits=LIMITS)) for _ in range(number)])
    assert all(outcome is None or isinstance(outcome, RateLimited) for outcome in outcomes), outcomes
    return outcomes.count(None)


@pytest.mark.parametrize("jump", [-1.0, -59.0, -3_600.0, -1e9])
def test_a_clock_that_is_put_back_freezes_no_limit_and_opens_none(jump: float):
    clock = Clock(1e9 + 0.5)
    file = LedgerFile(None, clock=clock)
    assert taken(file, 20) == 10
    clock.now += jump
    assert taken(file, 20) == 0
    (refused,) = file.act([file.reserve(claim(limits=LIMITS))])
    assert refused.retry_after is not None
    assert 0 < refused.retry_after <= 61
    clock.now += refused.retry_after
    assert taken(file, 20) == 10


@pytest.mark.parametrize("jump", [61.0, 86_400.0, 1e9])
def test_a_clock_that_is_put_forward_opens_a_limit_once(jump: float):
    clock = Clock()
    file = LedgerFile(None, clock=clock)
    assert taken(file, 20) == 10
    clock.now += jump
    assert taken(file, 20) == 10
    clock.now -= jump  # and back again
    assert taken(file, 20) == 0


def test_in_no_minute_there_are_more_than_the_limit():
    clock, times = Clock(0.0), list[float]()
    file = LedgerFile(None, clock=clock)
    for step in range(2_000):
        clock.now = step * 0.37
        times += [clock.now] * taken(file, 1)
    for at, first in enumerate(times):
        assert sum(one < first + 60 for one in times[at:]) <= 10
    assert len(times) >= 10 * (2_000 * 0.37 // 61), "it fills up again"


@pytest.mark.parametrize("jump", [EXPIRE + 1, -EXPIRE - 1])
def test_a_wall_clock_that_jumps_loses_nothing(jump: float, tmp_path: Path):
    wall = Clock(1_795_000_000.0)
    file = LedgerFile(tmp_path / "ledger.db", wall=wall)
    under_way = [claim(begun=wall.now) for _ in range(3)]
    file.act([file.reserve(one) for one in under_way])
    file.close()
    wall.now += jump
    ((row,),) = file.act([file.spent(since="2026-11-21", until="2026-11-21")])
    assert (row.reported, row.requests, row.nano) == (False, 3, 3_000)
    file.act([file.settle(one, Usage(input_tokens=7), nano=7, reported=True) for one in under_way])
    ((row,),) = file.act([file.spent(since="2026-11-21", until="2026-11-21")])
    assert (row.reported, row.requests, row.nano) == (True, 3, 21)
    file.close()


# ── The file ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_long_done_is_forgotten_and_still_counts(tmp_path: Path):
    wall = Clock(1_795_000_000.0)
    path = tmp_path / "ledger.db"
    file = LedgerFile(path, wall=wall)
    for reported in (True, False):
        one = claim(begun=wall.now, limits=LIMITS)
        file.act([file.reserve(one), file.settle(one, one.usage, nano=5, reported=reported)])
    file.close()
    counts = []
    for days in (2, 63):
        wall.now = 1_795_000_000.0 + days * 86_400
        ((*rows,),) = file.act([file.spent(since="2026-11-21", until="2026-11-21")])
        assert sum(row.nano for row in rows) == 10
        file.close()
        with sqlite3.connect(path) as db:
            counts += db.execute("SELECT COUNT(*) FROM claims").fetchone()
        db.close()
    assert counts == [1, 0]


def empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


async def test_a_file_that_was_deleted_is_made_anew_and_the_call_counts(tmp_path: Path):
    path, one = tmp_path / "ledger.db", claim()
    ledger = SqliteLedger(path)
    await ledger.reserve(one, context=CONTEXT)
    empty(tmp_path)
    await ledger.settle(one, Usage(input_tokens=7), nano=7, reported=True, context=CONTEXT)
    (row,) = await ledger.spent(since=one.day, until=one.day, context=CONTEXT)
    assert (row.requests, row.nano) == (1, 7)
    await ledger.close()


def _move_away(folder: Path) -> None:
    """As the hint of a damaged ledger says."""
    for file in list(folder.iterdir()):
        file.rename(folder / file.name.replace("ledger", "old"))


async def test_all_processes_count_in_the_file_that_another_has_put_in_its_place(tmp_path: Path):
    path = tmp_path / "ledger.db"
    mine, others = SqliteLedger(path), SqliteLedger(path)
    await mine.reserve(claim(), context=CONTEXT)
    _move_away(tmp_path)
    await others.reserve(claim(), context=CONTEXT)
    await mine.reserve(claim(), context=CONTEXT)
    assert len(await mine.open(context=CONTEXT)) == len(await others.open(context=CONTEXT)) == 2
    await mine.close()
    await others.close()


async def test_another_version_and_a_damaged_file_are_said(tmp_path: Path):
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 7")
    db.close()
    ledger = SqliteLedger(path)
    with pytest.raises(StateError, match=r"expected format 1, found 7\. Open it with that version"):
        await ledger.reserve(claim(), context=CONTEXT)
    await ledger.close()
    path.write_bytes(b"no database" * 1_000)
    with pytest.raises(StateError, match="the ledger cannot be used: file is not a database"):
        await ledger.reserve(claim(), context=CONTEXT)
    await ledger.close()


async def test_a_file_that_another_process_holds_is_busy(tmp_path: Path):
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(path)
    await ledger.reserve(claim(), context=CONTEXT)
    with ledger.file._file.reading() as db:
        db.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable, match="the ledger is busy") as caught:
        await ledger.reserve(claim(), context=CONTEXT)
    assert caught.value.retryable
    other.execute("COMMIT")
    other.close()
    await ledger.reserve(claim(), context=CONTEXT)
    await ledger.close()


async def test_one_that_fails_takes_nobody_with_it(tmp_path: Path):
    """A claim that is refused stands between others in one transaction."""
    file = LedgerFile(tmp_path / "ledger.db")
    outcomes = file.act([file.reserve(claim(limits=LIMITS)) for _ in range(12)] + [file.claims()])
    assert [type(outcome).__name__ for outcome in outcomes[9:12]] == ["NoneType", "RateLimited", "RateLimited"]
    assert len(outcomes[-1]) == 10
    file.close()
