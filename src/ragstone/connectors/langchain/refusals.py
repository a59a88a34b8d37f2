"""What the errors of a LangChain chat model mean: any package may be behind it, so names and statuses must tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ragstone.connectors import servers
from ragstone.errors import ModelDenied, ModelError, ModelRejected, ModelTimeout, ModelUnavailable, PromptTooLong

__all__ = ["is_ours", "kind", "retryable", "wait"]

DEEPEST = 10  # errors that one may come from

_OURS = (TypeError, AttributeError, NameError, LookupError, AssertionError, NotImplementedError, SyntaxError)
"""Mistakes of a program: they are raised as they are."""

_DENIED = (401, 402, 403, 407)
_TOO_LONG = re.compile(
    r"context (length|window|overflow)|contextoverflow|maximum context|too long|context_length", re.IGNORECASE
)

_BY_NAME: tuple[tuple[str, type[ModelError]], ...] = (
    ("contextoverflow|contextlength", PromptTooLong),
    ("timeout|timedout|deadline", ModelTimeout),
    ("authent|unauthor|permission|forbidden|credential", ModelDenied),
    (
        "ratelimit|toomanyrequests|overloaded|unavailable|exhausted|throttl|connect|servererror|internal",
        ModelUnavailable,
    ),
    ("badrequest|invalidrequest|invalidargument|notfound|unprocessable|rejected|validation", ModelRejected),
)


def is_ours(error: BaseException) -> bool:
    """Whether an error is a mistake of a program, or no error at all."""
    return isinstance(error, _OURS) or not isinstance(error, Exception)


def kind(error: Exception) -> type[ModelError]:
    """Our class for an error, by its status or its name, or by those of the errors that it came from."""
    for each in _chain(error):
        if status := _status(each):
            if status in _DENIED:
                return ModelDenied
            if servers.refused(status):
                return PromptTooLong if _TOO_LONG.search(str(error)) else ModelRejected
            return ModelUnavailable
        if isinstance(each, TimeoutError):
            return ModelTimeout
        if isinstance(each, OSError):
            return ModelUnavailable
        name = type(each).__name__.lower()
        found = next((found for words, found in _BY_NAME if re.search(words, name)), None)
        if found is not None:
            return found
    return ModelUnavailable


def retryable(error: Exception) -> bool:
    """Whether the same model may answer, asked once more at once; never for an error of which nothing is known."""
    status = next((status for each in _chain(error) if (status := _status(each))), 0)
    if status:
        return servers.retryable(status)
    known = any(
        isinstance(each, OSError) or any(re.search(words, type(each).__name__.lower()) for words, _ in _BY_NAME)
        for each in _chain(error)
    )
    return known and issubclass(kind(error), ModelUnavailable | ModelTimeout)


def wait(error: Exception) -> float | None:
    """The seconds for which a server asks to be left alone."""
    for each in _chain(error):
        headers = getattr(getattr(each, "response", None), "headers", None)
        if headers is not None and hasattr(headers, "get"):
            return servers.retry_after(headers)
    return None


def _status(error: BaseException) -> int:
    response: Any = getattr(error, "response", None)
    for found in (getattr(error, "status_code", None), getattr(response, "status_code", None), _code(error)):
        if isinstance(found, int) and 400 <= found < 600:
            return int(found)
    return 0


def _code(error: BaseException) -> object:
    return getattr(error, "code", None) or getattr(error, "http_status", None) or getattr(error, "status", None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = error
    for _ in range(DEEPEST):
        if each is None:
            return
        yield each
        each = each.__cause__ or each.__context__
