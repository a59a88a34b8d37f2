"""Fits hits into the room that a prompt has for them, and puts them in the order in which they are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from ragstone.types import Chunk, Hit

__all__ = ["CHARACTERS", "Order", "ordered", "pack"]

Order = Literal["rank", "edges", "source"]

CHARACTERS = 4  # to a token of English, where no tokenizer counts


def pack(hits: Sequence[Hit], *, tokens: int, count: Callable[[Chunk], int]) -> list[Hit]:
    """The best hits that fit into so many tokens together; one that does not fit is passed over for the next.

    The first hit stays even where it alone is too long: an answer without evidence would be worse.
    """
    kept: list[Hit] = []
    left = tokens
    for hit in hits:
        length = count(hit.chunk)
        if length <= left or not kept:
            kept.append(hit)
            left -= length
    return [replace(hit, rank=rank) for rank, hit in enumerate(kept, 1)]


def ordered(hits: Sequence[Hit], by: Order) -> list[Hit]:
    """The hits in the order in which a model reads them; each keeps its rank.

    `edges` puts the best first, the second last, and so on to the middle, where models overlook most (Liu et al. 2023,
    "Lost in the Middle"). `source` puts passages of one document together, as they stand in it, the best document
    first.

    >>> [hit.rank for hit in ordered(five, "edges")]
    [1, 3, 5, 4, 2]
    """
    if by == "edges":
        return [*hits[::2], *reversed(hits[1::2])]
    if by == "source":
        first: dict[str, int] = {}
        for hit in hits:
            first.setdefault(hit.chunk.document_id, hit.rank)
        return sorted(hits, key=lambda hit: (first[hit.chunk.document_id], hit.chunk.start))
    return list(hits)


def estimated(chunk: Chunk) -> int:
    """Tokens of a chunk where no tokenizer counts them."""
    return -(-len(chunk.embedded) // CHARACTERS)
