"""Breaks up the special tokens of a model in all values, so that none of them forges a message on the wire.

A server joins the messages into one text, with tokens of its own between them: `<|im_start|>`, `[INST]`. The same words
inside a message become the same tokens (vLLM, llama.cpp and Ollama do so), whoever wrote them: a correct list of
messages does not help. So a space is put into them, `<| im_start|>`, and what was broken is recorded on its slot.

A space, and nothing that cannot be seen: some tokenizers delete invisible characters before they look, which would make
the token whole again; a model reads them as noise; and a person would not know why a search finds nothing. It stands
behind the opening brackets, so the words stay whole: they are searched, cited and read as before, and `mend` takes the
space out of an answer that repeats them.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import cast

from ragstone.prompts.marks import without_signs
from ragstone.types import Slot, Trust

__all__ = ["Authored", "Given", "broken_up", "is_authored", "joined", "mend", "part"]

SHAPES = (
    r"<\|[\w▁:./+-]{1,64}\|>",  # ChatML, Llama 3 and 4, Phi, Qwen, Command-R, harmony, Granite, GLM, Kimi, DeepSeek
    r'<\|\w{1,32}>|<\w{1,32}\|>|<\|"\|>',  # Gemma 4
    r"\[\|/?\w{1,32}\|\]",  # EXAONE
    r"\]<\]\w{1,32}\[>\[|\]~!?b[\[\]]|\[e~\[",  # MiniMax
    r"<(?:unused|extra_id_|reserved_|SPECIAL_|special_|seed:|hy_)\w{1,32}>",
    r"</?(?:s|bos|eos|pad|unk|mask|sop|eop|role)>",  # Llama 2, Mistral, Gemma, GLM, Ling
    r"<(?:start|end)_of_(?:turn|image|audio|text)>",  # Gemma 2 and 3
    r"<</?SYS>>|\[/?INST\]",  # Llama 2, where they are ordinary words with the same effect; Mistral
    r"\[/?(?:SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|MODEL_SETTINGS|THINK)\]",  # Mistral
    r"\[(?:CALL_ID|ARGS|IMG|IMG_BREAK|IMG_END|AUDIO|BEGIN_AUDIO|TRANSCRIBE|REF|PREFIX|MIDDLE|SUFFIX)\]",  # Mistral
    r"\[[gs]?MASK\]",  # GLM
    r"</?(?:think|tool_call|tool_response|tools|tool_calls)>",  # Qwen, Hermes, DeepSeek, Granite, Nemotron
)
"""The tokens of the common families of chat templates. New models bring new names in old shapes, so a shape is matched
where one exists; where none does, the names are. All are written as NFKC makes them: `|` stands for DeepSeek's `｜`.
"""


class Given(str):
    """A piece of a message that a value made."""

    __slots__ = ()

    def __str__(self) -> str:
        """Itself, since `str()` would make an ordinary text of it, and Jinja calls that."""
        return self


class Authored(str):
    """A value of a slot that is the author's own; what a filter makes of it is not."""

    __slots__ = ()


def is_authored(value: object) -> bool:
    """Whether a value is the author's own, or a list of such values."""
    if isinstance(value, list | tuple):
        return all(isinstance(item, Authored) for item in cast("Sequence[object]", value))
    return isinstance(value, Authored)


# ── Before the values are put in ────────────────────────────────────────────────────────────────────────────────────


def part(value: object, trust: Trust, tokens: Collection[str] = ()) -> tuple[object, tuple[str, ...]]:
    """A value as it goes into its slot, and the special tokens that were broken up in it.

    What the author wrote, and what is no text, stays as it is. `tokens` are those of the model, beside the common ones.

    >>> part("What does <|im_start|> mean?", "user")
    ('What does <| im_start|> mean?', ('<|im_start|>',))
    """
    if isinstance(value, str):
        return (Authored(value), ()) if trust == "author" else broken_up(value, tokens)
    if isinstance(value, list | tuple):
        parts = [part(item, trust, tokens) for item in cast("Sequence[object]", value)]
        return tuple(item for item, _ in parts), _once(token for _, found in parts for token in found)
    return value, ()


def broken_up(text: str, tokens: Collection[str] = ()) -> tuple[str, tuple[str, ...]]:
    """The text with a space in each special token, and these tokens as they stood there, each once."""
    return _broken_up(text, frozenset(tokens), lambda start, end: True)


