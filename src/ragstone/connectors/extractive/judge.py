"""How likely each sentence of the passages answers the question."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ragstone.connectors.extractive.calibration import Calibration, Scale
from ragstone.connectors.extractive.candidates import Candidate, candidates
from ragstone.connectors.extractive.signals import Passage, Question, measured
from ragstone.connectors.extractive.vectors import MOST_WINDOWS, Window, similarities, windows
from ragstone.protocols import Embedder
from ragstone.text.language import detect
from ragstone.types import Chunk, Context, Hit

__all__ = ["Judged", "judge"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A sentence with its signals, and the scale on which they are weighed."""

    sentence: Candidate
    language: str
    scale: Scale
    signals: Mapping[str, float]

    @property
    def rank(self) -> float:
        """The log-odds that it holds the answer, if the passages do."""
        return self.scale.rank.log_odds(self.signals)

    @property
    def trust(self) -> float:
        """The log-odds that the documents hold an answer, if this is their best sentence."""
        return self.scale.trust.log_odds(self.signals)


async def judge(
    question: str, hits: Sequence[Hit], *, embedder: Embedder, calibration: Calibration, context: Context
) -> list[Judged]:
    """Every sentence that can be quoted, in the order of the passages."""
    judged = await asyncio.to_thread(_read, question, hits, embedder, calibration)
    close = await _close(question, [each for each in judged if each.scale.vectors], hits, embedder, context)
    return [replace(each, signals={**each.signals, **close.get(each.sentence, {})}) for each in judged]


def _read(question: str, hits: Sequence[Hit], embedder: Embedder, calibration: Calibration) -> list[Judged]:
    """The sentences with the signals that are read off their words."""
    fingerprint = embedder.fingerprint if hits and embedder.capabilities.token_vectors else None
    questions: dict[str, Question] = {}
    judged: list[Judged] = []
    for number, sentences in groupby(candidates(hits), key=lambda sentence: sentence.number):
        passage = Passage(hits[number - 1].chunk, _language(hits[number - 1].chunk))
        asked = questions.setdefault(passage.language, Question(question, passage.language))
        scale = calibration.scale(passage.language, fingerprint=fingerprint)
        judged += [
            Judged(sentence, passage.language, scale, measured(asked, passage, sentence)) for sentence in sentences
        ]
    return judged


async def _close(
    question: str, judged: Sequence[Judged], hits: Sequence[Hit], embedder: Embedder, context: Context
) -> Mapping[Candidate, Mapping[str, float]]:
    """The signals that need vectors, for the sentences that are worth running."""
    if not judged:
        return {}
    found = await asyncio.to_thread(_windows, judged, hits, embedder)
    return await similarities(Question(question, judged[0].language), found, embedder, context=context)


def _windows(judged: Sequence[Judged], hits: Sequence[Hit], embedder: Embedder) -> list[Window]:
    """The window with the most of the question's words of each passage, in their order; then the others."""
    context = {each.sentence: each.signals["context"] for each in judged}
    first: list[Window] = []
    others: list[Window] = []
    for number, sentences in groupby(context, key=lambda sentence: sentence.number):
        found = windows(hits[number - 1].chunk.text, list(sentences), embedder)
        ranked = sorted(found, key=lambda window: -max(context[each] for each in window.sentences))
        first += ranked[:1]
        others += ranked[1:]
    return [*first, *others][:MOST_WINDOWS]


def _language(chunk: Chunk) -> str:
    """What the ingestion found, for the whole document; a chunk alone may be too short to tell."""
    found = chunk.metadata.get("lang")
    return found if isinstance(found, str) else detect(chunk.text)
