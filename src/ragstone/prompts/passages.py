"""Writes the passages that were found into a prompt: numbered, each with its origin, in an order, marked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ragstone.prompts.schema import Mark, Order
from ragstone.types import Hit

__all__ = ["code_of", "in_order", "origin", "passages"]


def passages(hits: Sequence[Hit], *, mark: Mark) -> str:
    """Numbered passages, a blank line between them; nothing for no hits.

        [1] docs/chunks.md › Length, page 3
        A chunk holds 200 tokens.

    With `delimit` the text stands between two lines `<<<7f3a9c1e` and `7f3a9c1e>>>`. The code is made from the passages
    and occurs in none of them, so no passage can close its own fence and pretend to be the next, or the prompt.

    The context of a chunk, such as the header row of its table, is a line before its text. A citation looks for its
    words in the text alone.
    """
    texts = [hit.chunk.embedded for hit in hits]
    if mark == "delimit":
        code = code_of(texts)
        texts = [f"<<<{code}\n{text}\n{code}>>>" for text in texts]
    origins = [f"[{number}] {origin(hit)}" for number, hit in enumerate(hits, 1)]
    return "\n\n".join(f"{origin}\n{text}" for origin, text in zip(origins, texts, strict=True))


def code_of(texts: Sequence[str]) -> str:
    """A code that is made from the texts and occurs in none of them."""
    digest = hashlib.blake2b("\0".join(texts).encode(errors="surrogatepass"))
    while any(digest.hexdigest()[:8] in text for text in texts):
        digest.update(b"once more")
    return digest.hexdigest()[:8]


def origin(hit: Hit) -> str:
    """`uri › heading, page N`, on one line whatever the names hold."""
    chunk = hit.chunk
    page = chunk.page_at(chunk.start)
    place = " › ".join((chunk.uri, *chunk.heading)) + (f", page {page}" if page is not None else "")
    return " ".join(place.split())


def in_order(hits: Sequence[Hit], order: Order) -> list[Hit]:
    """The hits as the model shall read them. `edges` puts the best first and last: models overlook the middle.

    Liu et al., Lost in the Middle, TACL 2024 (arXiv 2307.03172).
    """
    if order == "edges":
        return [*hits[::2], *reversed(hits[1::2])]
    if order == "source":
        return sorted(hits, key=lambda hit: (hit.chunk.uri, hit.chunk.start))
    return list(hits)
