"""A reranker without a model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragstone.protocols import Capabilities, Reranker
from ragstone.types import Context

__all__ = ["OverlapReranker"]

_WORD = re.compile(r"\w+")
_LENGTH = 0.01  # what a text loses at most for being long: it only decides between texts that share as much


class OverlapReranker(Reranker):
    """Scores a text by the share of the question's words that stand in it, a little less the longer it is.

    >>> reranker = OverlapReranker()
    >>> await reranker.scores("a cat", ["A cat sat.", "A dog sat."], context=Context())
    [0.9997, 0.4997]

    Each call is kept in `calls`, as the question and its texts.
    """

    capabilities = Capabilities(local=True)

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[str, ...]]] = []

    async def scores(self, question: str, texts: Sequence[str], *, context: Context) -> Sequence[float]:
        """A number between -0.01 and 1 for each text."""
        self.calls.append((question, tuple(texts)))
        wanted = set(_words(question))
        return [_score(wanted, _words(text)) for text in texts]


def _score(wanted: set[str], words: Sequence[str]) -> float:
    shared = len(wanted.intersection(words)) / max(len(wanted), 1)
    return round(shared - _LENGTH * len(words) / (len(words) + 100), 4)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
