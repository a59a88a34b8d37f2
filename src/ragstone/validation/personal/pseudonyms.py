r"""Names that stand in for personal data while a text is elsewhere, and the way back.

    "Mail jane@example.com."     →  "Mail <EMAIL_ADDRESS_1>."
    "I wrote to jane@example.com."  ←  "I wrote to EMAIL_ADDRESS_1."

The same value has the same name, in whatever letters and spaces it is written. A model may write a name in other
letters, lose its brackets or escape them; it is known all the same, also where a stream is cut in the middle of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Pseudonyms", "Restoring", "same"]

_OPEN = ("<", "&lt;", r"\u003c")
_CLOSE = (">", "&gt;", r"\u003e")
_SPACES = 2  # within the brackets that a model may put
_DIGITS = 6
_ANY = re.compile(r"([A-Z][A-Z\\_ -]{0,80})[_ -](\d{1,6})", re.IGNORECASE)


def same(value: str) -> str:
    """What two ways of writing one value have in common: `+1 (415) 555-0100` and `+1 415 555 0100`.

    >>> same("Jane@Example.com") == same("jane@example.com")
    True
    """
    folded = value.casefold()
    if "@" in value or not any(letter.isdigit() for letter in value):
        return " ".join(folded.split())
    return re.sub(r"[\W_]+", "", folded)


class Pseudonyms:
    """The pseudonyms of one request, numbered by type in the order in which they are asked for.

    No name is given that stands in one of the texts `said` already: `<EMAIL_ADDRESS_1>` may be somebody's own words.
    """

    def __init__(self, said: Iterable[str] = ()) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[tuple[str, int], str] = {}
        self._taken = {name for text in said for found in _ANY.finditer(text) for name in _names(found)}
        self._last: dict[str, int] = {}
        self._pattern: re.Pattern[str] | None = None
        self._begun: re.Pattern[str] | None = None

    def __len__(self) -> int:
        return len(self._values)

    @property
    def types(self) -> tuple[str, ...]:
        """Those of the values, each once."""
        return tuple(self._last)

    def of(self, value: str, type_: str) -> str:
        """The name of a value, made when it is first asked for.

        >>> Pseudonyms().of("jane@example.com", "EMAIL_ADDRESS")
        '<EMAIL_ADDRESS_1>'
        """
        key = same(value)
        if key not in self._names:
            number = self._last.get(type_, 0) + 1
            while (type_, number) in self._taken:
                number += 1
            self._last[type_] = number
            self._values[type_, number] = value
            self._names[key] = f"<{type_}_{number}>"
            self._pattern = self._begun = None
        return self._names[key]

    def restore(self, text: str, *, escaped: bool = False, start: int = 0) -> str:
        """The text from a place on with the values for their names; `escaped` as a string of JSON writes them."""
        return "".join(self._restored(text, start, escaped=escaped)) if self._values else text[start:]

    def restoring(self, *, escaped: bool = False) -> Restoring:
        """The same for a text that comes piece by piece."""
        return Restoring(self, escaped=escaped)

    def _found(self, text: str, start: int) -> Iterator[re.Match[str]]:
        """What reads as a name of these types from a place on. What stands before that is looked at, too."""
        if self._pattern is None:
            self._pattern = _pattern(self.types)
        return self._pattern.finditer(text, start)

    def _restored(self, text: str, start: int, *, escaped: bool) -> Iterator[str]:
        at = start
        for found in self._found(text, start):
            type_ = re.sub(r"[\\_ -]+", "_", found["opened"] or found["bare"]).upper()
            value = self._values.get((type_, int(found["number"] or found["digits"])))
            if value is None:
                continue
            yield text[at : found.start()]
            yield json.dumps(value, ensure_ascii=False)[1:-1] if escaped else value
            at = found.end()
        yield text[at:]

    def settled(self, text: str, start: int, *, reach: int, escaped: bool) -> tuple[str, int]:
        """The beginning of a text from a place on as far as it is sure, restored, and where that ends."""
        first = max(start, len(text) - reach)
        cut = next((at for at in range(first, len(text)) if self.begins(text[at:])), len(text))
        for found in self._found(text, start):
            if found.start() < cut < found.end():
                cut = found.end()  # the last letters of a name may begin another one
        return "".join(self._restored(text[:cut], start, escaped=escaped)), cut

    def begins(self, text: str) -> bool:
        """Whether more of a text could make a name of it, or a longer one."""
        if self._begun is None:
            self._begun = _begun(self.types)
        return self._begun.fullmatch(text) is not None


def _names(found: re.Match[str]) -> Iterator[tuple[str, int]]:
    """Each name that a text may be taken to say: `MY_AGE_1` is no `AGE_1`, and is left out all the same."""
    words = re.split(r"[\\_ -]+", found[1].upper())
    for first in range(len(words)):
        yield "_".join(words[first:]), int(found[2])


def _pattern(types: Iterable[str]) -> re.Pattern[str]:
    """Any name of these types, in brackets or without."""
    words = [type_.split("_") for type_ in sorted(types, key=len, reverse=True)]
    spaced = "|".join(r"(?:\\{0,2}_|[ -])".join(map(re.escape, each)) for each in words)
    plain = "|".join(r"\\{0,2}_".join(map(re.escape, each)) for each in words)
    opens, closes = ("|".join(map(re.escape, each)) for each in (_OPEN, _CLOSE))
    return re.compile(
        rf"(?:{opens}) {{0,{_SPACES}}}(?P<opened>{spaced})(?:\\{{0,2}}_|[ -])(?P<number>\d{{1,{_DIGITS}}})(?!\d)"
        rf"(?: {{0,{_SPACES}}}(?:{closes}))?"
        rf"|(?<![^\W_])(?P<bare>{plain})\\{{0,2}}_(?P<digits>\d{{1,{_DIGITS}}})(?!\d)",
        re.IGNORECASE,
    )


def _begun(types: Iterable[str]) -> re.Pattern[str]:
    """Any beginning of what `_pattern` finds, and of what would lengthen it."""
    number = [r"\d", *[r"\d?"] * (_DIGITS - 1)]
    ends = "|".join(_nested([re.escape(letter) for letter in close[:-1]]) for close in _CLOSE if close[1:])
    found: list[str] = []
    for type_ in types:
        bare = [atom for letter in type_ for atom in _atoms(letter, "_")] + _atoms("_", "_")
        found.append(_nested([*bare, *number]))
        spaced = [atom for letter in type_ for atom in _atoms(letter, "[_ -]")] + _atoms("_", "[_ -]")
        for opening in _OPEN:
            opens = [re.escape(letter) for letter in opening]
            found.append(_nested([*opens, *[" ?"] * _SPACES, *spaced, *number, *[" ?"] * _SPACES, f"(?:{ends})"]))
    return re.compile("|".join(found) or "(?!)", re.IGNORECASE)


def _atoms(letter: str, mark: str) -> list[str]:
    """One letter of a type's name, or a mark between its words, which may be escaped."""
    return [r"\\?", r"\\?", mark] if letter == "_" else [re.escape(letter)]


def _nested(atoms: Sequence[str]) -> str:
    """Matches any number of the first of these atoms."""
    made = ""
    for atom in reversed(atoms):
        made = f"(?:{atom}{made})?"
    return made


class Restoring:
    """Puts the values back while a text is said. What may be the beginning of a name is held back until it is known."""

    def __init__(self, names: Pseudonyms, *, escaped: bool) -> None:
        self._names, self._escaped = names, escaped
        self._text, self._start = "", 0  # the last letter that was said, and what is held
        longest = max((len(type_) for type_ in names.types), default=0)
        self._reach = 2 * longest + 2 * len(_OPEN[-1]) + 2 * _SPACES + _DIGITS  # every mark may be escaped

    def feed(self, text: str) -> str:
        """What is sure now."""
        if not len(self._names):
            return text
        whole = self._text + text
        said, cut = self._names.settled(whole, self._start, reach=self._reach, escaped=self._escaped)
        self._start = min(1, cut)
        self._text = whole[cut - self._start :]
        return said

    def finish(self) -> str:
        """The rest."""
        rest = self._names.restore(self._text, escaped=self._escaped, start=self._start)
        self._text, self._start = "", 0
        return rest
