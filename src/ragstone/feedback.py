"""What a person may say of an answer: of one that was given, and that they may see."""

from __future__ import annotations

from typing import Any

from ragstone.errors import UsageError
from ragstone.state.feedback import Answered
from ragstone.trace import StoredTrace

__all__ = ["answered_in"]


def answered_in(trace: StoredTrace | None, trace_id: str) -> Answered:
    """What a trace holds of its answer. Raises UsageError where there is no such trace, or none of an answer."""
    if trace is None:
        hint = "The last thousand are kept. Run: ragstone trace list"
        raise UsageError(f"there is no trace {trace_id!r}", expected="the trace_id of an answer", hint=hint)
    facts: Any = trace.facts
    if "answer" not in facts:
        found = f"a request {trace.name!r} that {facts.get('outcome', 'gives none')}"
        raise UsageError(f"the trace {trace.id!r} holds no answer", expected="the trace_id of an answer", found=found)
    return Answered(
        trace=trace.id,
        question=facts["question"],
        answer=facts["answer"],
        request=trace.name,
        abstained=facts["outcome"] == "abstained",
        citations=tuple(facts["citations"]),
        prompt=facts["prompt"],
        model=facts["model"],
        principals=trace.principals,
    )
