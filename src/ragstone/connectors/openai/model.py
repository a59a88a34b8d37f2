"""The model that the rest of Ragstone sees.

    kind: model
    type: openai
    base_url: http://localhost:8000/v1
    model: qwen3-8b
    local: true

Requests and replies are plain JSON here: servers leave out and add fields at will, and a reply is judged by what we
need of it. The SDK's part is the connection and its errors.
"""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from ragstone import settings
from ragstone.connectors.openai import outputs, requests
from ragstone.connectors.openai.channel import Channel
from ragstone.connectors.openai.hosts import OPENAI, host_of
from ragstone.connectors.openai.load import Gauges, page_of
from ragstone.connectors.openai.optional import LOGPROBS, SAMPLES
from ragstone.connectors.openai.prefix import Prefix
from ragstone.connectors.openai.probing import Form, Probe
from ragstone.connectors.openai.replies import Reply, Said, shares
from ragstone.connectors.servers import Address, charged, demand
from ragstone.errors import MissingExtra, ModelError, ModelRejected, NotConfigured, PromptTooLong
from ragstone.output import Output, in_words
from ragstone.protocols import SETTINGS, Capabilities, Load, Model
from ragstone.samples import CUT_OFF, noted, numbered, some_of, whole
from ragstone.text.special_tokens import special_tokens
from ragstone.types import Completion, Context, Delta, Prompt
from ragstone.usage import Price, Usage, summed

__all__ = ["OpenAIModel"]


