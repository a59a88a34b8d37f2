"""What can be read off a prompt that tells whether a small model will do, without asking any."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log1p
from statistics import fmean

from ragstone.text.analyzer import query_terms, terms
from ragstone.text.features import comparisons, dates, expected, names, negations, numbers
from ragstone.text.language import detect
from ragstone.text.sentences import sentences
from ragstone.types import Hit, Prompt

__all__ = ["FEATURES", "features"]

FEATURES = {
    "score": "score of the best passage",
    "gap": "its lead over the second one",
    "spread": "its lead over the mean",
    "dense": "likeness of meaning of the nearest passage",
    "lexical": "BM25 of the best passage",
    "rerank": "the reranker's best score",
    "found": "passages found",
    "covered": "question's words in the passages",
    "covered_first": "question's words in the best passage",
    "covered_sentence": "question's words in one sentence",
    "words": "length of the question",
    "sentences": "questions in one",
    "numbers": "numbers in the question",
    "dates": "dates in the question",
    "names": "names in the question",
    "negated": "negations in the question",
    "compares": "comparisons in the question",
    "asks_fact": "asks when, how many, who or where",
    "asks_meaning": "asks what something is",
    "tokens": "length of the prompt",
    "form": "an answer of a form is asked for",
    "calls": "calls that its layers make",
    "history": "earlier turns",
}
"""Each feature by its name, with what it measures. A change here makes every calibration that was made before void."""

FINAL = "final"  # the score that passages are ordered by; see retrieval


def features(prompt: Prompt) -> tuple[float, ...]:
    """The values of FEATURES, in their order. Counts are taken as logarithms of one more, shares lie in [0, 1].

    Of a prompt without a question or passages, what these would tell is 0.
    """
    slot = prompt.slot("retrieved")
    hits = slot.hits if slot is not None else ()
    question = _question(prompt)
    found = {**_of_search(hits), **_of_question(question, hits), **_of_prompt(prompt)}
    return tuple(float(found[name]) for name in FEATURES)


def _question(prompt: Prompt) -> str:
    """What is asked: the input of that name, or else the last text of a user that is no earlier turn."""
    given = [slot for slot in prompt.slots if slot.trust == "user" and slot.name not in ("history", "examples")]
    named = [slot.text for slot in given if slot.name == "question"]
    return named[0] if named else given[-1].text if given else ""


def _of_search(hits: Sequence[Hit]) -> dict[str, float]:
    scores = sorted((hit.scores.get(FINAL, max(hit.scores.values(), default=0.0)) for hit in hits), reverse=True)
    first = scores[0] if scores else 0.0
    return {
        "score": first,
        "gap": first - scores[1] if len(scores) > 1 else 0.0,
        "spread": first - fmean(scores) if scores else 0.0,
        "dense": _best(hits, "dense"),
        "lexical": log1p(max(0.0, _best(hits, "lexical"))),
        "rerank": _best(hits, "rerank"),
        "found": log1p(len(hits)),
    }


def _best(hits: Iterable[Hit], name: str) -> float:
    return max((hit.scores[name] for hit in hits if name in hit.scores), default=0.0)


def _of_question(question: str, hits: Sequence[Hit]) -> dict[str, float]:
    language = detect(question)
    wanted = frozenset(query_terms(question, languages=(language,))) if question.strip() else frozenset[str]()
    texts = [hit.chunk.text for hit in sorted(hits, key=lambda hit: hit.rank)]
    found = [frozenset(terms(text, language=language)) for text in texts]
    best = max(range(len(texts)), key=lambda at: len(wanted & found[at]), default=None)
    lines = [] if best is None else [texts[best][start:end] for start, end in sentences(texts[best])]
    parts = [frozenset(terms(line, language=language)) for line in lines]
    kind = expected(question, language=language)
    return {
        "covered": _share(wanted, [frozenset[str]().union(*found)]),
        "covered_first": _share(wanted, found[:1]),
        "covered_sentence": _share(wanted, parts),
        "words": log1p(len(terms(question, language=language))),
        "sentences": log1p(max(0, sum(question.count(mark) for mark in "?？؟") - 1)),
        "numbers": log1p(len(numbers(question, language=language))),
        "dates": log1p(len(dates(question))),
        "names": log1p(len(names(question))),
        "negated": log1p(len(negations(question, language=language))),
        "compares": log1p(len(comparisons(question, language=language))),
        "asks_fact": kind in ("time", "number", "name"),
        "asks_meaning": kind == "definition",
    }


def _share(wanted: frozenset[str], among: Sequence[frozenset[str]]) -> float:
    """Of the terms that are wanted, the most that one text holds."""
    return max((len(wanted & each) for each in among), default=0) / len(wanted) if wanted else 0.0


def _of_prompt(prompt: Prompt) -> dict[str, float]:
    return {
        "tokens": log1p(prompt.tokens),
        "form": prompt.output is not None,
        "calls": log1p(prompt.calls),
        "history": log1p(sum(slot.name == "history" for slot in prompt.slots)),
    }
