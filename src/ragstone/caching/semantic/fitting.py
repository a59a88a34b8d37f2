"""Fits the small model and its threshold on labelled pairs, so that a bound on false positives holds on others.

The model is a logistic regression with a ridge penalty, fitted by iteratively reweighted least squares (Hastie,
Tibshirani and Friedman, "The Elements of Statistical Learning", 4.4.1). The threshold is chosen on scores of pairs that
the fit had not seen: the lowest one whose false positive rate has an upper limit (Clopper and Pearson 1934) below the
bound. Pairs that share a question stay together when they are dealt into parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import ceil, log
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ragstone.caching.semantic.calibration import FARTHEST, Calibration, Fitted, Scale
from ragstone.caching.semantic.features import COMMON, TOKENS, WORDS, Common, Compared, compared
from ragstone.caching.semantic.questions import Asked
from ragstone.caching.semantic.reading import Reading, language_of, plain, read
from ragstone.caching.semantic.vetoes import refused
from ragstone.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.float64]
    Truth: TypeAlias = NDArray[np.bool_]

__all__ = ["CONFIDENCE", "FEWEST_SAME", "Pair", "fewest_different", "fit", "groups", "upper_limit"]

CONFIDENCE = 0.95
"""That the false positive rate on other pairs of the kind is below the bound."""
FEWEST_SAME = 50
"""Pairs that mean the same; fewer teach nothing about what may differ."""
PARTS = 5
PENALTY = 1.0  # of a feature's squared weight
PENALTY_DIRECTIONS = 300.0  # of a direction's: there are hundreds of them, each with little to say
ABSENT = 1e9  # what a feature pays that is to weigh nothing
STEPS, CLOSE = 20, 1e-5
LEAST = 1e-3  # of a standard deviation: what varies less is taken to be one and the same
EXACT = 1e-16  # of the squared residual: where conjugate gradients end
NEAREST, FARTHEST_NEAR = 0.95, 0.5  # between which the cosine lies that two questions must have
MARGIN = 0.02  # below the cosine of what was found


@dataclass(frozen=True, slots=True)
class Pair:
    """Two questions and whether they mean the same."""

    first: Asked
    second: Asked
    same: bool


@dataclass(frozen=True, slots=True)
class _Read:
    """A pair as it was read, and whether a veto refuses it."""

    pair: Pair
    here: Reading
    there: Reading
    refused: bool


def fewest_different(bound: float) -> int:
    """Pairs that do not mean the same, without which a bound cannot be shown: with none of them taken it just holds."""
    return ceil(log(1 - CONFIDENCE) / log(1 - bound))


def fit(
    pairs: Sequence[Pair],
    *,
    embedder: str,
    bound: float,
    on: str,
    seed: int = 0,
    features: Collection[str] = (*WORDS, *TOKENS),
) -> Calibration:
    """Learns from pairs. `on` says in a line what they are, `features` which may weigh anything.

    Raises UsageError where the pairs cannot show the bound.
    """
    _require_enough(pairs, bound)
    every = [_read(pair) for pair in pairs]
    common = _common(every)
    found = [compared(one.pair.first, one.pair.second, one.here, one.there, common) for one in every]
    truth = np.array([pair.same for pair in pairs])
    vetoed = np.array([one.refused for one in every])
    parts = _dealt(groups([(pair.first.text, pair.second.text) for pair in pairs]), seed)
    has_tokens = np.array([one.tokens is not None for one in found])
    given = _Given(found, truth, vetoed, parts, bound, frozenset(features))
    plain_scale, scores = _fitted(given, tokens=False)
    with_tokens: Scale | None = None
    # A few questions are longer than the embedder's window.
    if has_tokens.mean() > 0.5 and not given.features.isdisjoint(TOKENS):
        with_tokens, scores = _fitted(given, tokens=True)
    threshold = (with_tokens or plain_scale).threshold
    taken = (scores >= threshold) & ~vetoed
    cosines = np.array([one.words[0] for one in found])
    near = np.quantile(cosines[taken & truth], 0.005) - MARGIN if (taken & truth).any() else NEAREST
    wrong, different = int((taken & ~truth).sum()), int((~truth).sum())
    return Calibration(
        embedder=embedder,
        dimensions=len(pairs[0].first.vector),
        bound=bound,
        near=round(float(np.clip(near, FARTHEST_NEAR, NEAREST)), 3),
        features=(*WORDS, *TOKENS),
        with_tokens=with_tokens,
        without_tokens=plain_scale,
        rarest=common.rarest,
        common=dict(common.weights),
        fitted=Fitted(
            on=on,
            pairs=len(pairs),
            same=int(truth.sum()),
            found=round(float(taken[truth].mean()), 4),
            false_positive_rate=round(wrong / different, 4),
            upper=round(upper_limit(wrong, different), 4),
            confidence=CONFIDENCE,
            seed=seed,
        ),
    )


def upper_limit(wrong: int, of: int, *, confidence: float = CONFIDENCE) -> float:
    """The share that is not exceeded with that confidence where so many were seen (Clopper and Pearson 1934)."""
    if wrong >= of:
        return 1.0
    low, high = wrong / of, 1.0
    chosen = np.array([_log_choose(of, count) for count in range(wrong + 1)])
    counts = np.arange(wrong + 1)
    for _ in range(50):
        middle = (low + high) / 2
        terms = chosen + counts * log(middle) + (of - counts) * log(1 - middle) if 0 < middle < 1 else chosen
        seen = float(np.exp(terms).sum())
        low, high = (middle, high) if seen > 1 - confidence else (low, middle)
    return high


def groups(texts: Sequence[tuple[str, str]]) -> list[int]:
    """For each pair the number of its group: pairs that share a question are of one, also by way of others."""
    parent: dict[str, str] = {}

    def root(text: str) -> str:
        while parent.setdefault(text, text) != text:
            parent[text] = parent[parent[text]]
            text = parent[text]
        return text

    for first, second in texts:
        parent[root(plain(first))] = root(plain(second))
    numbered: dict[str, int] = {}
    return [numbered.setdefault(root(plain(first)), len(numbered)) for first, _ in texts]


# ── Steps of a fit ──────────────────────────────────────────────────────────────────────────────────────────────────


def _require_enough(pairs: Sequence[Pair], bound: float) -> None:
    same = sum(pair.same for pair in pairs)
    needed, different = fewest_different(bound), len(pairs) - same
    if different < needed or same < FEWEST_SAME:
        raise UsageError(
            f"too few pairs for a bound of {bound:g}",
            expected=f"at least {needed:,} that do not mean the same and {FEWEST_SAME} that do",
            found=f"{different:,} and {same:,}",
            hint="Add pairs, or allow more with --bound.",
        )


def _read(pair: Pair) -> _Read:
    first, second = sorted((pair.first.text, pair.second.text))
    language = language_of(first, second)
    here, there = read(pair.first.text, language), read(pair.second.text, language)
    return _Read(pair, here, there, bool(refused(here, there)))


def _common(every: Sequence[_Read]) -> Common:
    """The weights of the most frequent stems of the questions."""
    counted = Counter(stem for one in every for reading in (one.here, one.there) for stem in reading.stems)
    total = 2 * len(every)
    weights = {
        stem: round(log(total / (count + 1)), 2) for stem, count in sorted(counted.items(), key=_frequent)[:COMMON]
    }
    return Common(weights, round(log(total / 2), 2))


def _frequent(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _dealt(numbered: Sequence[int], seed: int) -> NDArray[np.intp]:
    """For each pair one of so many parts, the same for a whole group."""
    parts = np.random.default_rng(seed).permutation(max(numbered) + 1) % PARTS
    return parts[np.array(numbered)]


@dataclass(frozen=True, slots=True)
class _Given:
    """Everything that a fit goes by; `parts` says for each pair which part it was dealt to."""

    found: Sequence[Compared]
    truth: Truth
    vetoed: Truth
    parts: NDArray[np.intp]
    bound: float
    features: frozenset[str]

    def regressed(self, chosen: Truth, *, tokens: bool) -> Scale:
        """A logistic regression on some of the pairs."""
        found = [one for one, use in zip(self.found, chosen, strict=True) if use]
        return _regressed(found, self.truth[chosen], self.features, tokens=tokens)


def _fitted(given: _Given, *, tokens: bool) -> tuple[Scale, Numbers]:
    """A scale with its threshold, and the scores that each pair had from a fit on the others."""
    usable = np.array([not tokens or one.tokens is not None for one in given.found])
    scores = np.zeros(len(given.found))
    for part in range(PARTS):
        learnt = given.regressed(usable & (given.parts != part), tokens=tokens)
        for place in np.flatnonzero(usable & (given.parts == part)).tolist():
            scores[place] = learnt.score(given.found[place])
    threshold = _threshold(scores[usable], given.truth[usable], given.vetoed[usable], given.bound)
    return given.regressed(usable, tokens=tokens).model_copy(update={"threshold": threshold}), scores


def _threshold(scores: Numbers, truth: Truth, vetoed: Truth, bound: float) -> float:
    """The lowest one whose false positive rate is below the bound for certain. Raises UsageError where none is."""
    different = int((~truth).sum())
    wrong = np.sort(scores[~truth & ~vetoed])[::-1]
    allowed = -1
    while allowed < len(wrong) and upper_limit(allowed + 1, different) <= bound:
        allowed += 1
    if allowed >= len(wrong):
        return 0.0
    # One more than is allowed has this score: what is the same must have a higher one.
    limit = float(wrong[allowed])
    better = scores[truth & ~vetoed & (scores > limit)]
    if not len(better):
        raise UsageError(
            f"the bound of {bound:g} cannot be met on these pairs",
            found=f"{_best(scores, truth, vetoed)}",
            hint="Allow more with --bound, or look for wrong labels.",
        )
    return round(min((limit + float(better.min())) / 2, 1.0), 6)


def _best(scores: Numbers, truth: Truth, vetoed: Truth) -> str:
    """The lowest bound at which anything is found, in words."""
    different = int((~truth).sum())
    top = scores[truth & ~vetoed].max(initial=0.0)
    wrong = int((scores[~truth & ~vetoed] >= top).sum())
    return f"the least that can be shown is {upper_limit(wrong, different):.3f}"


def _regressed(found: Sequence[Compared], truth: Truth, features: Collection[str], *, tokens: bool) -> Scale:
    """A logistic regression on the features, each in standard deviations, and on the directions as they are."""
    dense = np.array([one.words for one in found])
    if tokens:
        dense = np.hstack([dense, np.array([one.tokens for one in found if one.tokens is not None])])
    mean, scale = dense.mean(axis=0), dense.std(axis=0)
    scale = np.where(scale > LEAST, scale, 1.0)
    parts: list[Numbers] = [np.ones((len(found), 1)), np.clip((dense - mean) / scale, -FARTHEST, FARTHEST)]
    named = (*WORDS, *TOKENS)[: dense.shape[1]]
    penalties: list[Numbers] = [np.array([1e-6]), np.array([PENALTY if name in features else ABSENT for name in named])]
    spread: Numbers = np.ones(0)
    if tokens:
        directions: Numbers = np.array([one.unmatched for one in found if one.unmatched is not None])
        spread = np.maximum(directions.std(axis=0), LEAST)
        parts.append(directions / spread)
        penalties.append(PENALTY_DIRECTIONS * np.ones(len(spread)))
    weights = _solved(np.hstack(parts), truth.astype(np.float64), np.concatenate(penalties))
    width = dense.shape[1]
    return Scale(
        bias=round(float(weights[0]), 4),
        weights=_rounded(weights[1 : width + 1]),
        mean=_rounded(mean),
        scale=_rounded(scale, 6),
        directions=_rounded(weights[width + 1 :] / spread),
        threshold=0.5,
    )


def _solved(given: Numbers, truth: Numbers, penalties: Numbers) -> Numbers:
    """The weights of a ridge logistic regression, by Newton's method."""
    weights = np.zeros(given.shape[1])
    for _ in range(STEPS):
        probable = 1 / (1 + np.exp(-np.clip(given @ weights, -30, 30)))
        gradient = given.T @ (probable - truth) + penalties * weights
        curved = (given * (probable * (1 - probable))[:, None]).T @ given + np.diag(penalties)
        step = _conjugate(curved, gradient)
        weights = weights - step
        if np.abs(step).max() < CLOSE:
            break
    return weights


def _conjugate(curved: Numbers, gradient: Numbers) -> Numbers:
    """The solution of a positive definite system by conjugate gradients, each scaled by the diagonal (Shewchuk 1994).

    Not `np.linalg.solve`: on a busy machine its threads waited for each other a second for what takes 20 ms.
    """
    scale = 1 / np.diag(curved)
    found = np.zeros_like(gradient)
    rest = gradient.copy()
    scaled = scale * rest
    way, length = scaled, float((rest * scaled).sum())
    goal = EXACT * length
    for _ in range(4 * len(gradient)):
        if length <= goal:
            break
        moved = np.einsum("ij,j->i", curved, way)
        step = length / float((way * moved).sum())
        found = found + step * way
        rest = rest - step * moved
        scaled = scale * rest
        before, length = length, float((rest * scaled).sum())
        way = scaled + length / before * way
    return found


def _rounded(values: Numbers, digits: int = 4) -> tuple[float, ...]:
    return tuple(round(float(value), digits) for value in values)


def _log_choose(of: int, count: int) -> float:
    from math import lgamma

    return lgamma(of + 1) - lgamma(count + 1) - lgamma(of - count + 1)
