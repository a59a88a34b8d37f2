"""What is read of a reply: what we need of it, and nothing else, since servers leave out and add fields at will."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from ragstone.connectors.servers import Count, characters, if_fields
from ragstone.usage import Usage, summed

__all__ = ["Choice", "Reply", "Said", "shares"]


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None
    reasoning: object = None
    reasoning_content: object = None  # vLLM's name before, as it still is elsewhere

    @property
    def text(self) -> str:
        return self.content or self.refusal or ""

    @property
    def thought(self) -> str:
        return next((found for found in (self.reasoning, self.reasoning_content) if isinstance(found, str)), "")


class _Token(BaseModel):
    logprob: float | None = None


class _Likelihood(BaseModel):
    content: list[_Token] | None = None


class Choice(BaseModel):
    """One of the answers of a reply, or a piece of it."""

    index: Annotated[int, BeforeValidator(lambda given: 0 if given is None else given)] = 0
    message: _Message | None = None  # of a whole reply
    delta: _Message | None = None  # of a piece of one
    finish_reason: str | None = None
    logprobs: _Likelihood | None = None

    @property
    def said(self) -> _Message:
        """Its words, whether they are all or a piece."""
        return self.message or self.delta or _Message()

    @field_validator("logprobs", mode="wrap")
    @classmethod
    def _if_it_can_be_read(
        cls, given: object, read: ValidatorFunctionWrapHandler
    ) -> _Likelihood | None:  # an answer counts without it
        try:
            return read(given)
        except ValidationError:
            return None


class _Details(BaseModel):
    cached_tokens: Count = None


class _Usage(BaseModel):
    prompt_tokens: Count = None
    completion_tokens: Count = None
    prompt_tokens_details: Annotated[_Details | None, BeforeValidator(if_fields)] = None


class Reply(BaseModel):
    """A whole reply, or a piece of a stream."""

    choices: Annotated[list[Choice], BeforeValidator(lambda given: [] if given is None else given)] = []
    usage: Annotated[_Usage | None, BeforeValidator(if_fields)] = None
    model: Annotated[str | None, BeforeValidator(lambda given: given if isinstance(given, str) else None)] = None

    def followed_by(self, piece: Reply) -> Reply:
        """What is known of the model and of the tokens after a further piece."""
        return Reply(usage=piece.usage or self.usage, model=piece.model or self.model)

    @property
    def counted(self) -> Usage:
        """The tokens of all its choices; 0 for what the server does not count."""
        usage = self.usage or _Usage()
        cached = (usage.prompt_tokens_details or _Details()).cached_tokens or 0
        counted = Usage(
            input_tokens=usage.prompt_tokens or 0, output_tokens=usage.completion_tokens or 0, cached_tokens=cached
        )
        return counted.believed()

    def taken(self, before: Usage | None) -> Usage:
        """The same with what was taken before it on the way to this answer. Zeros where the server does not count."""
        return self.counted if before is None or self.usage is None else summed((before, self.counted))


@dataclass(slots=True)
class Said:
    """What a model has said so far."""

    texts: list[str] = field(default_factory=list[str])
    thoughts: list[str] = field(default_factory=list[str])
    logprobs: list[float] = field(default_factory=list[float])
    reason: str | None = None  # why it ended
    half: str = ""  # of a character, whose other half comes with the next piece

    def add(self, choice: Choice) -> str:
        """Takes a choice or a piece of one, and returns its text."""
        message = choice.said
        text = self.half + message.text
        self.half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        text = characters(text.removesuffix(self.half))
        self.texts.append(text)
        self.thoughts.append(characters(message.thought))
        self.reason = choice.finish_reason or self.reason
        tokens = choice.logprobs.content if choice.logprobs else None
        self.logprobs += [
            token.logprob for token in tokens or [] if token.logprob is not None and math.isfinite(token.logprob)
        ]
        return text

    @property
    def text(self) -> str:
        """Its answer, without its reasoning."""
        return "".join(self.texts)

    @property
    def reasoning(self) -> str:
        """Its reasoning, where the server keeps it apart."""
        return "".join(self.thoughts)

    @property
    def whole(self) -> bool:
        """Whether it has come to its end, and says something."""
        return self.reason is not None and bool(self.text.strip())

    @property
    def logprob(self) -> float | None:
        """The mean over its tokens, in nats; None where the server tells of none."""
        return math.fsum(self.logprobs) / len(self.logprobs) if self.logprobs else None


def shares(usage: Usage, said: Sequence[Said]) -> list[Usage]:
    """The tokens of one request over its answers, so that they add up: the input on the first, the output by length.

    >>> [share.output_tokens for share in shares(Usage(input_tokens=9, output_tokens=10), [long, short])]
    [7, 3]
    """
    if not said:
        return []
    lengths = [len(one.text) + len(one.reasoning) for one in said]
    ends = [usage.output_tokens * end // max(sum(lengths), 1) for end in accumulate(lengths, initial=0)]
    parts = [Usage(output_tokens=after - before) for before, after in pairwise(ends)]
    first = Usage(
        input_tokens=usage.input_tokens, cached_tokens=usage.cached_tokens, output_tokens=parts[0].output_tokens
    )
    return [first, *parts[1:]]
