"""How well a semantic cache tells questions that mean the same from those that do not, on labelled pairs.

A file holds one JSON object a line: `{"text_a": "…", "text_b": "…", "label": 1}`, 0 where they do not mean the same.
Each pair stands alone: text_a is stored, text_b is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ragstone.caching.semantic.calibration import Calibration, Scale
from ragstone.caching.semantic.fitting import Pair, fit
from ragstone.caching.semantic.questions import Asked
from ragstone.caching.semantic.verifier import CHECKS, Judgement, Verifier
from ragstone.errors import UsageError, nearest
from ragstone.evaluation.lines import read_objects
from ragstone.protocols import Embedder
from ragstone.types import Context

__all__ = ["Labelled", "Measured", "Told", "calibrated", "embedded", "measured", "paired", "read_pairs"]

LIKE = '{"text_a": "…", "text_b": "…", "label": 1}'
KEYS = ("text_a", "text_b", "label")
LABELS = {"0": False, "1": True, "false": False, "true": True}
AT_ONCE = 512  # questions that are embedded together
SPECIAL = 2  # tokens that stand around every text
POINTS = 200  # of a curve

Told: TypeAlias = Callable[[int, int], None]
Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A line of the file."""

    text_a: str
    text_b: str
    same: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """What a verifier makes of pairs: `judged` holds each with its label, in the file's order."""

    judged: tuple[tuple[bool, Judgement], ...]
    cosines: tuple[float, ...]
    threshold: float

    def count(self, *, same: bool, hit: bool | None = None) -> int:
        """How many pairs have that label, and are hits or not."""
        return sum(label == same and hit in (None, one.same) for label, one in self.judged)

    @property
    def found(self) -> float:
        """The share of the pairs with label 1 that are hits."""
        return self.count(same=True, hit=True) / self.count(same=True)

    @property
    def false_positive_rate(self) -> float:
        """The share of the pairs with label 0 that are hits."""
        return self.count(same=False, hit=True) / self.count(same=False)

    @property
    def false_hits(self) -> float:
        """The share of the hits whose label is 0."""
        wrong, right = self.count(same=False, hit=True), self.count(same=True, hit=True)
        return wrong / (wrong + right) if wrong + right else 0.0

    def by_check(self) -> dict[str, dict[str, int]]:
        """How many pairs each check refused, by label."""
        return {
            check: {
                str(int(same)): sum(label == same and one.check == check for label, one in self.judged)
                for same in (False, True)
            }
            for check in CHECKS
        }

    def curve(self) -> list[Point]:
        """False positive rate and share found, from the highest threshold to the lowest; vetoes hold at each."""
        return _curve([one.score for _, one in self.judged], self._labels())

    def by_cosine(self) -> list[Point]:
        """The same by the cosine alone."""
        return _curve(self.cosines, self._labels())

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "found": round(self.found, 6),
            "false_positive_rate": round(self.false_positive_rate, 6),
            "false_hits": round(self.false_hits, 6),
            "threshold": self.threshold,
            "pairs": len(self.judged),
            "by_check": self.by_check(),
        }

    def _labels(self) -> list[bool]:
        return [label for label, _ in self.judged]


# ── From a file to pairs ────────────────────────────────────────────────────────────────────────────────────────────


def read_pairs(path: Path) -> list[Labelled]:
    """The lines of a file. Raises UsageError, with file and line, for what is no pair, and where one label lacks."""
    found = [_labelled(row, where) for row, where in read_objects(path, noun="pair", like=LIKE)]
    for label in (0, 1):
        if not any(pair.same == bool(label) for pair in found):
            message = f"no pair has the label {label}, so that nothing can be measured"
            raise UsageError(message, where=str(path), expected="pairs of both labels", found=f"{len(found):,} of one")
    return found


