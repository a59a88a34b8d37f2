"""Changes of a collection, and the file in which they wait until the next generation holds them.

A change is on disk once it stands in this journal: Chroma itself may then be killed in the middle of it.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ragstone.connectors.chroma.where import stored
from ragstone.types import Record

if TYPE_CHECKING:
    import numpy as np

    from ragstone.connectors.chroma.vendor import Collection

    Vectors: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.float32]]

__all__ = ["Change", "Journal"]

_FRAME = struct.Struct(">QQI")  # bytes of JSON and of vectors, and the checksum of both


@dataclass(frozen=True, slots=True)
class Change:
    """Records to write, as Chroma keeps them; with no metadata and no vectors, ids to delete."""

    ids: Sequence[str]
    metadatas: Sequence[Mapping[str, Any]] = ()
    vectors: Vectors | None = None

    @classmethod
    def of(cls, records: Sequence[Record]) -> Change:
        """The change that writes these, each with a vector of the same length."""
        import numpy as np

        vectors = np.array([record.vector for record in records], dtype=np.float32)
        return cls([record.chunk.id for record in records], [stored(record.chunk) for record in records], vectors)

    @property
    def length(self) -> int | None:
        """Of the vectors; None for a deletion."""
        return None if self.vectors is None else self.vectors.shape[1]

    def apply(self, collection: Collection) -> None:
        """Does it. A second time does no harm."""
        if self.vectors is None:
            collection.delete(ids=self.ids)
            return
        held = collection.get(ids=self.ids, include=["metadatas"])
        # An upsert merges: a key that is gone stays unless it is set to None.
        unset = {name: dict.fromkeys(old or ()) for name, old in zip(held["ids"], held["metadatas"], strict=True)}
        kept = zip(self.ids, self.metadatas, strict=True)
        metadatas = [{**unset[name], **new} if name in unset else new for name, new in kept]
        collection.upsert(ids=self.ids, embeddings=[*self.vectors], metadatas=metadatas)

    def to_bytes(self) -> bytes:
        """As the journal keeps it."""
        vectors = b"" if self.vectors is None else self.vectors.tobytes()
        said = json.dumps({"ids": [*self.ids], "metadatas": [*self.metadatas], "length": self.length}).encode()
        return _FRAME.pack(len(said), len(vectors), _checksum(said, vectors)) + said + vectors

    @classmethod
    def from_bytes(cls, said: bytes, vectors: bytes) -> Change:
        """The same back again."""
        import numpy as np

        found = json.loads(said)
        length = found["length"]
        rows = None if length is None else np.frombuffer(vectors, dtype=np.float32).reshape(-1, length)
        return cls(found["ids"], found["metadatas"], rows)


class Journal:
    """The changes since the generation named `base` ("" before the first): a file whose first line names it.

    One that names another generation is of no use any more, since that one's changes are in a newer generation. Only
    who holds the lock for writing may change it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def size(self, base: str) -> int:
        """Bytes, 0 where nothing waits."""
        try:
            with self.path.open("rb") as file:
                first = file.readline()
                return os.fstat(file.fileno()).st_size if first == _first(base) else 0
        except FileNotFoundError:
            return 0

    def waits(self, base: str) -> bool:
        """Whether there are changes that this generation lacks."""
        return self.size(base) > len(_first(base))

    def changes(self, base: str) -> Iterator[Change]:
        """In order. One that was cut short is cut off: nobody was told that it is on disk."""
        if not self.size(base):
            return
        with self.path.open("rb") as file:
            file.readline()
            whole, end = file.tell(), os.fstat(file.fileno()).st_size
            while len(frame := file.read(_FRAME.size)) == _FRAME.size:
                size, more, checksum = _FRAME.unpack(frame)
                if file.tell() + size + more > end:
                    break
                said, vectors = file.read(size), file.read(more)
                if _checksum(said, vectors) != checksum:
                    break
                whole = file.tell()
                yield Change.from_bytes(said, vectors)
        self.cut(whole)

    def append(self, base: str, change: Change) -> None:
        """Notes a change; on return it is on disk. What fails leaves the journal as it was."""
        size = self.size(base)
        with self.path.open("r+b" if size else "wb") as file:
            try:
                file.seek(size)
                file.write((b"" if size else _first(base)) + change.to_bytes())
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                file.truncate(size)
                raise

    def cut(self, size: int) -> None:
        """Takes back what was noted after it had this size."""
        with self.path.open("r+b") as file:
            file.truncate(size)

    def remove(self) -> None:
        """Forgets everything."""
        self.path.unlink(missing_ok=True)


def _first(base: str) -> bytes:
    return f"{base}\n".encode()


def _checksum(said: bytes, vectors: bytes) -> int:
    """Never 0 for nothing: after a power cut a file may end in zeros."""
    return zlib.crc32(vectors, zlib.crc32(said, 1))
