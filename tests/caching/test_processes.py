"""Several processes over one file: one of them asks the model, and another takes over from one that was killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragstone.caching.spared import SparedCache
from ragstone.types import Context

sqlite_cache = pytest.importorskip("ragstone.connectors.sqlite_cache", reason="the cache in a file is not there yet")

pytestmark = pytest.mark.slow

LONGEST = 60  # seconds

CHILD = """
import asyncio, sys
from pathlib import Path

from ragstone.caching import spared, turn
from ragstone.caching.model import CachedModel
from ragstone.caching.spared import SparedCache
from ragstone.connectors.sqlite_cache import SqliteCache
from ragstone.protocols import Model
from ragstone.types import Completion, Context, Message, Prompt

turn.LEASE, spared.PATIENCE = 1.0, 60.0
PROMPT = Prompt(name="p", version="1", messages=(Message("user", "Where?"),))
folder, name, hangs = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "hangs"


class Told(Model):
    fingerprint = "told-1"

    async def generate(self, prompt, *, context):
        with open(folder / "asked", "a") as file:
            file.write(name + "\\n")
        print("asked", flush=True)
        await asyncio.sleep(3600 if hangs else 0.5)
        return Completion(text=f"Paris, says {name}.", model="told")


async def main():
    cache = SparedCache(SqliteCache(folder / "answers.db"))
    model = CachedModel(Told(), cache)
    print("ready", flush=True)
    sys.stdin.readline()
    found = await asyncio.gather(*(model.generate(PROMPT, context=Context()) for _ in range(20)))
    print(*{each.text for each in found}, flush=True)
    await model.close()
    await cache.close()


asyncio.run(main())
"""


class Child:
    def __init__(self, folder: Path, name: str, how: str = "answers") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder), name, how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def hears(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def begins(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def ends(self) -> list[str]:
        said, _ = self.process.communicate(timeout=LONGEST)
        assert self.process.returncode == 0
        return [line for line in said.splitlines() if line != "asked"]


@pytest.fixture
def children(tmp_path: Path) -> Iterator[list[Child]]:
    made: list[Child] = []
    yield made
    for child in made:
        child.process.kill()
        child.process.communicate()


def asked(folder: Path) -> list[str]:
    return (folder / "asked").read_text().split()


def test_of_many_processes_one_asks(tmp_path: Path, children: list[Child]) -> None:
    children += [Child(tmp_path, name) for name in "abc"]
    for child in children:
        assert child.hears() == "ready"
    for child in children:
        child.begins()
    said = [child.ends() for child in children]
    assert len(asked(tmp_path)) == 1
    assert said == [[f"Paris, says {asked(tmp_path)[0]}."]] * 3


def test_another_process_takes_over_from_one_that_was_killed(tmp_path: Path, children: list[Child]) -> None:
    children += [Child(tmp_path, "first", "hangs"), Child(tmp_path, "second")]
    first, second = children
    assert [first.hears(), second.hears()] == ["ready", "ready"]
    first.begins()
    assert first.hears() == "asked"
    second.begins()
    first.process.kill()
    assert second.ends() == ["Paris, says second."]
    assert asked(tmp_path) == ["first", "second"]


async def test_figures_of_all_processes_add_up(tmp_path: Path, children: list[Child]) -> None:
    children += [Child(tmp_path, name) for name in "ab"]
    for child in children:
        assert child.hears() == "ready"
        child.begins()
    for child in children:
        child.ends()
    cache = SparedCache(sqlite_cache.SqliteCache(tmp_path / "answers.db"))
    figures = (await cache.stats(context=Context())).figures
    await cache.close()
    assert figures["calls.miss"] == 1
    assert figures["calls.miss"] + figures.get("calls.joined", 0) + figures.get("calls.hit", 0) == 40
