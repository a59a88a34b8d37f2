"""What the detectors know of a sentence: its rules, its vector, and how far it stands from its neighbours."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ragstone.validation.injection.pieces import Piece, pieces
from ragstone.validation.injection.rules import RULES, found

__all__ = ["BLOCK", "FEATURES", "Matrix", "Read", "Shape", "blocks", "features", "joined", "shape"]

Matrix = NDArray[np.float32]

BLOCK = 64
"""Pieces that are compared with each other; a longer text is several such blocks."""

SMOOTH = 0.05  # added to a spread, so that two alike neighbours make nobody strange
NEAREST = 3
BRIEF = np.float32(np.log1p(4))  # four words, as `length` has them

OUTLYING = ("apart", "deviation", "nearest", "near", "alone", "prose", "script", "length", "asks", "brief")
"""`apart`: the mean cosine to the others, less that of the others among themselves; `deviation`: the same in standard
deviations of theirs; `nearest`, `near`: the highest cosine, and the mean of the three highest; `alone`: there is nobody
to compare with; `prose`: the share of table lines around a sentence that is none; `script`: the share of others in
another script; `length` in words; `asks`: how much the vector alone looks like a request; `brief`: how much shorter
it is than four words, since a scrap of text has a vector like nobody's."""

RARE = ("verbs", "second", "question", "please", "request")
"""Rules that weigh less where the other sentences meet them, too, as in instructions for use."""

PAIRED = ("verbs", "second", "question", "request", "language", "cipher", "reply", "asked", "code", "outward")
"""Rules that weigh more in a sentence that stands apart, or whose vector looks like a request."""

FAR = ("verbs", "question", "request")
"""Rules that weigh more in a sentence that is like no other one of its text."""

TOGETHER = (
    ("verbs", "reply"),
    ("second", "reply"),
    ("verbs", "cipher"),
    ("verbs", "second"),
    ("address", "reply"),
    ("verbs", "asked"),
    ("verbs", "override"),
    ("verbs", "secrets"),
)

FEATURES: tuple[str, ...] = (
    *RULES,
    *OUTLYING,
    *(f"{name}, not around" for name in RARE),
    *(f"{name}, apart" for name in PAIRED),
    *(f"{name}, asks" for name in PAIRED),
    *(f"{name}, far" for name in FAR),
    "asks, apart",
    "asks, far",
    *(f"{one} and {other}" for one, other in TOGETHER),
)

_WORDS = re.compile(r"[^\W\d_]+")
_HIDDEN = {
    (encoded, masked): frozenset(["encoded"] * encoded + ["masked"] * masked)
    for encoded in (False, True)
    for masked in (False, True)
}
_COLUMN = {name: at for at, name in enumerate(RULES)}
_RARE, _PAIRED, _FAR, _ONE, _OTHER = (
    np.array([_COLUMN[name] for name in names])
    for names in (RARE, PAIRED, FAR, [one for one, _ in TOGETHER], [other for _, other in TOGETHER])
)


@dataclass(frozen=True, slots=True)
class Shape:
    """A text in pieces, with what can be known of each without a vector.

    `rules` says which rules each piece meets, as zeros and ones, shape (pieces, rules); `rows` which are of a table.
    """

    pieces: tuple[Piece, ...]
    rules: Matrix
    rows: Matrix
    lengths: Matrix
    scripts: NDArray[np.str_]

    def part(self, block: slice) -> Shape:
        """Some of the pieces, as if they were all."""
        return Shape(self.pieces[block], self.rules[block], self.rows[block], self.lengths[block], self.scripts[block])


@dataclass(frozen=True, slots=True)
class Read:
    """A text in pieces, and the vector of each, of length 1."""

    shape: Shape
    vectors: Matrix


def shape(text: str) -> Shape:
    """The pieces of a text, with their rules."""
    cut = tuple(pieces(text))
    return Shape(
        cut,
        _rules_of(cut),
        np.array([piece.row for piece in cut], np.float32),
        np.log1p([_long(piece.text) for piece in cut]).astype(np.float32),
        np.array([_script(piece.text) for piece in cut], np.str_),
    )


