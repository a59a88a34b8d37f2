"""The weights of both detectors: a few kilobytes of JSON that a person can read, but for two vectors.

Vectors are kept in whole numbers of one byte and a scale. The weights of a file belong to one embedder.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ragstone.errors import ConfigError
from ragstone.validation.injection.features import FEATURES
from ragstone.validation.injection.rules import RULES

__all__ = ["POOLED", "Direction", "RetrievedWeights", "UserWeights", "Weights", "load", "shipped"]

Vector = NDArray[np.float64]

POOLED: tuple[str, ...] = (
    *(f"{name}, how often" for name in RULES),
    *(f"{name}, at most" for name in RULES),
    "sentences",
    "length",
)
"""What is known of a whole prompt besides its vector."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Vector(_Section):
    scale: float
    values: str
    constant: float = 0.0


class _Part(_Section):
    vector: _Vector
    features: dict[str, float]
    constant: float


class _File(_Section):
    """The file as it is written. A newer Ragstone may write another version."""

    version: Annotated[int, Field(ge=1, le=1)]
    embedder: str
    dimensions: int
    on: str = ""
    user: _Part
    retrieved: _Part


@dataclass(frozen=True, slots=True)
class Direction:
    """A direction in the space of vectors: how far a vector lies along it, and where its middle is."""

    values: Vector
    constant: float = 0.0


@dataclass(frozen=True, slots=True)
class UserWeights:
    """How a prompt is judged: by the mean of its sentences' vectors, and by POOLED."""

    vector: Direction
    features: Vector
    constant: float


@dataclass(frozen=True, slots=True)
class RetrievedWeights:
    """How a sentence of a document is judged: by FEATURES; `asks` says what of its vector looks like a request."""

    asks: Direction
    features: Vector
    constant: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Both detectors, the fingerprint of the embedder that they belong to, and on what they were trained."""

    embedder: str
    user: UserWeights
    retrieved: RetrievedWeights
    on: str = ""

    @property
    def dimensions(self) -> int:
        """Of the vectors that they weigh."""
        return len(self.user.vector.values)

    def dump(self) -> str:
        """As JSON that `load` reads; what is rounded away changes no score by more than a hundredth."""
        value = {
            "version": 1,
            "embedder": self.embedder,
            "dimensions": self.dimensions,
            "on": self.on,
            "user": {
                "vector": _packed(self.user.vector),
                "features": _named(POOLED, self.user.features),
                "constant": round(self.user.constant, 3),
            },
            "retrieved": {
                "vector": _packed(self.retrieved.asks),
                "features": _named(FEATURES, self.retrieved.features),
                "constant": round(self.retrieved.constant, 3),
            },
        }
        return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def load(path: Path) -> Weights:
    """The weights of a file. Raises ConfigError where it is none."""
    try:
        file = _File.model_validate_json(path.read_text(encoding="utf-8"))
        return Weights(
            embedder=file.embedder,
            on=file.on,
            user=UserWeights(
                _unpacked(file.user.vector, file.dimensions), _ordered(POOLED, file.user.features), file.user.constant
            ),
            retrieved=RetrievedWeights(
                _unpacked(file.retrieved.vector, file.dimensions),
                _ordered(FEATURES, file.retrieved.features),
                file.retrieved.constant,
            ),
        )
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        found = f"{place}: {first['msg']}" if place else first["msg"]
    except OSError as error:
        found = error.strerror or str(error)
    except (UnicodeDecodeError, ValueError) as error:
        found = str(error)
    raise ConfigError(
        "these are no weights of the check for injections",
        where=str(path),
        expected="a file that `ragstone guard train` has written",
        found=found,
    )


@cache
def shipped() -> Weights:
    """Those that come with Ragstone, for its default embedder; model_card.md says on what they were trained."""
    return load(Path(__file__).with_name("weights.json"))


def _packed(direction: Direction) -> dict[str, Any]:
    scale = float(f"{max(float(np.abs(direction.values).max(initial=0)) / 127, 1e-9):.4g}")
    values = np.clip(np.round(direction.values / scale), -127, 127).astype(np.int8)
    return {
        "scale": scale,
        "values": base64.b64encode(values.tobytes()).decode(),
        "constant": round(direction.constant, 3),
    }


def _unpacked(vector: _Vector, dimensions: int) -> Direction:
    try:
        values = np.frombuffer(base64.b64decode(vector.values, validate=True), np.int8)
    except binascii.Error as error:
        raise ValueError(f"a vector is damaged: {error}") from error
    if len(values) != dimensions:
        raise ValueError(f"a vector of {len(values)} dimensions, not {dimensions}")
    return Direction(values.astype(np.float64) * vector.scale, vector.constant)


def _named(names: tuple[str, ...], weights: Vector) -> dict[str, float]:
    return {name: round(float(weight), 3) for name, weight in zip(names, weights, strict=True)}


def _ordered(names: tuple[str, ...], weights: Mapping[str, float]) -> Vector:
    if strange := sorted(weights.keys() ^ set(names)):
        raise ValueError(f"the features are not those of this Ragstone: {', '.join(strange[:3])}")
    return np.array([weights[name] for name in names])
