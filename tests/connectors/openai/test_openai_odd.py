"""Replies as no server should send them, and some do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from openai_server import Reply, Server, collect, completion, failure, piece, prompt, serving, streamed
from ragstone.connectors.openai import OpenAIModel, channel
from ragstone.errors import ModelError
from ragstone.types import Completion, Context

USAGE = {"prompt_tokens": 12, "completion_tokens": 3}
END = piece(finish_reason="stop")


def of(index: int | None, text: str | None = None, *, reason: str | None = None) -> str:
    return piece(choices=[{"index": index, "delta": {"content": text}, "finish_reason": reason}])


async def said(*events: str, **how: Any) -> tuple[str, Completion]:
    """What was read piece by piece, and the whole."""
    with serving() as server:
        server.will(streamed(*events, **how))
        return await _said(server)


async def _said(server: Server) -> tuple[str, Completion]:
    model = OpenAIModel("m", base_url=server.url)
    deltas = await collect(model, prompt())
    await model.close()
    assert deltas[-1].completion is not None
    return "".join(delta.text for delta in deltas), deltas[-1].completion


async def generated(reply: Reply) -> Completion:
    with serving() as server:
        server.will(reply)
        model = OpenAIModel("m", base_url=server.url)
        try:
            return await model.generate(prompt(), context=Context())
        finally:
            await model.close()


@pytest.mark.parametrize(
    ("pieces", "text"),
    [(["a\ud83d", "\ude00b"], "a😀b"), (["a\ud83d b"], "a\ufffd b"), (["a\ude00"], "a\ufffd"), (["a\ud83d"], "a")],
    ids=["in-two-pieces", "first-half", "second-half", "at-the-end"],
)
async def test_every_answer_can_be_written_down(pieces: list[str], text: str) -> None:
    read, whole = await said(*map(piece, pieces), END)
    assert read == whole.text == text
    assert whole.text.encode()


async def test_half_a_character_of_a_whole_reply_is_replaced() -> None:
    assert (await generated(completion("a\ud83d b\ud83d\ude00"))).text == "a\ufffd b😀"


async def test_two_answers_are_not_spliced() -> None:
    read, whole = await said(of(1, "No"), of(0, "Yes"), of(0, None, reason="length"), of(1, ".", reason="stop"))
    assert read == whole.text == "No."
    assert whole.finish_reason == "stop"


@pytest.mark.parametrize(
    "odd", [{"choices": None, "usage": USAGE}, {"choices": [], "usage": USAGE, "model": 5}], ids=json.dumps
)
async def test_a_count_in_an_odd_piece_counts(odd: dict[str, Any]) -> None:
    _, whole = await said(of(None, "Yes."), END, json.dumps(odd))
    assert (whole.text, whole.usage.output_tokens) == ("Yes.", 3)


async def test_what_breaks_after_the_end_of_an_answer_harms_nobody() -> None:
    read, whole = await said(piece("Yes."), END, done=False, broken=True)
    assert read == whole.text == "Yes."


async def test_a_server_that_has_said_all_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "LAST", 0.05)
    events = b"".join(f"data: {event}\n\n".encode() for event in (piece("Yes."), END, piece(choices=[], usage=USAGE)))
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    async with asyncio.timeout(30), await asyncio.start_server(_holding(head + events), "127.0.0.1") as server:
        model = OpenAIModel("m", base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        deltas = await collect(model, prompt())
        await model.close()
    assert deltas[-1].completion is not None
    assert (deltas[-1].completion.text, deltas[-1].completion.usage.input_tokens) == ("Yes.", 12)


def _holding(data: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
    """A server that never closes a connection by itself."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()
        while await reader.read(65_536):
            pass
        writer.close()

    return answer


async def test_a_terminal_obeys_no_word_of_a_server() -> None:
    with pytest.raises(ModelError) as caught:
        await generated(failure(400, "\x1b[31mred\x07 \ud800 \u202ebidi"))
    assert str(caught.value).isprintable()
    assert "red" in str(caught.value)