def joined(*parts: Read) -> Read:
    """Texts one after the other, as one; the places of their pieces are not changed."""
    shapes = [part.shape for part in parts]
    return Read(
        Shape(
            tuple(piece for each in shapes for piece in each.pieces),
            np.concatenate([each.rules for each in shapes]),
            np.concatenate([each.rows for each in shapes]),
            np.concatenate([each.lengths for each in shapes]),
            np.concatenate([each.scripts for each in shapes]),
        ),
        np.concatenate([part.vectors for part in parts]),
    )


def blocks(count: int) -> list[slice]:
    """The blocks of so many pieces, each about as long as the others.

    >>> [(each.start, each.stop) for each in blocks(65)]
    [(0, 33), (33, 65)]
    """
    number = max(1, -(-count // BLOCK))
    edges = [-(-count * at // number) for at in range(number + 1)]
    return [slice(start, end) for start, end in pairwise(edges)]


def features(shape: Shape, vectors: Matrix, asks: Matrix) -> Matrix:
    """The features of the pieces of one block, shape (pieces, features).

    `asks` is how much each vector looks like a request, in [-1, 1].
    """
    outlying = _outlying(shape, vectors, asks)
    apart = np.clip(-outlying[:, 0], -0.2, 0.6)
    far = np.clip(0.5 - outlying[:, 2], 0, 0.6)  # half: about the cosine of neighbours in an article
    rules = shape.rules
    rare, paired = rules[:, _RARE], rules[:, _PAIRED]
    around = (rare.sum(axis=0) - rare) / np.float32(max(1, len(vectors) - 1))
    columns = [
        rules,
        outlying,
        rare * (1 - around),
        paired * apart[:, None],
        paired * asks[:, None],
        rules[:, _FAR] * far[:, None],
        (apart * asks)[:, None],
        (far * asks)[:, None],
        rules[:, _ONE] * rules[:, _OTHER],
    ]
    return np.concatenate(columns, axis=1).astype(np.float32, copy=False)


def _outlying(shape: Shape, vectors: Matrix, asks: Matrix) -> Matrix:
    count = len(vectors)
    found = np.zeros((count, len(OUTLYING)), np.float32)
    if count > 2:
        found[:, :4] = _distances(vectors)
    else:
        found[:, 4] = 1
    others = max(1, count - 1)
    found[:, 5] = (1 - shape.rows) * (shape.rows.sum() - shape.rows) / others
    found[:, 6] = (shape.scripts[:, None] != shape.scripts[None, :]).sum(axis=1) / others
    found[:, 7] = shape.lengths
    found[:, 8] = asks
    found[:, 9] = np.maximum(0, 1 - shape.lengths / BRIEF)
    return found


def _distances(vectors: Matrix) -> Matrix:
    """How each vector stands to the others: apart, deviation, nearest, near."""
    count = len(vectors)
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, 0)
    sums = alike.sum(axis=1)
    mean = sums / (count - 1)
    among = (sums.sum() - 2 * sums) / ((count - 1) * (count - 2))  # of the others, without this one
    centre = (mean.sum() - mean) / (count - 1)
    squares = ((mean**2).sum() - mean**2) / (count - 1)
    deviation = (mean - centre) / (np.sqrt(np.maximum(squares - centre**2, 0)) + SMOOTH)
    np.fill_diagonal(alike, -1)
    highest = -np.sort(-alike, axis=1)[:, : min(NEAREST, count - 1)]
    return np.stack([mean - among, np.clip(deviation, -6, 6), highest[:, 0], highest.mean(axis=1)], axis=1)


def _rules_of(cut: Sequence[Piece]) -> Matrix:
    met = [found(piece.text) | _HIDDEN[bool(piece.by), bool(piece.masks)] for piece in cut]
    return np.array([[name in names for name in RULES] for names in met], np.float32).reshape(-1, len(RULES))


def _script(text: str) -> str:
    """The script of its first letter: the word with which its name in Unicode begins."""
    return next((unicodedata.name(letter, "").partition(" ")[0] for letter in text if letter.isalpha()), "")


def _long(text: str) -> int:
    """Its length in words; where they are not told apart, three characters are one."""
    words = _WORDS.findall(text)
    return len(words) + sum([max(0, len(word) // 3 - 1) for word in words if word[0] > "\u3000"])
