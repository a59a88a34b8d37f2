"""What an expression comes to. It is read by hand: nothing of it is ever run as code.

sum      = product (("+" | "-") product)*
product  = signed (("*" | "/" | "//" | "mod" | "%") signed)*
signed   = ("+" | "-") signed | power
power    = whole ["**" signed]
whole    = part ("%" | "²" | "³")*
part     = number | "pi" | "√" part | "(" sum ")" | function "(" sum ("," sum)* ")"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from ragstone.connectors.calculator.exact import FUNCTIONS, PI, Value, percent, power, quotient, remainder, value
from ragstone.connectors.calculator.tokens import Token, tokens
from ragstone.errors import ToolFailed, nearest

__all__ = ["value_of"]

DEEPEST = 50  # brackets, signs and powers within each other

_SUMS: Mapping[str, Callable[[Value, Value], Value]] = {"+": lambda a, b: a + b, "-": lambda a, b: a - b}
_PRODUCTS: Mapping[str, Callable[[Value, Value], Value]] = {
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": quotient,
    "mod": remainder,
    "%": remainder,
}
_SQUARES = {"²": 2, "³": 3}


def value_of(expression: str) -> Value:
    """The value of an expression. Raises ToolFailed, whose words help to mend it.

    >>> shown(value_of("2 ** 10 - 15% of 80"))
    '1012'
    """
    return _Reader(expression).all()


class _Reader:
    """Reads the tokens from left to right."""

    def __init__(self, expression: str) -> None:
        self._tokens, self._at, self._depth = tokens(expression), 0, 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self, *signs: str) -> str:
        """The next sign, if it is one of these; else nothing."""
        if self._next.kind == "sign" and self._next.text in signs:
            self._at += 1
            return self._tokens[self._at - 1].text
        return ""

    def all(self) -> Value:
        found = self._sum()
        rest = self._next
        if rest.kind == "end":
            return found
        before = self._tokens[self._at - 1].said
        if rest.text == ",":
            raise ToolFailed(
                "a comma stands between thousands, as in 1,250, or between the values of a function",
                expected="a point before decimals, as in 1.5",
            )
        if rest.text == ")":
            raise ToolFailed("')' closes nothing", hint="Take it out, or open a bracket before.")
        raise ToolFailed(f"nothing stands between {before!r} and {rest.said!r}", hint="Write * to multiply.")

    def _sum(self) -> Value:
        found = self._product()
        while sign := self._take("+", "-"):
            found = _SUMS[sign](found, self._product())
        return found

    def _product(self) -> Value:
        found = self._signed()
        while sign := self._take("*", "/", "//", "mod", "%"):
            found = _PRODUCTS[sign](found, self._signed())
        return found

    def _signed(self) -> Value:
        sign = self._take("+", "-")
        found = self._deeper(self._signed if sign else self._power)
        return -found if sign == "-" else found

    def _power(self) -> Value:
        base = self._whole()
        return power(base, self._signed()) if self._take("**") else base

    def _whole(self) -> Value:
        found = self._part()
        while True:
            if square := self._take(*_SQUARES):
                found = power(found, Value(Fraction(_SQUARES[square])))
            elif self._next.text == "%" and self._is_percent():
                self._at += 1
                found = percent(found)
            else:
                return found

    def _is_percent(self) -> bool:
        """Whether the sign means percent: no value follows that could be divided by."""
        sign, after = self._next, self._tokens[self._at + 1]
        if after.kind == "sign" and after.text in ("+", "-") and sign.apart:
            raise ToolFailed(
                f"'% {after.said}' may mean percent or a remainder", expected="10% without a blank, or: 10 mod 3"
            )
        return after.kind == "end" or (after.kind == "sign" and after.text not in ("(", "√"))

    def _part(self) -> Value:
        token = self._next
        self._at += 1
        if token.kind == "number":
            return value(Fraction(token.text))
        if token.kind == "word":
            return PI if token.text == "pi" else self._function(token)
        if token.text == "√":
            return FUNCTIONS["sqrt"].of([self._deeper(self._part)])
        if token.text == "(":
            found = self._sum()
            self._close()
            return found
        raise ToolFailed("a number is missing", found=token.said)

    def _deeper(self, read: Callable[[], Value]) -> Value:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ToolFailed("the expression is nested too deeply", expected=f"at most {DEEPEST} levels")
        found = read()
        self._depth -= 1
        return found

    def _function(self, token: Token) -> Value:
        function = FUNCTIONS.get(token.text)
        if function is None:
            names = [*FUNCTIONS, "pi"]
            expected = "numbers, and of words " + ", ".join(sorted([*names, "mod", "of"]))
            raise ToolFailed(f"{token.said!r} is not known", expected=expected, hint=nearest(token.text, names))
        if not self._take("("):
            raise ToolFailed(f"a bracket is missing behind {token.said!r}", expected=f"{token.said}(…)")
        given = [self._sum()]
        while self._take(","):
            given.append(self._sum())
        self._close()
        if not function.least <= len(given) <= (function.most or len(given)):
            takes = "one value" if function.most == 1 else f"{function.least} to {function.most} values"
            raise ToolFailed(f"{token.said} takes {takes}", found=str(len(given)))
        return function.of(given)

    def _close(self) -> None:
        if not self._take(")"):
            raise ToolFailed("a bracket is not closed", expected="')'", found=self._next.said)
