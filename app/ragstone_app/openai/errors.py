"""Our errors in the shape of OpenAI's, with the statuses by which its clients know what to do.

| status | code | when |
|---|---|---|
| 400 | `unsupported_parameter`, `invalid_value`, `context_length_exceeded`, … | the request is refused as it stands |
| 404 | `model_not_found` | there is no such model here |
| 422 | `check_failed` | a check has ended the request; which one, and why, stands under `ragstone` |
| 429 | `rate_limit_exceeded` | a limit of requests or tokens a minute; Retry-After says when there is room |
| 429 | `insufficient_quota` | a budget is spent |
| 502 | `upstream_denied`, `upstream_failed` | our own key was refused, or the answer is of no use |
| 503 | `overloaded`, `unavailable`, `not_configured` | no model can answer now; Retry-After says when to come again |
| 504 | `timeout` | the time was over |

A spent budget is a 429 and no 402, since that is what OpenAI itself answers (`insufficient_quota`): its clients know
the code, and raise RateLimitError. `x-should-retry` tells OpenAI's own SDK whether to come again by itself: so a budget
that is spent is not asked for three times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from ragstone import errors
from ragstone_app.wording import CHECK_FAILED, SOON, failed_checks, worded

__all__ = ["ChatError", "chat_error"]


@dataclass(eq=False)
class ChatError(Exception):
    """What is sent in place of a completion; `ours` is what only we know of it."""

    status: int
    code: str
    message: str
    param: str | None = None
    again: bool = False
    after: float | None = None
    ours: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def body(self) -> dict[str, Any]:
        """The JSON of the reply, or of an event in the middle of a stream."""
        kind = "invalid_request_error" if self.status < 429 else "server_error"
        named = {"rate_limit_exceeded": "rate_limit_error", "insufficient_quota": "insufficient_quota"}
        kind = named.get(self.code, kind)
        told = {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}
        return {**told, "ragstone": self.ours} if self.ours else told

    @property
    def headers(self) -> dict[str, str]:
        """Beside those of every reply."""
        wait = {} if self.after is None else {"retry-after": str(max(SOON, math.ceil(self.after)))}
        return {"x-should-retry": "true" if self.again else "false", **wait}


def chat_error(error: errors.RagstoneError) -> ChatError:
    """What one of our errors is to a client of OpenAI's."""
    message = f"{worded(error)}. {error.hint}" if error.hint else worded(error)
    if isinstance(error, errors.CheckFailed):
        return ChatError(422, CHECK_FAILED, message, ours={"verdicts": failed_checks(error)})
    after = getattr(error, "retry_after", None)
    for kinds, status, code in _STATUSES:
        if isinstance(error, kinds):
            waits = SOON if after is None and code in ("overloaded", "unavailable") else after
            return ChatError(status, code, message, again=error.retryable, after=waits)
    return ChatError(500, "internal_error", message, again=error.retryable)


_STATUSES: tuple[tuple[tuple[type[errors.RagstoneError], ...], int, str], ...] = (
    ((errors.OverBudget,), 429, "insufficient_quota"),
    ((errors.RateLimited,), 429, "rate_limit_exceeded"),
    ((errors.ModelBusy,), 503, "overloaded"),
    ((errors.ModelUnavailable,), 503, "unavailable"),
    ((errors.ModelTimeout,), 504, "timeout"),
    ((errors.PromptTooLong,), 400, "context_length_exceeded"),
    ((errors.ModelRejected,), 400, "invalid_request"),
    ((errors.ModelDenied,), 502, "upstream_denied"),
    ((errors.ModelError,), 502, "upstream_failed"),
    ((errors.NotConfigured,), 503, "not_configured"),
    ((errors.UsageError, errors.PromptError), 400, "invalid_value"),
)
"""The first that fits counts."""
