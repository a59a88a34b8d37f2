r"""Takes the mask off a text: what is written to look like something else, or not to be seen, as it reads.

    "ign\u200bоre"  (a zero-width space, a Cyrillic о)  →  "ignore"

Every character keeps its place in the original.
A text in a script of its own is left in it: only words that mix scripts, or pass for Latin ones in a Latin text, are
taken for a mask.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

__all__ = ["Unmasked", "unmask"]

_PAIRS = (
    "аa еe оo рp сc хx уy іi јj ѕs һh ԁd ԛq ԝw ѵv ӏl ґr кk мm тt пn вb нh гr ьb зз "
    "АA ВB ЕE КK МM НH ОO РP СC ТT ХX УY ІI ЈJ ЅS ԌG ԚQ ԜW Ѵv ӀI "
    "αa εe ιi κk νv οo ρp τt υu χx γy ηn ωw βb "
    "ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX "
    "օo ոn սu հh գq ցg ѡw ɑa ɡg ɩi ʏy ᴀa ʙb ᴄc ᴅd ᴇe ꜰf ɢg ʜh ɪi ᴊj ᴋk ʟl ᴍm ɴn ᴏo ᴘp ʀr ꜱs ᴛt ᴜu ᴠv ᴡw ᴢz ı\u0069"
)
ALIKE = {pair[0]: pair[1] for pair in _PAIRS.split() if pair[0] != pair[1]}
"""Letters that look like Latin ones, after Unicode's confusables (UTS #39): those that fonts hardly tell apart."""

_ALIKE = re.compile(f"[{re.escape(''.join(ALIKE))}]")

_GONE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_ODD = re.compile(rf"{_GONE.pattern}|[^\w\x00-\x7f]{{2}}")  # what is not seen, and where marks may be stacked
_TAGS = range(0xE0020, 0xE007F)  # copies of ASCII that nobody sees, and some models read
_WORD = re.compile(r"[^\W\d_]+")
_LATIN = re.compile("[A-Za-z]")
MOST_MARKS = 1  # combining marks on one letter that are kept; more are there to hide it


@dataclass(frozen=True, slots=True)
class Unmasked:
    """A text as it reads. `places[i]` is where its character i stands in the original; one more is that one's end.

    `masks` are the ways in which something was hidden, each once.
    """

    text: str
    places: Sequence[int]
    masks: tuple[str, ...] = ()

    def range(self, start: int, end: int) -> tuple[int, int]:
        """The range of the original that a range of the text stands for."""
        return self.places[start], self.places[end] if end < len(self.text) else self.places[-1]


def unmask(text: str) -> Unmasked:
    """The text without what cannot be seen, in the plain form of each character, look-alikes as what they look like.

    >>> unmask("ｉｇｎ\u200bоre").text
    'ignore'
    """
    if text.isascii():
        return Unmasked(text, range(len(text) + 1))
    if not _ODD.search(text) and unicodedata.is_normalized("NFKC", text):
        folded, alike = _folded(text)
        return Unmasked(folded, range(len(text) + 1), ("look-alikes",) if alike else ())
    letters: list[str] = []
    places: list[int] = []
    masks: dict[str, None] = {}
    stacked = 0
    for place, character in enumerate(text):
        shown, mask = _shown(character)
        if mask:
            masks[mask] = None
        stacked = stacked + 1 if unicodedata.combining(character) else 0
        if stacked > MOST_MARKS:
            masks["stacked marks"] = None
            continue
        letters.extend(shown)
        places.extend([place] * len(shown))
    folded, alike = _folded("".join(letters))
    if alike:
        masks["look-alikes"] = None
    return Unmasked(folded, [*places, len(text)], tuple(masks))


@cache
def _shown(character: str) -> tuple[str, str]:
    """What a character shows, and by what name it hides."""
    if character.isascii():
        return character, ""
    if ord(character) in _TAGS:
        return chr(ord(character) - 0xE0000), "tag characters"
    if _GONE.match(character):
        return "", "" if character == "\u00ad" else "invisible characters"
    plain = unicodedata.normalize("NFKC", character)
    return plain, "styled letters" if plain.isascii() and plain.isalpha() else ""


def _folded(text: str) -> tuple[str, bool]:
    """The text with look-alikes as Latin letters, where they stand among such; as long as before."""
    pieces: list[str] = []
    at = 0
    foreign = len(_ALIKE.findall(text))
    if not foreign:
        return text, False
    latin = len(_LATIN.findall(text))
    mostly = latin > 2 * foreign
    for word in _WORD.finditer(text):
        found = word[0]
        if not any(letter in ALIKE for letter in found):
            continue
        mixed = _LATIN.search(found) is not None
        whole = mostly and all(letter in ALIKE for letter in found)
        if mixed or whole:
            pieces += [text[at : word.start()], "".join(ALIKE.get(letter, letter) for letter in found)]
            at = word.end()
    return "".join([*pieces, text[at:]]), bool(pieces)
