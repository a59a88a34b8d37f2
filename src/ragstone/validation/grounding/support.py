"""Whether a passage says what a claim says: by its words, and where these leave it open, by vectors or by a model.

`benchmarks/safety.py grounding` fits the scales on public questions, and prints them and what they are worth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ragstone.errors import EmbedderError
from ragstone.protocols import Embedder, Reranker
from ragstone.text.language import UNKNOWN
from ragstone.types import Context
from ragstone.validation.apart import apart
from ragstone.validation.grounding.claims import Claim
from ragstone.validation.grounding.facts import UNSPACED
from ragstone.validation.grounding.passages import Coverage, Passages

if TYPE_CHECKING:
    from ragstone.types import Vector

__all__ = ["LEXICAL", "SEMANTIC", "SPACELESS", "THRESHOLD", "Scale", "Support", "Supported"]


@dataclass(frozen=True, slots=True)
class Scale:
    """A logistic model of how likely a passage says what a claim does, by how much of it stands there.

    >>> round(Scale(-2.0, near=4.0).probability(Coverage(near=0.5)), 2)
    0.5
    """

    intercept: float
    near: float = 0.0
    passage: float = 0.0
    cosine: float = 0.0

    def probability(self, coverage: Coverage, cosine: float = 0.0) -> float:
        """That the passage supports the claim, in (0, 1)."""
        odds = self.intercept + self.near * coverage.near + self.passage * coverage.passage + self.cosine * cosine
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))


LEXICAL = Scale(-3.82, near=6.68, passage=6.8)
"""By words alone, in a language that puts spaces between them."""
SPACELESS = Scale(-3.44, near=4.3, passage=4.58)
"""By runs of characters alone: Chinese, Japanese, Thai."""
SEMANTIC = Scale(-5.98, near=3.83, passage=3.86, cosine=6.1)
"""By words and vectors, for claims and passages that the embedder reads."""

OPEN = (0.1, 0.97)
"""Between these probabilities words alone leave it open."""
THRESHOLD = 0.5
READ = 3  # passages, the best ones, of which a model reads all, and whose nearest sentences count
MOST_EMBEDDED = 256  # claims of one answer whose vectors are asked for: an answer of 1 MB must end


@dataclass(frozen=True, slots=True)
class Supported:
    """How likely a claim is supported, and what of the passages comes nearest to it in words."""

    probability: float
    near: tuple[str, ...] = ()


@dataclass(slots=True)
class Support:
    """Judges the claims of one answer. `entails` is the score from which on `nli` says that a passage holds a claim."""

    passages: Passages
    embedder: Embedder | None = None
    nli: Reranker | None = None
    entails: float = 0.5
    _vectors: dict[str, Vector] = field(default_factory=dict[str, "Vector"])
    _embedded: int = 0

    async def judge(self, claim: Claim, among: Sequence[int], *, context: Context) -> Supported | None:
        """How likely one of these passages supports a claim; None where nothing can tell."""
        native = [place for place in among if self.reads(claim, place)]
        covered = await apart(len(claim.text), lambda: self.passages.coverage(claim.text, native) if native else [])
        near = tuple(text for place, one in covered[:READ] for text in self._near(place, one))
        scale = SPACELESS if claim.language in UNSPACED else LEXICAL
        best = max((scale.probability(one) for _, one in covered), default=None)
        if best is None or OPEN[0] < best < OPEN[1]:
            if self.nli is not None:
                best = await self._entailed(claim, [place for place, _ in covered] or list(among), context)
            else:
                meant = await self._meant(claim, covered, among, context)
                best = best if meant is None else meant
        return None if best is None else Supported(best, near)

    def _near(self, place: int, coverage: Coverage) -> list[str]:
        """The sentences of a passage that hold the most of a claim."""
        return [self.passages.all[place].sentences[at] for at in coverage.sentences]

    def reads(self, claim: Claim, place: int) -> bool:
        """Whether a claim is in the language of a passage, as far as can be told."""
        language = self.passages.all[place].language
        return UNKNOWN in (claim.language, language) or claim.language == language

    async def _entailed(self, claim: Claim, among: Sequence[int], context: Context) -> float:
        """1 where the model says so of one passage, else 0; the most likely one is read first."""
        assert self.nli is not None, "who calls it has one"
        for place in among[:READ]:
            (score,) = await self.nli.scores(self.passages.all[place].text, [claim.text], context=context)
            if score >= self.entails:
                return 1.0
        return 0.0

    # ── Vectors ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _meant(
        self, claim: Claim, covered: Sequence[tuple[int, Coverage]], among: Sequence[int], context: Context
    ) -> float | None:
        """By the cosine to the nearest sentence of each passage; None where the embedder reads one of both not."""
        if self.embedder is None or self._embedded >= MOST_EMBEDDED:
            return None
        coverage = dict(covered)
        readable = [place for place in among if self._read(claim.language) and self._read_passage(place)]
        if not readable:
            return None
        self._embedded += 1
        odds: list[float] = []
        for place in readable:
            one = coverage.get(place, Coverage())
            odds.append(SEMANTIC.probability(one, await self.cosine(claim, place, one, context=context)))
        return max(odds)

    async def cosine(self, claim: Claim, place: int, coverage: Coverage, *, context: Context) -> float:
        """To the nearest sentence of a passage, or to the two together that hold the most of the claim's words."""
        assert self.embedder is not None, "who calls it has one"
        near = self._near(place, coverage)
        texts = [*self.passages.all[place].sentences, *([" ".join(near)] if len(near) > 1 else [])]
        vectors = await self._embed([claim.text, *texts], self.embedder, context)
        own = vectors[claim.text]
        return max((float(own @ vectors[text]) for text in texts), default=0.0)

    def _read(self, language: str) -> bool:
        reads = self.embedder.languages if self.embedder is not None else None
        return reads is None or language in {*reads, UNKNOWN}

    def _read_passage(self, place: int) -> bool:
        return self._read(self.passages.all[place].language)

    async def _embed(self, texts: Sequence[str], embedder: Embedder, context: Context) -> Mapping[str, Vector]:
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if new:
            cut = [_within(text, embedder) for text in new]
            self._vectors.update(zip(new, await embedder.embed_once(cut, context=context), strict=True))
        return self._vectors


def _within(text: str, embedder: Embedder) -> str:
    """As much of a text as the embedder reads."""
    room = embedder.window - 2  # special tokens
    try:
        _, places = embedder.tokens(text)
    except EmbedderError:  # it has no tokenizer
        return text[:room]
    return text if len(places) <= room else text[: places[room - 1][1]]
