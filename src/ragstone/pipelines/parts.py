"""The sentences of chunks, as trimming needs them: made when a chunk is found, and kept for the next question."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragstone.protocols import Embedder
from ragstone.recent import Recent
from ragstone.retrieval import trim
from ragstone.text.analyzer import terms
from ragstone.text.sentences import sentences
from ragstone.types import Chunk

if TYPE_CHECKING:
    from ragstone.compact import Compact

__all__ = ["Parts", "forget", "parts_of"]

Range = tuple[int, int]
Sentence = tuple[Range, frozenset[str]]  # its characters in a chunk's text, and its terms
Key = tuple[str, str, str, str]  # whatever changes the parts: of a chunk the context and the text

SPECIAL = 2  # tokens that an embedder puts around a text

MOST = 1_000_000
"""Characters of the chunks whose parts are kept, of all indexes of the process: a thousand chunks, in some 10 MB. To
split a chunk and to find its tokens takes half a millisecond."""

_RECENT = Recent[Key, "Parts | None"](MOST, weigh=lambda key, _: len(key[2]) + len(key[3]))


@dataclass(frozen=True, slots=True)
class Parts:
    """The sentences of a chunk, by their places: ranges of its text, ranges of its tokens, and their terms."""

    characters: Sequence[Range]
    tokens: Sequence[Range]
    terms: Sequence[frozenset[str]]

    @classmethod
    def of(cls, chunk: Chunk, found: Sequence[Sentence], ranges: Sequence[Range]) -> Parts:
        """From the sentences of its text and the ranges of its tokens; a sentence without a token is left out."""
        shift = len(chunk.embedded) - len(chunk.text)  # the context that stands before the text
        tokens = trim.spans(ranges, [(start + shift, end + shift) for (start, end), _ in found])
        kept = [(*own, held) for own, held in zip(found, tokens, strict=True) if held[0] < held[1]]
        return cls([one[0] for one in kept], [one[2] for one in kept], [one[1] for one in kept])

    def passage(self, rows: Compact, score: float) -> trim.Passage:
        """What there is to score."""
        return trim.Passage(rows, self.tokens, self.terms, score)

    def cut(self, chunk: Chunk, first: int, last: int) -> Chunk:
        """The chunk from one sentence to before another."""
        return trim.cut(chunk, self.characters[first][0], self.characters[last - 1][1])


async def parts_of(chunks: Sequence[Chunk], embedder: Embedder, *, language: str) -> dict[str, Parts]:
    """By id the parts of each chunk that has several sentences and fits the embedder's window: a parent may not."""
    keys = {chunk.id: (embedder.fingerprint, language, chunk.context, chunk.text) for chunk in chunks}
    known = _RECENT.get(keys.values())
    missing = [chunk for chunk in chunks if keys[chunk.id] not in known]
    if missing:
        made = await _made(missing, embedder, language)
        known |= {keys[id_]: own for id_, own in made.items()}
        _RECENT.put({keys[id_]: own for id_, own in made.items()})
    found = {id_: known[key] for id_, key in keys.items()}
    return {id_: own for id_, own in found.items() if own is not None}


def forget() -> None:
    """Lets go what is kept of any text."""
    _RECENT.clear()


async def _made(chunks: Sequence[Chunk], embedder: Embedder, language: str) -> dict[str, Parts | None]:
    # The tokenizer first: it works outside of Python, so that the sentences are found meanwhile.
    located, cut = await asyncio.gather(
        asyncio.to_thread(embedder.all_tokens, [chunk.embedded for chunk in chunks]),
        asyncio.to_thread(_sentences, [chunk.text for chunk in chunks], language),
    )
    made: dict[str, Parts | None] = {}
    for chunk, (_, ranges), own in zip(chunks, located, cut, strict=True):
        fits = len(own) > 1 and len(ranges) + SPECIAL <= embedder.window
        parts = Parts.of(chunk, own, ranges) if fits else None
        made[chunk.id] = parts if parts is not None and len(parts.tokens) > 1 else None
    return made


def _sentences(texts: Sequence[str], language: str) -> list[list[Sentence]]:
    return [[((a, b), frozenset(terms(text[a:b], language=language))) for a, b in sentences(text)] for text in texts]
