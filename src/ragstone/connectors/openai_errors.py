"""What the errors of an OpenAI-compatible server mean for the caller, and what to change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from ragstone.errors import ModelDenied, ModelError, ModelRejected, ModelTimeout, ModelUnavailable

if TYPE_CHECKING:
    from openai import OpenAIError

__all__ = ["advice", "kind", "words"]

OPTIONS = {
    "temperature": "temperature",
    "max_tokens": "maxOutputTokens",
    "max_completion_tokens": "maxOutputTokens",
    "top_p": "topP",
    "top_k": "topK",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "seed": "seed",
    "stop": "stopSequences",
}
"""What a server calls an option, and what a prompt file calls it."""

BUSY = (408, 409, 425, 429)
"""Statuses below 500 that may pass."""


def kind(error: OpenAIError) -> type[ModelError]:
    """Our class for one of the SDK's errors: come again, bring another key, or ask for something else."""
    import openai

    status = int(getattr(error, "status_code", 0))
    if isinstance(error, openai.APITimeoutError):
        return ModelTimeout
    if isinstance(error, openai.LengthFinishReasonError | openai.ContentFilterFinishReasonError):
        return ModelRejected
    if status in (401, 402, 403, 407) or type(error).__name__ == "SubjectTokenProviderError":  # new in the SDK's 2.30
        return ModelDenied
    return ModelRejected if 400 <= status < 500 and status not in BUSY else ModelUnavailable


def words(body: object) -> str:
    """The message inside the body of an error, whichever way the server wraps it.

    >>> words({"error": {"message": "no such model", "code": 404}})
    'no such model'
    """
    if isinstance(body, Mapping):
        fields = cast("Mapping[str, object]", body)
        return next((found for key in ("message", "error", "detail") if (found := words(fields.get(key)))), "")
    return str(body) if body else ""


def advice(error: OpenAIError, said: str) -> str | None:
    """What to change in the project's files, where the server's words tell it."""
    code, param = getattr(error, "code", None), getattr(error, "param", None)
    if code == "context_length_exceeded" or any(name in said.lower() for name in ("context length", "context window")):
        return "Ask for fewer passages (k), or begin a new conversation."
    if param == "reasoning_effort" or "reasoning_effort" in said:
        return "Take reasoning out of the connector's file."
    if param == "chat_template_kwargs" or "chat_template_kwargs" in said:
        return "Take thinking out of the connector's file."
    option = next((name for wire, name in OPTIONS.items() if wire == param or wire in said), None)
    return f"Take {option} out of model.options in the prompt file, or choose another model." if option else None
