"""What people say of answers, over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import Field

import ragstone
from ragstone_app.access import Caller, caller_of
from ragstone_app.requests import Asking
from ragstone_app.shapes import FeedbackShape, sends
from ragstone_app.wording import error_body

__all__ = ["feedback_routes"]

LONGEST = 20_000  # characters of a correction, and of a comment


class Feedback(Asking):
    """What a person says of an answer, with the principals with which it was asked."""

    trace_id: str = Field(pattern=r"^[0-9a-f]{16}$", description="The `trace_id` of the answer.")
    good: bool | None = Field(default=None, strict=True, description="Thumbs up or down.")
    correction: str = Field(default="", max_length=LONGEST, description="What would be right.")
    comment: str = Field(default="", max_length=LONGEST)
    by: str = Field(default="", max_length=200, description="Who says it; a later word of theirs replaces this one.")


def feedback_routes(rag: ragstone.AsyncRag) -> APIRouter:
    """The one route there is: `POST /api/feedback`."""
    routes = APIRouter(tags=["ask"])

    @routes.post("/api/feedback", **sends(FeedbackShape))
    async def feedback(
        said: Feedback, caller: Annotated[Caller, Depends(caller_of)]
    ) -> dict[str, str | bool | None] | JSONResponse:
        """Keeps thumbs, a correction or a comment. A trace that is not there is 404, and so is one of somebody else."""
        tenant, principals = said.who(caller)
        if await rag.trace(said.trace_id, principals=principals, tenant=tenant) is None:
            hint = "It is the trace_id of an answer; the last thousand are kept."
            return error_body("UsageError", f"there is no trace {said.trace_id!r}", hint, False, 404)
        kept = await rag.feedback(
            said.trace_id,
            good=said.good,
            correction=said.correction,
            comment=said.comment,
            by=said.by,
            principals=principals,
            tenant=tenant,
        )
        shown = {"trace_id": kept.trace, "by": kept.by, "good": kept.good}
        return {**shown, "correction": kept.correction, "comment": kept.comment}

    return routes
