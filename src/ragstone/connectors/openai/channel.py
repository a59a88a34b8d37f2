"""One request at a time to an OpenAI-compatible server: the client, its errors made ours, and what a reply must be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from ragstone.connectors.openai import errors
from ragstone.connectors.openai.hosts import OPENAI, Host
from ragstone.connectors.openai.optional import SAMPLES, Optional
from ragstone.connectors.openai.replies import Reply
from ragstone.connectors.servers import Address, Client, marked
from ragstone.errors import (
    ModelDenied,
    ModelError,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    PromptTooLong,
    nearest,
)
from ragstone.types import Context
from ragstone.usage import Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream, OpenAIError

__all__ = ["Channel"]

LAST = 5.0  # seconds that a server has for its count of tokens, when it has said all
LOOK_UP = 5.0  # seconds for the list of models, asked for only to explain an error


class Whole:
    """A whole reply in place of a stream, as its one piece."""

    def __init__(self, reply: object) -> None:
        self._pieces = [reply]

    async def __anext__(self) -> object:
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.pop()

    async def close(self) -> None:
        """There is nothing to close."""


class Channel:
    """What a model says to its server. It asks once: who wants a second try asks again.

    `timeout` are the seconds that the server may stay silent. `name` begins the errors.
    """

    def __init__(self, address: Address, host: Host, *, model: str, timeout: float) -> None:
        self.address, self.host, self.model, self.timeout = address, host, model, timeout
        self.name = ""
        self.optional = Optional()
        self._client = Client(self._connected)

    async def load(self) -> AsyncOpenAI:
        """Imports the SDK, which takes most of a second, and makes its client."""
        return await self._client.get()

    async def close(self) -> None:
        """Closes the connections. A later call opens new ones."""
        await self._client.close()

    def _connected(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI

        key = self.address.secret or "none"  # the SDK insists on one, servers of your own do not
        return AsyncOpenAI(api_key=key, base_url=self.address.url, timeout=self.timeout, max_retries=0)

    # ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def post(self, body: Mapping[str, Any], context: Context, *, stream: bool = False) -> Any:
        """The answer to a request for a completion, whole or as a stream. Raises a ModelError."""
        client = await self.load()
        from openai import AsyncStream, OpenAIError  # at once, since the client's thread has imported it

        options: Any = {"headers": self._headers(context)}

        async def post(body: Mapping[str, Any]) -> Any:
            if not stream:
                return await client.post("/chat/completions", cast_to=object, body=body, options=options)
            asked = {**body, "stream": True, "stream_options": {"include_usage": True}}
            kept = AsyncStream[object]
            answered = await client.post(
                "/chat/completions", cast_to=object, body=asked, options=options, stream=True, stream_cls=kept
            )
            return await self._if_whole(answered)

        async with self.translating(context):
            body, blamed = self.optional.kept(body), None
            while True:
                try:
                    answered = await post(body)
                except OpenAIError as error:
                    if (blamed := self.optional.blamed(error, body)) is None:
                        raise
                    body = self.optional.kept(body, blamed)
                    continue
                if blamed is not None and blamed != SAMPLES:  # `n` is judged by how many answers came
                    self.optional.refused.add(blamed)  # only now is it known that the field was what it refused
                return answered

    async def _if_whole(self, answered: AsyncStream[object]) -> AsyncStream[object] | Whole:
        """The stream, or what came in its place: the SDK passes over whatever is no event, an error in JSON too."""
        kind = str(answered.response.headers.get("content-type", ""))
        if not kind.startswith(("application/json", "text/html")):
            return answered
        try:
            text = (await answered.response.aread()).decode("utf-8", "replace")
        except Exception as error:  # the SDK lets the errors of its transport through
            raise self.broken(f"its answer broke off: {type(error).__name__}") from error
        finally:
            await answered.close()
        return Whole(json.loads(text) if "json" in kind else text)

    async def page(self, url: str) -> str | None:
        """The text of a page of the server's; None where there is none. Raises whatever goes wrong else."""
        client = await self.load()
        from openai import NotFoundError

        try:
            return await client.get(url, cast_to=str)
        except NotFoundError:
            return None

    async def served(self, context: Context) -> list[dict[str, Any]]:
        """The models that the server lists; none when it does not say so at once."""
        try:
            client = await self.load()
            async with asyncio.timeout(context.within(LOOK_UP).remaining()):
                listed = await client.get("/models", cast_to=object)
            models = cast("Mapping[str, list[Mapping[str, Any]]]", listed)["data"]
            return [{**model, "id": str(model["id"])} for model in models]
        except Exception:  # this list only makes something else clearer, so whatever is wrong with it is no error
            return []

    def _headers(self, context: Context) -> dict[str, str]:
        mark = marked(context)
        return {**mark, "X-Client-Request-Id": mark["X-Request-Id"]} if mark and self.host.openai else mark

    @asynccontextmanager
    async def translating(self, context: Context) -> AsyncGenerator[None]:
        """The one place where the errors of a request become ours, and where the deadline ends it."""
        from openai import OpenAIError

        try:
            async with asyncio.timeout(context.remaining()):
                yield
        except TimeoutError as error:
            raise ModelTimeout("the time for this call was over before it had answered", where=self.where) from error
        except OpenAIError as error:
            raise await self._translated(error, context) from error
        except UnicodeEncodeError as error:
            raise ModelRejected("the prompt holds half a character, which cannot be sent", where=self.where) from error
        except ValueError as error:
            raise self.broken("its reply is no JSON") from error

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def replies(
        self, pieces: AsyncStream[object] | Whole, context: Context, *, ended: Callable[[], bool]
    ) -> AsyncGenerator[Reply]:
        """The pieces of a stream, which is closed at the end. What breaks when the answer has `ended` harms nobody."""
        begun = over = False
        try:
            while (
                piece := await self._next(pieces, context.within(LAST) if over else context, begun=begun)
            ) is not None:
                begun = True
                yield piece
                over = ended()
        except ModelError:
            if not over:
                raise
        finally:
            await pieces.close()

    async def _next(self, pieces: AsyncStream[object] | Whole, context: Context, *, begun: bool) -> Reply | None:
        """The next piece of a stream, or None at its end."""
        from openai import APIConnectionError, APITimeoutError, OpenAIError

        async with self.translating(context):
            try:
                return self.read(await anext(pieces))
            except StopAsyncIteration:
                return None
            except APIConnectionError as error:
                if not begun or isinstance(error, APITimeoutError):
                    raise
                raise self.broken(f"its answer broke off: {self._said(error)}") from error
            except (OpenAIError, ValueError, ModelError):
                raise
            except Exception as error:  # the SDK lets the errors of its transport through
                if "Timeout" in type(error).__name__:
                    silent = f"it said nothing for {self.timeout:g} s"
                    raise (self.broken if begun else self.late)(silent) from error
                said = self.address.clean(str(error)) or type(error).__name__
                raise self.broken(f"its answer broke off: {said}") from error

    def read(self, answered: object) -> Reply:
        """What a reply says. Raises a ModelError when it is an error in disguise, or no reply at all."""
        found = cast("dict[str, object]", answered).get("error") if isinstance(answered, dict) else None
        if said := self.address.clean(errors.words(found)):
            kind, hint = errors.kind_of(errors.code_of(found), found), errors.advice(None, said)
            raise kind(f"it replied with an error: {said}", where=self.where, hint=hint)
        try:
            return Reply.model_validate(answered)
        except ValidationError as error:
            # It has answered, and nobody can read how much.
            raise self.broken("its reply is no chat completion").taking(Usage()) from error

    # ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def where(self) -> str:
        """The connector's name and its address, as errors begin."""
        return f"{self.name or 'openai'} ({self.address.shown})"

    def broken(self, message: str, *, hint: str | None = None) -> ModelUnavailable:
        """The error of a server that answers, and not as it should."""
        return ModelUnavailable(message, where=self.where, hint=hint)

    def late(self, message: str) -> ModelTimeout:
        """The error of a server that has said nothing yet."""
        return ModelTimeout(message, where=self.where)

    async def _translated(self, error: OpenAIError, context: Context) -> ModelError:
        """Our error for one of the SDK's, with the server's own words."""
        import openai

        said = self._said(error)
        status, kind = errors.status_of(error), errors.kind(error)
        if isinstance(error, openai.APITimeoutError):
            return self.late(f"it said nothing for {self.timeout:g} s")
        if isinstance(error, openai.APIConnectionError):
            hint = "Is there a network?" if self.address.url.rstrip("/") == OPENAI else "Is the server running?"
            return kind(f"it cannot be reached: {said}", where=self.where, hint=hint)
        if isinstance(error, openai.NotFoundError):
            return await self._not_found(said, context)
        if kind is ModelDenied:
            hint = "Check the variable that api_key names in the connector's file."
            return kind(f"it refused the key: {said}", where=self.where, hint=hint)
        if kind in (ModelRejected, PromptTooLong):
            return kind(f"it refused the request: {said}", where=self.where, hint=errors.advice(error, said))
        return kind(
            f"it cannot answer now{f' ({status})' if status else ''}: {said}",
            where=self.where,
            hint=f"It asks to be left alone for {waits:g} s." if (waits := errors.waits(error)) else None,
            retry_after=waits,
            again=errors.again(error),
        )

    def _said(self, error: OpenAIError) -> str:
        """What the server said, or else what kept it from saying anything."""
        return self.address.clean(errors.words(getattr(error, "body", None)) or str(error.__cause__ or error))

    async def _not_found(self, said: str, context: Context) -> ModelRejected:
        served = sorted(model["id"] for model in await self.served(context))
        if not served or self.model in served:
            hint = f"Does base_url end in /v1, and does the server have the model {self.model!r}?"
            return ModelRejected(f"it found nothing: {said}", where=self.where, hint=hint)
        expected = "one of " + ", ".join(served[:8]) + (" …" if len(served) > 8 else "")
        hint = nearest(self.model, served)
        return ModelRejected(f"it has no model {self.model!r}", where=self.where, expected=expected, hint=hint)
