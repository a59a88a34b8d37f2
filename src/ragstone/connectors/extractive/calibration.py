"""What the signals weigh, by the language of the passage.

calibration.json is fitted on public questions by benchmarks/calibrate_extractive.py. Its "semantic" scales use vectors:
they hold for one embedder, and for English, which is what that embedder reads. The "lexical" ones weigh words alone,
for any other language and any other embedder.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["Calibration", "Line", "Scale", "load", "log_odds"]


@dataclass(frozen=True, slots=True)
class Line:
    """A logistic model: log-odds = intercept + Σ weight · signal."""

    intercept: float
    weights: Mapping[str, float]

    def log_odds(self, signals: Mapping[str, float]) -> float:
        """The log-odds for these signals; one that is missing counts as 0."""
        return self.intercept + sum(weight * signals.get(name, 0.0) for name, weight in self.weights.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Two questions on the same signals, which weigh differently in each.

    `rank` says how likely a sentence holds the answer if the passages do: sentences of one passage are told apart by
    their own words. `trust` says of the best sentence how likely the documents hold an answer at all: there it matters
    most that the passage is about what was asked. Below `threshold`, in log-odds, the best sentence is no answer.
    """

    rank: Line
    trust: Line
    threshold: float
    vectors: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The scales by language. `embedder` is the fingerprint that the semantic ones hold for."""

    embedder: str
    semantic: Mapping[str, Scale]
    lexical: Mapping[str, Scale]

    def scale(self, language: str, *, fingerprint: str | None) -> Scale:
        """The scale for passages in a language. None stands for an embedder without token vectors."""
        if fingerprint == self.embedder and language in self.semantic:
            return self.semantic[language]
        return self.lexical.get(language) or self.lexical["other"]


@cache
def load() -> Calibration:
    """The calibration that ships with Ragstone."""
    data = json.loads((files("ragstone.connectors.extractive") / "calibration.json").read_text(encoding="utf-8"))
    return Calibration(
        embedder=data["embedder"],
        semantic=_scales(data["semantic"], data["weights"], vectors=True),
        lexical=_scales(data["lexical"], data["weights"], vectors=False),
    )


def _scales(languages: Mapping[str, Any], weights: Mapping[str, Any], *, vectors: bool) -> dict[str, Scale]:
    """The scale of each language: a threshold of its own, on weights that it may share."""
    return {
        language: Scale(
            rank=Line(**weights[entry["weights"]]["rank"]),
            trust=Line(**weights[entry["weights"]]["trust"]),
            threshold=log_odds(entry["threshold"]),
            vectors=vectors,
        )
        for language, entry in languages.items()
    }


def log_odds(probability: float) -> float:
    """The logarithm of the odds.

    >>> log_odds(0.5)
    0.0
    """
    return math.log(probability / (1 - probability))
