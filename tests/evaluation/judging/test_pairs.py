"""Two answers before a judge, each in both places."""

from __future__ import annotations

from math import comb
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges import bench, comparing, said
from ragstone.errors import ModelUnavailable, Ungraded, UsageError
from ragstone.evaluation.cases import Case
from ragstone.evaluation.judging.pairs import Preferring, better_in, paired_up
from ragstone.evaluation.judging.preference import Compared, Pair, Place, Preference, sign
from ragstone.evaluation.outcomes import Outcome
from ragstone.testing import ScriptedModel

PLACES = st.sampled_from(get_args(Place))
VERDICTS = st.one_of(st.none(), st.tuples(PLACES, PLACES))
TURNED: dict[Place, Place] = {"first": "second", "second": "first", "equal": "equal"}


def pair(a: str = "right", b: str = "wrong", *, case: str = "q", **more: Any) -> Pair:
    return Pair(id=case, question="Q?", a=a, b=b, **more)


def outcome(name: str, text: str, **more: Any) -> Outcome:
    case = Case(id=name, question=f"{name}?", expected=("x", "y"), rubric="R")
    return Outcome(case=case, pipeline="answer", answer={"text": text, "abstained": False, "model": "gpt"}, **more)


def right(first: str, second: str) -> str:
    """What a judge says that knows the right answer, in whichever place."""
    best = "equal" if ("right" in first) == ("right" in second) else "first" if "right" in first else "second"
    return f"I have read both.\nBetter: {best}"


async def compare(model: ScriptedModel, *pairs: Pair) -> Preference:
    return await Preferring.of(bench(model)).compare(pairs)


# ── What a judge says ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("It is shorter.\nBetter: first", "first"),
        ("**Better: Second.**\n\n", "second"),
        ("BETTER: the first", "first"),
        ("Better: equal", "equal"),
        ("Better: first|second|equal", None),
        ("Better: first\nBut who knows?", None),
        ("first", None),
        ("Better: neither", None),
        ("", None),
    ],
)
def test_the_verdict_is_the_last_line(text: str, place: Place | None) -> None:
    assert better_in(text) == place


async def test_both_orders_are_asked_with_all_that_is_known() -> None:
    model = comparing(right)
    found = await compare(model, pair("the right one", "wrong", rubric="Short.", expected=("x", "y")))
    there, back = (said(prompt) for prompt in model.prompts)
    assert there.index("the right one") < there.index("wrong")
    assert back.index("wrong") < back.index("the right one")
    for words in ("Rubric: Short.", "Reference: x", "Also right: y", "Question: Q?"):
        assert words in there
        assert words in back
    assert Preferring.of(bench(model)).asking.cache == "off"
    (one,) = found.compared
    assert (one.verdicts, one.winner, one.consistent, one.lean) == (("first", "second"), "A", True, 0)


# ── Judges of three kinds ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_judge_that_is_right_is_consistent() -> None:
    pairs = [
        pair("right and long", "wrong", case="a"),
        pair("wrong", "right", case="b"),
        pair("wrong", "wrong too", case="c"),
    ]
    found = await compare(comparing(right), *pairs, pair("right", "wrong", case="d"))
    assert (found.count("A"), found.count("B"), found.count("tie")) == (2, 1, 1)
    assert (found.consistency, found.first, found.longer) == ((4, 4), (0, 0), (1, 1))
    assert found.p == 1.0


async def test_a_judge_that_always_says_first_decides_nothing_and_is_found_out() -> None:
    found = await compare(ScriptedModel(lambda _: "Better: first"), *(pair(case=str(at)) for at in range(12)))
    assert (found.count("A"), found.count("B"), found.count("tie")) == (0, 0, 12)
    assert (found.consistency, found.first, found.p) == ((0, 12), (12, 12), 1.0)
    facts = found.as_dict()
    assert facts["first"] == {"count": 12, "of": 12, "share": 1.0, "interval": [pytest.approx(0.7575, abs=1e-4), 1.0]}
    told = " ".join(found.notes(name="m", models={"scripted"}))
    assert "0 of 12 verdicts stayed the same" in told
    assert "Of those that changed, 12 of 12 lean to the first place (95 % interval 0.76 to 1.00)." in told
    assert "The judge leans to the first place" in told
    last = await compare(ScriptedModel(lambda _: "Better: second"), *(pair(case=str(at)) for at in range(12)))
    assert "The judge leans to the second place" in " ".join(last.notes(name="m", models=()))


async def test_a_judge_of_length_wins_with_the_longer_ones() -> None:
    def longer(first: str, second: str) -> str:
        return f"Better: {'first' if len(first) > len(second) else 'second'}"

    pairs = [pair("w " * (1 + at % 3), "w " * 3 + "v", case=str(at)) for at in range(1, 13)]
    found = await compare(comparing(longer), *pairs)
    assert (found.count("B"), found.longer, found.p) == (12, (12, 12), 2 / 2**12)
    assert "The longer answers may be better, or the judge favours them" in " ".join(found.notes(name="m", models=()))


async def test_nonsense_is_told_of_its_case_and_the_others_go_on() -> None:
    def odd(first: str, second: str) -> str:
        return "Who can say?" if "odd" in second else right(first, second)

    found = await compare(
        comparing(odd), pair(case="a"), pair("odd", "right", case="b"), pair("wrong", "right", case="c")
    )
    assert [one.winner for one in found.judged] == ["A", "B"]
    (missed,) = found.missed
    assert missed.error == (
        "b: the prompt 'prefer' preferred no answer: expected a last line such as Better: first, found 'Who can say?'"
    )
    assert found.as_dict()["verdicts"][1] == {
        "case": "b", "winner": None, "consistent": None, "verdicts": None, "error": missed.error,
    }  # fmt: skip
    assert (found.count("tie"), found.same) == (0, 0)


