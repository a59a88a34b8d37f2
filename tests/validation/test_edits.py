"""Places of a text, before and after some of it was taken out or replaced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.validation.edits import Places, changes, cuts, without
from ragstone.verdicts import Flaw

TEXTS = st.text(alphabet="ab .", max_size=30)


@st.composite
def flawed(draw: st.DrawFn) -> tuple[str, list[Flaw]]:
    text = draw(TEXTS)
    ends = st.integers(0, len(text))
    pairs = draw(st.lists(st.tuples(ends, ends), max_size=4))
    return text, [Flaw(min(pair), max(pair), "") for pair in pairs]


@given(flawed(), st.data())
def test_what_is_left_of_a_text_is_found_where_its_places_lead(given_: tuple[str, list[Flaw]], data: st.DataObject):
    text, flaws = given_
    made = list(cuts(text, flaws))
    left = without(text, flaws)
    places = Places(made)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    moved = places.moved(Flaw(start, end, ""))
    stands = [
        sign for at, sign in enumerate(text) if start <= at < end and all(not c.start <= at < c.end for c in made)
    ]
    assert left[moved.start : moved.end] == "".join(stands)


@given(flawed(), st.text(alphabet="ab*", max_size=3))
def test_what_a_fix_has_put_in_place_of_a_flaw_is_where_it_points(given_: tuple[str, list[Flaw]], mark: str):
    text, flaws = given_
    kept: list[str] = []
    at = 0
    for cut in cuts(text.replace(" ", "_"), flaws):
        kept += [text[at : cut.start], mark]
        at = cut.end
    after = "".join([*kept, text[at:]])
    places = Places(changes(text, after, flaws))
    for flaw in flaws:
        moved = places.moved(flaw)
        assert 0 <= moved.start <= moved.end <= len(after)


@pytest.mark.parametrize(
    ("after", "flaw", "said"),
    [
        ("Say good and good.", Flaw(0, 3, ""), "Say"),
        ("Say good and good.", Flaw(4, 7, ""), "good"),
        ("Say good and good.", Flaw(8, 11, ""), "and"),
        ("Say good and good.", Flaw(12, 15, ""), "good"),
        ("Say *** and ***.", Flaw(12, 15, ""), "***"),
        ("Say  and .", Flaw(12, 15, ""), ""),
        ("Tell bad and bad.", Flaw(4, 7, ""), "bad"),
    ],
)
def test_a_flaw_is_found_in_the_fixed_text(after: str, flaw: Flaw, said: str):
    places = Places(changes("Say bad and bad.", after, [Flaw(4, 7, ""), Flaw(12, 15, "")]))
    moved = places.moved(flaw)
    assert after[moved.start : moved.end] == said


def test_one_of_two_spaces_goes_with_what_is_taken_out():
    assert without("One. Two. Three.", [Flaw(5, 9, ""), Flaw(6, 8, "")]) == "One. Three."
    assert without("One. Two. Three.", [Flaw(5, 9, "")], blank="\0") == "One. \0\0\0\0 Three."
