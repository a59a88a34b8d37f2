"""What no request may be: too long, too slow, or of a stranger's page. And what ends with its client.

A body is read before its route is asked, so that a route never waits for a slow client; one that is longer than its
route takes is refused before it is read. When the client goes away, what its route does is cancelled: then the model is
told, and nobody pays for more.

This is plain ASGI, and stands before every route but those that take files, which read for themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from ragstone.errors import UsageError
from ragstone_app.asgi import App, Event, Receive, Send
from ragstone_app.refusing import refuse

__all__ = ["Bounded", "Secured"]

LARGEST = 16_000_000  # bytes of a body
PATIENCE = 30.0  # seconds for a body to come
CHANGES = ("POST", "PUT", "PATCH", "DELETE")

SECURE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
"""Sent with every response that does not say otherwise. There is no CORS header: no other site's page may read them."""


class Secured:
    """Sends them."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """One request."""

        async def secured(event: Event) -> None:
            if event["type"] == "http.response.start":
                said = {name.lower() for name, _ in event["headers"]}
                more = [(name.encode(), value.encode()) for name, value in SECURE.items() if name.encode() not in said]
                event = {**event, "headers": [*event["headers"], *more]}
            await send(event)

        await self._app(scope, receive, secured)


class _Refused(Exception):
    """The body is not read any further."""

    def __init__(self, status: int, message: str, expected: str | None = None) -> None:
        self.status, self.error = status, UsageError(message, expected=expected)


class Bounded:
    """Gives a route only what it may be asked. Below the paths `files` a PUT is a file that the route reads."""

    def __init__(
        self, app: App, *, files: Collection[str] = (), largest: int = LARGEST, patience: float = PATIENCE
    ) -> None:
        self._app, self._files = app, tuple(files)
        self._largest, self._patience = largest, patience

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """One request."""
        sends = scope["type"] == "http" and scope["method"] in CHANGES
        if not sends or (scope["method"] == "PUT" and scope["path"].startswith(self._files)):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        try:
            body = await self._body(headers, receive)
        except _Refused as refused:
            # The connection is closed: what comes on it was not read to the end.
            ends = {"connection": "close"}
            await refuse(scope, send, refused.error, status=refused.status, code="invalid_value", headers=ends)
            return
        if body is not None:  # else the client has gone
            await _unless_gone(self._app, scope, body, receive, send)

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes | None:
        """All of it; None where the client goes away before its end. Raises _Refused."""
        if _number(headers.get(b"content-length")) > self._largest:
            raise self._too_long()
        try:
            body = await asyncio.wait_for(self._read(receive), self._patience)
        except TimeoutError:
            raise _Refused(408, f"the body did not come within {self._patience:g} seconds") from None
        if body and not _json(headers.get(b"content-type", b"")):
            # A page of a stranger's that is open in a browser here can send other types without asking.
            raise _Refused(415, "the request is no JSON", "content-type: application/json")
        return body

    async def _read(self, receive: Receive) -> bytes | None:
        parts, size = list[bytes](), 0
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                return None
            part: bytes = event.get("body", b"")
            parts.append(part)
            size += len(part)
            if size > self._largest:
                raise self._too_long()
            if not event.get("more_body", False):
                return b"".join(parts)

    def _too_long(self) -> _Refused:
        return _Refused(413, "the request is too long", f"at most {self._largest:,} bytes")


async def _unless_gone(app: App, scope: Event, body: bytes, receive: Receive, send: Send) -> None:
    """Does what the route does, or stops it when the client goes away first."""
    read, gone = False, asyncio.Event()

    async def again() -> Event:
        """The body once more for the route; after it, only that the client has gone."""
        nonlocal read
        if not read:
            read = True
            return {"type": "http.request", "body": body, "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def leaving() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    working, left = asyncio.ensure_future(app(scope, again, send)), asyncio.ensure_future(leaving())
    try:
        await asyncio.wait((working, left), return_when=asyncio.FIRST_COMPLETED)
        gone.set()
        if working.done():
            working.result()
    finally:
        for task in (working, left):
            task.cancel()
        await asyncio.gather(working, left, return_exceptions=True)


def _json(media: bytes) -> bool:
    return media.partition(b";")[0].strip().lower() == b"application/json"


def _number(given: bytes | None) -> int:
    return int(given) if given is not None and given.isdigit() and len(given) < 20 else 0
