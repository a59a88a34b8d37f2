"""What an imported file does not say any more, or says in another way: each loss with its place and its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = ["Fate", "Loss", "Losses", "NoCounterpartError"]

Fate: TypeAlias = Literal["left out", "changed"]


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that could not be carried over as it stood. `where` is `path:line:column` in the file that was read."""

    fate: Fate
    where: str
    what: str
    why: str


@dataclass(slots=True)
class Losses:
    """Gathers the losses of one file."""

    found: list[Loss] = field(default_factory=list[Loss])

    def leave_out(self, where: str, what: str, why: str) -> None:
        """Notes something that the new file lacks."""
        self._add(Loss("left out", where, what, why))

    def change(self, where: str, what: str, why: str) -> None:
        """Notes something that the new file has, but in another way."""
        self._add(Loss("changed", where, what, why))

    def _add(self, loss: Loss) -> None:
        if loss not in self.found:
            self.found.append(loss)


class NoCounterpartError(Exception):
    """A tag or expression that our part of Jinja cannot say; the message is the reason, as a person reads it."""
