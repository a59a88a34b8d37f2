"""Questions over HTTP: `POST /api/ask`, whole or as events, and `POST /api/search`."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, Field

import ragstone
from ragstone import errors
from ragstone.streams import AnswerStream
from ragstone_app.access import Caller, caller_of
from ragstone_app.requests import Asking, Passages
from ragstone_app.shapes import AnswerShape, HitsShape, sends
from ragstone_app.wording import status_of, told

__all__ = ["MAX_QUESTION", "Inputs", "PipelineName", "asking_routes", "begun", "event"]

MAX_QUESTION = 20_000  # characters; a question is no document
RESERVED = {"question", "prompt", "k", "where", "principals", "tenant", "pipeline", "output", "payer", "cache"}


def _of_the_prompt(inputs: dict[str, Any]) -> dict[str, Any]:
    """An input cannot pass for an argument of the call: a tenant, say."""
    taken = RESERVED & inputs.keys()
    if taken:
        raise ValueError(f"an input may not be called {min(taken)!r}")
    return inputs


Inputs = Annotated[
    dict[str, Any],
    AfterValidator(_of_the_prompt),
    Field(
        description="The prompt file's own inputs.",
        json_schema_extra={"propertyNames": {"not": {"enum": [*sorted(RESERVED)]}}},
    ),
]
PipelineName = Annotated[str, Field(pattern=r"^[\w-]{1,100}$", description="The file in pipelines/ to use.")]


class Question(Asking):
    """What may be asked; a key that is not listed here is refused."""

    question: str = Field(min_length=1, max_length=MAX_QUESTION, examples=["When does the halibut project ship?"])
    k: Passages | None = Field(default=None, description="How many passages; the pipeline's number if absent.")
    where: dict[str, Any] | None = Field(default=None, description="A filter on metadata.", examples=[{"lang": "en"}])
    pipeline: PipelineName = "answer"


class Ask(Question):
    """A question with what shapes its answer."""

    prompt: str | None = Field(default=None, pattern=r"^[\w-]{1,100}$", description="The file in prompts/ to use.")
    inputs: Inputs = Field(default={})
    stream: bool = Field(default=False, description="Events while it is answered, in place of one object at the end.")


def asking_routes(rag: ragstone.AsyncRag) -> APIRouter:
    """`/api/ask` and `/api/search`."""
    routes = APIRouter(tags=["ask"])

    @routes.post("/api/ask", response_model=None, responses=STREAMED)
    async def ask(asked: Ask, caller: Annotated[Caller, Depends(caller_of)]) -> dict[str, Any] | StreamingResponse:
        """An answer with its citations and hits; `abstained` says that the documents hold none.

        With `stream` they come as server-sent events: `hit`, `token`, `restart`, `citation`, `verdict`, then `done`
        with the whole answer, or `error`.
        """
        tenant, principals = asked.who(caller)
        stream = rag.stream if asked.stream else rag.ask
        answering = stream(
            asked.question,
            prompt=asked.prompt,
            k=asked.k,
            where=asked.where,
            pipeline=asked.pipeline,
            principals=principals,
            tenant=tenant,
            payer=caller.payer,
            **asked.inputs,
        )
        if isinstance(answering, AnswerStream):
            return StreamingResponse(await begun(answering), media_type="text/event-stream", headers=UNKEPT)
        return (await answering).as_dict()

    @routes.post("/api/search", **sends(HitsShape))
    async def search(asked: Question, caller: Annotated[Caller, Depends(caller_of)]) -> dict[str, Any]:
        """The best passages, without an answer."""
        tenant, principals = asked.who(caller)
        hits = await rag.search(
            asked.question, k=asked.k, where=asked.where, pipeline=asked.pipeline, principals=principals, tenant=tenant
        )
        return {"hits": [hit.as_dict() for hit in hits]}

    return routes


# ── Events ──────────────────────────────────────────────────────────────────────────────────────────────────────────

UNKEPT = {"cache-control": "no-store", "x-accel-buffering": "no"}
"""Of a stream: no proxy between may keep it, or hold it back until it is whole."""

STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "model": AnswerShape,
        "content": {"text/event-stream": {}},
        "description": "The answer, or its events.",
    }
}


async def begun(stream: AnswerStream) -> AsyncGenerator[bytes]:
    """The events of an answer, of which the first was waited for: so an error until then has a status of its own."""
    events = events_of(stream)
    first = await anext(events)

    async def all_of_them() -> AsyncGenerator[bytes]:
        async with aclosing(events):
            yield first
            async for event in events:
                yield event

    return all_of_them()


async def events_of(stream: AnswerStream) -> AsyncGenerator[bytes]:
    """An answer as it is said. Who leaves early stops the model."""
    said = False
    try:
        async with aclosing(aiter(stream)) as deltas:
            async for delta in deltas:
                for hit in delta.hits:
                    yield event("hit", hit.as_dict())
                if delta.restart:
                    yield event("restart", {})
                if delta.text:
                    yield event("token", {"text": delta.text})
                said = True
        answer = stream.answer.as_dict()
        for name in ("citation", "verdict"):
            for one in answer[f"{name}s"]:
                yield event(name, one)
        yield event("done", answer)
    except errors.RagstoneError as error:
        if not said:
            raise
        yield event("error", {"status": status_of(error), **told(error)})


def event(name: str, value: Mapping[str, Any]) -> bytes:
    """One server-sent event. JSON has no line breaks of its own, so it is one line."""
    return f"event: {name}\ndata: {json.dumps(value)}\n\n".encode()
