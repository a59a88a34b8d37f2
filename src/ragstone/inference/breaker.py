"""Leaves a model alone that fails too often, and tries it again after a while."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Literal, TypeAlias

__all__ = ["Breaker", "State"]

State: TypeAlias = Literal["closed", "open", "half open"]

WINDOW = 20  # the last outcomes that count
FEWEST = 10  # of them, before it may open
SHARE = 0.5  # of failures, from which on it opens
REST = 10.0  # seconds that a model is left alone, doubled each time that its trial fails
LONGEST_REST = 120.0


class Breaker:
    """Closed: all may ask. Open: nobody may, until the rest is over. Half open: one may, and its outcome decides.

    `clock` counts seconds, and never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._outcomes = deque[bool](maxlen=WINDOW)
        self._rest, self._until, self._trial = REST, 0.0, False

    @property
    def state(self) -> State:
        """What it is now."""
        if not self._until:
            return "closed"
        return "open" if self._clock() < self._until or self._trial else "half open"

    @property
    def resting(self) -> float:
        """Seconds until the model may be asked again; 0 where it may be now."""
        return max(self._until - self._clock(), 0.1) if self.state == "open" else 0.0

    def enter(self) -> bool:
        """Whether a call may be made now. In the half-open state the first that asks makes the trial."""
        if self.state == "open":
            return False
        self._trial = self.state == "half open"
        return True

    def note(self, *, worked: bool) -> None:
        """How a call ended that was let in."""
        if self._until:
            self._trial = False
            if worked:
                self._close()
            else:
                self._rest = min(2 * self._rest, LONGEST_REST)
                self._until = self._clock() + self._rest
            return
        self._outcomes.append(worked)
        failed = self._outcomes.count(False)
        if len(self._outcomes) >= FEWEST and failed >= SHARE * len(self._outcomes):
            self._until = self._clock() + self._rest

    def leave(self) -> None:
        """A call ended that says nothing of the model: it was cancelled, or refused for its own sake."""
        self._trial = False

    def rest(self, seconds: float) -> None:
        """Opens for so long, as the server has asked for."""
        self._until = max(self._until, self._clock() + min(seconds, LONGEST_REST))

    def _close(self) -> None:
        self._outcomes.clear()
        self._rest, self._until = REST, 0.0
