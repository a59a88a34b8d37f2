"""Marks what others wrote, so that a model tells it from its instructions: spotlighting (arXiv 2403.14720).

    datamark   ¤The¤harbour¤opens¤at¤six.     a sign before every word, in place of the space where there was one
    encode     VGhlIGhhcmJvdXIgb3BlbnM…       base64, for models that read it

An author's words carry no sign, so what carries it cannot pass for them, whatever it says. The sign occurs in none of
the texts: nobody but Ragstone has put it there, and `restored` gives each text back as it was.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TypeVar, cast

from ragstone.errors import UsageError
from ragstone.types import Mark, Slot

__all__ = ["PARTS", "SIGNS", "Marking", "restored", "sign", "unsaid", "unsigned", "without_signs"]

SIGNS = "¤¦¬¶§†※■"
"""The signs, in the order in which they are tried.

Each is one token of OpenAI's encodings, where private-use characters take three and some tokenizers delete these
altogether. None changes under NFKC, none is a letter, so none makes a word or a special token of its neighbours, and
none has a use in Markdown, tables or code. The first two stood in none of the 33 million characters that we looked at;
`^` stands in formulas, where a model would write it by itself.
"""

PARTS = {"delimit": "parts/delimit.md", "datamark": "parts/datamark.md", "encode": "parts/encode.md"}
"""What tells a model of each mark: a file to be included."""

LONGEST_RUN = 4  # characters of a script that puts no spaces between words

_BLANK = r"\s\u200b\u2060\ufeff\u115f\u1160\u180e\u2800\u3164\uffa0"  # white space, and what looks like it
_GAP = re.compile(f"[{_BLANK}]+")
_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
_RUN = re.compile(f"[{_SPACELESS}]{{{LONGEST_RUN + 1},}}")
_IS_SPACELESS = re.compile(f"[{_SPACELESS}]")
_OPENING = "\"'“„«‹‘(\\[{*_`"

Text = TypeVar("Text", bound=str)


@dataclass(frozen=True, slots=True)
class Marking:
    """How the texts of one prompt are marked; `sign` is that of a datamark."""

    kind: Mark = "none"
    sign: str = ""

    @property
    def usual(self) -> bool:
        """Whether the sign is the one that nearly every prompt has."""
        return self.sign in ("", SIGNS[0])

    @property
    def inside(self) -> bool:
        """Whether it changes a text, and does not stand around it."""
        return self.kind in ("datamark", "encode")

    def of(self, text: Text) -> Text:
        """The text, marked. A fence stands around whole passages: `passages.py` puts it there.

        >>> Marking("datamark", "¤").of("A chunk holds 200 tokens.")
        '¤A¤chunk¤holds¤200¤tokens.'
        """
        if self.kind == "datamark":
            return type(text)(_signed(text, self.sign))
        if self.kind == "encode":
            return type(text)(b64encode(text.encode(errors="surrogatepass")).decode())
        return text

    def of_value(self, value: object) -> object:
        """A text or a list of texts, marked; a number or a truth value gives no orders and stays as it is."""
        if isinstance(value, str):
            return self.of(value)
        if isinstance(value, list | tuple):
            return tuple(self.of_value(item) for item in cast("Sequence[object]", value))
        return value


def sign(texts: Iterable[str]) -> str:
    """The first sign that occurs in none of the texts; where each does, the first two of them in a row, and so on.

    No two of its characters are alike, so none of its ends is one of its beginnings: a text beside it completes none.
    """
    whole = "\0".join(texts)
    for length in range(1, len(SIGNS) + 1):
        for each in permutations(SIGNS, length):
            if (found := "".join(each)) not in whole:
                return found
    hint = "Write `mark: delimit` under metadata.ragstone.passages in the prompt file."
    raise UsageError("the passages hold every sign that could mark them", where="passages", hint=hint)


# ── A sign before every word ────────────────────────────────────────────────────────────────────────────────────────


def _signed(text: str, mark: str) -> str:
    """The text with a sign before every word. One space between two words gives way to it; all else stays.

    So line breaks, tabs and indentation stand where they stood. Scripts without spaces get a sign every few letters.
    """
    return _RUN.sub(lambda run: mark.join(_cut(run[0])), "".join(_words(text, mark)))


def _words(text: str, mark: str) -> Iterator[str]:
    at = 0
    for gap in _GAP.finditer(text):
        start, end = gap.span()
        if start == 0 or end == len(text):
            alone = False
        else:
            # Between two letters that are written without spaces `restored` would take the sign for one of `_cut`.
            alone = gap[0] == " " and not (_IS_SPACELESS.match(text[start - 1]) and _IS_SPACELESS.match(text[end]))
        if at == 0 and start > 0:
            yield mark
        yield text[at:start]
        yield mark if alone else gap[0] + mark if end < len(text) else gap[0]
        at = end
    if at == 0 and text:
        yield mark
    yield text[at:]


def _cut(run: str) -> Iterator[str]:
    """Pieces of a run of letters; a vowel or an accent stays with the letter that it stands on."""
    at = 0
    for place, letter in enumerate(run):
        if place - at >= LONGEST_RUN and unicodedata.category(letter)[0] != "M":
            yield run[at:place]
            at = place
    yield run[at:]


def restored(text: str, mark: str) -> str:
    r"""A text as it was before its words were marked, byte for byte.

    >>> restored("¤A¤chunk\n\t¤of¤text", "¤")
    'A chunk\n\tof text'
    """
    return _sign(mark).sub(lambda found: _before(text, found), text)


def unsigned(text: str, signs: Sequence[str]) -> tuple[str, Sequence[int]]:
    """A text as `restored` gives it back, and for each of its characters, and its end, where that stands in the text.

    >>> unsigned("¤A¤chunk", ["¤"])
    ('A chunk', [1, 2, 3, 4, 5, 6, 7, 8])
    """
    places: Sequence[int] = range(len(text) + 1)
    for mark in signs:
        pieces: list[str] = []
        kept: list[int] = []
        at = 0
        for found in _sign(mark).finditer(text):
            pieces += [text[at : found.start()], before := _before(text, found)]
            kept += [*places[at : found.start()], *places[found.start() : found.start() + len(before)]]
            at = found.end()
        kept += places[at:]
        text, places = "".join([*pieces, text[at:]]), kept
    return text, places


def _sign(mark: str) -> re.Pattern[str]:
    return re.compile(f"{re.escape(mark)}(?=[^{_BLANK}])")  # one that no word follows is none of ours


def _before(text: str, found: re.Match[str]) -> str:
    """What stood in the place of a sign."""
    before, after = text[: found.start()][-1:], text[found.end()]
    if not before or _GAP.match(before) or (_IS_SPACELESS.match(before) and _IS_SPACELESS.match(after)):
        return ""
    return " "


# ── After the answer ────────────────────────────────────────────────────────────────────────────────────────────────


def without_signs(answer: str, slots: Iterable[Slot]) -> str:
    """A model's words without the signs that it has repeated, behind an opening quote or bracket too.

    >>> without_signs('It says: "¤A¤chunk¤holds¤200¤tokens" [1].', prompt.slots)
    'It says: "A chunk holds 200 tokens" [1].'
    """
    for mark in sorted({slot.sign for slot in slots if slot.sign}):
        opened = re.compile(rf"(?<![\w.,;!?…)\]}}{_OPENING}])([{_OPENING}]+){re.escape(mark)}(?=[^{_BLANK}])")
        answer = restored(opened.sub(r"\1", answer), mark)
    return answer


# ── What an author must say ─────────────────────────────────────────────────────────────────────────────────────────


def unsaid(kind: Mark, *, uses: Collection[str], includes: Collection[str], said: str) -> tuple[str, str, str] | None:
    """What is wrong with what a prompt tells a model of its mark, what is expected, and a hint; None where all is well.

    `includes` are the files that it includes, and `said` are all of its words.
    """
    for other, part in PARTS.items():
        if other != kind and part in includes:
            hint = f"Include {PARTS[kind]} in its place" if kind in PARTS else f"Take {part} out"
            hint += f", or write `mark: {other}`."
            return f"{part} tells the model of another mark than the prompt has", f"mark: {other}", hint
    include = f'Write {{% include "{PARTS[kind]}" %}} in the system message' if kind in PARTS else ""
    if kind == "datamark" and "mark" not in uses:
        hint = f"{include}, or: Between the words of each passage stands {{{{ mark }}}}."
        return "the prompt never tells the model what the mark is", "{{ mark }} in the words", hint
    if kind == "encode" and "base64" not in said.lower():
        hint = f"{include}, or: Each passage is encoded in base64."
        return "the prompt never tells the model how its passages are encoded", "the word base64", hint
    return None
