"""The service: its routes, behind the doors that every request passes.

uvicorn.run(create("mydocs"))
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route

import ragstone
from ragstone import errors
from ragstone_app.access import Access
from ragstone_app.admitted import CONCURRENCY, Admitted
from ragstone_app.asking import asking_routes
from ragstone_app.bounded import Bounded, Secured
from ragstone_app.conversations import conversation_routes
from ragstone_app.documents import FILES, document_routes, file_routes
from ragstone_app.evaluations import evaluation_routes
from ragstone_app.feedback import feedback_routes
from ragstone_app.ingesting import Ingesting, ingesting_routes
from ragstone_app.logged import LogForm, Logged, write_as
from ragstone_app.metered import Metered, Requests
from ragstone_app.metrics import metric_routes
from ragstone_app.openai.chat import Chat
from ragstone_app.openai.embedding import Embeddings
from ragstone_app.openai.listing import model_routes
from ragstone_app.openai.names import Names
from ragstone_app.openapi import CHAT, EMBEDDINGS, documented
from ragstone_app.prompts import prompt_routes
from ragstone_app.readiness import Readiness, ready_routes
from ragstone_app.records import record_routes
from ragstone_app.refusing import no_route
from ragstone_app.reloading import Reloading, probed
from ragstone_app.requests import said_once
from ragstone_app.watching import Watching
from ragstone_app.wording import error_body, error_reply

POST = ["POST"]


def create(
    folder: str | Path = ".", *, concurrency: int = CONCURRENCY, watch: bool = False, log: LogForm | None = None
) -> FastAPI:
    """The application for one project folder, with so many requests at a time. Raises ProjectNotFound.

    With `watch` it ingests edited files of the sources' folders. `log` is how the service's loggers write; without it
    they are left as they are.
    """
    if log is not None:
        write_as(log)
    rag = ragstone.aopen(folder)
    ingesting = Ingesting(rag)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.probing = asyncio.create_task(probed(rag))
        beside = [app.state.probing, asyncio.create_task(app.state.reloading.run())]
        beside.append(asyncio.create_task(ingesting.run()))
        beside += [asyncio.create_task(Watching(rag).run())] if watch else []
        yield
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await rag.close()

    # FastAPI's own pages would load their scripts from a CDN; /openapi.json is all that a client needs.
    app = FastAPI(title="Ragstone", version=ragstone.__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.reloading = Reloading(rag)
    app.openapi = documented(app)
    readiness, requests, names = Readiness(rag.health()), Requests(), Names(rag)
    app.add_exception_handler(errors.RagstoneError, _failed)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, no_route)
    routers = (
        asking_routes(rag),
        ingesting_routes(rag, ingesting),
        document_routes(rag),
        file_routes(rag, ingesting),
        conversation_routes(rag),
        feedback_routes(rag),
        evaluation_routes(folder),
        prompt_routes(rag),
        record_routes(rag, readiness),
        ready_routes(readiness),
        metric_routes(rag, readiness, requests),
        model_routes(names),
    )
    for router in routers:
        app.include_router(router, dependencies=[Depends(said_once)])
    plain = [Route(CHAT, Chat(rag, names), methods=POST), Route(EMBEDDINGS, Embeddings(rag, names), methods=POST)]
    app.router.routes += plain
    paths = _paths(*plain, *(route for router in routers for route in router.routes))
    # The last one added is the first one passed.
    app.add_middleware(Admitted, most=concurrency)
    app.add_middleware(Bounded, files=[FILES])
    app.add_middleware(Access, rag=rag)
    app.add_middleware(Secured)
    app.add_middleware(Metered, requests=requests, paths=paths)
    app.add_middleware(Logged, paths=paths)
    return app


def _paths(*routes: BaseRoute) -> frozenset[str]:
    return frozenset(route.path for route in routes if isinstance(route, Route))


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
