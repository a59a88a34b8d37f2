"""The prompt files over HTTP. Their names are for everyone who asks; what they say to a model is for admins."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import Field

import ragstone
from ragstone.types import Prompt
from ragstone_app.access import Caller, caller_of
from ragstone_app.asking import MAX_QUESTION, Inputs, PipelineName
from ragstone_app.requests import Asking, Passages
from ragstone_app.shapes import PromptShape, PromptsShape, RenderedShape, sends
from ragstone_app.wording import error_body

__all__ = ["prompt_routes"]

Who = Annotated[Caller, Depends(caller_of)]


class Explain(Asking):
    """What a prompt is filled with."""

    question: str | None = Field(
        default=None, min_length=1, max_length=MAX_QUESTION, description="The file's own example if absent."
    )
    k: Passages | None = Field(default=None, description="How many passages.")
    where: dict[str, Any] | None = Field(default=None, description="A filter on metadata.")
    inputs: Inputs = Field(default={})
    pipeline: PipelineName = "answer"


def prompt_routes(rag: ragstone.AsyncRag) -> APIRouter:
    """`/api/prompts` and what lies below it. A prompt in a folder of `prompts/` is listed, and cannot be asked for."""
    routes, prompts = APIRouter(tags=["prompts"]), rag.prompts()

    @routes.get("/api/prompts", **sends(PromptsShape))
    async def listed() -> dict[str, Any]:
        """Every prompt: what it is for, its version and its inputs."""
        return {"prompts": [one.as_dict() for one in await prompts.all()]}

    @routes.get("/api/prompts/{name}", **sends(PromptShape))
    async def shown(name: str, caller: Who) -> dict[str, Any] | JSONResponse:
        """A prompt with its text and its faults, for admins."""
        caller.demand_admin()
        return (await prompts.show(name)).as_dict() if await prompts.has(name) else _absent(name)

    @routes.post("/api/prompts/{name}/explain", **sends(RenderedShape))
    async def explained(name: str, asked: Explain, caller: Who) -> dict[str, Any] | JSONResponse:
        """The messages that would be sent, for admins. No model is asked."""
        caller.demand_admin()
        tenant, principals = asked.who(caller)
        if not await prompts.has(name):
            return _absent(name)
        rendered = await rag.explain(
            asked.question,
            prompt=name,
            k=asked.k,
            where=asked.where,
            pipeline=asked.pipeline,
            principals=principals,
            tenant=tenant,
            **asked.inputs,
        )
        return _rendered(rendered)

    return routes


def _absent(name: str) -> JSONResponse:
    return error_body("UsageError", f"there is no prompt {name[:80]!r}", "See GET /api/prompts.", False, 404)


def _rendered(prompt: Prompt) -> dict[str, Any]:
    return {
        "name": prompt.name,
        "version": prompt.version,
        "messages": [{"role": message.role, "content": message.content} for message in prompt.messages],
        "slots": [{"name": slot.name, "trust": slot.trust, "tokens": slot.tokens} for slot in prompt.slots],
        "tokens": prompt.tokens,
        "stable_prefix_tokens": prompt.stable_prefix_tokens,
        "calls": prompt.calls,
        "worst_case_calls": prompt.worst_case_calls,
    }
