"""How well characters that were returned cover those that are right. All figures lie between 0 and 1.

They follow Smith and Troynikov 2024, "Evaluating Chunking Strategies for Retrieval" (Chroma technical report). All
passages that were found count, so their number matters: compare runs that found as many.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ragstone.errors import UsageError
from ragstone.evaluation.cases import Case
from ragstone.evaluation.metrics.metric import Metric, Row, Tools
from ragstone.evaluation.outcomes import Outcome, Passage

__all__ = ["Overlap", "Span", "SpanIou", "SpanPrecision", "SpanRecall", "overlap", "overlapping"]

Span = tuple[int, int]
"""The first character, and the one behind the last."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Characters: `met` are right and were returned, `right` are all that are right, `returned` all that came.

    Found spans may overlap: a character that is returned twice is met once and returned twice.
    """

    met: int
    right: int
    returned: int

    @property
    def recall(self) -> float:
        """The share of the right characters that came."""
        return self.met / self.right if self.right else 0.0

    @property
    def precision(self) -> float:
        """The share of what came that is right."""
        return self.met / self.returned if self.returned else 0.0

    @property
    def iou(self) -> float:
        """Intersection over union."""
        union = self.returned + self.right - self.met
        return self.met / union if union else 0.0


def overlap(found: Sequence[Span], right: Sequence[Span]) -> dict[str, float]:
    """Recall, precision and IoU of characters of one document.

    >>> overlap([(0, 10)], [(5, 15)])
    {'recall': 0.5, 'precision': 0.5, 'iou': 0.3333333333333333}
    """
    both = _overlap(found, right)
    return {"recall": both.recall, "precision": both.precision, "iou": both.iou}


def overlapping(found: Iterable[Passage], right: Iterable[tuple[str, Span]]) -> Overlap:
    """How passages cover right spans, each of its document; a passage of another document is returned text, too."""
    wanted: dict[str, list[Span]] = {}
    for uri, span in right:
        wanted.setdefault(uri, []).append(span)
    came: dict[str, list[Span]] = {uri: [] for uri in wanted}
    for passage in found:
        came.setdefault(passage.uri, []).append((passage.start, passage.end))
    each = [_overlap(spans, wanted.get(uri, [])) for uri, spans in came.items()]
    return Overlap(sum(one.met for one in each), sum(one.right for one in each), sum(one.returned for one in each))


def _overlap(found: Sequence[Span], right: Sequence[Span]) -> Overlap:
    wanted = _joined(right)
    met = sum(end - start for start, end in _joined(_cut(found, wanted)))
    length, returned = sum(end - start for start, end in wanted), sum(end - start for start, end in found)
    return Overlap(met, length, returned)


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


# ── One figure of a suite ───────────────────────────────────────────────────────────────────────────────────────────


class _Spans(Metric):
    needs = frozenset({"relevant"})
    searches = True

    def applies(self, case: Case) -> bool:
        """Whether the case names characters of every document that is relevant."""
        return bool(case.relevant) and all(one.span is not None or one.quote for one in case.relevant)

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """The figure of one question. Raises UsageError for a quote that was not found in its document."""
        if "hits" not in outcome.answer:
            return None
        right: list[tuple[str, Span]] = []
        for one in outcome.case.relevant:
            if one.span is None:
                raise UsageError("a quote is nowhere in its document", where=one.uri, found=one.quote[:60])
            right.append((one.uri, one.span))
        return (self._of(overlapping(outcome.hits, right)),)

    @abstractmethod
    def _of(self, overlap: Overlap) -> float: ...


class SpanRecall(_Spans):
    """Recall of characters: the share of the right ones that were found.

    span_recall = right characters within the passages / right characters.
    Range: 0 to 1, higher is better; the mean over the questions.
    Source: Smith and Troynikov 2024, "Evaluating Chunking Strategies for Retrieval".
    """

    def _of(self, overlap: Overlap) -> float:
        return overlap.recall


class SpanPrecision(_Spans):
    """Precision of characters: the share of what was found that is right.

    span_precision = right characters within the passages / characters of all passages, one that comes twice counted
    twice below the line.
    Range: 0 to 1, higher is better; the mean over the questions.
    Source: Smith and Troynikov 2024, "Evaluating Chunking Strategies for Retrieval".
    """

    passing = None

    def _of(self, overlap: Overlap) -> float:
        return overlap.precision


class SpanIou(_Spans):
    """Intersection over union of characters: found and right, neither too little nor too much.

    span_iou = right characters within the passages / (characters of all passages + right characters without those
    within the passages).
    Range: 0 to 1, higher is better; the mean over the questions.
    Source: Smith and Troynikov 2024, "Evaluating Chunking Strategies for Retrieval"; Jaccard 1901.
    """

    passing = None

    def _of(self, overlap: Overlap) -> float:
        return overlap.iou
