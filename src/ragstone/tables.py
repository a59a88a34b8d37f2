"""How tables are asked that may lie in one database or in another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

__all__ = ["Execute", "T"]

T = TypeVar("T")


class Execute(Protocol):
    """Runs one statement, in the SQL that SQLite and Postgres share, and returns its rows."""

    def __call__(self, statement: str, values: Sequence[Any] = (), /) -> Sequence[tuple[Any, ...]]:
        """`?` stands for each value."""
        ...
