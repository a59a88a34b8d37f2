"""How fast a model has been of late."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Speed", "moved"]

NEW = 0.2  # the weight of the newest call in the averages


@dataclass(slots=True)
class Speed:
    """Moving averages: seconds to the first word, and tokens a second from there on. None before the first call."""

    first: float | None = None
    tokens: float | None = None

    def note(self, *, first: float, tokens: int, seconds: float) -> None:
        """Takes in a call that answered: its first word after so many seconds, then its tokens in so many more.

        Where all came at once, `seconds` are 0 and tell nothing of its pace.
        """
        self.first = moved(self.first, first)
        if tokens > 1 and seconds > 0:
            self.tokens = moved(self.tokens, tokens / seconds)

    def expected(self, tokens: int) -> float | None:
        """Seconds that an answer of so many tokens would take; None while nothing is known."""
        if self.first is None:
            return None
        return self.first + (tokens / self.tokens if self.tokens else 0.0)


def moved(average: float | None, value: float) -> float:
    """An average after one more value, which weighs a fifth: about the last ten count.

    >>> moved(10.0, 20.0)
    12.0
    """
    return value if average is None else (1 - NEW) * average + NEW * value
