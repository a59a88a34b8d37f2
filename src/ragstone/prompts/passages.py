"""Writes the passages that were found into a prompt: numbered, each with its origin, in an order, marked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from ragstone.prompts import wire
from ragstone.prompts.fence import fenced
from ragstone.prompts.marks import Marking, sign
from ragstone.prompts.template import plain
from ragstone.types import Hit, Trust

if TYPE_CHECKING:
    from ragstone.prompts.file import PromptFile
    from ragstone.prompts.schema import Order

__all__ = ["in_order", "marked_inputs", "marking", "origin", "passages"]


def passages(
    hits: Sequence[Hit],
    marking: Marking,
    *,
    trust: Trust = "retrieved",
    tokens: Collection[str] = (),
    first: int = 1,
) -> tuple[object, tuple[str, ...]]:
    """Passages numbered from `first`, a blank line between them, and the special tokens broken up in them.

        [1] docs/chunks.md › Length, page 3
        A chunk holds 200 tokens.

    With `delimit` the text stands between two lines `<<<7f3a9c1e` and `7f3a9c1e>>>`. The code is made from the passages
    and occurs in none of them, so no passage can close its own fence and pretend to be the next, or the prompt.

    With `datamark` a sign stands before every word, with `encode` the origin and the text are one line of base64. What
    names a passage is marked too: whoever wrote the document has written its headings. Special tokens are broken up
    before, so that no mark hides one, and once more behind, should a mark have made one whole.

    The context of a chunk, such as the header row of its table, is a line before its text. A citation looks for its
    words in the text alone.
    """
    if not marking.inside:
        return wire.part("\n\n".join(_delimited(hits, marking, first)), trust, tokens)
    found = [wire.part(text, trust, tokens) for hit in hits for text in _texts(hit, marking)]
    said = iter([marking.of(str(text)) for text, _ in found])
    blocks = [" ".join((f"[{number}]", "\n".join(next(said) for _ in _texts(hit, marking))))
              for number, hit in enumerate(hits, first)]  # fmt: skip
    whole, more = wire.part("\n\n".join(blocks), trust, tokens)
    return whole, tuple(dict.fromkeys(chain(*(broken for _, broken in found), more)))


def _texts(hit: Hit, marking: Marking) -> tuple[str, ...]:
    """What of a passage is marked, piece by piece."""
    pieces = origin(hit), hit.chunk.embedded
    return ("\n".join(pieces),) if marking.kind == "encode" else pieces


def _delimited(hits: Sequence[Hit], marking: Marking, first: int) -> Iterator[str]:
    texts = [hit.chunk.embedded for hit in hits]
    if marking.kind == "delimit":
        texts = fenced(texts)
    for number, (hit, text) in enumerate(zip(hits, texts, strict=True), first):
        yield f"[{number}] {origin(hit)}\n{text}"


def marking(file: PromptFile, values: Mapping[str, object], hits: Sequence[Hit]) -> Marking:
    """How this prompt marks. A sign is chosen from the marked texts alone: the same texts have the same sign.

    The examples have it too, those that are not shown among them: so it does not hang on which are.
    """
    if file.mark != "datamark":
        return Marking(file.mark)
    shown = file.few_shot.examples if file.few_shot is not None else ()
    every = [*hits, *(hit for example in shown for hit in example.passages)]
    texts = [text for hit in every for text in (origin(hit), hit.chunk.embedded)]
    for given in (values, *(example.inputs for example in shown)):
        texts += [plain(given[name]) for name in marked_inputs(file) if name in given]
    return Marking(file.mark, sign(texts))


def marked_inputs(file: PromptFile) -> list[str]:
    """The inputs that are marked as passages are: what a tool gave or was retrieved, and was written freely."""
    if not Marking(file.mark).inside:
        return []
    return [each.name for each in file.inputs
            if file.trust[each.name] in ("retrieved", "tool") and each.enum_values is None]  # fmt: skip


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
