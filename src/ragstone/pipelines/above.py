"""What stands above a passage where a model reads it: its headings, and its context, such as a table's header row.

A passage that passes its checks by itself may be read with a heading that gives an order. So checks are asked about the
passage as it is read; where that fails, about each part by itself, so that only what fails is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from ragstone.types import Chunk, Span
from ragstone.validation.policy import Guard

__all__ = ["CONTEXT", "HEADING", "WHOLE", "bare", "headings", "shown", "telling", "uncovered"]

HEADING, CONTEXT, WHOLE = "a heading above it", "the context above it", "with what stands above it"
"""How a verdict names what was checked, after the document."""


def headings(chunk: Chunk) -> list[Span]:
    """The headings that are shown with a passage, outermost first, but for those that stand in its own text."""
    path = [span for span in chunk.spans if span.kind == "heading" and span.start <= chunk.start < span.end]
    return [span for span in sorted(path, key=lambda span: span.level) if span.label and span.label not in chunk.text]


def shown(chunk: Chunk) -> str:
    """A passage as it is read, without its file: the headings, the context and the text, each on lines of its own."""
    return "\n".join([*(span.label for span in headings(chunk)), chunk.embedded])


def bare(chunk: Chunk, spans: Collection[Span], *, context: bool = False) -> Chunk:
    """The passage without these headings, and with `context` without its context."""
    if not spans and not (context and chunk.context):
        return chunk
    kept = tuple(span for span in chunk.spans if span not in spans)
    return replace(chunk, spans=kept, context="" if context else chunk.context)


def telling(guards: Iterable[Guard]) -> list[Guard]:
    """The same guards, which do no more than say what they find."""
    return [replace(guard, policy=replace(guard.policy, on_fail="flag")) for guard in guards]


def uncovered(context: str, barred: Sequence[str], kept: Sequence[str]) -> bool:
    """Whether a line of a context stands in texts that are kept out of an index, and in none that is in it."""
    return any(
        any(line in text for text in barred) and not any(line in text for text in kept)
        for line in filter(None, map(str.strip, context.splitlines()))
    )
