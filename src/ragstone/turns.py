"""Conversations that are kept: whose they are, what they are called, and what was said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ragstone.errors import UsageError
from ragstone.types import Answer, Citation

__all__ = ["Conversation", "Forgotten", "Owner", "Quote", "Summary", "Turn", "check_id", "title_of", "titled"]

NAME = 200  # characters of a tenant, a key and a user
TITLE = 200  # characters; of a first question as many as fit in a line
LINE = 80
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose conversations: those of one person, who asks with one key for one tenant.

    Raises UsageError for what is no name. Nothing stands for no key, and for nobody in particular.
    """

    tenant: str = "default"
    key: str = ""
    user: str = ""

    def __post_init__(self) -> None:
        for kind, one in (("tenant", self.tenant), ("key", self.key), ("user", self.user)):
            if not isinstance(one, str) or len(one) > NAME or not (one.isprintable() or not one):  # pyright: ignore[reportUnnecessaryIsInstance]
                expected = f"a name of at most {NAME} characters"
                raise UsageError(f"the {kind} is wrong", expected=expected, found=repr(one)[:80])


@dataclass(frozen=True, slots=True)
class Quote:
    """The words of a document that a turn cites: `quote == document.text[start:end]`."""

    number: int
    uri: str
    start: int
    end: int
    quote: str

    @classmethod
    def of(cls, citation: Citation) -> Quote:
        """What is kept of a citation."""
        return cls(citation.number, citation.uri, citation.start, citation.end, citation.quote)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A question and its answer. `parent` is the turn that came last when it was asked; 0 stands for none.

    `prompt` is `name@version`, `asked` counts seconds from the epoch. What a forgotten document has said is gone from
    the turns that cite it: such a turn is `forgotten`, and its text and its citations are empty.
    """

    question: str
    text: str
    number: int = 0
    parent: int = 0
    citations: tuple[Quote, ...] = ()
    sources: tuple[str, ...] = ()  # the uris that the answer rests on: those that it cites, or else has found
    abstained: bool = False
    trace_id: str = ""
    prompt: str = ""
    model: str = ""
    confidential: bool = False
    asked: float = 0.0
    forgotten: bool = False

    @classmethod
    def of(cls, answer: Answer, *, parent: int, asked: float) -> Turn:
        """What is kept of an answer, with its question as it has passed."""
        cited = [citation.uri for citation in answer.citations]
        found = [] if answer.abstained else [hit.chunk.uri for hit in answer.hits]
        return cls(
            question=answer.question,
            text=answer.text,
            parent=parent,
            citations=tuple(Quote.of(citation) for citation in answer.citations),
            sources=tuple(dict.fromkeys(cited or found)),
            abstained=answer.abstained,
            trace_id=answer.trace_id,
            prompt=f"{answer.prompt.name}@{answer.prompt.version}",
            model=answer.completion.model,
            confidential=answer.prompt.confidential,
            asked=asked,
        )

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Turn:
        """The turn that `as_dict` gave."""
        quotes = tuple(Quote(**quote) for quote in kept["citations"])
        values: dict[str, Any] = {**kept, "citations": quotes, "sources": tuple(kept["sources"])}
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """The turn as the service prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What was said up to a turn, in few words."""

    text: str
    upto: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation without its turns, whose number is `turns`. Times count seconds from the epoch.

    `topic` is the last question that stood alone. `branch_of` is the id of the conversation that it was taken from, at
    the turn `branch_at`. `principals` are all those with which its questions were asked.
    """

    id: str
    title: str = ""
    created: float = 0.0
    changed: float = 0.0
    turns: int = 0
    topic: str = ""
    confidential: bool = False
    branch_of: str = ""
    branch_at: int = 0
    user: str = ""
    principals: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The conversation as `ragstone chat --list --json` and the service print it."""
        keys = ("id", "title", "created", "changed", "turns", "confidential", "branch_of", "branch_at", "user")
        return {key: getattr(self, key) for key in keys}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """How much of a person was removed."""

    conversations: int
    feedback: int
    traces: int

    def as_dict(self) -> dict[str, Any]:
        """The numbers as `ragstone forget --user --json` prints them."""
        return asdict(self)


def check_id(given: object) -> str:
    """An id of a conversation. Raises UsageError for what is none."""
    if not isinstance(given, str) or not _ID.fullmatch(given):
        expected = "1 to 64 letters, digits, - and _, the first a letter or a digit"
        raise UsageError("the id of the conversation is wrong", expected=expected, found=repr(given)[:80])
    return given


def titled(given: object) -> str:
    """A title on one line. Raises UsageError for one that is too long, or is no text."""
    title = " ".join(given.split()) if isinstance(given, str) else ""
    if not title or len(title) > TITLE:
        expected = f"1 to {TITLE} characters"
        raise UsageError("the title of the conversation is wrong", expected=expected, found=repr(given)[:80])
    return title


def title_of(question: str) -> str:
    """The beginning of a first question, as a title."""
    line = " ".join(question.split())
    return line if len(line) <= LINE else f"{line[: LINE - 1].rstrip()}…"
