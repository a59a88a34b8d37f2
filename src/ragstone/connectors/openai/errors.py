"""What the errors of an OpenAI-compatible server mean for the caller, and what to change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from ragstone.connectors import servers
from ragstone.errors import ModelDenied, ModelError, ModelRejected, ModelTimeout, ModelUnavailable, PromptTooLong
from ragstone.settings import SPELLED

if TYPE_CHECKING:
    from openai import OpenAIError

__all__ = ["advice", "again", "kind", "kind_of", "status_of", "waits", "words"]

DENIED = (401, 402, 403, 407)

_WIRE = {"max_completion_tokens": "maxOutputTokens", **SPELLED}
"""What a server calls a setting, and what a prompt file calls it."""

_TOO_LONG = ("context length", "context window", "maximum model length", "maximum input length")
_SPENT = ("insufficient_quota", "billing_hard_limit_reached")  # a 429 that no wait helps


def kind(error: OpenAIError) -> type[ModelError]:
    """Our class for one of the SDK's errors: come again, bring another key, or ask for something else."""
    import openai

    if isinstance(error, openai.APITimeoutError):
        return ModelTimeout
    if isinstance(error, openai.LengthFinishReasonError | openai.ContentFilterFinishReasonError):
        return ModelRejected
    if type(error).__name__ == "SubjectTokenProviderError":  # new in the SDK's 2.30
        return ModelDenied
    return kind_of(status_of(error), getattr(error, "body", None))


def kind_of(status: int, body: object) -> type[ModelError]:
    """Our class for a status, and what the server says with it."""
    if status in DENIED:
        return ModelDenied
    if servers.refused(status):
        return PromptTooLong if _too_long(body) else ModelRejected
    return ModelUnavailable


def status_of(error: OpenAIError) -> int:
    """The status of a refusal; in the middle of a stream that which the event names. 0 where there is none."""
    return int(getattr(error, "status_code", 0)) or code_of(getattr(error, "body", None))


def code_of(body: object) -> int:
    """The status that the body of an error names, as vLLM does; 0 where it names none.

    >>> code_of({"message": "no such model", "code": 404})
    404
    """
    code = cast("Mapping[str, object]", body).get("code") if isinstance(body, Mapping) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 0


def again(error: OpenAIError) -> bool:
    """Whether the same server may answer, asked once more at once."""
    status = status_of(error)
    if status == 429 and getattr(error, "code", None) in _SPENT:
        return False
    return servers.retryable(status) if status else issubclass(kind(error), ModelUnavailable | ModelTimeout)


def waits(error: OpenAIError) -> float | None:
    """The seconds for which the server asks to be left alone."""
    response = getattr(error, "response", None)
    return servers.retry_after(response.headers) if response is not None else None


def words(body: object) -> str:
    """The message inside the body of an error, whichever way the server wraps it.

    >>> words({"error": {"message": "no such model", "code": 404}})
    'no such model'
    """
    if isinstance(body, Mapping):
        fields = cast("Mapping[str, object]", body)
        return next((found for key in ("message", "error", "detail") if (found := words(fields.get(key)))), "")
    return str(body) if body else ""


def advice(error: OpenAIError | None, said: str) -> str | None:
    """What to change in the project's files, where the server's words tell it."""
    code, param = getattr(error, "code", None), getattr(error, "param", None)
    if _too_long({"code": code, "message": said}):
        return "Ask for fewer passages (k), or begin a new conversation."
    if param == "reasoning_effort" or "reasoning_effort" in said:
        return "Take reasoning out of the connector's file."
    if param == "chat_template_kwargs" or "chat_template_kwargs" in said:
        return "Take thinking out of the connector's file."
    option = next((name for wire, name in _WIRE.items() if wire == param or wire in said), None)
    return f"Take {option} out of model.options in the prompt file, or choose another model." if option else None


def _too_long(body: object) -> bool:
    code = cast("Mapping[str, object]", body).get("code") if isinstance(body, Mapping) else None
    said = words(cast("object", body)).lower()
    return code == "context_length_exceeded" or any(name in said for name in _TOO_LONG)
