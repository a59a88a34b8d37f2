"""Folders that a kill or a full disk in the middle of a write cannot harm.

Chroma appends each write to a log in SQLite, which is safe, and now and then rewrites its index files in place, which
is not: killed or out of space in there, it leaves files that it cannot read again. So a store never lets it rewrite
the files that are in use. The log grows, and is folded into a copy of the folder, which then takes its place:

    ragstone/
        000006-1f3a90/     what readers opened before
        000007-c04d21/     the current generation: the highest number
        draft-07b2e9/      the next one, while it is made
        open.lock          held while a reader opens a generation, so that nobody takes it away
        write.lock         held while a process writes

Readers and one writer at a time can so work in any number of processes.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from ragstone.errors import IndexBusy
from ragstone.state.lock import FileLock

__all__ = ["Generations", "copy"]

WAIT = 30.0  # seconds for another process to finish what it writes
SPARE = 32 << 20  # bytes to leave on the disk

_DATABASE = "chroma.sqlite3"
_NAME = re.compile(r"(\d{6,})-[0-9a-f]+")


class Generations:
    """The generations of one collection, under its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def writing(self) -> FileLock:
        """Keeps other processes from writing. Raises IndexBusy when one of them does not end."""
        return FileLock(self.folder / "write.lock", purpose="writing vectors", wait=WAIT)

    def opening(self) -> FileLock:
        """Keeps the generations where they are. Many may hold it at once."""
        return FileLock(self.folder / "open.lock", purpose="opening vectors", shared=True, wait=WAIT)

    def current(self) -> Path | None:
        """The newest generation; None where nothing was ever written."""
        try:
            names = os.listdir(self.folder)  # noqa: PTH208 - asked for before every search, and three times as fast
        except FileNotFoundError:
            return None
        newest = max((name for name in names if _NAME.fullmatch(name)), key=_number, default=None)
        return self.folder / newest if newest else None

    def stamp(self) -> tuple[object, ...] | None:
        """Changes with every write to the current generation, whoever writes, and with the generation itself."""
        current = self.current()
        try:
            stat = (current / _DATABASE).stat() if current else None
        except FileNotFoundError:
            stat = None
        return (current, stat.st_ino, stat.st_size, stat.st_mtime_ns) if stat else None

    def publish(self, build: Callable[[Path], None]) -> None:
        """Puts a new generation in place of the current one, as `build` makes it in an empty folder; all or nothing."""
        draft = self.folder / f"draft-{_token()}"  # Chroma remembers for long what went wrong with a folder
        draft.mkdir(parents=True)
        try:
            build(draft)
            for file in draft.rglob("*"):
                if file.is_file():
                    _reach_disk(file)
            last = self.current()
            number = _number(last.name) + 1 if last else 1
            new = draft.rename(self.folder / f"{number:06d}-{_token()}")
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        with suppress(IndexBusy):  # then the next one takes them away
            self._remove_all_but(new)

    def remove(self) -> None:
        """Takes every generation away, each renamed first: so it is gone at once, even one that cannot be read."""
        while (current := self.current()) is not None:
            current.rename(self.folder / f"draft-{_token()}")
        if self.folder.exists():
            self._remove_all_but(self.folder)

    def has_room(self) -> bool:
        """Whether a copy of the current generation fits on the disk, and may grow."""
        current = self.current()
        size = sum(file.stat().st_size for file in current.rglob("*") if file.is_file()) if current else 0
        return shutil.disk_usage(self.folder).free > 2 * size + SPARE

    def _remove_all_but(self, current: Path) -> None:
        with FileLock(self.folder / "open.lock", purpose="removing old vectors", wait=WAIT):
            for other in self.folder.iterdir():
                if other != current and other.is_dir():
                    shutil.rmtree(other, ignore_errors=True)


def copy(source: Path, target: Path) -> None:
    """Copies a generation, also while a reader has it open."""
    shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(f"{_DATABASE}*"))
    with closing(sqlite3.connect(source / _DATABASE)) as old, closing(sqlite3.connect(target / _DATABASE)) as new:
        old.backup(new)


def _token() -> str:
    return secrets.token_hex(3)


def _number(name: str) -> int:
    return int(name.split("-")[0])


def _reach_disk(file: Path) -> None:
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())
