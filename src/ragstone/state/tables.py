"""Tables of ours in a SQLite file, where no other database is set."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ragstone.protocols import Database
from ragstone.state.precious import PreciousFile
from ragstone.tables import Execute, T
from ragstone.types import Context

__all__ = ["SqliteDatabase"]

FORMAT = 1


class SqliteDatabase(Database):
    """A file of one set of tables, or memory without a path. `noun` says in errors what it holds."""

    def __init__(self, path: Path | None, *, noun: str) -> None:
        self.path, self._noun = path, noun
        self._file: PreciousFile | None = None
        self._one = threading.Lock()

    async def run(self, act: Callable[[Execute], T], *, tables: str, writing: bool = False, context: Context) -> T:
        """The same in a thread. Who only reads makes no file. Raises StateError."""
        return await asyncio.to_thread(self._run, act, tables, writing)

    async def close(self) -> None:
        """Closes the file; the next call opens it again."""
        if self._file is not None:
            await asyncio.to_thread(self._file.close)

    def _run(self, act: Callable[[Execute], T], tables: str, writing: bool) -> T:
        with self._one:
            if self._file is None:
                self._file = self._made(self.path, tables)
        file = self._file
        if not writing and file.empty:
            file = self._made(None, tables)
            try:
                return self._acted(file, act)
            finally:
                file.close()
        return self._acted(file, act)

    def _acted(self, file: PreciousFile, act: Callable[[Execute], T]) -> T:
        with file.writing() as db:

            def execute(statement: str, values: Sequence[Any] = (), /) -> Sequence[tuple[Any, ...]]:
                return db.execute(statement, tuple(values)).fetchall()

            return act(execute)

    def _made(self, path: Path | None, tables: str) -> PreciousFile:
        instead = f": then {self._noun} begin anew"
        return PreciousFile(path, tables, version=FORMAT, noun=self._noun, instead=instead, private=True)
