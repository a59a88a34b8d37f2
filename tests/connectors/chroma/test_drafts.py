"""A store in a folder: drafts, generations, and processes that write, read and die side by side."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from ragstone.connectors.chroma import ChromaStore, generations, places
from ragstone.errors import IndexBusy, IndexMismatch, StorageFull
from ragstone.types import Record
from vectors import CONTEXT, lost, process, record, records

WRITE = """
async def main():
    store = ChromaStore(folder)
    await store.upsert(records(first, last), context=CONTEXT)
    await store.close()
asyncio.run(main())
"""

WRITE_ON = """
places.UNPUBLISHED = 400
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
from ragstone.types import Condition
async def main():
    print("begun", flush=True)
    found = 0
    while not (folder / "stop").exists():
        store = ChromaStore(folder)
        for _ in range(5):
            count = await store.count(context=CONTEXT)
            vector = record(found % count).vector
            hits = await store.search(vector, k=1, where=Condition("at", "lt", count), context=CONTEXT)
            assert [hit.id for hit in hits] == [f"c{found % count}"], (found, count, hits)
            found += 1
        await store.close()
    print(found)
asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the collections lie."""
    return tmp_path / "chroma"


def folders(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "ragstone").iterdir() if path.is_dir())


def run(code: str, folder: Path, first: int, last: int) -> None:
    started = process(code, folder, first, last)
    _, errors = started.communicate(timeout=120)
    assert started.returncode == 0, errors


async def written(folder: Path, last: int) -> ChromaStore:
    """A store with records, which are not published."""
    store = ChromaStore(folder)
    await store.upsert(records(0, last), context=CONTEXT)
    return store


async def found(folder: Path, last: int) -> int:
    """How many records there are, all of the first among them."""
    store = ChromaStore(folder)
    assert await lost(store, range(last)) == []
    count = await store.count(context=CONTEXT)
    await store.close()
    return count


async def test_a_draft_becomes_the_generation_when_it_is_flushed(folder: Path):
    store = await written(folder, 50)
    (draft,) = folders(folder)
    assert draft.startswith("draft-")
    await store.flush()
    (first,) = folders(folder)
    assert first.startswith("000001-")
    assert not (folder / "ragstone" / "journal").exists()
    await store.flush()
    assert await store.count(context=CONTEXT) == 50
    await store.close()
    assert folders(folder) == [first]
    assert await found(folder, 50) == 50


@pytest.mark.parametrize("length", [16, 4])
async def test_a_store_that_was_prepared_takes_what_comes(folder: Path, length: int):
    store = ChromaStore(folder)
    await store.prepare(length)
    assert await store.count(context=CONTEXT) == 0
    await store.upsert(records(0, 20), context=CONTEXT)
    await store.prepare(length)
    await store.close()
    assert await found(folder, 20) == 20
    assert len(folders(folder)) == 1


async def test_a_store_that_was_prepared_in_vain_stays_empty(folder: Path):
    store = ChromaStore(folder)
    await store.prepare(16)
    await store.close()
    assert folders(folder) == []
    assert await store.count(context=CONTEXT) == 0


async def test_a_long_journal_is_published_meanwhile(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(places, "UNPUBLISHED", 100)
    store = ChromaStore(folder)
    for first in range(0, 120, 30):
        await store.upsert(records(first, first + 30), context=CONTEXT)
    assert [name[:6] for name in folders(folder)] == ["000001"]
    await store.delete(["c7"], context=CONTEXT)
    assert await store.count(context=CONTEXT) == 119
    await store.close()
    assert [name[:6] for name in folders(folder)] == ["000002"]


async def test_a_write_that_fails_takes_nothing_along(folder: Path):
    store = await written(folder, 20)
    longer = Record(record(20).chunk, [0.5] * 4)
    with pytest.raises(IndexMismatch):
        await store.upsert([longer], context=CONTEXT)
    with pytest.raises(IndexMismatch, match="one length"):
        await store.upsert([record(21), longer], context=CONTEXT)
    await store.upsert([record(20)], context=CONTEXT)
    await store.close()
    assert await found(folder, 21) == 21


async def test_a_full_disk_is_noticed_before_anything_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch):
    store = await written(folder, 20)
    await store.flush()
    with monkeypatch.context() as patched:
        patched.setattr(generations, "SPARE", 1 << 60)
        with pytest.raises(StorageFull, match="what was written before is intact"):
            await store.upsert(records(20, 40), context=CONTEXT)
        assert await lost(store, range(20)) == []
    await store.upsert(records(20, 40), context=CONTEXT)
    await store.close()
    assert await found(folder, 40) == 40


async def test_of_two_stores_that_write_in_turns_each_has_all(folder: Path):
    one, other = await written(folder, 3), ChromaStore(folder)
    await other.upsert(records(3, 6), context=CONTEXT)
    await one.upsert(records(6, 9), context=CONTEXT)
    assert await lost(one, range(9)) == []
    await one.flush()
    assert await lost(other, range(9)) == []
    await other.upsert(records(9, 12), context=CONTEXT)
    assert await one.count(context=CONTEXT) == 9
    await other.flush()
    assert await one.count(context=CONTEXT) == await other.count(context=CONTEXT) == 12
    await one.close()
    await other.close()
    assert await found(folder, 12) == 12
    assert len(folders(folder)) == 1


async def test_a_writer_that_does_not_end_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(generations, "WAIT", 0.0)
    store = await written(folder, 1)
    with generations.Generations(folder / "ragstone").writing():
        with pytest.raises(IndexBusy, match="writing vectors"):
            await store.upsert([record(1)], context=CONTEXT)
        assert await lost(store, [0]) == []
        await store.close()  # the other one, or the next, publishes what this one wrote
    assert await found(folder, 1) == 1


@pytest.mark.parametrize(
    ("first", "batches"),
    [(100, 3), *(pytest.param(*each, marks=pytest.mark.slow) for each in ((0, 1), (0, 3), (100, 12), (100, 20)))],
)
async def test_a_killed_writer_loses_nothing_that_was_acknowledged(folder: Path, first: int, batches: int):
    if first:
        store = await written(folder, first)
        await store.close()
    with process(WRITE_ON, folder, first) as writer:
        assert writer.stdout is not None
        last = [int(writer.stdout.readline()) for _ in range(batches)][-1]
        writer.send_signal(signal.SIGKILL)
        last = max([last, *(int(line) for line in writer.stdout.read().split())])
        writer.communicate()
    assert last <= await found(folder, last) <= last + 50  # a batch on its way may have arrived
    store = ChromaStore(folder)
    await store.upsert(records(last, last + 10), context=CONTEXT)  # and the next writer goes on
    await store.close()
    await found(folder, last + 10)
    assert len(folders(folder)) == 1


@pytest.mark.slow
async def test_readers_and_writers_do_not_disturb_each_other(folder: Path):
    store = await written(folder, 100)
    await store.close()
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
    assert await found(folder, 1300) == 1300
