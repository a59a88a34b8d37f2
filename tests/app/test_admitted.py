"""How many requests are answered at the same time. No sockets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from ragstone_app.admitted import Admitted
from ragstone_app.asgi import Event, Receive, Send, reply


class Route:
    """Waits until it is let go; `inside` says how many wait, or an exception ends them."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.inside, self.over, self._fails = asyncio.Semaphore(0), asyncio.Event(), fails

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        self.inside.release()
        await self.over.wait()
        if self._fails is not None:
            raise self._fails
        await reply(send, {})


async def asked(door: Admitted, path: str = "/api/ask") -> tuple[int, dict[str, str], dict[str, Any]]:
    """The status, the headers and the body of a response."""
    sent = list[Event]()

    async def receive() -> Event:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(event: Event) -> None:
        sent.append(event)

    await door({"type": "http", "method": "POST", "path": path, "headers": []}, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, json.loads(sent[1]["body"])


async def full(route: Route, most: int = 2) -> tuple[Admitted, list[asyncio.Task[Any]]]:
    """A door behind which all places are taken."""
    door = Admitted(route, most=most)
    waiting = [asyncio.ensure_future(asked(door)) for _ in range(most)]
    for _ in waiting:
        await route.inside.acquire()
    return door, waiting


async def test_one_more_is_told_when_to_come_again():
    route = Route()
    door, waiting = await full(route)
    status, headers, said = await asked(door)
    assert status == 503
    assert int(headers["retry-after"]) >= 1
    assert said["retryable"] is True
    assert "2 requests" in said["message"]
    route.over.set()
    assert [(await one)[0] for one in waiting] == [200, 200]
    assert (await asked(door))[0] == 200


async def test_openais_clients_are_told_in_their_form():
    route = Route()
    door, waiting = await full(route)
    status, headers, said = await asked(door, "/v1/chat/completions")
    assert (status, said["error"]["code"]) == (503, "overloaded")
    assert headers["x-should-retry"] == "true"
    route.over.set()
    await asyncio.gather(*waiting)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_who_watches_a_busy_service_is_let_in(path: str):
    route = Route()
    door, waiting = await full(route)
    watching = asyncio.ensure_future(asked(door, path))
    await route.inside.acquire()
    route.over.set()
    assert (await watching)[0] == 200
    await asyncio.gather(*waiting)


async def test_a_request_that_fails_gives_its_place_back():
    route = Route(fails=ValueError("broken"))
    door, waiting = await full(route)
    route.over.set()
    assert all(isinstance(one, ValueError) for one in await asyncio.gather(*waiting, return_exceptions=True))
    with pytest.raises(ValueError, match="broken"):  # it was let in
        await asked(door)


async def test_a_request_that_is_cancelled_gives_its_place_back():
    route = Route()
    door, (first, second) = await full(route)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    third = asyncio.ensure_future(asked(door))
    await route.inside.acquire()
    route.over.set()
    assert (await third)[0] == (await second)[0] == 200
