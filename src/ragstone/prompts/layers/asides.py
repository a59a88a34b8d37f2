"""Asks a model for something on the way to an answer: a few sentences, in place of the answer's own form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ragstone.output import Output
from ragstone.prompts.estimate import estimated
from ragstone.prompts.tokens import PER_MESSAGE
from ragstone.types import Prompt

__all__ = ["aside", "length", "one_line", "room", "written"]

ROOM = 400  # tokens that a model has on the way, where the answer has fewer: an answer of one word needs long steps
LONGEST_LINE = 500  # characters of a question or a statement; what is longer is none


def aside(prompt: Prompt, output: Output | None = None) -> Prompt:
    """The prompt for what is asked on the way: nothing of the answer's form holds for it."""
    options = replace(prompt.options, stop=(), max_tokens=room(prompt.options.max_tokens))
    return replace(prompt, output=output, options=options, reasons=False, logprobs=False)


def one_line(text: str) -> str:
    """A text on one line; nothing where it is too long to be a question or a statement, or holds no word."""
    said = " ".join(text.split())
    return said if len(said) <= LONGEST_LINE and any(map(str.isalnum, said)) else ""


# ── Tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def room(longest: int | None) -> int | None:
    """The tokens that may be written on the way; None for as many as the server allows."""
    return None if longest is None else max(longest, ROOM)


def written(longest: int | None) -> int:
    """Those that a later call reads of what was written on the way."""
    return room(longest) or ROOM


def length(*texts: str, forms: Iterable[Output] = ()) -> int:
    """The tokens of words that are added to a prompt, each as a message of its own."""
    said = [*texts, *(form.words for form in forms)]
    return sum(estimated(text) + PER_MESSAGE for text in said)
