"""Whether an answer says what its passages say, and whether its citations stand at the right places.

The measures are those of ALCE (Gao et al. 2023, "Enabling Large Language Models to Generate Text with Citations"), with
one difference that matters: a claim is judged by Ragstone's own check `grounding`, by words, figures, names and
vectors, and not by a model of entailment. Figures can be compared with each other, and not with those of the paper.
"""

from __future__ import annotations

from abc import abstractmethod

from ragstone.evaluation.metrics.metric import Metric, Row, Tools
from ragstone.evaluation.outcomes import Outcome, Passage
from ragstone.protocols import Check, Embedder
from ragstone.text.language import detect
from ragstone.types import Chunk, Context, Hit
from ragstone.validation.grounding.check import GroundingCheck
from ragstone.validation.grounding.claims import Claim, claims
from ragstone.validation.segments import segments
from ragstone.verdicts import Subject

__all__ = ["CitationPrecision", "CitationRecall", "CitedRight", "Supported", "counted"]


async def counted(
    outcome: Outcome, *, embedder: Embedder | None = None, context: Context | None = None
) -> tuple[int, int, int, int]:
    """The claims of an answer; those that a passage supports; those that their own citations support; good citations.

    A citation stands for the passage that it quotes from, and is good where that passage alone supports the claim that
    it stands at. What cannot be told, as of a claim in a language that nothing here reads, counts as not supported.
    Kept passages lack the title and, without a citation, the heading: a name that stands only there counts as missing.
    """
    made = _claims(outcome)
    hits = _numbered(outcome)
    if not made or not hits:
        return len(made), 0, 0, 0
    check = GroundingCheck(embedder).begin(Subject(text="", stage="output", hits=hits))
    context = context or Context()
    supported = cited = good = 0
    for claim in made:
        numbers = _cites(claim, outcome)
        alone = [await _says(check, f"{claim.text} [{number}]", context) for number in numbers]
        together = any(alone) or (
            len(numbers) > 1 and await _says(check, f"{claim.text} [{', '.join(numbers)}]", context)
        )
        supported += together or await _says(check, claim.text, context)
        cited += together
        good += sum(alone)
    return len(made), supported, cited, good


async def _says(check: Check, text: str, context: Context) -> bool:
    """Whether the passages that a claim cites support it; all of them, for a claim that cites none.

    Every claim is told to stand at the same place, so that each takes the place of the one before, and the score, the
    share of claims without support, is its own.
    """
    found = await check.check(Subject(text=text, stage="output"), context=context)
    return found.score == 0


def _claims(outcome: Outcome) -> list[Claim]:
    """What an answer states outside of code, read in its language."""
    if not outcome.answers:
        return []
    prose = "".join(one.text for one in segments(outcome.marked) if not one.code)
    return list(claims(prose, language=detect(prose)))


def _cites(claim: Claim, outcome: Outcome) -> list[str]:
    """The numbers of a claim's citations, each once."""
    known = {str(number) for number in range(1, len(outcome.citations) + 1)}
    return [number for number in dict.fromkeys(claim.cites) if number in known]


def _numbered(outcome: Outcome) -> list[Hit]:
    """The passages of the citations in the order of their markers, then all others."""
    found = outcome.hits
    cited = [next((hit for hit in found if _within(one, hit)), one) for one in outcome.citations]
    headings = [str(one.get("heading") or "") for one in outcome.answer.get("citations", ())]
    read = [*zip(cited, headings, strict=True), *((hit, "") for hit in found if hit not in cited)]
    return [_hit(passage, heading, rank) for rank, (passage, heading) in enumerate(read, 1)]


def _within(quote: Passage, hit: Passage) -> bool:
    return quote.uri == hit.uri and hit.start <= quote.start and quote.end <= hit.end


def _hit(passage: Passage, heading: str, rank: int) -> Hit:
    chunk = Chunk(
        id=f"{passage.uri}#{passage.start}",
        document_id=passage.uri,
        uri=passage.uri,
        title="",
        text=passage.text,
        start=passage.start,
        end=passage.end,
        line=None,
        context=heading,
    )
    return Hit(chunk, rank, {})


# ── One figure of a suite ───────────────────────────────────────────────────────────────────────────────────────────


class _Grounded(Metric):
    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """The share of one answer; None where it abstains, or has nothing of which there could be a share."""
        if not outcome.answers:
            return None
        share = self._of(outcome, *(await tools.supported(outcome)))
        return None if share is None else (share,)

    @abstractmethod
    def _of(self, outcome: Outcome, claims: int, supported: int, cited: int, good: int) -> float | None: ...


class Supported(_Grounded):
    """Supported claims: the share of an answer's sentences that a passage says.

    supported = claims that a passage the model was given supports / claims, for each answer. Claims are sentences that
    state something: headings, questions and openers are none. Support is judged by Ragstone's check `grounding`.
    Range: 0 to 1, higher is better; the mean over the answers that claim something.
    Source: faithfulness in Es et al. 2024, "RAGAS"; judged by Ragstone's own check and not by a model.
    """

    def _of(self, outcome: Outcome, claims: int, supported: int, cited: int, good: int) -> float | None:
        return supported / claims if claims else None


class CitationRecall(_Grounded):
    """Citation recall: the share of an answer's sentences that the passages they cite support.

    citation_recall = claims that their own citations support / claims, for each answer; one that cites nothing counts
    as not supported. Support is judged by Ragstone's check `grounding`.
    Range: 0 to 1, higher is better; the mean over the answers that claim something.
    Source: Gao et al. 2023, "Enabling Large Language Models to Generate Text with Citations" (ALCE), whose judge is a
    model of entailment: figures cannot be compared with the paper's.
    """

    def _of(self, outcome: Outcome, claims: int, supported: int, cited: int, good: int) -> float | None:
        return cited / claims if claims else None


class CitationPrecision(_Grounded):
    """Citation precision: the share of an answer's citations that support the sentence they stand at.

    citation_precision = citations whose passage alone supports its claim / citations, for each answer; one that stands
    at two claims counts twice. Support is judged by Ragstone's check `grounding`. ALCE also lets a citation pass that
    supports a claim only together with another one; here it fails.
    Range: 0 to 1, higher is better; the mean over the answers that cite something.
    Source: Gao et al. 2023, "Enabling Large Language Models to Generate Text with Citations" (ALCE), whose judge is a
    model of entailment: figures cannot be compared with the paper's.
    """

    def _of(self, outcome: Outcome, claims: int, supported: int, cited: int, good: int) -> float | None:
        made = _citations(outcome)
        return good / made if made else None


def _citations(outcome: Outcome) -> int:
    """How often a claim of the answer has a citation."""
    return sum(len(_cites(claim, outcome)) for claim in _claims(outcome))


class CitedRight(Metric):
    """Right citations: the share of an answer's citations that point into a relevant document.

    cited_right = citations into a document of the case's `relevant` / citations, for each answer.
    Range: 0 to 1, higher is better; the mean over the answers that cite something.
    Source: Ragstone's own.
    """

    needs = frozenset({"relevant"})

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """The share of one answer."""
        cited = outcome.citations if outcome.answers else ()
        wanted = {one.uri for one in outcome.case.relevant}
        return (sum(one.uri in wanted for one in cited) / len(cited),) if cited else None
