"""What the errors of the Messages API mean for the caller, and what to change."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from ragstone.connectors import servers
from ragstone.errors import ModelDenied, ModelError, ModelRejected, ModelTimeout, ModelUnavailable, PromptTooLong
from ragstone.settings import SPELLED

if TYPE_CHECKING:
    from anthropic import AnthropicError

__all__ = ["advice", "again", "kind", "kind_of", "status_of", "waits", "words"]

STATUSES = MappingProxyType(
    {
        "invalid_request_error": 400,
        "authentication_error": 401,
        "billing_error": 402,
        "permission_error": 403,
        "not_found_error": 404,
        "request_too_large": 413,
        "rate_limit_error": 429,
        "api_error": 500,
        "timeout_error": 504,
        "overloaded_error": 529,
    }
)
"""The status of each type of error, for those that come with status 200 in the middle of a stream."""

DENIED = (401, 402, 403, 407)
TOO_LARGE = 413

_TOO_LONG = ("prompt is too long", "exceed context limit", "context window", "context_length")
_SPENT = ("contract_spend_limit_reached", "enforced_spend_limit_reached")  # a 429 that no wait helps


def kind(error: AnthropicError) -> type[ModelError]:
    """Our class for one of the SDK's errors: come again, bring another key, or ask for something else."""
    import anthropic

    if isinstance(error, anthropic.APITimeoutError):
        return ModelTimeout
    if any(each.__name__ == "CredentialsError" for each in type(error).__mro__):
        return ModelDenied
    return kind_of(status_of(error), getattr(error, "body", None))


def kind_of(status: int, body: object) -> type[ModelError]:
    """Our class for a status, and what the server says with it."""
    if status in DENIED:
        return ModelDenied
    if servers.refused(status):
        long = status == TOO_LARGE or any(said in words(body).lower() for said in _TOO_LONG)
        return PromptTooLong if long else ModelRejected
    return ModelUnavailable


def status_of(error: AnthropicError) -> int:
    """The status of a refusal; in the middle of a stream that of the event's type. 0 where there is none."""
    status = int(getattr(error, "status_code", 0))
    return status if status >= 400 else STATUSES.get(type_of(getattr(error, "body", None)), 0)


def type_of(body: object) -> str:
    """The type that the body of an error names; "" where it names none.

    >>> type_of({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    'overloaded_error'
    """
    return str(_inner(body).get("type", ""))


def again(error: AnthropicError) -> bool:
    """Whether the same server may answer, asked once more at once."""
    status, found = status_of(error), kind(error)
    details: Any = _inner(getattr(error, "body", None)).get("details")
    code = cast("Mapping[str, object]", details).get("error_code") if isinstance(details, Mapping) else None
    if status == 429 and code in _SPENT:
        return False
    return servers.retryable(status) if status else issubclass(found, ModelUnavailable | ModelTimeout)


def waits(error: AnthropicError) -> float | None:
    """The seconds for which the server asks to be left alone."""
    response = getattr(error, "response", None)
    return servers.retry_after(response.headers) if response is not None else None


def words(body: object) -> str:
    """The message inside the body of an error."""
    return str(_inner(body).get("message") or "") or (body if isinstance(body, str) else "")


def advice(said: str) -> str | None:
    """What to change in the project's files, where the server's words tell it."""
    lower = said.lower()
    if any(name in lower for name in _TOO_LONG):
        return "Ask for fewer passages (k), or begin a new conversation."
    if "thinking" in lower:
        return "Correct thinking in the connector's file."
    if "effort" in lower:
        return "Take effort out of the connector's file."
    option = next((name for wire, name in SPELLED.items() if wire in lower), None)
    return f"Take {option} out of model.options in the prompt file, or name it under `omits`." if option else None


def _inner(body: object) -> Mapping[str, object]:
    if not isinstance(body, Mapping):
        return {}
    fields = cast("Mapping[str, object]", body)
    inner = fields.get("error")
    return cast("Mapping[str, object]", inner) if isinstance(inner, Mapping) else fields
