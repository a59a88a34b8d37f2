"""What one process knows of a model from the calls that it made: whether it works, how busy it is, how fast."""

from __future__ import annotations

from dataclasses import dataclass, field

from ragstone.inference.breaker import Breaker
from ragstone.inference.gate import Gate
from ragstone.inference.gauge import Gauge
from ragstone.inference.speed import Speed
from ragstone.protocols import Model

__all__ = ["Health"]


@dataclass(slots=True)
class Health:
    """One for each model, shared by all that ask it."""

    breaker: Breaker = field(default_factory=Breaker)
    gate: Gate = field(default_factory=Gate)
    speed: Speed = field(default_factory=Speed)
    gauge: Gauge = field(default_factory=Gauge)

    @property
    def own(self) -> int:
        """The requests that this process has at the model, or that wait here for their turn."""
        return self.gate.running + self.gate.waiting

    async def measure(self, model: Model) -> None:
        """Brings up to date what the model's server tells of its load, where that is older than a second."""
        await self.gauge.read(model, lambda: self.own)
