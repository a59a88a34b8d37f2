"""What is written to look like something else reads as what it looks like, and each character knows its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.text.unmask import unmask


@pytest.mark.parametrize(
    ("text", "read", "mask"),
    [
        ("ign\u200bore", "ignore", "invisible characters"),
        ("ignоre", "ignore", "look-alikes"),
        ("the раyраl page", "the paypal page", "look-alikes"),
        ("ｉｇｎｏｒｅ", "ignore", "styled letters"),
        ("𝐢𝐠𝐧𝐨𝐫𝐞", "ignore", "styled letters"),
        ("a" + "".join(chr(0xE0000 + ord(letter)) for letter in "hi"), "ahi", "tag characters"),
        ("i\u0335\u0336\u0337gnore", "i\u0335gnore", "stacked marks"),
    ],
)
def test_what_hides_is_seen_and_named(text: str, read: str, mask: str) -> None:
    seen = unmask(text)
    assert (seen.text, seen.masks) == (read, (mask,))


@pytest.mark.parametrize(
    "text",
    ["plain", "Schöne Grüße, naïve café", "Москва стоит на реке", "Αθήνα", "東京は日本の首都です。", "हिन्दी"],
)
def test_a_script_of_its_own_is_left_in_it(text: str) -> None:
    seen = unmask(text)
    assert (seen.text, seen.masks) == (text, ())


def test_a_range_is_that_of_the_text_as_it_was_given() -> None:
    text = "so: j\u200ba\u200bne＠example.com!"
    seen = unmask(text)
    start, end = seen.range(seen.text.index("jane"), seen.text.index("!"))
    assert text[start:end] == "j\u200ba\u200bne＠example.com"
    assert seen.range(0, len(seen.text)) == (0, len(text))


@given(st.text(max_size=40))
def test_every_character_has_a_place_and_they_are_in_order(text: str) -> None:
    seen = unmask(text)
    assert len(seen.places) == len(seen.text) + 1
    assert list(seen.places) == sorted(seen.places)
    assert seen.places[-1] == len(text)
