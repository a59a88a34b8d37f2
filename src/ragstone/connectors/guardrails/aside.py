"""Threads for what blocks, of which some may never come back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Generic, TypeVar

from ragstone.errors import RagstoneError

__all__ = ["Aside"]

T = TypeVar("T")

MOST = 8  # threads that work at once
MOST_LEFT = 32  # threads that nobody waits for any more


@dataclass(slots=True)
class _Job(Generic[T]):
    work: Callable[[], T]
    done: Future[T] = field(default_factory=Future[T])
    left: bool = False


class Aside:
    """Runs functions on threads of its own. Those end no program: a thread that hangs dies with it.

    Who stops waiting leaves the thread behind, and another takes its place, up to a limit.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._one = threading.Lock()
        self._jobs: SimpleQueue[_Job[object] | None] = SimpleQueue()
        self._threads = self._idle = self._ending = self._left = 0
        self._waiting = 0  # jobs that no thread has taken

    async def run(self, work: Callable[[], T]) -> T:
        """What a function gives. Raises RagstoneError where too many have not come back."""
        job = _Job(work)
        with self._one:
            if self._left >= MOST_LEFT:
                raise RagstoneError(f"{self._left} calls before this one have not come back", where=self._name)
            if self._waiting >= self._idle - self._ending and self._at_work < MOST:
                self._threads += 1
                threading.Thread(target=self._works, name=self._name, daemon=True).start()
            self._waiting += 1
        self._jobs.put(job)  # pyright: ignore[reportArgumentType] - nobody reads what another's job gives
        try:
            return await asyncio.wrap_future(job.done)
        except asyncio.CancelledError:
            with self._one:
                if job.done.running():
                    job.left = True
                    self._left += 1
            raise

    def close(self) -> None:
        """Ends the threads, each when its work is done. The next call begins new ones."""
        with self._one:
            for _ in range(self._threads - self._ending):
                self._ending += 1
                self._jobs.put(None)

    @property
    def _at_work(self) -> int:
        return self._threads - self._ending - self._left

    def _works(self) -> None:
        while True:
            with self._one:
                if self._at_work > MOST:
                    self._threads -= 1
                    return
                self._idle += 1
            job = self._jobs.get()
            with self._one:
                self._idle -= 1
                if job is None:
                    self._threads -= 1
                    self._ending -= 1
                    return
                self._waiting -= 1
            _do(job)
            with self._one:
                self._left -= job.left


def _do(job: _Job[object]) -> None:
    if not job.done.set_running_or_notify_cancel():
        return
    try:
        found = job.work()
    except Exception as error:
        job.done.set_exception(error)
    except BaseException as error:  # a thread's own `sys.exit()` ends nothing
        job.done.set_exception(RuntimeError(f"it tried to end the program: {type(error).__name__}"))
    else:
        job.done.set_result(found)
