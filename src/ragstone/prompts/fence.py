"""Stands texts between two lines with a code that occurs in none of them, so that no text can close its own fence."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

__all__ = ["fenced"]


def fenced(texts: Sequence[str]) -> list[str]:
    r"""Each text between two lines; the code is made from all of them, so the same texts have the same one.

    >>> fenced(["A chunk holds 200 tokens."])
    ['<<<20670d01\nA chunk holds 200 tokens.\n20670d01>>>']
    """
    code = _code(texts)
    return [f"<<<{code}\n{text}\n{code}>>>" for text in texts]


def _code(texts: Sequence[str]) -> str:
    digest = hashlib.blake2b("\0".join(texts).encode(errors="surrogatepass"))
    while any(digest.hexdigest()[:8] in text for text in texts):
        digest.update(b"once more")
    return digest.hexdigest()[:8]
