"""The search of a tree of thoughts: which state is thought on next, which one is left, and when it ends.

It knows no model and no words: a `Mind` proposes and judges, and is asked so many times at most. Yao et al. 2023 (arXiv
2305.10601), algorithms 1 (breadth first) and 2 (depth first).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from ragstone.errors import ModelError, OutOfCalls
from ragstone.together import together

__all__ = ["ROOT", "SCORES", "Ending", "Mind", "Reckoning", "Search", "Shape", "State", "Value", "reckoned"]

Value: TypeAlias = Literal["sure", "likely", "impossible"]
Ending: TypeAlias = Literal["solved", "calls", "dead end", "silence", "failure"]

SCORES: dict[Value, float] = {"sure": 20.0, "likely": 1.0, "impossible": 0.001}
"""What a value counts, as in the code of the paper."""

LOWEST = SCORES["impossible"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a tree is searched; see `TreeOfThoughts`. `room` are the calls that it may take before the answer."""

    breadth: int
    depth: int
    propose: int
    first: Literal["breadth", "depth"]
    vote: bool
    least: float  # the score under which a state is not followed
    room: int


@dataclass(frozen=True, slots=True)
class State:
    """A partial solution: the thoughts that lead to it. `place` counts the states as they were proposed, from 1."""

    thoughts: tuple[str, ...] = ()
    done: bool = False
    place: int = 0


ROOT = State()


class Mind(Protocol):
    """What a search asks of a model, each a call. Raises a ModelError as a model does."""

    async def propose(self, state: State) -> Sequence[tuple[str, bool]]:
        """The next thoughts, and whether each is the last one; none where nothing could be read."""
        ...

    async def value(self, state: State) -> Value | None:
        """How likely a state leads to an answer; None where nothing could be read."""
        ...

    async def vote(self, states: Sequence[State]) -> Sequence[int]:
        """Which states are best, best first, by their places in the list; none where nothing could be read."""
        ...


# ── How many calls a search takes ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Reckoning:
    """The calls of a whole search that nothing cuts short."""

    proposals: int
    judgements: int

    @property
    def calls(self) -> int:
        """Both together."""
        return self.proposals + self.judgements


def reckoned(shape: Shape) -> tuple[Reckoning, Reckoning]:
    """The calls when all goes well, and the most.

    >>> wide = Shape(breadth=3, depth=2, propose=3, first="breadth", vote=False, least=1, room=19)
    >>> [each.calls for each in reckoned(wide)]
    [16, 16]
    >>> [each.calls for each in reckoned(replace(wide, first="depth"))]
    [8, 16]
    """
    if shape.first == "depth":
        children = min(shape.breadth, shape.propose)
        every = sum(children**level for level in range(shape.depth))
        return Reckoning(shape.depth, shape.depth * shape.propose), Reckoning(every, every * shape.propose)
    proposals, kept = 0, 1
    for _ in range(shape.depth):
        proposals += kept
        kept = min(shape.breadth, kept * shape.propose)
    votes = shape.depth if shape.propose > 1 else 0
    whole = Reckoning(proposals, votes if shape.vote else proposals * shape.propose)
    return whole, whole


