"""Leaves a model alone that fails too often or answers too slowly, and tries it again after a while."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ragstone.errors import ModelResting

__all__ = ["Breaker", "Entry", "State"]

log = logging.getLogger("ragstone")

State: TypeAlias = Literal["closed", "open", "half open"]

WINDOW, MEMORY = 20, 120.0  # the last outcomes count, as far as they are no older than so many seconds
FEWEST = 10  # of them, before it may open
SHARE = 0.5  # of bad ones, from which on it opens
REST = 10.0  # seconds that a model is left alone, doubled each time that its trial fails
LONGEST_REST = 120.0
MOMENT = 1.0  # seconds to come again in, while the trial of another call is under way


@dataclass(frozen=True, slots=True)
class Entry:
    """One call that was let in: when, as the breaker counts its own changes, and whether it is the trial."""

    era: int
    trial: bool


class Breaker:
    """Closed: all may ask. Open: nobody may, until the rest is over. Half open: one may, and its outcome decides.

    It opens when half of the last outcomes were bad: failures, and first words that took longer than `slow` seconds,
    where that is set. The outcome of a call counts only if the breaker has not opened or closed since it was let in: of
    many calls that fail together one opens it, and none of the others makes the rest longer. `clock` counts seconds,
    and never goes back.
    """

    def __init__(
        self, name: str = "", *, slow: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name, self.slow = name, slow
        self._clock, self._lock = clock, threading.Lock()
        self._outcomes = deque[tuple[float, bool]](maxlen=WINDOW)  # when, and whether it was bad
        self._era, self._trial = 0, False
        self._rest, self._until = REST, 0.0  # 0 while it is closed
        self._asked_until = 0.0  # the server's own wish: nobody has to try whether it is over

    @property
    def state(self) -> State:
        """What it is now."""
        now = self._clock()
        if now < max(self._until, self._asked_until):
            return "open"
        return "half open" if self._until else "closed"

    @property
    def resting(self) -> float:
        """Seconds until the model may be asked again; 0 where it may be now."""
        left = max(self._until, self._asked_until) - self._clock()
        return left if left > 0 else MOMENT if self._trial else 0.0

    @property
    def refusal(self) -> ModelResting | None:
        """Why the model may not be asked now; None where it may."""
        if not (seconds := self.resting):
            return None
        why = "its server wants to be" if self._asked_until > self._until else "it failed too often, and is"
        return ModelResting(
            f"{why} left alone for {seconds:.0f} s", where=self.name or None, retry_after=seconds, again=False
        )

    def enter(self) -> Entry:
        """Lets a call in. While it is half open the first that asks makes the trial. Raises ModelResting."""
        with self._lock:
            if (refusal := self.refusal) is not None:
                raise refusal
            self._trial = self._until > 0
            return Entry(self._era, self._trial)

    def note(self, entry: Entry, *, worked: bool, first: float | None = None) -> None:
        """How a call ended that was let in, and after how many seconds its first word came, where it has streamed."""
        with self._lock:
            if entry.era != self._era:
                return
            now = self._clock()
            bad = not worked or (self.slow is not None and first is not None and first > self.slow)
            if entry.trial and bad:
                self._rest = min(2 * self._rest, LONGEST_REST)
                self._open(now, "its trial failed")
                return
            if entry.trial:
                self._close()
                return
            while self._outcomes and now - self._outcomes[0][0] > MEMORY:
                self._outcomes.popleft()
            self._outcomes.append((now, bad))
            calls, failed = len(self._outcomes), sum(bad for _, bad in self._outcomes)
            if calls >= FEWEST and failed >= SHARE * calls:
                self._open(now, f"{failed} of its last {calls} calls failed{' or were slow' if self.slow else ''}")

    def leave(self, entry: Entry) -> None:
        """A call ended that says nothing of the model: it was cancelled, or refused for its own sake."""
        with self._lock:
            if entry.era == self._era and entry.trial:
                self._trial = False

    def rest(self, seconds: float) -> None:
        """Lets nobody in for so long, as the server has asked for."""
        self._asked_until = max(self._asked_until, self._clock() + min(seconds, LONGEST_REST))

    def _open(self, now: float, why: str) -> None:
        self._era, self._trial = self._era + 1, False
        self._until = now + self._rest
        log.warning("%s: %s, so it is left alone for %.0f s", self.name or "model", why, self._rest)

    def _close(self) -> None:
        self._era, self._trial = self._era + 1, False
        self._outcomes.clear()
        self._rest, self._until = REST, 0.0
        log.warning("%s: it answers again", self.name or "model")
