"""What the Chroma store does beyond its protocol: folders, memory, errors, silence."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import CONTEXT, DIMENSIONS, lost, process, record, records

from ragstone.connectors.chroma import ChromaStore, generations, places
from ragstone.errors import ConfigError, IndexMismatch, StateError, StorageFull
from ragstone.protocols import FILTERS


def generation(folder: Path) -> Path:
    """The one generation that there is."""
    (found,) = (path for path in (folder / "ragstone").iterdir() if path.is_dir())
    return found


# ── Folders ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_nothing_is_created_before_the_first_write(folder: Path) -> None:
    store = ChromaStore(folder)
    await store.load()
    await store.search(record(0).vector, k=3, context=CONTEXT)
    await store.count(context=CONTEXT)
    await store.delete(["c0"], context=CONTEXT)
    await store.flush()
    await store.close()
    assert not folder.exists()


async def test_closing_leaves_one_generation_with_its_log_folded(folder: Path) -> None:
    store = ChromaStore(folder)
    await store.upsert(records(0, 50), context=CONTEXT)
    before = generation(folder)
    assert not list(before.glob("*/index_metadata.pickle"))  # which Chroma writes with the index
    await store.close()
    after = generation(folder)
    assert after != before
    assert len(list(after.glob("*/index_metadata.pickle"))) == 1


async def test_closing_without_a_write_changes_nothing(folder: Path) -> None:
    store = ChromaStore(folder)
    await store.upsert(records(0, 5), context=CONTEXT)
    await store.close()
    before = generation(folder)
    assert await store.count(context=CONTEXT) == 5
    await store.close()
    assert generation(folder) == before


async def test_a_long_log_is_folded_meanwhile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "UNFOLDED", 100)
    store = ChromaStore(folder)
    names: set[str] = set()
    for first in range(0, 300, 30):
        await store.upsert(records(first, first + 30), context=CONTEXT)
        names.add(generation(folder).name)
        assert await lost(store, range(0, first + 30, 7)) == []
    assert len(names) == 3
    assert await store.count(context=CONTEXT) == 300
    await store.close()


async def test_an_upsert_of_any_size_is_one_call(folder: Path) -> None:
    store = ChromaStore(folder)
    await store.upsert(records(0, 5_500), context=CONTEXT)  # more than Chroma takes at once
    assert await store.count(context=CONTEXT) == 5_500
    await store.delete([f"c{at}" for at in range(5_000)], context=CONTEXT)
    assert await store.count(context=CONTEXT) == 500
    await store.close()


async def test_a_deleted_folder_is_an_empty_store_that_can_be_filled_again(folder: Path) -> None:
    store = ChromaStore(folder)
    await store.upsert(records(0, 20), context=CONTEXT)
    await store.close()
    assert await store.count(context=CONTEXT) == 20
    shutil.rmtree(folder)
    assert await store.count(context=CONTEXT) == 0
    assert await store.search(record(0).vector, k=3, context=CONTEXT) == []
    await store.upsert(records(5, 10), context=CONTEXT)
    assert await lost(store, range(5, 10)) == []
    assert await store.count(context=CONTEXT) == 5
    await store.close()


async def test_two_collections_share_a_path_and_nothing_else(folder: Path) -> None:
    one, other = ChromaStore(folder, collection="one"), ChromaStore(folder, collection="other")
    await one.upsert(records(0, 3), context=CONTEXT)
    assert await other.count(context=CONTEXT) == 0
    await other.upsert(records(0, 5), context=CONTEXT)
    assert await one.count(context=CONTEXT) == 3
    await one.close()
    assert await other.count(context=CONTEXT) == 5
    await other.close()


async def test_two_stores_of_one_folder_see_each_others_writes(folder: Path) -> None:
    one, other = ChromaStore(folder), ChromaStore(folder)
    await one.upsert(records(0, 3), context=CONTEXT)
    assert await other.count(context=CONTEXT) == 3
    await other.upsert(records(3, 6), context=CONTEXT)
    await one.flush()
    assert await lost(one, range(6)) == await lost(other, range(6)) == []
    await one.close()
    assert await other.count(context=CONTEXT) == 6
    await other.close()


# ── Memory ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_two_stores_in_memory_share_nothing() -> None:
    one, other = ChromaStore(), ChromaStore()
    await one.upsert(records(0, 3), context=CONTEXT)
    assert await other.count(context=CONTEXT) == 0
    await one.close()
    assert await one.count(context=CONTEXT) == 0


# ── Errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["", "ab", "-abc", "a b c", "a/b", "x" * 300])
def test_a_name_that_chroma_refuses_is_refused_at_once(name: str) -> None:
    with pytest.raises(ConfigError, match="does not suit Chroma"):
        ChromaStore(collection=name)


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://somewhere", "chroma"])
def test_a_url_without_its_scheme_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigError, match="http://"):
        ChromaStore(url=url)


def test_it_runs_every_filter_and_knows_whether_it_is_local(folder: Path) -> None:
    assert ChromaStore(folder).capabilities.filters == FILTERS
    assert ChromaStore(folder).capabilities.local
    assert not ChromaStore(url="http://chroma:8000").capabilities.local


def _garbage(file: Path) -> None:
    file.write_bytes(b"garbage" * 100)


def _half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("chroma.sqlite3", _garbage),
        ("chroma.sqlite3", _half),
        ("*/index_metadata.pickle", _garbage),
        ("*/header.bin", _garbage),
        ("*/data_level0.bin", _half),
    ],
)
async def test_a_damaged_folder_says_what_to_do(folder: Path, pattern: str, damage: Any) -> None:
    store = ChromaStore(folder)
    await store.upsert(records(0, 500), context=CONTEXT)
    await store.close()
    (file,) = generation(folder).glob(pattern)
    damage(file)
    damaged = ChromaStore(folder)
    for _ in range(2):
        with pytest.raises(StateError, match="elete this folder and run `ragstone ingest`") as caught:
            await damaged.search(record(0).vector, k=500, context=CONTEXT)
        assert str(folder / "ragstone") in str(caught.value)
    with pytest.raises(StateError):
        await damaged.upsert(records(0, 2), context=CONTEXT)
    shutil.rmtree(folder)
    await damaged.upsert(records(0, 2), context=CONTEXT)
    assert await damaged.count(context=CONTEXT) == 2
    await damaged.close()


async def test_a_file_in_place_of_the_folder_is_an_error(folder: Path) -> None:
    folder.mkdir()
    (folder / "ragstone").write_text("")
    store = ChromaStore(folder)
    with pytest.raises(StateError):
        await store.upsert(records(0, 2), context=CONTEXT)
    with pytest.raises(StateError):
        await store.count(context=CONTEXT)
    await store.close()


async def test_a_full_disk_is_noticed_before_anything_is_written(folder: Path, monkeypatch: Any) -> None:
    store = ChromaStore(folder)
    await store.upsert(records(0, 20), context=CONTEXT)
    with monkeypatch.context() as patched:
        patched.setattr(generations, "SPARE", 1 << 60)
        with pytest.raises(StorageFull, match="what was written before is intact"):
            await store.upsert(records(20, 40), context=CONTEXT)
        assert await lost(store, range(20)) == []
        await store.close()  # without room to fold
        assert await lost(store, range(20)) == []
        assert await store.count(context=CONTEXT) == 20
    await store.upsert(records(20, 40), context=CONTEXT)
    await store.close()
    assert await lost(store, range(40)) == []
    await store.close()


async def test_a_failure_while_folding_leaves_everything_as_it_was(folder: Path, monkeypatch: Any) -> None:
    store = ChromaStore(folder)
    await store.upsert(records(0, 20), context=CONTEXT)
    before = generation(folder)

    def fail(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(places, "copy", fail)
    with pytest.raises(StorageFull):
        await store.close()
    assert generation(folder) == before
    assert await lost(store, range(20)) == []
    await store.close()


async def test_nobody_answers_at_the_url() -> None:
    store = ChromaStore(url="http://127.0.0.1:9/")
    for call in (store.count(context=CONTEXT), store.upsert(records(0, 1), context=CONTEXT)):
        with pytest.raises(StateError, match="does not answer") as caught:
            await call
        assert "http://127.0.0.1:9" in str(caught.value)
        assert "chroma run" in str(caught.value)
    await store.close()


async def test_records_of_two_lengths_are_refused_whole(folder: Path) -> None:
    store = ChromaStore(folder)
    longer = record(1)
    longer = type(longer)(longer.chunk, longer.vector.repeat(2))
    with pytest.raises(IndexMismatch, match=f"expected {DIMENSIONS} dimensions, found {2 * DIMENSIONS}"):
        await store.upsert([record(0), longer], context=CONTEXT)
    assert await store.count(context=CONTEXT) == 0
    await store.close()


# ── Silence ─────────────────────────────────────────────────────────────────────────────────────────────────────────

QUIETLY = """
async def main():
    store = ChromaStore(folder)
    await store.upsert(records(0, 20), context=CONTEXT)
    assert await lost(store, range(20)) == []
    await store.close()
