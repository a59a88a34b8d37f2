"""How busy a model's server is, without asking it for every request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from ragstone.errors import RagstoneError
from ragstone.protocols import Model
from ragstone.types import Context

__all__ = ["Gauge"]

FRESH = 1.0  # seconds for which a figure is used again
PATIENCE = 0.5  # seconds that a server has to give one


class Gauge:
    """The requests that others have at a model's server: what it tells, less those that come from here.

    Our own are known at every moment, so they are counted here and not by a figure that is a second old: of many
    requests that come at once, each sees those that were sent before it. `clock` counts seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._others: int | None = None
        self._memory = 0.0
        self._until = 0.0
        self._asking: asyncio.Task[None] | None = None

    @property
    def others(self) -> int | None:
        """Requests of others, running and waiting, when it was last asked; None where the server did not tell."""
        return self._others

    @property
    def memory(self) -> float:
        """The share of its KV cache that was taken then, in [0, 1]."""
        return self._memory

    async def read(self, model: Model, own: Callable[[], int]) -> None:
        """Asks the server, unless that was just done. Those who come meanwhile wait for the same figure.

        `own` counts the requests that this process has at the model now. A server that fails, or takes too long, is
        one that does not tell.
        """
        if self._clock() < self._until:
            return
        task = self._asking
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = self._asking = asyncio.create_task(self._read(model, own))
        await asyncio.shield(task)  # one that leaves takes the figure from nobody else

    async def _read(self, model: Model, own: Callable[[], int]) -> None:
        load, before = None, own()
        with suppress(RagstoneError, TimeoutError):
            await model.load()  # the time that an SDK takes to be imported is not the server's
            async with asyncio.timeout(PATIENCE):
                load = await model.busy(context=Context().within(PATIENCE))
        # Of those sent while it was asked, nobody knows which the server has counted: they are taken for others'.
        ours = min(before, own())
        self._others = None if load is None else max(0, load.running + load.waiting - ours)
        self._memory = 0.0 if load is None else load.memory
        self._until = self._clock() + FRESH
