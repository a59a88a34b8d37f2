import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import ConfigError
from ragstone.patterns import NARROWED, Pattern

PATTERNS = st.sampled_from(
    ["a+b", "(?i)AB|c", "^a", "b$", r"\bab\b", "[ab]{2}", "(a|b)c", "é", r"\n", "a.c", "(?s)a.b"]
)
TEXTS = st.text("abcé \n", max_size=20)


@given(PATTERNS, TEXTS)
def test_it_finds_what_the_engine_of_python_finds(source: str, text: str) -> None:
    python = re.compile(source.replace("$", r"\Z"))
    pattern = Pattern(source)
    assert pattern.found(text) is (python.search(text) is not None)
    assert pattern.matches(text) is (python.fullmatch(text) is not None)


@given(PATTERNS, TEXTS)
def test_each_place_is_the_first_that_is_left(source: str, text: str) -> None:
    python, at = re.compile(source.replace("$", r"\Z")), 0
    for start, end in Pattern(source).places(text):
        expected = python.search(text, at)
        assert expected is not None
        assert start == expected.start()
        assert python.fullmatch(text, start, end) or python.match(text, start)
        at = max(end, start + 1)


def test_a_pattern_that_explodes_elsewhere_takes_no_time() -> None:
    begun = time.process_time()
    assert not Pattern(r"(a+)+$").found("a" * 1_000_000 + "b")
    assert time.process_time() - begun < 30  # with the square of it, this would take days


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("a(?=b)", "look-around, including look-ahead and look-behind, is not supported"),
        ("(?<!a)b", "look-around"),
        (r"(a)\1", "backreferences are not supported"),
        ("(", "unclosed group"),
        ("a{10000000}", "exceeds size limit"),
        (r"a\Z", r"A text ends at \z"),
        ("\ud800", "half a character"),
    ],
)
def test_what_it_cannot_read_is_said_with_what_to_write(source: str, said: str) -> None:
    with pytest.raises(ConfigError, match="forbid is no pattern: ") as raised:
        Pattern(source, name="forbid")
    assert said in str(raised.value)
    assert raised.value.found == source


def test_half_a_character_hides_nothing() -> None:
    assert Pattern("bad").found("\ud800 bad")
    assert list(Pattern("bad").places("\ud800 bad")) == [(2, 5)]


def test_a_long_text_is_searched_and_its_places_are_not() -> None:
    text = "x" * NARROWED + "bad"
    assert Pattern("bad").found(text)
    assert list(Pattern("bad").places(text)) == []
    assert list(Pattern("a").places("a" * 50, most=3)) == [(0, 1), (1, 2), (2, 3)]
