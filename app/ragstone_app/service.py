"""Its routes: is it alive, ask, search, say what you think of an answer, and OpenAI's Chat Completions.

uvicorn.run(create("mydocs"))
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.routing import Route

import ragstone
from ragstone import errors
from ragstone_app.chat import Chat
from ragstone_app.feedback import feedback_routes
from ragstone_app.wording import CHECK_FAILED, error_body, failed_checks, worded

MAX_QUESTION = 20_000  # characters; a question is no document
RESERVED = {"question", "prompt", "k", "where", "principals", "tenant", "pipeline", "output", "payer"}


class Question(BaseModel):
    """What may be asked; a key that is not listed here is refused."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1, max_length=MAX_QUESTION, examples=["When does the halibut project ship?"])
    k: int | None = Field(
        default=None, ge=1, le=1000, description="How many passages; the pipeline's number if absent."
    )
    where: dict[str, Any] | None = Field(default=None, description="A filter on metadata.", examples=[{"lang": "en"}])
    principals: list[str] = Field(default=[], description="Users and groups whose documents may be seen.")
    tenant: str = Field(default="default", min_length=1, max_length=200)


class Ask(Question):
    """A question with what shapes its answer."""

    prompt: str | None = Field(default=None, pattern=r"^[\w-]+$", description="The file in prompts/ to use.")
    inputs: dict[str, Any] = Field(default={}, description="The prompt file's own inputs.")

    @field_validator("inputs")
    @classmethod
    def _of_the_prompt(cls, inputs: dict[str, Any]) -> dict[str, Any]:
        """An input cannot pass for an argument of the call: a tenant, say."""
        taken = RESERVED & inputs.keys()
        if taken:
            raise ValueError(f"an input may not be called {min(taken)!r}")
        return inputs


def create(folder: str | Path = ".") -> FastAPI:
    """The application for one project folder. Raises ProjectNotFound when there is none."""
    rag = ragstone.aopen(folder)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.probing = probing = asyncio.create_task(_probed(rag))
        yield
        probing.cancel()
        await asyncio.gather(probing, return_exceptions=True)
        await rag.close()

    # FastAPI's own pages would load their scripts from a CDN; /openapi.json is all that a client needs.
    app = FastAPI(title="Ragstone", version=ragstone.__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_exception_handler(errors.RagstoneError, _failed)
    app.add_exception_handler(RequestValidationError, _malformed)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether the process answers at all."""
        return {"status": "ok", "version": ragstone.__version__}

    @app.post("/api/ask")
    async def ask(asked: Ask) -> dict[str, Any]:
        """An answer with its citations and hits; `abstained` says that the documents hold none."""
        answer = await rag.ask(
            asked.question,
            prompt=asked.prompt,
            k=asked.k,
            where=asked.where,
            principals=asked.principals,
            tenant=asked.tenant,
            **asked.inputs,
        )
        return answer.as_dict()

    @app.post("/api/search")
    async def search(asked: Question) -> dict[str, Any]:
        """The best passages, without an answer."""
        hits = await rag.search(
            asked.question, k=asked.k, where=asked.where, principals=asked.principals, tenant=asked.tenant
        )
        return {"hits": [hit.as_dict() for hit in hits]}

    app.include_router(feedback_routes(rag))
    chat = Chat(rag)
    app.router.routes.append(Route("/v1/chat/completions", chat, methods=["POST"], include_in_schema=False))

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        """What /v1/chat/completions may be asked for, in OpenAI's shape."""
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "ragstone"} for name in await chat.models()]
        return {"object": "list", "data": listed}

    return app


async def _probed(rag: ragstone.AsyncRag) -> None:
    """Finds out what the models' servers can do before the first question needs it. What is amiss is told then."""
    with suppress(errors.RagstoneError):
        await rag.models().probe()


async def _failed(_: Request, error: Exception) -> JSONResponse:
    """One of our errors as JSON: the caller's fault 400, no more for now 429, an absent part 503, anything else 500.

    A text that failed a check is 422, with what the checks say of it.
    """
    assert isinstance(error, errors.RagstoneError)
    more: dict[str, Any] = {}
    if isinstance(error, errors.CheckFailed):
        status, more = 422, {"code": CHECK_FAILED, "verdicts": failed_checks(error)}
    elif isinstance(error, errors.UsageError | errors.UnsupportedFilter | errors.PromptError):
        status = 400
    elif isinstance(error, errors.RateLimited | errors.OverBudget):
        status = 429
    elif error.retryable or isinstance(error, errors.ModelError | errors.NotConfigured):
        status = 503
    else:
        status = 500
    return error_body(type(error).__name__, worded(error), error.hint, error.retryable, status, more)


async def _malformed(_: Request, error: Exception) -> JSONResponse:
    """A request of the wrong form: which field, and why. What was sent is not sent back: it may be long."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"] if part != "body")
    return error_body("UsageError", f"{field or 'the body'}: {first['msg']}", None, False, 422)
