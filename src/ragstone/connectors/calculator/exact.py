"""Exact numbers: fractions, and 60 digits of what no fraction is. Each step is bounded, so that none takes long."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, DecimalException, InvalidOperation, Overflow, Underflow
from fractions import Fraction

from ragstone.errors import ToolFailed

__all__ = ["FUNCTIONS", "PI", "Function", "Value", "percent", "power", "quotient", "remainder", "shown", "value"]

MOST_DIGITS = 1000  # of a number, before its point or behind it
MOST_BITS = math.ceil(MOST_DIGITS / math.log10(2))
DIGITS = 60  # of a root
SURE = 40  # those of them that rounding has not touched after the longest expression
SHOWN = 15
LONGEST_WHOLE, LONGEST_DECIMALS, LONGEST_FRACTION = 100, 30, 20  # characters that are shown without rounding
PLAIN = range(-7, 21)  # the powers of ten that are written out

_REAL = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN, Emax=10 * MOST_DIGITS, Emin=-10 * MOST_DIGITS,
                traps=[InvalidOperation, Overflow, Underflow])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Value:
    """A number; one that is not `exact` has 60 good digits, fewer with every step."""

    number: Fraction
    exact: bool = True

    def __add__(self, other: Value) -> Value:
        return value(self.number + other.number, self.exact and other.exact)

    def __sub__(self, other: Value) -> Value:
        return value(self.number - other.number, self.exact and other.exact)

    def __mul__(self, other: Value) -> Value:
        return value(self.number * other.number, self.exact and other.exact)

    def __truediv__(self, other: Value) -> Value:
        return value(self.number / _divisor(other), self.exact and other.exact)

    def __neg__(self) -> Value:
        return Value(-self.number, self.exact)

    @property
    def sure(self) -> Fraction:
        """The number without the digits that are in doubt: its floor is that of what was meant."""
        return self.number if self.exact else Fraction(_decimal(self.number, SURE))


PI = Value(Fraction("3.14159265358979323846264338327950288419716939937510582097494"), exact=False)


def value(number: Fraction, exact: bool = True) -> Value:
    """The number, held to its size. Raises ToolFailed for one that is too large or too near to nothing."""
    if max(number.numerator.bit_length(), number.denominator.bit_length()) > 2 * MOST_BITS:
        raise _too_large()
    kept = number if exact else Fraction(_decimal(number, DIGITS))
    if max(kept.numerator.bit_length(), kept.denominator.bit_length()) > MOST_BITS:
        raise _too_large()
    return Value(kept, exact)


def _decimal(number: Fraction, digits: int) -> Decimal:
    real = _REAL.copy()
    real.prec = digits
    return real.divide(Decimal(number.numerator), Decimal(number.denominator))


def _too_large() -> ToolFailed:
    return ToolFailed("a number is too long", expected=f"at most {MOST_DIGITS} digits")


def _divisor(other: Value) -> Fraction:
    if other.number == 0:
        raise ToolFailed("division by zero")
    return other.number


# ── What has no operator of Python's ────────────────────────────────────────────────────────────────────────────────


def quotient(left: Value, right: Value) -> Value:
    """The whole part of a division, rounded down."""
    return Value(Fraction(math.floor((left / right).sure)))


def remainder(left: Value, right: Value) -> Value:
    """What a division leaves, with the sign of the divisor."""
    return left - quotient(left, right) * right


def percent(of: Value) -> Value:
    """A hundredth."""
    return value(of.number / 100, of.exact)


def power(base: Value, exponent: Value) -> Value:
    """Exact for whole exponents and for roots that are fractions. Raises ToolFailed for the root of less than 0."""
    if base.number == 0 and exponent.number < 0:
        raise ToolFailed("division by zero", found="0 to a negative power")
    if exponent.number.denominator == 1 and exponent.exact:
        return _whole_power(base, exponent.number.numerator)
    if base.number < 0:
        raise ToolFailed(
            "a negative number has no such power", found=f"{shown(base)} to the power of {shown(exponent)}"
        )
    if exponent.number == Fraction(1, 2):
        return _root([base])
    return _real_power(base, exponent)


def _whole_power(base: Value, exponent: int) -> Value:
    longest = max(base.number.numerator.bit_length(), base.number.denominator.bit_length())
    # 0, 1 and -1 have one bit and keep it; all else grows, and is not even begun where it would grow too long.
    if base.exact and (longest <= 1 or longest * abs(exponent) <= MOST_BITS):
        return value(base.number**exponent)
    return _real_power(base, Value(Fraction(exponent)))


def _real_power(base: Value, exponent: Value) -> Value:
    try:
        found = _REAL.copy().power(_decimal(base.number, DIGITS), _decimal(exponent.number, DIGITS))
    except DecimalException:
        raise _too_large() from None
    return value(Fraction(found), exact=False)


# ── Functions ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Function:
    """A function, and how many values it takes; `most` is None for as many as there are."""

    of: Callable[[Sequence[Value]], Value]
    least: int = 1
    most: int | None = 1


def _root(given: Sequence[Value]) -> Value:
    (of,) = given
    if of.number < 0:
        raise ToolFailed("a negative number has no square root", found=shown(of))
    above, below = math.isqrt(of.number.numerator), math.isqrt(of.number.denominator)
    if Fraction(above**2, below**2) == of.number:
        return Value(Fraction(above, below), of.exact)
    return value(Fraction(_REAL.copy().sqrt(_decimal(of.number, DIGITS))), exact=False)


def _rounded(given: Sequence[Value]) -> Value:
    """Halves go away from zero, as on an invoice."""
    of, places = given[0], given[1].number if len(given) > 1 else Fraction(0)
    if places.denominator != 1 or abs(places) > MOST_DIGITS // 2:
        raise ToolFailed("round takes a whole number of places", found=shown(given[1]))
    scale = Fraction(10) ** places.numerator
    scaled = abs(of.sure) * scale
    whole = Fraction(math.floor(scaled + Fraction(1, 2))) / scale
    return value(-whole if of.number < 0 else whole)


def _sum(given: Sequence[Value]) -> Value:
    total = Value(Fraction(0))
    for one in given:
        total += one
    return total


FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(lambda given: Value(abs(given[0].number), given[0].exact)),
    "ceil": Function(lambda given: Value(Fraction(math.ceil(given[0].sure)))),
    "floor": Function(lambda given: Value(Fraction(math.floor(given[0].sure)))),
    "max": Function(lambda given: max(given, key=lambda one: one.number), most=None),
    "mean": Function(lambda given: _sum(given) / Value(Fraction(len(given))), most=None),
    "min": Function(lambda given: min(given, key=lambda one: one.number), most=None),
    "round": Function(_rounded, most=2),
    "sqrt": Function(_root),
    "sum": Function(_sum, most=None),
}


# ── As it is said ───────────────────────────────────────────────────────────────────────────────────────────────────


def shown(of: Value) -> str:
    """A value as a model reads it: exact where that is short, else 15 digits behind `≈`.

    >>> [shown(Value(Fraction(one))) for one in ("3/10", "1/3", "-5")]
    ['0.3', '≈ 0.333333333333333 (1/3)', '-5']
    """
    number = of.number
    if of.exact:
        whole = str(number.numerator)
        if number.denominator == 1 and len(whole) <= LONGEST_WHOLE:
            return whole
        places = _places(number.denominator)
        if number.denominator > 1 and places is not None and places <= LONGEST_DECIMALS:
            return _plain(_decimal(number, MOST_DIGITS + LONGEST_DECIMALS))
    about = f"≈ {_short(_decimal(number, SHOWN))}"
    return (
        f"{about} ({number})" if of.exact and number.denominator > 1 and len(str(number)) <= LONGEST_FRACTION else about
    )


def _places(denominator: int) -> int | None:
    """How many decimals a fraction has; None for one without an end."""
    counts = [0, 0]
    for at, prime in enumerate((2, 5)):
        while denominator % prime == 0:
            denominator //= prime
            counts[at] += 1
    return max(counts) if denominator == 1 else None


def _short(number: Decimal) -> str:
    if number == 0 or number.adjusted() in PLAIN:
        return _plain(number)
    mantissa, _, exponent = f"{number:e}".partition("e")
    return f"{_trimmed(mantissa)}e{int(exponent)}"


def _plain(number: Decimal) -> str:
    return _trimmed(f"{number:f}")


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
