"""A model that says what it is told to."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import TypeAlias

from ragstone.errors import ModelTimeout
from ragstone.protocols import Capabilities, Model
from ragstone.types import Completion, Context, Delta, Prompt, Usage

__all__ = ["ScriptedModel"]

Line: TypeAlias = str | Exception
Script: TypeAlias = Sequence[Line] | Callable[[Prompt], Line]

_PIECE = re.compile(r"\S+\s*|\s+")


class ScriptedModel(Model):
    """Answers from a list, one line a call, or from a function of the prompt. A line that is an exception is raised.

    >>> model = ScriptedModel(["Paris [1].", ModelUnavailable("overloaded")])
    >>> (await model.generate(prompt, context=context)).text
    'Paris [1].'
    >>> model.prompts == [prompt]
    True

    Asked once more than the list is long, it raises AssertionError. It streams word by word.
    """

    capabilities = Capabilities(local=True)

    def __init__(self, script: Script, *, model: str = "scripted") -> None:
        self.prompts: list[Prompt] = []
        self.model = model
        self._lines: Iterator[Line] = iter(()) if callable(script) else iter(script)
        self._say = script if callable(script) else self._next

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """The next line. Raises it if it is an exception, and ModelTimeout when the deadline has passed."""
        self.prompts.append(prompt)
        if context.remaining() == 0:
            raise ModelTimeout("the deadline passed", where=self.model)
        line = self._say(prompt)
        if isinstance(line, Exception):
            raise line
        asked = sum(len(message.content.split()) for message in prompt.messages)
        abstained = prompt.abstain is not None and line.strip() == prompt.abstain.strip()
        usage = Usage(input_tokens=asked, output_tokens=len(line.split()))
        return Completion(text=line, model=self.model, usage=usage, abstained=abstained)

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The next line, a word at a time; the last delta is empty and carries the completion."""
        completion = await self.generate(prompt, context=context)
        for piece in _PIECE.findall(completion.text):
            yield Delta(piece)
        yield Delta("", completion)

    def _next(self, prompt: Prompt) -> Line:
        line = next(self._lines, None)
        if line is None:
            raise AssertionError(f"ScriptedModel has no line left for the prompt {prompt.name!r}")
        return line
