"""What a caller is told of an error: not where in the project it is, which may be an address or a path."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fastapi.responses import JSONResponse

from ragstone import errors
from ragstone.errors import CheckFailed, RagstoneError

__all__ = ["CHECK_FAILED", "SOON", "again", "error_body", "error_reply", "failed_checks", "status_of", "told", "worded"]

SOON = 1
"""Seconds after which to come again where nobody has said more."""

NOTHING: Mapping[str, Any] = MappingProxyType({})

CHECK_FAILED = "check_failed"
"""The code of a request that a check has ended, in every shape of an error."""


def worded(error: RagstoneError) -> str:
    """What is wrong, what was expected and what was found, on one line without the hint."""
    facts = [f"{word} {fact}" for word, fact in (("expected", error.expected), ("found", error.found)) if fact]
    return ": ".join([error.message, ", ".join(facts)] if facts else [error.message])


def failed_checks(error: CheckFailed) -> list[dict[str, str]]:
    """Which checks have failed, where, and why."""
    return [
        {"check": verdict.check, "stage": verdict.stage, "where": verdict.where, "reason": verdict.reason}
        for verdict in error.verdicts
        if not verdict.passed
    ]


def status_of(error: RagstoneError) -> int:
    """The caller's fault 4xx, an absent part 503, anything else 500. A text that failed a check is 422."""
    for kinds, status in _STATUSES:
        if isinstance(error, kinds):
            return status
    return 503 if error.retryable else 500


_STATUSES: tuple[tuple[tuple[type[RagstoneError], ...], int], ...] = (
    ((errors.CheckFailed,), 422),
    ((errors.AccessDenied,), 403),
    ((errors.ConversationNotFound,), 404),
    ((errors.UsageError, errors.UnsupportedFilter, errors.PromptError, errors.PipelineNotFound), 400),
    ((errors.UnsupportedFile,), 415),
    ((errors.RateLimited, errors.OverBudget), 429),
    ((errors.IndexBusy, errors.SourceUnavailable), 409),
    ((errors.ModelError, errors.NotConfigured), 503),
)
"""The first that fits counts."""


def told(error: RagstoneError) -> dict[str, Any]:
    """An error as every route below `/api` tells it."""
    body = {"error": type(error).__name__, "message": worded(error), "hint": error.hint, "retryable": error.retryable}
    if isinstance(error, errors.CheckFailed):
        body |= {"code": CHECK_FAILED, "verdicts": failed_checks(error)}
    return body


def error_reply(error: RagstoneError) -> JSONResponse:
    """The response to a request that ended in an error; it says when to come again where somebody knows."""
    status = status_of(error)
    return JSONResponse(told(error), status_code=status, headers=again(error, status))


def again(error: RagstoneError, status: int) -> dict[str, str]:
    """The header that says when to come again, where somebody knows; none where that would not help."""
    after: float | None = getattr(error, "retry_after", None)
    if after is None and status == 503:
        after = SOON
    return {} if after is None else {"retry-after": str(max(SOON, math.ceil(after)))}


def error_body(
    name: str, message: str, hint: str | None, retryable: bool, status: int, more: Mapping[str, Any] = NOTHING
) -> JSONResponse:
    """An error in the shape that every route below `/api` has."""
    body = {"error": name, "message": message, "hint": hint, "retryable": retryable, **more}
    return JSONResponse(body, status_code=status)
