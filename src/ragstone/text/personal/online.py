"""Finds addresses on the net: e-mail, web, and those of machines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

from ragstone.text.personal.spans import Span

__all__ = ["emails", "ips", "urls"]

_LOCAL = r"\w!#$%&'*+/=?^`{|}~.-"
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_EMAIL = re.compile(rf"(?<![{_LOCAL}])[{_LOCAL}]{{1,64}}@(?:{_LABEL}\.)+[^\W\d_]{{2,24}}(?![\w@])")
_QUOTES = "'`*_~{|/=!#$%&?^.+-"  # what may stand before an address and is no part of it

_HOST_ENDS = "com|org|net|edu|gov|info|biz|io|dev|co\\.[a-z]{2}|com\\.[a-z]{2}"
_URL = re.compile(
    rf"(?<![\w@.-])(?:(?:https?|ftp)://[^\s<>\"'`|{{}}\\^\[\]]{{1,2000}}|www\.[^\s<>\"'`|{{}}\\^\[\]]{{1,2000}}"
    rf"|(?:{_LABEL}\.)+(?:{_HOST_ENDS})(?![\w@-])(?:/[^\s<>\"'`|{{}}\\^\[\]]{{0,2000}})?)",
    re.IGNORECASE,
)
_TRAILING = ".,;:!?)'\"*_"

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4 = re.compile(rf"(?<![\w.-])(?:{_OCTET}\.){{3}}{_OCTET}(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?:\.\d{1,3}){0,3}(?![\w:])")
_VERSION = re.compile(r"(?:\bv|version|release|section|chapter|§)\W{0,3}$", re.IGNORECASE)


def emails(text: str) -> Iterator[Span]:
    """Addresses such as `jane@example.com`, of any script."""
    if "@" not in text:
        return
    for found in _EMAIL.finditer(text):
        start = found.start()
        while text[start] in _QUOTES:
            start += 1
        if text[start] != "@":
            yield Span(start, found.end(), "EMAIL_ADDRESS")


def urls(text: str) -> Iterator[Span]:
    """Addresses of pages, and bare names of hosts under the ends that are in common use."""
    for found in _URL.finditer(text):
        end = found.end()
        while end > found.start() and text[end - 1] in _TRAILING:
            end -= 1
        if end - found.start() > len("www."):
            yield Span(found.start(), end, "URL", 0.9)


def ips(text: str) -> Iterator[Span]:
    """Addresses of machines, but for those that mean the machine itself."""
    for found in _IPV4.finditer(text):
        if _told(found[0]) and not _VERSION.search(text, max(0, found.start() - 12), found.start()):
            yield Span(found.start(), found.end(), "IP_ADDRESS", 0.95)
    for found in _IPV6.finditer(text):
        if len(found[0]) > 3 and _told(found[0]):
            yield Span(found.start(), found.end(), "IP_ADDRESS", 0.95)


def _told(address: str) -> bool:
    try:
        read = ip_address(address)
    except ValueError:
        return False
    return not (read.is_loopback or read.is_unspecified)
