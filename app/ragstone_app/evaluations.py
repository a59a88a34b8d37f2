"""The runs of a project's suites in a browser: `GET /evals` lists them, `GET /evals/NAME` shows one.

They show questions and documents whoever may see these, so they are for admins.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, JSONResponse

from ragstone.evaluation.shelf import Shelf
from ragstone_app.access import Caller, caller_of
from ragstone_app.wording import error_body

__all__ = ["evaluation_routes"]

STYLED = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
"""The pages have their style in them, and nothing else that a browser would have to run or fetch."""

Who = Annotated[Caller, Depends(caller_of)]


def evaluation_routes(folder: str | Path) -> APIRouter:
    """The pages of a project folder's runs."""
    routes, shelf = APIRouter(tags=["evaluation"]), Shelf(folder)

    @routes.get("/evals", response_class=HTMLResponse)
    async def runs(caller: Who) -> HTMLResponse:
        """The kept runs, the newest first, each with its first figures."""
        caller.demand_admin()
        return HTMLResponse(await asyncio.to_thread(shelf.pages), headers=STYLED)

    @routes.get("/evals/{name}", response_model=None, response_class=HTMLResponse)
    async def run(name: str, caller: Who, before: str | None = None) -> HTMLResponse | JSONResponse:
        """What a run has shown, or what has changed since the one `before`: the page of `ragstone eval report`."""
        caller.demand_admin()
        for one in (name, before):
            if one is not None and not await asyncio.to_thread(shelf.has, one):
                return error_body("UsageError", f"there is no run {one[:80]!r}", "See /evals.", False, 404)
        return HTMLResponse(await asyncio.to_thread(shelf.page, name, before), headers=STYLED)

    return routes
