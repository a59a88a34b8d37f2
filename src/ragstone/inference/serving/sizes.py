"""Figures as people write them: 32k tokens, 8b parameters, 4.5 GiB."""

from __future__ import annotations

import re

from ragstone.errors import UsageError

__all__ = ["GIB", "KIB", "gib", "parameters", "tokens"]

KIB, GIB = 1024, 1024**3
TOKENS = {"": 1, "k": 1024, "m": 1024**2}
PARAMETERS = {"": 1, "m": 10**6, "b": 10**9, "t": 10**12}


def gib(size: float) -> str:
    """Bytes in GiB, with one decimal.

    >>> gib(1.5 * 1024**3)
    '1.5 GiB'
    """
    return f"{size / GIB:,.1f} GiB"


def tokens(text: str, *, where: str) -> int:
    """A number of tokens: `32768` or `32k`, where k is 1,024. Raises UsageError.

    >>> tokens("32k", where="--context")
    32768
    """
    return _read(text, TOKENS, where=where, expected="a number of tokens, such as 32768 or 32k")


def parameters(text: str, *, where: str) -> int:
    """A number of parameters: `8b`, `8.19b` or `350m`. Raises UsageError.

    >>> parameters("8.19b", where="--params")
    8190000000
    """
    return _read(text, PARAMETERS, where=where, expected="a number of parameters, such as 8b or 350m")


def _read(text: str, units: dict[str, int], *, where: str, expected: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([a-z]?)", text.strip().lower().replace(",", "").replace("_", ""))
    value = round(float(found[1]) * units[found[2]]) if found and found[2] in units else 0
    if value < 1:
        raise UsageError("it cannot be read", where=where, expected=expected, found=repr(text))
    return value