class OpenAIModel(Model):
    """A model behind an OpenAI-compatible server.

    `timeout` are the seconds that the server may stay silent; the deadline of the call ends it too. `reasoning` is sent
    as `reasoning_effort`: the models that reason by themselves take a temperature only with `none`. `thinking` is the
    switch in the chat template of vLLM's hybrid models. Either one is what a prompt that `reasons` turns on. `samples`:
    the server gives several answers of one request. `logprobs`: it tells how likely its words were. `lacks` are
    settings that it does not obey: a prompt that sets one is refused. `omits` are those that are left out of every
    request, as each answer then says. `context` is the length of the model's window in tokens, `output_limit` that of
    its longest answer. `tokenizer` is the model's `tokenizer.json` or its folder: prompts are counted by it, and its
    special tokens are broken up in questions and passages, beside the common ones. `prefix_block` is how many tokens
    the server's prefix cache keeps together: vLLM's `--block-size`. `cache` is the file where it is kept what the
    server obeys.
    """

    def __init__(
        self,
        model: str,
        base_url: str = OPENAI,
        api_key: str = "",
        local: bool = False,
        context: int | None = None,
        output_limit: int | None = None,
        price: Price | None = None,
        lacks: Sequence[str] = (),
        omits: Sequence[str] = (),
        reasoning: str = "",
        thinking: bool | None = None,
        samples: bool = True,
        logprobs: bool = True,
        tools: bool = False,
        vision: bool = False,
        timeout: float = 60,
        tokenizer: Path | None = None,
        prefix_block: int | None = None,
        cache: Path | None = None,
    ) -> None:
        for name, value in (("base_url", base_url), ("model", model)):
            if not value.strip():
                raise NotConfigured(f"no {name} is set")
        host = host_of(base_url.strip())
        if not api_key.strip() and host.openai:
            raise NotConfigured("no api_key is set")
        if importlib.util.find_spec("openai") is None:
            raise MissingExtra("this model needs the package 'openai'", hint="Run: pip install 'ragstone[openai]'")
        demand(timeout=timeout, context=context, output_limit=output_limit, prefix_block=prefix_block)
        self._model, self._price = model.strip(), price
        self._reasoning = requests.Reasoning(reasoning.strip(), thinking)
        self._channel = Channel(Address.of(base_url, api_key), host, model=self._model, timeout=timeout)
        self._gauges = Gauges(lambda: self._channel.page(page_of(self._channel.address.url)))
        self._prefix = Prefix(host)
        self._omits = settings.named(omits, key="omits")
        samples = samples and host.samples
        self._probe = Probe(self._channel, self._reasoning.fields(), samples=samples, logprobs=logprobs, cache=cache)
        self.capabilities = Capabilities(
            generative=True,
            local=local,
            structured="schema",
            price=price,
            settings=SETTINGS - (host.lacks | settings.named(lacks, key="lacks")) | self._omits,
            omits=self._omits,
            context_window=context,
            output_limit=output_limit,
            special_tokens=frozenset(special_tokens(tokenizer)) if tokenizer else frozenset(),
            tokenizer=tokenizer,
            model=self._model,
            prefix_block=prefix_block or self._prefix.block,
            prefix_least=self._prefix.least,
            samples=samples,
            logprobs=logprobs,
            reasons=self._reasoning.known,
            tools=tools,
            vision=vision,
        )

    async def load(self) -> None:
        """Imports the SDK, which takes most of a second, and makes its client."""
        await self._channel.load()

    async def close(self) -> None:
        """Closes the connections. A later call opens new ones."""
        await self._channel.close()
        await asyncio.to_thread(self._probe.close)

    async def probe(self, *, context: Context) -> Usage:
        """Finds out whether the server obeys schemas, or JSON alone, and whether it gives samples and likelihoods.

        It takes one small request, or two, unless it is known of the last day.
        """
        try:
            return await self._found(context) or Usage()
        except ModelError as error:
            return error.usage or Usage()  # who needs it asks again

    async def busy(self, *, context: Context) -> Load | None:
        """What vLLM's gauges say, a second old at most; None for another server."""
        return await self._gauges.now(context.remaining()) if self._channel.host.own else None

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """The whole completion, in one reply."""
        begun = time.perf_counter()
        answered, structured, before = await self._asked(prompt, context)
        with charged(lambda: before):
            reply = self._channel.read(answered)
        with charged(lambda: reply.taken(before)):
            if not reply.choices:
                raise self._channel.broken("its reply holds no choice")
            said = Said()
            said.add(reply.choices[0])
            return replace(
                self._completion(prompt, said, reply.taken(before), reply.model, begun), structured=structured
            )

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        """So many completions: in one request, as far as the server gives them, and side by side from there on.

        Of one request the input is counted on the first completion, and the output is shared by length. Those that are
        lost are missing, as each of the others says; the first one's error is raised where there is no other. They are
        read as streams, so that `timeout` counts silence alone, however long the answers.
        """
        had: list[Completion | ModelError] = []
        if n > 1 and self.capabilities.samples and SAMPLES not in self._channel.optional.refused:
            had = await self._at_once(prompt, n, context)
        lost = [error.usage for error in had if isinstance(error, ModelError)]

        async def one(number: int) -> Completion:
            try:
                return await whole(self.stream(numbered(prompt, number), context=context))
            except ModelError as error:
                lost.append(error.usage)
                raise

        try:
            first, *others = await some_of(n, one, had=had)
        except ModelError as error:
            known = [usage for usage in lost if usage is not None]
            error.usage = summed(known) if known else None
            raise
        taken = summed((first.usage, *filter(None, lost)))
        return [replace(first, usage=taken, cost=self._cost(taken)), *others]

    async def _at_once(self, prompt: Prompt, n: int, context: Context) -> list[Completion | ModelError]:
        """What the server gives of n in one request, at least one; whether it gives all is noted."""
        begun = time.perf_counter()
        last, heard = Reply(), dict[int, Said]()
        pieces, structured, before = await self._asked(prompt, context, stream=True, n=n)

        def ended() -> bool:
            return len(heard) >= n and all(one.reason for one in heard.values())

        with charged(lambda: last.taken(before) if heard else before):
            async with aclosing(self._channel.replies(pieces, context, ended=ended)) as replies:
                async for piece in replies:
                    last = last.followed_by(piece)
                    for choice in piece.choices:
                        heard.setdefault(choice.index, Said()).add(choice)
            said = [heard[index] for index in sorted(heard)[:n]]
            if not any(one.reason for one in said):
                raise self._channel.broken("its answer broke off")
        if len(said) < n and prompt.options.temperature != 0:  # at 0, vLLM refuses to say the same thing again
            self._channel.optional.refused.add(SAMPLES)
        whole_ones = [one for one in said if one.whole]
        usages = iter(shares(last.taken(before), whole_ones))
        outcomes: list[Completion | ModelError] = []
        for one in said:
            if one.reason is None:
                outcomes.append(self._channel.broken("its answer broke off"))
            elif not one.whole:
                outcomes.append(self._nothing_said(prompt, one.reason))
            else:
                made = self._completion(prompt, one, next(usages), last.model, begun)
                outcomes.append(replace(made, structured=structured))
        if not whole_ones and isinstance(outcomes[0], ModelError):
            outcomes[0].usage = last.taken(before)  # none of them can carry it
        return outcomes

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The completion piece by piece. Raises ModelUnavailable when it breaks off midway."""
        begun = time.perf_counter()
        last, said, heard = Reply(), Said(), False
        pieces, structured, before = await self._asked(prompt, context, stream=True)
        number: int | None = None  # of the choice that is read: others are not spliced into it
        with charged(lambda: last.taken(before) if said.texts else before):
            async with aclosing(self._channel.replies(pieces, context, ended=lambda: bool(said.reason))) as replies:
                async for piece in replies:
                    last, heard = last.followed_by(piece), True
                    for choice in piece.choices:
                        number = choice.index if number is None else number
                        if choice.index != number:
                            continue
                        text = said.add(choice)
                        if text or choice.said.thought:  # its reasoning is a sign of life, and no word of the answer
                            yield Delta(text)
            if not heard:
                raise self._channel.broken("its reply is no stream of an answer", hint="Does base_url end in /v1?")
            if said.reason is None:
                raise self._channel.broken("its answer broke off")
            made = replace(self._completion(prompt, said, last.taken(before), last.model, begun), structured=structured)
        yield Delta("", made)

    # ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _asked(
        self, prompt: Prompt, context: Context, *, stream: bool = False, n: int = 1
    ) -> tuple[Any, Form | None, Usage | None]:
        """The server's answer, whole or as a stream, how the output's form was asked for, and what a probe took."""
        self._channel.name = self.name
        settings.require(prompt, self.capabilities.settings, where=self._channel.where)
        output, several = prompt.output, {SAMPLES: n} if n > 1 else {}
        if output is None:
            body = {**self._request(prompt, context), **several}
            return await self._channel.post(body, context, stream=stream), None, None
        probed = await self._found(context)
        with charged(lambda: probed):
            return *await self._formed(prompt, output, several, context, stream=stream), probed

    async def _formed(
        self, prompt: Prompt, output: Output, several: dict[str, int], context: Context, *, stream: bool
    ) -> tuple[Any, Form]:
        form, refused = self._probe.form(output), False
        if form != "words":
            asked = prompt if form == "schema" else in_words(prompt)
            bound = outputs.response_format(output) if form == "schema" else outputs.JSON_MODE
            body = {**self._request(asked, context), **several, "response_format": bound}
            try:
                return await self._channel.post(body, context, stream=stream), form
            except PromptTooLong:
                raise
            except ModelRejected:  # of the form, or of something else, which it then refuses once more
                refused = True
        body = {**self._request(in_words(prompt), context), **several}
        answered = await self._channel.post(body, context, stream=stream)
        if refused or self._probe.found is None:  # it takes requests without a form
            self._probe.refused(form, output)
            self._tell()
        return answered, "words"

    async def _found(self, context: Context) -> Usage | None:
        taken = await self._probe.find(context)
        self._tell()
        return taken

    def _tell(self) -> None:
        """Says in the capabilities what was found out."""
        found = self._probe.found
        if found is None:
            return
        self.capabilities = replace(
            self.capabilities,
            structured=found.structured,
            samples=self.capabilities.samples and found.samples is not False,
            logprobs=self.capabilities.logprobs and found.logprobs is not False,
        )

    def _request(self, prompt: Prompt, context: Context) -> dict[str, Any]:
        length = self._channel.host.length
        body = requests.body(self._model, prompt, length=length, reasoning=self._reasoning, omits=self._omits)
        if not self.capabilities.logprobs:
            body.pop(LOGPROBS, None)
        return {**body, **self._prefix.field(prompt, context)}

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _completion(self, prompt: Prompt, said: Said, usage: Usage, model: str | None, begun: float) -> Completion:
        """What was said. Raises a ModelError for nothing."""
        limit, reason = prompt.options.max_tokens, said.reason or "stop"
        if not said.text.strip():
            raise self._nothing_said(prompt, reason)
        cut = f"at its limit of {limit} tokens" if limit else "at the end of the model's window"
        made = Completion(
            text=said.text,
            model=model or self._model,
            usage=usage,
            finish_reason=reason,
            notice=f"{CUT_OFF} {cut}." if reason == "length" else None,
            cost=self._cost(usage),
            seconds=time.perf_counter() - begun,
            reasoning=said.reasoning,
            logprob=said.logprob if prompt.logprobs else None,
        )
        left_out = (self._reasoning.notice(prompt), settings.left_out(prompt, self._omits))
        return noted(made, *(line for line in left_out if line))

    def _cost(self, usage: Usage) -> float:
        return self._price.of(usage) if self._price else 0.0

    def _nothing_said(self, prompt: Prompt, reason: str) -> ModelError:
        if reason == "length":
            hint = "Raise maxOutputTokens in the prompt file, or write `reasoning: none` in the connector's file."
            if prompt.reasons:
                hint = "Raise maxOutputTokens in the prompt file: the model's own reasoning counts too."
            return ModelRejected(
                f"it used up {prompt.options.max_tokens or 'all its'} tokens before the first word",
                where=self._channel.where,
                hint=hint,
            )
        if reason == "content_filter":
            return ModelRejected("its content filter held the answer back", where=self._channel.where)
        return self._channel.broken("its answer is empty")
