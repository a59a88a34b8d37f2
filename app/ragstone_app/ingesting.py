"""`/api/ingest`: ingestions that are asked for over HTTP, and done by whichever process of the service comes to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

import ragstone
from ragstone.errors import RagstoneError
from ragstone_app.access import Caller, caller_of
from ragstone_app.asking import STREAMED, UNKEPT, PipelineName, event
from ragstone_app.requests import Name, Tenant
from ragstone_app.wording import error_body

__all__ = ["Ingesting", "Ingestion", "ingesting_routes", "shown"]

LOOK = 2.0  # seconds between two looks for what another process has promised
STEP = 0.5  # seconds between two looks at how far one has come
log = logging.getLogger(__name__)


Who = Annotated[Caller, Depends(caller_of)]


class Ingest(BaseModel):
    """What to ingest. A key that is not listed here is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)

    only: list[Name] = Field(default=[], max_length=10_000, description="The uris to look at; all if there are none.")
    rebuild: bool = Field(default=False, description="Make the index anew beside the old one.")
    pipeline: PipelineName = "ingest"
    tenant: Tenant | None = None


class Newest(BaseModel):
    """Which ingestions are asked for."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=20, ge=1, le=1000)
    tenant: Tenant | None = None


class Ingestion(BaseModel):
    """An ingestion that was promised. Times are seconds from the epoch."""

    id: str
    tenant: str
    wanted: dict[str, Any]
    state: str = Field(description="waiting, running, done or failed")
    asked: float
    began: float | None
    ended: float | None
    progress: dict[str, Any]
    report: dict[str, Any]
    error: dict[str, Any]


class Ingesting:
    """Does what was promised, one after the other, as long as the service runs."""

    def __init__(self, rag: ragstone.AsyncRag) -> None:
        self._ingestions = rag.ingestions()
        self._more = asyncio.Event()

    async def ask(self, *, tenant: str, pipeline: str, only: Sequence[str], rebuild: bool = False) -> Ingestion:
        """Writes one down, which is the promise, and has it begun."""
        job = await self._ingestions.ask(only=only, rebuild=rebuild, tenant=tenant, pipeline=pipeline)
        self._more.set()
        return shown(job)

    async def run(self) -> None:
        """Until it is cancelled; what is under way then is taken up again at the next start."""
        while True:
            try:
                done = await self._ingestions.work()
            except (RagstoneError, OSError) as error:
                log.warning("An ingestion could not be begun: %s", error)
                done = None
            if done is None:
                self._more.clear()
                try:
                    await asyncio.wait_for(self._more.wait(), LOOK)
                except TimeoutError:
                    continue


def ingesting_routes(rag: ragstone.AsyncRag, ingesting: Ingesting) -> APIRouter:
    """`/api/ingest`, for keys with `admin`."""
    routes = APIRouter(tags=["ingest"])
    ingestions = rag.ingestions()

    @routes.post("/api/ingest", status_code=202)
    async def ingest(asked: Ingest, caller: Who) -> Ingestion:
        """Promises an ingestion: with this status it is written down, and done also if the service dies now."""
        caller.demand_admin()
        tenant = caller.tenant(asked.tenant)
        return await ingesting.ask(tenant=tenant, pipeline=asked.pipeline, only=asked.only, rebuild=asked.rebuild)

    @routes.get("/api/ingest")
    async def newest(asked: Annotated[Newest, Query()], caller: Who) -> list[Ingestion]:
        """The last ingestions, the newest first."""
        caller.demand_admin()
        return [shown(job) for job in await ingestions.all(limit=asked.limit, tenant=asked.tenant)]

    @routes.get("/api/ingest/{name}", response_model=Ingestion)
    async def one(name: str, caller: Who) -> Ingestion | JSONResponse:
        """One of them: how far it has come, or how it has ended."""
        caller.demand_admin()
        job = await ingestions.show(name)
        return absent(name) if job is None else shown(job)

    @routes.get("/api/ingest/{name}/events", response_model=None, responses=STREAMED)
    async def events(name: str, caller: Who) -> StreamingResponse | JSONResponse:
        """The same as server-sent events: `progress` when it has come further, then `done` or `error`."""
        caller.demand_admin()
        job = await ingestions.show(name)
        if job is None:
            return absent(name)
        return StreamingResponse(_seen(ingestions, job), media_type="text/event-stream", headers=UNKEPT)

    return routes


async def _seen(ingestions: Any, job: Any) -> AsyncGenerator[bytes]:
    told: dict[str, Any] | None = None
    while job is not None:
        said = shown(job).model_dump()
        if job.state in ("done", "failed"):
            yield event("done" if job.state == "done" else "error", said)
            return
        if said != told:
            yield event("progress", said)
            told = said
        await asyncio.sleep(STEP)
        job = await ingestions.show(job.id)


def shown(job: Any) -> Ingestion:
    """As the service tells it."""
    return Ingestion.model_validate(job.as_dict())


def absent(name: str) -> JSONResponse:
    """The reply where there is no such ingestion."""
    return error_body("UsageError", f"there is no ingestion {name[:80]!r}", None, False, 404)
