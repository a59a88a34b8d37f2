r"""Addresses in an answer: where they stand, which of them are trusted, and how one is shown that nobody can follow.

    https://docs.example.com/page  →  hxxps://docs[.]example[.]com/page

This is how security reports write addresses ("defanged"). No renderer of Markdown and no mail client makes a link of
it, for it has neither a scheme nor a domain that they know; a person sees at once what it was, and can restore it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from ragstone.errors import ConfigError
from ragstone.validation.egress.domains import ALONE, COUNTRIES, FILES, GENERIC

__all__ = ["Address", "Prefix", "addresses", "inert", "is_file", "odd_dots", "prefix"]

Kind = Literal["link", "address"]

_STOP = r"\s<>\[\]`\"“”„«»（）【】「」『』《》〈〉。，、；：？！｡､…"
_ADDRESS = re.compile(
    rf"(?P<scheme>(?:(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{{0,40}}+|https?|ftp|[A-Za-z]):/{{2}})(?:\[[0-9A-Fa-f:.]{{2,45}}\])?[^{_STOP}]{{0,2000}}+"
    r"|(?<![\w.+-])(?P<special>javascript|vbscript|livescript|data|blob|file|mailto|xmpp|tel|sms|callto|magnet|intent|"
    rf"https?|ftps?|wss?|view-source|about|jar|cid|mid|im|sip|sips|skype|facetime|ms-[a-z-]{{1,30}}):(?=[^\s\d*_`])[^{_STOP}]{{0,2000}}+"
    rf"|(?P<www>(?<![A-Za-z0-9.-])www\d{{0,3}}\.)[^{_STOP}]{{0,2000}}+"
    rf"|(?P<bare>(?<![:/])(?<![^\W_])//)(?=[\w\[])[^{_STOP}]{{0,2000}}+"
    r"|(?P<mail>[\w.+%!#$&'*/=?^{|}~-]{1,64}+@(?=\.{0,9}+[\w-]{1,63}+\.[\w-]|\.{1,9}+[\w-]|\[))\[?[\w.:-]*+"
    rf"|(?P<domain>(?<![\w-])[\w-]++(?:\.[\w-]++)++\.?)(?P<more>(?::\d{{1,5}})?(?:[/?#][^{_STOP}]{{0,2000}}+)?)",
    re.IGNORECASE,
)
_TAIL = ".,;:!?*_~'\")]}|"
_WWW = re.compile(r"(?<![A-Za-z0-9.-])www\d{0,3}\.", re.IGNORECASE)
_CLOSING = ".,;:!?*_'\")]}"
_HOST = re.compile(r"//[^\s<>]{1,100}")
"""As some read it: any sign that is no punctuation may stand in a host."""

_OPENERS = {"javascript", "vbscript", "livescript", "blob", "mailto", "xmpp", "view-source"}
_MEDIA = re.compile(r"data:(?:[\w.+-]+/|,|;|%)", re.IGNORECASE)
_CLEAN = re.compile(r"[A-Za-z0-9._~:/?#@!$&+,;=%\[\]-]*")


@dataclass(frozen=True, slots=True)
class Address:
    """One address in a text, from `start` to `end`, without the punctuation of the sentence behind it."""

    start: int
    end: int
    text: str
    kind: Kind = "link"
    named: bool = False  # a host and nothing else, which may stand for a company or a product


def addresses(text: str, in_path: Callable[[int], bool] = lambda _: False) -> Iterator[Address]:
    """The addresses in a text that some renderer or mail client would make a link of.

    `in_path` says of the place of a host whether it is a part of a path there.
    """
    at = 0
    while found := _ADDRESS.search(text, at):
        said = found[0].rstrip(_TAIL)
        start, kind = found.start(), found.lastgroup or ""
        named = kind == "more" and not found["more"].rstrip(_TAIL)
        opening = found.end("domain" if kind == "more" else kind)  # what follows may hold another one
        end = max(start + len(said), opening)
        if kind == "more" and named:
            end = start + len(found["domain"].rstrip("."))
        if _follows(text, found, kind, text[start:end]) and not (kind == "more" and in_path(start)):
            mail = kind == "mail" or (kind == "special" and found["special"].lower() == "mailto")
            yield Address(start, end, text[start:end], "address" if mail else "link", named=named)
            at = max(end, found.end()) if kind != "more" else end
        else:
            at = max(start + 1, _resumes(text, start, opening) if kind == "more" else opening)


def _resumes(text: str, start: int, end: int) -> int:
    """Where to look on after words with dots that are no host: another address may begin inside of them."""
    inside = _WWW.search(text, start + 1, end)
    if inside is not None:
        return inside.start()
    return end - len("https") if text.startswith("://", end) else end


def _follows(text: str, found: re.Match[str], kind: str, said: str) -> bool:
    """Whether somebody would make a link of it."""
    match kind:
        case "scheme":
            return found["scheme"].lower() not in ("hxxp://", "hxxps://")
        case "special":
            return _opens(said, found["special"].lower())
        case "www":
            return bool(text[found.end("www") : found.end("www") + 1].strip())
        case "bare":
            host = _HOST.match(text, found.start())
            return host is not None and ("." in host[0].rstrip(_CLOSING) or "localhost" in host[0].lower())
        case "mail":
            return True
        case _:
            return _is_domain(found["domain"], found["more"])


def _opens(said: str, scheme: str) -> bool:
    if scheme == "data":
        return _MEDIA.match(said) is not None
    rest = said[len(scheme) + 1 :]
    if scheme == "file":
        return rest.startswith("/")
    return scheme in _OPENERS or scheme.startswith("ms-") or bool(re.match(r"[\w+@%/?.-]*[\d@/?%=.]", rest))


def _is_domain(name: str, more: str) -> bool:
    """Whether a word with dots is a host to those who make links of them."""
    last = name.rstrip(".").rpartition(".")[2].lower()
    if last not in COUNTRIES and last not in GENERIC and not last.startswith("xn--"):
        return False
    if more.rstrip(_TAIL) or "xn--" in name.lower():
        return True
    return last in ALONE or (last in COUNTRIES and (last not in FILES or name.strip(".").count(".") > 1))


def is_file(name: str) -> bool:
    """Whether a word with dots may be the name of a file as well as a host."""
    return name.rpartition(".")[2].lower() in FILES


_ODD = re.compile(r"(?<=[^\w\s])\.(?P<ending>[^\W\d_]{2,24})(?![\w-])")


def odd_dots(text: str) -> Iterator[int]:
    """The dots between a sign that is no punctuation and the ending of a domain: some take that for a host, too."""
    for found in _ODD.finditer(text):
        before, ending = text[found.start() - 1], found["ending"].lower()
        if unicodedata.category(before)[0] in "SC" and (ending in ALONE or ending in COUNTRIES):
            yield found.start()


# ── Shown, and not followed ─────────────────────────────────────────────────────────────────────────────────────────


def inert(address: str) -> str | None:
    """An address as nothing makes a link of it; None where it is written in a way that no honest one is.

    >>> inert("https://docs.example.com/page")
    'hxxps://docs[.]example[.]com/page'
    """
    if not _CLEAN.fullmatch(address) or len(address) > 500:
        return None
    scheme, mark, rest = address.partition("://")
    if not mark:
        scheme, rest = "", address
    elif scheme.lower() in ("http", "https"):
        scheme = "hxxp" + scheme[4:].lower() + "://"
    else:
        scheme += "[:]//"
    if scheme == "" and re.match(r"[A-Za-z][A-Za-z0-9+-]*:(?!\d)", rest):
        scheme, _, rest = rest.partition(":")
        scheme += "[:]"
    if "[" in rest or "]" in rest:
        return None
    rest = re.sub("(?i)http", "hxxp", rest).replace("://", "[:]//").replace("@", "[@]").replace(".", "[.]")
    shown = scheme + rest
    return shown if not shown.startswith("//") else "[:]" + shown


# ── Prefixes that the author trusts ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Prefix:
    """Addresses that begin alike: `scheme` and `host` must be the same, and `path` ends at a border."""

    scheme: str
    host: str
    path: str

    def covers(self, address: str, *, query: bool = False) -> bool:
        """Whether an address lies under it. One with a query, which may carry anything, does only if that is known."""
        plain = re.fullmatch(r"[A-Za-z0-9._~:/?#!$&+,;=%-]*", address)
        if plain is None or re.search(r"/\.{1,2}(?:[/?#]|$)|%2e|%2f|%5c|%00|//.*//", address, re.IGNORECASE):
            return False
        try:
            parts = urlsplit(address)
        except ValueError:
            return False
        if (parts.scheme.lower(), parts.netloc.lower()) != (self.scheme, self.host) or (parts.query and not query):
            return False
        if "?" in address and not query:
            return False
        path = parts.path or "/"
        return path == self.path or path.startswith(self.path if self.path.endswith("/") else self.path + "/")


def prefix(address: str) -> Prefix:
    """A prefix as an author writes it: `https://docs.example.com/guide`. Raises ConfigError for anything else."""
    parts = urlsplit(address)
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._~!$&+,;=%/-]*)?", address)
    if plain is None or not parts.netloc:
        expected = "a scheme, a host and a path, such as https://docs.example.com/guide/"
        raise ConfigError("allow holds no address that others can begin with", expected=expected, found=repr(address))
    return Prefix(parts.scheme.lower(), parts.netloc.lower(), parts.path or "/")
