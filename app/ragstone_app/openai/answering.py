"""`ragstone/NAME`: the documents answer, by a pipeline with its prompt file and its checks.

The last message is the question, and those before it say what it refers to. What stands in a system message is left
out, with a notice: the prompt file says how this model answers, and who only asks has not its author's trust.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from ragstone import Answer, AsyncRag
from ragstone.errors import RagstoneError, StreamBroken
from ragstone.types import Citation, Message
from ragstone_app.access import Caller
from ragstone_app.asgi import Send, reply
from ragstone_app.openai.errors import ChatError, chat_error
from ragstone_app.openai.replies import Choice, Reply, Streamed, event
from ragstone_app.openai.requests import ChatRequest

__all__ = ["completed"]

NO_SYSTEM = "The system message was left out: the prompt file of the pipeline says how it answers."
_MARKER = re.compile(r"\[(\d+)\]")
_SOURCES = re.compile(r"\n\n\[\d+\] [^\n]+(?:\n\[\d+\] [^\n]+)*\s*\Z")


async def completed(rag: AsyncRag, asked: ChatRequest, pipeline: str, caller: Caller, send: Send) -> None:
    """Sends the answer. Raises ChatError until something is sent, and tells it in the stream afterwards."""
    _refuse(asked)
    question, history, notices = _turns(asked.said)
    stream = rag.stream(
        question,
        history=history,
        options=asked.options,
        pipeline=pipeline,
        tenant=caller.tenant(),
        principals=caller.principals(),
        payer=caller.payer,
    )
    shaped, streamed, sent = Reply(asked), Streamed(send), ""
    try:
        async with aclosing(aiter(stream)) as deltas:
            if asked.stream:
                async for piece in _growing(deltas):
                    await streamed.more(shaped.piece(piece))
                    sent += piece
            else:
                async for _ in deltas:
                    pass
        told = _told(replace(stream.answer, notices=(*notices, *stream.answer.notices)))
        if asked.stream:
            rest = _rest(sent, told[0][0].text)
            await streamed.more((shaped.piece(rest) if rest else b"") + shaped.ends(*told), last=True)
        else:
            await reply(send, shaped.whole(*told))
    except RagstoneError as error:
        if not streamed.begun:
            raise chat_error(error) from error
        await streamed.more(event(chat_error(error).body), last=True)


def _refuse(asked: ChatRequest) -> None:
    """What the documents cannot do is said, and not left out."""
    for name, wanted in (("n", (asked.n or 1) > 1), ("response_format", asked.schema_asked is not None)):
        if wanted:
            message = f"{name!r} is for `route/` models: the prompt file of the pipeline says what this one answers"
            raise ChatError(400, "unsupported_parameter", message, name)


def _turns(said: list[Message]) -> tuple[str, list[Message], tuple[str, ...]]:
    """The question, what was said before it, and what was left out."""
    turns = [one for one in said if one.role != "system"]
    notices = (NO_SYSTEM,) if len(turns) < len(said) else ()
    if not turns or turns[-1].role != "user":
        raise ChatError(400, "invalid_value", "the last message is no question: it has to be the user's", "messages")
    earlier = [
        Message(one.role, _SOURCES.sub("", one.content)) if one.role == "assistant" else one for one in turns[:-1]
    ]
    return turns[-1].content, earlier, notices


async def _growing(deltas: AsyncGenerator[Any]) -> AsyncGenerator[str]:
    """The text as it grows. Raises StreamBroken where words that were sent are void."""
    sent, text = "", ""
    async for delta in deltas:
        text = delta.text if delta.restart else text + delta.text
        if len(text) > len(sent) or not sent.startswith(text):
            yield _rest(sent, text)
            sent = text


def _rest(sent: str, text: str) -> str:
    if not text.startswith(sent):
        raise StreamBroken("the answer was begun anew, and what was read cannot be taken back here")
    return text[len(sent) :]


# ── What is cited ───────────────────────────────────────────────────────────────────────────────────────────────────


def _told(answer: Answer) -> tuple[list[Choice], list[Any], dict[str, Any]]:
    """The choice, what it used, and what only we know: `text` ends with the sources, for who reads nothing else."""
    sources = "".join(f"\n[{one.number}] {_source(one)}" for one in answer.citations)
    text = f"{answer.text}\n{sources}" if sources else answer.text
    choice = Choice(text=text, ended=answer.completion.finish_reason, annotations=_annotations(answer))
    said = answer.as_dict()
    kept = ("model", "cost", "notices", "abstained", "confidence", "cached", "verdicts", "trace_id", "prompt")
    cited = [{"number": one.number, **one.as_dict()} for one in answer.citations]
    return [choice], [answer.completion.usage], {**{name: said[name] for name in kept}, "citations": cited}


def _source(citation: Citation) -> str:
    """Where it stands, on one line: `handbook.pdf, 3 › Travel`."""
    page = "" if citation.page is None else f", {citation.page}"
    heading = f" › {citation.heading}" if citation.heading else ""
    return " ".join(f"{citation.uri}{page}{heading}".split())


def _annotations(answer: Answer) -> list[dict[str, Any]]:
    """OpenAI's `url_citation` for each marker in the text: what it covers there, and which document it leads to."""
    cited = {str(one.number): one for one in answer.citations}
    found: list[dict[str, Any]] = []
    for marker in _MARKER.finditer(answer.text):
        if (one := cited.get(marker[1])) is not None:
            place = {"start_index": marker.start(), "end_index": marker.end()}
            named = {"url": one.uri, "title": one.heading or one.uri}
            found.append({"type": "url_citation", "url_citation": {**place, **named}})
    return found
