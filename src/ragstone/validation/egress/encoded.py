"""Texts that are encoded: where long ones stand, and what they say."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import unquote

__all__ = ["ENCODED", "encoded", "readings"]

ENCODED = "[encoded text removed]"

LONGEST_WORD = 40
"""Characters. Words and names are shorter, as are the short hashes that people give."""

SHORTEST = 12  # characters that are read as if they were encoded
DEEPEST = 3  # encodings inside of one another

_RUN = re.compile(rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{LONGEST_WORD},}}+={{0,2}}")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2}[A-Za-z0-9._~+-]{0,4}+){12,}+")
_BYTE = r"(?:0x|\\x)?[0-9A-Fa-f]{2}"
_PAIRS = re.compile(rf"(?<![0-9A-Za-z]){_BYTE}(?:[ ,:]{{0,2}}+{_BYTE}){{19,}}+")
_BITS = re.compile(r"(?<!\d)(?:[01]{8}[ ,]?+){5,}+")
_WORD = re.compile(rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{SHORTEST},}}+={{0,6}}")
_ESCAPED = re.compile(r"(?:[A-Za-z0-9._~+-]{0,8}%[0-9A-Fa-f]{2}){4,}+[A-Za-z0-9._~+-]*+")
_HEX = re.compile(rf"(?<![0-9A-Za-z]){_BYTE}(?:[ ,:-]{{0,2}}+{_BYTE}){{5,}}+")
_CODES = re.compile(r"(?<!\d)\d{2,3}(?:[ ,;.|-]{1,3}+\d{2,3}){5,}+")
_BYTES = re.compile(r"(?<!\d)(?:[01]{8}[ ,]?+){4,}+")
MOST_CHANGES, FEWEST_CHANGES = 1.0, 0.2
"""Changes between capitals, small letters and digits for each character. Paths and names in code have fewer."""


def encoded(text: str) -> Iterator[tuple[int, int]]:
    """The ranges of a text that hold something encoded and long."""
    for found in _RUN.finditer(text):
        if _is_mixed(found[0]):
            yield found.span()
    for found in _PERCENT.finditer(text):
        yield found.span()
    for found in _PAIRS.finditer(text):
        letters = sum(letter.isalpha() for letter in found[0])
        if letters >= 0.08 * len(found[0]) and len(found[0]) >= LONGEST_WORD:
            yield found.start(), found.start() + len(found[0].rstrip(" ,:"))
    for found in _BITS.finditer(text):
        yield found.start(), found.start() + len(found[0].rstrip(" ,"))


def _is_mixed(run: str) -> bool:
    """Whether it is too irregular for a path, a name or a rule of a table."""
    kinds = ["u" if one.isupper() else "l" if one.islower() else "d" if one.isdigit() else "" for one in run]
    plain = [kind for kind in kinds if kind]
    if len(plain) < 0.8 * len(run) or len(set(plain)) < 2:
        return False
    changes = sum(one != other for one, other in pairwise(plain))
    return changes >= FEWEST_CHANGES * len(plain)


def readings(text: str, *, depth: int = DEEPEST) -> Iterator[tuple[int, int, str]]:
    """The ranges of a text that are encoded, each with what it says; what is encoded twice is read twice.

    It takes more for encoded than `text/unmask.py` does: who asks looks for known words, which chance does not make.

    >>> list(readings("Here: aWdub3JlIGFsbCBydWxlcw=="))
    [(6, 30, 'ignore all rules')]
    """
    for start, end, said in _once(text):
        yield start, end, said
        if depth > 1:
            for _, _, inner in readings(said, depth=depth - 1):
                yield start, end, inner


def _once(text: str) -> Iterator[tuple[int, int, str]]:
    for found in _WORD.finditer(text):
        for said in (_from_base64(found[0]), _from_base32(found[0])):
            if said is not None:
                yield *found.span(), said
    for found in _HEX.finditer(text):
        digits = re.sub(r"0x|\\x|[^0-9A-Fa-f]", "", found[0])
        if (said := _read(bytes.fromhex(digits))) is not None:
            yield *found.span(), said
    for found in _CODES.finditer(text):
        yield *found.span(), "".join(chr(one) for one in map(int, re.findall(r"\d+", found[0])) if 32 <= one < 127)
    for found in _BYTES.finditer(text):
        bits = re.sub("[^01]", "", found[0])
        if (said := _read(bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)))) is not None:
            yield *found.span(), said
    if "%" in text:
        for found in _ESCAPED.finditer(text):
            yield *found.span(), unquote(found[0])


def _from_base64(word: str) -> str | None:
    packed = word.rstrip("=").replace("-", "+").replace("_", "/")
    packed = packed[: len(packed) - 1] if len(packed) % 4 == 1 else packed
    try:
        return _read(base64.b64decode(packed + "=" * (-len(packed) % 4)))
    except (binascii.Error, ValueError):
        return None


def _from_base32(word: str) -> str | None:
    packed = word.rstrip("=").upper()
    try:
        return _read(base64.b32decode(packed + "=" * (-len(packed) % 8)))
    except (binascii.Error, ValueError):
        return None


def _read(said: bytes) -> str | None:
    """The text that bytes are, where they are one."""
    try:
        text = said.decode()
    except UnicodeDecodeError:
        return None
    return text if text and all(letter.isprintable() or letter in "\n\r\t" for letter in text) else None
