"""As much of a conversation as goes with its next question: a summary, and the last turns word for word.

Turns are summarised when they are more than fit, and then so many at once that the next ones fit for a while: each is
summarised once, and no question reads the conversation from its beginning.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ragstone.conversations.memory import Memory
from ragstone.errors import RagstoneError
from ragstone.prompts.estimate import estimated
from ragstone.turns import Summary, Turn
from ragstone.types import Message

__all__ = ["BUDGET", "Summarise", "packed"]

BUDGET = 2_000  # tokens of the turns that are sent
KEPT = BUDGET // 2  # tokens of them that stay word for word when the others are summarised
STRETCH = 6_000  # tokens that are summarised at once; of a longer stretch the oldest turns are left out
LINE = 2_000  # characters of one message that a summary is made of

Summarise: TypeAlias = Callable[[str, str], Awaitable[str]]
"""From the turns and the earlier summary to the next one; empty where no model can write it."""


@dataclass(frozen=True, slots=True)
class Packed:
    """The messages that go with a question, and what is to be said of them."""

    history: tuple[Message, ...] = ()
    notices: tuple[str, ...] = ()


async def packed(memory: Memory, summarise: Summarise, *, turns: int) -> Packed:
    """What was said in a conversation of so many turns, within `BUDGET`; the last turn goes along in any case.

    A summary that fails costs a notice and never the answer: then the last turns that fit are sent.
    """
    if not turns:
        return Packed()
    summary = await memory.summary()
    since = await _since(memory, summary.upto if summary else 0)
    shown = _last(since, BUDGET)
    if len(shown) == len(since):
        return Packed(_messages(summary, shown))
    kept = _last(since, KEPT)
    stretch = since[: len(since) - len(kept)]
    lines = "\n".join(f"{one.role}: {' '.join(one.content.split())[:LINE]}" for one in _said(stretch))
    if not lines:
        return Packed(_messages(summary, kept))
    try:
        text = await summarise(lines, summary.text if summary else "")
    except RagstoneError as error:
        return Packed(_messages(summary, shown), (f"The conversation was not summarised: {error}",))
    if not text:
        return Packed(_messages(summary, shown))
    made = Summary(text=text, upto=stretch[-1].number)
    await memory.summarized(made)
    return Packed(_messages(made, kept))


async def _since(memory: Memory, upto: int) -> list[Turn]:
    """The turns after a number, oldest first, or as many of the last ones as are worth reading."""
    found: list[Turn] = []
    size, before = 0, 0
    while size <= BUDGET + STRETCH:
        page = [turn for turn in await memory.turns(before=before) if turn.number > upto]
        for turn in reversed(page):
            size += _size(turn)
            if size > BUDGET + STRETCH and found:
                return found[::-1]
            found.append(turn)
        if not page or page[0].number <= upto + 1:
            break
        before = page[0].number
    return found[::-1]


def _last(turns: Sequence[Turn], budget: int) -> Sequence[Turn]:
    """The last turns that fit, and at least one."""
    first = len(turns)
    while first and (first == len(turns) or _size(turns[first - 1]) <= budget):
        first -= 1
        budget -= _size(turns[first])
    return turns[first:]


def _messages(summary: Summary | None, turns: Sequence[Turn]) -> tuple[Message, ...]:
    """The turns as messages; a summary stands before the first question, since many models want roles to alternate."""
    said = _said(turns)
    if summary is None:
        return tuple(said)
    first = said[0].content if said else ""
    begun = Message("user", f"{summary.text}\n\n{first}".strip())
    return (begun, *said[1:]) if said else ()


def _said(turns: Sequence[Turn]) -> list[Message]:
    """What was asked and answered; a turn whose document was forgotten has no answer, and is left out."""
    return [
        message
        for turn in turns
        if not turn.forgotten
        for message in (Message("user", turn.question), Message("assistant", turn.text))
    ]


def _size(turn: Turn) -> int:
    return 0 if turn.forgotten else estimated(turn.question) + estimated(turn.text)
