"""Completions in OpenAI's shape, whole and in pieces."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ragstone.types import Usage
from ragstone_app.asgi import Send, start
from ragstone_app.openai.requests import ChatRequest

__all__ = ["Choice", "Reply", "Streamed", "event"]

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One answer: its text, why it ended, and where in it what is cited. None for one that cites nothing."""

    text: str
    ended: str
    annotations: list[dict[str, Any]] | None = None


class Reply:
    """What one request is answered with, in OpenAI's shape."""

    def __init__(self, asked: ChatRequest) -> None:
        self.asked = asked
        self._kept = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": asked.model}
        # A piece is this, its text, and the rest: all else of it is the same.
        start = json.dumps({**self._kept, "object": "chat.completion.chunk"})[:-1]
        self._start = f'data: {start}, "choices": [{{"index": '
        self._first = set[int]()

    def whole(self, said: Sequence[Choice], usage: Sequence[Usage], ours: dict[str, Any]) -> dict[str, Any]:
        """All of it at once; `ours` is what only we know of it."""
        choices: list[dict[str, Any]] = []
        for number, one in enumerate(said):
            message = {"role": "assistant", "content": one.text, "refusal": None}
            if one.annotations is not None:
                message["annotations"] = one.annotations
            choices.append({"index": number, "message": message, "logprobs": None, "finish_reason": one.ended})
        kept = {**self._kept, "object": "chat.completion", "choices": choices}
        return {**kept, "usage": _usage(usage), "ragstone": ours}

    def piece(self, text: str, number: int = 0) -> bytes:
        """One event of a stream, with words of one choice."""
        role = "" if number in self._first else '"role": "assistant", '
        self._first.add(number)
        said = f'{number}, "delta": {{{role}"content": {json.dumps(text)}}}, "finish_reason": null}}]}}\n\n'
        return (self._start + said).encode()

    def ends(self, said: Sequence[Choice], usage: Sequence[Usage], ours: dict[str, Any]) -> bytes:
        """The last events: why each choice ended, and what all have used where that was asked for."""
        kept = {**self._kept, "object": "chat.completion.chunk"}
        choices = [
            {
                "index": number,
                "delta": {} if one.annotations is None else {"annotations": one.annotations},
                "finish_reason": one.ended,
            }
            for number, one in enumerate(said)
        ]
        events = [{**kept, "choices": choices, "ragstone": ours}]
        if self.asked.stream_options is not None and self.asked.stream_options.include_usage:
            events.append({**kept, "choices": [], "usage": _usage(usage)})
        return b"".join(event(one) for one in events) + DONE


def _usage(found: Sequence[Usage]) -> dict[str, Any]:
    given, said = sum(one.input_tokens for one in found), sum(one.output_tokens for one in found)
    return {
        "prompt_tokens": given,
        "completion_tokens": said,
        "total_tokens": given + said,
        "prompt_tokens_details": {"cached_tokens": sum(one.cached_tokens for one in found)},
    }


def event(value: dict[str, Any]) -> bytes:
    """One event of a stream."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


class Streamed:
    """The events of one reply. Nothing is sent before the first word, so an error until then has its own status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def more(self, data: bytes, *, last: bool = False) -> None:
        """Sends events."""
        if not self.begun:
            await start(self._send, 200, "text/event-stream", {"x-accel-buffering": "no"})
            self.begun = True
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})
