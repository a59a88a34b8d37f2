"""The endpoint of the completions: `POST /v1/chat/completions`.

This is plain ASGI: a request passes no layer that it has no use for.
"""

from __future__ import annotations

from ragstone import AsyncRag
from ragstone_app.access import CALLER
from ragstone_app.asgi import Event, Receive, Send, reply
from ragstone_app.openai import answering, routing
from ragstone_app.openai.errors import ChatError
from ragstone_app.openai.names import ANSWER, ROUTE, Names
from ragstone_app.openai.requests import read

__all__ = ["Chat"]


class Chat:
    """The endpoint of the completions, as an ASGI application."""

    def __init__(self, rag: AsyncRag, names: Names) -> None:
        self._rag, self._names = rag, names

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """One request."""
        try:
            received = await receive()  # all of it: see bounded.py
            asked = read(received.get("body", b""))
            kind, pipeline, _ = await self._names.demand(asked.model, ANSWER, ROUTE)
            completed = routing.completed if kind == ROUTE else answering.completed
            await completed(self._rag, asked, pipeline, scope[CALLER], send)
        except ChatError as error:
            await reply(send, error.body, error.status, error.headers)
