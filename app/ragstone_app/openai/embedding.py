"""The endpoint of the embeddings: `POST /v1/embeddings`, with the embedder of an ingest pipeline."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ragstone import AsyncRag
from ragstone.errors import RagstoneError
from ragstone_app.asgi import Event, Receive, Send, reply
from ragstone_app.openai.errors import ChatError, chat_error
from ragstone_app.openai.names import EMBED, Names

if TYPE_CHECKING:
    from ragstone.types import Matrix

__all__ = ["EmbeddingRequest", "Embeddings"]

MOST = 2048  # texts of one request, as OpenAI has it


class EmbeddingRequest(BaseModel):
    """A request, checked."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str
    input: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1, max_length=MOST)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(default=None, ge=1)
    user: str | None = None  # it changes nothing

    @property
    def texts(self) -> list[str]:
        """Those that are to be embedded, in order."""
        return [self.input] if isinstance(self.input, str) else self.input


class Embeddings:
    """The endpoint of the embeddings, as an ASGI application."""

    def __init__(self, rag: AsyncRag, names: Names) -> None:
        self._rag, self._names = rag, names

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """One request."""
        try:
            received = await receive()  # all of it: see bounded.py
            await reply(send, await self._made(received.get("body", b"")))
        except ChatError as error:
            await reply(send, error.body, error.status, error.headers)

    async def _made(self, body: bytes) -> dict[str, Any]:
        asked = _read(body)
        _, pipeline, name = await self._names.demand(asked.model, EMBED)
        try:
            made = await self._rag.embed(asked.texts, pipeline=pipeline)
        except RagstoneError as error:
            raise chat_error(error) from error
        wide = made.vectors.shape[1]
        if asked.dimensions not in (None, wide):
            message = f"dimensions: this embedder gives {wide}, and none of them can be left out"
            raise ChatError(400, "unsupported_parameter", message, "dimensions")
        vectors = await asyncio.to_thread(_written, made.vectors, packed=asked.encoding_format == "base64")
        data = [{"object": "embedding", "index": number, "embedding": one} for number, one in enumerate(vectors)]
        usage = {"prompt_tokens": made.tokens, "total_tokens": made.tokens}
        return {"object": "list", "data": data, "model": name, "usage": usage}


def _written(vectors: Matrix, *, packed: bool) -> list[Any]:
    """Each vector as numbers, or as base64 of its 32-bit floats, lowest byte first: OpenAI's clients ask for that."""
    if packed:
        return [base64.b64encode(one.astype("<f4").tobytes()).decode() for one in vectors]
    return vectors.tolist()


def _read(body: bytes) -> EmbeddingRequest:
    try:
        return EmbeddingRequest.model_validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        param = str(fault["loc"][0]) if fault["loc"] else None
        if fault["type"] == "extra_forbidden":
            message = f"{param!r} is not supported here, and nothing is left out silently"
            raise ChatError(400, "unsupported_parameter", message, param) from None
        message = "input: texts are taken, one or a list of them; token ids are not" if param == "input" else None
        raise ChatError(400, "invalid_value", message or f"{param or 'the body'}: {fault['msg']}", param) from None