asyncio.run(main())
"""


def test_it_prints_nothing_and_warns_of_nothing(folder: Path) -> None:
    import_errors = "import warnings; warnings.simplefilter('error')\n"
    output, errors = process(import_errors + QUIETLY, folder).communicate(timeout=120)
    assert (output, errors) == ("", "")


async def test_it_logs_nothing(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        store = ChromaStore(folder)
        await store.upsert(records(0, 20), context=CONTEXT)
        await store.search(record(0).vector, k=50, context=CONTEXT)
        await store.close()
    assert [entry for entry in caplog.records if entry.name.startswith("chromadb")] == []


async def test_the_environment_configures_nothing(folder: Path, monkeypatch: Any, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("IS_PERSISTENT=false\nPERSIST_DIRECTORY=elsewhere\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHROMA_API_IMPL", "chromadb.api.fastapi.FastAPI")
    monkeypatch.setenv("CHROMA_OTEL_GRANULARITY", "all")
    store = ChromaStore(folder)
    await store.upsert(records(0, 3), context=CONTEXT)
    await store.close()
    assert generation(folder)
    assert not (tmp_path / "elsewhere").exists()


def test_the_module_imports_without_chromadb() -> None:
    code = "import sys; import ragstone.connectors.chroma; assert not {'chromadb', 'numpy'} & set(sys.modules)"
    import subprocess
    import sys

    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
