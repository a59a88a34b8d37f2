"""What the layers that make calls are to each other: each solves a prompt by what lies inside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from ragstone.errors import ModelError
from ragstone.output import Output
from ragstone.plan import Call
from ragstone.prompts.layers.words import Said, Words
from ragstone.protocols import Observation
from ragstone.samples import noted
from ragstone.together import together
from ragstone.trace import Step
from ragstone.types import Completion, Prompt, Verdict

__all__ = ["AGAIN", "Calls", "Layer", "Outcome", "Solve", "read_at_most", "sampled"]

AGAIN = 100
"""The tokens that a further turn takes beside its words: it asks for the steps once more, and is marked as a turn."""

MISSING = "{lost} of {n} samples are missing: {error}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An answer, and the prompt that led to it: its slots hold all that the answer may cite."""

    prompt: Prompt
    completion: Completion

    @property
    def text(self) -> str:
        """What was said."""
        return self.completion.text

    def noting(self, *words: str) -> Outcome:
        """The same, with what a reader must know of how it was made."""
        return replace(self, completion=noted(self.completion, *words))


class Solve(Protocol):
    """Solves a prompt so many times, independently."""

    async def __call__(self, prompt: Prompt, /, *, n: int = 1) -> Sequence[Outcome]:
        """The outcomes, at least one. Raises a ModelError when there is none."""
        ...


class Calls(Protocol):
    """All that a layer may ask of the outside. It counts, sums up what is used, and ends at the deadline.

    Whatever is asked raises a ModelError as a model does. No answer takes more calls than its prompt file allows: then
    OutOfCalls is raised, which is one.
    """

    @property
    def left(self) -> int:
        """How many calls of a model may still be made for this answer."""
        ...

    @property
    def tokens(self) -> frozenset[str]:
        """The special tokens of the models, to be broken up in what no author wrote."""
        ...

    async def ask(self, prompt: Prompt, *, n: int = 1) -> Sequence[Completion]:
        """What a model says to a prompt, n times: fewer, where some calls failed or no more may be made."""
        ...

    async def answer(self, prompt: Prompt, *, n: int = 1) -> Sequence[Outcome]:
        """What a model says to it in the form of an answer, whose steps are taken off, n times as `ask` does."""
        ...

    def turn(self, outcome: Outcome, said: Said, *, name: str = "", other: Output | None = None) -> Prompt:
        """The prompt after one more turn: the answer as the model gave it, and what it is told then.

        What it says next is an answer again, or of an `other` form. `name` records what it is told as a slot.
        """
        ...

    def asked(self, prompt: Prompt) -> str:
        """The last user message, without the words that ask for the steps to an answer."""
        ...

    async def run(self, name: str, inputs: Mapping[str, object]) -> Completion:
        """What a model says to another prompt file, whose own layers rest. It is one call."""
        ...

    async def use(self, tool: str, given: str) -> Observation:
        """What a tool finds. Raises ToolFailed."""
        ...

    def describe(self, tool: str) -> str:
        """The line that says what a tool does."""
        ...

    async def check(self, name: str, outcome: Outcome) -> Verdict:
        """What one of the checks `schema` and `citations` says of an answer."""
        ...

    def step(self, name: str, **facts: Any) -> AbstractContextManager[Step]:
        """A step of the trace."""
        ...


class Layer(ABC):
    """A technique that makes calls. `version` is raised when the same file would make others."""

    name: ClassVar[str]
    version: ClassVar[int] = 1

    @property
    def texts(self) -> tuple[Words, ...]:
        """All the words that it says to a model."""
        return ()

    @property
    def forms(self) -> tuple[Output, ...]:
        """All the forms that it asks for on the way to an answer."""
        return ()

    @property
    def tools(self) -> Mapping[str, str]:
        """The tools that a model may use in it, each with its place in the file."""
        return {}

    @abstractmethod
    def plan(self, inner: Sequence[Call], *, longest: int | None) -> tuple[Call, ...]:
        """The calls that it takes with those of what lies inside it. An answer has `longest` tokens at most."""

    @abstractmethod
    async def run(self, prompt: Prompt, *, inner: Solve, calls: Calls) -> Outcome:
        """Solves a prompt. It ends within the calls that it has planned, with the best that it has."""

    async def solve(self, prompt: Prompt, *, n: int = 1, inner: Solve, calls: Calls) -> Sequence[Outcome]:
        """Solves it n times, side by side. Of those that fail the others say so; where all do, the first is raised."""

        async def tried() -> Outcome | ModelError:
            try:
                return await self.run(prompt, inner=inner, calls=calls)
            except ModelError as error:
                return error

        found = await together(tried() for _ in range(n))
        solved = [each for each in found if isinstance(each, Outcome)]
        lost = [each for each in found if isinstance(each, ModelError)]
        if not solved:
            raise lost[0]
        return [each.noting(MISSING.format(lost=len(lost), n=n, error=lost[0])) for each in solved] if lost else solved


def sampled(inner: Sequence[Call], name: str, *, usual: int, most: int) -> tuple[Call, ...]:
    """The calls of what lies inside a layer of that name which draws samples of it, so many times."""
    return tuple(
        replace(
            call,
            layer=call.layer or name,
            does=call.does if call.layer else "sample",
            usual=call.usual * usual,
            most=call.most * most,
        )
        for call in inner
    )


def read_at_most(calls: Sequence[Call]) -> int:
    """The tokens that any of these calls reads beside the prompt: as many may lie before a further turn."""
    return max((call.more for call in calls if not call.alone), default=0)
