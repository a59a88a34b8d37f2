"""How fast a model has been of late."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Speed"]

NEW = 0.2  # the weight of the newest call in the averages


@dataclass(slots=True)
class Speed:
    """Moving averages: seconds to the first word, and tokens a second from there on. None before the first call."""

    first: float | None = None
    tokens: float | None = None

    def note(self, *, first: float, tokens: int, seconds: float) -> None:
        """Takes in a call that answered: its first word after so many seconds, then its tokens in so many more."""
        self.first = _moved(self.first, first)
        if tokens > 1 and seconds > 0:
            self.tokens = _moved(self.tokens, tokens / seconds)

    def expected(self, tokens: int) -> float | None:
        """Seconds that an answer of so many tokens would take; None while nothing is known."""
        if self.first is None:
            return None
        return self.first + (tokens / self.tokens if self.tokens else 0.0)


def _moved(average: float | None, value: float) -> float:
    return value if average is None else (1 - NEW) * average + NEW * value
