"""A question as it is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragstone.types import Matrix, Vector

__all__ = ["Asked"]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A question with its vector, and with those of its tokens where the embedder gives them.

    `vector` has shape (dimensions,) and length 1, `tokens` shape (tokens, dimensions), each of length 1.
    """

    text: str
    vector: Vector
    tokens: Matrix | None = None
