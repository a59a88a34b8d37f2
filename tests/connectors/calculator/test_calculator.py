"""The calculator gives what fractions give, and ends at once whatever it is given."""

from __future__ import annotations

import re
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ragstone.connectors.calculator import Calculator
from ragstone.connectors.calculator.exact import shown
from ragstone.connectors.calculator.expression import value_of
from ragstone.errors import ToolFailed
from ragstone.testing.suites import ToolSuite
from ragstone.types import Context


class TestCalculator(ToolSuite):
    given = "15% of 1,280"
    refused = "9**9**9"

    def make(self, tmp_path: Path) -> Calculator:
        return Calculator()


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("0.1 + 0.2", "0.3"),
        ("15%", "0.15"),
        ("15% of 80", "12"),
        ("1/2 of 80", "40"),
        ("10% - 3", "-2.9"),
        ("50%*50%", "0.25"),
        ("10 % 3", "1"),
        ("10 mod 3", "1"),
        ("-7 mod 3", "2"),
        ("7 // 2", "3"),
        ("3 × 4 ÷ 2 − 1", "5"),
        ("3x4", "12"),
        ("-2^2", "-4"),
        ("2 ** -3", "0.125"),
        ("2 ** 3 ** 2", "512"),
        ("5² + √16", "29"),
        ("1,234,567.89 * 2", "2469135.78"),
        ("1'234 + 1_000 + 1\u202f000", "3234"),
        ("max((1,234), 5)", "1234"),
        ("max(1, 234)", "234"),
        ("1.5e3 + .5 + 5.", "1505.5"),
        ("round(2.5) + round(-2.675, 2) + round(1250, -3)", "1000.32"),
        ("floor(sqrt(2) ** 2) + ceil(1.2) + abs(-3)", "7"),
        ("sum(1, 2, 3) + mean(1, 2) + min(4, 5)", "11.5"),
        ("sqrt(2.25)", "1.5"),
        ("`2 + 2` = ?", "4"),
        ("1/3", "≈ 0.333333333333333 (1/3)"),
        ("2 ** 0.5", "≈ 1.4142135623731"),
        ("8 ** (1/3)", "≈ 2"),
        ("pi", "≈ 3.14159265358979"),
        ("2 ** 200", str(2**200)),
        ("2 ** 200 / 3", "≈ 5.35646014752997e59"),
        ("1.00005 ** 36500", "≈ 6.20251203247065"),
        ("(-1) ** 1e300", "1"),
    ],
)
def test_what_models_write_has_its_value(expression: str, result: str) -> None:
    assert shown(value_of(expression)) == result


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "there is nothing to calculate: expected an expression such as"),
        ("9**9**9", "a number is too long: expected at most 1000 digits"),
        ("1e99999", "a number is too long"),
        ("0.5 ** 1e300", "a number is too long"),
        ("1/0", "division by zero"),
        ("0 ** -1", "division by zero"),
        ("5 mod 0", "division by zero"),
        ("sqrt(-4)", "a negative number has no square root: found -4"),
        ("(-8) ** 0.5", "a negative number has no such power: found -8 to the power of 0.5"),
        ("10 % - 3", "'% -' may mean percent or a remainder: expected 10% without a blank, or: 10 mod 3"),
        ("max(1,234)", "'1,234' may be one number or several here: expected 1234 for one, or 1, 234 with a blank"),
        ("1,5 + 2", "a comma stands between thousands, as in 1,250"),
        ("price * 2", "'price' is not known: expected numbers, and of words abs, ceil"),
        ("sqr(4)", "Did you mean 'sqrt'?"),
        ("sqrt 4", "a bracket is missing behind 'sqrt': expected sqrt(…)"),
        ("2(3)", "nothing stands between '2' and '('. Write * to multiply."),
        ("((1)", "a bracket is not closed: expected ')', found the end"),
        ("1)", "')' closes nothing"),
        ("2 +", "a number is missing: found the end"),
        ("abs(1, 2)", "abs takes one value: found 2"),
        ("round(1, 2, 3)", "round takes 1 to 2 values: found 3"),
        ("round(1, 0.5)", "round takes a whole number of places: found 0.5"),
        ("x = 3", "'=' has no place in an expression"),
        ("$5", "'$' has no place in an expression: expected numbers without their units"),
        ("0x1F", "numbers are decimal: found 0x1"),
        ("__import__('os')", "'_' has no place in an expression"),
        ("(" * 100 + "1" + ")" * 100, "the expression is nested too deeply"),
        ("-" * 400 + "1", "the expression is nested too deeply"),
        ("√" * 400 + "1", "the expression is nested too deeply"),
        ("2**" * 100 + "2", "the expression is nested too deeply"),
        ("1+" * 300 + "1", "the expression is too long: expected at most 500 characters, found 601"),
    ],
)
def test_what_has_no_value_is_told_so_that_it_can_be_mended(expression: str, words: str) -> None:
    with pytest.raises(ToolFailed) as caught:
        value_of(expression)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


