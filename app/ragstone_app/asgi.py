"""The plain ASGI below the routes: what its parts are called, and a reply in one piece."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import MappingProxyType
from typing import Any, TypeAlias

__all__ = ["App", "Event", "Receive", "Send", "reply", "start"]

Event: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]
App: TypeAlias = Callable[[Event, Receive, Send], Awaitable[None]]

NONE: Mapping[str, str] = MappingProxyType({})


async def start(send: Send, status: int, media: str, headers: Mapping[str, str] = NONE) -> None:
    """The head of a response, which nobody on the way may keep."""
    named = {"content-type": media, "cache-control": "no-store", **headers}
    listed = [(name.encode(), value.encode()) for name, value in named.items()]
    await send({"type": "http.response.start", "status": status, "headers": listed})


async def reply(send: Send, body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] = NONE) -> None:
    """A whole response, of one JSON object."""
    data = json.dumps(body).encode()
    await start(send, status, "application/json", {**headers, "content-length": str(len(data))})
    await send({"type": "http.response.body", "body": data})
