"""Whether the process answers, `GET /healthz`, and whether questions can: `GET /readyz`. Neither wants a key."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

import ragstone
from ragstone.health import AsyncHealth, HealthReport
from ragstone_app.shapes import HealthShape, ReadyShape, sends
from ragstone_app.wording import SOON

__all__ = ["Readiness", "ready_routes", "summary"]

FRESH = 1.0  # seconds for which a look counts: anyone may ask, and may not make work for the store by it


class Readiness:
    """Looks at the parts when somebody asks, once a second at most."""

    def __init__(self, health: AsyncHealth) -> None:
        self._health = health
        self._look: asyncio.Task[HealthReport] | None = None
        self._since = 0.0

    async def report(self) -> HealthReport:
        """The parts as they were within the last second or so."""
        if self._look is None or (self._look.done() and time.monotonic() - self._since > FRESH):
            self._look = asyncio.create_task(self._checked())
        return await asyncio.shield(self._look)  # others wait for it, too

    async def _checked(self) -> HealthReport:
        report = await self._health.check()
        self._since = time.monotonic()
        return report


def summary(report: HealthReport) -> dict[str, Any]:
    """The state of the whole and of each part: neither names nor addresses."""
    status = "unready" if not report.ready else "degraded" if report.degraded else "ready"
    return {"status": status, "parts": {part.name: part.as_dict() for part in report.parts}}


def ready_routes(readiness: Readiness) -> APIRouter:
    """`/healthz` and `/readyz`."""
    routes = APIRouter(tags=["health"])
    shapes: dict[int | str, dict[str, Any]] = {
        200: {"model": ReadyShape},
        503: {"model": ReadyShape, "description": "A part that is needed cannot be used."},
    }

    @routes.get("/healthz", **sends(HealthShape))
    async def healthz() -> dict[str, str]:
        """Whether the process answers at all."""
        return {"status": "ok", "version": ragstone.__version__}

    @routes.get("/readyz", response_model=None, responses=shapes)
    async def readyz() -> JSONResponse:
        """Whether questions can be answered now. A cache that is down makes the state `degraded`, and no 503."""
        report = await readiness.report()
        headers = {} if report.ready else {"retry-after": str(SOON)}
        return JSONResponse(summary(report), status_code=200 if report.ready else 503, headers=headers)

    return routes
