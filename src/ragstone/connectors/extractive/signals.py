"""How well a sentence meets a question, read off its words: four numbers from 0 to 1.

None depends on the other passages or on the size of the index, so a single note is judged as one of a thousand is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ragstone.connectors.extractive.candidates import Candidate
from ragstone.text.analyzer import query_terms, terms
from ragstone.text.features import Kind, answers, expected
from ragstone.types import Chunk

__all__ = ["Passage", "Question", "measured"]

_PREFIX = 4  # characters that related forms of a word share at least
_ALIKE = 0.6  # of the longer form

Terms = dict[str, set[str]]  # by their first characters


@dataclass(frozen=True)
class Question:
    """A question as it is put to passages in one language."""

    text: str
    language: str

    @cached_property
    def terms(self) -> tuple[str, ...]:
        """What it asks about, each term once."""
        return tuple(dict.fromkeys(query_terms(self.text, languages=[self.language])))

    @cached_property
    def kind(self) -> Kind | None:
        """What it asks for."""
        return expected(self.text, language=self.language)


@dataclass(frozen=True)
class Passage:
    """A chunk as its sentences are measured: the headings that it stands under belong to the words around them."""

    chunk: Chunk
    language: str

    @cached_property
    def terms(self) -> Terms:
        """The terms of the passage and its headings."""
        return _terms((self.chunk.title, *self.chunk.heading, self.chunk.text), self.language)

    def around(self, sentence: Candidate) -> Terms:
        """The terms of the headings of a sentence and of the sentence before it."""
        headings = self.chunk.heading_at(self.chunk.start + sentence.start)
        return _terms((self.chunk.title, *headings, sentence.before), self.language)


def measured(question: Question, passage: Passage, sentence: Candidate) -> dict[str, float]:
    """The signals by name: coverage, context, passage, kind.

    `coverage` is the share of the question's terms in the sentence, `context` in the sentence with its headings and the
    sentence before it ("Its lead is …" needs them), `passage` in the whole passage; `kind` says whether the sentence
    holds what is asked for, a date for a "when".
    """
    own = _terms((sentence.text,), passage.language)
    around = passage.around(sentence)
    shares = [_share(term, own) for term in question.terms]
    wider = [max(share, _share(term, around)) for share, term in zip(shares, question.terms, strict=True)]
    return {
        "coverage": _mean(shares),
        "context": _mean(wider),
        "passage": _mean([_share(term, passage.terms) for term in question.terms]),
        "kind": _fit(question, sentence),
    }


def _terms(texts: Iterable[str], language: str) -> Terms:
    found: Terms = {}
    for text in texts:
        for term in terms(text, language=language):
            found.setdefault(term[:_PREFIX], set()).add(term)
    return found


def _share(term: str, among: Terms) -> float:
    """1 for the term itself; for a related form the share of its characters that agree, which stemmers leave apart.

    >>> _share("regierung", {"regi": {"regierungen"}})
    0.8181818181818182
    """
    if len(term) < _PREFIX:
        return float(term in among.get(term, ()))
    return max((_likeness(term, other) for other in among.get(term[:_PREFIX], ())), default=0.0)


def _likeness(one: str, other: str) -> float:
    if one == other:
        return 1.0
    agree = next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    share = agree / max(len(one), len(other))
    return share if share >= _ALIKE else 0.0


def _fit(question: Question, sentence: Candidate) -> float:
    """1 or 0 where it can be told whether the sentence holds what is asked for, else the middle."""
    if question.kind is None:
        return 0.5
    fits = answers(sentence.text, question.kind, question=question.text, language=question.language)
    return 0.5 if fits is None else float(fits)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
