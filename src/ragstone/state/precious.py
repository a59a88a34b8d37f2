"""A SQLite file of what nothing makes again: feedback, keys. It is made by who first writes, and never thrown away."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ragstone.errors import StateError, StorageFull
from ragstone.state.database import Database, create

__all__ = ["PreciousFile"]


class PreciousFile:
    """The file, or memory without a path. Its methods raise StateError, which says `noun` and what to do.

    `instead` is what one may do where the file is damaged and no copy is left. A `private` file nobody else of this
    machine can read.
    """

    def __init__(
        self, path: Path | None, schema: str, *, version: int, noun: str, instead: str, private: bool = False
    ) -> None:
        self.path, self._schema, self._version = path, schema, version
        self._noun, self._instead, self._private = noun, instead, private
        self._file = Database(path, self._prepare)

    @property
    def empty(self) -> bool:
        """Whether nothing was ever written: who only reads makes no file."""
        return self.path is not None and not self.path.exists()

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """The connection, for this thread alone while the block lasts."""
        with self._translated(), self._file.reading() as db:
            yield db

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """The connection in a transaction: all that the block writes, or nothing."""
        with self._translated():
            if self._private and self.path is not None and self.empty:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            with self._file.writing() as db:
                yield db

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        self._file.close()

    def _prepare(self, db: sqlite3.Connection) -> None:
        try:
            create(db, self._schema, version=self._version, where=self._where)
        except StateError as error:
            error.hint = f"Open it with that version, or move it away{self._instead}."
            raise

    @property
    def _where(self) -> str:
        return str(self.path or "memory")

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            self._file.close()  # the next call opens it anew
            if "full" in str(error) or "No space" in str(error):
                hint = "Free some space and run it again."
                raise StorageFull("the disk is full", where=self._where, hint=hint) from error
            hint = f"Is it writable? If it is damaged, put a copy in its place, or move it away{self._instead}."
            raise StateError(f"{self._noun} cannot be kept or read: {error}", where=self._where, hint=hint) from error