# ── The search ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Search:
    """One search. `states` are all that were proposed, `scores` those that were judged, by their places."""

    shape: Shape
    mind: Mind
    made: int = 0  # calls
    states: list[State] = field(default_factory=list[State])
    scores: dict[int, float] = field(default_factory=dict[int, float])
    judged: int = 0  # judgements that were asked for
    unread: int = 0  # those of them that could not be read
    ending: Ending = "solved"
    failure: ModelError | None = None

    async def run(self) -> State:
        """The best state that was found, ROOT where there is none. `ending` says why the search ended.

        Raises the ModelError of the first call.
        """
        found: State | None = None
        try:
            found = await (self._deep() if self.shape.first == "depth" else self._broad())
        except OutOfCalls:
            self.ending = "calls"
        except ModelError as error:
            if self.made == 1:
                raise
            self.ending, self.failure = "failure", error
        return found or next(iter(self._ranked(self.states)), ROOT)

    async def _broad(self) -> State | None:
        """Level by level: of all the thoughts under the states that were kept, the best are kept."""
        kept = [ROOT]
        for level in range(1, self.shape.depth + 1):
            closed, waiting = [state for state in kept if state.done], [state for state in kept if not state.done]
            thought_on = waiting[: self._affordable(len(waiting))]
            if not thought_on:
                self.ending = "calls"
                return None
            found = await self._proposed(thought_on)
            complete = await self._judge([*closed, *found], level)
            if len(thought_on) < len(waiting) or not complete:
                self.ending = "calls"
                return None
            if not found and not closed:
                self.ending = "silence"
                return None
            kept = self._followed([*closed, *found])
            if not kept:
                self.ending = "dead end"
                return None
            if kept[0].done or all(state.done for state in kept):
                break
        return kept[0]

    async def _deep(self) -> State | None:
        """The best thought first, and the thoughts under it; back to the next one where none is good enough."""
        waiting = [ROOT]
        while waiting:
            state = waiting.pop()
            if state.done or len(state.thoughts) == self.shape.depth:
                return state
            if not self._affordable(1):
                self.ending = "calls"
                return None
            found = await self._proposed([state])
            await self._judge(found, len(state.thoughts) + 1)
            waiting += reversed(self._followed(found))
        self.ending = "dead end" if self.states else "silence"
        return None

    # ── Which states ─────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _room(self) -> int:
        return self.shape.room - self.made

    def _affordable(self, states: int) -> int:
        """How many of so many states can be thought on, with calls left to judge what comes of them."""
        if self.shape.vote:
            votes = int(self.shape.propose > 1)
            return min(states, max(self._room - votes, 0))
        if self._room < 2:
            return 0
        return min(states, max(self._room // (1 + self.shape.propose), 1))

    def _ranked(self, states: Iterable[State]) -> list[State]:
        """Those that were judged, or all where none was: the best first, of equals the one that was proposed first."""
        known = list(states)
        judged = [state for state in known if state.place in self.scores]

        def rank(state: State) -> tuple[float, bool, int, int]:
            return (-self.scores.get(state.place, 0), not state.done, -len(state.thoughts), state.place)

        return sorted(judged or known, key=rank)

    def _followed(self, states: Sequence[State]) -> list[State]:
        judged = [state for state in states if self.scores.get(state.place, 0) >= self.shape.least]
        return self._ranked(judged)[: self.shape.breadth]

    # ── What is asked ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _proposed(self, parents: Sequence[State]) -> list[State]:
        """The new states under these, side by side: without doubles, and without the same thoughts in another order."""
        self.made += len(parents)
        said = await together(self.mind.propose(parent) for parent in parents)
        known = {_folded(state.thoughts) for state in self.states}
        new: list[State] = []
        for parent, thoughts in zip(parents, said, strict=True):
            for thought, done in self._distinct(thoughts):
                path = (*parent.thoughts, thought)
                if _folded(path) not in known:
                    known.add(_folded(path))
                    new.append(State(path, done, len(self.states) + len(new) + 1))
        self.states += new
        return new

    def _distinct(self, thoughts: Iterable[tuple[str, bool]]) -> list[tuple[str, bool]]:
        """The first of those that are alike, as many as were asked for."""
        kept: dict[tuple[str, ...], tuple[str, bool]] = {}
        for thought, done in thoughts:
            kept.setdefault(_folded((thought,)), (thought, done))
        return list(kept.values())[: self.shape.propose]

    async def _judge(self, states: Sequence[State], level: int) -> bool:
        """Whether all of them were judged, for which there may be too few calls."""
        if self.shape.vote:
            return await self._vote(states, level)
        new = [state for state in states if state.place not in self.scores]
        asked = new[: max(self._room, 0)]
        self.made += len(asked)
        await together(self._value(state) for state in asked)
        return len(asked) == len(new)

    async def _value(self, state: State) -> None:
        value = await self.mind.value(state)
        self.judged += 1
        self.unread += value is None
        self.scores[state.place] = LOWEST if value is None else SCORES[value]

    async def _vote(self, states: Sequence[State], level: int) -> bool:
        """A vote puts all of its level above any level before."""
        picked: Sequence[int] = range(len(states))
        if len(states) > 1:
            if self._room < 1:
                return False
            self.made += 1
            picked = await self.mind.vote(states)
            self.judged += 1
            self.unread += not picked
        for state in states:
            self.scores[state.place] = level
        for rank, place in enumerate(picked):
            self.scores[states[place].place] = level + 1 / (rank + 2)
        return True


def _folded(thoughts: Sequence[str]) -> tuple[str, ...]:
    """The thoughts without case, blanks and order."""
    return tuple(sorted(" ".join(thought.split()).casefold() for thought in thoughts))
