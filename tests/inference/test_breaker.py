"""When a model is left alone, who tries it again, and what counts."""

from __future__ import annotations

import logging

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ragstone.errors import ModelResting
from ragstone.inference.breaker import FEWEST, LONGEST_REST, MEMORY, MOMENT, REST, SHARE, WINDOW, Breaker, Entry

SLOW = 5.0


class Clock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("local", clock=clock)


def fail(breaker: Breaker, times: int = FEWEST) -> None:
    for _ in range(times):
        breaker.note(breaker.enter(), worked=False)


def test_a_model_that_fails_half_of_the_time_is_left_alone(breaker: Breaker) -> None:
    for _ in range(FEWEST // 2):
        breaker.note(breaker.enter(), worked=True)
        assert breaker.state == "closed"
        breaker.note(breaker.enter(), worked=False)
    assert breaker.state == "open"
    with pytest.raises(ModelResting, match="local: it failed too often, and is left alone for 10 s") as caught:
        breaker.enter()
    assert caught.value.retry_after == REST


def test_few_calls_prove_nothing(breaker: Breaker) -> None:
    fail(breaker, FEWEST - 1)
    assert breaker.state == "closed"


def test_failures_fade(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, FEWEST - 1)
    clock.now += MEMORY + 1
    fail(breaker, 1)
    assert breaker.state == "closed"


def test_after_the_rest_one_call_alone_is_the_trial(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += REST
    assert breaker.state == "half open"
    trial = breaker.enter()
    with pytest.raises(ModelResting):
        breaker.enter()
    breaker.note(trial, worked=True)
    assert breaker.state == "closed"
    breaker.enter()


def test_each_trial_that_fails_doubles_the_rest(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    seen: list[float] = []
    for _ in range(6):
        seen.append(breaker.resting)
        clock.now += breaker.resting
        breaker.note(breaker.enter(), worked=False)
    assert seen == [10, 20, 40, 80, LONGEST_REST, LONGEST_REST]
    clock.now += breaker.resting
    breaker.note(breaker.enter(), worked=True)
    fail(breaker)
    assert breaker.resting == REST


def test_a_trial_that_is_cancelled_gives_the_right_to_try_back(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += REST
    breaker.leave(breaker.enter())
    assert breaker.enter().trial


def test_of_many_that_fail_together_one_opens_it_and_none_lengthens_the_rest(breaker: Breaker) -> None:
    entries = [breaker.enter() for _ in range(100)]
    for entry in entries:
        breaker.note(entry, worked=False)
    assert breaker.resting == REST


def test_a_call_from_before_decides_nothing_about_the_trial(breaker: Breaker, clock: Clock) -> None:
    worked, failed, left = (breaker.enter() for _ in range(3))
    fail(breaker)
    clock.now += REST
    trial = breaker.enter()
    breaker.note(worked, worked=True)
    breaker.note(failed, worked=False)
    breaker.leave(left)
    assert breaker.state == "half open"
    with pytest.raises(ModelResting):
        breaker.enter()
    breaker.note(trial, worked=True)
    assert breaker.state == "closed"


def test_slow_first_words_count_as_failures_where_that_is_set(clock: Clock) -> None:
    breaker = Breaker(slow=SLOW, clock=clock)
    for _ in range(FEWEST):
        breaker.note(breaker.enter(), worked=True, first=SLOW)
    for _ in range(FEWEST):
        assert breaker.state == "closed"
        breaker.note(breaker.enter(), worked=True, first=SLOW + 0.1)
    assert breaker.state == "open"
    clock.now += REST
    breaker.note(breaker.enter(), worked=True, first=SLOW + 0.1)
    assert breaker.resting == 2 * REST
    patient = Breaker(clock=clock)
    for _ in range(FEWEST):
        patient.note(patient.enter(), worked=True, first=1000.0)
    assert patient.state == "closed"


def test_a_wish_of_the_server_is_over_without_a_trial(breaker: Breaker, clock: Clock) -> None:
    breaker.rest(30)
    with pytest.raises(ModelResting, match="its server wants to be left alone for 30 s"):
        breaker.enter()
    breaker.rest(5)
    assert breaker.resting == 30
    clock.now += 30
    assert not breaker.enter().trial
    breaker.rest(100_000)
    assert breaker.resting == LONGEST_REST


def test_opening_and_closing_are_a_line_each_in_the_log(
    breaker: Breaker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fail(breaker)
    clock.now += REST
    breaker.note(breaker.enter(), worked=False)
    clock.now += 2 * REST
    breaker.note(breaker.enter(), worked=True)
    breaker.note(breaker.enter(), worked=False)
    assert [(record.name, record.levelname, record.message) for record in caplog.records] == [
        ("ragstone", "WARNING", "local: 10 of its last 10 calls failed, so it is left alone for 10 s"),
        ("ragstone", "WARNING", "local: its trial failed, so it is left alone for 20 s"),
        ("ragstone", "WARNING", "local: it answers again"),
    ]


class Machine(RuleBasedStateMachine):
    """The breaker beside a plain account of all that has happened."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker(slow=SLOW, clock=self.clock)
        self.calls: list[Entry] = []
        self.under_way: set[int] = set()  # calls, by their number
        self.current: set[int] = set()  # of them those let in since it last opened or closed
        self.history: list[tuple[float, bool]] = []  # since it last closed
        self.opened_until: float | None = None
        self.rest_seconds, self.asked_until = REST, 0.0

    @property
    def trials(self) -> set[int]:
        return set() if self.opened_until is None else self.current

    @property
    def expected(self) -> float:
        left = max(self.opened_until or 0.0, self.asked_until) - self.clock.now
        if left > 0:
            return left
        return MOMENT if self.trials else 0.0

    @rule(seconds=st.sampled_from([0.5, 1.0, REST, MEMORY / 4, MEMORY + 1]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(times=st.integers(1, 12))
    def a_call_begins(self, times: int) -> None:
        for _ in range(times):
            if self.expected:
                with pytest.raises(ModelResting):
                    self.breaker.enter()
                return
            entry = self.breaker.enter()
            assert entry.trial == (self.opened_until is not None)
            self.under_way.add(len(self.calls))
            self.current.add(len(self.calls))
            self.calls.append(entry)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), worked=st.booleans(), first=st.sampled_from([None, 0.1, SLOW, SLOW + 1]))
    def a_call_ends(self, data: st.DataObject, worked: bool, first: float | None) -> None:
        self.ends(data.draw(st.sampled_from(sorted(self.under_way))), worked=worked, first=first)

    @rule(worked=st.booleans())
    def all_calls_end(self, worked: bool) -> None:
        for call in sorted(self.under_way):
            self.ends(call, worked=worked, first=None)

    def ends(self, call: int, *, worked: bool, first: float | None) -> None:
        self.under_way.remove(call)
        self.breaker.note(self.calls[call], worked=worked, first=first)
        if call not in self.current:
            return
        self.current.remove(call)
        bad = not worked or (first or 0) > SLOW
        if self.opened_until is not None:
            if bad:
                self.rest_seconds = min(2 * self.rest_seconds, LONGEST_REST)
                self.opens()
            else:
                self.opened_until, self.rest_seconds = None, REST
                self.history, self.current = [], set()
            return
        self.history.append((self.clock.now, bad))
        recent = [bad for at, bad in self.history[-WINDOW:] if self.clock.now - at <= MEMORY]
        if len(recent) >= FEWEST and sum(recent) / len(recent) >= SHARE:
            self.opens()

    def opens(self) -> None:
        self.opened_until, self.current = self.clock.now + self.rest_seconds, set()

    @rule(late=st.booleans())
    def it_fails_for_all(self, late: bool) -> None:
        """Many calls that began together fail; with `late` some of them end only after that."""
        self.a_call_begins(FEWEST + 3)
        for call in sorted(self.under_way)[: -3 if late else None]:
            self.ends(call, worked=False, first=None)

    @rule()
    def it_rests(self) -> None:
        self.time_passes(self.expected)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def a_call_is_cancelled(self, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from(sorted(self.under_way)))
        self.under_way.remove(call)
        self.breaker.leave(self.calls[call])
        self.current.discard(call)

    @rule(seconds=st.sampled_from([1.0, 15.0, 1000.0]))
    def the_server_asks_for_a_rest(self, seconds: float) -> None:
        self.breaker.rest(seconds)
        self.asked_until = max(self.asked_until, self.clock.now + min(seconds, LONGEST_REST))

    @invariant()
    def both_agree(self) -> None:
        assert self.breaker.resting == pytest.approx(self.expected)
        assert len(self.trials) <= 1
        refusal = self.breaker.refusal
        assert (refusal is not None) == bool(self.expected)
        if self.expected == 0:
            assert self.breaker.state == ("closed" if self.opened_until is None else "half open")


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
