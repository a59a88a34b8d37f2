"""Conversations over HTTP: those of one person, who asks with one key for one tenant."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

import ragstone
from ragstone.chats import AsyncChat
from ragstone.histories import AsyncConversations
from ragstone.streams import AnswerStream
from ragstone_app.access import Caller, caller_of
from ragstone_app.asking import STREAMED, UNKEPT, Ask, begun
from ragstone_app.requests import Asking, Name, Tenant, Whole
from ragstone_app.shapes import ConversationShape, ConversationsShape, ToldShape, sends

__all__ = ["conversation_routes"]

LONGEST = 200  # characters of a title, and of a user
PAGE = 200  # conversations, or turns, of one reply
NEWEST = 2**31 - 1  # numbers of turns

User = Annotated[
    str, Field(max_length=LONGEST, description="Whose conversation it is; nobody's in particular if absent.")
]
Title = Annotated[str, Field(min_length=1, max_length=LONGEST)]
Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
By = Annotated[Caller, Depends(caller_of)]


class Whose(Asking):
    """Whose conversations, and what they may see."""

    user: User = ""


class Seeing(BaseModel):
    """The same in the address of a request that has no body."""

    model_config = ConfigDict(extra="forbid")

    principals: list[Name] | None = Field(default=None, max_length=1_000)
    tenant: Tenant | None = None
    user: User = ""

    def whose(self) -> Whose:
        """For whom something is asked."""
        return Whose(principals=self.principals, tenant=self.tenant, user=self.user)


class Page(Seeing):
    """A part of a list."""

    limit: int = Field(default=20, ge=1, le=PAGE)
    before: str = Field(default="", max_length=64, description="The id of the last conversation of the page before.")


class Part(Seeing):
    """A part of a conversation."""

    limit: int = Field(default=PAGE, ge=1, le=PAGE)
    before: int = Field(default=0, ge=0, le=NEWEST, description="The number of the first turn of the page before.")


class Begin(Whose):
    """A new conversation."""

    title: Title | None = Field(default=None, description="Its first question if absent.")


class Rename(Whose):
    """Another title."""

    title: Title


class Branch(Whose):
    """Where a branch leaves the conversation."""

    at: Annotated[int, Field(ge=1, le=NEWEST), Whole] | None = Field(
        default=None, description="The number of a turn; the last one if absent."
    )
    title: Title | None = None


class Next(Ask):
    """The next question of a conversation, with what shapes its answer."""

    user: User = ""


def conversation_routes(rag: ragstone.AsyncRag) -> APIRouter:
    """All below `/api/conversations`. One of another tenant, key, user or of more principals is 404."""
    routes = APIRouter(prefix="/api/conversations", tags=["conversations"])

    theirs = partial(_theirs, rag)

    @routes.get("", **sends(ConversationsShape))
    async def newest(page: Annotated[Page, Query()], caller: By) -> dict[str, Any]:
        """Those that were changed last, first."""
        found = await theirs(page.whose(), caller).newest(limit=page.limit, before=page.before)
        return {"conversations": [one.as_dict() for one in found]}

    @routes.post("", **sends(ConversationShape, 201))
    async def begin(given: Begin, caller: By) -> dict[str, Any]:
        """A new conversation, without turns."""
        return (await theirs(given, caller).begin(title=given.title or "")).as_dict()

    @routes.get("/{conversation}", **sends(ToldShape))
    async def show(conversation: Id, part: Annotated[Part, Query()], caller: By) -> dict[str, Any]:
        """A conversation with its last turns, oldest first."""
        kept = theirs(part.whose(), caller)
        turns = await kept.turns(conversation, limit=part.limit, before=part.before)
        known = await kept.show(conversation)
        return {**known.as_dict(), "said": [turn.as_dict() for turn in turns]}

    @routes.patch("/{conversation}", **sends(ConversationShape))
    async def rename(conversation: Id, given: Rename, caller: By) -> dict[str, Any]:
        """The conversation under another title."""
        return (await theirs(given, caller).rename(conversation, given.title)).as_dict()

    @routes.delete("/{conversation}", status_code=204)
    async def delete(conversation: Id, whose: Annotated[Seeing, Query()], caller: By) -> None:
        """Removes a conversation with all that was said in it."""
        await theirs(whose.whose(), caller).delete(conversation)

    @routes.post("/{conversation}/branch", **sends(ConversationShape, 201))
    async def branch(conversation: Id, given: Branch, caller: By) -> dict[str, Any]:
        """A new conversation that begins with the turns of this one."""
        made = await theirs(given, caller).branch(conversation, at=given.at, title=given.title or "")
        return made.as_dict()

    @routes.post("/{conversation}/ask", response_model=None, responses=STREAMED)
    async def ask(conversation: Id, asked: Next, caller: By) -> dict[str, Any] | StreamingResponse:
        """The answer to the next question, whole or as the events of `/api/ask`; it is kept when it is complete."""
        await theirs(asked, caller).show(conversation)
        talk = _talk(rag, conversation, asked, caller)
        answering = (talk.stream if asked.stream else talk.ask)(asked.question, **asked.inputs)
        if isinstance(answering, AnswerStream):
            return StreamingResponse(await begun(answering), media_type="text/event-stream", headers=UNKEPT)
        return (await answering).as_dict()

    return routes


def _theirs(rag: ragstone.AsyncRag, whose: Whose | Next, caller: Caller) -> AsyncConversations:
    tenant, principals = whose.who(caller)
    return rag.conversations(tenant=tenant, payer=caller.payer, user=whose.user, principals=principals)


def _talk(rag: ragstone.AsyncRag, conversation: str, asked: Next, caller: Caller) -> AsyncChat:
    tenant, principals = asked.who(caller)
    return rag.chat(
        prompt=asked.prompt,
        k=asked.k,
        where=asked.where,
        pipeline=asked.pipeline,
        principals=principals,
        tenant=tenant,
        payer=caller.payer,
        conversation=conversation,
        user=asked.user,
    )
