"""A model that says what it is told to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from ragstone import settings
from ragstone.errors import ModelTimeout
from ragstone.protocols import Capabilities, Load, Model
from ragstone.samples import numbered, numbers
from ragstone.types import Completion, Context, Delta, Prompt
from ragstone.usage import Price, Usage

__all__ = ["Break", "ScriptedModel"]


@dataclass(frozen=True, slots=True)
class Break:
    """A line that breaks off: a stream says the text, and then raises the error; a whole answer raises it at once."""

    text: str
    error: Exception


Line: TypeAlias = str | Completion | Exception | Break
Script: TypeAlias = Sequence[Line] | Callable[[Prompt], Line]

_PIECE = re.compile(r"\S+\s*|\s+")


class ScriptedModel(Model):
    """Answers from a list, one line a call, or from a function of the prompt. A line that is an exception is raised.

    >>> model = ScriptedModel(["Paris [1].", ModelUnavailable("overloaded")])
    >>> (await model.generate(prompt, context=context)).text
    'Paris [1].'
    >>> model.prompts == [prompt]
    True

    A line may be a Completion with reasoning, a log-probability, which is told only to a prompt that asks for it, or
    usage; where it has none, words are counted. `capabilities` are what it says of itself, as
    `Capabilities(samples=True)`: then n samples are the next n lines of one request, whose input counts once. It costs
    nothing, unless they say so, and obeys every setting, or refuses those that they leave out. `load` is how busy it
    says that it is. Before each line it waits for `until`, as long as the deadline allows.

    Asked once more than the list is long, it raises AssertionError. It streams word by word.
    """

    capabilities = Capabilities(local=True, price=Price(input=0, output=0))

    def __init__(
        self,
        script: Script,
        *,
        model: str = "scripted",
        capabilities: Capabilities | None = None,
        load: Load | None = None,
        until: asyncio.Event | None = None,
    ) -> None:
        self.prompts: list[Prompt] = []
        self._breaks: dict[int, str] = {}  # what is said before an error, by the error
        self.model, self.now, self.until = model, load, until
        self.capabilities = capabilities or type(self).capabilities
        self._lines: Iterator[Line] = iter(()) if callable(script) else iter(script)
        self._say = script if callable(script) else self._next

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """The next line. Raises it if it is an exception, and ModelTimeout when the deadline has passed."""
        line = await self._line(prompt, context)
        if isinstance(line, Break):
            self._breaks[id(line.error)] = line.text
            raise line.error
        if isinstance(line, Exception):
            raise line
        return self._completion(prompt, line)

    async def busy(self, *, context: Context) -> Load | None:
        """What `load` says, or what `now` was set to since."""
        return self.now

    def _completion(self, prompt: Prompt, line: str | Completion) -> Completion:
        said = line if isinstance(line, Completion) else Completion(text=line, model=self.model)
        abstained = prompt.abstain is not None and said.text.strip() == prompt.abstain.strip()
        return replace(
            said,
            usage=said.usage if said.usage != Usage() else _usage(prompt, said),
            abstained=said.abstained or abstained,
            logprob=said.logprob if prompt.logprobs else None,
        )

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        """The next n lines, in order. Raises the first that is an exception."""
        if not self.capabilities.samples:
            return await super().sample(prompt, n=n, context=context)
        said = [await self.generate(numbered(prompt, number), context=context) for number in numbers(n)]
        return [said[0], *(replace(one, usage=replace(one.usage, input_tokens=0)) for one in said[1:])]

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The next line, a word at a time; the last delta is empty and carries the completion."""
        try:
            completion = await self.generate(prompt, context=context)
        except Exception as error:
            for piece in _PIECE.findall(self._breaks.pop(id(error), "")):
                yield Delta(piece)
            raise
        for piece in _PIECE.findall(completion.text):
            yield Delta(piece)
        yield Delta("", completion)

    async def _line(self, prompt: Prompt, context: Context) -> Line:
        settings.require(prompt, self.capabilities.settings, where=self.model)
        self.prompts.append(prompt)
        try:
            async with asyncio.timeout(context.remaining()):
                if self.until is not None:
                    await self.until.wait()
        except TimeoutError as error:
            raise ModelTimeout("the deadline passed", where=self.model) from error
        if context.remaining() == 0:
            raise ModelTimeout("the deadline passed", where=self.model)
        return self._say(prompt)

    def _next(self, prompt: Prompt) -> Line:
        line = next(self._lines, None)
        if line is None:
            raise AssertionError(f"ScriptedModel has no line left for the prompt {prompt.name!r}")
        return line


def _usage(prompt: Prompt, said: Completion) -> Usage:
    asked = sum(len(message.content.split()) for message in prompt.messages)
    return Usage(input_tokens=asked, output_tokens=len(said.text.split()) + len(said.reasoning.split()))
