"""Where a source takes files in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

__all__ = ["Inbox"]


class Inbox(ABC):
    """A place of a source's where files can be put and removed. Its methods block."""

    @abstractmethod
    def uri(self, name: str) -> str:
        """The uri of a file of that name, which a path may come before.

        Raises UsageError for a name that leads elsewhere, that no system keeps, or that the source does not list.
        """

    @abstractmethod
    def room(self, name: str) -> Path:
        """An empty file beside that place, to be written and then put there."""

    @abstractmethod
    def put(self, name: str, written: Path, *, check: Callable[[bytes], None]) -> None:
        """Puts what was written in its place, all at once, also where a file is there already.

        `check` raises for what may not be. Raises UsageError for one that is larger than the source takes.
        """

    @abstractmethod
    def remove(self, name: str) -> bool:
        """Removes a file; whether there was one."""
