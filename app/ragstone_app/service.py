"""The service: its routes, behind the doors that every request passes.

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
from starlette.routing import Route

import ragstone
from ragstone import errors
from ragstone_app.access import Access
from ragstone_app.asking import asking_routes
from ragstone_app.bounded import Bounded, Secured
from ragstone_app.chat import Chat
from ragstone_app.conversations import conversation_routes
from ragstone_app.evaluations import evaluation_routes
from ragstone_app.feedback import feedback_routes
from ragstone_app.wording import error_body, error_reply


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
    # The last one added is the first one passed.
    app.add_middleware(Bounded)
    app.add_middleware(Access, rag=rag)
    app.add_middleware(Secured)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether the process answers at all."""
        return {"status": "ok", "version": ragstone.__version__}

    app.include_router(asking_routes(rag))
    app.include_router(conversation_routes(rag))
    app.include_router(feedback_routes(rag))
    app.include_router(evaluation_routes(folder))
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
    """One of our errors as JSON."""
    assert isinstance(error, errors.RagstoneError)
    return error_reply(error)


async def _malformed(_: Request, error: Exception) -> JSONResponse:
    """A request of the wrong form: which field, and why. What was sent is not sent back: it may be long."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"] if part != "body")
    return error_body("UsageError", f"{field or 'the body'}: {first['msg']}", None, False, 422)
