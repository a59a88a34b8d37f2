"""What survives a killed process, a second writer, and damaged files."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lexical_entries import CONTEXT, FRUIT, entry, filled, found
from ragstone.connectors import tantivy
from ragstone.connectors.tantivy import TantivyIndex
from ragstone.errors import IndexBusy, StateError, StorageFull

WRITER = """
import asyncio, pathlib, sys
from ragstone.connectors.tantivy import TantivyIndex
from ragstone.types import Chunk, Context, Entry

async def main(path):
    index = TantivyIndex(path)
    for batch in range(10_000):
        named = dict(document_id="d", uri="u", title="", text="", start=0, end=0, line=1)
        chunks = [Chunk(id=f"{at}", **named) for at in range(50)]
        await index.upsert([Entry(chunk, ["word", f"batch{batch}"]) for chunk in chunks], context=Context())
        print(batch, flush=True)

asyncio.run(main(pathlib.Path(sys.argv[1])))
"""

HOLDER = """
import sys
from ragstone.connectors.tantivy import TantivyIndex
import pathlib
with TantivyIndex(pathlib.Path(sys.argv[1]))._writer():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_writer_loses_nothing_it_finished_and_leaves_no_lock(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(5):
            last = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        last = max([last, *(int(line) for line in process.stdout.read().split())])

    async def after() -> tuple[int, list[str], int]:
        index = TantivyIndex(tmp_path)
        count, kept = await index.count(context=CONTEXT), await found(index, f"batch{last} batch{last + 1}", k=99)
        await index.upsert([entry("new", "word")], context=CONTEXT)
        return count, kept, await index.count(context=CONTEXT)

    count, kept, more = asyncio.run(after())
    assert (count, len(kept), more) == (50, 50, 51)


def test_a_second_writer_is_told_that_the_index_is_busy(tmp_path: Path) -> None:
    index = asyncio.run(filled(*FRUIT, path=tmp_path))
    one_more = [entry("z", "apple")]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(IndexBusy, match="another process is writing"):
            asyncio.run(index.upsert(one_more, context=CONTEXT))
        assert asyncio.run(found(index, "apple")) == ["b", "a"]
        process.communicate("")
    asyncio.run(index.upsert(one_more, context=CONTEXT))
    assert asyncio.run(index.count(context=CONTEXT)) == 4


def _garbage(file: Path) -> None:
    file.write_bytes(b"garbage")


def _shorter(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("meta.json", _garbage),
        (".managed.json", _garbage),
        ("*.store", Path.unlink),
        ("*.idx", _shorter),
        ("*.term", _garbage),
        ("*.fieldnorm", _shorter),
    ],
)
async def test_a_damaged_index_says_what_to_do(tmp_path: Path, pattern: str, damage: Any) -> None:
    await filled(*FRUIT, path=tmp_path)
    (file,) = (tmp_path / "ragstone").glob(pattern)
    damage(file)
    index = TantivyIndex(tmp_path)
    for call in (index.search(["apple"], k=3, context=CONTEXT), index.upsert(FRUIT, context=CONTEXT)):
        with pytest.raises(StateError, match="Delete this folder") as caught:
            await call
        assert str(tmp_path / "ragstone") in str(caught.value)


async def test_a_panic_over_damaged_postings_is_an_error_like_any_other(tmp_path: Path, capfd: Any) -> None:
    await filled(*(entry(f"c{at}", f"word w{at}") for at in range(300)), path=tmp_path)
    (file,) = (tmp_path / "ragstone").glob("*.idx")
    data = file.read_bytes()
    file.write_bytes(b"\xa9" * (len(data) - 250) + data[-250:])  # the footer stays as it was
    with pytest.raises(StateError, match="Delete this folder"):
        await found(TantivyIndex(tmp_path), "word w7")
    capfd.readouterr()  # tantivy prints where it panicked


async def test_an_index_of_another_shape_is_refused(tmp_path: Path) -> None:
    import tantivy as library

    folder = tmp_path / "ragstone"
    folder.mkdir()
    library.Index(library.SchemaBuilder().add_text_field("other").build(), str(folder))
    with pytest.raises(StateError, match="schema does not match"):
        await found(TantivyIndex(tmp_path), "apple")


async def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ragstone").write_text("")
    with pytest.raises(StateError):
        await filled(*FRUIT, path=tmp_path)


def test_a_full_disk_is_told_as_one() -> None:
    error = tantivy._translation("Internal error: 'No space left on device (os error 28)'", "here")
    assert isinstance(error, StorageFull)
    assert "Free some space" in str(error)


async def test_an_error_that_is_no_fault_of_the_index_passes_through(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        await filled(entry("\ud800", "word"), path=tmp_path)
