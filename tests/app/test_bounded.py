"""What no request may be: too long, too slow; and what ends with its client. No sockets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from ragstone_app.asgi import Event, Receive, Send
from ragstone_app.bounded import Bounded

JSON = (b"content-type", b"application/json")


class Route:
    """Keeps what reaches it, and waits where it is told to."""

    def __init__(self, *, waits: bool = False) -> None:
        self.body: bytes | None = None
        self.cancelled = False
        self._waits, self.reached = waits, asyncio.Event()

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        self.body = (await receive()).get("body", b"")
        self.reached.set()
        try:
            if self._waits:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


async def asked(
    route: Route, parts: list[bytes | None], *, headers: tuple[tuple[bytes, bytes], ...] = (JSON,), **bounds: Any
) -> tuple[int, dict[str, Any]]:
    """The status and the body of the response. A part of None is a client that goes away; after the last it waits."""
    waiting, sent = list(parts), list[Event]()

    async def receive() -> Event:
        if not waiting:
            await asyncio.Event().wait()
        if (part := waiting.pop(0)) is None:
            await route.reached.wait()
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": bool(waiting) and waiting[0] is not None}

    async def send(event: Event) -> None:
        sent.append(event)

    scope: Event = {"type": "http", "method": "POST", "path": "/api/ask", "headers": list(headers)}
    await asyncio.wait_for(Bounded(route, **bounds)(scope, receive, send), 10)
    if not sent:
        return 0, {}
    return sent[0]["status"], json.loads(b"".join(event.get("body", b"") for event in sent[1:]))


async def test_a_body_in_pieces_arrives_whole():
    route = Route()
    assert await asked(route, [b'{"a":', b" 1}"]) == (200, {})
    assert route.body == b'{"a": 1}'


@pytest.mark.parametrize("headers", [(JSON,), (JSON, (b"content-length", b"100000000"))])
async def test_a_body_that_is_too_long_reaches_no_route(headers: tuple[tuple[bytes, bytes], ...]):
    route = Route()
    status, said = await asked(route, [b"x" * 60] * 4, headers=headers, largest=100)
    assert (status, route.body) == (413, None)
    assert "at most 100 bytes" in said["message"]


async def test_a_client_that_sends_no_end_is_told():
    route = Route()

    async def never() -> Event:
        await asyncio.Event().wait()
        raise AssertionError

    sent = list[Event]()

    async def send(event: Event) -> None:
        sent.append(event)

    scope: Event = {"type": "http", "method": "POST", "path": "/api/ask", "headers": [JSON]}
    await asyncio.wait_for(Bounded(route, patience=0.01)(scope, never, send), 10)
    assert sent[0]["status"] == 408
    assert route.body is None


async def test_a_client_that_goes_away_stops_what_its_route_does():
    route = Route(waits=True)
    assert await asked(route, [b"{}", None]) == (0, {})
    assert route.cancelled


async def test_what_is_no_json_reaches_no_route():
    route = Route()
    status, _ = await asked(route, [b"a=1"], headers=((b"content-type", b"application/x-www-form-urlencoded"),))
    assert (status, route.body) == (415, None)


async def test_an_error_of_a_route_is_not_swallowed():
    async def broken(scope: Event, receive: Receive, send: Send) -> None:
        raise RuntimeError("broken")

    scope: Event = {"type": "http", "method": "POST", "path": "/api/ask", "headers": [JSON]}

    parts: list[Event] = [{"type": "http.request", "body": b"{}", "more_body": False}]

    async def receive() -> Event:
        return parts.pop() if parts else await asyncio.Future[Event]()

    async def send(event: Event) -> None: ...

    with pytest.raises(RuntimeError, match="broken"):
        await Bounded(broken)(scope, receive, send)
