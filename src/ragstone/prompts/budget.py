"""Leaves out whole units until a prompt fits its budget: in the declared order, and never a part of one.

Within a kind the least valuable unit goes first: the passage of the lowest rank, the oldest turn with its answer, the
last example. The instructions and the question are no units, so they are always sent; where they alone do not fit,
that is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ragstone.errors import UsageError
from ragstone.prompts.schema import Budget
from ragstone.types import Message, Shed, ShedKind

__all__ = ["Kept", "exchanges", "fitted", "in_order", "limit"]

SLACK = 1.1  # how much longer a unit may be within the prompt than alone
FENCE = 24  # tokens that the fence of a passage may take; another passage less gives all of them another fence


@dataclass(frozen=True, slots=True)
class Kept:
    """How many units of each kind are sent: the first passages and examples, the last turns."""

    passages: int
    examples: int
    history: int

    def less(self, kind: ShedKind) -> Kept:
        """One unit of that kind fewer."""
        return Kept(
            passages=self.passages - (kind == "passages"),
            examples=self.examples - (kind == "examples"),
            history=self.history - (kind == "history"),
        )


def limit(budget: Budget, window: int | None) -> int:
    """The tokens that a prompt may take: the total, or the model's window where that is smaller, less the answer's."""
    return min(budget.total, window or budget.total) - (budget.reserve_output or 0)


def fitted(
    budget: Budget,
    whole: Kept,
    units: Sequence[Shed],
    measure: Callable[[Kept], int],
    *,
    most: int,
    where: str,
) -> tuple[Kept, tuple[Shed, ...]]:
    """What is sent of a prompt so that `measure` gives at most `most` tokens, and the units that are left out.

    `units` are all that may go, in their order. The first that are enough go, so that a larger budget never keeps less.
    Where the tokens of the units show that they cannot be enough, nothing is measured.

    Raises UsageError with the number of tokens that are too many when nothing is left to leave out.
    """
    kept, gone = whole, 0
    over = measure(whole) - most
    while over > 0 and gone < len(units):
        saved = float(FENCE * kept.passages)  # at most
        while True:
            saved += units[gone].tokens * SLACK + FENCE
            kept, gone = kept.less(units[gone].kind), gone + 1
            if saved >= over or gone == len(units):
                break
        over = measure(kept) - most
    if over > 0:
        left_out = " without what may be left out" if units else ""
        reserved = f" beside the {budget.reserve_output} reserved for the answer" if budget.reserve_output else ""
        raise UsageError(
            f"the prompt is {over} tokens too long{left_out}",
            where=where,
            expected=f"at most {most} tokens{reserved}",
            found=str(over + most),
            hint="Ask more briefly, or raise `total` under metadata.ragstone.budget in the prompt file.",
        )
    return kept, tuple(units[:gone])


def exchanges(turns: Sequence[Message]) -> list[tuple[Message, ...]]:
    """Earlier turns in wholes: what the user said, with the answers to it."""
    found: list[list[Message]] = []
    for turn in turns:
        if turn.role == "user" or not found:
            found.append([])
        found[-1].append(turn)
    return [tuple(each) for each in found]


def in_order(
    budget: Budget, passages: Sequence[Shed], examples: Sequence[Shed], history: Sequence[Shed]
) -> Iterator[Shed]:
    """All units that may go, the first one first; each kind is given in the order of the prompt."""
    kinds = {"passages": reversed(passages), "examples": reversed(examples), "history": iter(history)}
    for kind in budget.shed:
        yield from kinds[kind]
