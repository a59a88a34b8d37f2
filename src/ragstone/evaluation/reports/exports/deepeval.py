"""Test cases as DeepEval takes them.

>>> dataset.add_test_cases_from_json_file(
...     file,
...     input_key_name="input",
...     actual_output_key_name="actual_output",
...     expected_output_key_name="expected_output",
...     context_key_name="context",
...     retrieval_context_key_name="retrieval_context",
... )

The fields are those of `LLMTestCase` in DeepEval 4 (deepeval.com/docs/evaluation-test-cases): `LLMTestCase(**row)`
takes a row as well, with its name, tags, seconds and price.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.reports.exports.samples import Sample, samples

__all__ = ["rows", "text"]


def rows(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """A test case for each answer; what is not known is left out, and an answer that failed as well."""
    return [_row(one) for one in samples(outcomes)]


def text(outcomes: Iterable[Outcome]) -> str:
    """The test cases as one JSON list."""
    return json.dumps(rows(outcomes), ensure_ascii=True, indent=1) + "\n"


def _row(sample: Sample) -> dict[str, Any]:
    outcome = sample.outcome
    usage = outcome.answer.get("usage", {})
    found = {
        "input": outcome.case.question,
        "actual_output": sample.answer or "",  # its loader takes no row without one
        "expected_output": sample.expected,
        "retrieval_context": sample.passages,
        "context": sample.evidence,
        "name": outcome.case.id,
        "tags": list(outcome.case.tags) or None,
        "metadata": {"pipeline": outcome.pipeline, "repeat": outcome.repeat, "case": outcome.case.id},
        "completion_time": outcome.seconds,
        "token_cost": outcome.answer.get("cost"),
        "input_token_count": usage.get("input_tokens"),
        "output_token_count": usage.get("output_tokens"),
    }
    return {name: value for name, value in found.items() if value is not None}
