"""Ties each claim of an answer to the words of a document that support it.

    "A chunk holds 200 tokens [3]."   the third passage: "… A chunk holds 200 tokens by default. …"
    "A chunk holds 200 tokens [1]."   citation 1: the range of "A chunk holds 200 tokens" in its document

A marker is trusted to name the passage, and nothing more: the words are looked up in the passage itself, so a quote is
always what the document says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from ragstone.text.analyzer import terms
from ragstone.text.language import detect
from ragstone.text.sentences import sentences
from ragstone.types import Chunk, Citation, Hit, Verdict
from ragstone.validation.grounding.claims import LIST_MARK, QUOTED
from ragstone.validation.grounding.markers import carriers, markers, without_unknown

__all__ = ["cite", "cite_all"]

SHORTEST_QUOTE = 12
"""Characters. A shorter claim ("In 1932") is found by chance, and tells a reader nothing; its sentence does."""

_EDGES = " \t\r\n\"'“”„«».,:;!?…。！？，、；："
_MARKUP = "*_`"
# Only scripts that put spaces between words have an edge of a word to respect.
_SPACED = r"[^\W\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"


def cite(text: str, hits: Sequence[Hit]) -> tuple[str, tuple[Citation, ...], Verdict]:
    """The answer with its markers renumbered from 1, a citation for each number, and whether every marker was right.

    Markers in `text` are the numbers of `hits`, from 1. One without a hit is taken out and fails the check, and so does
    an answer that cites nothing.
    """
    (said,), citations, verdict = cite_all([text], hits)
    return said, citations, verdict


def cite_all(texts: Sequence[str], hits: Sequence[Hit]) -> tuple[tuple[str, ...], tuple[Citation, ...], Verdict]:
    """What `cite` does, for several texts that make up one answer: their citations are numbered together."""
    passages = {str(number): _Passage(hit.chunk) for number, hit in enumerate(hits, 1)}
    citations: dict[tuple[str, int, int], Citation] = {}
    unknown: list[str] = []
    said = [_cited(text, passages, citations, unknown) for text in texts]
    return tuple(said), tuple(citations.values()), _verdict(unknown, len(hits), bool(citations))


def _cited(
    text: str, passages: Mapping[str, _Passage], citations: dict[tuple[str, int, int], Citation], unknown: list[str]
) -> str:
    """One text with its markers renumbered. Adds its citations, and the numbers that name no passage."""
    text, gone = without_unknown(text, passages.keys())
    unknown += gone
    marked = list(markers(text))
    pieces: list[str] = []
    at = 0
    for marker, claim in zip(marked, carriers(text, marked), strict=True):
        unknown += [number for number in marker.numbers if number not in passages]
        numbers: list[int] = []
        for passage in (passages[number] for number in marker.numbers if number in passages):
            found = passage.citation(claim, len(citations) + 1)
            numbers.append(citations.setdefault((passage.chunk.document_id, found.start, found.end), found).number)
        pieces += [text[at : marker.start], *(f"[{number}]" for number in dict.fromkeys(numbers))]
        at = marker.end
    return "".join([*pieces, text[at:]])


def _verdict(unknown: Sequence[str], passages: int, cited: bool) -> Verdict:
    reasons: list[str] = []
    if unknown:
        named = ", ".join(f"[{number}]" for number in dict.fromkeys(unknown))
        reasons.append(f"the answer cites {named}, and there are {passages} passages")
    if not cited:
        reasons.append("the answer cites no passage")
    return Verdict(check="citations", passed=not reasons, reason="; ".join(reasons))


# ── The words in a passage ──────────────────────────────────────────────────────────────────────────────────────────


class _Passage:
    """A chunk, read as far as its claims need it."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self._found: dict[str, tuple[int, int]] = {}

    def citation(self, claim: str, number: int) -> Citation:
        """The words of this passage that support a claim."""
        chunk = self.chunk
        if claim not in self._found:  # many markers may stand in one sentence
            self._found[claim] = self._verbatim(claim) or self._nearest(claim) or self._whole
        first, last = self._found[claim]
        start = chunk.start + first
        return Citation(
            number=number,
            uri=chunk.uri,
            page=chunk.page_at(start),
            heading=" › ".join(chunk.heading_at(start)) or None,
            line=chunk.line_at(start),
            start=start,
            end=chunk.start + last,
            quote=chunk.text[first:last],
            chunk_id=chunk.id,
        )

    def _verbatim(self, claim: str) -> tuple[int, int] | None:
        """Where the claim, or what it puts in quotation marks, stands in the passage word for word."""
        own, places = self._folded
        said = LIST_MARK.sub("", claim, count=1)
        quoted = sorted((match["words"] for match in QUOTED.finditer(said)), key=len, reverse=True)
        for words in (said, said.strip(_EDGES), *quoted):
            wanted = _fold(words)[0].strip()
            if len(wanted) < SHORTEST_QUOTE:
                continue
            opens = rf"(?<!{_SPACED})" if re.match(_SPACED, wanted) else ""
            closes = rf"(?!{_SPACED})" if re.match(_SPACED, wanted[-1]) else ""
            if found := re.search(opens + re.escape(wanted) + closes, own):
                return self._with_markup(places[found.start()], places[found.end() - 1] + 1)
        return None

    def _with_markup(self, start: int, end: int) -> tuple[int, int]:
        """The range with the emphasis and code marks that touch it."""
        text = self.chunk.text
        head, tail = text[:start], text[end:]
        return start - len(head) + len(head.rstrip(_MARKUP)), end + len(tail) - len(tail.lstrip(_MARKUP))

    def _nearest(self, claim: str) -> tuple[int, int] | None:
        """The sentence, or two neighbours, that share the most words with the claim; None when none shares any.

        Dice's coefficient (Dice, Ecology 26, 1945), where a word counts the less the more sentences hold it.
        """
        wanted = set(terms(claim, language=self._language))
        often = Counter(term for words in self._words for term in words)

        def weight(words: set[str]) -> float:
            return sum(1 / often[word] if word in often else 1.0 for word in words)

        best, where = 0.0, None
        for (start, end), words in self._runs():
            if shared := weight(wanted & words):
                score = 2 * shared / (weight(wanted) + weight(words))
                if score > best:
                    best, where = score, (start, end)
        return where

    def _runs(self) -> Iterator[tuple[tuple[int, int], set[str]]]:
        """Every sentence, then every two neighbours of one paragraph, each with its words."""
        text, spans, words = self.chunk.text, self._sentences, self._words
        yield from zip(spans, words, strict=True)
        for index in range(len(spans) - 1):
            (start, middle), (after, end) = spans[index], spans[index + 1]
            if text[start] != "#" and text.count("\n", middle, after) < 2:
                yield (start, end), words[index] | words[index + 1]

    @cached_property
    def _folded(self) -> tuple[str, list[int]]:
        return _fold(self.chunk.text)

    @cached_property
    def _sentences(self) -> list[tuple[int, int]]:
        return sentences(self.chunk.text)

    @cached_property
    def _words(self) -> list[set[str]]:
        return [set(terms(self.chunk.text[start:end], language=self._language)) for start, end in self._sentences]

    @cached_property
    def _language(self) -> str:
        return detect(self.chunk.text)

    @cached_property
    def _whole(self) -> tuple[int, int]:
        """All of the passage. It may support a claim in another language, with which it shares no word."""
        text = self.chunk.text
        return (len(text) - len(text.lstrip()), len(text.rstrip())) if text.strip() else (0, len(text))


def _fold(text: str) -> tuple[str, list[int]]:
    """A text as it compares: lower case, one space for any whitespace, no markup. And each character's place in it."""
    folded: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if character in _MARKUP:
            continue
        lowered = " " if character.isspace() else character.lower()
        if lowered == " " and folded and folded[-1] == " ":
            continue
        folded.extend(lowered)
        places.extend([place] * len(lowered))
    return "".join(folded), places
