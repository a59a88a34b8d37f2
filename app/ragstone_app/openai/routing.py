"""`route/NAME`: the models of a pipeline's route. Messages go to them as they are, and no check is asked."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from ragstone import AsyncRag
from ragstone.errors import RagstoneError, StreamBroken
from ragstone.types import Completion
from ragstone_app.access import Caller
from ragstone_app.asgi import Send, reply
from ragstone_app.openai.errors import chat_error
from ragstone_app.openai.replies import Choice, Reply, Streamed, event
from ragstone_app.openai.requests import ChatRequest

__all__ = ["completed"]


async def completed(rag: AsyncRag, asked: ChatRequest, pipeline: str, caller: Caller, send: Send) -> None:
    """Sends what the models say. Raises ChatError until something is sent, and tells it in the stream afterwards."""
    shaped, streamed, count = Reply(asked), Streamed(send), asked.n or 1
    route = rag.route(pipeline=pipeline, tenant=caller.tenant(), payer=caller.payer)
    try:
        if asked.stream and count == 1 and asked.schema_asked is None:
            async with aclosing(route.stream(asked.said, options=asked.options)) as deltas:
                async for delta in deltas:
                    if delta.restart:
                        raise StreamBroken("the model broke off, and what was read cannot be taken back here")
                    if delta.text:
                        await streamed.more(shaped.piece(delta.text))
                    if delta.completion is not None:
                        await streamed.more(shaped.ends(*_told([delta.completion])), last=True)
            return
        found = await route.complete(asked.said, options=asked.options, output=asked.schema_asked, n=count)
    except RagstoneError as error:
        if not streamed.begun:
            raise chat_error(error) from error
        await streamed.more(event(chat_error(error).body), last=True)
        return
    if asked.stream:  # several at once, or one whose form must be checked first: each comes as one piece
        pieces = b"".join(shaped.piece(each.text, number) for number, each in enumerate(found))
        await streamed.more(pieces + shaped.ends(*_told(found)), last=True)
    else:
        await reply(send, shaped.whole(*_told(found)))


def _told(found: Sequence[Completion]) -> tuple[list[Choice], list[Any], dict[str, Any]]:
    notices = dict.fromkeys(line for each in found for line in (each.notice or "").splitlines())
    ours = {"model": found[0].model, "cost": sum(each.cost for each in found), "notices": list(notices)}
    return [Choice(text=each.text, ended=each.finish_reason) for each in found], [each.usage for each in found], ours
