"""Words that must not be said, and topics that must not be touched, by lists.

- words: {forbid: ["project halibut", 機密], topics: {weapons: [gun, rifle]}, language: en, on_fail: fix}
- words: {file: lists/forbidden.txt}             # one word or phrase a line, "# …" is a remark
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ragstone.errors import ConfigError
from ragstone.protocols import Check
from ragstone.text.analyzer import Term, placed_terms
from ragstone.text.language import UNKNOWN
from ragstone.text.unmask import unmask
from ragstone.types import Context
from ragstone.validation.apart import apart
from ragstone.verdicts import PASSED, Finding, Flaw, Stage, Subject

__all__ = ["WordsCheck"]

_HANGUL = re.compile("[\uac00-\ud7a3]")
_INK = re.compile(r"\S")
MOST_SHOWN = 5  # words that a reason names


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A word or several, as terms; or a run of a script that has no spaces, as it is."""

    words: str
    label: str
    terms: tuple[str, ...] = ()


class WordsCheck(Check):
    """The text holds none of the words and phrases of `forbid`, of `topics` and of a `file`, as whole words.

    Capitals, accents, look-alikes and invisible signs make no difference; with a `language` (ISO 639-1) its inflected
    forms do not either. Chinese, Japanese, Thai and what else has no spaces is found inside of any run, Korean at the
    beginning of a word. A phrase is looked for within a sentence. A fix puts stars in their place.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("output", "input", "passage")
    whole = False
    fixes = True

    def __init__(
        self,
        *,
        forbid: list[str] = [],  # noqa: B006 - only read, and shown as this key's default
        topics: dict[str, list[str]] = {},  # noqa: B006
        file: Path | None = None,
        language: str = UNKNOWN,
    ) -> None:
        self.language = language
        lists = {"forbidden": [*forbid, *(_lines(file) if file is not None else ())], **topics}
        self._by_term: Mapping[str, list[_Phrase]] = defaultdict(list)
        self._runs: Mapping[str, list[_Phrase]] = defaultdict(list)
        for label, words in lists.items():
            if label in topics and not words:
                raise ConfigError(f"topics: {label!r} names no words")
            for phrase in words:
                made = self._phrase(phrase, label)
                if made.terms:
                    self._by_term[made.terms[0]].append(made)
                else:
                    self._runs[made.words[0]].append(made)
        if not self._runs and not self._by_term:
            raise ConfigError("words: nothing is forbidden", expected="`forbid`, `topics` or `file`")
        self._begins = re.compile(f"[{re.escape(''.join(self._runs))}]") if self._runs else None

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """Fails a text that holds one of them, and says where."""
        return await apart(len(subject.text), lambda: self._judged(subject.text))

    def _judged(self, text: str) -> Finding:
        shown = unmask(text)
        found = sorted(self._found(shown.text), key=lambda one: one[:2])
        if not found:
            return PASSED
        flaws: list[Flaw] = []
        for start, end, phrase in found:
            topic = "" if phrase.label == "forbidden" else f" (the topic {phrase.label!r})"
            flaws.append(Flaw(*shown.range(start, end), f"it holds {phrase.words!r}{topic}", phrase.label))
        reasons = list(dict.fromkeys(flaw.reason.removeprefix("it holds ") for flaw in flaws))
        more = f" and {len(reasons) - MOST_SHOWN} more" if len(reasons) > MOST_SHOWN else ""
        reason = "it holds " + ", ".join(reasons[:MOST_SHOWN]) + more
        topics = ", ".join(repr(label) for label in dict.fromkeys(one.label for one in flaws) if label != "forbidden")
        told = f"it touches the topic {topics}" if topics else "it holds a forbidden word"
        fixed = _starred(text, flaws)
        return Finding(passed=False, reason=reason, flaws=tuple(flaws), fixed=fixed, told=told)

    def _phrase(self, words: str, label: str) -> _Phrase:
        plain = unmask(words).text.casefold().strip()
        tokens = list(placed_terms(plain, language=self.language))
        if not tokens:
            raise ConfigError(f"{'forbid' if label == 'forbidden' else 'topics'}: there is no word in it", found=words)
        if _HANGUL.search(plain) or any(token.runs for token in tokens):
            return _Phrase(plain, label)
        return _Phrase(words, label, tuple(token.terms[0] for token in tokens))

    def _found(self, text: str) -> Iterator[tuple[int, int, _Phrase]]:
        """The ranges of the text that hold one, and which."""
        if self._begins is not None:
            folded, places = _folded(text)
            for begin in self._begins.finditer(folded):
                at = begin.start()
                inside = at > 0 and _HANGUL.match(begin[0]) and _HANGUL.match(folded, at - 1)
                for phrase in self._runs[begin[0]] if not inside else ():
                    if folded.startswith(phrase.words, at):
                        yield places[at], places[at + len(phrase.words)], phrase
        if not self._by_term:
            return
        tokens = list(placed_terms(text, language=self.language))
        for at, token in enumerate(tokens):
            for term in dict.fromkeys(token.terms):
                for phrase in self._by_term.get(term, ()):
                    if _follow(tokens, at, phrase.terms):
                        yield token.start, tokens[at + len(phrase.terms) - 1].end, phrase


def _follow(tokens: Sequence[Term], at: int, terms: Sequence[str]) -> bool:
    """Whether the tokens from a place on are these terms, one each."""
    if at + len(terms) > len(tokens):
        return False
    return all(term in token.terms for term, token in zip(terms, tokens[at : at + len(terms)], strict=True))


def _folded(text: str) -> tuple[str, Sequence[int]]:
    """The text without capitals, and where each of its characters stands; one more is the end."""
    if len(folded := text.casefold()) == len(text):
        return folded, range(len(text) + 1)
    letters = [(letter, place) for place, sign in enumerate(text) for letter in sign.casefold()]
    return "".join(letter for letter, _ in letters), [*(place for _, place in letters), len(text)]


def _starred(text: str, flaws: Sequence[Flaw]) -> str:
    """The text with a star for each sign of what was found, spaces left as they are."""
    pieces: list[str] = []
    at = 0
    for flaw in flaws:
        start = max(at, flaw.start)
        if flaw.end > start:
            pieces += [text[at:start], _INK.sub("*", text[start : flaw.end])]
            at = flaw.end
    return "".join([*pieces, text[at:]])


def _lines(path: Path) -> list[str]:
    """The words of a file, one a line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"file: cannot be read: {error}", found=str(path)) from None
    found = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not found:
        raise ConfigError("file: it holds no word", found=str(path))
    return found
