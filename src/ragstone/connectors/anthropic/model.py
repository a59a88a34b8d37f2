"""The model that the rest of Ragstone sees.

kind: model
type: anthropic
model: claude-haiku-5-5
api_key: ${env:ANTHROPIC_API_KEY}
"""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Literal

from ragstone import settings
from ragstone.connectors.anthropic import requests
from ragstone.connectors.anthropic.channel import Channel
from ragstone.connectors.anthropic.families import family_of
from ragstone.connectors.anthropic.replies import Said
from ragstone.connectors.servers import Address, charged, demand
from ragstone.errors import MissingExtra, ModelError, ModelRejected, NotConfigured, PromptTooLong
from ragstone.output import in_words
from ragstone.protocols import Capabilities, Model
from ragstone.samples import CUT_OFF, noted
from ragstone.types import Completion, Context, Delta, Prompt
from ragstone.usage import Price

__all__ = ["AnthropicModel"]

ANTHROPIC = "https://api.anthropic.com"

_REASONS = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length"}
_WINDOW = "model_context_window_exceeded"


class AnthropicModel(Model):
    """A model of Anthropic's, by the Messages API.

    `timeout` are the seconds that the server may stay silent; the deadline of the call ends it too. `thinking` switches
    the model's own reasoning, `effort` says how much of it; either one is what a prompt that `reasons` turns on.
    `lacks` are settings that the model does not obey, beside those that are known of it: a prompt that sets one is
    refused. `omits` are those that are left out of every request, as each answer then says. `context` is the length of
    the model's window in tokens, `output_limit` that of its longest answer, which is asked for where a prompt sets no
    other; without either, it is `requests.LONGEST`.
    """

    def __init__(
        self,
        model: str,
        api_key: str = "",
        base_url: str = ANTHROPIC,
        local: bool = False,
        context: int | None = None,
        output_limit: int | None = None,
        price: Price | None = None,
        lacks: Sequence[str] = (),
        omits: Sequence[str] = (),
        thinking: bool | None = None,
        effort: Literal["", "low", "medium", "high", "xhigh", "max"] = "",
        timeout: float = 60,
    ) -> None:
        for name, value in (("model", model), ("base_url", base_url), ("api_key", api_key)):
            if not value.strip():
                raise NotConfigured(f"no {name} is set")
        if importlib.util.find_spec("anthropic") is None:
            raise MissingExtra(
                "this model needs the package 'anthropic'", hint="Run: pip install 'ragstone[anthropic]'"
            )
        demand(timeout=timeout, context=context, output_limit=output_limit)
        self._model, self._price, self._limit = model.strip(), price, output_limit
        family = family_of(self._model)
        self._reasoning = requests.Reasoning(family, thinking, effort)
        self._channel = Channel(Address.of(base_url, api_key), timeout=timeout)
        self._omits = settings.named(omits, key="omits")
        self._refused: set[str] = set()  # schemas
        obeyed = {"max_tokens", "stop", *(requests.SAMPLING if family.sampled else ())}
        self.capabilities = Capabilities(
            generative=True,
            local=local,
            structured="schema" if family.schemas else "words",
            price=price,
            settings=frozenset(obeyed) - settings.named(lacks, key="lacks") | self._omits,
            omits=self._omits,
            context_window=context,
            output_limit=output_limit,
            model=self._model,
            prefix_least=family.least,
            reasons=self._reasoning.known,
            tools=True,
            vision=True,
        )

    async def load(self) -> None:
        """Imports the SDK, and makes its client."""
        await self._channel.load()

    async def close(self) -> None:
        """Closes the connections. A later call opens new ones."""
        await self._channel.close()

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """The whole completion. It is read as a stream, so that `timeout` counts silence alone."""
        async with aclosing(self.stream(prompt, context=context)) as deltas:
            async for delta in deltas:
                if delta.completion is not None:
                    return delta.completion
        raise AssertionError("the last delta carries the completion")

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The completion piece by piece. Raises ModelUnavailable when it breaks off midway."""
        self._channel.name = self.name
        settings.require(prompt, self.capabilities.settings, where=self._channel.where)
        begun, bound = time.perf_counter(), self._bound(prompt)
        said = Said()
        with charged(lambda: said.taken if said.begun else None):
            try:
                async with aclosing(self._events(prompt, said, context, bound=bound)) as texts:
                    async for text in texts:
                        yield Delta(text)
            except PromptTooLong:
                raise
            except ModelRejected:  # of the schema, or of something else, which it then refuses once more
                if not bound or said.begun:
                    raise
                bound, said = False, Said()
                async with aclosing(self._events(prompt, said, context, bound=bound)) as texts:
                    async for text in texts:
                        yield Delta(text)
                self._refused.add(_signature(prompt))
            form = None if prompt.output is None else "schema" if bound else "words"
            made = replace(self._completion(prompt, said, begun), structured=form)
        yield Delta("", made)

    def _bound(self, prompt: Prompt) -> bool:
        """Whether the answer is bound by its schema."""
        able = self.capabilities.structured == "schema"
        return able and prompt.output is not None and _signature(prompt) not in self._refused

    async def _events(self, prompt: Prompt, said: Said, context: Context, *, bound: bool) -> AsyncGenerator[str]:
        """The text as it comes; `said` takes all."""
        async with aclosing(self._channel.stream(self._request(prompt, bound=bound), context)) as events:
            async for event in events:
                if text := said.add(event):
                    yield text
        if said.reason is None:
            raise self._channel.broken("its answer broke off")

    def _request(self, prompt: Prompt, *, bound: bool) -> dict[str, Any]:
        longest = (None if "max_tokens" in self._omits else prompt.options.max_tokens) or self._limit
        return requests.body(
            self._model,
            prompt if bound else in_words(prompt),
            longest=longest or requests.LONGEST,
            reasoning=self._reasoning,
            omits=self._omits,
            output=prompt.output if bound else None,
        )

    def _completion(self, prompt: Prompt, said: Said, begun: float) -> Completion:
        """What was said. Raises a ModelError for nothing, and for what was held back."""
        reason = _REASONS.get(said.reason or "", "length" if said.reason == _WINDOW else said.reason or "stop")
        usage = said.usage
        if reason == "refusal":
            told = self._channel.address.clean(said.explanation)
            message = f"it declined to answer: {told}" if told else "it declined to answer"
            raise ModelRejected(message, where=self._channel.where).taking(said.usage)
        if not said.text.strip():
            raise self._nothing_said(reason).taking(usage)
        asked = self._request(prompt, bound=False)["max_tokens"]
        cut = "at the end of the model's window" if said.reason == _WINDOW else f"at its limit of {asked} tokens"
        made = Completion(
            text=said.text,
            model=said.model or self._model,
            usage=usage,
            finish_reason=reason,
            notice=f"{CUT_OFF} {cut}." if reason == "length" else None,
            cost=self._price.of(usage) if self._price else 0.0,
            seconds=time.perf_counter() - begun,
            reasoning=said.reasoning,
        )
        left_out = settings.left_out(prompt, self._omits)
        return noted(made, left_out) if left_out else made

    def _nothing_said(self, reason: str) -> ModelError:
        if reason == "length":
            return ModelRejected(
                "it used up its tokens before the first word",
                where=self._channel.where,
                hint="Raise maxOutputTokens in the prompt file, or write `thinking: false` in the connector's file.",
            )
        return self._channel.broken("its answer is empty")


def _signature(prompt: Prompt) -> str:
    return json.dumps(prompt.output.strict) if prompt.output else ""
