"""Many records, several at once, killed processes, other people's folders, and servers that do not answer."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from key_leaks import key
from lexical_entries import entry
from qdrant_engine import EnginePlace
from ragstone.connectors.qdrant import QdrantIndex, QdrantStore, faults, places
from ragstone.connectors.qdrant.pickles import demand_harmless
from ragstone.errors import (
    ConfigError,
    IndexBusy,
    IndexMismatch,
    MissingExtra,
    StateError,
    StorageFull,
    StoreUnavailable,
)
from ragstone.testing.suites.samples import chunk
from ragstone.types import Condition, Record
from servers import free_port, running
from vectors import CONTEXT, record, records

pytestmark = pytest.mark.slow

BEGINNING = """
import asyncio, sys
from pathlib import Path
from ragstone.connectors.qdrant import QdrantIndex, QdrantStore
from lexical_entries import entry
from vectors import *

folder = Path(sys.argv[1])
store, index = QdrantStore(folder / "v"), QdrantIndex(folder / "w")

async def write(at):
    await store.upsert(records(at, at + 20), context=CONTEXT)
    await index.upsert([entry(f"c{one}", f"word own{one}") for one in range(at, at + 20)], context=CONTEXT)
"""

WRITER = (
    BEGINNING
    + """
async def main():
    for at in range(0, 100_000, 20):
        await write(at)
        print(at + 20, flush=True)

asyncio.run(main())
"""
)

HOLDER = (
    BEGINNING
    + """
asyncio.run(write(0))
print("held", flush=True)
sys.stdin.read()
"""
)


REFUSED = (
    BEGINNING
    + """
from ragstone.errors import IndexBusy
try:
    asyncio.run(store.load())
except IndexBusy as error:
    print(error)
