"""The numbers, words and signs of an expression as models write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ragstone.errors import ToolFailed

__all__ = ["Token", "tokens"]

LONGEST = 500  # characters of an expression
LONGEST_EXPONENT = 4  # digits

_BETWEEN = ",'’_\u00a0\u2009\u202f"  # what may stand between thousands
_GROUPED = rf"[0-9]{{1,3}}([{_BETWEEN}])[0-9]{{3}}(?:\1[0-9]{{3}})*(?![0-9])"
_NUMBER = re.compile(rf"(?:(?:{_GROUPED}|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[^\W\d_]+")
_SIGN = re.compile(r"\*\*|//|[-+*/^%(),√²³×÷·⋅∙−–]")
_SAME = {"^": "**", "×": "*", "·": "*", "⋅": "*", "∙": "*", "÷": "/", "−": "-", "–": "-"}
_SAME_WORDS = {"x": "*", "of": "*", "mod": "mod", "π": "pi"}
_BLANK = re.compile(r"\s+")
_AROUND = "`\"' \t\r\n=?"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an expression; `text` is what it means, `said` what stood there. `apart`: a blank stands before it."""

    kind: Literal["number", "word", "sign", "end"]
    text: str
    said: str
    apart: bool = False


def tokens(expression: str) -> list[Token]:
    """The pieces, and an end. Raises ToolFailed for what is too long, and for what is none.

    >>> [token.text for token in tokens("1,250 × 15% =")]
    ['1250', '*', '15', '%', '']
    """
    text = expression.strip(_AROUND)
    if not text:
        raise ToolFailed("there is nothing to calculate", expected="an expression such as (1,250 - 15% of 800) / 4")
    if len(text) > LONGEST:
        raise ToolFailed("the expression is too long", expected=f"at most {LONGEST} characters", found=str(len(text)))
    return [*_pieces(text), Token("end", "", "the end")]


def _pieces(text: str) -> Iterator[Token]:
    at, apart, word = 0, False, False
    calls: list[bool] = []  # for each open bracket whether it is a function's
    while at < len(text):
        if blank := _BLANK.match(text, at):
            at, apart = blank.end(), True
            continue
        if found := _NUMBER.match(text, at):
            token = Token("number", _number(text, found, within=bool(calls) and calls[-1]), found[0], apart)
        elif found := _SIGN.match(text, at):
            token = Token("sign", _SAME.get(found[0], found[0]), found[0], apart)
            if token.text == "(":
                calls.append(word)
            elif token.text == ")" and calls:
                calls.pop()
        elif found := _WORD.match(text, at):
            same = _SAME_WORDS.get(found[0].lower(), found[0].lower())
            token = Token("sign" if same in ("*", "mod") else "word", same, found[0], apart)
        else:
            raise _strange(text[at])
        at, apart, word = found.end(), False, token.kind == "word"
        yield token


def _number(text: str, found: re.Match[str], *, within: bool) -> str:
    said, separator = found[0], found[1]
    if re.match(r"[xX][0-9a-fA-F]", text[found.end() :]) and said == "0":
        raise ToolFailed("numbers are decimal", found=f"{said}{text[found.end() : found.end() + 2]}")
    if separator == "," and within:
        left, _, right = said.partition(",")
        raise ToolFailed(
            f"{said!r} may be one number or several here",
            expected=f"{said.replace(',', '')} for one, or {left}, {right} with a blank for several",
        )
    if "e" in said.lower() and len(re.split("[eE][+-]?", said)[1].lstrip("0")) > LONGEST_EXPONENT:
        raise ToolFailed("a number is too long", found=said)
    return said.replace(separator, "") if separator else said


def _strange(character: str) -> ToolFailed:
    if character == "=":
        return ToolFailed("'=' has no place in an expression", expected="the side that is to be calculated, alone")
    if character in "$€£¥":
        return ToolFailed(f"{character!r} has no place in an expression", expected="numbers without their units")
    return ToolFailed(f"{character!r} has no place in an expression", expected="numbers, + - * / // ** % ( ) and words")
