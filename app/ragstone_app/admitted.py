"""How many requests one process answers at the same time: one more is told at once when to come again.

Without a bound, each request that comes while all cores are busy makes all others wait longer, until no client has that
much patience. With it those that were let in are answered in a few seconds, and the others know.

This is plain ASGI, and stands behind the doors that read a body: a slow client takes no place here.
"""

from __future__ import annotations

from ragstone.errors import RagstoneError
from ragstone_app.access import OPEN
from ragstone_app.asgi import App, Event, Receive, Send
from ragstone_app.refusing import refuse

__all__ = ["CONCURRENCY", "Admitted", "ServiceBusy"]

CONCURRENCY = 64
"""On two cores some 20 requests a second are answered: so a place is free again after about three seconds.
`benchmarks/load.py --users 400 --think 1` measures it."""

FREE = (*OPEN, "/metrics")  # who watches a busy service has to see that it is busy


class ServiceBusy(RagstoneError):
    """All places are taken."""

    retryable = True
    retry_after = 2.0  # seconds


class Admitted:
    """Lets in `most` requests at a time."""

    def __init__(self, app: App, *, most: int = CONCURRENCY) -> None:
        self._app, self._most = app, most
        self._inside = 0

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["path"] in FREE:
            await self._app(scope, receive, send)
            return
        if self._inside >= self._most:
            full = f"{self._most} requests are being answered, and no more at a time"
            busy = ServiceBusy(full, hint="Come again after the seconds of Retry-After.")
            await refuse(scope, send, busy, status=503, code="overloaded")
            return
        self._inside += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside -= 1
