"""What Anthropic's Messages API streams, in the shapes that its documentation shows."""

from __future__ import annotations

import json
from typing import Any

from openai_server import Reply

START_USAGE = {"input_tokens": 25, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1}


def event(kind: str, **fields: Any) -> str:
    """One event of a stream."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"


def begun(model: str = "claude-haiku-5-5", **usage: int) -> str:
    """The event with which a stream begins."""
    message = {
        "id": "msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyy",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": model,
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**START_USAGE, **usage},
    }
    return event("message_start", message=message)


def text(piece: str, index: int = 0) -> str:
    """A piece of the answer."""
    return event("content_block_delta", index=index, delta={"type": "text_delta", "text": piece})


def thought(piece: str) -> str:
    """A piece of the model's thinking."""
    return event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": piece})


def ended(reason: str = "end_turn", details: dict[str, Any] | None = None, **usage: int) -> str:
    """The events with which a stream ends."""
    delta = {"stop_reason": reason, "stop_sequence": None, "stop_details": details}
    return event("message_delta", delta=delta, usage={"output_tokens": 15, **usage}) + event("message_stop")


def message(*pieces: str, reason: str = "end_turn", broken: bool = False, **usage: int) -> Reply:
    """A whole stream; `reason` "" leaves its end out."""
    opened = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    end = (event("content_block_stop", index=0), ended(reason)) if reason else ()
    words = (text(piece) for piece in pieces)
    return Reply(events=(begun(**usage), opened, event("ping"), *words, *end), broken=broken)


def failure(status: int, kind: str, said: str, headers: dict[str, str] | None = None, **fields: Any) -> Reply:
    """A refusal."""
    error = {"type": kind, "message": said, **fields}
    return Reply({"type": "error", "error": error, "request_id": "req_1"}, status=status, headers=headers or {})
