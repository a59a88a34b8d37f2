"""What may be asked of /v1/chat/completions: what OpenAI's clients send, as far as every model can have it.

A field that is not known here is refused: one that was left out silently would change the answer, and nobody would
know. Where it is null it asks for nothing, and may stand.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from ragstone.errors import nearest
from ragstone.types import Message, Options
from ragstone_app.openai.errors import ChatError

__all__ = ["ChatRequest", "read"]

MOST = 16  # completions of one request
LONGEST = 1_000_000_000  # tokens of one: no model says as much, and a ledger can count it
LARGEST = 2**63 - 1  # of an integer
_TAGS = {"text", "parts", "json_schema"}  # by which a shape is told from another: no keys of the request


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Text(_Strict):
    type: Literal["text"]
    text: str


def _shape(value: object) -> str:
    return "text" if isinstance(value, str) else "parts"


_Stops = Annotated[list[str], Field(max_length=4), Tag("parts")]
_Stop = Annotated[Annotated[str, Tag("text")] | _Stops, Discriminator(_shape)]
_Content = Annotated[Annotated[str, Tag("text")] | Annotated[list[_Text], Tag("parts")], Discriminator(_shape)]


class _Message(_Strict):
    role: Literal["system", "developer", "user", "assistant"]
    content: _Content
    # What OpenAI's own replies hold beside the content, and clients send back:
    refusal: None = None
    annotations: list[Any] | None = None


class _Schema(_Strict):
    name: str = Field(min_length=1, max_length=64)
    description: str | None = None
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None


class _AsText(_Strict):
    type: Literal["text"]


class _AsSchema(_Strict):
    type: Literal["json_schema"]
    json_schema: _Schema


class _StreamOptions(_Strict):
    include_usage: bool = False


class ChatRequest(_Strict):
    """A request, checked. The numbers are held to the ranges that OpenAI documents."""

    model: str
    messages: list[_Message] = Field(min_length=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=1, le=LARGEST)  # of vLLM and others; OpenAI has none
    max_tokens: int | None = Field(default=None, ge=1, le=LONGEST)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=LONGEST)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    seed: int | None = Field(default=None, ge=-LARGEST - 1, le=LARGEST)
    stop: _Stop | None = None
    n: int | None = Field(default=None, ge=1, le=MOST)
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    response_format: Annotated[_AsText | _AsSchema, Field(discriminator="type")] | None = None
    user: str | None = None  # whom the client asks for; it changes nothing
    # Those that may say no:
    logprobs: Literal[False] | None = None
    store: Literal[False] | None = None

    @property
    def said(self) -> list[Message]:
        """Its messages. A text in several parts is one; `developer` is OpenAI's newer word for `system`."""
        return [
            Message(
                "system" if one.role == "developer" else one.role,
                one.content if isinstance(one.content, str) else "\n".join(part.text for part in one.content),
            )
            for one in self.messages
        ]

    @property
    def options(self) -> Options:
        """Its settings."""
        stop = self.stop or ()
        return Options(
            temperature=self.temperature,
            max_tokens=self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens,
            top_p=self.top_p,
            top_k=self.top_k,
            frequency_penalty=self.frequency_penalty,
            presence_penalty=self.presence_penalty,
            seed=self.seed,
            stop=(stop,) if isinstance(stop, str) else tuple(stop),
        )

    @property
    def schema_asked(self) -> dict[str, Any] | None:
        """The JSON Schema that the answer must obey."""
        wanted = self.response_format
        return wanted.json_schema.schema_ if isinstance(wanted, _AsSchema) else None


def read(body: bytes) -> ChatRequest:
    """The request that a body holds. Raises ChatError: which field, and why."""
    try:
        asked = ChatRequest.model_validate_json(body)
    except ValidationError as error:
        if any(fault["type"] == "extra_forbidden" and fault["input"] is None for fault in error.errors()):
            return read(json.dumps(_without_nulls(json.loads(body))).encode())
        raise _refused(error) from None
    both = asked.max_tokens is not None and asked.max_completion_tokens is not None
    if both and asked.max_tokens != asked.max_completion_tokens:
        message = "max_tokens and max_completion_tokens say different things: send one of them"
        raise ChatError(400, "invalid_value", message, "max_completion_tokens")
    if asked.stream_options is not None and not asked.stream:
        raise ChatError(400, "invalid_value", "stream_options counts only where stream is true", "stream_options")
    return asked


def _without_nulls(value: Any) -> Any:
    """The same without the keys that hold nothing, but for those of a schema, where null is a value."""
    if isinstance(value, dict):
        return {
            name: each if name == "schema" else _without_nulls(each) for name, each in value.items() if each is not None
        }
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _refused(error: ValidationError) -> ChatError:
    """The first fault. What was sent is not sent back: it may be long."""
    fault = error.errors(include_url=False)[0]
    place = [str(part) for part in fault["loc"] if part not in _TAGS]
    param = ".".join(place) or None
    if fault["type"] == "extra_forbidden":
        hint = nearest(place[-1], ChatRequest.model_fields) if len(place) == 1 else None
        message = f"{param!r} is not supported here, and nothing is left out silently"
        return ChatError(400, "unsupported_parameter", f"{message}. {hint}" if hint else message, param)
    return ChatError(400, "invalid_value", f"{param or 'the body'}: {fault['msg']}", param)