def joined(pieces: Sequence[str], tokens: Collection[str] = ()) -> tuple[str, tuple[str, ...]]:
    """A message made of its pieces, and the special tokens that were broken up in it.

    A filter, a loop or a neighbour can make a token whole that stood in no value. What the author alone wrote stays.
    """
    given: list[tuple[int, int]] = []
    at = 0
    for piece in pieces:
        if isinstance(piece, Given) and piece:
            given.append((at, at + len(piece)))
        at += len(piece)
    if not given:
        return "".join(pieces), ()
    return _broken_up("".join(pieces), frozenset(tokens), _touching(given))


def _touching(given: Sequence[tuple[int, int]]) -> Callable[[int, int], bool]:
    """Whether a range of the message holds a character that a value gave."""
    starts = [start for start, _ in given]

    def touches(start: int, end: int) -> bool:
        last = bisect_left(starts, end) - 1
        return last >= 0 and given[last][1] > start

    return touches


def _broken_up(text: str, tokens: frozenset[str], concerns: Callable[[int, int], bool]) -> tuple[str, tuple[str, ...]]:
    pattern = _pattern(tokens)
    changes = _changes(text)
    folded = text.translate(changes) if changes else text
    if pattern.search(folded) is None:
        return text, ()
    places = _places(text, changes)
    cuts: list[int] = []
    found: list[str] = []
    at = 0
    while match := pattern.search(folded, at):
        at = match.start() + 1  # one token may begin inside another, as in `<|a<|b|>`
        start, end = places[match.start()], places[match.end() - 1] + 1
        inside = bisect_right(cuts, start)
        if concerns(start, end) and not (inside < len(cuts) and cuts[inside] < end):
            cuts.insert(inside, start + _cut(text[start:end]))
            found.append(text[start:end])
    if not cuts:
        return text, ()
    edges = [0, *cuts, len(text)]
    return " ".join(text[start:end] for start, end in pairwise(edges)), _once(found)


def _cut(token: str) -> int:
    """Where the space goes: before the first letter or digit, and never at an edge."""
    first = next((index for index, character in enumerate(token) if character.isalnum()), 1)
    return min(max(first, 1), len(token) - 1)


def _once(tokens: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tokens))


# ── What counts as a special token ──────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=16)
def _pattern(tokens: frozenset[str]) -> re.Pattern[str]:
    """The shapes, and a model's own tokens, folded as the text is; the longest first."""
    own = sorted(({token.translate(_changes(token)) for token in tokens}), key=lambda token: (-len(token), token))
    return re.compile("|".join([re.escape(token) for token in own if len(token) > 1] + list(SHAPES)))


def _changes(text: str) -> dict[int, str]:
    """Which characters the most forgiving tokenizer reads as others, or not at all.

    Some normalize to NFKC, which makes `|` of `｜`, and delete what cannot be seen. For others one space is too many.
    """
    rest = text.encode(errors="surrogatepass").translate(None, _UNCHANGED).decode(errors="surrogatepass")
    return {ord(character): fold for character in set(rest) if (fold := _fold(character)) != character}


def _places(text: str, changes: Mapping[int, str]) -> Sequence[int]:
    """Where each character of the changed text stands in the text."""
    if not changes:
        return range(len(text))
    return [place for place, character in enumerate(text) for _ in changes.get(ord(character), character)]


@lru_cache(maxsize=65536)
def _fold(character: str) -> str:
    if character in "\t\n\r":
        return character
    if unicodedata.category(character) in ("Cf", "Cc") or "\ufe00" <= character <= "\ufe0f":
        return ""
    return unicodedata.normalize("NFKC", character)


_UNCHANGED = bytes(code for code in range(128) if _fold(chr(code)) == chr(code))
"""What nearly every text is made of; bytes are taken out of UTF-8 in a tenth of the time that characters would take."""


# ── After the answer ────────────────────────────────────────────────────────────────────────────────────────────────


def mend(text: str, slots: Iterable[Slot]) -> str:
    """A model's words without the signs of a datamark, and with the tokens whole again that were broken up for it.

    So what it quotes is what a document says. The signs go first: one of them may stand for the space in a token.

    >>> mend("The token <| im_start|> opens a message [1].", prompt.slots)
    'The token <|im_start|> opens a message [1].'
    """
    slots = tuple(slots)
    text = without_signs(text, slots)
    for token in sorted({token for slot in slots for token in slot.broken}, key=lambda token: (-len(token), token)):
        cut = _cut(token)
        text = text.replace(f"{token[:cut]} {token[cut:]}", token)
    return text
