"""How much one request may take: `limits:` of a pipeline, each with a default that is generous and finite.

What a request costs and how long its models may take stand where routes are chosen: `budget` and `timeout` under
`route`. What a prompt file limits by itself (`budget`, `maxOutputTokens`, `calls` of its layers) counts too, where that
is less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ragstone.errors import UsageError
from ragstone.inference.capped import LONGEST
from ragstone.types import Message, Prompt
from ragstone.usage import Bounds

__all__ = ["LIMITS", "Limits", "raising"]

ELSEWHERE = {
    "seconds": "`timeout` under `route`",
    "timeout": "`timeout` under `route`",
    "cost": "`budget: {request: …}` under `route`",
    "usd": "`budget: {request: …}` under `route`",
    "requests": "`limits` under `route`",
    "tokens": "`limits` under `route`, for those of a minute, or `prompt` and `output` here",
}
"""What people look for here, and where it stands."""


class Limits(BaseModel):
    """The most that one request may take.

    `question`, `inputs` and `history` are characters of what is given: of the question, of all other inputs together,
    and of the turns before, of which the oldest are left out. `question_tokens` and `prompt` are tokens, as the model's
    tokenizer counts them. `output` are those that one answer of a model may have: they are sent with each call; without
    it that is for the prompt file and the model to say. `answer` are the characters after which any answer is cut off.
    `calls` and `tools` are the calls of models and the uses of tools on the way to one answer, and `depth` is how many
    prompts may ask one another.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: int = Field(default=200_000, ge=1)
    question_tokens: int = Field(default=200_000, ge=1)
    inputs: int = Field(default=1_000_000, ge=0)
    history: int = Field(default=500_000, ge=0)
    prompt: int = Field(default=400_000, ge=1)
    output: int | None = Field(default=None, ge=1)
    answer: int = Field(default=LONGEST, ge=1)
    calls: int = Field(default=200, ge=1)
    tools: int = Field(default=100, ge=0)
    depth: int = Field(default=5, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _not_those_of_a_route(cls, given: object) -> object:
        for key in cast("dict[str, Any]", given) if isinstance(given, dict) else ():
            if key in ELSEWHERE:
                raise ValueError(f"{key!r} is no limit of one request: write {ELSEWHERE[key]}")
        return cast("object", given)

    @property
    def bounds(self) -> Bounds:
        """What is counted while an answer is made."""
        return Bounds(calls=self.calls, tools=self.tools, depth=self.depth)

    def admit(self, question: str, inputs: Mapping[str, Any] | None = None) -> None:
        """Raises UsageError for more than may be given."""
        if len(question) > self.question:
            raise _exceeded("the question is too long", "question", self.question, len(question), "characters")
        length = sum(map(len, _texts([*(inputs or {}).values()])))
        if length > self.inputs:
            raise _exceeded("the inputs are too long", "inputs", self.inputs, length, "characters together")

    def recent(self, history: Sequence[Message]) -> tuple[Sequence[Message], tuple[str, ...]]:
        """The last turns that may be read, beginning with one of the user's, and what a reader must know of others."""
        room, first = self.history, len(history)
        for place in range(len(history) - 1, -1, -1):
            room -= len(history[place].content)
            if room < 0:
                break
            if history[place].role == "user":
                first = place
        if room >= 0:
            return history, ()
        turns = f"{first} earlier turn{'s' * (first != 1)}"
        said = f"Left out, since the conversation is longer than `limits` allow ({self.history:,} characters): {turns}."
        return history[first:], (said,)

    def window(self, model: int | None, *, reserved: int) -> int:
        """The tokens that a prompt and its answer may take, where a model has room for so many; some are reserved."""
        most = self.prompt + reserved
        return most if model is None else min(model, most)

    def held(self, prompt: Prompt) -> Prompt:
        """The prompt with the limit of its answer. Raises UsageError for one that is too long to be sent."""
        where = f"prompt {prompt.name!r}"
        asked = sum(slot.tokens for slot in prompt.slots if slot.name == "question")
        if asked > self.question_tokens:
            raise _exceeded("the question is too long", "question_tokens", self.question_tokens, asked, "tokens", where)
        if prompt.tokens > self.prompt:
            raise _exceeded("the prompt is too long", "prompt", self.prompt, prompt.tokens, "tokens", where)
        most = prompt.options.max_tokens
        if self.output is None or (most is not None and most <= self.output):
            return prompt
        return replace(prompt, options=replace(prompt.options, max_tokens=self.output))


LIMITS = Limits()
"""Those of a pipeline that says nothing of them."""


def raising(key: str) -> str:
    """What to do about a limit that is too low."""
    return f"Give less, or raise `{key}` under `limits` in the pipeline's file."


def _exceeded(message: str, key: str, most: int, found: int, unit: str, where: str | None = None) -> UsageError:
    return UsageError(
        message,
        where=where,
        expected=f"at most {most:,} {unit}",
        found=f"{found:,}",
        hint=raising(key),
    )


def _texts(value: object) -> Iterator[str]:
    """Every text inside a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in cast("Mapping[object, object]", value).items():
            yield from _texts(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in cast("Sequence[object]", value):
            yield from _texts(inner)
