"""One request at a time to the Messages API: the client, and its errors made ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ragstone.connectors.anthropic import errors
from ragstone.connectors.anthropic.replies import Event
from ragstone.connectors.anthropic.requests import version
from ragstone.connectors.servers import Address, Client, marked
from ragstone.errors import ModelDenied, ModelError, ModelRejected, ModelTimeout, ModelUnavailable, PromptTooLong
from ragstone.types import Context

if TYPE_CHECKING:
    from anthropic import AnthropicError, AsyncAnthropic, AsyncStream

__all__ = ["Channel"]

PATH = "/v1/messages"


class Channel:
    """What a model says to its server. It asks once: who wants a second try asks again.

    `timeout` are the seconds that the server may stay silent. `name` begins the errors.
    """

    def __init__(self, address: Address, *, timeout: float) -> None:
        self.address, self.timeout = address, timeout
        self.name = ""
        self._client = Client(self._connected)

    async def load(self) -> AsyncAnthropic:
        """Imports the SDK, and makes its client."""
        return await self._client.get()

    async def close(self) -> None:
        """Closes the connections. A later call opens new ones."""
        await self._client.close()

    def _connected(self) -> AsyncAnthropic:
        from anthropic import AsyncAnthropic

        key, url = self.address.secret, self.address.url  # both given, so that the SDK reads no variable in their place
        return AsyncAnthropic(api_key=key, base_url=url, timeout=self.timeout, max_retries=0)

    async def stream(self, body: Mapping[str, Any], context: Context) -> AsyncGenerator[Event]:
        """The events of a stream, which is closed at the end. Raises a ModelError."""
        client = await self.load()
        from anthropic import AsyncStream

        kept, how = AsyncStream[object], _how(body, context)
        async with self._translating(context):
            events = await client.post(
                PATH, cast_to=object, body={**body, "stream": True}, options=how, stream=True, stream_cls=kept
            )
        begun = False
        try:
            while (event := await self._next(events, context, begun=begun)) is not None:
                begun = True
                yield event
        finally:
            await events.close()

    async def _next(self, events: AsyncStream[object], context: Context, *, begun: bool) -> Event | None:
        """The next event, or None at the end."""
        from anthropic import AnthropicError

        async with self._translating(context):
            try:
                return self._read(await anext(events))
            except StopAsyncIteration:
                return None
            except (AnthropicError, ValueError, ModelError):
                raise
            except Exception as error:  # the SDK lets the errors of its transport through
                if "Timeout" in type(error).__name__:
                    silent = f"it said nothing for {self.timeout:g} s"
                    raise (self.broken(silent) if begun else ModelTimeout(silent, where=self.where)) from error
                said = self.address.clean(str(error)) or type(error).__name__
                raise self.broken(f"its answer broke off: {said}") from error

    def _read(self, answered: object) -> Event:
        """An event. Raises a ModelError when it is an error in disguise, or none at all."""
        if errors.type_of(answered) in errors.STATUSES:
            status, said = errors.STATUSES[errors.type_of(answered)], self.address.clean(errors.words(answered))
            found = errors.kind_of(status, answered)
            raise found(f"it replied with an error: {said}", where=self.where, hint=errors.advice(said))
        try:
            return Event.model_validate(answered)
        except ValidationError as error:
            raise self.broken("its reply is no stream of a message") from error

    @asynccontextmanager
    async def _translating(self, context: Context) -> AsyncGenerator[None]:
        """The one place where the errors of a request become ours, and where the deadline ends it."""
        from anthropic import AnthropicError

        try:
            async with asyncio.timeout(context.remaining()):
                yield
        except TimeoutError as error:
            raise ModelTimeout("the time for this call was over before it had answered", where=self.where) from error
        except AnthropicError as error:
            raise self._translated(error) from error
        except UnicodeEncodeError as error:
            raise ModelRejected("the prompt holds half a character, which cannot be sent", where=self.where) from error
        except ValueError as error:
            raise self.broken("its reply is no JSON") from error

    # ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def where(self) -> str:
        """The connector's name and its address, as errors begin."""
        return f"{self.name or 'anthropic'} ({self.address.shown})"

    def broken(self, message: str) -> ModelUnavailable:
        """The error of a server that answers, and not as it should."""
        return ModelUnavailable(message, where=self.where)

    def _translated(self, error: AnthropicError) -> ModelError:
        """Our error for one of the SDK's, with the server's own words."""
        import anthropic

        said = self.address.clean(errors.words(getattr(error, "body", None)) or str(error.__cause__ or error))
        status, kind = errors.status_of(error), errors.kind(error)
        if kind is ModelTimeout:
            return kind(f"it said nothing for {self.timeout:g} s", where=self.where)
        if isinstance(error, anthropic.APIConnectionError):
            return kind(f"it cannot be reached: {said}", where=self.where, hint="Is there a network?")
        if kind is ModelDenied:
            hint = "Check the variable that api_key names in the connector's file."
            return kind(f"it refused the key: {said}", where=self.where, hint=hint)
        if status == 404:
            return kind(f"it found nothing: {said}", where=self.where, hint="Is `model` a name of Anthropic's?")
        if kind in (ModelRejected, PromptTooLong):
            return kind(f"it refused the request: {said}", where=self.where, hint=errors.advice(said))
        return kind(
            f"it cannot answer now{f' ({status})' if status else ''}: {said}",
            where=self.where,
            retry_after=errors.waits(error),
            again=errors.again(error),
        )


def _how(body: Mapping[str, Any], context: Context) -> Any:
    return {"headers": {"anthropic-version": version(body), **marked(context)}}
