"""Every metric by its name, and those that a suite measures which names none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ragstone.errors import UsageError, nearest
from ragstone.evaluation.cases import Case
from ragstone.evaluation.metrics.abstention import Answered, Aurc, Refused
from ragstone.evaluation.metrics.calibration import Brier, CalibrationError
from ragstone.evaluation.metrics.costs import Calls, Cost, InputTokens, OutputTokens, Words
from ragstone.evaluation.metrics.grounding import CitationPrecision, CitationRecall, CitedRight, Supported
from ragstone.evaluation.metrics.judged import Grade, GradedGood
from ragstone.evaluation.metrics.latency import Latency, LatencyPercentile
from ragstone.evaluation.metrics.meaning import Similarity
from ragstone.evaluation.metrics.metric import Metric
from ragstone.evaluation.metrics.ngrams import Bleu, Rouge1, Rouge2, RougeL
from ragstone.evaluation.metrics.ranking import Hit, MeanAveragePrecision, MeanReciprocalRank, Ndcg, Precision, Recall
from ragstone.evaluation.metrics.safety import Clean, Passed, PassedCheck
from ragstone.evaluation.metrics.spans import SpanIou, SpanPrecision, SpanRecall
from ragstone.evaluation.metrics.words import F1, Contained, Contains, Exact

__all__ = ["METRICS", "defaults", "metric"]

METRICS: Mapping[str, type[Metric]] = {
    "ndcg@K": Ndcg,
    "recall@K": Recall,
    "precision@K": Precision,
    "mrr@K": MeanReciprocalRank,
    "map@K": MeanAveragePrecision,
    "hit@K": Hit,
    "span_recall": SpanRecall,
    "span_precision": SpanPrecision,
    "span_iou": SpanIou,
    "exact": Exact,
    "f1": F1,
    "contained": Contained,
    "contains": Contains,
    "bleu": Bleu,
    "rouge1": Rouge1,
    "rouge2": Rouge2,
    "rougeL": RougeL,
    "similarity": Similarity,
    "answered": Answered,
    "refused": Refused,
    "aurc": Aurc,
    "ece": CalibrationError,
    "brier": Brier,
    "supported": Supported,
    "citation_recall": CitationRecall,
    "citation_precision": CitationPrecision,
    "cited_right": CitedRight,
    "judge": Grade,
    "judge_good": GradedGood,
    "cost": Cost,
    "input_tokens": InputTokens,
    "output_tokens": OutputTokens,
    "calls": Calls,
    "latency": Latency,
    "latency@P": LatencyPercentile,
    "words": Words,
    "passed": Passed,
    "passed@CHECK": PassedCheck,
    "clean": Clean,
}
"""By the name as a suite writes it. K stands for a depth, P for a percentile, CHECK for a check's name."""

_WITH = {name.partition("@")[0]: name for name in METRICS if "@" in name}  # from the plain name to the whole
_PLAIN = tuple(dict.fromkeys(name.partition("@")[0] for name in METRICS))


def metric(name: str) -> Metric:
    """The metric of a name such as `f1`, `ndcg@10` or `latency@95`.

    Raises UsageError for one that is not known, or whose part behind the `@` is none, MissingExtra where it needs a
    package that is not installed.

    >>> metric("ndcg@10").depth
    10
    """
    plain, at, _ = name.partition("@")
    if plain not in _PLAIN:
        expected = "one of " + ", ".join(METRICS)
        raise UsageError(f"there is no metric {name!r}", expected=expected, hint=nearest(plain, _PLAIN))
    form = _WITH.get(plain, plain) if at else plain
    if form in METRICS and bool(at) == ("@" in form):
        return METRICS[form](name)
    hint = f"Write {plain}." if at else f"Write {_WITH[plain].replace('K', '10')}."
    raise UsageError(f"there is no metric {name!r}", expected=_WITH.get(plain, plain), hint=hint)


def defaults(cases: Iterable[Case], *, searches: bool, judged: bool) -> list[str]:
    """The metrics of a suite that names none: what its cases say enough for, and what any answer has.

    `searches`: it asks no model for answers. `judged`: it has a judge. Figures of which few know what to make (BLEU,
    ROUGE, similarity, calibration) are left to those who ask for them.
    """
    given = list(cases)
    known = frozenset[str]().union(*(case.expects for case in given))
    return [name for name in _defaults(given, known, searches=searches) if judged or name != "judge"]


def _defaults(cases: list[Case], known: frozenset[str], *, searches: bool) -> Iterable[str]:
    if "relevant" in known:
        yield from ("hit@5", "recall@10", "mrr@10", "ndcg@10")
    if any(SpanRecall("span_recall").applies(case) for case in cases):
        yield from ("span_recall", "span_iou")
    if not searches:
        yield from _of_answers(cases, known)
    yield from ("latency@50", "latency@95")


def _of_answers(cases: list[Case], known: frozenset[str]) -> Iterable[str]:
    if "expected" in known:
        yield from ("contained", "f1")
    if known & {"contains", "not_contains"}:
        yield "contains"
    if not all(case.abstains for case in cases):
        yield "answered"
    if "abstains" in known:
        yield "refused"
    yield from ("supported", "citation_recall", "citation_precision")
    if "relevant" in known:
        yield "cited_right"
    if known & Grade.needs:
        yield "judge"
    yield "cost"
