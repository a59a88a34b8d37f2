"""What was learnt from labelled pairs: how much each difference weighs, and from where on two questions are the same.

A file `pipelines/<pipeline>.cache.json` holds it, as `ragstone cache calibrate` writes it. One that was fitted on texts
with a free licence comes with Ragstone, for its default embedder.
"""

from __future__ import annotations

import json
from functools import cache
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ragstone.caching.semantic.features import TOKENS, WORDS, Common, Compared
from ragstone.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "FARTHEST",
    "FORMAT",
    "RUN",
    "Calibration",
    "Fitted",
    "Scale",
    "calibration_for",
    "read_calibration",
    "shipped",
]

FORMAT = 1
RUN = "Run: ragstone cache calibrate pairs.jsonl"
FARTHEST = 4.0  # standard deviations: what lies farther out than the pairs is taken to lie there
SHIPPED = Path(__file__).with_name("calibration.json")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Scale(_Strict):
    """A logistic regression on standardised features; two questions are the same from `threshold` on.

    `directions` are its weights for the unmatched tokens, one for each dimension; none where tokens are not looked at.
    """

    bias: float
    weights: tuple[float, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    directions: tuple[float, ...] = ()
    threshold: float = Field(ge=0, le=1)

    def score(self, found: Compared) -> float:
        """How probable it is that both mean the same, in [0, 1]."""
        import numpy as np

        given = (
            found.words if found.tokens is None or not self.directions else np.concatenate([found.words, found.tokens])
        )
        standard = np.clip((given - np.array(self.mean)) / np.array(self.scale), -FARTHEST, FARTHEST)
        logit = self.bias + float(_array(self.weights) @ standard)
        if self.directions and found.unmatched is not None:
            logit += float(_array(self.directions) @ found.unmatched)
        return 1 / (1 + exp(-max(-30.0, min(30.0, logit))))


class Fitted(_Strict):
    """On what it was fitted, and what it found there, each pair judged by a fit that had not seen it.

    `upper` is the bound of the false positive rate that holds with so much `confidence` for other pairs of the kind.
    """

    on: str
    pairs: int
    same: int
    found: float
    false_positive_rate: float
    upper: float
    confidence: float
    seed: int


class Calibration(_Strict):
    """From two questions to whether they are the same. `near` is the cosine below which they never are."""

    format: int = FORMAT
    embedder: str
    dimensions: int
    bound: float = Field(gt=0, lt=1)
    near: float = Field(ge=-1, le=1)
    features: tuple[str, ...]
    with_tokens: Scale | None
    without_tokens: Scale
    rarest: float
    common: dict[str, float]
    fitted: Fitted

    def weights_of_stems(self) -> Common:
        """How much each stem says."""
        return Common(self.common, self.rarest)

    def dump(self) -> str:
        """The file: numbers in a list share a line."""
        data = self.model_dump(mode="json")
        lines = ",\n".join(f"  {json.dumps(key)}: {_shown(value)}" for key, value in data.items())
        return f"{{\n{lines}\n}}\n"


def read_calibration(path: Path, *, embedder: str | None) -> Calibration:
    """The file of a pipeline. Raises ConfigError for one that is missing, damaged, or made with another embedder.

    None stands for an embedder that is not known here.
    """
    found = _parsed(path)
    if embedder is not None and found.embedder != embedder:
        raise ConfigError(
            "was calibrated with another embedder", where=str(path), expected=embedder, found=found.embedder, hint=RUN
        )
    return found


def calibration_for(path: Path, *, embedder: str | None) -> Calibration:
    """The file of a pipeline where there is one, else what comes with Ragstone.

    Raises ConfigError where that was made with another embedder: then questions can be compared only after calibrating.
    """
    if path.exists():
        return read_calibration(path, embedder=embedder)
    found = shipped()
    if embedder is not None and found.embedder != embedder:
        raise ConfigError(
            "the semantic cache is not calibrated for this embedder; what comes with Ragstone is for its default one",
            where=str(path),
            found=embedder,
            hint=RUN,
        )
    return found


@cache
def shipped() -> Calibration:
    """What comes with Ragstone: fitted on texts whose licence allows it, see benchmarks/calibrate_semantic.py."""
    return _parsed(SHIPPED)


def _parsed(path: Path) -> Calibration:
    try:
        given: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("the semantic cache was not calibrated yet", where=str(path), hint=RUN) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path), hint=RUN) from None
    known = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    if known.get("format") != FORMAT:
        raise ConfigError(
            "has another format", where=str(path), expected=str(FORMAT), found=repr(known.get("format"))[:40], hint=RUN
        )
    try:
        found = Calibration.model_validate_json(json.dumps(given))
    except ValidationError as error:
        key = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ConfigError(f"{key or 'it'} is not as it was written", where=str(path), hint=RUN) from None
    if found.features != (*WORDS, *TOKENS):
        raise ConfigError("was calibrated on other features", where=str(path), hint=RUN)
    scales = [(found.without_tokens, len(WORDS), 0)]
    if found.with_tokens is not None:
        scales.append((found.with_tokens, len(WORDS) + len(TOKENS), found.dimensions))
    for scale, count, directions in scales:
        widths = {len(scale.weights), len(scale.mean), len(scale.scale)}
        if widths != {count} or len(scale.directions) != directions or min(scale.scale) <= 0:
            raise ConfigError("its parts do not belong together", where=str(path), hint=RUN)
    return found


def _shown(value: Any) -> str:
    """A value as JSON; the parts of a scale stand on lines of their own."""
    if isinstance(value, dict) and "weights" in value:
        parts = cast("dict[str, Any]", value).items()
        return "{\n" + ",\n".join(f"    {json.dumps(key)}: {json.dumps(part)}" for key, part in parts) + "\n  }"
    return json.dumps(value, ensure_ascii=False)


@cache
def _array(values: tuple[float, ...]) -> NDArray[np.float64]:
    """The same numbers as an array, made once."""
    import numpy as np

    return np.array(values)
