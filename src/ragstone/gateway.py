"""The models of a pipeline's route, asked with messages of the caller's own: `rag.route()`. Nothing is retrieved."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from ragstone.assembly import Assembly
from ragstone.callers import NOBODY, Payer, context_of
from ragstone.errors import ModelError, UsageError
from ragstone.output import Output
from ragstone.pipelines.routes import Routed
from ragstone.prompts.json_schema import Keys, faults
from ragstone.prompts.outputs import output_of
from ragstone.prompts.wire import broken_up, mend
from ragstone.samples import used
from ragstone.types import Completion, Context, Delta, Message, Options, Prompt, Role, Slot
from ragstone.validation.outputs import read_object

__all__ = ["NO_OPTIONS", "AsyncRoute"]

BYTES = 4  # of a message, that are about one token of English; servers count for themselves
ROLES = get_args(Role)
NO_OPTIONS = Options()


class AsyncRoute:
    """The models of one pipeline's route.

        async with ragstone.aopen("mydocs") as rag:
            (said,) = await rag.route().complete([Message("user", "Say hello.")])

    Models that only quote are not asked. Words of a model's own wire format (`<|im_start|>`) are broken up in what
    users and assistants say, so that none of them forges a message, and are whole again in the answer. Those of a
    system message stay: who may write one has no need to forge it.

    No check of the pipeline is asked, of the messages or of the answer: nothing of the documents is in them.
    """

    def __init__(self, parts: Assembly, *, pipeline: str, tenant: str, payer: Payer = NOBODY) -> None:
        self._parts, self._pipeline, self._tenant, self._payer = parts, pipeline, tenant, payer

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        options: Options = NO_OPTIONS,
        output: Mapping[str, Any] | None = None,
        n: int = 1,
    ) -> list[Completion]:
        """What a model says to these messages: `n` completions, or fewer with a notice where some of them failed.

        `output` is a JSON Schema that each must obey. Raises UsageError for messages or a schema that no model can
        have, NotConfigured where no model is set, and the last model's ModelError where none answers, or where what it
        says has not the form. One that was cut off at its limit is returned as it is: see its `finish_reason`.
        """
        _check(messages, n)
        routed, context = await self._routed(), context_of("complete", self._tenant, payer=self._payer)
        prompt = await _prompt(messages, options, output, routed)
        context = replace(context.within(routed.timeout), unread=True)
        found: list[Completion] = []
        try:
            if n == 1:
                said = [await routed.router.generate(prompt, context=context)]
            else:
                said = list(await routed.router.sample(prompt, n=n, context=context))
            found = [_mended(one, prompt) for one in said]
            return found if prompt.output is None else [_formed(one, prompt.output) for one in found]
        finally:
            self._keep(context, found)

    async def stream(self, messages: Sequence[Message], *, options: Options = NO_OPTIONS) -> AsyncGenerator[Delta]:
        """The same piece by piece; the last delta carries the completion. Who leaves early stops the model.

        Raises what `complete` does; StreamBroken where the model breaks off after its first words. With
        `broken: restart` in the route a delta with `restart` comes instead: what came before it is void.
        """
        _check(messages, 1)
        routed, context = await self._routed(), context_of("complete", self._tenant, payer=self._payer)
        prompt = await _prompt(messages, options, None, routed)
        context = context.within(routed.timeout)
        found: list[Completion] = []
        try:
            async with aclosing(routed.router.stream(prompt, context=context)) as deltas:
                async for delta in _mending(deltas, prompt) if prompt.slots else deltas:
                    if delta.completion is not None:
                        found = [delta.completion]
                    yield delta
        finally:
            self._keep(context, found)

    async def _routed(self) -> Routed:
        found = self._parts.kept_route(self._pipeline)
        if found is None:
            found = await asyncio.to_thread(self._parts.route, pipeline=self._pipeline)
        found.router.require()
        return found

    def _keep(self, context: Context, found: Sequence[Completion]) -> None:
        """The trace says who answered, and nothing of what was said."""
        facts: dict[str, Any] = {"outcome": "failed", "pipeline": self._pipeline}
        if found:
            usage = used(found)
            facts |= {"outcome": "answered", "model": found[0].model}
            facts |= {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
        self._parts.traces.keep_soon(context.trace, tenant=context.tenant, principals=context.principals, **facts)


# ── Before a model is asked ─────────────────────────────────────────────────────────────────────────────────────────


def _check(messages: Sequence[Message], n: int) -> None:
    if not messages:
        raise UsageError("there is nothing to answer", where="messages", expected="one message or more")
    for number, message in enumerate(messages):
        if message.role not in ROLES:
            expected = "one of " + ", ".join(ROLES)
            raise UsageError("unknown role", where=f"messages.{number}.role", expected=expected, found=message.role)
    if n < 1:
        raise UsageError("the number of completions is out of range", where="n", expected="1 or more", found=str(n))


async def _prompt(
    messages: Sequence[Message], options: Options, output: Mapping[str, Any] | None, routed: Routed
) -> Prompt:
    tokens, broken, said = routed.router.special_tokens, list[str](), list[Message]()
    for message in messages:
        if message.role != "system":
            content, found = broken_up(message.content, tokens)
            if found:
                broken += found
                message = Message(message.role, content)
        said.append(message)
    prompt = Prompt(
        name="chat",
        version=_version(said),
        messages=tuple(said),
        slots=(Slot(name="messages", trust="user", text="", broken=tuple(dict.fromkeys(broken))),) if broken else (),
        options=options,
        tokens=sum(len(message.content.encode(errors="replace")) // BYTES for message in said),
        counter=f"bytes / {BYTES}",
        output=None if output is None else await asyncio.to_thread(_output, json.dumps(output), routed.prompts),
        loose=True,
        drawn=options.temperature is None,  # by the default of the interface, which is 1
    )
    return routed.limits.held(prompt)


def _version(messages: Sequence[Message]) -> str:
    """Of the system messages alone: prompts of one version share a server's prefix cache, turn after turn."""
    said = [message.content for message in messages if message.role == "system"]
    return hashlib.blake2b(json.dumps(said).encode(), digest_size=8).hexdigest()