async def test_where_all_is_nonsense_there_is_one_error() -> None:
    with pytest.raises(Ungraded, match=r"a: none of 2 was judged: the prompt 'prefer' preferred no answer"):
        await compare(ScriptedModel(lambda _: "What?"), pair(case="a"), pair(case="b"))
    with pytest.raises(ModelUnavailable):
        await compare(ScriptedModel(lambda _: ModelUnavailable("down")), pair(case="a"), pair(case="b"))


async def test_two_answers_that_say_the_same_are_a_tie_that_nobody_is_asked_about() -> None:
    model = ScriptedModel([])
    found = await compare(model, pair("On 3  May.", "On 3 May.\n"))
    assert model.prompts == []
    assert (found.count("tie"), found.same, found.consistency, found.p) == (1, 1, (0, 0), 1.0)
    assert found.notes(name="m", models=())[-1] == "Nothing was asked: every pair holds the same answer twice."


async def test_a_judge_of_its_own_words_is_named() -> None:
    model = comparing(right, model="gpt")
    preferring = Preferring.of(bench(model))
    found = await preferring.compare([pair(writers=("gpt", "claude"))])
    told = " ".join(found.notes(name="m", models=preferring.asking.models))
    assert "The judge is m (gpt). The same model wrote 1 of the 2 answers" in told


def test_a_prompt_that_compares_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="prompt 'judge': the prompt is no judge's: expected the inputs question,"):
        Preferring.of(bench(ScriptedModel([])), prompt="judge")


# ── Pairs of two runs ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_answers_to_cases_that_both_have_are_paired() -> None:
    before = [outcome("a", "one [1]."), outcome("b", "two"), outcome("c", "", error="down"), outcome("d", "four")]
    after = [outcome("b", "zwei"), outcome("a", "eins"), outcome("a", "uno", repeat=1), outcome("c", "drei")]
    found = paired_up(before, after)
    assert [(one.id, one.a, one.b) for one in found] == [("b", "two", "zwei"), ("a", "one.", "eins")]
    assert (found[0].question, found[0].rubric, found[0].expected, found[0].writers) == (
        "b?", "R", ("x", "y"), ("gpt", "gpt"),
    )  # fmt: skip


def test_an_answer_that_abstains_is_compared_by_its_words() -> None:
    case = Case(id="a", question="a?")
    silent = Outcome(case=case, pipeline="p", answer={"text": "The documents do not say.", "abstained": True})
    searched = Outcome(case=case, pipeline="p", answer={"hits": []})
    (found,) = paired_up([silent], [outcome("a", "eins")])
    assert found.a == "The documents do not say."
    assert paired_up([searched], [outcome("a", "eins")]) == []


# ── What must hold ──────────────────────────────────────────────────────────────────────────────────────────────────


def preference(verdicts: list[tuple[tuple[Place, Place] | None, int, int]]) -> Preference:
    compared: list[Compared] = []
    for at, (places, one, other) in enumerate(verdicts):
        words = ("w " * one, "v " * other) if places else ("w", "w")
        compared.append(Compared(pair=pair(*words, case=str(at)), verdicts=places))
    return Preference(compared=compared)


def swapped(found: Preference) -> Preference:
    """What the same judge has said if A is called B: its two orders change places, and so do the answers."""
    return Preference(
        compared=[
            Compared(
                pair=pair(one.pair.b, one.pair.a, case=one.pair.id),
                verdicts=None if one.verdicts is None else (one.verdicts[1], one.verdicts[0]),
            )
            for one in found.compared
        ]
    )


PREFERENCES = st.lists(st.tuples(VERDICTS, st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=25).map(
    preference
)


@given(PREFERENCES)
def test_exchanging_a_and_b_mirrors_the_figures(found: Preference) -> None:
    back = swapped(found)
    assert (back.count("A"), back.count("B"), back.count("tie")) == (
        found.count("B"),
        found.count("A"),
        found.count("tie"),
    )
    assert (back.consistency, back.first, back.longer, back.p) == (
        found.consistency,
        found.first,
        found.longer,
        found.p,
    )
    assert back.notes(name="m", models=()) == found.notes(name="m", models=())


@given(PREFERENCES)
def test_every_pair_is_won_or_a_tie_and_what_differs_always_leans(found: Preference) -> None:
    assert found.count("A") + found.count("B") + found.count("tie") == len(found.compared)
    consistent, judged = found.consistency
    assert found.first[1] == judged - consistent
    for one in found.judged:
        there, back = one.verdicts or ("equal", "equal")
        assert one.consistent == (back == TURNED[there])
        assert one.consistent or one.winner == "tie"


@given(st.integers(0, 30), st.integers(0, 30))
def test_the_sign_test_is_that_of_coins(one: int, other: int) -> None:
    wins = one + other
    as_far = sum(comb(wins, heads) for heads in range(wins + 1) if abs(heads - wins / 2) >= abs(one - wins / 2))
    assert sign(one, other) == pytest.approx(as_far / 2**wins)
    assert sign(one, other) == sign(other, one)


def test_the_sign_test_is_that_of_tables_and_bears_many_wins() -> None:
    assert sign(8, 2) == pytest.approx(0.109375)  # 2 * (1 + 10 + 45) / 1024
    assert sign(0, 0) == 1.0
    assert sign(2_600, 2_400) == pytest.approx(0.0049, abs=2e-4)  # the normal distribution: z = 199 / sqrt(5000)
