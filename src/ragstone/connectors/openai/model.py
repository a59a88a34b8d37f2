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
from ragstone.connectors.servers import Address, demand
from ragstone.errors import MissingExtra, ModelError, ModelRejected, NotConfigured, PromptTooLong
from ragstone.output import in_words
from ragstone.protocols import SETTINGS, Capabilities, Load, Model
from ragstone.samples import CUT_OFF, noted, numbered, some_of, whole
from ragstone.text.special_tokens import special_tokens
from ragstone.types import Completion, Context, Delta, Prompt
from ragstone.usage import Price, Usage

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

    async def probe(self, *, context: Context) -> None:
        """Finds out whether the server obeys schemas, or JSON alone, and whether it gives samples and likelihoods.

        It takes one small request, or two, unless it is known of the last day.
        """
        try:
            await self._found(context)
        except ModelError:
            return  # who needs it asks again

    async def busy(self, *, context: Context) -> Load | None:
        """What vLLM's gauges say, a second old at most; None for another server."""
        return await self._gauges.now(context.remaining()) if self._channel.host.own else None

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """The whole completion, in one reply."""
        begun = time.perf_counter()
        answered, structured = await self._asked(prompt, context)
        reply = self._channel.read(answered)
        if not reply.choices:
            raise self._channel.broken("its reply holds no choice")
        said = Said()
        said.add(reply.choices[0])
        return replace(self._completion(prompt, said, reply, begun), structured=structured)

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        """So many completions: in one request, as far as the server gives them, and side by side from there on.

        Of one request the input is counted on the first completion, and the output is shared by length. Those that are
        lost are missing, as each of the others says; the first one's error is raised where there is no other. They are
        read as streams, so that `timeout` counts silence alone, however long the answers.
        """
        had: list[Completion | ModelError] = []
        if n > 1 and self.capabilities.samples and SAMPLES not in self._channel.optional.refused:
            had = await self._at_once(prompt, n, context)
        return await some_of(n, lambda number: whole(self.stream(numbered(prompt, number), context=context)), had=had)

    async def _at_once(self, prompt: Prompt, n: int, context: Context) -> list[Completion | ModelError]:
        """What the server gives of n in one request, at least one; whether it gives all is noted."""
        begun = time.perf_counter()
        last, heard = Reply(), dict[int, Said]()
        pieces, structured = await self._asked(prompt, context, stream=True, n=n)
        async with aclosing(self._channel.replies(pieces, context)) as replies:
            async for piece in replies:
                last = last.followed_by(piece)
                for choice in piece.choices:
                    heard.setdefault(choice.index, Said()).add(choice)
        said = [heard[index] for index in sorted(heard)[:n]]
        if not any(one.reason for one in said):
            raise self._channel.broken("its answer broke off")
        if len(said) < n and prompt.options.temperature != 0:  # at 0, vLLM refuses to say the same thing again
            self._channel.optional.refused.add(SAMPLES)
        usages = iter(shares(last.counted, [one for one in said if one.whole]))
        outcomes: list[Completion | ModelError] = []
        for one in said:
            if one.reason is None:
                outcomes.append(self._channel.broken("its answer broke off"))
            elif not one.whole:
                outcomes.append(self._nothing_said(prompt, one.reason))
            else:
                made = self._completion(prompt, one, last, begun, usage=next(usages))
                outcomes.append(replace(made, structured=structured))
        return outcomes

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The completion piece by piece. Raises ModelUnavailable when it breaks off midway."""
        begun = time.perf_counter()
        last, said, heard = Reply(), Said(), False
        pieces, structured = await self._asked(prompt, context, stream=True)
        async with aclosing(self._channel.replies(pieces, context)) as replies:
            async for piece in replies:
                last, heard = last.followed_by(piece), True
                for choice in piece.choices[:1]:
                    text = said.add(choice)
                    if text or choice.said.thought:  # its reasoning is a sign of life, and no word of the answer
                        yield Delta(text)
        if not heard:
            raise self._channel.broken("its reply is no stream of an answer", hint="Does base_url end in /v1?")
        if said.reason is None:
            raise self._channel.broken("its answer broke off")
        yield Delta("", replace(self._completion(prompt, said, last, begun), structured=structured))

    # ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _asked(
        self, prompt: Prompt, context: Context, *, stream: bool = False, n: int = 1
    ) -> tuple[Any, Form | None]:
        """The server's answer, whole or as a stream, and how the output's form was asked for."""
        self._channel.name = self.name
        settings.require(prompt, self.capabilities.settings, where=self._channel.where)
        output, several = prompt.output, {SAMPLES: n} if n > 1 else {}
        if output is None:
            return await self._channel.post({**self._request(prompt, context), **several}, context, stream=stream), None
        await self._found(context)
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

    async def _found(self, context: Context) -> None:
        await self._probe.find(context)
        self._tell()

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

    def _completion(
        self, prompt: Prompt, said: Said, reply: Reply, begun: float, *, usage: Usage | None = None
    ) -> Completion:
        """What was said, with the reply's usage unless its share is given. Raises a ModelError for nothing."""
        limit, reason = prompt.options.max_tokens, said.reason or "stop"
        if not said.text.strip():
            raise self._nothing_said(prompt, reason)
        usage = reply.counted if usage is None else usage
        cut = f"at its limit of {limit} tokens" if limit else "at the end of the model's window"
        made = Completion(
            text=said.text,
            model=reply.model or self._model,
            usage=usage,
            finish_reason=reason,
            notice=f"{CUT_OFF} {cut}." if reason == "length" else None,
            cost=self._price.of(usage) if self._price else 0.0,
            seconds=time.perf_counter() - begun,
            reasoning=said.reasoning,
            logprob=said.logprob if prompt.logprobs else None,
        )
        left_out = (self._reasoning.notice(prompt), settings.left_out(prompt, self._omits))
        return noted(made, *(line for line in left_out if line))

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