# ── Held to Python's own fractions, and to its own grammar ──────────────────────────────────────────────────────────

NUMBERS = st.one_of(
    st.integers(0, 9999).map(str),
    st.decimals(0, 999, places=3).map(str),
    st.integers(1000, 9_999_999).map(lambda number: f"{number:,}"),
)


def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    powers = st.tuples(inner, st.integers(-3, 3)).map(lambda both: f"({both[0]}) ** {both[1]}")
    pairs = st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "mod"]), inner).map(" ".join)
    return st.one_of(pairs, powers, inner.map("({})".format), inner.map("-{}".format))


def by_python(expression: str) -> Fraction:
    """The same expression, as Python reads it, with a fraction for each number and for what stands in brackets.

    There `//` gives a whole number, of which a negative power is a float.
    """
    words = expression.replace("(", "F(")
    words = re.sub(r"(?<!\*\* )(?<!\*\* -)[0-9][0-9,.]*", lambda found: f"F('{found[0].replace(',', '')}')", words)
    return Fraction(eval(words.replace("mod", "%"), {"F": Fraction}))


@example("(1 // 0.001) ** -1")
@given(st.recursive(NUMBERS, joined, max_leaves=6))
def test_every_expression_has_the_value_that_python_gives_its_fractions(expression: str) -> None:
    try:
        wanted = by_python(expression)
    except ZeroDivisionError:
        with pytest.raises(ToolFailed, match="division by zero"):
            value_of(expression)
        return
    found = value_of(expression)
    if found.exact:
        assert found.number == wanted
    else:  # powers of powers are longer than is reckoned exactly
        assert expression.count("**") > 1
        assert abs(found.number - wanted) <= abs(wanted) / 10**40


@given(st.fractions(min_value=-(10**9), max_value=10**9, max_denominator=10**6), st.integers(0, 6))
def test_rounding_is_to_the_nearest_and_halves_go_away_from_zero(number: Fraction, places: int) -> None:
    found = value_of(
        f"round({'-' if number < 0 else ''}{abs(number.numerator)} / {number.denominator}, {places})"
    ).number
    assert abs(found - number) <= Fraction(1, 2 * 10**places)
    assert (found * 10**places).denominator == 1
    if abs(found - number) == Fraction(1, 2 * 10**places):
        assert abs(found) > abs(number)


@given(st.one_of(st.text(max_size=60), st.text("0123456789.+-*/%^(), eÉsqrtpimaxof√²³'_=\n", max_size=120)))
async def test_any_text_has_a_value_or_is_refused_in_one_line(text: str) -> None:
    with suppress(ToolFailed):
        found = await Calculator().use(text, context=Context())
        assert re.fullmatch(r"(?:≈ )?-?[0-9.]+(?:e-?[0-9]+)?(?: \(-?[0-9]+/[0-9]+\))?", found.text)


@given(st.fractions(max_denominator=10**30))
def test_what_is_shown_without_a_sign_is_exact(number: Fraction) -> None:
    said = shown(value_of(f"({number.numerator}) / {number.denominator}"))
    if not said.startswith("≈"):
        assert Fraction(said) == number
    elif number:
        assert abs(Fraction(said.split()[1]) / number - 1) < Fraction(1, 10**14)
