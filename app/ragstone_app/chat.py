"""OpenAI's Chat Completions before the models of a pipeline: `POST /v1/chat/completions` and `GET /v1/models`.

The model `route/answer` is whoever the route of `pipelines/answer.yaml` chooses; messages go to it as they are. What
only we know of an answer stands under `ragstone`: the model that gave it, its cost in USD, and the notices.

This is plain ASGI: a request passes no layer that it has no use for.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from ragstone import AsyncRag
from ragstone.errors import RagstoneError, StreamBroken, nearest
from ragstone.types import Completion, Delta
from ragstone_app.access import CALLER, Caller
from ragstone_app.asgi import Event, Receive, Send, reply, start
from ragstone_app.chat_errors import ChatError, chat_error
from ragstone_app.chat_requests import ChatRequest, read

__all__ = ["Chat"]

PREFIX = "route/"


class Chat:
    """The endpoint of the completions, as an ASGI application."""

    def __init__(self, rag: AsyncRag) -> None:
        self._rag = rag
        self._names: list[str] = []

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """One request."""
        try:
            event = await receive()  # all of it: see bounded.py
            await self._answer(read(event.get("body", b"")), scope[CALLER], send)
        except ChatError as error:
            await reply(send, error.body, error.status, error.headers)

    async def models(self) -> list[str]:
        """The names that may be asked for."""
        self._names = [f"{PREFIX}{name}" for name in await self._rag.routes()]
        return self._names

    async def _answer(self, asked: ChatRequest, caller: Caller, send: Send) -> None:
        if asked.model not in self._names and asked.model not in await self.models():
            hint = nearest(asked.model, self._names) or f"There are: {', '.join(self._names)}."
            raise ChatError(404, "model_not_found", f"there is no model {asked.model[:80]!r}. {hint}", "model")
        shaped = _Reply(asked)
        name, tenant = asked.model.removeprefix(PREFIX), caller.tenant()
        route = self._rag.route(pipeline=name, tenant=tenant, payer=caller.payer)
        try:
            if asked.stream and (asked.n or 1) == 1 and asked.schema_asked is None:
                await _stream(shaped, route.stream(asked.said, options=asked.options), send)
                return
            found = await route.complete(asked.said, options=asked.options, output=asked.schema_asked, n=asked.n or 1)
        except RagstoneError as error:
            raise chat_error(error) from error
        if asked.stream:  # several at once, or one whose form must be checked first: each comes as one piece
            await start(send, 200, "text/event-stream")
            events = [shaped.piece(each.text, number) for number, each in enumerate(found)]
            await _end(send, shaped, found, b"".join(events))
        else:
            await reply(send, shaped.whole(found))


async def _stream(shaped: _Reply, deltas: AsyncGenerator[Delta], send: Send) -> None:
    """Nothing is sent before the first word, so that an error until then has a status of its own."""
    begun = False
    async with aclosing(deltas):
        try:
            async for delta in deltas:
                if delta.restart:
                    raise StreamBroken("the model broke off, and what was read cannot be taken back here")
                if not begun:
                    await start(send, 200, "text/event-stream")
                    begun = True
                if delta.text:
                    await send(_more(shaped.piece(delta.text)))
                if delta.completion is not None:
                    await _end(send, shaped, [delta.completion])
        except RagstoneError as error:
            if not begun:
                raise
            await send(_more(_event(chat_error(error).body), last=True))


async def _end(send: Send, shaped: _Reply, found: Sequence[Completion], before: bytes = b"") -> None:
    await send(_more(before + shaped.ends(found) + b"data: [DONE]\n\n", last=True))


class _Reply:
    """What one request is answered with, in OpenAI's shape."""

    def __init__(self, asked: ChatRequest) -> None:
        self.asked = asked
        self._kept = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": asked.model}
        # A piece is this, its text, and the rest: all else of it is the same.
        start = json.dumps({**self._kept, "object": "chat.completion.chunk"})[:-1]
        self._start = f'data: {start}, "choices": [{{"index": '
        self._first = set[int]()

    def whole(self, found: Sequence[Completion]) -> dict[str, Any]:
        """All of it at once."""
        choices = [
            {
                "index": number,
                "message": {"role": "assistant", "content": each.text, "refusal": None},
                "logprobs": None,
                "finish_reason": each.finish_reason,
            }
            for number, each in enumerate(found)
        ]
        kept = {**self._kept, "object": "chat.completion", "choices": choices}
        return {**kept, "usage": _usage(found), "ragstone": _ours(found)}

    def piece(self, text: str, number: int = 0) -> bytes:
        """One event of a stream, with words of one choice."""
        role = "" if number in self._first else '"role": "assistant", '
        self._first.add(number)
        said = f'{number}, "delta": {{{role}"content": {json.dumps(text)}}}, "finish_reason": null}}]}}\n\n'
        return (self._start + said).encode()

    def ends(self, found: Sequence[Completion]) -> bytes:
        """The last events: why each choice ended, and what all have used where that was asked for."""
        kept = {**self._kept, "object": "chat.completion.chunk"}
        reasons = [(number, each.finish_reason) for number, each in enumerate(found)]
        choices = [{"index": number, "delta": {}, "finish_reason": reason} for number, reason in reasons]
        events = [{**kept, "choices": choices, "ragstone": _ours(found)}]
        if self.asked.stream_options is not None and self.asked.stream_options.include_usage:
            events.append({**kept, "choices": [], "usage": _usage(found)})
        return b"".join(_event(event) for event in events)


def _usage(found: Sequence[Completion]) -> dict[str, Any]:
    given = sum(each.usage.input_tokens for each in found)
    said = sum(each.usage.output_tokens for each in found)
    cached = sum(each.usage.cached_tokens for each in found)
    return {
        "prompt_tokens": given,
        "completion_tokens": said,
        "total_tokens": given + said,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def _ours(found: Sequence[Completion]) -> dict[str, Any]:
    notices = dict.fromkeys(line for each in found for line in (each.notice or "").splitlines())
    return {"model": found[0].model, "cost": sum(each.cost for each in found), "notices": list(notices)}


# ── ASGI ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _more(data: bytes, *, last: bool = False) -> Event:
    return {"type": "http.response.body", "body": data, "more_body": not last}


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"
