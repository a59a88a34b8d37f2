"""Addresses with places for values, such as `/orders/{id}/lines?language={language}`.

A connector lists those that it may be asked for, and a prompt file writes the one that it wants. A value is put into
its place in such a way that it stays there: it opens no other folder, adds no parameter and ends no path.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from ragstone.errors import ConfigError, UsageError

__all__ = ["Address", "parse"]

LONGEST_VALUE = 1_000  # characters
DECODED = 5  # times that a value is decoded in search of what hides in it

_PLACE = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_WORDS = re.compile(r"[A-Za-z0-9._~!$'()*,:@+-]*")
_EXPECTED = "such as /orders/{order_id} or /orders?customer={name}"


@dataclass(frozen=True, slots=True)
class Address:
    """A path and its parameters, in parts: each is a text in which `{name}` is a place."""

    text: str
    segments: tuple[str, ...]
    query: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The places, each once, in their order."""
        return tuple(dict.fromkeys(_PLACE.findall(self.text)))

    def allows(self, other: Address) -> bool:
        """Whether whatever can be made of the other one could be made of this one.

        >>> parse("/orders/{id}").allows(parse("/orders/{order_id}"))
        True
        >>> parse("/orders/{id}").allows(parse("/{anything}/7"))
        False
        """
        mine, theirs = ([*one.segments, *(value for _, value in one.query)] for one in (self, other))
        same = len(self.segments) == len(other.segments)
        same = same and [name for name, _ in self.query] == [name for name, _ in other.query]
        # A character that no part holds stands for any value: it fits a place and no word.
        return same and all(_fits(ours, _PLACE.sub("\0", part)) for ours, part in zip(mine, theirs, strict=True))

    def made(self, path: str) -> bool:
        """Whether a path with its values in place is one that can be made of this; a slash at its end does not count.

        >>> parse("/orders/{id}").made("/orders/7"), parse("/orders/{id}").made("/orders/7%2Flines")
        (True, False)
        """
        parts = urlsplit(path)
        segments = parts.path.removeprefix("/").split("/")
        if len(segments) == len(self.segments) + 1 and not segments[-1]:
            segments.pop()
        given = [pair.partition("=")[::2] for pair in parts.query.split("&")] if parts.query else []
        if len(segments) != len(self.segments) or [name for name, _ in given] != [name for name, _ in self.query]:
            return False
        if any(_leads_away(segment) for segment in segments) or parts.scheme or parts.netloc:
            return False
        pairs = [*zip(self.segments, segments, strict=True)]
        pairs += [(mine, value) for (_, mine), (_, value) in zip(self.query, given, strict=True)]
        return all(_fits(mine, part) for mine, part in pairs)

    def filled(self, values: Mapping[str, str]) -> str:
        """The path with these values in place, each so encoded that it stays there.

        Raises UsageError for a value that is empty or too long, or that a server might take for more than one word.

        >>> parse("/orders/{id}?language={language}").filled({"id": "a b", "language": "de&x=1"})
        '/orders/a%20b?language=de%26x%3D1'
        """
        for name in self.names:
            _check(name, values[name])
        for name in (name for segment in self.segments for name in _PLACE.findall(segment)):
            _check_word(name, values[name])

        def put(place: re.Match[str]) -> str:
            return quote(values[place[1]], safe="")

        path = "/" + "/".join(_PLACE.sub(put, segment) for segment in self.segments)
        if any(_leads_away(segment) for segment in path[1:].split("/")):  # "." from each of two places
            raise UsageError("these values would lead elsewhere", expected=self.text, found=repr(path))
        query = "&".join(f"{name}={_PLACE.sub(put, value)}" for name, value in self.query)
        return f"{path}?{query}" if query else path


def parse(text: str) -> Address:
    """An address as a file writes it. Raises ConfigError for one that is none."""
    path, mark, query = text.partition("?")
    if not path.startswith("/"):
        raise ConfigError("a path begins with a slash", expected=_EXPECTED, found=repr(text))
    segments = path[1:].split("/")
    pairs = [pair.partition("=") for pair in query.split("&")] if mark else []
    for name, equals, _ in pairs:
        if not name or not equals or _PLACE.search(name):
            raise ConfigError("a parameter has a name and a value", expected=_EXPECTED, found=repr(text))
    for part in (*segments, *(part for name, _, value in pairs for part in (name, value))):
        _check_part(part, text)
    if any(segment in (".", "..") or not segment for segment in segments[:-1]) or segments[-1] in (".", ".."):
        raise ConfigError("a path has no empty parts and no dots alone", expected=_EXPECTED, found=repr(text))
    return Address(text, tuple(segments), tuple((name, value) for name, _, value in pairs))


def _check_part(part: str, text: str) -> None:
    for name in _PLACE.findall(part):
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{{{name}}} names no value", expected="letters, digits and _ between the braces", found=repr(text)
            )
    if not _WORDS.fullmatch(_PLACE.sub("", part)):
        raise ConfigError(
            "the path holds a character that no path can hold as it stands",
            expected="letters without accents, digits, . _ ~ - and places in braces",
            found=repr(text),
        )


def _fits(mine: str, part: str) -> bool:
    literals = _PLACE.split(mine)[::2]
    return re.fullmatch(".+".join(map(re.escape, literals)), part, re.DOTALL) is not None


# ── Values ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _check(name: str, value: str) -> None:
    if not value.strip():
        raise UsageError(f"the value of {name!r} is empty")
    if len(value) > LONGEST_VALUE:
        raise UsageError(f"the value of {name!r} is too long", expected=f"at most {LONGEST_VALUE:,} characters")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise UsageError(f"the value of {name!r} holds half a character, which cannot be sent")


def _check_word(name: str, value: str) -> None:
    """Many servers decode a path before they cut it, so a slash leads elsewhere however it is encoded."""
    for said in _decoded(value):
        if _leads_away(said):
            found = repr(value if len(value) <= 60 else value[:60] + "…")
            raise UsageError(
                f"the value of {name!r} cannot stand in a path", expected="a word without slashes", found=found
            )
        if any(ord(character) < 32 or character == "\x7f" for character in said):
            raise UsageError(f"the value of {name!r} holds a line break or another sign that cannot be seen")


def _decoded(value: str) -> Iterator[str]:
    """The value, and what it is once it is decoded, and so on. What never ends is said to lead away."""
    for _ in range(DECODED):
        yield value
        after = unquote(value)
        if after == value:
            return
        value = after
    yield "/"


def _leads_away(segment: str) -> bool:
    """Whether a part of a path is `.` or `..` to some server, or holds a slash: some cut it at a semicolon first."""
    said = unicodedata.normalize("NFKC", unquote(segment)).strip()
    return "/" in said or "\\" in said or re.split(r"[;\s]", said)[0] in (".", "..")
