"""Words of answers, in any script and form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes import NoTools, answered, case, searched
from ragstone.evaluation.metrics.known import metric
from ragstone.evaluation.metrics.words import contained, exact, f1, holds, right


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("The Halibut!", ["halibut"], (1, 1, 1)),
        ("It is the halibut.", ["halibut"], (1, 0, 2 / 4)),
        ("turbot", ["cod", "turbot"], (1, 1, 1)),
        ("halibuts", ["halibut"], (0, 0, 0)),  # a part of a word is another word
        ("Ruiz, Ana", ["Ana Ruiz"], (0, 0, 1)),  # the words, in another order
        ("May 3", ["3 May 2031"], (0, 0, 4 / 5)),
        ("ＡＢＣ １２", ["abc 12"], (1, 1, 1)),  # wide letters are the same letters
        ("", ["cod"], (0, 0, 0)),
        ("cod", [], (0, 0, 0)),
        ("", ["the", "—"], (0, 0, 0)),  # nothing said is no answer, whatever is left of the right one
        ("它于2031年发布。", ["2031年"], (1, 0, 2 * 2 / (6 + 2))),
        ("比目鱼", ["比目鱼"], (1, 1, 1)),
        ("比目鱼项目", ["比目"], (1, 0, 2 * 2 / (5 + 2))),
        ("鱼目比", ["比目鱼"], (0, 0, 1)),
        ("ปลาฮาลิบัต", ["ปลา"], (1, 0, None)),
        ("ปลา", ["ปลา"], (1, 1, 1)),
        ("नमस्ते दुनिया", ["नमस्ते"], (1, 0, 2 / 3)),  # marks belong to their letters
    ],
)
def test_an_answer_is_right_whatever_its_form(answer: str, gold: list[str], expected: tuple[float, float, float]):
    assert (contained(answer, gold), exact(answer, gold)) == expected[:2]
    if expected[2] is None:
        assert 0 < f1(answer, gold) < 1
    else:
        assert f1(answer, gold) == pytest.approx(expected[2])


said = st.lists(st.sampled_from(["the", "Cod", "eel", "比目", "ปลา", "3.5", "—", "a"]), max_size=6).map(" ".join)


@given(said, st.lists(said, max_size=3))
def test_an_exact_answer_contains_a_right_one_and_has_all_its_words(answer: str, gold: list[str]):
    assert exact(answer, gold) <= min(contained(answer, gold), f1(answer, gold))
    assert 0 <= f1(answer, gold) <= 1
    assert f1(answer, gold) == max((f1(answer, [one]) for one in gold), default=0)
    assert all(f1(answer, [one]) == pytest.approx(f1(one, [answer])) for one in gold)


# ── One figure of a suite ────────────────────────────────────────────────────────────────────────────────────────────


async def rows(outcome, *names: str) -> list[float | None]:
    """The row of each metric, as one number."""
    found = [await metric(name).row(outcome, NoTools()) for name in names]
    return [None if row is None else row[0] for row in found]


async def test_an_answer_is_judged_without_its_markers():
    given = case(expected=("3 May 2031",))
    assert await rows(answered("3 May [1] 2031 [2]", given), "exact", "f1", "contained") == [1.0, 1.0, 1.0]


async def test_an_abstention_is_wrong_and_a_search_is_nothing():
    given = case(expected=("cod",), contains=("cod",))
    names = ("exact", "f1", "contained", "contains", "similarity", "rouge1")
    assert await rows(answered("cod", given, abstained=True), *names) == [0.0] * 6
    assert await rows(searched(["a"], given), *names) == [None] * 6


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("It costs €5.20\nand ships on Monday.", 1.0),
        ("IT COSTS €5.20 AND SHIPS.", 1.0),
        ("It costs 5.20 and ships.", 0.0),  # a sign is missing
        ("It costs €5.20 and stays.", 0.0),
        ("It costs €5.20 and ships, says the eel.", 0.0),
    ],
)
async def test_all_words_must_be_there_and_none_that_must_not(text: str, fits: float):
    given = case(contains=("costs €5.20", "ships"), not_contains=("eel", "halibut"))
    assert await rows(answered(text, given), "contains") == [fits]
    assert await rows(answered(text, given), "clean") == [float("eel" not in text)]


plain = st.text("abc €5.\n", max_size=12)


@given(plain, plain, plain)
def test_words_stay_in_a_text_that_grows(before: str, words: str, after: str):
    if words.strip():
        assert holds(f"{before} {words.upper()} {after}", words)


@given(said, said, st.lists(said.filter(str.strip), min_size=1, max_size=3))
def test_a_longer_answer_contains_no_less(answer: str, more: str, gold: list[str]):
    assert contained(f"{answer} {more}", gold) >= contained(answer, gold)


def test_an_answer_is_right_by_all_that_its_case_says():
    given = case(expected=("cod", "eel"), contains=("on 3 May",), not_contains=("halibut",))
    assert right("The eel ships on 3 May.", given)
    assert not right("The ray ships on 3 May.", given)
    assert not right("The eel ships.", given)
    assert not right("The eel, no halibut, ships on 3 May.", given)
    assert not right("The eel ships on 3 May.", case(abstains=True))
