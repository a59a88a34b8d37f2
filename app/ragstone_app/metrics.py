"""Figures for Prometheus: `GET /metrics`, for admins, and for what collects them on this machine.

Requests are those of this process. What models have cost, what caches have saved and what the index holds is the
project's: every replica tells the same, so sum none of it over replicas.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse

import ragstone
from ragstone_app.access import FIGURES, Caller, caller_of
from ragstone_app.exposition import MEDIA_TYPE, Family, exposed
from ragstone_app.metered import Requests
from ragstone_app.readiness import Readiness

__all__ = ["metric_routes"]

PATIENCE = 3.0  # seconds for each part; what does not come is left out, and counted
MOST = 100  # values of a label; what lies beyond them is told together
OTHERS = "others"


def metric_routes(rag: ragstone.AsyncRag, readiness: Readiness, requests: Requests) -> APIRouter:
    """The one route there is."""
    routes = APIRouter(tags=["health"])
    parts: dict[str, Callable[[], Awaitable[list[Family]]]] = {
        "health": lambda: _health(readiness),
        "ledger": lambda: _ledger(rag),
        "cache": lambda: _cache(rag),
        "index": lambda: _index(rag),
    }

    @routes.get(FIGURES, response_class=PlainTextResponse)
    async def metrics(caller: Annotated[Caller, Depends(caller_of)]) -> PlainTextResponse:
        """All figures, in the text format of Prometheus."""
        caller.demand_admin()
        info = Family("ragstone_info", "gauge", "The version.").add(1, version=ragstone.__version__)
        families = [info, *requests.families(), *[family async for family in _gathered(parts)]]
        return PlainTextResponse(exposed(families), headers={"content-type": MEDIA_TYPE})

    return routes


async def _gathered(parts: dict[str, Callable[[], Awaitable[list[Family]]]]) -> AsyncIterator[Family]:
    missing = Family("ragstone_scrape_failed", "gauge", "Whether figures of a part are missing from this page.")
    found = await asyncio.gather(*(_in_time(part()) for part in parts.values()))
    for name, families in zip(parts, found, strict=True):
        missing.add(int(families is None), part=name)
        for family in families or ():
            yield family
    yield missing


async def _in_time(part: Awaitable[list[Family]]) -> list[Family] | None:
    try:
        return await asyncio.wait_for(part, PATIENCE)
    except (ragstone.RagstoneError, TimeoutError):
        return None


async def _health(readiness: Readiness) -> list[Family]:
    report = await readiness.report()
    up = Family("ragstone_part_up", "gauge", "Whether a part of the project can be used.")
    for part in report.parts:
        up.add(int(part.state in ("ok", "absent")), part=part.name)
    models = Family("ragstone_model_up", "gauge", "Whether a model of pipelines/answer.yaml may be asked.")
    for model in report.models:
        models.add(int(model.state == "ok"), model=model.name)
    return [up, models]


async def _ledger(rag: ragstone.AsyncRag) -> list[Family]:
    month = "by the project's ledger, in this month of UTC"
    calls, tokens, usd = Counter[str](), Counter[tuple[str, str]](), Counter[str]()
    spent = (await rag.costs()).spent
    names = sorted({row.account.model for row in spent})[:MOST]
    for row in spent:
        model = row.account.model if row.account.model in names else OTHERS
        calls[model] += row.requests
        usd[model] += row.nano
        for kind in ("input", "cached", "written", "output"):
            tokens[model, kind] += getattr(row.usage, f"{kind}_tokens")
    asked = Family("ragstone_model_calls_total", "counter", f"Calls of a model, {month}.")
    counted = Family(
        "ragstone_model_tokens_total", "counter", f"Tokens of a model, {month}; input has the cached ones."
    )
    cost = Family("ragstone_model_cost_usd_total", "counter", f"USD that a model has cost, {month}.")
    for model, number in sorted(calls.items()):
        asked.add(number, model=model)
        cost.add(usd[model] / 1e9, model=model)
    for (model, kind), number in sorted(tokens.items()):
        counted.add(number, model=model, kind=kind)
    return [asked, counted, cost]


async def _cache(rag: ragstone.AsyncRag) -> list[Family]:
    calls = Family("ragstone_cache_calls_total", "counter", "Calls of models that a cache had, or had not.")
    saved = Family("ragstone_cache_saved_usd_total", "counter", "USD for the calls that it had.")
    entries = Family("ragstone_cache_entries", "gauge", "Entries of a cache.")
    for one in (await rag.cache().stats()).caches:
        for result in ("hit", "miss"):
            calls.add(one.figures.get(f"calls.{result}", 0), cache=one.place, result=result)
        saved.add(one.saved_usd, cache=one.place)
        for room, number in sorted(one.entries.items()):
            entries.add(number, cache=one.place, room=room)
    return [calls, saved, entries]


async def _index(rag: ragstone.AsyncRag) -> list[Family]:
    status = await rag.index().status()
    documents = Family("ragstone_documents", "gauge", "Documents of the default tenant, by state.")
    for state, number in sorted(status.states.items()):
        documents.add(number, state=state)
    chunks = Family("ragstone_chunks", "gauge", "Chunks of the default tenant.").add(status.chunks)
    return [documents, chunks]
