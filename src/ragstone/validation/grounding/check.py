"""The check `grounding`: every sentence of an answer is tied to the passages that it cites."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ragstone.errors import ConfigError
from ragstone.protocols import Check, Embedder, Reranker
from ragstone.text.language import detect
from ragstone.types import Context
from ragstone.validation.apart import Breaths, apart
from ragstone.validation.grounding.claims import Claim, claims
from ragstone.validation.grounding.facts import denies, faults
from ragstone.validation.grounding.markers import markers
from ragstone.validation.grounding.passages import Passages
from ragstone.validation.grounding.support import THRESHOLD, Support
from ragstone.verdicts import PASSED, Finding, Flaw, Subject

__all__ = ["GroundingCheck"]

ENTAILS = 0.5
"""The score from which on a reranker that reads entailment has found it, where nobody says otherwise."""

HEARD = 2_000  # characters of an answer by which its language is told
TELLING = 60  # with fewer, one of the passages' languages is assumed
THOROUGH = 500  # claims of one answer whose names are looked for in every form: an answer of 1 MB must end
MOST_NAMED = 3  # reasons of one segment
TOLD = {
    "marker": "a marker points nowhere",
    "quote": "no passage says a quote of it",
    "number": "no passage holds a number of it",
    "name": "no passage holds a name of it",
    "unsupported": "no passage supports a sentence of it",
}
"""What is said of each kind of flaw where its sentence was taken out."""


class GroundingCheck(Check):
    """Fails a sentence that the passages it cites do not say; one without a marker is compared with all passages.

    Each flaw has a label: `marker` points nowhere, `quote`, `number` and `name` stand in no cited passage, and
    `unsupported` is what none of them supports.

    `embedder` compares meanings where words leave it open: the index's, unless another is given. `nli` does so in its
    place, reading pairs of passage and sentence: from the score `entails` on the passage holds what the sentence says.
    `threshold` is how probable support must be. The finding's score is the share of sentences without it.
    """

    whole = False
    cumulative = True

    def __init__(
        self,
        embedder: Embedder | None = None,
        *,
        nli: Reranker | None = None,
        entails: float | None = None,
        threshold: float = THRESHOLD,
    ) -> None:
        if not 0 < threshold < 1:
            raise ConfigError("threshold is out of range", expected="between 0 and 1", found=str(threshold))
        if entails is not None and nli is None:
            raise ConfigError(
                "entails has no effect here", expected="a reranker beside it, as `nli`", found=str(entails)
            )
        self.embedder, self.nli, self.threshold = embedder, nli, threshold
        self.entails = ENTAILS if entails is None else entails
        self.cost = "model" if nli is not None else "vectors" if embedder is not None else "rules"

    def begin(self, subject: Subject) -> Check:
        """The same for one answer: what it has said so far counts."""
        return _Answer(self, Passages(subject.hits))

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """Judges a text by itself."""
        return await self.begin(subject).check(subject, context=context)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What came of the claims of one segment: how many are supported, of how many that could be judged."""

    supported: int
    claims: int


class _Answer(Check):
    """The check of one answer. Segments are told apart by where they stand, so that one which is mended counts once."""

    whole = False
    cumulative = True

    def __init__(self, settings: GroundingCheck, passages: Passages) -> None:
        self.cost = settings.cost
        self._passages = passages
        self._support = Support(passages, settings.embedder, settings.nli, entails=settings.entails)
        self._threshold = settings.threshold
        self._heard, self._spoken = "", ""
        self._judged: dict[int, _Judged] = {}
        self._supported = self._claims = 0  # of all segments together
        self._read = False  # whether the passages are

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """Judges the claims of a segment."""
        if subject.code or not self._passages.all:
            return PASSED
        if not self._read:
            await asyncio.to_thread(self._passages.read)
            self._read = True
        flaws: list[Flaw] = []
        supported = judged = 0
        text, language, breaths = subject.text, self._language(subject.text), Breaths()
        said = await apart(len(text), lambda: list(claims(text, language=language, prompt=subject.prompt)))
        for claim in said:
            await breaths.take()
            faulty, counted = await self._faulty(claim, subject.text, context)
            flaws += faulty
            judged += counted
            supported += counted and not any(flaw.label != "marker" for flaw in faulty)
        self._count(subject.offset, _Judged(supported, judged))
        telling = [flaw for flaw in flaws if flaw.label != "unsupported"] or flaws
        reason = "; ".join(list(dict.fromkeys(flaw.reason for flaw in telling))[:MOST_NAMED])
        score = 1 - self._supported / self._claims if self._claims else None
        told = "; ".join(TOLD[label] for label in dict.fromkeys(flaw.label for flaw in telling))
        return Finding(passed=not flaws, reason=reason, flaws=tuple(flaws), score=score, told=told)

    def _count(self, offset: int, found: _Judged) -> None:
        """Takes a segment into account, in place of what stood there before."""
        before = self._judged.get(offset, _Judged(0, 0))
        self._supported += found.supported - before.supported
        self._claims += found.claims - before.claims
        self._judged[offset] = found

    def _language(self, text: str) -> str:
        """Of the answer, as far as it was heard; a short one is in a language of the passages, where it may be."""
        if len(self._heard) < HEARD:
            self._heard += text[:HEARD]
            among = tuple(self._passages.languages) if len(self._heard) < TELLING else ()
            self._spoken = detect(self._heard, among=among)
        return self._spoken

    async def _faulty(self, claim: Claim, text: str, context: Context) -> tuple[list[Flaw], bool]:
        """What is wrong with a claim, and whether anything could be told of it."""
        cited, unknown = self._passages.cited(claim.cites)
        found: list[Flaw] = []
        if unknown:
            count = len(self._passages.all)
            named = ", ".join(f"[{number}]" for number in unknown)
            reason = f"{named} points nowhere: there are {count} passages"
            found += [Flaw(start, end, reason, "marker") for start, end in _marks(claim, text, unknown)]
        among = cited or list(range(len(self._passages.all)))
        whose = [self._passages.all[place] for place in among]
        native = any(self._support.reads(claim, place) for place in among)
        thorough = self._claims < THOROUGH
        stated = await apart(len(claim.text), lambda: list(faults(claim, whose, native=native, thorough=thorough)))
        found += [Flaw(claim.start, claim.end, one.reason, one.label) for one in stated]
        support = await self._support.judge(claim, among, context=context)
        which = "no cited passage" if cited else "no passage"
        if support is not None and support.probability < self._threshold:
            found.append(Flaw(claim.start, claim.end, f"{which} supports this sentence", "unsupported"))
        elif support is not None and support.near and _denied(claim, support.near):
            found.append(Flaw(claim.start, claim.end, f"{which} denies what it denies", "unsupported"))
        return found, bool(stated) or support is not None


def _denied(claim: Claim, near: Sequence[str]) -> bool:
    """Whether a claim denies something, and nothing of what comes nearest to it does."""
    return denies(claim.text, claim.language) and not any(denies(text, claim.language) for text in near)


def _marks(claim: Claim, text: str, unknown: Sequence[str]) -> list[tuple[int, int]]:
    """Where the markers of a claim stand that name no passage at all."""
    said = text[claim.start : claim.end]
    return [
        (claim.start + one.start, claim.start + one.end)
        for one in markers(said)
        if all(number in unknown for number in one.numbers)
    ]
