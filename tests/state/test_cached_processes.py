"""Several processes on one file of a cache: some begin it at once, some are killed."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from ragstone.connectors.sqlite_cache import SqliteCache
from ragstone.stored import Lease, Stored
from ragstone.types import Context

CONTEXT = Context()

BEGUN = """
import asyncio, json, os, sys
from pathlib import Path
from ragstone.connectors.sqlite_cache import SqliteCache
from ragstone.stored import Stored
from ragstone.types import Context

cache, context, name = SqliteCache(Path(sys.argv[1])), Context(), sys.argv[2]

def say(what):
    print(json.dumps(what), flush=True)
"""

KEEPING = """
async def main():
    say("ready")
    sys.stdin.readline()
    for number in range(40):
        key = f"{name} {number}".encode()
        await asyncio.gather(
            cache.put("calls", {key: Stored(value=key * 100, tags=("all", f"of:{name}"))}, context=context),
            cache.count({"kept": 1}, context=context),
            cache.put("calls", {b"shared": Stored(value=key * 100, tags=("shared",))}, context=context),
        )
    leases = [await cache.claim(b"%d" % number, owner=name, seconds=60, context=context) for number in range(20)]
    await cache.close()
    say([number for number, lease in enumerate(leases) if lease is not None])

asyncio.run(main())
"""

HOLDING = """
async def main():
    lease = await cache.claim(b"key", owner=name, seconds=1.0, context=context)
    say([lease.owner, lease.fence])
    while True:  # keeps, until it is killed in the middle of it
        entries = {os.urandom(8): Stored(value=os.urandom(20_000), tags=("x", "y")) for _ in range(50)}
        await cache.put("calls", entries, context=context)

asyncio.run(main())
"""


@contextmanager
def running(script: str, path: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", BEGUN + script, str(path), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


async def test_processes_that_begin_a_file_at_once_share_it(tmp_path: Path):
    path = tmp_path / "deep" / "answers.db"
    with (
        running(KEEPING, path, "a") as first,
        running(KEEPING, path, "b") as second,
        running(KEEPING, path, "c") as third,
    ):
        processes = (first, second, third)
        assert [said(process) for process in processes] == ["ready"] * 3
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        claimed = [said(process) for process in processes]
    assert sorted(chain.from_iterable(claimed)) == list(range(20)), "each key has one owner"
    cache = SqliteCache(path)
    stats = await cache.stats(context=CONTEXT)
    assert (dict(stats.entries), dict(stats.figures)) == ({"calls": 121}, {"kept": 120})
    for name in "abc":
        keys = [f"{name} {number}".encode() for number in range(40)]
        found = await cache.get("calls", keys, context=CONTEXT)
        assert {key: entry.value for key, entry in found.items()} == {key: key * 100 for key in keys}
        assert sorted(await cache.tagged("calls", f"of:{name}", context=CONTEXT)) == sorted(keys)
    assert await cache.forget(["all", "shared"], context=CONTEXT) == 121
    await cache.close()


async def test_who_is_killed_leaves_a_whole_file_and_a_lease_that_ends(tmp_path: Path):
    path = tmp_path / "answers.db"
    cache = SqliteCache(path)
    with running(HOLDING, path, "one") as holder:
        owner, fence = said(holder)
        for _ in range(1_000):
            await asyncio.sleep(0.01)
            if (await cache.stats(context=CONTEXT)).entries.get("calls", 0) >= 100:
                break
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    lost = Lease(b"key", owner, fence)
    for _ in range(1_000):
        lease = await cache.claim(b"key", owner="two", seconds=60, context=CONTEXT)
        if lease is not None:
            break
        await asyncio.sleep(0.02)
    assert lease is not None
    assert (lease.owner, lease.fence > lost.fence) == ("two", True)
    await cache.put("calls", {b"key": Stored(value=b"of the dead")}, lease=lost, context=CONTEXT)
    await cache.put("calls", {b"key": Stored(value=b"right")}, lease=lease, context=CONTEXT)
    await cache.put("calls", {b"key": Stored(value=b"of the dead")}, lease=lost, context=CONTEXT)
    assert (await cache.get("calls", [b"key"], context=CONTEXT))[b"key"].value == b"right"
    entries = (await cache.stats(context=CONTEXT)).entries["calls"]
    assert (entries - 1) % 50 == 0, "what was put together is there or not, together"
    assert len(await cache.tagged("calls", "x", context=CONTEXT)) == entries - 1
    await cache.close()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()
