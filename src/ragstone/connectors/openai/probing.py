"""What a server obeys: found out once with one small request, or two, and kept for a day."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ragstone.connectors.openai import outputs
from ragstone.connectors.openai.channel import Channel
from ragstone.connectors.openai.optional import LOGPROBS, SAMPLES
from ragstone.connectors.openai.replies import Reply
from ragstone.errors import ModelRejected
from ragstone.output import Output
from ragstone.state.findings import Findings, key_of
from ragstone.types import Context

__all__ = ["Form", "Found", "Probe"]

Form: TypeAlias = Literal["schema", "json", "words"]

FORMAT = 1  # of what is kept: another one is found out anew
NOT_FOUND = 404
CHANGING = ("created", "permission")  # what a list of models says anew each time


@dataclass(frozen=True, slots=True)
class Found:
    """How answers can be bound, and whether a request gives several, and how likely its words were. None: not asked."""

    structured: Form
    samples: bool | None = None
    logprobs: bool | None = None


class Probe:
    """Asks a server once, however many want to know. `fields` are those that every request of the model has.

    `cache` is the file where the findings of all servers lie, so that the next process does not ask; without one they
    are kept in memory alone. A server that does not answer is asked again the next time.
    """

    def __init__(
        self, channel: Channel, fields: Mapping[str, Any], *, samples: bool, logprobs: bool, cache: Path | None
    ) -> None:
        self._channel, self._fields = channel, dict(fields)
        self._optional = {**({SAMPLES: 2} if samples else {}), **({LOGPROBS: True} if logprobs else {})}
        self._findings = Findings(cache) if cache else None
        self._asking = asyncio.Lock()
        self._refused: set[str] = set()  # schemas
        self.found: Found | None = None

    async def find(self, context: Context) -> None:
        """Finds it out, unless it is known. Raises a ModelError where the server does not answer."""
        if self.found is not None:
            return
        async with self._channel.translating(context), self._asking:
            if self.found is not None:
                return
            key = await self._key(context) if self._findings else b""
            kept = await asyncio.to_thread(self._findings.get, key) if self._findings else None
            self.found = _read(kept)
            if self.found is None:
                with context.trace.step("generate.probe", model=self._channel.model) as step:
                    self.found = await self._ask(context, step.facts)
                await self._keep(key)
            if self.found is not None and self.found.samples is False:
                self._channel.optional.refused.add(SAMPLES)

    def form(self, output: Output) -> Form:
        """How an answer of that form is best asked for."""
        found = self.found.structured if self.found else "words"
        return "words" if found == "schema" and outputs.signature(output) in self._refused else found

    def refused(self, form: Form, output: Output) -> None:
        """Notes that the server takes requests without that form: this schema it refuses, or JSON altogether."""
        if form == "schema":
            self._refused.add(outputs.signature(output))
        elif self.found is None or form == "json":
            self.found = Found("words", samples=None, logprobs=None)

    def close(self) -> None:
        """Closes the file. It blocks."""
        if self._findings:
            self._findings.close()

    async def _ask(self, context: Context, facts: dict[str, Any]) -> Found | None:
        """What the server does; None where it refuses what would tell, which may have another reason."""
        try:
            reply = await self._asked({**outputs.probe(), **self._optional}, context, facts)
            if outputs.obeys(_text(reply)):
                facts.update(structured="schema")
                return self._of(reply, "schema")
        except ModelRejected as error:
            if getattr(error.__cause__, "status_code", 0) == NOT_FOUND:
                raise  # it is no matter of forms
            reply = None
            facts.update(refused=error.message)
        try:
            second = await self._asked(outputs.json_probe(), context, facts)
        except ModelRejected as error:
            facts.setdefault("refused", error.message)
            second = None
        if reply is None and second is None:
            return None
        form: Form = "json" if second is not None and outputs.is_object(_text(second)) else "words"
        facts.update(structured=form)
        return self._of(reply, form)

    async def _asked(self, body: Mapping[str, Any], context: Context, facts: dict[str, Any]) -> Reply:
        length = {self._channel.host.length: outputs.PROBE_TOKENS}
        whole = {"model": self._channel.model, **length, **self._fields, **body}
        reply = self._channel.read(await self._channel.post(whole, context))
        used = reply.counted
        facts["input_tokens"] = facts.get("input_tokens", 0) + used.input_tokens
        facts["output_tokens"] = facts.get("output_tokens", 0) + used.output_tokens
        return reply

    def _of(self, reply: Reply | None, form: Form) -> Found:
        if reply is None or not reply.choices:
            return Found(form)
        samples = len(reply.choices) > 1 if SAMPLES in self._optional else None
        likely = any(choice.logprobs and choice.logprobs.content for choice in reply.choices)
        return Found(form, samples=samples, logprobs=likely if LOGPROBS in self._optional else None)

    async def _keep(self, key: bytes) -> None:
        if self._findings and self.found:
            await asyncio.to_thread(self._findings.put, key, asdict(self.found))

    async def _key(self, context: Context) -> bytes:
        """Another one for a server that lists the model otherwise: it was started anew, with other options perhaps."""
        channel = self._channel
        listed = await channel.served(context) if channel.host.own else []
        own = [sorted(model.items()) for model in listed if model["id"] == channel.model]
        said = [[name, value] for facts in own for name, value in facts if name not in CHANGING]
        return key_of(FORMAT, channel.address.url, channel.model, self._fields, sorted(self._optional), said)


def _read(kept: Mapping[str, Any] | None) -> Found | None:
    try:
        return Found(**kept) if kept else None
    except TypeError:  # another version has written it
        return None


def _text(reply: Reply) -> str:
    return reply.choices[0].said.text if reply.choices else ""
