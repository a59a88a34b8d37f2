"""The names in a question, word by word, and which of them another question lacks."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ragstone.text.analyzer import terms
from ragstone.text.stopwords import STOPWORDS

__all__ = ["Name", "lacking", "proper_names"]

_TOKEN = re.compile(r"[^\W_](?:[\w'.&-]*[^\W_])?(?:\+\+?|#)?")
_OPENING = re.compile(r"(?:^|[.!?:;]\s+|\n\s*|[-*]\s)[\s\"'“‘„«(\[¿¡]*$")
_MEASURED = re.compile(r"\d+(?:k|st|nd|rd|th|am|pm)|\d+-\w.*")  # 10k, 2nd, 16-year-old
_SIGNS = frozenset("0123456789+#")
_PRONOUNS = frozenset({"i", "i'm", "i've", "i'd", "i'll", "im", "ive"})

_STEM = 4  # letters that the name of a land and of its people share
_LANDS = frozenset({"", "a", "ain", "o", "y", "e", "ia", "land"})
_PEOPLE = frozenset({"n", "an", "ian", "ns", "ans", "ians", "ese", "ish", "i", "is", "ic", "ics", "s"})

# Names of one thing that share no word. The rest is told by its letters: "US" by "United States".
_SAME = {"usa": "america", "u.s": "america", "u.s.a": "america", "britain": "uk", "england": "uk"}


@dataclass(frozen=True, slots=True)
class Name:
    """A word that is a name or part of one: casefolded, and as it was written."""

    folded: str
    written: str


def proper_names(text: str, *, language: str) -> tuple[Name, ...]:
    """The words that are written as names: with a capital within a sentence, or with capitals or digits inside.

    In German nouns are among them. Scripts without capitals have those in Latin letters alone.
    """
    stopped = STOPWORDS.get(language, frozenset())
    shouted = text.isupper()
    found: list[Name] = []
    for token in _TOKEN.finditer(text):
        word = token[0].removesuffix("'s").removesuffix("'S").rstrip(".")
        folded = word.casefold()
        if folded in _PRONOUNS or not any(letter.isalpha() for letter in word) or _MEASURED.fullmatch(folded):
            continue
        inner = any(letter.isupper() for letter in word[1:]) or any(letter in _SIGNS for letter in word)
        capital = word[0].isupper() and folded not in stopped and not _OPENING.search(text, 0, token.start())
        if (inner and not shouted) or capital:
            found.append(Name(folded, word))
    return tuple(found)


def lacking(names: Sequence[Name], words: Sequence[str], *, own: Sequence[str], language: str) -> tuple[str, ...]:
    """Those names that do not stand among the words of another text; `own` are the words of their own text.

    A word also stands there as its stem, in two parts ("you tube"), or by its letters ("US" for "United States"); one
    with digits or signs stands there as it is alone.
    """
    if not names:
        return ()
    there = {_SAME.get(word, word) for word in words}
    there |= {"america"} if "us" in there else set()
    stems = {stem for word in words for stem in terms(word, language=language)}
    joined = {"".join(words[at : at + size]) for size in (2, 3) for at in range(len(words) - size + 1)}
    stopped = STOPWORDS.get(language, frozenset())
    initials = _initials(words, stopped)
    spelled = {
        part
        for short, places in _initials(own, stopped).items()
        if short in there and short not in stopped
        for start, end in places
        for part in own[start:end]
    }
    spelled |= {part for at in range(len(own) - 1) if own[at] + own[at + 1] in there for part in own[at : at + 2]}
    return tuple(
        name.folded
        for name in names
        if not (
            _SAME.get(name.folded, name.folded) in there
            or (name.written.isupper() and name.folded == "us" and "america" in there)
            or any(_of_one_land(name.folded, word) for word in words)
            or name.folded in spelled
            or name.folded.replace(".", "") in {*initials, *joined, *there}
            or (name.folded.isalpha() and all(stem in stems for stem in terms(name.folded, language=language)))
            or (name.folded[-1].isalnum() and all(part in there for part in re.split(r"\W+", name.folded)))
        )
    )


def _of_one_land(one: str, other: str) -> bool:
    """Whether one is a land and the other its people, or both are: "Mexico" and "Mexican"."""
    alike = (here == there for here, there in zip(one, other, strict=False))
    shared = next((at for at, same in enumerate(alike) if not same), min(len(one), len(other)))
    ends = {one[shared:], other[shared:]}
    return shared >= _STEM and bool(ends & _PEOPLE) and ends <= _PEOPLE | _LANDS


def _initials(words: Sequence[str], stopped: Collection[str]) -> dict[str, list[tuple[int, int]]]:
    """What runs of two to six words are shortened to, with where they begin and end.

    A run begins and ends with a word that says something.
    """
    letters = "".join(word[0] for word in words)
    found: dict[str, list[tuple[int, int]]] = {}
    for at, word in enumerate(words):
        for end in range(at + 2, min(at + 6, len(words)) + 1):
            if word not in stopped and words[end - 1] not in stopped:
                found.setdefault(letters[at:end], []).append((at, end))
    return found
