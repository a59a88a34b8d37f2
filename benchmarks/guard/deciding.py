"""Whether a ratio still holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["TOLERANCE", "Verdict"]

TOLERANCE = 0.25  # by which a ratio may be above its pin


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What three repeats say of a thing. Without a `pin` it has none; `failure` says why it could not be measured.

    >>> Verdict(name="cache", reference="a SELECT", pin=2.0, ratios=(2.6, 2.7, 2.4)).slower  # 2.5 is allowed
    False
    >>> Verdict(name="cache", reference="a SELECT", pin=2.0, ratios=(2.6, 2.7, 2.8)).slower
    True
    """

    name: str
    reference: str
    pin: float | None
    ratios: Sequence[float]
    failure: str = ""

    @property
    def allowed(self) -> float | None:
        """The largest ratio that holds."""
        return None if self.pin is None else self.pin * (1 + TOLERANCE)

    @property
    def slower(self) -> bool:
        """Whether every repeat is above what is allowed: one or two may be, on a busy machine."""
        return self.allowed is not None and bool(self.ratios) and min(self.ratios) > self.allowed

    @property
    def faster(self) -> bool:
        """Whether every repeat is as far below its pin, so that much could be lost again and nobody would see it."""
        return self.pin is not None and bool(self.ratios) and max(self.ratios) * (1 + TOLERANCE) < self.pin

    @property
    def failed(self) -> bool:
        """Whether the whole run fails with it."""
        return bool(self.failure) or self.pin is None or self.slower

    @property
    def word(self) -> str:
        """One word for a table."""
        if self.failure:
            return "BROKEN"
        if self.pin is None:
            return "NO PIN"
        return "SLOWER" if self.slower else "faster" if self.faster else "holds"

    @property
    def times(self) -> float:
        """How many times its pin the median of its repeats is."""
        assert self.pin is not None
        return median(self.ratios) / self.pin
