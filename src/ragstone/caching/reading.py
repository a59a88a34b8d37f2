"""How one of many readers gets what a shared call says, also where another call takes its place halfway."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ragstone.caching.flight import Flight
from ragstone.errors import ModelError, ModelTimeout, ModelUnavailable, OverBudget, RateLimited
from ragstone.types import Context, Delta

__all__ = ["Reader", "everyones", "pieces", "told"]

BROKE_OFF = "the call that was shared with others broke off, and the next one says something else"
LONGEST = 80  # characters of one piece

_PIECE = re.compile(rf"\s*\S{{1,{LONGEST}}}\s*|\s+")


def pieces(text: str) -> Iterator[str]:
    """A text as it may be streamed: a word at a time, where it has words.

    >>> list(pieces("Paris [1]."))
    ['Paris ', '[1].']
    """
    return (found[0] for found in _PIECE.finditer(text))


class Reader:
    """What one reader has got, and what is still to be said of the call that it reads now.

    Where another call takes the place of one that broke off, its words are held back while they repeat what was read.
    One that says something else begins anew where nobody reads along (`Context.unread`), and is an error elsewhere: the
    route says then whether the answer may begin anew.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.spoilt = 0  # calls that broke off for a reason that was this reader's, too
        self._had = self._now = ""
        self._follows = True  # whether what comes was not read before

    def taken(self, delta: Delta) -> Iterator[Delta]:
        """What the reader gets of a piece."""
        if delta.restart:
            if self._had:
                yield delta
            self._had, self._now, self._follows = "", "", True
        elif self._follows:
            self._had += delta.text
            yield delta
        else:
            self._now += delta.text
            if self._now.startswith(self._had):
                rest = self._now[len(self._had) :]
                self._had, self._follows = self._now, True
                if rest:
                    yield Delta(rest)
            elif not self._had.startswith(self._now):
                yield from self._anew()

    def all_of(self, said: Iterable[str]) -> Iterator[Delta]:
        """What the reader gets of a call that has said everything at once."""
        for piece in said:
            yield from self.taken(Delta(piece))

    def again(self) -> None:
        """Another call takes the place of the one that was read."""
        self._now, self._follows = "", not self._had

    def end(self) -> Iterator[Delta]:
        """The call is over. It may have said less than what was read of the one before."""
        if not self._follows:
            yield from self._anew()

    def _anew(self) -> Iterator[Delta]:
        if not self.context.unread:
            raise ModelUnavailable(BROKE_OFF)
        yield Delta("", restart=True)
        if self._now:
            yield Delta(self._now)
        self._had, self._follows = self._now, True


def everyones(flight: Flight[Any], reader: Reader) -> bool:
    """Whether the error of a call is this reader's, too, and not only that of who began it.

    A deadline is one's own, and so is what one may spend. Of those who have the same account one more tries, since the
    limit may have been reached a moment ago; then it counts for all of them, or each would be refused by itself.
    """
    error, leader, context = flight.error, flight.context, reader.context
    if isinstance(error, ModelTimeout):
        return leader.remaining() != 0
    if not isinstance(error, OverBudget | RateLimited):
        return True
    reader.spoilt += _account(leader) == _account(context)
    return reader.spoilt > 1


def _account(context: Context) -> tuple[object, ...]:
    return context.tenant, context.key, context.budget, context.purse.nano


def told(error: BaseException) -> BaseException:
    """The error as one tells it who did not make the call: an object of its own, which has used nothing."""
    if not isinstance(error, ModelError):
        return error
    own = type(error).__new__(type(error), *error.args)
    own.__dict__.update(error.__dict__)
    own.usage, own.__cause__ = None, error
    return own
