"""Readers and a writer in several processes, one of which may be killed at any moment."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from conftest import CONTEXT, lost, process, record

from ragstone.connectors.chroma import ChromaStore
from ragstone.errors import IndexBusy

WRITE = """
async def main():
    store = ChromaStore(folder)
    await store.upsert(records(first, last), context=CONTEXT)
    await store.close()
asyncio.run(main())
"""

FIND = """
async def main():
    store = ChromaStore(folder)
    print(await store.count(context=CONTEXT), await lost(store, range(first, last)))
    await store.close()
asyncio.run(main())
"""

WRITE_ON = """
places.UNFOLDED = 400
async def main():
    store = ChromaStore(folder)
    at = first
    while True:
        await store.upsert(records(at, at + 50), context=CONTEXT)
        at += 50
        print(at, flush=True)
asyncio.run(main())
"""

READ_ON = """
async def main():
    print("begun", flush=True)
    found = 0
    while not (folder / "stop").exists():
        store = ChromaStore(folder)
        for _ in range(5):
            count = await store.count(context=CONTEXT)
            vector = record(found % max(count, 1)).vector
            where = Condition("at", "lt", count)
            hits = await store.search(vector, k=1, where=where, context=CONTEXT)
            assert [hit.id for hit in hits] == [f"c{found % count}"], (found, count, hits)
            found += 1
        await store.close()
    print(found)
from ragstone.types import Condition
asyncio.run(main())
"""


def run(code: str, folder: Path, first: int, last: int) -> str:
    started = process(code, folder, first, last)
    output, errors = started.communicate(timeout=120)
    assert started.returncode == 0, errors
    return output.strip()


def test_another_process_finds_everything(folder: Path) -> None:
    run(WRITE, folder, 0, 300)
    assert run(FIND, folder, 0, 300) == "300 []"


@pytest.mark.parametrize("batches", [1, 3, 12, 20])
def test_a_killed_writer_loses_nothing_that_was_acknowledged(folder: Path, batches: int) -> None:
    run(WRITE, folder, 0, 100)
    with process(WRITE_ON, folder, 100) as writer:
        assert writer.stdout is not None
        written = [int(writer.stdout.readline()) for _ in range(batches)][-1]
        writer.send_signal(signal.SIGKILL)
        written = max([written, *(int(line) for line in writer.stdout.read().split())])
        writer.communicate()
    count, missing = run(FIND, folder, 0, written).split(" ", 1)
    assert missing == "[]"
    assert written <= int(count) <= written + 50  # a batch on its way may have arrived
    run(WRITE, folder, written, written + 10)  # and the next writer goes on
    assert run(FIND, folder, 0, written + 10).endswith(" []")


async def test_an_open_reader_sees_what_another_process_published(folder: Path) -> None:
    run(WRITE, folder, 0, 50)
    store = ChromaStore(folder)
    assert await lost(store, range(50)) == []
    run(WRITE, folder, 50, 80)
    assert await lost(store, range(80)) == []
    assert await store.count(context=CONTEXT) == 80
    await store.close()


async def test_readers_and_a_writer_do_not_disturb_each_other(folder: Path) -> None:
    run(WRITE, folder, 0, 100)
    readers = [process(READ_ON, folder) for _ in range(2)]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "begun\n"
    for first in range(100, 1300, 400):
        run(WRITE, folder, first, first + 400)
    (folder / "stop").touch()
    for reader in readers:
        output, errors = reader.communicate(timeout=120)
        assert reader.returncode == 0, errors
        assert int(output) > 0
    assert run(FIND, folder, 0, 1300) == "1300 []"


async def test_two_writers_take_turns(folder: Path) -> None:
    started = [process(WRITE, folder, first, first + 200) for first in (0, 200, 400)]
    for writer in started:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    assert run(FIND, folder, 0, 600) == "600 []"


async def test_a_writer_that_does_not_end_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ragstone.connectors.chroma import generations

    monkeypatch.setattr(generations, "WAIT", 0.0)
    store = ChromaStore(folder)
    await store.upsert([record(0)], context=CONTEXT)
    with generations.Generations(folder / "ragstone").writing():
        with pytest.raises(IndexBusy, match="writing vectors"):
            await store.upsert([record(1)], context=CONTEXT)
        assert await lost(store, [0]) == []
        await store.close()  # the other one folds what this one wrote
    assert await lost(store, [0]) == []
    await store.close()
