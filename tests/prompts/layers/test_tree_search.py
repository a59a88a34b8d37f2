"""The search of a tree by itself: a mind of any kind, and how many calls it is asked for."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import ModelUnavailable, OutOfCalls
from ragstone.prompts.layers.tree_search import ROOT, Search, Shape, State, Value, reckoned

WIDE = Shape(breadth=3, depth=2, propose=3, first="breadth", vote=False, least=1, room=1000)


@dataclass
class Table:
    """A mind that looks everything up: the thoughts under a path, and the value of a path."""

    thoughts: dict[tuple[str, ...], list[str]]
    values: dict[tuple[str, ...], Value] = field(default_factory=dict)
    done: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    async def propose(self, state: State) -> list[tuple[str, bool]]:
        self.asked.append("propose " + "/".join(state.thoughts))
        return [(thought, thought in self.done) for thought in self.thoughts.get(state.thoughts, [])]

    async def value(self, state: State) -> Value | None:
        self.asked.append("value " + "/".join(state.thoughts))
        return self.values.get(state.thoughts, "likely")

    async def vote(self, states: Sequence[State]) -> list[int]:
        self.asked.append("vote " + " ".join("/".join(state.thoughts) for state in states))
        return [len(states) - 1]


class Chance:
    """A mind that says anything at all."""

    def __init__(self, seed: int) -> None:
        self.draw, self.calls = random.Random(seed), 0

    async def propose(self, state: State) -> list[tuple[str, bool]]:
        self.calls += 1
        found = [(self.draw.choice("abcdefgh"), self.draw.random() < 0.1) for _ in range(self.draw.randrange(8))]
        return found if self.draw.random() < 0.9 else []

    async def value(self, state: State) -> Value | None:
        self.calls += 1
        return self.draw.choice(["sure", "likely", "likely", "impossible", None])

    async def vote(self, states: Sequence[State]) -> list[int]:
        self.calls += 1
        return self.draw.sample(range(len(states)), self.draw.randrange(len(states) + 1))


class Diligent:
    """A mind that always has as many new thoughts as are wanted, all of them likely."""

    def __init__(self, propose: int) -> None:
        self.wanted, self.calls = propose, 0

    async def propose(self, state: State) -> list[tuple[str, bool]]:
        self.calls += 1
        return [(f"{self.calls}.{number}", False) for number in range(self.wanted)]

    async def value(self, state: State) -> Value | None:
        self.calls += 1
        return "likely"

    async def vote(self, states: Sequence[State]) -> list[int]:
        self.calls += 1
        return [*range(len(states))]


SHAPES = st.builds(
    Shape,
    breadth=st.integers(1, 4),
    depth=st.integers(1, 4),
    propose=st.integers(1, 4),
    first=st.just("breadth"),
    vote=st.booleans(),
    least=st.just(0.0),
    room=st.integers(1, 60),
) | st.builds(
    Shape,
    breadth=st.integers(1, 4),
    depth=st.integers(1, 4),
    propose=st.integers(1, 4),
    first=st.sampled_from(["breadth", "depth"]),
    vote=st.just(False),
    least=st.sampled_from([0.001, 1.0, 20.0]),
    room=st.integers(1, 60),
)


@given(shape=SHAPES, seed=st.integers())
async def test_no_mind_is_asked_more_often_than_was_reckoned(shape: Shape, seed: int) -> None:
    mind = Chance(seed)
    search = Search(shape, mind)
    found = await search.run()
    _, most = reckoned(shape)
    assert mind.calls == search.made <= min(most.calls, shape.room)
    assert len(found.thoughts) <= shape.depth
    assert found == ROOT or found in search.states
    if search.scores and not shape.vote and search.ending != "solved":
        assert search.scores[found.place] == max(search.scores.values())


@given(shape=SHAPES)
async def test_a_good_run_takes_just_the_calls_that_were_reckoned(shape: Shape) -> None:
    usual, most = reckoned(shape)
    mind = Diligent(shape.propose)
    search = Search(replace(shape, room=most.calls, least=min(shape.least, 1)), mind)
    found = await search.run()
    assert (mind.calls, search.ending) == (usual.calls, "solved")
    assert len(found.thoughts) == shape.depth


@given(shape=SHAPES, seed=st.integers())
async def test_the_same_answers_lead_the_same_way(shape: Shape, seed: int) -> None:
    first, second = Search(shape, Chance(seed)), Search(shape, Chance(seed))
    assert await first.run() == await second.run()
    assert first.scores == second.scores


async def test_a_level_keeps_its_best_and_of_equals_the_first() -> None:
    mind = Table({(): ["a", "b", "c"], ("b",): ["d"], ("a",): ["e"], ("c",): ["f"]}, {("b",): "sure"})
    search = Search(replace(WIDE, breadth=2), mind)
    found = await search.run()
    assert mind.asked == [
        "propose ",
        "value a",
        "value b",
        "value c",
        "propose b",
        "propose a",
        "value b/d",
        "value a/e",
    ]
    assert found.thoughts == ("b", "d")


async def test_a_thought_that_stands_there_twice_is_judged_once() -> None:
    mind = Table({(): ["Take 3", "take  3 ", "Take 4"], ("Take 3",): ["x"], ("Take 4",): ["y"]})
    search = Search(WIDE, mind)
    await search.run()
    assert [state.thoughts for state in search.states[:2]] == [("Take 3",), ("Take 4",)]
    assert [asked for asked in mind.asked if asked.startswith("value")][:2] == ["value Take 3", "value Take 4"]


async def test_the_same_thoughts_in_another_order_are_one_state() -> None:
    mind = Table({(): ["red", "blue"], ("red",): ["blue", "green"], ("blue",): ["red"]})
    search = Search(WIDE, mind)
    await search.run()
    assert "value red/blue" in mind.asked
    assert "value blue/red" not in mind.asked


async def test_a_thought_that_ends_the_search_is_not_thought_on() -> None:
    thoughts = {(): ["a", "b"], ("a",): ["c"], ("b",): ["d"]}
    mind = Table(thoughts, {("b",): "sure"}, done=frozenset("b"))
    assert (await Search(WIDE, mind).run()).thoughts == ("b",)
    assert mind.asked == ["propose ", "value a", "value b"]
    # One that is not the best waits, and the others go on beside it.
    mind = Table(thoughts, {("a",): "sure", ("a", "c"): "impossible"}, done=frozenset("b"))
    assert (await Search(WIDE, mind).run()).thoughts == ("b",)
    assert mind.asked == ["propose ", "value a", "value b", "propose a", "value a/c"]


async def test_depth_first_follows_the_best_and_goes_back() -> None:
    thoughts = {(): ["a", "b"], ("b",): ["c", "d"], ("a",): ["e"]}
    values: dict[tuple[str, ...], Value] = {("b",): "sure", ("b", "c"): "impossible", ("b", "d"): "impossible"}
    mind = Table(thoughts, values)
    search = Search(replace(WIDE, first="depth"), mind)
    assert (await search.run()).thoughts == ("a", "e")
    assert mind.asked == ["propose ", "value a", "value b", "propose b", "value b/c", "value b/d", "propose a",
        "value a/e"]  # fmt: skip
    assert search.ending == "solved"


@pytest.mark.parametrize("first", ["breadth", "depth"])
async def test_a_state_below_the_threshold_is_not_followed(first) -> None:
    mind = Table({(): ["a", "b"], ("a",): ["c"], ("b",): ["d"]}, {("b",): "sure", ("b", "d"): "sure"})
    assert (await Search(replace(WIDE, first=first, least=20), mind).run()).thoughts == ("b", "d")
    assert "propose a" not in mind.asked
    nowhere = Table(mind.thoughts, {("a",): "impossible", ("b",): "impossible"})
    search = Search(replace(WIDE, first=first), nowhere)
    assert ((await search.run()).thoughts, search.ending) == (("a",), "dead end")
    assert nowhere.asked == ["propose ", "value a", "value b"]


async def test_a_vote_asks_once_for_a_level_and_fills_up_with_the_first() -> None:
    mind = Table({(): ["a", "b", "c"], ("c",): ["d"], ("a",): ["e"]})
    search = Search(replace(WIDE, vote=True, breadth=2, least=0), mind)
    assert (await search.run()).thoughts == ("a", "e")
    assert mind.asked == ["propose ", "vote a b c", "propose c", "propose a", "vote c/d a/e"]


@pytest.mark.parametrize(("room", "asked"), [(5, 4), (6, 6), (7, 7), (8, 8), (12, 12), (16, 16)])
async def test_calls_that_run_out_leave_the_best_so_far(room: int, asked: int) -> None:
    mind = Diligent(3)
    search = Search(replace(WIDE, room=room), mind)
    found = await search.run()
    assert mind.calls == asked
    assert search.ending == ("solved" if room == 16 else "calls")
    assert len(found.thoughts) == (1 if room == 5 else 2)


class Failing(Table):
    """A table that is gone after so many calls."""

    def fail(self, after: int, error: Exception) -> Failing:
        self.after, self.error = after, error
        return self

    async def propose(self, state: State) -> list[tuple[str, bool]]:
        if len(self.asked) >= self.after:
            raise self.error
        return await super().propose(state)

    async def value(self, state: State) -> Value | None:
        if len(self.asked) >= self.after:
            raise self.error
        return await super().value(state)


@pytest.mark.parametrize("first", ["breadth", "depth"])
@pytest.mark.parametrize(("error", "ending"), [(ModelUnavailable("down"), "failure"), (OutOfCalls("all"), "calls")])
async def test_a_failure_leaves_the_best_of_what_was_judged(first, error: Exception, ending: str) -> None:
    for after, thoughts in [(1, ("a",)), (2, ("a",)), (3, ("b",)), (4, ("b",))]:
        mind = Failing({(): ["a", "b"], ("b",): ["c"]}, {("b",): "sure"}).fail(after, error)
        search = Search(replace(WIDE, first=first), mind)
        assert (await search.run()).thoughts == thoughts
        assert search.ending == ending


async def test_the_failure_of_the_first_call_is_raised() -> None:
    with pytest.raises(ModelUnavailable):
        await Search(WIDE, Failing({}).fail(0, ModelUnavailable("down"))).run()


@pytest.mark.parametrize("first", ["breadth", "depth"])
async def test_silence_leaves_what_there_is(first) -> None:
    search = Search(replace(WIDE, first=first), Table({}))
    assert (await search.run(), search.ending, search.made) == (ROOT, "silence", 1)
    later = Search(replace(WIDE, first=first), Table({(): ["a"]}))
    assert (await later.run()).thoughts == ("a",)
    assert later.ending == ("silence" if first == "breadth" else "dead end")
