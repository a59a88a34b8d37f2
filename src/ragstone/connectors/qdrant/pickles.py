"""What a folder may hold to be opened.

In a folder, Qdrant's client keeps each point as a pickle, and a pickle may name any function to be called while it is
read. A project that was copied from somebody else must not run code by being opened, so each point is read here first,
by a reader that knows the two classes which points are made of, and builds neither.
"""

from __future__ import annotations

import pickle
import sqlite3
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

from ragstone.errors import StateError

__all__ = ["demand_harmless"]

_FILE = "storage.sqlite"
_MODULE = "qdrant_client.http.models.models"
_CLASSES = {"PointStruct", "SparseVector"}


class _Point:
    """Stands for whatever a pickle builds, and keeps nothing of it."""

    def __setstate__(self, state: Any) -> None:
        return


class _Reader(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if module_name == _MODULE and global_name in _CLASSES:
            return _Point
        raise pickle.UnpicklingError(f"it names {module_name}.{global_name}")


def demand_harmless(folder: Path) -> None:
    """Raises StateError where a point of a collection in this folder is anything but a point."""
    for file in sorted(folder.glob(f"collection/*/{_FILE}")):
        with closing(sqlite3.connect(file)) as database:
            for (data,) in database.execute("SELECT point FROM points"):
                try:
                    _Reader(BytesIO(data)).load()
                except Exception as error:
                    raise StateError(
                        f"the index holds what is no point: {error}",
                        where=str(file),
                        hint="Delete this folder and run `ragstone ingest` again.",
                    ) from error
