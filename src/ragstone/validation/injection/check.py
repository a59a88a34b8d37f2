"""The check `injection`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ragstone.errors import ConfigError
from ragstone.protocols import Check, Embedder
from ragstone.types import Context
from ragstone.validation.injection.detector import THRESHOLD, fits, scan
from ragstone.validation.injection.weights import Weights, load, shipped
from ragstone.verdicts import PASSED, Finding, Stage, Subject

__all__ = ["InjectionCheck"]


def _read(path: Path) -> Weights:
    """The weights of a file, whose faults are those of the key that names it."""
    try:
        return load(path)
    except ConfigError as error:
        message = "weights are not those of this check"
        raise ConfigError(message, expected=error.expected, found=f"{path}: {error.found}") from None


class InjectionCheck(Check):
    """A text without orders from somebody who has no right to give any.

    What a person asks is judged by one detector, passages and the outputs of tools by another; what the author wrote
    passes. `weights` is a file of `ragstone guard train`.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("passage", "input")
    cost = "vectors"

    def __init__(self, *, embedder: Embedder, threshold: float = THRESHOLD, weights: Path | None = None) -> None:
        if not 0 < threshold < 1:
            raise ConfigError("threshold is out of range", expected="a number between 0 and 1", found=f"{threshold:g}")
        self.embedder, self.threshold = embedder, threshold
        self._weights = _read(weights) if weights else None

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """Fails a text that is an attack, with the sentences that make it one."""
        if subject.trust == "author":
            return PASSED
        weights = self._weights or shipped()
        fits(weights, self.embedder)
        (found,) = await scan(
            [subject.text],
            trust=subject.trust,
            embedder=self.embedder,
            weights=weights,
            threshold=self.threshold,
            context=context,
        )
        if found.score < self.threshold:
            return Finding(passed=True, score=found.score)
        reason = found.flaws[0].reason if found.flaws else "it reads like an attack"
        return Finding(passed=False, reason=reason, flaws=found.flaws, score=found.score)
