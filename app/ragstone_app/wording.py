"""What a caller is told of an error: not where in the project it is, which may be an address or a path."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fastapi.responses import JSONResponse

from ragstone.errors import CheckFailed, RagstoneError

__all__ = ["CHECK_FAILED", "error_body", "failed_checks", "worded"]

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


def error_body(
    name: str, message: str, hint: str | None, retryable: bool, status: int, more: Mapping[str, Any] = NOTHING
) -> JSONResponse:
    """An error in the shape that every route below `/api` has."""
    body = {"error": name, "message": message, "hint": hint, "retryable": retryable, **more}
    return JSONResponse(body, status_code=status)
