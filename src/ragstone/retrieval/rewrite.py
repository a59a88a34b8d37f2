"""What a model says when it is asked to put a question in other words, and how what these words find is joined."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ragstone.retrieval.fuse import Fused

__all__ = ["Query", "merged", "one_query", "passage", "plain", "queries"]

LONGEST = 500  # characters of a query; a model that says more has answered, or has lost the thread
LONGEST_LINE = 2 * LONGEST  # characters of a line with what stands around its query
LONGEST_SAID = 20_000  # characters of an answer that are read
LONGEST_PASSAGE = 3000  # characters of a made-up passage that are read; an embedder may read fewer
PARTS = "decompose"  # the way whose queries ask for different things
BESIDE = 0.5
"""What all other words together weigh beside the question's own: see `merged`. With it, words that are half of the
question's gain most on three collections, and those of another question cost 1.7 points of nDCG@10 × 100, where
reciprocal rank fusion loses 22.9. `benchmarks/rewriting.py` prints it."""

_THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"^[^\S\n]*```\w*[^\S\n]*$", re.MULTILINE)
_LABEL = re.compile(
    r"^\s*(?:[-*•‣·–—]+\s+|[(\[]?\d{1,2}(?:[.:](?!\d)|[)\]、．])\s*|#{1,6}\s+|(?:question|query|variant|q|frage|variante|pregunta|问题)"
    r"\s*\d{0,2}\s*[:：]\s*)+",
    re.IGNORECASE,
)
_QUOTES = "\"'`“”„‟‘’‚«»‹›「」『』*_ \t"
_WORDS = re.compile(r"\w+")
_PREAMBLE = re.compile(r"[:：]\s*$")


@dataclass(frozen=True, slots=True)
class Query:
    """Words that are searched for. `way` is the rewriting that made them, empty for what a person has asked.

    A `passage` is like what is sought: it is embedded as passages are, and its words are not looked up.
    """

    text: str
    way: str = ""
    passage: bool = False


def queries(said: str, *, most: int, besides: Sequence[str] = (), cut: bool = False) -> list[str]:
    r"""At most that many queries of a model's answer: lines or a list in JSON, without numbers, bullets and quotes.

    What is empty, too long, or no other than one before it or one of `besides` is left out. `cut` says that the answer
    ends in the middle of its last line.

    >>> queries("Here are two:\n1. How long is a chunk?\n2. “chunk size”", most=4, besides=["how long is a chunk"])
    ['chunk size']
    """
    text = _FENCE.sub("", _THOUGHT.sub("", said)[:LONGEST_SAID]).strip()
    listed = _listed(text)
    lines = [_cleaned(line) for line in (text.splitlines() if listed is None else listed)]
    if cut and len(lines) > 1:
        lines = lines[:-1]
    known = {plain(one) for one in besides}
    found: list[str] = []
    for line in lines:
        key = plain(line)
        if key and key not in known and len(line) <= LONGEST and not _PREAMBLE.search(line):
            known.add(key)
            found.append(line)
    return found[:most]


def one_query(said: str, *, besides: Sequence[str] = (), cut: bool = False) -> str | None:
    """The one query of an answer; None where there is none, or several: then it was not understood.

    >>> one_query('"How many days of leave do interns have?"')
    'How many days of leave do interns have?'
    """
    found = [] if cut else queries(said, most=2, besides=besides)
    return found[0] if len(found) == 1 else None


def passage(said: str) -> str | None:
    """A made-up passage, on one line; None where it has no word."""
    text = " ".join(_FENCE.sub("", _THOUGHT.sub("", said)[:LONGEST_SAID]).split()).strip(_QUOTES)
    return text[:LONGEST_PASSAGE] if plain(text) else None


def merged(rankings: Sequence[Fused], *, ways: Sequence[str]) -> Fused:
    """One ranking of several: that of the question itself stands first, `ways` names the others.

    score = (own + BESIDE · mean over the ways) / (1 + BESIDE), each ranking stretched so that its best hit counts 1. Of
    the queries of one way the mean counts, since they ask for the same thing; of the parts of a question the best,
    since each asks for another. Of the first 2n hits at least n are the first n of the question itself, whatever else
    is found: what it finds first stays among the first two. A hit has a score more for each way that found it.

    >>> own, other = [("a", {"fused": 0.8}), ("b", {"fused": 0.2})], [("c", {"fused": 0.9})]
    >>> [id_ for id_, _ in merged([own, other], ways=["hyde"])]
    ['a', 'c', 'b']
    """
    if len(rankings) < 2:
        return list(rankings[0]) if rankings else []
    own, *rest = rankings
    shares: dict[str, list[dict[str, float]]] = {}
    for ranking, way in zip(rest, ways, strict=True):
        if ranking:
            shares.setdefault(way, []).append(_shares(ranking))
    parts = {way: _part(each, best=way == PARTS) for way, each in shares.items()}
    first, named = _shares(own), dict(own)
    scores: dict[str, dict[str, float]] = {}
    for id_ in dict.fromkeys([*first, *(id_ for part in parts.values() for id_ in part)]):
        beside = {way: part[id_] for way, part in parts.items() if id_ in part}
        mean = sum(beside.values()) / max(len(parts), 1)
        fused = (first.get(id_, 0.0) + BESIDE * mean) / (1 + BESIDE)
        scores[id_] = {**named.get(id_, {}), **beside, "fused": fused}
    ranked = sorted(scores, key=lambda id_: (-scores[id_]["fused"], id_))
    return _held(ranked, list(first), scores)


def _shares(ranking: Fused) -> dict[str, float]:
    """The score of each hit as a share of the best one's."""
    best = max((own["fused"] for _, own in ranking), default=0.0)
    return {id_: own["fused"] / best if best > 0 else 0.0 for id_, own in ranking}


