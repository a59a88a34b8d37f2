"""What an answer is to other programs: a question, an answer, passages, and what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ragstone.evaluation.cases import Evidence
from ragstone.evaluation.outcomes import Outcome

__all__ = ["Sample", "samples"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One answer with its case. None stands for what is not known.

    `answer` is what was said, without markers; an abstention in the words of the pipeline. `expected` is the first of
    the expected answers, since both programs take one. `evidence` are the words of the relevant passages, where all of
    them are known: quoted in the case, or standing in a passage that was found.
    """

    outcome: Outcome
    answer: str | None
    passages: Sequence[str]
    expected: str | None
    evidence: Sequence[str] | None


def samples(outcomes: Iterable[Outcome]) -> list[Sample]:
    """A sample of each answer, in their order; what failed has none."""
    return [_sample(one) for one in outcomes if not one.error]


def _sample(outcome: Outcome) -> Sample:
    case = outcome.case
    words = [_words(one, outcome) for one in case.relevant]
    known = [each for each in words if each is not None]
    return Sample(
        outcome=outcome,
        answer=(outcome.text or outcome.marked) if "text" in outcome.answer else None,
        passages=[hit.text for hit in outcome.hits],
        expected=next(iter(case.expected), None),
        evidence=known if known and len(known) == len(words) else None,
    )


def _words(evidence: Evidence, outcome: Outcome) -> str | None:
    if evidence.quote:
        return evidence.quote
    span = evidence.span
    if span is not None:
        for hit in outcome.hits:
            # A hit whose text is not as long as its range was shaped for the search: no place in it is certain.
            exact = len(hit.text) == hit.end - hit.start
            if exact and hit.uri == evidence.uri and hit.start <= span[0] and span[1] <= hit.end:
                return hit.text[span[0] - hit.start : span[1] - hit.start]
    return None
