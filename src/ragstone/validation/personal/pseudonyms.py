r"""Names that stand in for personal data while a text is elsewhere, and the way back.

    "Mail jane@example.com."     →  "Mail <EMAIL_ADDRESS_1>."
    "I wrote to jane@example.com."  ←  "I wrote to EMAIL_ADDRESS_1."

The same value has the same name, in whatever letters and spaces it is written (`same`). A model may write a name in
other letters, lose its brackets or escape them; it is known all the same, also where a stream is cut in its middle.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address

__all__ = ["Pseudonyms", "Restoring", "narrowed", "same"]

_GROUPED = frozenset(
    {
        "CREDIT_CARD",
        "IBAN_CODE",
        "PHONE_NUMBER",
        "UK_NHS",
        "US_BANK_NUMBER",
        "US_DRIVER_LICENSE",
        "US_ITIN",
        "US_PASSPORT",
        "US_SSN",
    }
)
"""Types of numbers that people write in any groups: what stands between those says nothing."""

_BETWEEN = re.compile(r"[\s.()/\u00ad\u200b\u2010-\u2015\u2060\u2212\ufeff-]+")
_NARROW = {0xFF01 + place: 0x21 + place for place in range(94)} | {0x3000: 0x20}
_PORT = re.compile(
    r"\[(?P<six>[0-9a-f:.]{2,45}(?:%[^\[\]]*)?)\]:(?P<sixth>\d{1,5})|(?P<four>[\d.]{7,15}):(?P<fourth>\d{1,5})"
)
_HOST = re.compile(r"(?P<scheme>[a-z][a-z\d+.-]{0,30}://)?(?P<user>[^/?#@]*@)?(?P<host>[^/?#]*)", re.IGNORECASE)

_OPEN = ("<", "&lt;", r"\u003c")
_CLOSE = (">", "&gt;", r"\u003e")
_SPACES = 2  # within the brackets that a model may put
_DIGITS = 6
_ANY = re.compile(r"([A-Z][A-Z\\_ -]{0,80})[_ -](\d{1,6})", re.IGNORECASE)


def same(value: str, type_: str) -> str:
    """What is equal for two values of these types only where they are surely one value, in other writing.

    Capitals, kinds of spaces and full-width forms never count (but for capitals in the path of a web address, which
    lead to other pages). What groups a number does not count either, nor which of its forms an IP address has.
    Everywhere else each mark counts: `1/11/2026` is another day than `11/1/2026`.

    >>> same("+1 (415) 555-0100", "PHONE_NUMBER") == same("+1 415 555 0100", "PHONE_NUMBER")
    True
    >>> same("10.1.11.2", "IP_ADDRESS") == same("10.11.1.2", "IP_ADDRESS")
    False
    """
    plain = " ".join(narrowed(value).split())
    if type_ == "URL":
        found = _HOST.match(plain)
        assert found is not None, "it matches nothing at all, too"
        scheme, user, host = (found[part] or "" for part in ("scheme", "user", "host"))
        return f"{scheme.lower()}{user}{host.lower()}{plain[found.end() :]}"
    folded = plain.lower()
    if type_ in _GROUPED:
        return f"#{_BETWEEN.sub('', folded)}"  # so that `2026-1122` is no `20261122` of another kind
    return _machine(folded) if type_ == "IP_ADDRESS" else folded


def narrowed(text: str) -> str:
    """The text with full-width letters, digits and marks in their usual form, each in its place."""
    return text if text.isascii() else text.translate(_NARROW)


def _machine(value: str) -> str:
    """An IP address in its canonical form, with the port that it may have; what is none stays."""
    found = _PORT.fullmatch(value)
    host, port = (value, "") if found is None else (found["six"] or found["four"], found["sixth"] or found["fourth"])
    try:
        address = ip_address(host)
    except ValueError:
        return value
    if not port:
        return str(address)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


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
        key = same(value, type_)
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
