"""A code that is planted among the instructions, so that it shows when they come out: `{{ canary }}`."""

from __future__ import annotations

import hashlib

__all__ = ["PART", "PLACE", "canary"]

PART = "parts/canary.md"
"""What tells a model of the code: a file to be included."""

PLACE = "\0canary\0"
"""Stands for the code while the version of a file, which it is made from, is not known yet."""

LETTERS, DIGITS = "bcdfghjkmnpqrstvwxz", "2345679"  # none that makes a word, or is taken for another
GROUPS, GROUP = 4, 5


def canary(version: str) -> str:
    """The code of a version of a prompt file; each third character is a digit, so that no word is a part of it.

    >>> canary("1")
    'nn4mt-5mz2w-d4tj5-bk7qs'
    """
    drawn = hashlib.blake2b(version.encode(), digest_size=GROUPS * GROUP, person=b"canary").digest()
    letters = [(DIGITS if place % 3 == 2 else LETTERS) for place in range(len(drawn))]
    said = "".join(given[byte % len(given)] for given, byte in zip(letters, drawn, strict=True))
    return "-".join(said[at : at + GROUP] for at in range(0, len(said), GROUP))