@lru_cache(maxsize=64)
def _output(schema: str, prompts: Path) -> Output:
    given: Any = json.loads(schema)

    def where(keys: Keys) -> str:
        return ".".join(("output", *map(str, keys)))

    for fault in faults(given, where):
        raise UsageError(fault.message, where=fault.where, expected=fault.expected, found=fault.found, hint=fault.hint)
    return output_of(given, name="answer", root=prompts)


# ── After it has answered ───────────────────────────────────────────────────────────────────────────────────────────


def _mended(completion: Completion, prompt: Prompt) -> Completion:
    return replace(completion, text=mend(completion.text, prompt.slots)) if prompt.slots else completion


def _formed(completion: Completion, output: Output) -> Completion:
    """The completion as the JSON that was asked for, with nothing around it."""
    if completion.finish_reason == "length":
        return completion
    value, fault = read_object(completion.text, output)
    if fault:
        raise ModelError(f"its answer has not the form that was asked for: {fault}", where=completion.model)
    return replace(completion, text=json.dumps(value, ensure_ascii=False))


async def _mending(deltas: AsyncGenerator[Delta], prompt: Prompt) -> AsyncGenerator[Delta]:
    """The pieces with the broken tokens whole again: as much is held back as may be the beginning of one."""
    longest = max(len(token) for slot in prompt.slots for token in slot.broken)
    held = ""
    async for delta in deltas:
        held = "" if delta.restart else mend(held + delta.text, prompt.slots)
        if delta.completion is not None:
            yield replace(delta, text=held, completion=_mended(delta.completion, prompt))
        elif delta.restart:
            yield delta
        elif len(held) > longest:
            yield Delta(held[:-longest])
            held = held[-longest:]
