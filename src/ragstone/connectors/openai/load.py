"""How busy a vLLM server is, by the gauges on its page `/metrics`."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable

from ragstone.protocols import Load

__all__ = ["Gauges", "load_of", "page_of"]

FRESH = 1.0  # seconds for which an answer is used again
SETTLED = 60.0  # and those until a server that has no such page is asked again
PATIENCE = 1.0  # seconds that it may take: who asks wants to choose among servers now

_GAUGES = "num_requests_running|num_requests_waiting|kv_cache_usage_perc"
_LINE = re.compile(rf"^vllm:({_GAUGES})(?:\{{.*\}})? (\S+)", re.MULTILINE)


class Gauges:
    """Asks for the page at most once a second, however many want to know. `read` fetches it; None: there is none.

    `clock` gives seconds.
    """

    def __init__(
        self, read: Callable[[], Awaitable[str | None]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read, self._clock = read, clock
        self._asking = asyncio.Lock()
        self._known: Load | None = None
        self._until = float("-inf")

    async def now(self, patience: float | None = None) -> Load | None:
        """The load as it was a second ago at most; None where the server does not tell. It never raises."""
        patience = PATIENCE if patience is None else min(patience, PATIENCE)
        try:
            async with asyncio.timeout(patience), self._asking:
                if self._clock() < self._until:
                    return self._known
                self._known, self._until = None, self._clock() + FRESH
                page = await self._read()
                self._known = load_of(page or "")
                if self._known is None:
                    self._until = self._clock() + SETTLED
        except Exception:  # whatever is wrong with the page, the server may answer prompts
            return None
        return self._known


def load_of(page: str) -> Load | None:
    """What a page in Prometheus' text format says, over all engines of the server; None for one of something else."""
    found: dict[str, list[float]] = {}
    for name, said in _LINE.findall(page):
        try:
            found.setdefault(name, []).append(float(said))
        except ValueError:
            return None
    if "num_requests_running" not in found or "num_requests_waiting" not in found:
        return None
    memory = found.get("kv_cache_usage_perc", [0.0])
    try:
        return Load(
            running=int(sum(found["num_requests_running"])),
            waiting=int(sum(found["num_requests_waiting"])),
            memory=sum(memory) / len(memory),
        )
    except (ValueError, OverflowError):  # not a number, or without end
        return None


def page_of(url: str) -> str:
    """Where a server with that base_url has its gauges.

    >>> page_of("http://gpu:8000/v1")
    'http://gpu:8000/metrics'
    """
    return url.rstrip("/").removesuffix("/v1").rstrip("/") + "/metrics"