"""
)


def process(code: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


# ── Many, and again ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("folder", [False, True])
async def test_it_takes_ten_thousand(tmp_path: Path, folder: bool) -> None:
    store = QdrantStore(tmp_path if folder else None)
    await store.upsert(records(0, 10_000), context=CONTEXT)
    assert await store.count(context=CONTEXT) == 10_000
    assert sorted(await store.ids(context=CONTEXT)) == sorted(f"c{at}" for at in range(10_000))
    for at in range(0, 10_000, 999):
        where = Condition("at", "gte", at)
        assert [one.id for one in await store.search(record(at).vector, k=1, where=where, context=CONTEXT)] == [
            f"c{at}"
        ]
    assert len(await store.search(record(0).vector, k=20_000, context=CONTEXT)) == 10_000
    kept = await store.vectors(["c5", "unknown", *(f"c{at}" for at in range(9_000, 9_600))], context=CONTEXT)
    assert len(kept) == 601
    np.testing.assert_allclose(kept["c5"], record(5).vector, atol=1e-6)
    assert kept["c5"].dtype == np.float32
    await store.delete([f"c{at}" for at in range(9_999)], context=CONTEXT)
    assert await store.ids(context=CONTEXT) == ["c9999"]
    await store.close()


async def test_ids_of_any_script_come_back(tmp_path: Path) -> None:
    names = ["größe", "日本語", "👩‍🚀", "\ud800", "\0", '\0"\\ud800"', "x" * 3000]
    store, index = QdrantStore(tmp_path / "v"), QdrantIndex(tmp_path / "w")
    await store.upsert([Record(chunk(name), record(at).vector) for at, name in enumerate(names)], context=CONTEXT)
    await index.upsert([entry(name, name) for name in names], context=CONTEXT)
    assert sorted(await store.ids(context=CONTEXT)) == sorted(await index.ids(context=CONTEXT)) == sorted(names)
    assert (await store.vectors(names, context=CONTEXT)).keys() == set(names)
    await store.close()
    await index.close()


async def test_after_a_drop_vectors_may_be_of_another_length(tmp_path: Path) -> None:
    store, other = QdrantStore(tmp_path), QdrantStore(tmp_path)
    await store.upsert(records(0, 3), context=CONTEXT)
    longer = Record(chunk("longer"), np.ones(17, np.float32) / np.float32(17**0.5))
    with pytest.raises(IndexMismatch, match=r"expected 16 dimensions, found 17"):
        await other.upsert([longer], context=CONTEXT)
    await store.drop(context=CONTEXT)
    assert await other.count(context=CONTEXT) == 0
    assert await other.search(longer.vector, k=3, context=CONTEXT) == []
    await other.upsert([longer], context=CONTEXT)
    assert await store.ids(context=CONTEXT) == ["longer"]
    with pytest.raises(IndexMismatch):
        await store.search(record(0).vector, k=3, context=CONTEXT)
    await store.close()
    await other.close()


async def test_on_a_server_somebody_else_may_drop_a_collection_between_two_writes(tmp_path: Path) -> None:
    one, other = QdrantStore(), QdrantStore()
    one._collection.place = other._collection.place = EnginePlace(tmp_path)
    await one.upsert(records(0, 3), context=CONTEXT)
    await other.drop(context=CONTEXT)
    await one.upsert(records(5, 6), context=CONTEXT)
    assert await other.ids(context=CONTEXT) == ["c5"]
    with one._collection.place.client() as client:
        assert sorted(client.get_collection("ragstone").payload_schema) == ["acl", "metadata"]
    await one.close()


async def test_a_folder_stays_open_for_the_last_who_uses_it(tmp_path: Path) -> None:
    one, other = QdrantStore(tmp_path), QdrantStore(tmp_path)
    await one.upsert(records(0, 3), context=CONTEXT)
    await other.load()
    await one.close()
    assert await other.count(context=CONTEXT) == 3
    await other.close()
    assert not places.Folder._all


# ── Other processes ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("writes", [1, 4, 9])
async def test_a_killed_writer_loses_nothing_that_it_finished_and_leaves_no_lock(tmp_path: Path, writes: int) -> None:
    with process(WRITER, tmp_path) as writer:
        assert writer.stdout is not None
        last = [int(writer.stdout.readline()) for _ in range(writes)][-1]
        os.kill(writer.pid, signal.SIGKILL)
        last = max([last, *(int(line) for line in writer.stdout.read().split())])
    store, index = QdrantStore(tmp_path / "v"), QdrantIndex(tmp_path / "w")
    for at in range(last):
        assert [one.id for one in await store.search(record(at).vector, k=1, context=CONTEXT)] == [f"c{at}"]
        assert [one.id for one in await index.search([f"own{at}"], k=9, context=CONTEXT)] == [f"c{at}"]
    await store.upsert([record(10**6)], context=CONTEXT)
    assert await store.count(context=CONTEXT) > last
    await store.close()
    await index.close()


async def test_a_second_process_is_told_that_the_folder_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "WAIT", 0.1)
    store, index = QdrantStore(tmp_path / "v"), QdrantIndex(tmp_path / "w")
    with process(HOLDER, tmp_path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        for call in (store.load, lambda: index.search(["word"], k=1, context=CONTEXT)):
            with pytest.raises(IndexBusy, match=rf"in use by Ragstone \(process {holder.pid}\)"):
                await call()
        with pytest.raises(IndexBusy):
            await store.drop(context=CONTEXT)
        _, errors = holder.communicate("")
    assert errors == ""  # it never closed what it had open
    assert await store.count(context=CONTEXT) == 20
    await store.close()


async def test_another_program_may_hold_the_folder_too(tmp_path: Path) -> None:
    from qdrant_client import QdrantClient

    with (
        closing(QdrantClient(path=str(tmp_path / "v" / "ragstone" / "data"))),
        process(REFUSED, tmp_path) as refused,  # what the vendor leaves open when it fails ends with that process
    ):
        said, _ = refused.communicate()
    assert "another program has the index open" in said
    store = QdrantStore(tmp_path / "v")
    assert await store.count(context=CONTEXT) == 0
    await store.close()


# ── Damage ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def written(folder: Path) -> Path:
    store = QdrantStore(folder)
    await store.upsert(records(0, 3), context=CONTEXT)
    await store.close()
    return folder / "ragstone" / "data"


@pytest.mark.parametrize("name", ["meta.json", "collection/ragstone/storage.sqlite"])
async def test_a_damaged_folder_says_what_to_do_and_can_be_dropped(tmp_path: Path, name: str) -> None:
    data = await written(tmp_path)
    (data / name).write_bytes(b"garbage, and more of it" * 500)
    store = QdrantStore(tmp_path)
    with pytest.raises(StateError, match=r"cannot be used.*Delete this folder"):
        await store.count(context=CONTEXT)
    await store.drop(context=CONTEXT)
    await store.upsert(records(0, 2), context=CONTEXT)
    assert await store.count(context=CONTEXT) == 2
    await store.close()


async def test_a_folder_that_was_made_by_half_is_made_whole(tmp_path: Path) -> None:
    (tmp_path / "ragstone" / "data").mkdir(parents=True)
    (tmp_path / "ragstone" / "data" / "meta.json").touch()
    await written(tmp_path)
    store = QdrantStore(tmp_path)
    assert await store.count(context=CONTEXT) == 3
    await store.close()


class Hostile:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


async def test_opening_a_folder_runs_no_code_that_it_holds(tmp_path: Path) -> None:
    data, trace = await written(tmp_path), tmp_path / "it ran"
    demand_harmless(data)
    with closing(sqlite3.connect(data / "collection/ragstone/storage.sqlite")) as database:
        database.execute("INSERT INTO points VALUES ('x', ?)", (pickle.dumps(Hostile(trace)),))
        database.commit()
    with pytest.raises(StateError, match=r"holds what is no point: it names pathlib\.Path.*Delete this folder"):
        await QdrantStore(tmp_path).load()
    assert not trace.exists()


async def test_what_both_halves_write_may_be_opened(tmp_path: Path) -> None:
    index = QdrantIndex(tmp_path)
    await index.upsert(
        [entry("a", "apple", metadata={"n": [1, 2.5, True], "year": 2**60}), entry("b")], context=CONTEXT
    )
    await index.close()
    assert await index.count(context=CONTEXT) == 2
    await index.close()


# ── Servers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_server_that_does_not_answer_is_named_and_may_be_asked_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("ragstone.connectors.qdrant.collection.time.sleep", pauses.append)
    url = f"http://127.0.0.1:{free_port()}"
    store, index = QdrantStore(url=url), QdrantIndex(url=url + "/", api_key="")
    for call in (
        lambda: store.load(),
        lambda: store.upsert(records(0, 1), context=CONTEXT),
        lambda: store.search(record(0).vector, k=1, context=CONTEXT),
        lambda: index.search(["apple"], k=1, context=CONTEXT),
        lambda: index.delete(["a"], context=CONTEXT),
        lambda: index.drop(context=CONTEXT),
    ):
        pauses.clear()
        with pytest.raises(StoreUnavailable, match=f"{url}: the Qdrant server does not answer: .*refused") as caught:
            await call()
        assert caught.value.retryable
        assert pauses == [0.2, 0.5, 1.0]
    pauses.clear()
    with pytest.raises(StoreUnavailable):
        await store.count(context=CONTEXT.within(0.3))
    assert pauses == [0.2]
    await store.close()
    await index.close()


async def test_a_server_that_hangs_is_left_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = QdrantIndex(url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(StoreUnavailable, match="does not answer: timed out"):
            await index.search(["apple"], k=1, context=CONTEXT.within(0.5))
        await index.close()


async def test_a_server_that_is_none_of_qdrant_is_named(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", tmp_path]
    with running(command, health=f"http://127.0.0.1:{port}/", log=tmp_path / "log"):
        store, index = QdrantStore(url=f"http://127.0.0.1:{port}"), QdrantIndex(url=f"http://127.0.0.1:{port}")
        for call in (
            lambda: store.count(context=CONTEXT),
            lambda: store.upsert(records(0, 1), context=CONTEXT),
            lambda: index.search(["apple"], k=1, context=CONTEXT),
        ):
            with pytest.raises(StateError, match=rf"127\.0\.0\.1:{port}: what answers is no Qdrant server") as caught:
                await call()
            assert not caught.value.retryable
        await store.close()
        await index.close()


@pytest.mark.parametrize(
    ("status", "said", "kind", "words"),
    [
        (401, "Must provide an API key", StateError, "refused the key"),
        (403, "Forbidden", StateError, "refused the key"),
        (429, "Too many requests", StoreUnavailable, "overloaded: Too many"),
        (503, "Service unavailable", StoreUnavailable, "overloaded"),
        (507, "Disk", StorageFull, "disk is full"),
        (500, "Service internal error: No space left on device", StorageFull, "disk is full"),
        (400, "Wrong input: Vector dimension error", StateError, "failed: Wrong input: Vector dimension error"),
        (404, "Not found: Collection `x` doesn't exist!", StateError, "doesn't exist"),
    ],
)
def test_what_a_server_says_becomes_ours(status: int, said: str, kind: type[StateError], words: str) -> None:
    import json

    from httpx import Headers
    from qdrant_client.http.exceptions import UnexpectedResponse

    content = json.dumps({"status": {"error": said}, "time": 0.0}).encode()
    error = UnexpectedResponse(status, "", content, Headers())
    ours = faults.of_server(error, "http://here")
    assert type(ours) is kind
    assert words in str(ours)
    assert str(ours).startswith("http://here: ")
    assert faults.is_no_collection(error) == (status == 404)


def test_no_error_of_the_vendor_is_left_over() -> None:
    from httpx import Headers
    from qdrant_client.common import client_exceptions
    from qdrant_client.http import exceptions

    arguments: dict[str, tuple[Any, ...]] = {
        "UnexpectedResponse": (500, "Internal", b"not json", Headers()),
        "ResponseHandlingException": (ValueError("no JSON"),),
        "ResourceExhaustedResponse": ("slow down", 1),
    }
    for module in (exceptions, client_exceptions):
        for name, found in vars(module).items():
            if isinstance(found, type) and issubclass(found, Exception) and found.__module__ == module.__name__:
                assert isinstance(faults.of_server(found(*arguments.get(name, ())), "here"), StateError), name
    assert faults.of_server(ZeroDivisionError(), "here") is None


def test_without_the_package_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    with pytest.raises(MissingExtra, match=r"pip install 'ragstone\[qdrant\]'"):
        QdrantStore()


def test_importing_the_connector_imports_nothing_heavy() -> None:
    code = (
        "import sys, ragstone.connectors.qdrant; print({'qdrant_client', 'grpc', 'numpy', 'httpx'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


@pytest.mark.parametrize("make", [QdrantStore, QdrantIndex])
def test_keys_that_name_no_place_are_refused(make: type[QdrantStore]) -> None:
    for url in ("localhost:6333", "ftp://localhost", "http://"):
        with pytest.raises(ConfigError, match="no URL of a Qdrant server"):
            make(url=url)
    with pytest.raises(ConfigError, match="names a user") as caught:
        make(url=f"https://ana:{key('qdrant')}@localhost:6333")
    assert key("qdrant") not in str(caught.value)
    for name in ("", "a/b", ".hidden", "x" * 201):
        with pytest.raises(ConfigError, match="collection's name"):
            make(collection=name)
