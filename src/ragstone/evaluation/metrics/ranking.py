"""How good an order of documents is. All figures lie between 0 and 1, and are counted as trec_eval counts them.

What K documents are is judged by the passages that were found: where several of these are of one document, fewer than K
documents may be there.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence

from ragstone.evaluation.metrics.metric import Metric, Row, Tools
from ragstone.evaluation.metrics.parameters import depth_of
from ragstone.evaluation.outcomes import Outcome

__all__ = [
    "Hit",
    "MeanAveragePrecision",
    "MeanReciprocalRank",
    "Ndcg",
    "Precision",
    "Recall",
    "average_precision",
    "hit",
    "ndcg",
    "precision",
    "ranking",
    "recall",
    "reciprocal_rank",
]

DEPTH = 10  # how many documents a ranking is judged by where nobody says otherwise

Grades = Mapping[str, int]
"""Of each document that was judged. One of 0 or less is not relevant, as is one that was not judged."""


# ── One order of documents ──────────────────────────────────────────────────────────────────────────────────────────


def ndcg(order: Sequence[str], grades: Grades, k: int) -> float:
    """The discounted gain of the first `k` documents, as a share of the best that is possible.

    >>> round(ndcg(["a", "b"], {"b": 1}, 10), 4)
    0.6309
    """
    best = _discounted(sorted((grade for grade in grades.values() if grade > 0), reverse=True)[:k])
    return _discounted([max(grades.get(name, 0), 0) for name in order[:k]]) / best if best else 0.0


def recall(order: Sequence[str], grades: Grades, k: int) -> float:
    """The share of the relevant documents that are among the first `k`."""
    return len(_places(order, grades, k)) / relevant if (relevant := _relevant(grades)) else 0.0


def precision(order: Sequence[str], grades: Grades, k: int) -> float:
    """How many of the first `k` documents are relevant, divided by `k`, even where fewer were found."""
    return len(_places(order, grades, k)) / k


def reciprocal_rank(order: Sequence[str], grades: Grades, k: int) -> float:
    """1 / the place of the first relevant document among the first `k`; 0 where there is none."""
    return 1 / places[0] if (places := _places(order, grades, k)) else 0.0


def average_precision(order: Sequence[str], grades: Grades, k: int) -> float:
    """The precision at each relevant document among the first `k`, added up and divided by all that are relevant.

    >>> average_precision(["a", "b", "c"], {"a": 1, "c": 1}, 10)
    0.8333333333333333
    """
    gained = sum(number / place for number, place in enumerate(_places(order, grades, k), 1))
    return gained / relevant if (relevant := _relevant(grades)) else 0.0


def hit(order: Sequence[str], grades: Grades, k: int) -> float:
    """1 when a relevant document is among the first `k`, else 0."""
    return float(bool(_places(order, grades, k)))


def ranking(
    found: Mapping[str, Mapping[str, float]], relevant: Mapping[str, Grades], *, k: int = DEPTH
) -> dict[str, dict[str, float]]:
    """nDCG, recall and MRR of the first `k` documents for each question, as trec_eval counts them.

    `found` holds scores and `relevant` grades, both by question and document. Documents of one score count in the order
    of their ids, backwards: that is trec_eval's rule.

    >>> ranking({"q": {"a": 0.9, "b": 0.8}}, {"q": {"b": 1}}, k=1)
    {'q': {'ndcg@1': 0.0, 'recall@1': 0.0, 'mrr@1': 0.0}}
    """
    orders = {question: _ordered(found.get(question, {})) for question in relevant}
    return {
        question: {
            f"ndcg@{k}": ndcg(orders[question], grades, k),
            f"recall@{k}": recall(orders[question], grades, k),
            f"mrr@{k}": reciprocal_rank(orders[question], grades, k),
        }
        for question, grades in relevant.items()
    }


def _ordered(scores: Mapping[str, float]) -> list[str]:
    return sorted(scores, key=lambda name: (scores[name], name), reverse=True)


def _places(order: Sequence[str], grades: Grades, k: int) -> list[int]:
    return [place for place, name in enumerate(order[:k], 1) if grades.get(name, 0) > 0]


def _relevant(grades: Grades) -> int:
    return sum(grade > 0 for grade in grades.values())


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))


# ── One figure of a suite ───────────────────────────────────────────────────────────────────────────────────────────


class _Ranked(Metric):
    needs = frozenset({"relevant"})
    searches = True

    def __init__(self, name: str, *, depth: int = 0) -> None:
        super().__init__(name, depth=depth or depth_of(name))

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """The figure of one question. Of several places in one document the best grade counts."""
        if "hits" not in outcome.answer:
            return None
        grades: dict[str, int] = {}
        for one in outcome.case.relevant:
            grades[one.uri] = max(one.grade, grades.get(one.uri, 0))
        return (self._of(outcome.documents, grades),)

    @abstractmethod
    def _of(self, order: Sequence[str], grades: Grades) -> float: ...


class Ndcg(_Ranked):
    """nDCG of the first K documents: good ones, the best first.

    ndcg@K = DCG / the DCG of the best order there is, where DCG = Σ grade / log2(place + 1) over the first K documents.
    The gain is linear: a document of grade 2 counts twice as much as one of grade 1.
    Range: 0 to 1, higher is better; the mean over the questions.
    Source: Järvelin and Kekäläinen 2002, "Cumulated Gain-Based Evaluation of IR Techniques"; trec_eval's `ndcg_cut_K`.
    """

    def _of(self, order: Sequence[str], grades: Grades) -> float:
        return ndcg(order, grades, self.depth)


class Recall(_Ranked):
    """Recall of documents: the share of the relevant ones that are among the first K.

    recall@K = relevant documents among the first K / relevant documents.
    Range: 0 to 1, higher is better; the mean over the questions.
    Source: Cleverdon 1967, "The Cranfield Tests on Index Language Devices"; trec_eval's `recall_K`.
    """

    def _of(self, order: Sequence[str], grades: Grades) -> float:
        return recall(order, grades, self.depth)


class Precision(_Ranked):
    """Precision of documents: the share of the first K that are relevant.

    precision@K = relevant documents among the first K / K, even where fewer than K were found. A question with fewer
    than K relevant documents cannot reach 1.
    Range: 0 to 1, higher is better; the mean over the questions.
    Source: Cleverdon 1967, "The Cranfield Tests on Index Language Devices"; trec_eval's `P_K`.
    """

    passing = None

    def _of(self, order: Sequence[str], grades: Grades) -> float:
        return precision(order, grades, self.depth)


class MeanReciprocalRank(_Ranked):
    """Mean reciprocal rank: how far up the first relevant document stands.

    mrr@K = 1 / the place of the first relevant document, or 0 where none is among the first K.
    Range: 0 to 1, higher is better; the mean over the questions.
    Source: Voorhees 1999, "The TREC-8 Question Answering Track Report"; trec_eval's `recip_rank` of a run cut after K.
    """

    def _of(self, order: Sequence[str], grades: Grades) -> float:
        return reciprocal_rank(order, grades, self.depth)


class MeanAveragePrecision(_Ranked):
    """Mean average precision: how early all the relevant documents come.

    map@K = Σ precision at the place of each relevant document among the first K / relevant documents.
    Range: 0 to 1, higher is better; the mean over the questions.
    Source: Harman 1992, "Evaluation Issues in Information Retrieval"; trec_eval's `map_cut_K`.
    """

    def _of(self, order: Sequence[str], grades: Grades) -> float:
        return average_precision(order, grades, self.depth)


class Hit(_Ranked):
    """Hit rate: the share of questions with a relevant document among the first K.

    hit@K = 1 when a relevant document is among the first K, else 0.
    Range: 0 to 1, higher is better; the mean over the questions.
    Source: trec_eval's `success_K`.
    """

    def _of(self, order: Sequence[str], grades: Grades) -> float:
        return hit(order, grades, self.depth)
