"""Estimates how many tokens a text has, for a model whose tokenizer is not at hand.

Tokenizers cut a text into runs of letters, digits, marks and spaces before they do anything else, so the kinds and
lengths of these runs tell most of it. What a run costs was fitted to OpenAI's o200k_base, rather too high than too low.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["estimated"]

Array: TypeAlias = "NDArray[Any]"

LOWER, UPPER, DIGIT, MARK, SPACE, OTHER = range(6)
KINDS = {"lower": LOWER, "upper": UPPER, "digit": DIGIT, "mark": MARK, "space": SPACE}
SPACE_CODE = ord(" ")

_RUNS = re.compile(
    r"(?P<lower>[a-z])|(?P<upper>[A-Z])|(?P<digit>[0-9])|(?P<mark>[!-/:-@\[-`{-~\u2500-\u257f])|(?P<space>\s)"
)
_CODE = re.compile(r"[A-Za-z0-9+/]{128,}")  # base64, where no run is a word: 1.4 characters a token and more
_ALONE = re.compile(r"(?P<latin>[À-ɏ])|(?P<ideograph>[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])|(?P<letter>\w)")
_DENSE = re.compile("[\u0370-\u03ff\u0530-\u06ff]")  # letters that are hardly ever joined: Greek, Armenian to Arabic


def estimated(text: str) -> int:
    """About as many tokens as a tokenizer would make of a text, rather too many than too few.

    Beside OpenAI's o200k_base it is 1 to 30 % above on each page of the handbook but one, which is mostly options and
    figures (2 % below), up to 40 % above on code, up to three times the count in scripts other than Latin, and up to
    15 % below on keys and other random letters. An older tokenizer, which cuts words of other languages smaller, may
    make 30 % more than this of a Polish text. Base64 is counted as the tokenizer does that makes most of it.
    """
    import numpy as np

    if not text:
        return 0
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    kinds = _table()[np.minimum(codes, 128)]
    alone = 0.0
    if (kinds == OTHER).any():
        for code, number in zip(*np.unique(codes[kinds == OTHER], return_counts=True), strict=True):
            kind, cost = _beyond(int(code))
            kinds[codes == code] = kind
            alone += cost * int(number)
    begins = np.flatnonzero(np.concatenate([[True], kinds[1:] != kinds[:-1]]))
    lengths = np.diff(np.concatenate([begins, [len(codes)]]))
    run = kinds[begins]
    # A capital begins the word that follows it: `Word`, but `HTML` and then `parser`.
    initial = (run == UPPER) & (lengths == 1) & np.concatenate([run[1:] == LOWER, [False]])
    words = lengths[run == LOWER] + np.concatenate([[False], initial[:-1]])[run == LOWER]
    figures = np.concatenate([run[1:] == DIGIT, [False]])[run == SPACE]
    blanks = _blanks(codes, begins[run == SPACE], lengths[run == SPACE], figures)
    digits, marks = lengths[run == DIGIT], lengths[run == MARK]
    return ceil(
        len(words)
        + float(np.maximum(words - 7, 0).sum()) / 3
        + float(lengths[(run == UPPER) & ~initial].sum()) / 2.2
        + float((-(-digits // 3) + 0.2).sum())
        + float((-(-marks // 2)).sum())
        + blanks
        + alone
        + 0.17 * sum(len(code) for code in _CODE.findall(text))
    )


def _blanks(codes: Array, begins: Array, lengths: Array, figures: Array) -> float:
    """What runs of white space cost; `figures` says which of them stand before a digit.

    The spaces that one begins with belong to the word before. Several of them within a line, as between columns, are a
    token of their own, and the last one belongs to the word behind, but to no figure.
    """
    import numpy as np

    if not len(begins):
        return 0.0
    places = np.where(codes != SPACE_CODE, np.arange(len(codes)), len(codes))
    rest = begins + lengths - np.minimum.reduceat(places, begins)
    wide = (rest <= 0) & (lengths > 1)
    rest = rest[rest > 0]
    return float((0.9 + rest / 40).sum() + wide.sum() + (wide & figures).sum())


@lru_cache(maxsize=1)
def _table() -> Array:
    """The kind of each character of ASCII; that of all others stands last, until it is looked up."""
    import numpy as np

    return np.array([_kind(chr(code)) for code in range(128)] + [OTHER], dtype=np.uint8)


def _kind(character: str) -> int:
    found = _RUNS.match(character)
    return OTHER if found is None else KINDS[str(found.lastgroup)]


@lru_cache(maxsize=4096)
def _beyond(code: int) -> tuple[int, float]:
    """The kind of a character whose runs count, or OTHER and what it costs by itself."""
    character = chr(code)
    if (kind := _kind(character)) != OTHER:
        return kind, 0.0
    found = _ALONE.match(character)
    match found and found.lastgroup:
        case "latin":
            return OTHER, 1.1
        case "ideograph":
            return OTHER, 1.2
        case "letter":
            return OTHER, 1.0 if _DENSE.match(character) else 0.65
        case _:
            return OTHER, len(character.encode("utf-8", "surrogatepass")) / 1.3