def _part(found: Sequence[Mapping[str, float]], *, best: bool) -> dict[str, float]:
    """What the queries of one way make of each hit."""
    every = dict.fromkeys(id_ for one in found for id_ in one)
    if best:
        return {id_: max(one.get(id_, 0.0) for one in found) for id_ in every}
    return {id_: sum(one.get(id_, 0.0) for one in found) / len(found) for id_ in every}


def _held(ranked: Sequence[str], own: Sequence[str], scores: Mapping[str, dict[str, float]]) -> Fused:
    """The ranking, in which of the first 2n at least n are the first n of `own`; scores never rise on the way down."""
    made, placed, at = Fused(), set[str](), 0
    due = 0  # so many of `own` are placed for sure
    while len(made) < len(ranked):
        while ranked[at] in placed:
            at += 1
        while due < len(own) and own[due] in placed:
            due += 1
        late = due < len(own) and due < (len(made) + 1) // 2
        id_ = own[due] if late else ranked[at]
        score = max(scores[id_]["fused"], scores[ranked[at]]["fused"])
        made.append((id_, {**scores[id_], "fused": score}))
        placed.add(id_)
    return made


def _listed(text: str) -> list[str] | None:
    """The texts of a list in JSON, also of one under a key; None where it is no such list."""
    if not text.startswith(("[", "{")):
        return None
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict):
        value = next(filter(_is_listed, cast("dict[str, Any]", value).values()), None)
    if isinstance(value, str):
        return [value]
    return [one for one in cast("list[Any]", value) if isinstance(one, str)] if isinstance(value, list) else None


def _is_listed(value: object) -> bool:
    return isinstance(value, list | str)


def _cleaned(line: str) -> str:
    """A line without what a model writes around it."""
    if len(line) > LONGEST_LINE:
        return ""
    text = _LABEL.sub("", " ".join(line.split())).strip(_QUOTES)
    return text.removesuffix(",").strip(_QUOTES)


def plain(text: str) -> str:
    """The words of a query, by which it is told from others; "" for one without any."""
    return " ".join(_WORDS.findall(text.casefold()))
