"""Figures from what was found and what is right. All of them lie between 0 and 1, for each question its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from ragstone.errors import ConfigError
from ragstone.text.answers import plain_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Interval", "contained", "exact", "f1", "interval", "overlap", "ranking"]

Interval = tuple[float, float]
Span = tuple[int, int]

RESAMPLES = 2_000
DEPTH = 10  # how many documents a ranking is judged by


def ranking(
    found: Mapping[str, Mapping[str, float]], relevant: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, float]]:
    """nDCG@10 with linear gain, recall@10 and MRR@10 of each question, as trec_eval counts them.

    `found` holds scores and `relevant` grades, both by question and document. Documents of one score count in the order
    of their ids, backwards: that is trec_eval's rule.
    """
    trec = _trec_eval()
    judge = trec.RelevanceEvaluator(
        {question: dict(grades) for question, grades in relevant.items()},
        {f"ndcg_cut.{DEPTH}", f"recall.{DEPTH}", "recip_rank"},
    )
    # MRR@10 is the reciprocal rank of a run that is cut after ten.
    short = {question: dict(sorted(s.items(), key=lambda p: (p[1], p[0]))[-DEPTH:]) for question, s in found.items()}
    measured = judge.evaluate(short)
    nothing = {f"ndcg_cut_{DEPTH}": 0.0, f"recall_{DEPTH}": 0.0, "recip_rank": 0.0}
    names = {f"ndcg@{DEPTH}": f"ndcg_cut_{DEPTH}", f"recall@{DEPTH}": f"recall_{DEPTH}", f"mrr@{DEPTH}": "recip_rank"}
    return {
        question: {ours: float(measured.get(question, nothing)[theirs]) for ours, theirs in names.items()}
        for question in relevant
    }


def overlap(found: Sequence[Span], right: Sequence[Span]) -> dict[str, float]:
    """Recall, precision and IoU of characters (Smith and Troynikov 2024, "Evaluating Chunking Strategies").

    Found spans may overlap: a character that is returned twice is paid for twice, so precision and IoU fall.

    >>> overlap([(0, 10)], [(5, 15)])
    {'recall': 0.5, 'precision': 0.5, 'iou': 0.3333333333333333}
    """
    wanted = _joined(right)
    met = sum(end - start for start, end in _joined(_cut(found, wanted)))
    length, returned = sum(end - start for start, end in wanted), sum(end - start for start, end in found)
    return {
        "recall": met / length if length else 0.0,
        "precision": met / returned if returned else 0.0,
        "iou": met / (returned + length - met) if returned + length else 0.0,
    }


def contained(answer: str, gold: Iterable[str]) -> float:
    """1 when the words of a right answer stand in the answer in their order, else 0."""
    said = f" {' '.join(plain_words(answer))} "
    return float(any(f" {' '.join(plain_words(right))} " in said for right in gold if plain_words(right)))


def exact(answer: str, gold: Iterable[str]) -> float:
    """1 when the answer is a right one but for case, punctuation and English articles, else 0."""
    said = plain_words(answer)
    return float(bool(said) and any(said == plain_words(right) for right in gold))


def f1(answer: str, gold: Iterable[str]) -> float:
    """The best harmonic mean of precision and recall of words (Rajpurkar et al. 2016, SQuAD).

    Chinese, Japanese, Korean and Thai count by character, as CMRC does (Cui et al. 2019): no spaces part their words.
    """
    return max((_f1(plain_words(answer), plain_words(right)) for right in gold), default=0.0)


def interval(values: Sequence[float], *, seed: int = 0, level: float = 0.95) -> Interval:
    """The bootstrap interval of the mean over questions (percentile method, 2,000 resamples; Efron 1979)."""
    low, high = (1 - level) / 2, (1 + level) / 2
    bounds = np.quantile(resampled(values, seed=seed), [low, high])
    return float(bounds[0]), float(bounds[1])


def resampled(values: Sequence[float], *, seed: int = 0) -> NDArray[np.float64]:
    """Means of as many values drawn with replacement, 2,000 times."""
    given = np.asarray(values, np.float64)
    drawn = np.random.default_rng(seed).integers(0, len(given), (RESAMPLES, len(given)))
    return given[drawn].mean(axis=1)


# ── Spans and words ─────────────────────────────────────────────────────────────────────────────────────────────────


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def _cut(spans: Sequence[Span], by: Sequence[Span]) -> list[Span]:
    both = [(max(a, c), min(b, d)) for a, b in spans for c, d in by]
    return [(start, end) for start, end in both if start < end]


def _f1(said: Sequence[str], right: Sequence[str]) -> float:
    same = sum((Counter(said) & Counter(right)).values())
    return 2 * same / (len(said) + len(right)) if same else 0.0


def _trec_eval() -> Any:
    try:
        return import_module("pytrec_eval")
    except ImportError:
        raise ConfigError(
            "pytrec_eval is not installed", where="ragstone eval", hint="Run: pip install 'ragstone[eval]'"
        ) from None
