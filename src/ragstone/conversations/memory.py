"""What was said before, kept in memory for one conversation, and what a follow-up question refers to."""

from __future__ import annotations

from dataclasses import dataclass, field

from ragstone.retrieval.follow_up import points_back
from ragstone.types import Answer, Message

__all__ = ["Conversation"]

TURNS_SENT = 6  # older turns are kept here, but not sent again


@dataclass(slots=True)
class Conversation:
    """The turns of one conversation, oldest first, as (question, answer text); `topic` is the last full question.

    `confidential`: an answer rests on what may go to models of your own alone, and so does all that follows it.
    """

    turns: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    topic: str = ""
    confidential: bool = False

    def remember(self, answer: Answer) -> None:
        """Adds a turn, with its question as it has passed; none where a check has refused it."""
        if not answer.question:
            return
        if not points_back(answer.question):
            self.topic = answer.question
        self.turns.append((answer.question, answer.text))
        self.confidential = self.confidential or answer.prompt.confidential

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
        return f"{self.topic} {question}" if self.topic and points_back(question) else question