def _labelled(given: dict[str, Any], where: str) -> Labelled:
    texts: list[str] = []
    for key in KEYS[:2]:
        text: object = given.get(key)
        if not isinstance(text, str) or not text.strip():
            raise _missing(key, given, where)
        texts.append(text)
    if "label" not in given:
        raise _missing("label", given, where)
    label = str(given["label"]).strip().casefold()
    if label not in LABELS:
        raise UsageError("the label is none", where=where, expected="0, 1, true or false", found=label[:40])
    return Labelled(texts[0], texts[1], LABELS[label])


def _missing(key: str, given: Mapping[str, Any], where: str) -> UsageError:
    hint = next(filter(None, (nearest(other, [key]) for other in given if other not in KEYS)), None)
    return UsageError(
        f"{key} is missing, or no text" if key != "label" else "label is missing", where=where, expected=LIKE, hint=hint
    )


# ── From pairs to figures ───────────────────────────────────────────────────────────────────────────────────────────


async def embedded(
    texts: Sequence[str],
    embedder: Embedder,
    *,
    context: Context,
    tokens: bool = True,
    told: Told | None = None,
) -> dict[str, Asked]:
    """Each text as a question that can be judged, with the vectors of its tokens where the embedder gives them.

    A text that is longer than the embedder's window has none, and without `tokens` none has.
    """
    every = list(dict.fromkeys(texts))
    found: dict[str, Asked] = {}
    for start in range(0, len(every), AT_ONCE):
        part = every[start : start + AT_ONCE]
        vectors = await embedder.embed_queries(part, context=context)
        rows = await _tokens(part, embedder, context) if tokens else {}
        found |= {text: Asked(text, vector, rows.get(text)) for text, vector in zip(part, vectors, strict=True)}
        if told is not None:
            told(len(found), len(every))
    return found


async def _tokens(texts: Sequence[str], embedder: Embedder, context: Context) -> dict[str, Any]:
    if not embedder.capabilities.token_vectors:
        return {}
    short = [
        text
        for text, (ids, _) in zip(texts, embedder.all_tokens(texts), strict=True)
        if len(ids) + SPECIAL <= embedder.window
    ]
    return dict(zip(short, await embedder.embed_tokens(short, context=context), strict=True)) if short else {}


def paired(pairs: Sequence[Labelled], asked: Mapping[str, Asked]) -> list[Pair]:
    """The pairs with what was embedded of them."""
    return [Pair(asked[pair.text_a], asked[pair.text_b], pair.same) for pair in pairs]


def measured(pairs: Sequence[Pair], calibration: Calibration) -> Measured:
    """Judges each pair by itself."""
    verifier = Verifier(calibration)
    judged = [(pair.same, verifier.judge(asked=pair.second, kept=pair.first)) for pair in pairs]
    cosines = [float(np.dot(pair.first.vector, pair.second.vector)) for pair in pairs]
    return Measured(tuple(judged), tuple(cosines), _scale(calibration, pairs).threshold)


def calibrated(pairs: Sequence[Pair], *, embedder: str, bound: float, on: str, seed: int = 0) -> Calibration:
    """What is learnt from pairs. Raises UsageError where they cannot show the bound."""
    return fit(pairs, embedder=embedder, bound=bound, on=on, seed=seed)


def _scale(calibration: Calibration, pairs: Sequence[Pair]) -> Scale:
    """The scale that most pairs are judged by."""
    with_tokens = sum(pair.first.tokens is not None and pair.second.tokens is not None for pair in pairs)
    own = calibration.with_tokens if 2 * with_tokens > len(pairs) else None
    return own or calibration.without_tokens


def _curve(scores: Sequence[float], labels: Sequence[bool]) -> list[Point]:
    order = np.argsort(-np.asarray(scores), kind="stable")
    truth, ordered = np.asarray(labels)[order], np.asarray(scores)[order]
    ends = np.flatnonzero(np.diff(ordered, append=-np.inf)) if len(ordered) else np.zeros(0, int)
    right, wrong = np.cumsum(truth), np.cumsum(~truth)
    points = [(float(wrong[end] / wrong[-1]), float(right[end] / right[-1])) for end in ends if ordered[end] > 0]
    every = max(1, len(points) // POINTS)
    return [(0.0, 0.0), *points[::every], *points[-1:]]
