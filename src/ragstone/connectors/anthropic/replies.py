"""What is read of a reply: what we need of it, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, BeforeValidator

from ragstone.connectors.servers import Count, characters, if_fields
from ragstone.usage import Usage

__all__ = ["Event", "Message", "Said"]


class _Block(BaseModel):
    type: str = ""
    text: str = ""
    thinking: str = ""


class _Usage(BaseModel):
    input_tokens: Count = None
    output_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_creation_input_tokens: Count = None


class _Details(BaseModel):
    explanation: str | None = None


class Message(BaseModel):
    """What a stream begins with."""

    model: str | None = None
    content: list[_Block] = []
    stop_reason: str | None = None
    stop_details: _Details | None = None
    usage: Annotated[_Usage | None, BeforeValidator(if_fields)] = None


class _Delta(BaseModel):
    text: str = ""
    thinking: str = ""
    stop_reason: str | None = None
    stop_details: _Details | None = None


class Event(BaseModel):
    """One event of a stream."""

    type: str
    message: Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: Annotated[_Usage | None, BeforeValidator(if_fields)] = None


@dataclass(slots=True)
class Said:
    """What a model has said so far."""

    texts: list[str] = field(default_factory=list[str])
    thoughts: list[str] = field(default_factory=list[str])
    reason: str | None = None  # why it ended
    model: str | None = None
    explanation: str = ""
    counted: _Usage = field(default_factory=_Usage)

    def take(self, message: Message) -> None:
        """Takes the beginning of a reply."""
        for block in message.content:
            self._say(block.text, block.thinking)
        self.model = message.model or self.model
        self._end(message.stop_reason, message.stop_details)
        if message.usage is not None:
            self._count(message.usage)

    def add(self, event: Event) -> str:
        """Takes an event, and returns its text."""
        if event.message is not None:
            self.take(event.message)
            return ""
        if event.usage is not None:
            self._count(event.usage)
        text = ""
        for piece in filter(None, (event.content_block, event.delta)):
            text += self._say(piece.text, piece.thinking)
        if event.delta is not None:
            self._end(event.delta.stop_reason, event.delta.stop_details)
        return text

    @property
    def begun(self) -> bool:
        """Whether an answer has begun, of which all is charged that was made."""
        return self.model is not None or bool(self.texts)

    @property
    def text(self) -> str:
        """Its answer, without its reasoning."""
        return "".join(self.texts)

    @property
    def reasoning(self) -> str:
        """Its reasoning, where the model shows it."""
        return "".join(self.thoughts)

    @property
    def usage(self) -> Usage:
        """All tokens of the input, with those that the cache served and those that were put into it."""
        counted = self.counted
        cached, written = counted.cache_read_input_tokens or 0, counted.cache_creation_input_tokens or 0
        summed = Usage(
            input_tokens=(counted.input_tokens or 0) + cached + written,
            output_tokens=counted.output_tokens or 0,
            cached_tokens=cached,
            written_tokens=written,
        )
        return summed.believed()

    @property
    def taken(self) -> Usage:
        """The tokens of one that failed; zeros, for not known, where its end did not come, which counts the output."""
        return self.usage if self.reason is not None else Usage()

    def _say(self, text: str, thinking: str) -> str:
        text = characters(text)
        self.texts.append(text)
        self.thoughts.append(characters(thinking))
        return text

    def _end(self, reason: str | None, details: _Details | None) -> None:
        self.reason = reason or self.reason
        self.explanation = (details.explanation if details else None) or self.explanation

    def _count(self, usage: _Usage) -> None:
        """The numbers of a later event hold for all before."""
        known = {name: value for name, value in usage.model_dump().items() if value is not None}
        self.counted = self.counted.model_copy(update=known)
