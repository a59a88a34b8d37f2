"""How fast a model has been of late."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Speed", "moved"]

NEW = 0.2  # the weight of the newest call in the averages
AT_ONCE = 0.01  # of the time to the first word: what comes within so much more of it has come in one piece


@dataclass(slots=True)
class Speed:
    """Moving averages: seconds to the first word, and tokens a second from there on. None before the first call.

    `asked` counts the calls that were begun, also those that came to nothing.
    """

    first: float | None = None
    tokens: float | None = None
    asked: int = 0

    def note(self, *, first: float, tokens: float, seconds: float) -> None:
        """Takes in a call that answered: its first word after so many seconds, then its tokens in so many more."""
        if tokens > 1 and seconds < AT_ONCE * first:
            self.whole(tokens=tokens, seconds=first + seconds)
        else:
            self._note(first, tokens, seconds)

    def whole(self, *, tokens: float, seconds: float) -> None:
        """Takes in a call that answered in one piece, so that nobody saw its first word.

        It is taken to have come when it does by the other calls; where there are none, after the time of one token.
        """
        first = seconds / max(tokens, 1.0) if self.first is None else min(self.first, seconds)
        self._note(first, tokens, seconds - first)

    def expected(self, tokens: int) -> float | None:
        """Seconds that an answer of so many tokens would take; None while nothing is known."""
        if self.first is None:
            return None
        return self.first + (tokens / self.tokens if self.tokens else 0.0)

    def _note(self, first: float, tokens: float, seconds: float) -> None:
        self.first = moved(self.first, first)
        if tokens > 1 and seconds > 0:
            self.tokens = moved(self.tokens, tokens / seconds)


def moved(average: float | None, value: float) -> float:
    """An average after one more value, which weighs a fifth: about the last ten count.

    >>> moved(10.0, 20.0)
    12.0
    """
    return value if average is None else (1 - NEW) * average + NEW * value
