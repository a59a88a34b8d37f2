"""What one process knows of a model from the calls that it made: whether it works, how busy it is, how fast."""

from __future__ import annotations

from dataclasses import dataclass, field

from ragstone.inference.breaker import Breaker
from ragstone.inference.gate import Gate
from ragstone.inference.speed import Speed

__all__ = ["Health"]


@dataclass(slots=True)
class Health:
    """One for each model, shared by all that ask it."""

    breaker: Breaker = field(default_factory=Breaker)
    gate: Gate = field(default_factory=Gate)
    speed: Speed = field(default_factory=Speed)
