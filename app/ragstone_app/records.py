"""What the service has done, what that cost, what it keeps and how it is, over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

import ragstone
from ragstone.spending import Costs
from ragstone.trace import StoredTrace
from ragstone_app.access import Caller, caller_of
from ragstone_app.readiness import Readiness, summary
from ragstone_app.requests import Asking, Name, Tenant
from ragstone_app.shapes import CacheShape, CostsShape, RemovedShape, StatusShape, TraceShape, TracesShape, sends
from ragstone_app.wording import error_body, worded

__all__ = ["record_routes"]

Who = Annotated[Caller, Depends(caller_of)]
TraceId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="The `trace_id` of an answer.")]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="A day of UTC.")]


class TracesAsked(Asking):
    """Which traces are asked for."""

    limit: int = Field(default=20, strict=False, ge=1, le=1000, description="So many of the newest.")


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tenant: Tenant | None = None


class CostsAsked(_Query):
    """Which costs are asked for."""

    since: Day | None = None
    until: Day | None = None


class CacheCleared(_Query):
    """What of the caches is removed."""

    room: list[Name] | None = Field(
        default=None, max_length=20, description="Such rooms alone, as `GET /api/cache` has."
    )


def record_routes(rag: ragstone.AsyncRag, readiness: Readiness) -> APIRouter:
    """Traces, costs, caches and the status."""
    routes = APIRouter(tags=["records"])
    _trace_routes(routes, rag)
    _cache_routes(routes, rag)

    @routes.get("/api/costs", **sends(CostsShape))
    async def costs(asked: Annotated[CostsAsked, Query()], caller: Who) -> dict[str, Any]:
        """What models have cost in some days, this month so far if none are given. A key sees its own calls."""
        tenant = asked.tenant if caller.admin else caller.tenant(asked.tenant)
        found = await rag.costs(since=asked.since or "", until=asked.until or "", tenant=tenant)
        told = (found if caller.admin else _own(found, caller)).as_dict()
        # Who has made a claim is a host's name, which is nobody's business here.
        return {**told, "open": [{key: one[key] for key in one if key != "owner"} for one in told["open"]]}

    @routes.get("/api/status", **sends(StatusShape))
    async def status(request: Request, asked: Annotated[_Query, Query()], caller: Who) -> dict[str, Any]:
        """The version, the parts and models with their state, the pipelines; for admins also the tenant's index."""
        tenant = caller.tenant(asked.tenant)
        report = await readiness.report()
        told: dict[str, Any] = {"version": ragstone.__version__, **summary(report)}
        told |= {"models": [model.as_dict() for model in report.models], "pipelines": await rag.routes()}
        refused = request.app.state.reloading.refused
        index = (await rag.index(tenant=tenant).status()).as_dict() if caller.admin else None
        return {**told, "refused": worded(refused) if refused and caller.admin else None, "index": index}

    return routes


def _trace_routes(routes: APIRouter, rag: ragstone.AsyncRag) -> None:
    @routes.get("/api/traces", **sends(TracesShape))
    async def traces(asked: Annotated[TracesAsked, Query()], caller: Who) -> dict[str, Any]:
        """The last requests of a tenant, the newest first: those of callers whose principals all are yours."""
        tenant, principals = _seen(asked, caller)
        found = await rag.traces(limit=asked.limit, tenant=tenant, principals=principals)
        shown = [_shown(one, caller) for one in found]
        return {"traces": [{key: one[key] for key in one if key != "steps"} for one in shown]}

    @routes.get("/api/traces/{trace_id}", **sends(TraceShape))
    async def trace(trace_id: TraceId, asked: Annotated[Asking, Query()], caller: Who) -> dict[str, Any] | JSONResponse:
        """One request with its steps. One that is not there is 404, and so is one of somebody else."""
        tenant, principals = _seen(asked, caller)
        found = await rag.trace(trace_id, tenant=tenant, principals=principals)
        if found is None:
            return error_body("UsageError", f"there is no trace {trace_id!r}", "See GET /api/traces.", False, 404)
        return _shown(found, caller)


def _cache_routes(routes: APIRouter, rag: ragstone.AsyncRag) -> None:
    @routes.get("/api/cache", **sends(CacheShape))
    async def cache(caller: Who) -> dict[str, Any]:
        """What each cache holds and has saved, for admins."""
        caller.demand_admin()
        told = (await rag.cache().stats()).as_dict()
        for one in told["caches"]:
            one["error"] = one["error"] and "CacheUnavailable"  # all of it may be an address
        return told

    @routes.delete("/api/cache", **sends(RemovedShape))
    async def cleared(asked: Annotated[CacheCleared, Query()], caller: Who) -> dict[str, int]:
        """Removes all entries, or those of some rooms or of one tenant, for admins."""
        caller.demand_admin()
        return {"removed": await rag.cache().clear(asked.room or (), tenant=asked.tenant)}


def _seen(asked: Asking, caller: Caller) -> tuple[str, tuple[str, ...] | None]:
    """The tenant, and for whom: an admin who names no principals sees every request."""
    tenant, principals = asked.who(caller)
    return tenant, None if caller.admin and asked.principals is None else principals


def _shown(trace: StoredTrace, caller: Caller) -> dict[str, Any]:
    """A trace. What went wrong in a step may name an address or a path, which is for admins."""
    told = trace.as_dict()
    if not caller.admin:
        for step in told["steps"]:
            step["error"] = step["error"] and step["error"].partition(":")[0]
    return told


def _own(costs: Costs, caller: Caller) -> Costs:
    own = caller.payer.key
    return replace(
        costs,
        spent=tuple(row for row in costs.spent if row.account.key == own),
        open=tuple(claim for claim in costs.open if claim.account.key == own),
    )
