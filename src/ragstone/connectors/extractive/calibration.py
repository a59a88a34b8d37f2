"""From signals to the odds that a sentence answers the question.

calibration.json holds the weights and thresholds of two logistic models, fitted on public questions by
benchmarks/calibrate_extractive.py. "semantic" needs vectors: it holds for one embedder, and for English, which is what
that embedder reads. "lexical" weighs words alone, for any other language and any other embedder.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["Calibration", "Scale", "load"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One logistic model: log-odds = intercept + Σ weight · signal, and the log-odds below which it says nothing."""

    intercept: float
    weights: Mapping[str, float]
    threshold: float
    vectors: bool

    def log_odds(self, signals: Mapping[str, float]) -> float:
        """The log-odds that a sentence with these signals answers; a signal that is missing counts as 0."""
        return self.intercept + sum(weight * signals.get(name, 0.0) for name, weight in self.weights.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The scales by the language of the passage. `embedder` is the fingerprint that the semantic ones hold for."""

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
    return Calibration(embedder=data["embedder"], semantic=_scales(data, "semantic"), lexical=_scales(data, "lexical"))


def _scales(data: Mapping[str, Any], name: str) -> dict[str, Scale]:
    fitted: Mapping[str, Any] = data[name]
    thresholds: Mapping[str, float] = fitted["thresholds"]
    return {
        language: Scale(
            intercept=fitted["intercept"],
            weights=fitted["weights"],
            threshold=math.log(probability / (1 - probability)),
            vectors=name == "semantic",
        )
        for language, probability in thresholds.items()
    }
