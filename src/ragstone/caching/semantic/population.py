"""The questions of one scope in memory: a matrix of their vectors, of which the nearest are found by one product."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from ragstone.compact import product

if TYPE_CHECKING:
    from ragstone.types import Matrix, Vector

__all__ = ["Population", "Remembered"]

FIRST = 64  # rows of a new matrix, which doubles when it is full
AT_ONCE = 1_000_000  # numbers that are compared before other requests go on; more are compared in a thread (0.3 ms)
SAMPLED, UNLIKE = 100, 0.5  # questions that are looked at for one that is unlike another; its cosine at most
EMPTIED = 0.25  # the share of rows without a question at which the matrix is made anew


@dataclass(frozen=True, slots=True, eq=False)
class Remembered:
    """A question that was answered, with its vector, shape (dimensions,)."""

    key: bytes
    question: str
    vector: Vector = field(repr=False)


class Population:
    """At most `limit` questions; the oldest make room. One event loop changes it, while threads may search.

    >>> population = Population(dimensions=2, limit=100)
    >>> population.add(Remembered(b"1", "When does it ship?", np.float32([1, 0])))
    >>> await population.nearest(np.float32([0.8, 0.6]), k=1, least=0.7)
    [(Remembered(key=b'1', question='When does it ship?'), 0.8)]
    """

    def __init__(self, *, dimensions: int, limit: int) -> None:
        import numpy as np

        self.dimensions, self.limit = dimensions, limit
        self._places: dict[bytes, int] = {}  # by key, the oldest first
        self._rows: list[Remembered | None] = []
        self._matrix: Matrix = np.zeros((min(FIRST, limit), dimensions), np.float32)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: bytes) -> bool:
        return key in self._places

    @property
    def keys(self) -> list[bytes]:
        """Of all questions, the oldest first."""
        return list(self._places)

    @property
    def size(self) -> int:
        """Bytes of the vectors: each question has its own beside a row of the matrix."""
        return self._matrix.nbytes + len(self) * self.dimensions * self._matrix.itemsize

    def add(self, one: Remembered) -> list[bytes]:
        """Remembers a question, and gives the keys of those that made room. One that is known is left as it is."""
        if one.key in self._places:
            return []
        if len(self._rows) == len(self._matrix):
            self._grow()
        at = len(self._rows)
        self._matrix[at] = one.vector
        self._rows.append(one)
        self._places[one.key] = at
        oldest = list(islice(self._places, max(0, len(self) - self.limit)))
        self.remove(oldest)
        return oldest

    def remove(self, keys: Iterable[bytes]) -> None:
        """Forgets questions; an unknown key is no error."""
        for key in keys:
            at = self._places.pop(key, None)
            if at is not None:
                self._rows[at] = None  # a search that is under way finds nothing here
                self._matrix[at] = 0
        if len(self._rows) - len(self) > max(FIRST, EMPTIED * len(self)):
            self._anew(len(self._matrix))

    async def nearest(self, vector: Vector, *, k: int, least: float) -> list[tuple[Remembered, float]]:
        """At most k questions whose cosine is `least` or more, the nearest first."""
        matrix, rows = self._matrix[: len(self._rows)], self._rows
        if matrix.size > AT_ONCE:
            found = await asyncio.to_thread(_nearest, matrix, vector, least)
        else:
            found = _nearest(matrix, vector, least)
        kept = ((rows[at], score) for at, score in found)
        return [(one, score) for one, score in kept if one is not None][:k]

    def farthest(self, vector: Vector) -> list[str]:
        """The question that is least like a vector, if its cosine is below half; of a large population, among some."""
        rows = [one for one in self._rows[:SAMPLED] if one is not None]
        found = min(rows, key=lambda one: float(one.vector @ vector), default=None)
        return [found.question] if found is not None and float(found.vector @ vector) < UNLIKE else []

    def _grow(self) -> None:
        self._anew(2 * len(self._matrix) if len(self) > len(self._matrix) // 2 else len(self._matrix))

    def _anew(self, size: int) -> None:
        """Another matrix and another list: whoever searches the old ones finds what belongs together."""
        import numpy as np

        rows = [one for one in self._rows if one is not None]
        matrix = np.zeros((max(size, len(rows) + 1), self.dimensions), np.float32)
        matrix[: len(rows)] = self._matrix[[at for at, one in enumerate(self._rows) if one is not None]]
        self._rows, self._matrix = [*rows], matrix
        self._places = {one.key: at for at, one in enumerate(rows)}


def _nearest(matrix: Matrix, vector: Vector, least: float) -> Sequence[tuple[int, float]]:
    import numpy as np

    if not len(matrix):
        return []
    scores = product(matrix, np.ascontiguousarray(vector[:, None]))[:, 0]
    places = np.flatnonzero(scores >= least)
    ordered = places[np.argsort(-scores[places], kind="stable")]
    return [(int(at), float(scores[at])) for at in ordered]
