"""One open client for many threads."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ragstone.connectors.chroma.vendor import Client, Collection, close

if TYPE_CHECKING:
    from ragstone.connectors.chroma.places import Place

__all__ = ["Session", "Sessions"]


@dataclass(slots=True)
class Session:
    """An open client with the collection, of a generation where it lives in a folder."""

    client: Client
    collection: Collection
    generation: Path | None = None
    users: int = 0


class Sessions:
    """Hands out the open session, opens one where there is none, and closes an old one when its last user is done."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._current: Session | None = None
        self._lock = threading.Condition()
        self._paused, self._users = False, 0

    @contextmanager
    def use(self, length: int | None) -> Generator[Collection | None]:
        """The collection, kept open for the block; None where there is none and no `length` of vectors asks for one."""
        with self._lock:
            self._lock.wait_for(lambda: not self._paused)
            if self._current and self._current.generation != self._place.generation():
                self._retire()  # another process has published a generation, or the folder was deleted
            session = self._current = self._current or self._place.opened(length)
            if session:
                session.users += 1
                self._users += 1
        try:
            yield session.collection if session else None
        finally:
            if session:
                self._leave(session)

    def retire(self) -> None:
        """Lets the next user have a new session."""
        with self._lock:
            self._retire()

    @contextmanager
    def paused(self) -> Generator[None]:
        """No session is open while the block lasts; who wants one waits."""
        with self._lock:
            self._paused = True
            self._retire()
            self._lock.wait_for(lambda: not self._users)
        try:
            yield
        finally:
            with self._lock:
                self._paused = False
                self._lock.notify_all()

    def _leave(self, session: Session) -> None:
        with self._lock:
            session.users -= 1
            self._users -= 1
            if not session.users and session is not self._current:
                close(session.client)
            self._lock.notify_all()

    def _retire(self) -> None:
        session, self._current = self._current, None
        if session and not session.users:
            close(session.client)
