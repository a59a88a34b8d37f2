"""The lines of a file of questions, read by a thread of its own a little ahead of who takes them."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import threading
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from ragstone.batch.questions import LONGEST
from ragstone.errors import UsageError

__all__ = ["STANDARD", "Line", "count", "lines", "opened", "read_ahead"]

STANDARD = Path("-")
"""Standard input, or standard output."""

T = TypeVar("T")

AHEAD = 256  # lines
BOM = b"\xef\xbb\xbf"
KEY = 8  # bytes of a hash: one line in 2^64 passes for another


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank, the `number`-th of those from 0, at `place` of the file from 1; cut where too long.

    `key` is a hash of the whole line and of all that is said for every line.
    """

    number: int
    place: int
    data: bytes
    key: str


@dataclass(frozen=True, slots=True)
class _One(Generic[T]):
    item: T


@contextmanager
def opened(path: Path) -> Generator[BinaryIO]:
    """The file of questions, or standard input. Raises UsageError where there is none."""
    if path == STANDARD:
        if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - it is, where a shell has closed it
            raise UsageError("there is no standard input to read the questions from")
        yield sys.stdin.buffer
        return
    if not path.is_file() and not path.is_fifo():
        what = "is a folder" if path.is_dir() else "there is no such file"
        raise UsageError(what, where=str(path), expected="a file with a question on each line")
    with path.open("rb") as file:
        yield file


def lines(file: BinaryIO, settings: str) -> Generator[Line]:
    """Every line that is not blank, without its end."""
    number = place = 0
    while data := file.readline(LONGEST + 2):
        hashed = hashlib.blake2b(settings.encode(), digest_size=KEY)
        whole = data
        if not place:
            data = data.removeprefix(BOM)
        place += 1
        data = data.rstrip(b"\r\n")
        hashed.update(data)
        while not whole.endswith(b"\n") and (whole := file.readline(LONGEST)):
            hashed.update(whole.rstrip(b"\r\n"))
        if data.strip():
            yield Line(number, place, data, hashed.hexdigest())
            number += 1


def count(path: Path) -> int | None:
    """How many lines there are to ask; None where that is known only at the end."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return sum(1 for _ in lines(file, ""))


async def read_ahead(found: Iterator[T]) -> AsyncGenerator[T]:
    """The same items, made by a thread of their own: a terminal may take its time for the next line."""
    loop, ended = asyncio.get_running_loop(), threading.Event()
    queue: asyncio.Queue[_One[T] | Exception | None] = asyncio.Queue()
    room = threading.Semaphore(AHEAD)

    def put(one: _One[T] | Exception | None) -> None:
        room.acquire()
        if not ended.is_set():
            loop.call_soon_threadsafe(queue.put_nowait, one)

    def read() -> None:
        try:
            for item in found:
                put(_One(item))
                if ended.is_set():
                    return
            put(None)
        except Exception as error:
            put(error)

    # A daemon: nobody can end a thread that waits for a terminal.
    threading.Thread(target=read, name="questions", daemon=True).start()
    try:
        while (one := await queue.get()) is not None:
            room.release()
            if isinstance(one, Exception):
                raise one
            yield one.item
    finally:
        ended.set()
        room.release()
