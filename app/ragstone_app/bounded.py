"""What no request may be: too long, too slow, or of a stranger's page. And what ends with its client.

A body is read before its route is asked, so that a route never waits for a slow client; one that is longer than its
route takes is refused before it is read. When the client goes away, what its route does is cancelled: then the model is
told, and nobody pays for more.

This is plain ASGI, and stands before every route but those that take files, which read for themselves.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from typing import Any

from ragstone_app.access import App, Event, Receive, Send

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


class _TooLong(Exception):
    """The body goes on after the last byte that it may have."""


class Bounded:
    """Gives a route only what it may be asked. `files` are paths whose routes read bodies of their own."""

    def __init__(
        self, app: App, *, files: Collection[str] = (), largest: int = LARGEST, patience: float = PATIENCE
    ) -> None:
        self._app, self._files = app, frozenset(files)
        self._largest, self._patience = largest, patience

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] not in CHANGES or scope["path"] in self._files:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if int(_number(headers.get(b"content-length"))) > self._largest:
            await _refuse(scope, send, 413, f"the request is too long: at most {self._largest:,} bytes")
            return
        try:
            body = await asyncio.wait_for(_body(receive, self._largest), self._patience)
        except TimeoutError:
            await _refuse(scope, send, 408, f"the body did not come within {self._patience:g} seconds")
            return
        except _TooLong:
            await _refuse(scope, send, 413, f"the request is too long: at most {self._largest:,} bytes")
            return
        if body is None:  # the client has gone
            return
        if body and not _json(headers.get(b"content-type", b"")):
            # A page of a stranger's that is open in a browser here can send other types without asking.
            await _refuse(scope, send, 415, "the request is no JSON: send content-type: application/json")
            return
        await _unless_gone(self._app, scope, body, receive, send)


async def _body(receive: Receive, largest: int) -> bytes | None:
    """All of it; None where the client goes away before its end."""
    parts, size = list[bytes](), 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        part: bytes = event.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > largest:
            raise _TooLong
        if not event.get("more_body", False):
            return b"".join(parts)


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


async def _refuse(scope: Event, send: Send, status: int, message: str) -> None:
    """In the shape that the errors of this route have. The connection is closed: its body was not read to the end."""
    if scope["path"].startswith("/v1/"):
        fault = {"message": message, "type": "invalid_request_error", "param": None, "code": "invalid_value"}
        body: dict[str, Any] = {"error": fault}
    else:
        body = {"error": "UsageError", "message": message, "hint": None, "retryable": False}
    data = json.dumps(body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(data)),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
