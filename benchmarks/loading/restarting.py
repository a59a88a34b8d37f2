"""Parts of the stack that are restarted while users ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from stack import Stack

__all__ = ["AFTER", "Restart", "Restarting", "planned"]

AFTER = 30.0  # seconds after it for which is said what happened
HOW = {"app-1": "told to stop", "redis": "killed", "chroma": "killed", "vllm-1": "killed"}


@dataclass(slots=True)
class Restart:
    """One of them: `at` is a time of the clock, `away` the seconds until it was healthy again."""

    name: str
    how: str
    at: float
    away: float | None = None

    def as_dict(self) -> dict[str, object]:
        """For the results."""
        return asdict(self)


def planned(stack: Stack, seconds: float) -> Iterator[tuple[float, str]]:
    """What is restarted, and how many seconds after the start: evenly spread."""
    names = [name for name in HOW if name in stack.names]
    for place, name in enumerate(names, 1):
        yield seconds * place / (len(names) + 1), name


class Restarting:
    """Does what was planned, one after the other."""

    def __init__(self, stack: Stack, seconds: float) -> None:
        self._stack, self._plan = stack, list(planned(stack, seconds))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.done: list[Restart] = []

    def __enter__(self) -> Restarting:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        begun = time.monotonic()
        for after, name in self._plan:
            if self._over.wait(max(begun + after - time.monotonic(), 0)):
                return
            self.done.append(made := Restart(name, HOW[name], time.time()))
            if made.how == "killed":
                self._stack.kill(name)
            else:
                self._stack.stop(name)
            self._stack.start(name)
            made.away = round(time.time() - made.at, 1)
