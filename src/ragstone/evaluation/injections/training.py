"""Fits both detectors: logistic regressions, by numpy alone, the same for the same examples and seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from numpy.typing import NDArray

from ragstone.evaluation.injections.examples import Example, Examples
from ragstone.validation.injection.features import Matrix, Read, joined
from ragstone.validation.injection.fitting import fit
from ragstone.validation.injection.retrieved import table
from ragstone.validation.injection.rules import RULES
from ragstone.validation.injection.user import pooled
from ragstone.validation.injection.weights import Direction, RetrievedWeights, UserWeights, Weights

__all__ = ["train", "train_retrieved", "train_user"]

PLANTINGS = 1600  # texts with an attack that the detector of retrieved text sees
PER_EXAMPLE = 10  # of these at most for each attack, so that a few attacks do not outweigh what was known before
AROUND = 0.3  # the weight of a sentence beside an attack
CLEAN = 1200.0  # the weight of each kind of clean text together
SLICED = 0.3  # the share of texts of which a few sentences are taken: passages are short
LONGEST_SLICE = 6
BLENDED = 0.3  # the share of attacks that are made to fit their context, where a plain rule still gives them away
_PLAIN = [list(RULES).index(name) for name in ("override", "roleplay", "secrets", "asked", "marker", "reply")]
DIRECTION_PENALTY, PROMPT_PENALTY, PENALTY = 6.0, 1.0, 20.0
LEAN = 0.25  # log odds towards an attack: to miss one costs more than to strike out a sentence
SPREAD = 0.05  # added to the spread of a feature, so that one that hardly occurs is not made large
KIND, PER_PROMPT = 1000.0, 5.0  # the weight of a kind of prompts, and at most of each one


def train(examples: Examples, reads: Mapping[str, Read], *, embedder: str, seed: int = 0, on: str = "") -> Weights:
    """The weights of both detectors. `reads` has all texts of the examples, `embedder` is a fingerprint."""
    return Weights(
        embedder=embedder,
        on=on,
        user=train_user(examples, reads),
        retrieved=train_retrieved(examples, reads, seed=seed),
    )


# ── User prompts ────────────────────────────────────────────────────────────────────────────────────────────────────


def train_user(examples: Examples, reads: Mapping[str, Read], *, known: UserWeights | None = None) -> UserWeights:
    """The detector for prompts; with `known` weights only as far from them as the examples demand."""
    labelled = [(one, True) for one in examples.jailbreaks] + [(one, False) for one in examples.prompts]
    rows = np.stack([pooled(reads[one.text]) for one, _ in labelled])
    kinds = [(one.kind, attack) for one, attack in labelled]
    weights = np.array([min(KIND / kinds.count(kind), PER_PROMPT) for kind in kinds])
    prior = None if known is None else np.array([*known.vector.values, *known.features, known.constant])
    found, constant = fit(
        rows, np.array([attack for _, attack in labelled]), weights=weights, penalty=PROMPT_PENALTY, prior=prior
    )
    size = len(found) - (rows.shape[1] - _dimensions(reads))
    return UserWeights(Direction(found[:size]), found[size:], constant)


def _dimensions(reads: Mapping[str, Read]) -> int:
    return next(iter(reads.values())).vectors.shape[1]


# ── Retrieved text ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Rows:
    """What is learned from: the features of sentences, whether each is planted, and how much it counts."""

    features: list[Matrix]
    planted: list[NDArray[np.bool_]]
    weights: list[NDArray[np.float64]]

    def add(self, features: Matrix, planted: NDArray[np.bool_], weights: NDArray[np.float64]) -> None:
        self.features.append(features)
        self.planted.append(planted)
        self.weights.append(weights)


def train_retrieved(
    examples: Examples, reads: Mapping[str, Read], *, seed: int = 0, known: RetrievedWeights | None = None
) -> RetrievedWeights:
    """The detector for sentences of documents; with `known` weights only as far from them as the examples demand."""
    random = Random(seed)  # noqa: S311 - the same choice again
    direction = known.asks if known else _direction(examples, reads)
    rows = _Rows([], [], [])
    number = PLANTINGS if known is None else min(PLANTINGS, PER_EXAMPLE * len(examples.planted))
    for clean, attack, at in _plantings(examples, reads, number, random):
        text = joined(_part(clean, 0, at), attack, _part(clean, at, None))
        planted = np.zeros(len(text.vectors), np.bool_)
        planted[at : at + len(attack.vectors)] = True
        rows.add(table(text, direction), planted, np.where(planted, 1.0, AROUND))
    kinds = [example.kind for example in examples.contexts]
    for example in examples.contexts:
        whole = reads[example.text]
        share = min(1.0, number / PLANTINGS)
        for text in (whole, _sliced(whole, random)):
            weight = min(share * CLEAN / kinds.count(example.kind), 3.0) / 2
            count = len(text.vectors)
            rows.add(table(text, direction), np.zeros(count, np.bool_), np.full(count, weight))
    return _fitted(rows, direction, known)


def _fitted(rows: _Rows, direction: Direction, known: RetrievedWeights | None) -> RetrievedWeights:
    features = np.concatenate(rows.features).astype(np.float64)
    middle, spread = features.mean(axis=0), features.std(axis=0) + SPREAD
    prior = None
    if known is not None:
        prior = np.array([*(known.features * spread), known.constant + known.features @ middle])
    found, constant = fit(
        (features - middle) / spread,
        np.concatenate(rows.planted),
        weights=np.concatenate(rows.weights),
        penalty=PENALTY,
        prior=prior,
    )
    found = found / spread
    lean = LEAN if known is None else 0.0
    return RetrievedWeights(direction, found, constant - float(found @ middle) + lean)


def _direction(examples: Examples, reads: Mapping[str, Read]) -> Direction:
    """What of a vector tells requests (planted ones, and what people ask) from sentences of documents.

    Each kind of document counts as much as any other, so that instructions for use are not lost among articles.
    """
    kinds = _by_kind(examples.contexts)
    groups = [
        ([reads[one.text].vectors for one in examples.planted], True, 1000.0),
        ([reads[one.text].vectors[:2] for one in examples.prompts], True, 500.0),
        *(([reads[one.text].vectors for one in some], False, 2000.0 / len(kinds)) for some in kinds),
    ]
    vectors = [np.concatenate(some) for some, _, _ in groups if some]
    labels = [np.full(len(some), label) for some, (_, label, _) in zip(vectors, _filled(groups), strict=True)]
    weights = [
        np.full(len(some), total / len(some)) for some, (*_, total) in zip(vectors, _filled(groups), strict=True)
    ]
    found, constant = fit(
        np.concatenate(vectors),
        np.concatenate(labels),
        weights=np.concatenate(weights),
        penalty=DIRECTION_PENALTY,
    )
    return Direction(found, constant)


def _filled(groups: Sequence[tuple[list[Matrix], bool, float]]) -> list[tuple[list[Matrix], bool, float]]:
    return [group for group in groups if group[0]]


def _plantings(
    examples: Examples, reads: Mapping[str, Read], number: int, random: Random
) -> Iterator[tuple[Read, Read, int]]:
    """Clean texts, each with an attack and the piece before which it is planted: at the start, the end or between."""
    contexts, attacks = _by_kind(examples.contexts), _by_kind(examples.planted)
    for _ in range(number):
        clean = reads[random.choice(random.choice(contexts)).text]
        attack = reads[random.choice(random.choice(attacks)).text]
        if random.random() < SLICED:
            clean = _sliced(clean, random)
        count = len(clean.vectors)
        if random.random() < BLENDED and attack.shape.rules[:, _PLAIN].any():
            attack = _blended(attack, clean, random.uniform(0.5, 1.5))
        yield clean, attack, random.choice((0, random.randint(0, count), count))


def _blended(attack: Read, clean: Read, share: float) -> Read:
    """An attack as if it spoke of what its context speaks of: its vectors are drawn towards the mean of that."""
    vectors = attack.vectors + share * clean.vectors.mean(axis=0)
    return replace(attack, vectors=vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))


def _by_kind(examples: Sequence[Example]) -> list[list[Example]]:
    return [
        [one for one in examples if one.kind == kind] for kind in dict.fromkeys(example.kind for example in examples)
    ]


def _sliced(read: Read, random: Random) -> Read:
    """A few sentences of a text that follow each other."""
    count = len(read.vectors)
    size = random.randint(1, min(LONGEST_SLICE, count))
    start = random.randint(0, count - size)
    return _part(read, start, start + size)


def _part(read: Read, start: int, end: int | None) -> Read:
    return replace(read, shape=read.shape.part(slice(start, end)), vectors=read.vectors[start:end])
