"""All vectors of a small collection, in memory: to compare a question with each of them is sooner done than to ask."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragstone.connectors.chroma.vendor import Collection, dimensions
from ragstone.types import Scored

if TYPE_CHECKING:
    from ragstone.types import Matrix, Vector

__all__ = ["Stamp", "Whole"]

Stamp = tuple[object, ...]
"""Another one than before means that the collection may have changed."""

MOST_NUMBERS = 2_000_000
"""In memory: 8 MB, 5,000 vectors of MiniLM. To read so many takes 0.1 s, to compare them 0.3 ms in place of 1.3."""

ASKED = 8
"""Questions to an unchanged collection before it is read: where each write is followed by few, reading does not pay."""


@dataclass(frozen=True, slots=True)
class _Vectors:
    ids: list[str]
    rows: Matrix  # of length 1

    @classmethod
    def of(cls, collection: Collection) -> _Vectors:
        import numpy as np

        found = collection.get(include=["embeddings"])
        rows = np.asarray(found["embeddings"], np.float32).reshape(len(found["ids"]), -1)
        return cls(list(found["ids"]), _unit(rows))

    def nearest(self, vector: Vector, k: int) -> list[Scored]:
        import numpy as np

        # Not the product of BLAS: its threads would wait for the cores that the embedder is about to leave.
        scores = np.einsum("ij,j->i", self.rows, _unit(np.asarray(vector, np.float32)))
        least = np.partition(scores, -k)[-k] if k < len(scores) else -np.inf
        places = np.flatnonzero(scores >= least)  # more than k, where several are as near as the last one
        found = sorted(
            (-score, self.ids[at]) for score, at in zip(scores[places].tolist(), places.tolist(), strict=True)
        )
        return [Scored(name, max(-1.0, min(1.0, -score))) for score, name in found[:k]]


class Whole:
    """Answers in place of a collection that is small, and was asked a few times since it changed."""

    def __init__(self) -> None:
        self._stamp: Stamp | None = None
        self._asked = 0
        self._vectors: _Vectors | None = None
        self._lock = threading.Lock()

    def nearest(self, vector: Vector, k: int, collection: Collection, stamp: Stamp) -> list[Scored] | None:
        """The nearest k, by cosine, best first; equal ones by id. None where the collection itself is to be asked.

        `stamp` is from before the collection was opened: so what is read is never older than it says.
        """
        with self._lock:
            if stamp != self._stamp:
                self._stamp, self._asked, self._vectors = stamp, 0, None
            self._asked += 1
            if self._vectors is None and self._asked == ASKED and _is_small(collection):
                self._vectors = _Vectors.of(collection)
            found = self._vectors
        return None if found is None else found.nearest(vector, k)


def _is_small(collection: Collection) -> bool:
    return 0 < collection.count() * dimensions(collection) <= MOST_NUMBERS


def _unit(rows: Matrix) -> Matrix:
    """Of length 1; what has none stays 0, and is like nothing."""
    import numpy as np

    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-30)
