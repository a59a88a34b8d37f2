"""What was learnt from graded examples: by how much a larger model would answer a prompt better than a smaller one.

A file `pipelines/<pipeline>.difficulty.json` holds it, as `ragstone model calibrate` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations
from math import exp
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ragstone.errors import ConfigError
from ragstone.inference.features import FEATURES

__all__ = ["FORMAT", "RUN", "Calibrated", "Difficulty", "Pair", "read_difficulty"]

FORMAT = 1
RUN = "Run: ragstone model calibrate graded.jsonl"
FARTHEST = 4.0  # standard deviations: what lies farther out than the examples is taken to lie there


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Pair(_Strict):
    """How much better a larger model is than a smaller one: a logistic regression on standardised features.

    Its probability p stands for (1 + larger − smaller) / 2 of two grades, so 2p − 1 is the gain to be expected.
    """

    small: str
    large: str
    bias: float
    weights: tuple[float, ...]

    def gain(self, standard: Sequence[float]) -> float:
        """The expected grade of the larger model less that of the smaller one, in [-1, 1]."""
        logit = self.bias + sum(weight * value for weight, value in zip(self.weights, standard, strict=True))
        return 2 / (1 + exp(-max(-30.0, min(30.0, logit)))) - 1


class Calibrated(_Strict):
    """On what it was made, and what it promised there, out of fold: mean grade, and mean cost of a question."""

    examples: int
    seed: int
    aim: str
    quality: float
    cost: float
    unit: str
    gain: tuple[float, float, float]  # over a random mixture at equal cost: low, mean, high of its 95 % interval


class Difficulty(_Strict):
    """Which model a prompt needs: the first of the list that no later one is expected to beat by the threshold.

    `mean` and `scale` are those of each feature among the examples.
    """

    format: int = FORMAT
    models: tuple[str, ...] = Field(min_length=2)
    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    pairs: tuple[Pair, ...]
    threshold: float
    calibrated: Calibrated

    def standard(self, values: Sequence[float]) -> tuple[float, ...]:
        """The features of a prompt as so many standard deviations from their mean."""
        return tuple(
            max(-FARTHEST, min(FARTHEST, (value - mean) / scale))
            for value, mean, scale in zip(values, self.mean, self.scale, strict=True)
        )

    def pair(self, small: str, large: str) -> Pair:
        """That of two models of the list."""
        return next(pair for pair in self.pairs if (pair.small, pair.large) == (small, large))

    def needed(self, among: Sequence[str], standard: Sequence[float]) -> tuple[str, dict[str, float]]:
        """The model that a prompt needs of those that may answer, in the list's order, and what each would gain.

        A model's gain is the most that any later one is expected to be better than it; the last one's is 0.
        """
        gains = {
            name: max((self.pair(name, later).gain(standard) for later in among[place + 1 :]), default=0.0)
            for place, name in enumerate(among)
        }
        return next((name for name in among[:-1] if gains[name] <= self.threshold), among[-1]), gains

    def weighed(self, pair: Pair, standard: Sequence[float], *, most: int = 3) -> dict[str, float]:
        """The features that moved a prompt's logit most, with how far: positive asks for the larger model."""
        parts = {
            name: weight * value for name, weight, value in zip(self.features, pair.weights, standard, strict=True)
        }
        return dict(sorted(parts.items(), key=lambda item: (-abs(item[1]), item[0]))[:most])

    def dump(self) -> str:
        """The file."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def read_difficulty(path: Path, *, models: Sequence[str]) -> Difficulty:
    """The file of a route with these models. Raises ConfigError for one that is missing, damaged, or made for others.

    Models of the route that it does not know come last; those that it knows stand in the route in its order.
    """
    try:
        given: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("by_difficulty was not calibrated yet", where=str(path), hint=RUN) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path), hint=RUN) from None
    _require_known(given, path)
    try:
        found = Difficulty.model_validate_json(json.dumps(given))
    except ValidationError as error:
        key = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ConfigError(f"{key or 'it'} is not as it was written", where=str(path), hint=RUN) from None
    pairs = [(pair.small, pair.large) for pair in found.pairs]
    widths = {len(found.mean), len(found.scale), *(len(pair.weights) for pair in found.pairs)}
    if widths != {len(FEATURES)} or pairs != list(combinations(found.models, 2)) or min(found.scale) <= 0:
        raise ConfigError("its parts do not belong together", where=str(path), hint=RUN)
    if [name for name in models if name in found.models] != list(found.models):
        raise ConfigError(
            "was calibrated for other models",
            where=str(path),
            expected=", ".join(models),
            found=", ".join(found.models),
            hint=RUN,
        )
    return found


def _require_known(given: object, path: Path) -> None:
    """Raises ConfigError for a file of another version, or about other features."""
    known = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    if known.get("format") != FORMAT:
        raise ConfigError(
            "has another format", where=str(path), expected=str(FORMAT), found=repr(known.get("format"))[:40], hint=RUN
        )
    names: object = known.get("features")
    if names != list(FEATURES):
        listed = [str(one)[:40] for one in cast("list[object]", names)] if isinstance(names, list) else []
        other = [one for one in listed if one not in FEATURES] or [one for one in FEATURES if one not in listed]
        raise ConfigError(
            "was calibrated on other features", where=str(path), found=", ".join(other[:3]) or "another order", hint=RUN
        )
