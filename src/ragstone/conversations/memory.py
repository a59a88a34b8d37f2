"""What was said before, kept in memory for one conversation, and what a follow-up question refers to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ragstone.types import Answer, Message

__all__ = ["Conversation"]

TURNS_SENT = 6  # older turns are kept here, but not sent again
_FOLLOW_UP = re.compile(
    r"^(and|but|so|or|then|why|how so|what about|how about|und|et|y|e)\b"
    r"|\b(it|its|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|there|one|ones|the same)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")
SHORT = 3  # words; a question as short as this rarely names its subject


@dataclass(slots=True)
class Conversation:
    """The turns of one conversation, oldest first, as (question, answer text); `topic` is the last full question."""

    turns: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    topic: str = ""

    def remember(self, question: str, answer: Answer) -> None:
        """Adds a turn."""
        if not _points_back(question):
            self.topic = question
        self.turns.append((question, answer.text))

    def history(self) -> tuple[Message, ...]:
        """The last turns as messages."""
        return tuple(
            message
            for question, text in self.turns[-TURNS_SENT:]
            for message in (Message("user", question), Message("assistant", text))
        )

    def query(self, question: str) -> str:
        """What to search for: the question itself, or joined to the last full one when it points back.

        >>> talk = Conversation(topic="When does the halibut project ship?")
        >>> talk.query("Who leads it?")
        'When does the halibut project ship? Who leads it?'
        >>> talk.query("Which fonts does the style guide allow?")
        'Which fonts does the style guide allow?'
        """
        return f"{self.topic} {question}" if self.topic and _points_back(question) else question


def _points_back(question: str) -> bool:
    return bool(_FOLLOW_UP.search(question)) or len(_WORD.findall(question)) <= SHORT
