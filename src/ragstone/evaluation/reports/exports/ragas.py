"""Rows as RAGAS takes them: `EvaluationDataset.from_jsonl(FILE)`, or `from_list(rows(outcomes))`.

The fields are those of `SingleTurnSample` in RAGAS 0.4 (docs.ragas.io, "Evaluation Sample").
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.reports.exports.samples import Sample, samples

__all__ = ["rows", "text"]


def rows(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """A row for each answer; what is not known is left out, and an answer that failed as well.

    Those with most fields come first, since RAGAS takes the fields of the first row for those of all.
    """
    return sorted((_row(one) for one in samples(outcomes)), key=len, reverse=True)


def text(outcomes: Iterable[Outcome]) -> str:
    """The rows as JSON Lines."""
    return "".join(f"{json.dumps(row, ensure_ascii=True)}\n" for row in rows(outcomes))


def _row(sample: Sample) -> dict[str, Any]:
    outcome = sample.outcome
    found = {
        "user_input": outcome.case.question,
        "response": sample.answer,
        "retrieved_contexts": sample.passages,
        "retrieved_context_ids": [hit.uri for hit in outcome.hits],
        "reference": sample.expected,
        "reference_contexts": sample.evidence,
        "reference_context_ids": [one.uri for one in outcome.case.relevant] or None,
    }
    return {name: value for name, value in found.items() if value is not None}
