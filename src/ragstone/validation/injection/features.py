"""What the detector for retrieved text knows of a sentence: its rules, and how far it stands from its neighbours."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ragstone.validation.injection.pieces import Piece
from ragstone.validation.injection.rules import RULES, found

__all__ = ["BLOCK", "FEATURES", "blocks", "features", "rules_of"]

Matrix = NDArray[np.float32]

BLOCK = 64
"""Pieces that are compared with each other; a longer text is several such blocks."""

SMOOTH = 0.05  # added to a spread, so that two alike neighbours make nobody strange
NEAREST = 3

OUTLYING = ("apart", "deviation", "nearest", "near", "alone", "prose", "script", "length", "asks")
"""`apart`: the mean cosine to the others, less that of the others among themselves; `deviation`: the same in standard
deviations of theirs; `nearest`, `near`: the highest cosine, and the mean of the three highest; `alone`: there is nobody
to compare with; `prose`: the share of table lines around a sentence that is none; `script`: the share of others in
another script; `length` in words; `asks`: how much the vector alone looks like a request."""

RARE = ("verbs", "second", "question", "please", "request")
"""Rules that weigh less where the other sentences meet them, too, as in instructions for use."""

PAIRED = ("verbs", "second", "question", "request", "language", "cipher", "reply", "code", "outward")
"""Rules that weigh more in a sentence that stands apart."""

TOGETHER = (("verbs", "reply"), ("second", "reply"), ("verbs", "cipher"), ("verbs", "second"), ("address", "reply"))

FEATURES: tuple[str, ...] = (
    *RULES,
    *OUTLYING,
    *(f"{name}, not around" for name in RARE),
    *(f"{name}, apart" for name in PAIRED),
    *(f"{name}, asks" for name in PAIRED),
    "asks, apart",
    *(f"{one} and {other}" for one, other in TOGETHER),
)

_WORDS = re.compile(r"[^\W\d_]+")
_COLUMN = {name: at for at, name in enumerate(RULES)}


def blocks(count: int) -> list[slice]:
    """The blocks of so many pieces, each as long as the others.

    >>> [(each.start, each.stop) for each in blocks(65)]
    [(0, 33), (33, 65)]
    """
    number = max(1, -(-count // BLOCK))
    edges = [-(-count * at // number) for at in range(number + 1)]
    return [slice(start, end) for start, end in zip(edges, edges[1:], strict=False)]


def rules_of(pieces: Sequence[Piece]) -> Matrix:
    """Which rules each piece meets, as zeros and ones, shape (pieces, rules)."""
    met = np.zeros((len(pieces), len(RULES)), np.float32)
    for row, piece in enumerate(pieces):
        for name in found(piece.text):
            met[row, _COLUMN[name]] = 1
        met[row, _COLUMN["encoded"]] = bool(piece.by)
        met[row, _COLUMN["masked"]] = bool(piece.masks)
    return met


def features(pieces: Sequence[Piece], vectors: Matrix, rules: Matrix, asks: Matrix) -> Matrix:
    """The features of the pieces of one block, shape (pieces, features).

    `vectors` are of length 1, and `asks` is how much each of them looks like a request, in [-1, 1].
    """
    outlying = _outlying(pieces, vectors, asks)
    apart = np.clip(-outlying[:, 0], -0.2, 0.6)
    column = {name: rules[:, at] for name, at in _COLUMN.items()}
    others = max(1, len(pieces) - 1)
    around = {name: (column[name].sum() - column[name]) / others for name in RARE}
    columns = [
        *(column[name] * (1 - around[name]) for name in RARE),
        *(column[name] * apart for name in PAIRED),
        *(column[name] * asks for name in PAIRED),
        apart * asks,
        *(column[one] * column[other] for one, other in TOGETHER),
    ]
    return np.concatenate([rules, outlying, np.stack(columns, axis=1)], axis=1).astype(np.float32)


def _outlying(pieces: Sequence[Piece], vectors: Matrix, asks: Matrix) -> Matrix:
    count = len(pieces)
    found = np.zeros((count, len(OUTLYING)), np.float32)
    rows = np.array([piece.row for piece in pieces], np.float32)
    scripts = np.array([_script(piece.text) for piece in pieces])
    if count > 2:
        found[:, :4] = _distances(vectors)
    else:
        found[:, 4] = 1
    others = max(1, count - 1)
    found[:, 5] = (1 - rows) * (rows.sum() - rows) / others
    found[:, 6] = (scripts[:, None] != scripts[None, :]).sum(axis=1) / others
    found[:, 7] = [np.log1p(_long(piece.text)) for piece in pieces]
    found[:, 8] = asks
    return found


def _distances(vectors: Matrix) -> Matrix:
    """How each vector stands to the others: apart, deviation, nearest, near."""
    count = len(vectors)
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, 0)
    sums = alike.sum(axis=1)
    mean = sums / (count - 1)
    among = (sums.sum() - 2 * sums) / ((count - 1) * (count - 2))  # of the others, without this one
    spread = np.sqrt(np.maximum((mean**2).sum() - mean**2, 0) / (count - 1) - ((mean.sum() - mean) / (count - 1)) ** 2)
    centre = (mean.sum() - mean) / (count - 1)
    deviation = (mean - centre) / (np.nan_to_num(spread) + SMOOTH)
    np.fill_diagonal(alike, -1)
    highest = -np.partition(-alike, min(NEAREST, count - 1) - 1, axis=1)[:, :NEAREST]
    highest = np.sort(highest[:, : count - 1], axis=1)
    return np.stack([mean - among, np.clip(deviation, -6, 6), highest[:, -1], highest.mean(axis=1)], axis=1)


def _script(text: str) -> str:
    """The script of its first letters: the word with which their names in Unicode begin."""
    for letter in text:
        if letter.isalpha():
            return unicodedata.name(letter, "").partition(" ")[0]
    return ""


def _long(text: str) -> int:
    words = _WORDS.findall(text)
    return sum(max(1, len(word) // 3) if ord(word[0]) > 0x3000 else 1 for word in words)
