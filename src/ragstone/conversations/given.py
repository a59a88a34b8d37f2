"""A conversation that a caller tells, in place of one that was kept here."""

from __future__ import annotations

from collections.abc import Sequence

from ragstone.asked import Asked
from ragstone.conversations.packing import BUDGET
from ragstone.errors import UsageError
from ragstone.prompts.estimate import estimated
from ragstone.retrieval.follow_up import points_back
from ragstone.types import Message

__all__ = ["given"]


def given(question: str, history: Sequence[Message]) -> Asked:
    """A question after these turns, oldest first. Raises UsageError for a turn that is of neither side.

    What one side said in several messages is one turn; the last ones that fit into the budget of a conversation are
    sent, and the last one in any case.

    >>> asked = given("Who leads it?", [Message("user", "When does it ship?"), Message("assistant", "In May.")])
    >>> asked.query
    'When does it ship? Who leads it?'
    """
    turns: list[Message] = []
    for number, message in enumerate(history):
        if message.role not in ("user", "assistant"):
            expected = "user or assistant"
            raise UsageError("unknown side", where=f"history.{number}.role", expected=expected, found=message.role)
        if not message.content.strip():
            continue
        if turns and turns[-1].role == message.role:
            message = Message(message.role, f"{turns.pop().content}\n\n{message.content}")
        turns.append(message)
    asked = [place for place, turn in enumerate(turns) if turn.role == "user"]
    full = next((turns[place].content for place in reversed(asked) if not points_back(turns[place].content)), "")
    joined = f"{full} {question}" if full and points_back(question) else None
    room, first = BUDGET, len(turns)
    for place in reversed(asked):
        room -= sum(estimated(turn.content) for turn in turns[place:first])
        if room < 0 and first < len(turns):
            break
        first = place
    kept = turns[first:]
    return Asked(question=question, query=joined, history=tuple(kept), talks=bool(kept), told=bool(kept))
