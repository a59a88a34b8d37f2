"""`/api/documents`: what there is to ask, as one may see it, and a door for new files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

import ragstone
from ragstone.errors import RagstoneError
from ragstone_app.access import Caller, caller_of
from ragstone_app.asking import PipelineName
from ragstone_app.ingesting import Ingesting, Ingestion
from ragstone_app.requests import Asking, Tenant
from ragstone_app.wording import error_body

__all__ = ["FILES", "document_routes", "file_routes"]

FILES = "/api/documents/"
"""Below this the bodies of PUT are files."""

LARGEST = 200_000_000  # bytes of a file
PATIENCE = 30.0  # seconds between two parts of it
MOST = 1_000


Who = Annotated[Caller, Depends(caller_of)]


class Which(Asking):
    """Which documents are asked for."""

    named: str = Field(default="", max_length=200, description="A part of the uri.")
    after: str = Field(default="", max_length=4000, description="`after` of the page before.")
    limit: int = Field(default=100, strict=False, ge=1, le=MOST)
    pipeline: PipelineName = "ingest"


class OneOf(Asking):
    """Whose document is asked for."""

    pipeline: PipelineName = "answer"


class Where(BaseModel):
    """Where a file is put, and who ingests it."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(default="", max_length=100, description="The connector; the first one if absent.")
    tenant: Tenant | None = None
    pipeline: PipelineName = "ingest"


class Listed(BaseModel):
    """A document without its text. Who may see it, its state and its ingestion's trace, only the operator is told."""

    id: str
    uri: str
    title: str
    media_type: str
    language: str
    characters: int
    chunks: int
    source: str | None = None
    state: str | None = None
    acl: list[str] | None = None
    ingestion: str | None = None


class Page(BaseModel):
    """Some documents in the order of their uris; `after` is where the next page begins."""

    documents: list[Listed]
    after: str | None


class Shown(BaseModel):
    """A document with its text. `spans` are its pages and headings as character ranges of the text."""

    id: str
    uri: str
    title: str
    media_type: str
    text: str
    spans: list[dict[str, Any]]
    metadata: dict[str, Any]


class Put(BaseModel):
    """A file that was put, and the ingestion that it waits for."""

    uri: str
    ingestion: Ingestion


class _TooLong(RagstoneError):
    """A file that is longer than the service takes."""


class _Slow(RagstoneError):
    """A file that stops to come."""


class _Gone(Exception):
    """Who sends a file has gone away."""


def document_routes(rag: ragstone.AsyncRag) -> APIRouter:
    """What there is to ask."""
    routes = APIRouter(tags=["documents"])

    @routes.get("/api/documents")
    async def listed(which: Annotated[Which, Query()], caller: Who) -> Page:
        """The documents that the caller may see, by uri. The operator sees all, and who else may."""
        operator = caller.admin and which.principals is None
        tenant, principals = which.who(caller)
        page = await rag.files(tenant=tenant, pipeline=which.pipeline).listed(
            principals=None if operator else principals, after=which.after, named=which.named, limit=which.limit
        )
        hidden = {} if operator else dict.fromkeys(("source", "state", "acl", "ingestion"))
        return Page(documents=[Listed(**{**one.as_dict(), **hidden}) for one in page.documents], after=page.after)

    @routes.get("/api/documents/{name}", response_model=Shown)
    async def show(name: str, asked: Annotated[OneOf, Query()], caller: Who) -> Shown | JSONResponse:
        """One document with its text, by its id: that is `document_id` of a hit. One that may not be seen is absent."""
        tenant, principals = asked.who(caller)
        found = await rag.document(name, principals=principals, tenant=tenant, pipeline=asked.pipeline)
        if found is None:
            return error_body("UsageError", f"there is no document {name[:80]!r}", None, False, 404)
        return Shown(
            id=found.id,
            uri=found.uri,
            title=found.title,
            media_type=found.media_type,
            text=found.text,
            spans=[asdict(span) for span in found.spans],
            metadata=dict(found.metadata),
        )

    return routes


def file_routes(rag: ragstone.AsyncRag, ingesting: Ingesting) -> APIRouter:
    """The door for new files, for keys with `admin`."""
    routes = APIRouter(tags=["documents"])

    async def promised(uri: str, where: Where, tenant: str) -> Put:
        return Put(uri=uri, ingestion=await ingesting.ask(tenant=tenant, pipeline=where.pipeline, only=[uri]))

    @routes.put(f"{FILES}{{name:path}}", status_code=202, response_model=Put, openapi_extra=_BYTES)
    async def put(name: str, request: Request, where: Annotated[Where, Query()], caller: Who) -> Put | JSONResponse:
        """Puts a file into the folder of a source and promises its ingestion. The body is the file."""
        caller.demand_admin()
        tenant = caller.tenant(where.tenant)
        files = rag.files(tenant=tenant, pipeline=where.pipeline)
        try:
            return await promised(await files.put(name, _file(request), source=where.source), where, tenant)
        except _TooLong as error:
            return error_body("UsageError", error.message, None, False, 413)
        except _Slow as error:
            return error_body("UsageError", error.message, None, True, 408)
        except _Gone:
            return error_body("UsageError", "the file did not come whole", None, True, 400)

    @routes.delete(f"{FILES}{{name:path}}", status_code=202, response_model=Put)
    async def delete(name: str, where: Annotated[Where, Query()], caller: Who) -> Put | JSONResponse:
        """Removes a file from the folder of a source and promises the ingestion after which nothing is known of it."""
        caller.demand_admin()
        tenant = caller.tenant(where.tenant)
        uri = await rag.files(tenant=tenant, pipeline=where.pipeline).remove(name, source=where.source)
        if uri is None:
            return error_body("UsageError", f"there is no file {name[:80]!r}", None, False, 404)
        return await promised(uri, where, tenant)

    return routes


_BYTES = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}}


async def _file(request: Request) -> AsyncGenerator[bytes]:
    """The body in parts. Raises for one that is too long, that trickles, or that ends before it is whole."""
    size, more = 0, True
    while more:
        try:
            said = await asyncio.wait_for(request.receive(), PATIENCE)
        except TimeoutError:
            raise _Slow(f"nothing more of the file came within {PATIENCE:g} seconds") from None
        if said["type"] == "http.disconnect":
            raise _Gone
        part = said.get("body", b"")
        size += len(part)
        if size > LARGEST:
            raise _TooLong(f"the file is longer than {LARGEST:,} bytes")
        if part:
            yield part
        more = said.get("more_body", False)
